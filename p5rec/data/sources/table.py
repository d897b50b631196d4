"""Any table: CSV, TSV, Parquet or JSON lines, gzipped or not, one file, a folder or a glob."""

from __future__ import annotations

from p5rec.data.events import Tables
from p5rec.data.stages import Source
from p5rec.data.tables import TableOptions, opened_tables


class Table(Source):
    """Columns are recognised by their names and values; the configuration or a schema file overrides."""

    class Config(TableOptions):
        """Files and columns."""

    config: Config

    def read(self) -> Tables:
        """Lazy tables; see `Source.read`."""
        return opened_tables(self.config, "table")
