"""Folder law: every file of a plug folder is one plug, named as in the page; its Config lists its parameters."""

import inspect

import pytest
from house import ROOT

from p5rec.contracts import KINDS
from p5rec.core.config import Config
from p5rec.core.plugins import Folder

FOLDERS = {kind: Folder(kind, package, base) for kind, (package, base) in KINDS.items()}
PLUGS = [(kind, name) for kind, folder in FOLDERS.items() for name in folder.names()]


@pytest.mark.parametrize(("kind", "name"), PLUGS, ids=lambda part: part)
def test_a_file_is_one_plug(kind: str, name: str) -> None:
    plug = FOLDERS[kind].load(name)
    assert issubclass(plug, KINDS[kind][1])
    assert not inspect.isabstract(plug), f"{kind} {name} leaves open: {sorted(plug.__abstractmethods__)}"
    assert inspect.getdoc(plug), f"{kind} {name} does not say what it is"


@pytest.mark.parametrize(("kind", "name"), PLUGS, ids=lambda part: part)
def test_every_parameter_is_described_once(kind: str, name: str) -> None:
    config = FOLDERS[kind].load(name).Config
    assert issubclass(config, Config)
    for field, info in config.model_fields.items():
        assert info.description, f"{kind} {name}: {field} has no description"


@pytest.mark.parametrize(("kind", "name"), PLUGS, ids=lambda part: part)
def test_parameters_are_plain_values(kind: str, name: str) -> None:
    """A page is TOML and an artifact keeps it as JSON, so a configuration must survive both."""
    config = FOLDERS[kind].load(name).Config
    if any(info.is_required() for info in config.model_fields.values()):
        return
    values = config().model_dump(mode="json")
    assert config.model_validate(values) == config()


def test_a_page_word_means_one_kind() -> None:
    assert len({package for package, _ in KINDS.values()}) == len(KINDS)


def test_no_two_test_files_share_a_name() -> None:
    """Test folders are no packages, so a name that stands twice stops the whole suite."""
    names = [path.name for path in (ROOT / "tests").rglob("*.py") if path.name != "conftest.py"]
    assert not {name for name in names if names.count(name) > 1}
