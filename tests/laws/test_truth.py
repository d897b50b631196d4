"""Truth law: a number in a document comes from a command that stands beside it."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from house import ROOT

COMMAND = re.compile(r"`[^`]*\b(make|p5rec|python|pytest|flock)\b[^`]*`|^\s*(\$ )?(make|p5rec|python|pytest) \S+", re.M)
DOCUMENTS = sorted(
    path
    for place in ("README.md", "LOG.md", "docs/**/*.md", "benchmarks/**/*.md", "examples/**/*.md")
    for path in ROOT.glob(place)
)


def sections(text: str) -> Iterator[str]:
    """The text of each heading up to the next, each below the sections that hold it."""
    above: list[tuple[int, str]] = []
    for part in re.split(r"^(?=#{1,6} )", text, flags=re.M):
        level = len(part) - len(part.lstrip("#")) if part.startswith("#") else 0
        above = [(depth, held) for depth, held in above if depth < level] + [(level, part)]
        yield "\n".join(held for _, held in above)


def measured(section: str) -> list[str]:
    """Rows of tables that bear measured numbers: a decimal fraction, a percentage or a number with a unit."""
    own = re.split(r"^(?=#{1,6} )", section, flags=re.M)[-1]
    number = re.compile(r"(?<![\w.])\d*\.\d+|\d\s?(%|s|ms|MB|GB|x|×)(?!\w)")
    return [line for line in own.splitlines() if line.lstrip().startswith("|") and number.search(line)]


def unproven(text: str) -> list[str]:
    return [rows[0] for section in sections(text) if (rows := measured(section)) and not COMMAND.search(section)]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_table_has_its_command(path: Path) -> None:
    assert not unproven(path.read_text(encoding="utf-8")), "a table of numbers without the command that makes it"


@pytest.mark.parametrize("path", [p for p in DOCUMENTS if "benchmarks/results" in str(p)], ids=lambda path: path.name)
def test_a_benchmark_has_its_command_date_and_commit(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert COMMAND.search(text), "no command"
    assert re.search(r"\b20\d\d-\d\d-\d\d\b", text), "no date"
    assert re.search(r"\b[0-9a-f]{7,40}\b", text), "no commit"


def test_the_law_sees_a_bare_table() -> None:
    bare = "# Speed\n\n| model | NDCG@10 |\n|---|---|\n| ease | .0519 |\n"
    assert unproven(bare) == ["| ease | .0519 |"]
    assert not unproven(bare.replace("# Speed", "# Speed\n\n`make bench` prints:"))
    assert not unproven("# Names\n\n| model | file |\n|---|---|\n| ease | ease.py |\n")
