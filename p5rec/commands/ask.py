"""Questions at the command line, answered by the same service that answers on the web, live events included."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from p5rec.commands.made import STORE
from p5rec.commands.recommender import Recommender, memory_store
from p5rec.core.errors import InputError
from p5rec.serving.answer import Explanation, Recommendation, Reply
from p5rec.serving.prompting import Prompt
from p5rec.serving.questions import Question
from p5rec.serving.service import NotFound, Service


@dataclass(frozen=True)
class Counter:
    """A run behind the counter: ask it."""

    recommender: Recommender
    service: Service

    def recommend(
        self,
        users: Sequence[str] | None,
        history: Sequence[str] | None,
        k: int,
        candidates: Sequence[str] | None = None,
        exclude: Sequence[str] | None = None,
        instruction: str = "",
    ) -> tuple[list[str], list[Recommendation]]:
        """Names of the askers and their answers, each with reasons.

        Raises:
            InputError: neither or both of users and history, or a fault of the question.
        """
        if bool(users) == (history is not None):
            raise InputError("recommend: give either --user or --history (one of them, not both)")
        shared: dict[str, Any] = {
            "k": k,
            "candidates": None if candidates is None else tuple(candidates),
            "exclude": tuple(exclude or ()),
            "reasons": True,
            "instruction": instruction,
        }
        if history is not None:
            if history and not (self.recommender.dataset.items.numbers(list(history)) >= 0).any():
                raise InputError(f"--history: none of {len(history)} is an item of this run, as {history[0]!r}")
            return ["this history"], [self.service.recommend(history=tuple(history), **shared)]
        names = list(users or ())
        waiting = [self.service.ask(Question(user_id=name, **shared)) for name in names]
        return [f"user {name}" for name in names], [one.result() for one in waiting]

    def ask(
        self,
        prompt: str,
        user: str | None,
        history: Sequence[str] | None,
        item: str | None,
        candidates: Sequence[str] | None,
        k: int,
    ) -> Reply:
        """The answer to a prompt.

        Raises:
            InputError: all its faults together.
        """
        lists = [None if ids is None else tuple(ids) for ids in (history, candidates)]
        return cast(Reply, self.service.reply(Prompt(prompt, user, lists[0], item, lists[1], k)).result())

    def explain(self, user: str, item: str, feature: str) -> Explanation:
        """Why a user may like an item.

        Raises:
            InputError: the item is unknown.
        """
        try:
            return cast(Explanation, self.service.explain(user, item, feature).result())
        except NotFound:
            raise self._unknown(item) from None

    def similar(self, item: str, k: int) -> Recommendation:
        """Items like one.

        Raises:
            InputError: the item is unknown.
        """
        try:
            return self.service.similar(item, k)
        except NotFound:
            raise self._unknown(item) from None

    def _unknown(self, item: str) -> InputError:
        return InputError(f"--item: {item!r} is not among the {self.recommender.dataset.n_items:,} items of this run")


@contextmanager
def opened(folder: Path, responder: str | None = None, items: Path | None = None) -> Iterator[Counter]:
    """Open a finished run, with its log of live events where it has one.

    Args:
        folder: of the run.
        responder: what answers; the serving one by default.
        items: a table of new items that join for these answers only.

    Raises:
        InputError: the folder is not a finished run; there is no such responder; a new item does not fit.
    """
    recommender = Recommender.load(folder)
    if items is not None:
        recommender.add_items(items, keep=False)
    live = folder / STORE
    service = recommender.service(recommender.open_store(live) if live.is_dir() else memory_store(), responder)
    try:
        yield Counter(recommender, service)
    finally:
        service.close()
