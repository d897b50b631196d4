"""Prompts out of words and things that are given, rather than looked up of an event: what people ask of a model."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from p5rec.core.errors import InputError, nearest
from p5rec.core.things import Kind
from p5rec.data.prompt import Prompts, Segment
from p5rec.data.queries import Queries
from p5rec.data.ragged import Ragged
from p5rec.data.template import HOLE
from p5rec.data.words import Words

PLACEHOLDERS = ("user", "history", "item", "candidates")  # in this order in front, where the words lack them
Parts = tuple[tuple[str, bool], ...]  # words, and names of placeholders (True)


def parts(prompt: str, told: Collection[str], able: Collection[str]) -> Parts:
    """A free prompt in its parts; what is told and has no placeholder stands in front.

    Args:
        prompt: words and ``{user}``, ``{history}``, ``{item}``, ``{candidates}``.
        told: placeholders that were given a value.
        able: those that have a value if they are named (a user's own history, say).

    Raises:
        InputError: a placeholder is unknown, or has no value: all faults together.
    """
    pieces = HOLE.split(prompt)
    found = tuple((piece.strip(), bool(n % 2)) for n, piece in enumerate(pieces) if n % 2 or piece.strip())
    named = {name for name, hole in found if hole}
    faults = [
        f"prompt: there is no placeholder {{{name}}}; {nearest(name, PLACEHOLDERS)}"
        if name not in PLACEHOLDERS
        else f"prompt: it names {{{name}}}, and no {name} is given"
        for name in sorted(named - set(able))
    ]
    if faults:
        raise InputError(faults)
    return (*((name, True) for name in PLACEHOLDERS if name in told and name not in named), *found)


def laid(queries: Queries, row: int, shape: Parts, words: Words, item: int, spoken: Mapping[str, str]) -> Prompts:
    """The prompt of one query.

    Args:
        queries: of which user, history and candidates are told.
        row: the query.
        shape: its parts.
        words: the vocabulary.
        item: number of the item that is told.
        spoken: further placeholders, which stand for words (a feature).
    """

    def segment(text: str, hole: bool) -> Segment:
        if not hole or text in spoken:
            return Segment(Kind.WORD, words.encode([spoken[text] if hole else text]))
        if text == "history":
            return Segment(Kind.ITEM, queries.history.rows(slice(row, row + 1)), history=True)
        if text == "user":
            return Segment(Kind.USER, Ragged.of([[int(queries.users[row])]]))
        if text == "candidates":
            return Segment(Kind.ITEM, Ragged.of([[] if queries.candidates is None else queries.candidates[row]]))
        return Segment(Kind.ITEM, Ragged.of([[item]]))

    return Prompts.laid([segment(text, hole) for text, hole in shape])


def instructed(queries: Queries, instructions: Sequence[str], words: Words) -> Queries:
    """The same queries with words behind each history."""
    history = Segment(Kind.ITEM, queries.history, history=True)
    return replace(queries, prompt=Prompts.laid([history, Segment(Kind.WORD, words.encode(list(instructions)))]))
