"""A finished run, opened: answers in raw ids, for users known and new."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import polars as pl

from p5rec.blocks.sharing import sharing
from p5rec.commands import assemble, newcomers
from p5rec.commands.folders import choose
from p5rec.commands.made import finished, opened
from p5rec.commands.page import Page
from p5rec.commands.prompting import speaker
from p5rec.contracts import Grows, ItemLists, Model, Responder, Store
from p5rec.core.errors import InputError, nearest
from p5rec.core.progress import say
from p5rec.data import storage
from p5rec.data.answers import NOTHING
from p5rec.data.dataset import Dataset
from p5rec.data.queries import UNKNOWN, Queries
from p5rec.serving.answer import Added, Explanation, Reply
from p5rec.serving.engine import Speaker
from p5rec.serving.notes import of_new_items
from p5rec.serving.prompting import Prompt
from p5rec.serving.questions import Ground, Question, pasts, queries
from p5rec.serving.service import Service


class Recommender:
    """What ``p5rec.load(DIR)`` gives.

    Attributes:
        page, dataset: what made it.
        models: finished models by name.
        learned: weights of fitted responders by name.
        facts: of the artifact's marker; ``version`` changes with every change of what it answers.
        folder: of the run, where items that join are kept; None keeps them in memory.
    """

    def __init__(
        self,
        page: Page,
        dataset: Dataset,
        models: Mapping[str, Model],
        learned: Mapping[str, Any],
        facts: Mapping[str, Any],
        folder: Path | None = None,
        before: Dataset | None = None,
    ) -> None:
        self.page, self.dataset, self.models, self.learned, self.facts = page, dataset, models, learned, facts
        self.folder, self._before = folder, before or dataset  # `before` items joined
        self._bare = assemble.responders(page, dataset, models, learned, self._before)

    @classmethod
    def load(cls, folder: str | Path) -> Recommender:
        """Open the folder of a finished run; items that joined since are in it.

        Raises:
            InputError: the folder is missing, unfinished, or of a later format.
        """
        made, facts = opened(Path(folder), chosen=False)
        opening = cls(made.page, made.served, finished(made.final), made.learned, facts, Path(folder))
        return opening.with_items(newcomers.kept(opening.dataset, made.page, Path(folder)))

    def responder(self, name: str | None = None) -> Responder:
        """A ranker by name (the serving one by default), with the page's fallback behind it.

        Raises:
            InputError: there is no such model or responder.
        """
        name = name or str(self.facts["serves"])
        if name not in self._bare:
            raise InputError(f"there is no model or responder {name!r} in this run; {nearest(name, self._bare)}")
        return assemble.served(self.page, self.dataset, self._bare, name)

    # ------------------------------------------------------------ frames, for many users at once

    def recommend(
        self,
        users: Sequence[str] | None = None,
        histories: Sequence[Sequence[str]] | None = None,
        k: int = 10,
        candidates: Sequence[str] | None = None,
        exclude: Sequence[str] | None = None,
        responder: str | None = None,
        frame: str = "polars",
        instruction: str = "",
    ) -> Any:
        """A frame (user_id or history, rank, item_id, score, title, because) of k items for each.

        Args:
            users: raw user ids; a user never seen gets the fallback's answer.
            histories: or raw item ids, oldest first, one list each.
            k: items each.
            candidates: raw ids that may be answered; the whole catalogue by default.
            exclude: raw ids that must not be.
            responder: name of a model or responder of the run; the serving one by default.
            frame: "polars" or "pandas".
            instruction: words that steer ("something from Comedy"), read by models that were trained to.

        Raises:
            InputError: neither or both of users and histories; candidates of which none is known.
        """
        ranker = self.responder(responder)
        steered = bool(instruction) and self.speaker(responder).steered
        if instruction and not steered:
            say("the instruction was not read: what answers here reads no instructions; p5 does, trained on 'instruct'")
        asked = self.queries(users, histories, candidates, exclude, instruction if steered else "")
        lists = ranker(asked, k)
        assert isinstance(lists, ItemLists)
        because = ranker.because(asked, lists)
        names = pl.Series(list(users)) if users is not None else pl.Series(range(len(asked)))
        table = self._table("user_id" if users is not None else "history", names, lists, "item_id")
        why = because[lists.items != NOTHING]
        keys = [self.dataset.items.key(int(one)) if one != NOTHING else None for one in why]
        return as_frame(table.with_columns(pl.Series("because", keys, dtype=pl.String)), frame)

    def similar(self, items: Sequence[str], k: int = 10, responder: str | None = None, frame: str = "polars") -> Any:
        """A frame (item_id, rank, similar_id, score, title) of the k items most like each.

        Raises:
            InputError: an item is unknown.
        """
        numbers = self.dataset.items.numbers([str(item) for item in items])
        if unknown := [item for item, number in zip(items, numbers, strict=True) if number == UNKNOWN]:
            raise InputError([f"item {item!r} is not among the {self.dataset.n_items:,} items" for item in unknown])
        lists = self.responder(responder).similar(numbers, k)
        return as_frame(self._table("item_id", pl.Series(list(items)), lists, "similar_id"), frame)

    def queries(
        self,
        users: Sequence[str] | None = None,
        histories: Sequence[Sequence[str]] | None = None,
        candidates: Sequence[str] | None = None,
        exclude: Sequence[str] | None = None,
        instruction: str = "",
    ) -> Queries:
        """Raw ids → queries, as the service asks them; see `recommend`."""
        if (users is None) == (histories is None):
            raise InputError("recommend: give either users or histories (one of them, not both)")
        if candidates is not None and not (self.dataset.items.numbers([str(one) for one in candidates]) >= 0).any():
            raise InputError(f"candidates: none of the {len(candidates)} given is an item of this run")
        shared: dict[str, Any] = {
            "candidates": None if candidates is None else tuple(str(item) for item in candidates),
            "exclude": tuple(str(item) for item in exclude or ()),
            "time": time.time(),
            "instruction": instruction,
        }
        if users is not None:
            questions = [Question(user_id=str(user), **shared) for user in users]
        else:
            questions = [Question(history=tuple(str(item) for item in row), **shared) for row in histories or ()]
        ground = Ground(self.dataset)
        return queries(ground, pasts(ground, memory_store(), questions, 0, 0), questions, steered=True)

    def _table(self, key: str, asked: pl.Series, lists: ItemLists, item: str) -> pl.DataFrame:
        """One row an answered item."""
        row, place = np.nonzero(lists.items != NOTHING)
        numbers = lists.items[row, place]
        return pl.DataFrame(
            {
                key: asked.gather(row),
                "rank": place + 1,
                item: self.dataset.items.keys(numbers),
                "score": lists.scores[row, place],
                "title": [self.dataset.titles[int(number)] for number in numbers],
            }
        )

    # ------------------------------------------------------------ words

    def speaker(self, responder: str | None = None) -> Speaker:
        """What of this run understands words, where a responder (the serving one by default) ranks."""
        return speaker(self.page, self.dataset, self.models, responder or str(self.facts["serves"]))

    def ask(
        self,
        prompt: str,
        user: str | None = None,
        history: Sequence[str] | None = None,
        item: str | None = None,
        candidates: Sequence[str] | None = None,
        k: int = 10,
    ) -> Reply:
        """A prompt in words, answered with ``items``, a ``number`` or a ``text``, as it asks (``kind`` says which).

        Args:
            prompt: words and {user}, {history}, {item}, {candidates}; those that are given and not named stand in
                front, in this order.
            user: raw user id; {history} is what the user did, unless a history is given.
            history: raw item ids, oldest first.
            item: raw item id.
            candidates: raw item ids; only these are ranked.
            k: items wanted, where the prompt asks for items.

        Raises:
            InputError: all faults of the prompt together, or no model of the run answers prompts.
        """
        lists = [None if ids is None else tuple(map(str, ids)) for ids in (history, candidates)]
        service = self.service(memory_store())
        try:
            asked = Prompt(prompt, user, lists[0], item, lists[1], k)
            return cast(Reply, service.reply(asked).result())
        finally:
            service.close()

    def explain(self, user: str, item: str, feature: str = "") -> Explanation:
        """Why a user may like an item, or not: a sentence, and the item of the history that speaks most for it.

        Raises:
            NotFound: the item is not known.
        """
        service = self.service(memory_store())
        try:
            return cast(Explanation, service.explain(user, item, feature).result())
        finally:
            service.close()

    # ------------------------------------------------------------ live

    def service(self, store: Store, responder: str | None = None) -> Service:
        """This recommender over a store of live events; what ``p5rec serve`` puts on the web."""

        now = self

        def add_items(rows: Sequence[Mapping[str, Any]]) -> tuple[Dataset, Responder]:
            nonlocal now
            now = now.with_items(rows)
            return now.dataset, now.responder(responder)

        return Service(
            self.dataset,
            self.responder(responder),
            store,
            version=str(self.facts["version"]),
            models=lambda: now.models,
            speaker=lambda: now.speaker(responder),
            add_items=add_items,
            cursor=int(self.facts.get("cursor", 0)),
        )

    def open_store(self, folder: Path) -> Store:
        """The page's store in a folder."""
        made: Store = self.page.store.make(folder)
        return made

    def add_items(self, items: Any, keep: bool = True) -> Added:
        """Take in new items by their content; from then on they are recommended, and have similar ones.

        Args:
            items: a polars or pandas frame, a file of a table, or a list of rows (mappings) of the item table; columns
                may be missing. Known items are kept as they were.
            keep: write them into the folder of the run, so that they are there when it is opened again.

        Raises:
            InputError: all faults of all rows together; nothing has changed then.
        """
        rows = newcomers.rows(items, self.dataset)
        grown = self.with_items(rows)
        new = [row for row in rows if self.dataset.items.number(row["item_id"]) == UNKNOWN]
        if keep and self.folder is not None and new:
            newcomers.keep(self.page, self.folder, new)
        added = grown.dataset.n_items - self.dataset.n_items
        vars(self).update(vars(grown))
        keys = [row["item_id"] for row in new]
        note = of_new_items(self.dataset, self.models, keys)
        return Added(added=added, known=len(rows) - added, note=note)

    def with_items(self, rows: Sequence[Mapping[str, Any]]) -> Recommender:
        """A recommender grown by items (raw rows of the item table), beside this one, which stays as it is.

        Old items keep their numbers and scores; both share the memory of what they have in common. Models that cannot
        grow answer without the new items.

        Raises:
            InputError: a row does not fit the item table; all faults together.
        """
        if not rows:
            return self
        dataset = storage.grow(self.dataset, items=list(rows))
        made_for = assemble.setting(self.page, dataset)
        models = {}
        for name, model in self.models.items():
            models[name] = sharing(model) if isinstance(model, Grows) else model
            if isinstance(models[name], Grows):
                cast(Grows, models[name]).grow(made_for)
        return Recommender(self.page, dataset, models, self.learned, self.facts, self.folder, self._before)


def memory_store() -> Store:
    """A store that forgets, for answers without a live log."""
    made: Store = choose("store", "memory", "store").make(Path())
    return made


def as_frame(table: pl.DataFrame, frame: str) -> Any:
    """A polars frame as it is, or as a pandas one.

    Raises:
        InputError: the frame's name is neither.
    """
    if frame not in ("polars", "pandas"):
        raise InputError(f"frame: found {frame!r}, expected 'polars' or 'pandas'")
    return table if frame == "polars" else table.to_pandas()
