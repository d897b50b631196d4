"""Templates: the wordings of a task as data, read from TOML, and how they become prompts."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

from pydantic import Field

from p5rec.core.config import Config, build, read_toml
from p5rec.core.errors import InputError, nearest
from p5rec.data.fields import NAMES, Fields, kind_of
from p5rec.data.prompt import Prompts

HOLE = re.compile(r"\{([^{}]*)\}")
ANSWER_WORDS = ("yes", "no", "good", "bad")
OWN: list[Path] = []  # folders of the user's own families, searched first


class TemplateSection(Config):
    """One wording of a family."""

    prompt: str = Field(min_length=1, description="what is read: words and {placeholders}")
    answer: str = Field(min_length=3, description="what is asked for: one {placeholder}")
    held_out: bool = Field(False, description="never trained on: for tests of wordings nobody has seen")


class FamilySection(Config):
    """The wordings of one family of tasks."""

    template: list[TemplateSection] = Field(min_length=1, description="the wordings")


@dataclass(frozen=True)
class Template:
    """One wording.

    Attributes:
        parts: words, and names of placeholders (True), in the order of the prompt.
        answer: the placeholder that is asked for.
        held_out: it is for tests only.
        text: as it was written.
    """

    parts: tuple[tuple[str, bool], ...]
    answer: str
    held_out: bool = False
    text: str = field(default="", compare=False)

    @property
    def names(self) -> frozenset[str]:
        """All placeholders."""
        return frozenset({name for name, hole in self.parts if hole} | {self.answer})

    def render(self, fields: Fields, asked: bool = True) -> Prompts:
        """The prompts of N events, with the answers behind them where they are asked for."""
        segments = [fields.segment(text) if hole else fields.words(text) for text, hole in self.parts]
        return Prompts.laid([*segments, fields.segment(self.answer, asked=True)] if asked else segments)

    @property
    def words(self) -> str:
        """The words between the placeholders."""
        return " ".join(text for text, hole in self.parts if not hole)


def parsed(prompt: str, answer: str = "{item}", held_out: bool = False, where: str = "prompt") -> Template:
    """A template out of its text.

    Raises:
        InputError: a placeholder is unknown, or the answer is none: all faults together.
    """
    pieces = HOLE.split(prompt)
    parts = tuple((piece.strip(), bool(n % 2)) for n, piece in enumerate(pieces) if n % 2 or piece.strip())
    asked = HOLE.fullmatch(answer.strip())
    faults: list[str] = (
        [f"{where}: the answer is {answer!r}, expected one placeholder such as {{item}}"] if not asked else []
    )
    names = [name for name, hole in parts if hole] + ([asked[1]] if asked else [])
    for name in names:
        if not _known(name):
            faults.append(f"{where}: there is no placeholder {{{name}}}; {nearest(name, NAMES)}")
    if asked and any(hole and name == asked[1] for name, hole in parts):
        faults.append(f"{where}: the answer {answer} stands in the prompt already; leave it out there")
    if asked and _known(asked[1]) and kind_of(asked[1]) is None:
        faults.append(f"{where}: {answer} cannot be asked for; expected an item, a number or words")
    if faults:
        raise InputError(faults)
    assert asked
    return Template(parts, asked[1], held_out, prompt)


def _known(name: str) -> bool:
    return name in NAMES or name.startswith("item.")


def read(path: Path) -> list[Template]:
    """The templates of one family.

    Raises:
        InputError: all faults of the file together.
    """
    section = build(FamilySection, read_toml(path), str(path))
    found: list[Template] = []
    faults: list[str] = []
    for number, one in enumerate(section.template, 1):
        try:
            found.append(parsed(one.prompt, one.answer, one.held_out, f"{path.name}, template {number}"))
        except InputError as error:
            faults.extend(error.faults)
    if faults:
        raise InputError(faults)
    return found


def families() -> dict[str, Path]:
    """Family → its file; a file of the user's own stands in for one that ships."""
    shipped = Path(str(resources.files("p5rec") / "prompts"))
    return {path.stem: path for folder in (shipped, *reversed(OWN)) for path in sorted(folder.glob("*.toml"))}


def family(name: str) -> list[Template]:
    """The templates of a family by name.

    Raises:
        InputError: there is no such family, or its file has faults.
    """
    known = families()
    if name not in known:
        raise InputError(f"there is no family of prompts called {name!r}; {nearest(name, known)}")
    return read(known[name])


def spoken() -> list[str]:
    """The words of all templates, which a vocabulary must know, and those of the answers."""
    return [one.words for name in families() for one in family(name)] + list(ANSWER_WORDS)
