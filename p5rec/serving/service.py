"""The service without a web: live events in, recommendations out, from any number of threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
import torch

from p5rec.contracts import Dataset, Event, ItemLists, Model, Responder, Store
from p5rec.core.errors import InputError, P5Error
from p5rec.core.progress import say
from p5rec.data import growing
from p5rec.data.queries import UNKNOWN
from p5rec.serving import notes, prompting
from p5rec.serving.admission import admitted, check_context, check_files, check_id, check_list, item_faults, shown
from p5rec.serving.answer import Added, Appended, Erased, Explanation, Recommendation, Reply
from p5rec.serving.batcher import Batcher
from p5rec.serving.engine import Engine, Speaker
from p5rec.serving.limits import Limits
from p5rec.serving.prompting import Prompt
from p5rec.serving.questions import UNTOLD, Question, pasts, queries

J = TypeVar("J")
R = TypeVar("R")
AddItems = Callable[[Sequence[Mapping[str, Any]]], tuple[Dataset, Responder]]
Similar = Callable[[np.ndarray, int], ItemLists]


class NotFound(P5Error):
    """The thing asked for does not exist."""


class Service:
    """A trained responder and a store of live events, safe to call from many threads.

    Recommendations that are asked for at the same time are answered by one call of the responder, and events that
    arrive at the same time are kept by one transaction.

    Args:
        dataset: of the artifact; a user's history is all of it, then the live events.
        responder: what answers, final and in evaluation mode.
        store: of live events and items.
        version: of the artifact, told in every answer.
        models: tells the models behind the responder by name as they are now, to say which cannot rank a new item.
        add_items: raw rows of new items → the dataset and responder that know them; old numbers keep their meaning.
            What answers now must stay as it is meanwhile. None: the service takes no new items.
        speaker: what understands words, made anew when items join. None: nothing does.
        similar: item numbers (N,) and k → similar items; by default the responder's own ``similar``.
        cursor: of the store that the artifact was trained up to; earlier events are in the dataset already.
        limits: bounds of requests.
        clock: seconds since 1970.
    """

    def __init__(
        self,
        dataset: Dataset,
        responder: Responder,
        store: Store,
        *,
        version: str,
        models: Callable[[], Mapping[str, Model]] = dict,
        add_items: AddItems | None = None,
        speaker: Callable[[], Speaker] = Speaker,
        similar: Similar | None = None,
        cursor: int = 0,
        limits: Limits | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.version = version
        self.store = store
        self.limits = limits or Limits()
        self._speaker = speaker
        self._engine = Engine(dataset, responder, speaker())
        self._trained = dataset.items  # the vocabulary of the artifact, without live items
        self._models = models
        self._add_items, self._similar, self._cursor, self._clock = add_items, similar, cursor, clock
        self._turn = threading.RLock()  # held by whatever uses or changes the models
        self._growing = threading.Lock()  # held while items join, one post after the other
        self._warm = False
        self._restore_items()
        self._asked = Batcher(self._answer, self.limits.batch, self.limits.waiting, "p5rec-answers")
        self._prompted: Batcher[Prompt, Reply | Explanation] = Batcher(
            self._reply, self.limits.batch, self.limits.waiting, "p5rec-prompts"
        )
        self._posted = Batcher(self._append, self.limits.batch, self.limits.waiting, "p5rec-events")

    # ------------------------------------------------------------ what a client can do

    def take(self, events: Sequence[Event]) -> Future[Appended]:
        """Start to keep events, all or nothing; when the future is done they are on the disk.

        Raises:
            InputError: all faults of the events together.
            Busy: too many requests are waiting.
        """
        return self._posted.submit(admitted(events, self._engine.dataset, self.limits, self._clock()))

    def events(self, events: Sequence[Event]) -> Appended:
        """Keep events and wait for it; as `take`."""
        return self.take(events).result()

    def ask(self, question: Question) -> Future[Recommendation]:
        """Start to answer a question.

        Raises:
            InputError: all faults of the question together.
            Busy: too many requests are waiting.
        """
        self._check(question)
        return self._asked.submit(replace(question, time=self._clock()) if question.time == UNTOLD else question)

    def recommend(self, user_id: str | None = None, **others: Any) -> Recommendation:
        """Answer a `Question` (its fields by name) and wait for it; as `ask`."""
        return self.ask(Question(user_id=user_id, **others)).result()

    def reply(self, prompt: Prompt) -> Future[Reply | Explanation]:
        """Start to answer a prompt.

        Raises:
            InputError: all faults of the prompt together, or no model of the run answers prompts.
            Busy: too many requests are waiting.
        """
        prompting.check(prompt, self._engine, self.limits)
        return self._prompted.submit(replace(prompt, time=self._clock()) if prompt.time == UNTOLD else prompt)

    def explain(self, user_id: str, item_id: str, feature: str = "") -> Future[Reply | Explanation]:
        """Start to say why a user may like an item, or not; as `reply`.

        Raises:
            NotFound: the item is not known.
        """
        if self._engine.dataset.items.number(item_id) == UNKNOWN:
            raise NotFound(f"there is no item {shown(item_id)}; post it to /items with its content first")
        return self.reply(Prompt(feature, user_id, item_id=item_id, explains=True))

    def similar(self, item_id: str, k: int = 10) -> Recommendation:
        """Items like an item.

        Raises:
            NotFound: the item is not known.
        """
        self._check(Question(history=(), k=k))
        with self._turn:
            engine = self._engine
            compare = self._similar or engine.responder.similar
            number = engine.dataset.items.number(item_id)
            if number == UNKNOWN:
                raise NotFound(f"there is no item {shown(item_id)}; post it to /items with its content first")
            lists = compare(np.array([number]), k)
        (items,) = engine.scored(lists)
        return Recommendation(
            version=self.version, events_seen=0, items=items, note=notes.short(lists, 0, len(items), k)
        )

    def add_items(self, rows: Sequence[Mapping[str, Any]]) -> Added:
        """Take in new items with their content; known ones are kept as they were.

        Raises:
            InputError: an id or a value of the content is wrong, or this service takes no items.
        """
        self._check_items(rows)
        if self._add_items is None:
            raise InputError("this service cannot take new items; train an artifact whose models have content towers")
        with self._growing:  # answers go on meanwhile, by the engine as it was
            known = self._engine.dataset.items
            unknown = {row["item_id"]: row for row in reversed(rows) if known.number(row["item_id"]) == UNKNOWN}
            if unknown:
                self._check_room(len(unknown))
                engine = Engine(*self._add_items(list(unknown.values())[::-1]), self._speaker())
                self.store.put_items([row for row in rows if row is unknown.get(row["item_id"])])
                self._engine = engine
        return Added(
            added=len(unknown),
            known=len(rows) - len(unknown),
            note=notes.of_new_items(self._engine.dataset, self._models(), list(unknown)),
        )

    def erase(self, user_id: str) -> Erased:
        """Forget a user: live events are removed, and what the artifact knows of the user is used no more."""
        if faults := list(check_id("user_id", user_id, self.limits)):
            raise InputError(faults)
        return Erased(erased=self.store.erase(user_id))

    # ------------------------------------------------------------ life

    def warm(self) -> None:
        """Answer once for a new and for a known user, so that no client pays for first times."""
        dataset = self._engine.dataset
        someone = dataset.users.key(0) if len(dataset.users) else "someone"
        k = min(10, self.limits.k)
        for question in (Question(history=(), k=k), Question(user_id=someone, k=k)):
            self.ask(question).result()
        self._warm = True

    def ready(self) -> bool:
        """Warm and taking requests."""
        return self._warm and self._asked.alive and self._prompted.alive and self._posted.alive

    def close(self) -> None:
        """Finish what is waiting, then close the store."""
        self._asked.close()
        self._prompted.close()
        self._posted.close()
        self.store.close()

    # ------------------------------------------------------------ inside

    def _check_items(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """All faults of the rows together; those of known items are not looked at, for they change nothing."""
        dataset = self._engine.dataset
        new = [row for row in rows[: self.limits.items] if row["item_id"] and dataset.items.number(row["item_id"]) < 0]
        if found := [*item_faults(rows, self.limits), *check_files(new, dataset), *growing.faults(dataset, new)]:
            raise InputError(found)

    def _check_room(self, more: int) -> None:
        joined = self._engine.dataset.n_items - len(self._trained)
        if joined + more > self.limits.joined:
            raise InputError(
                f"found {more} new items where {joined:,} have joined since training, at most {self.limits.joined:,} "
                "may; train again with them in the item table"
            )

    def _check(self, question: Question) -> None:
        limits, faults = self.limits, []
        if not 1 <= question.k <= limits.k:
            faults.append(f"k: found {question.k}, expected 1 to {limits.k}")
        if question.user_id is not None:
            faults.extend(check_id("user_id", question.user_id, limits))
        bounds = {"history": limits.history, "candidates": limits.candidates, "exclude": limits.candidates}
        for name, most in bounds.items():
            faults.extend(check_list(name, getattr(question, name) or (), most))
        faults.extend(prompting.check_words("instruction", question.instruction, limits))
        faults.extend(check_context(question.context, self._engine.dataset))
        if (question.user_id is None) == (question.history is None):
            faults.append("expected either user_id or history")
        if faults:
            raise InputError(faults)

    def _append(self, posts: Sequence[list[Event]]) -> list[Appended]:
        """All posts in one transaction, so that they share one wait for the disk."""
        new = iter(self.store.append([event for post in posts for event in post]))
        accepted = [sum(next(new) for _ in post) for post in posts]
        return [
            Appended(accepted=count, duplicates=len(post) - count) for count, post in zip(accepted, posts, strict=True)
        ]

    def _answer(self, questions: Sequence[Question]) -> list[Recommendation | Exception]:
        """Questions that can share a call do."""
        kinds = [(one.k, one.candidates is None, one.reasons, bool(one.instruction)) for one in questions]
        return self._together(self._call, questions, kinds)

    def _reply(self, prompts: Sequence[Prompt]) -> list[Reply | Explanation | Exception]:
        """Prompts that can share a call do."""
        kinds = [(one.k, one.candidates is None, one.explains) for one in prompts]
        return self._together(self._speak, prompts, kinds)

    def _together(
        self, call: Callable[[list[J]], Sequence[R]], jobs: Sequence[J], kinds: Sequence[Hashable]
    ) -> list[R | Exception]:
        """Results of jobs, those of a kind by one call."""
        answers: dict[int, R | Exception] = {}
        shared: dict[Hashable, list[int]] = {}
        for place, kind in enumerate(kinds):
            shared.setdefault(kind, []).append(place)
        with self._turn, torch.inference_mode():
            for places in shared.values():
                answers.update(zip(places, _tried(call, [jobs[place] for place in places]), strict=True))
        return [answers[place] for place in range(len(jobs))]

    def _call(self, questions: list[Question]) -> list[Recommendation]:
        engine, first = self._engine, questions[0]
        known = pasts(engine.ground, self.store, questions, self.limits.history, self._cursor)
        asked = queries(engine.ground, known, questions, engine.speaker.steered)
        lists = engine.responder(asked, first.k)
        assert isinstance(lists, ItemLists)
        found = engine.scored(lists, engine.responder.because(asked, lists) if first.reasons else None)
        short = [notes.short(lists, row, len(items), first.k) for row, items in enumerate(found)]
        return [
            Recommendation(
                version=self.version,
                events_seen=past.seen,
                items=items,
                note=notes.of_answer(engine.dataset, question, past, why, engine.speaker.steered),
            )
            for question, past, items, why in zip(questions, known, found, short, strict=True)
        ]

    def _speak(self, prompts: list[Prompt]) -> Sequence[Reply | Explanation]:
        engine, asked = self._engine, [prompt.question() for prompt in prompts]
        known = pasts(engine.ground, self.store, asked, self.limits.history, self._cursor)
        answer = prompting.explanations if prompts[0].explains else prompting.replies
        return answer(engine, self.version, known, prompts)

    def _restore_items(self) -> None:
        """Items posted before a restart join again; rows that no longer fit are told and left out."""
        rows = [row for row in self.store.items() if self._trained.number(row["item_id"]) == UNKNOWN]
        if not rows or self._add_items is None:
            return
        wrong = {row["item_id"]: why[0] for row in rows if (why := growing.faults(self._engine.dataset, [row]))}
        if wrong:
            first = next(iter(wrong.values()))
            say(f"{len(wrong)} items posted earlier do not fit this artifact and are left out: {first}")
        rows = [row for row in rows if row["item_id"] not in wrong]
        try:
            self._engine = Engine(*self._add_items(rows), self._speaker())
        except InputError as error:
            say(f"{len(rows)} items posted earlier do not fit this artifact and are left out: {error}")


def _tried(call: Callable[[list[J]], Sequence[R]], jobs: list[J]) -> Sequence[R | Exception]:
    """A job that makes the call fail must not take the others down."""
    try:
        return call(jobs)
    except Exception as error:
        return [error] if len(jobs) == 1 else [answer for job in jobs for answer in _tried(call, [job])]
