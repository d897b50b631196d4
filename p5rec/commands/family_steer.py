"""Whether words steer a ranking: a category asked for, and one that is not wanted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from p5rec.commands.family_exam import Exam, before, exam
from p5rec.commands.family_marks import Mean, mean, ranked
from p5rec.contracts import Dataset, Queries, Truth
from p5rec.core import seed as seeds
from p5rec.core.config import Config
from p5rec.core.things import Kind
from p5rec.data.fields import Fields
from p5rec.data.knowledge import Knowledge
from p5rec.data.prompt import Segment
from p5rec.data.ragged import Ragged
from p5rec.data.template import Template
from p5rec.evaluation.evaluate import Measured
from p5rec.evaluation.families import FamilyRow

TOP = 10
ENOUGH = 3 * TOP  # trained items of a category, so that its share can reach one


class Odds(Mean):
    """Odds of a share with words, by the odds without; a half list stands for none of either."""

    bounds = (0.0, float("inf"))

    def reduce(self, stats: np.ndarray) -> float:
        """Of the sums of (Q, 2) shares, with words and without."""
        if not len(stats):
            return float("nan")
        with_words, without = (np.clip(stats.mean(0), 0.5 / (TOP * len(stats)), 1 - 0.5 / (TOP * len(stats)))).tolist()
        return float(with_words / (1 - with_words) / (without / (1 - without)))


def steered(room: Any) -> Iterator[FamilyRow]:
    """Rows: the share of X in the top ten with "X", "not X" and neither; categories closed in training apart."""
    wordings = {name: _wording(room.templates, name) for name in ("category", "absent")}
    closed = np.isin(room.knowledge.names, room.config.closed)
    for apart, name in ((~closed, ""), (closed, ", held out of training")):
        able = np.flatnonzero(apart & (_counts(room.knowledge) >= ENOUGH))
        if len(able) and wordings["category"] and len(room.events):
            yield from _rows(room, wordings, able, name)
    if wordings["category"]:
        yield from _named(room, wordings["category"])
    yield from _newer(room)


def _rows(room: Any, wordings: dict[str, Template | None], able: np.ndarray, name: str) -> Iterator[FamilyRow]:
    """A category drawn for each event, whatever came next."""
    drawn = seeds.rng(room.seed, "steer", name).choice(able, len(room.events))
    bare = before(room.dataset, room.events)
    truth = Truth(bare.history, bare.history)
    shares = {"no words": _shares(room, bare, drawn)}
    for hole, said in (("category", "X in words"), ("absent", "not X in words")):
        if (wording := wordings[hole]) is not None:
            shares[said] = _shares(room, _told(room, bare, wording, hole, drawn), drawn)
    for said, share in shares.items():
        parts = {"": mean("share_of_x@10", share, truth, room.dataset)}
        if said != "no words":
            parts["of_x_"] = _odds(share, shares["no words"], truth, room.dataset)
        yield room.row(said + name, parts)


def _newer(room: Any) -> Iterator[FamilyRow]:
    """The share of the top ten that is newer than A, with "like A but newer" and with "like A"."""
    found = ((name, _wording(room.templates, name)) for name in ("alike", "older"))
    wordings = [(hole, wording) for hole, wording in found if wording is not None]
    ages, events = room.knowledge.ages, room.events
    if len(wordings) < 2 or ages is None or not room.knowledge.able("older") or not len(events):
        return
    bare = before(room.dataset, events)
    rng = seeds.rng(room.seed, "steer newer")
    older = Fields(room.knowledge, bare, events.items, events.places, rng).segment("older")
    there = np.flatnonzero(older.rows.lengths)
    if not len(there):
        return
    events, old, asked = events.rows(there), older.rows.values[older.rows.starts[there]], None
    bare = before(room.dataset, events)
    given = Segment(Kind.ITEM, Ragged.table(old[:, None]))
    for hole, wording in wordings:
        fields = Fields(room.knowledge, bare, events.items, events.places, rng, {hole: given})
        lists = room.ranker(replace(bare, prompt=wording.render(fields, asked=False)), TOP).items
        newer = ((ages[np.maximum(lists, 0)] > ages[old][:, None]) & (lists >= 0)).mean(1)
        parts = {"": mean("share_newer@10", newer, Truth(bare.history, bare.history), room.dataset)}
        yield room.row("like A" if hole == "alike" else "like A but newer", parts, asked)
        asked = parts


def _odds(share: np.ndarray, without: np.ndarray, truth: Truth, dataset: Dataset) -> Measured:
    metric, stats = Odds(Config(), dataset), np.stack([share, without], axis=1)
    return Measured({"odds_ratio": metric}, {"odds_ratio": stats}, {"odds_ratio": metric.reduce(stats)}, truth, None, 0)


def _told(room: Any, bare: Queries, wording: Template, hole: str, drawn: np.ndarray) -> Queries:
    """The same queries with a category in words."""
    words = Segment(Kind.WORD, room.knowledge.spoken_names.rows(drawn))
    rng = seeds.rng(room.seed, "steer fields")
    fields = Fields(room.knowledge, bare, room.events.items, room.events.places, rng, {hole: words})
    return replace(bare, prompt=wording.render(fields, asked=False))


def _shares(room: Any, queries: Queries, drawn: np.ndarray) -> np.ndarray:
    """(Q,) share of the category among the first ten."""
    lists = room.ranker(queries, TOP).items
    has = np.zeros((room.dataset.n_items, len(room.knowledge.names)), dtype=bool)
    has[room.knowledge.categories.flat()] = True
    return np.asarray((has[np.maximum(lists, 0), drawn[:, None]] & (lists >= 0)).mean(1))


def _named(room: Any, wording: Template) -> Iterator[FamilyRow]:
    """Events whose next item has X, ranked with "X" in words and without."""
    asked: Exam = exam(room.knowledge, [wording], room.able_events([wording]), room.seed)
    if not len(asked.events):
        return
    from_words = {"named_": ranked(room.ranker, asked, room.judges(asked))}
    without = replace(asked, queries=asked.bare)
    yield room.row("X of the next item in words", from_words)
    yield room.row(
        "X of the next item, no words", {"named_": ranked(room.ranker, without, room.judges(asked))}, from_words
    )


def _wording(wordings: list[Template], hole: str) -> Template | None:
    """The first wording for training that tells this constraint alone."""
    fits = [one for one in wordings if one.names == {"history", hole, "item"}]
    return min(fits, key=lambda one: one.held_out, default=None)


def _counts(knowledge: Knowledge) -> np.ndarray:
    """(K,) trained items of each category."""
    chosen = knowledge.categories.rows(knowledge.trained).flat()[1]
    return np.bincount(chosen, minlength=len(knowledge.names))
