"""All plug folders by kind; with testing the only place where a plug is looked up by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from p5rec.contracts import KINDS
from p5rec.core.config import Config, build
from p5rec.core.errors import InputError
from p5rec.core.plugins import Folder
from p5rec.data import template as templates

PROMPTS = "prompts"  # families of templates, beside the folders of plugs
FOLDERS: dict[str, Folder] = {kind: Folder(kind, package, base) for kind, (package, base) in KINDS.items()}


@dataclass(frozen=True)
class Chosen:
    """A plug and its settings, ready to be built.

    Attributes:
        name: the plug's file name.
        plug: its class.
        config: its own configuration.
    """

    name: str
    plug: type[Any]
    config: Config

    def make(self, *args: Any) -> Any:
        """Build the plug: its configuration first, then what its kind takes."""
        return self.plug(self.config, *args)


def use_own(folder: Path) -> None:
    """Add a folder of the user's plugs: ``folder/KIND/NAME.py`` (e.g. ``model/mine.py``), ``folder/prompts/NAME.toml``.

    Raises:
        InputError: the folder is missing or holds no folder named after a kind of plug.
    """
    found = [kind for kind in FOLDERS if (folder / kind).is_dir()]
    prompts = folder / PROMPTS
    if not found and not prompts.is_dir():
        kinds = ", ".join([*FOLDERS, PROMPTS])
        raise InputError(f"plugs: {folder} holds no folder of plugs; expected one of {kinds} inside it")
    if prompts.is_dir() and prompts not in templates.OWN:
        templates.OWN.insert(0, prompts)
    for kind in found:
        if folder / kind not in FOLDERS[kind].own:
            FOLDERS[kind].own.append(folder / kind)


def choose(kind: str, entry: str | Mapping[str, Any], where: str) -> Chosen:
    """Resolve a page entry: a plug's name, or a table with ``name`` and the plug's settings.

    Raises:
        InputError: there is no such plug, or its settings are wrong; each fault begins with its path.
    """
    if not isinstance(entry, str | Mapping):
        raise InputError(f"{where}: found {entry!r}, expected the name of a {kind}, or a table with its name")
    settings = {"name": entry} if isinstance(entry, str) else dict(entry)
    name = settings.pop("name", None)
    if not isinstance(name, str):
        raise InputError(f"{where}: a table for a {kind} needs a name, e.g. name = {FOLDERS[kind].offered()[0]!r}")
    try:
        plug = FOLDERS[kind].load(name)
    except InputError as error:
        raise InputError([f"{where}: {fault}" for fault in error.faults]) from None
    return Chosen(name, plug, build(plug.Config, settings, where))


def own_code(chosen: Iterable[tuple[str, str]], *kinds: str) -> list[str]:
    """The text of the user's own files of some kinds, on which what was made of them depends."""
    return [path.read_text(encoding="utf-8") for path in own_files(chosen) if path.parent.name in kinds]


def own_files(chosen: Iterable[tuple[str, str]]) -> list[Path]:
    """The user's files behind (kind, name) pairs, and all families of prompts, so that an artifact can keep them."""
    code = {path for kind, name in chosen if (path := FOLDERS[kind].origin(name)) is not None}
    return sorted(code | {path for path in templates.families().values() if path.parent in templates.OWN})
