"""Prompts in words, with things in them, as the service takes and answers them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from p5rec.contracts import Dataset, ItemLists, Prompts, Queries
from p5rec.core.errors import InputError
from p5rec.core.things import Kind
from p5rec.data import live
from p5rec.data.answers import Replies
from p5rec.data.queries import UNKNOWN
from p5rec.serving import notes
from p5rec.serving.admission import check_id, check_list, is_text, shown
from p5rec.serving.answer import Explanation, Reply
from p5rec.serving.engine import Engine
from p5rec.serving.limits import Limits
from p5rec.serving.questions import UNTOLD, Past, Question, queries

MUTE = "no model of this run answers prompts; train p5 with tasks of kind 'prompt', as the page p5-reviews does"
FEATURELESS = "the feature was not read: no model of this run was trained on explanations that name one"
UNTAUGHT = (
    "no model of this run was trained on explanations, so there is no sentence; only the event that speaks for it"
)


@dataclass(frozen=True)
class Prompt:
    """One prompt.

    Attributes:
        prompt: words and placeholders; see `p5rec.data.live.parts`.
        user_id: who asks.
        history: item ids, oldest first; by default the user's own, live events included.
        item_id: the item it is about.
        candidates: item ids that it may choose from.
        k: items wanted, where it asks for items.
        time: of the request, seconds since 1970; now unless told.
        explains: the words are those of an explanation, with `prompt` as the feature it shall speak of.
    """

    prompt: str
    user_id: str | None = None
    history: tuple[str, ...] | None = None
    item_id: str | None = None
    candidates: tuple[str, ...] | None = None
    k: int = 10
    time: float = UNTOLD
    explains: bool = False

    @property
    def told(self) -> set[str]:
        """Placeholders that were given a value."""
        values = {"user": self.user_id, "history": self.history, "item": self.item_id, "candidates": self.candidates}
        return {name for name, value in values.items() if value is not None}

    def question(self) -> Question:
        """Who asks, as a request for recommendations tells it."""
        history = () if self.user_id is None and self.history is None else self.history
        return Question(self.user_id, history, self.k, self.candidates, time=self.time)

    def parts(self, engine: Engine) -> live.Parts:
        """As it is read."""
        speaker = engine.speaker
        if self.explains:
            return (speaker.featured if self.prompt and speaker.featured else speaker.explaining) or ()
        return live.parts(self.prompt, self.told, self.told | ({"history"} if self.user_id is not None else set()))


def check(prompt: Prompt, engine: Engine, limits: Limits) -> None:
    """Check a prompt.

    Raises:
        InputError: all its faults together.
    """
    if engine.speaker.answers is None and not prompt.explains:
        raise InputError(MUTE)
    faults = list(_faults(prompt, engine.dataset, limits))
    try:
        prompt.parts(engine)
    except InputError as error:
        faults.extend(error.faults)
    if faults:
        raise InputError(faults)


def check_words(name: str, text: str, limits: Limits) -> Iterator[str]:
    """A sentence if this is too long, or no text."""
    if len(text) > limits.prompt:
        yield f"{name}: found {len(text)} characters, expected at most {limits.prompt}"
    elif not is_text(text):
        yield f"{name}: found text that is not Unicode (half of a surrogate pair)"


def _faults(prompt: Prompt, dataset: Dataset, limits: Limits) -> Iterator[str]:
    if not prompt.prompt.strip() and not prompt.explains:
        yield "prompt: found no words, expected a question such as 'what comes next ?'"
    yield from check_words("prompt", prompt.prompt, limits)
    if not 1 <= prompt.k <= limits.k:
        yield f"k: found {prompt.k}, expected 1 to {limits.k}"
    if prompt.user_id is not None:
        yield from check_id("user_id", prompt.user_id, limits)
    yield from check_list("history", prompt.history or (), limits.history)
    yield from check_list("candidates", prompt.candidates or (), limits.candidates)
    if prompt.item_id is not None and dataset.items.number(prompt.item_id) == UNKNOWN:
        yield f"item_id: {shown(prompt.item_id)} is not among the {dataset.n_items:,} items of this run"
    for name, ids in (("history", prompt.history), ("candidates", prompt.candidates)):
        if ids and (dataset.items.numbers(list(ids)) == UNKNOWN).all():
            yield f"{name}: none of {len(ids)} is an item of this run, as {shown(ids[0])}"


def asked(engine: Engine, known: Sequence[Past], prompts: Sequence[Prompt]) -> Queries:
    """One `Queries` of prompts that share k, and of which all have candidates or none."""
    plain = queries(engine.ground, known, [prompt.question() for prompt in prompts])
    words = engine.dataset.words
    assert words is not None
    rows = [
        live.laid(plain, row, one.parts(engine), words, _item(engine, one), {"feature": one.prompt})
        for row, one in enumerate(prompts)
    ]
    return replace(plain, prompt=Prompts.stacked(rows))


def replies(engine: Engine, version: str, known: Sequence[Past], prompts: Sequence[Prompt]) -> list[Reply]:
    """What each asks for."""
    answers = engine.speaker.answers
    assert answers is not None
    found = answers(asked(engine, known, prompts), prompts[0].k)
    lists = engine.scored(found.items)
    return [
        _reply(engine, version, found, row, lists[row], past, prompt)
        for row, (past, prompt) in enumerate(zip(known, prompts, strict=True))
    ]


def _reply(engine: Engine, version: str, found: Replies, row: int, items: list, past: Past, prompt: Prompt) -> Reply:
    kind = found.kinds[row]
    short = notes.short(found.items, row, len(items), prompt.k) if kind == Kind.ITEM else None
    return Reply(
        version=version,
        events_seen=past.seen,
        kind={Kind.ITEM: "items", Kind.NUMBER: "number", Kind.WORD: "text"}[Kind(kind)],
        items=items if kind == Kind.ITEM else None,
        number=float(found.numbers[row]) if kind == Kind.NUMBER else None,
        text=found.texts.values[row] if kind == Kind.WORD else None,
        note=notes.of_answer(engine.dataset, prompt.question(), past, short),
    )


def explanations(engine: Engine, version: str, known: Sequence[Past], prompts: Sequence[Prompt]) -> list[Explanation]:
    """Why each item, in a sentence where a model learned to say so, and the event that speaks most for it."""
    speaker = engine.speaker
    plain = queries(engine.ground, known, [prompt.question() for prompt in prompts])
    about = np.array([[_item(engine, prompt)] for prompt in prompts])
    because = engine.responder.because(plain, ItemLists(about, np.zeros(about.shape, dtype=np.float32)))
    texts: Sequence[str | None] = [None] * len(prompts)
    if speaker.answers is not None and speaker.explaining is not None:
        texts = speaker.answers.texts(asked(engine, known, prompts)).values
    return [
        Explanation(
            version=version,
            events_seen=past.seen,
            item_id=str(prompt.item_id),
            title=engine.dataset.titles[number],
            text=text,
            because=why,
            note=notes.of_answer(engine.dataset, prompt.question(), past, _untaught(engine, prompt)),
        )
        for prompt, past, number, text, why in zip(
            prompts, known, about[:, 0], texts, engine.keys(because[:, 0]), strict=True
        )
    ]


def _untaught(engine: Engine, prompt: Prompt) -> str | None:
    """What was asked for that no model learned."""
    if engine.speaker.explaining is None:
        return UNTAUGHT
    return FEATURELESS if prompt.prompt and engine.speaker.featured is None else None


def _item(engine: Engine, prompt: Prompt) -> int:
    return UNKNOWN if prompt.item_id is None else engine.dataset.items.number(prompt.item_id)
