"""Each family of prompts a model was trained on, measured on held-out events beside checks and baselines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from p5rec.commands import assemble
from p5rec.commands.family_baselines import Baselines
from p5rec.commands.family_exam import Events, Exam, exam, held_out
from p5rec.commands.family_marks import kind_of_answer, marked, metrics
from p5rec.commands.family_steer import steered
from p5rec.commands.made import Made, finished
from p5rec.contracts import Metric, Model, Prompted
from p5rec.core.errors import MissingExtra
from p5rec.core.progress import say
from p5rec.data import template as templates
from p5rec.data.knowledge import Knowledge
from p5rec.data.template import Template
from p5rec.evaluation import families as tables
from p5rec.evaluation.evaluate import judge
from p5rec.evaluation.families import Family, FamilyRow, family

MOST = 2000  # held-out events of a family
PREFIX = {"liked": "yes_no_", "whether": "yes_no_", "sentiment": "sentiment_", "headline": "headline_"}
Slot = tuple[str, str]  # the answer, and what is given along with it


def measured(made: Made) -> dict[str, list[Family]]:
    """Model → its families, for models that read prompts and were trained on some."""
    found: dict[str, list[Family]] = {}
    for name, model in finished(made.final).items():
        tasks: list[Any] = [
            chosen.config for chosen, _ in made.page.models[name].tasks.values() if chosen.name == "prompt"
        ]
        if isinstance(model, Prompted) and made.served.words is not None:
            once = {config.family: config for config in tasks}
            each = (Room(made, model, config).measured() for config in once.values())
            found[name] = [one for one in each if one is not None]
    return found


class Room:
    """Where one model is examined in one family.

    Attributes:
        config: of the task that taught it.
        knowledge: of the data the model was fitted on; nothing of it is closed, as tests may tell everything.
    """

    def __init__(self, made: Made, model: Model, config: Any) -> None:
        self.made, self.dataset, self.config = made, made.served, config
        self.name, self.templates = config.family, templates.family(config.family)
        self.knowledge = Knowledge(self.dataset, config.most, config.candidates)
        self.ranker = assemble.unseen(assemble.scorer(model, self.dataset), self.dataset)
        self.answerer = assemble.answerer(model, self.ranker, self.dataset)
        self.baselines = Baselines(made.dataset, self.dataset, self.knowledge)
        self.seed, self.resamples = made.page.run.seed, made.page.run.evaluate.bootstrap
        self.events = held_out(self.dataset, min(MOST, made.page.run.evaluate.users or MOST), self.seed)

    def measured(self) -> Family | None:
        """All that is asked in this family; None where the data fills no wording of it or has no held-out event."""
        parts: dict[str, Any] = {}
        rows: list[FamilyRow] = []
        for slot, wordings in slots(self._able()).items():
            events = self.able_events(wordings)
            if not len(events):
                continue
            own, kind = self._marked(exam(self.knowledge, wordings, events, self.seed), slot)
            if slot[1] == "feature":
                rows.append(self.row("feature given", own, note="the word comes from the sentence that is right"))
            else:
                parts |= own
            rows += self._rows(slot, wordings, events, own, kind)
        if not parts:
            return None
        if self.name == "instruct":
            rows += steered(self)
        say(f"{self.name}: measured on {len(self.events):,} held-out events")
        return family(self.name, parts, rows, self._notes(), resamples=self.resamples, seed=self.seed)

    def judges(self, asked: Exam) -> dict[str, Metric]:
        """The metrics of items."""
        return metrics(asked, "item", self.dataset)

    def _able(self) -> list[Template]:
        return [one for one in self.templates if all(self.knowledge.able(name) for name in one.names)]

    def _notes(self) -> list[str]:
        able = self._able()
        return [
            f"left out, as the data cannot fill it: {one.text} → {{{one.answer}}}"
            for one in self.templates
            if one not in able
        ]

    def able_events(self, wordings: Sequence[Template]) -> Events:
        """Those events that have all that the wordings tell, and their held-out forms."""
        names = sorted(set().union(*(one.names for one in wordings)))
        return self.events.rows(self.knowledge.known(names, self.events.items, self.events.places).nonzero()[0])

    def _marked(self, asked: Exam, slot: Slot) -> tuple[dict[str, Any], Any]:
        own = {slot_name(slot): marked(asked, slot[0], self.answerer, self.dataset)}
        return own, kind_of_answer(asked, self.answerer, self.dataset)

    def row(self, name: str, parts: Mapping[str, Any], against: Any = None, note: str = "") -> FamilyRow:
        """A row of the report, with intervals, and differences where `against` answered the same."""
        return tables.row(name, parts, against, note, resamples=self.resamples, seed=self.seed)

    def _rows(
        self, slot: Slot, wordings: Sequence[Template], events: Events, own: Mapping[str, Any], kind: Any
    ) -> Iterator[FamilyRow]:
        """Checks and baselines of one slot."""
        said = described(slot)
        yield self.row(f"kind of answer: {said}", {"": kind})
        asked = exam(self.knowledge, wordings, events, self.seed)
        unseen = slots(self._able(), held_out=True).get(slot, [])
        if unseen:
            other = exam(self.knowledge, unseen, self._shared(unseen, events), self.seed)
            theirs, other_kind = self._marked(other, slot)
            fair = own if len(other.events) == len(events) else None
            yield self.row(f"unseen wordings: {said}", theirs, fair)
            yield self.row(f"kind of answer, unseen wordings: {said}", {"": other_kind})
        yield from self._shuffled(asked, slot, own, kind)
        yield from self._baselines(asked, slot, own)

    def _shared(self, wordings: Sequence[Template], events: Events) -> Events:
        names = sorted(set().union(*(one.names for one in wordings)))
        return events.rows(self.knowledge.known(names, events.items, events.places).nonzero()[0])

    def _shuffled(self, asked: Exam, slot: Slot, own: Mapping[str, Any], kind: Any) -> Iterator[FamilyRow]:
        """What is lost when the words of a prompt are shuffled, and when they are those of other prompts."""
        for across, name in ((False, "shuffled words"), (True, "words of other prompts")):
            mixed = asked.shuffled(self.seed, across)
            told = kind_of_answer(mixed, self.answerer, self.dataset)
            yield self.row(f"kind of answer, {name}: {described(slot)}", {"": told}, {"": kind})
            if self.name == "instruct":
                theirs = {slot_name(slot): marked(mixed, slot[0], self.answerer, self.dataset)}
                yield self.row(f"{name}: {described(slot)}", theirs, own)

    def _baselines(self, asked: Exam, slot: Slot, own: Mapping[str, Any]) -> Iterator[FamilyRow]:
        judges = metrics(asked, slot[0], self.dataset)
        try:
            for name, answers in self.baselines.of(slot[0], self.name, asked):
                yield self.row(
                    f"{name}: {described(slot)}", {slot_name(slot): judge(answers, asked.truth, judges)}, own
                )
        except MissingExtra as reason:
            say(f"{self.name}: a baseline is left out: {reason}")


def slots(wordings: Sequence[Template], held_out: bool = False) -> dict[Slot, list[Template]]:
    """Wordings that ask for the same and are told as much, together."""
    found: dict[Slot, list[Template]] = {}
    for one in wordings:
        if one.held_out == held_out:
            given = next((name for name in ("candidates", "feature") if name in one.names), "")
            found.setdefault((one.answer, given), []).append(one)
    return found


def slot_name(slot: Slot) -> str:
    """What stands before the metrics of a slot."""
    return "choice_" if slot[1] == "candidates" else PREFIX.get(slot[0], "")


def described(slot: Slot) -> str:
    """A slot in words."""
    words = {"item": "item", "rating": "stars", "liked": "yes or no", "whether": "yes or no"}
    return words.get(slot[0], slot[0]) + {"candidates": " of a list", "feature": ", feature given"}.get(slot[1], "")
