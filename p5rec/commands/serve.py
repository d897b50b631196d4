"""Serve a finished run over HTTP."""

from __future__ import annotations

from pathlib import Path

from p5rec.commands.made import STORE
from p5rec.commands.recommender import Recommender
from p5rec.core.errors import MissingExtra


def run(folder: Path, host: str, port: int, store: Path | None) -> None:
    """Open the run, and answer until told to stop; live events are kept in ``folder/store`` unless `store` is given.

    Raises:
        InputError: the folder is not a finished run, or the web packages are not installed.
        P5Error: the address cannot be listened on.
    """
    try:
        from p5rec.serving.run import serve
    except ModuleNotFoundError as error:
        raise MissingExtra(str(error.name), "serve", "p5rec serve") from None
    recommender = Recommender.load(folder)
    serve(recommender.service(recommender.open_store(store or folder / STORE)), host, port)
