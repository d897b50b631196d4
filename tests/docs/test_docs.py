"""Every example in the README and the docs is executed: Python as it stands, commands as typed, pages resolved.

Training is cut to two steps; the web service has tests of its own; what installs or builds is not run here.
"""

import os
import re
import runpy
import shlex
import sys
import tomllib
from pathlib import Path

import pytest

from p5rec import cli
from p5rec.commands import page as pages
from p5rec.commands import run as stage
from p5rec.commands.page import resolve

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NOT_HERE = ("make ", "pip ", "p5rec serve ", "git ")


def blocks(path: Path) -> list[tuple[str, str]]:
    """(language, text) of the examples of a page."""
    return [(found[1], found[2]) for found in BLOCK.finditer(path.read_text(encoding="utf-8"))]


def command(line: str) -> None:
    """Run one line as typed; a command that fails fails the test."""
    words = shlex.split(line)
    if words[0] == "python":
        old, sys.argv = sys.argv, [str(ROOT / words[1]), *words[2:]]
        try:
            runpy.run_path(sys.argv[0], run_name="__main__")
        finally:
            sys.argv = old
        return
    assert words[0] == "p5rec", f"what to do with: {line}"
    old, sys.argv = sys.argv, words
    try:
        cli.main()
    finally:
        sys.argv = old


@pytest.fixture
def quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in with the shop's log, and training cut to two steps."""
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(ROOT / "examples/shop/make.py"))["write"](tmp_path / "shop", users=150)
    (tmp_path / "runs").mkdir()
    whole = stage._make

    def short(page: pages.Page, *others: object) -> object:
        values = {**page.values, "model": {n: dict(e) for n, e in page.values.get("model", {}).items()}}
        for name, entry in page.models.items():
            if entry.tasks:
                values["model"][name]["train"] = {**values["model"][name].get("train", {}), "steps": 2}
        values["evaluate"] = {**values.get("evaluate", {}), "bootstrap": 100}
        return whole(resolve(values), *others)

    monkeypatch.setattr(stage, "_make", short)
    return tmp_path


@pytest.mark.parametrize("path", PAGES, ids=[path.stem for path in PAGES])
def test_every_example_runs(path: Path, quick: Path, capsys: pytest.CaptureFixture[str]):
    names: dict[str, object] = {}
    os.environ.pop("P5REC_CACHE", None)
    for language, text in blocks(path):
        if language == "python":
            exec(compile(text, str(path), "exec"), names)
        elif language == "toml":
            assert resolve(tomllib.loads(text)).source.name
        elif language == "sh":
            for line in text.splitlines():
                if not line.startswith(NOT_HERE):
                    command(line)
                    shop_again(quick)


def shop_again(folder: Path) -> None:
    """Keep the small log where an example has just made the large one."""
    runpy.run_path(str(ROOT / "examples/shop/make.py"))["write"](folder / "shop", users=150)


def test_links_between_pages_lead_somewhere():
    for path in PAGES:
        for target in re.findall(r"\]\(([^)#:]+)\)", path.read_text(encoding="utf-8")):
            assert (path.parent / target).exists(), f"{path.name} links to {target}"


def test_every_command_that_is_named_exists():
    verbs = {command.name or command.callback.__name__ for command in cli.app.registered_commands}
    for path in PAGES:
        named = re.findall(r"`p5rec ([a-z-]+)\b", path.read_text(encoding="utf-8"))
        typed = [line.split()[1] for kind, text in blocks(path) if kind == "sh" for line in text.splitlines()
                 if line.startswith("p5rec ")]  # fmt: skip
        assert set(named) | set(typed) <= verbs, path.name
