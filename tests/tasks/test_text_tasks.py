"""Tasks on texts: what is read, what is asked for, and that it teaches what it is for."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch

from p5rec.blocks.contrast import in_batch
from p5rec.blocks.stream import Kind, Stream
from p5rec.collate import collate
from p5rec.contracts import Dataset, Prompts, Queries, Segment, StepsAside, Task
from p5rec.core.errors import InputError
from p5rec.data.features import Column
from p5rec.data.features import Kind as Column_kind
from p5rec.data.passages import Passages
from p5rec.data.ragged import Ragged
from p5rec.models.bert4rec import Bert4rec
from p5rec.models.p5 import P5, P5Config
from p5rec.tasks.contrast import Contrast, ContrastConfig
from p5rec.tasks.language import Language, LanguageConfig
from p5rec.tasks.span import Span, SpanConfig
from p5rec.testing.making import fitted, setting
from p5rec.testing.sample import sample
from p5rec.testing.sequences import from_sequences

ITEMS = {"a": "a green tea from china", "b": "b red wine from france", "c": "c dark bread"}


def reviewed() -> Dataset:
    """Two users, three items; only their first reviews are training rows."""
    plain = from_sequences({"u": ["a", "b", "c"], "v": ["b", "c", "a"]})
    texts = np.array([ITEMS[key] for key in plain.items.all().to_pylist()], dtype=object)
    return from_sequences(
        {"u": ["a", "b", "c"], "v": ["b", "c", "a"]},
        item_columns={"title": Column(Column_kind.TEXT, texts)},
        texts={"review": {"u": ["tea is good", "held", "out"], "v": [None, "held", "out"]}},
        spoken=["review", *ITEMS.values(), "tea is good"],
    )


def said(dataset: Dataset, stream: Stream, row: int) -> str:
    """A row as text: things as <KIND>, words as they are, what is asked for behind a bar."""
    assert dataset.words is not None
    parts, asked = [], False
    for place in range(int(stream.lengths[row])):
        kind, value = Kind(int(stream.kinds[row, place])), int(stream.values[row, place])
        if place in stream.asks[row] and not asked:
            parts, asked = [*parts, "|"], True
        parts.append(dataset.words.tokens[value] if kind == Kind.WORD else f"<{kind.name}>")
    return " ".join(parts)


def wide(dataset: Dataset) -> P5:
    return P5(P5Config(width=16, heads=2, blocks=1, length=40), setting(dataset))


def test_each_text_is_learned_once_behind_what_it_is_about_and_held_out_ones_never() -> None:
    dataset = reviewed()
    task, model = Language(LanguageConfig(rows=3), setting(dataset)), wide(dataset)
    found: Counter[str] = Counter()
    for step in range(task.steps(dataset)):
        stream, _ = task.batch(dataset, model, 0, step)
        found.update(said(dataset, stream, row) for row in range(len(stream)))
    expected = [f"<START> <ITEM> | {text} [END]" for text in ITEMS.values()]
    assert found == Counter([*expected, "<START> <USER> <ITEM> review | tea is good [END]"])


def test_a_span_stands_behind_its_text_and_a_blank_in_its_place() -> None:
    dataset = reviewed()
    task, model = Span(SpanConfig(rows=3, share=0.5, item=0.0), setting(dataset)), wide(dataset)
    texts, found = {*ITEMS.values(), "tea is good"}, set()
    for step in range(40 * task.steps(dataset)):
        stream, _ = task.batch(dataset, model, 0, step)
        for row in range(len(stream)):
            shown, span = said(dataset, stream, row).removeprefix("<START> ").split(" <BLANK> | ")
            found.add(span)
            assert shown.replace("<BLANK>", span.removesuffix(" [END]")).strip() in texts
    assert {"is [END]", "china [END]"} < found


def test_a_right_neighbour_of_a_span_changes_the_state() -> None:
    dataset = reviewed()
    model, task = fitted(P5, dataset, setting(dataset)), Span(SpanConfig(rows=4), setting(dataset))
    stream, _ = task.batch(dataset, model, 0, 0)
    place = torch.arange(stream.width)
    blank = torch.where(stream.kinds == Kind.BLANK, place, -1).amax(1, keepdim=True)  # the one behind the text
    values = torch.where((stream.kinds == Kind.WORD) & (place == blank - 1), 1 - stream.values.clamp(max=1), 0)
    other = replace(stream, values=torch.where(place == blank - 1, values, stream.values))
    changed = (stream.kinds.gather(1, blank - 1) == Kind.WORD).squeeze(1)
    first, second = (model.words(model.encode(s))[:, 0] for s in (stream, other))
    assert changed.any()
    assert not any(torch.allclose(a, b, atol=1e-4) for a, b in zip(first[changed], second[changed], strict=True))


def test_a_text_read_alone_finds_its_item() -> None:
    dataset = sample()
    made_for = setting(dataset, ["id"])
    torch.manual_seed(0)
    model = P5(P5Config(width=32, heads=2, blocks=1, length=24, dropout=0.0), made_for)
    task = Contrast(ContrastConfig(rows=32), made_for)
    optimiser = torch.optim.Adam(model.parameters(), 0.01)
    for step in range(40):
        optimiser.zero_grad()
        task.loss(model, *task.batch(dataset, model, 0, step)).backward()
        optimiser.step()
    passages = Passages(dataset)
    assert dataset.words is not None
    words = Segment(Kind.WORD, dataset.words.encode(passages.told(passages.items)))
    empty = Ragged.of([[]] * len(passages.items))
    asked = Queries(np.full(len(empty), -1), empty, prompt=Prompts.laid([words]))
    with torch.no_grad():
        best = model.eval().score(model.encode(collate(asked, model.length)))[:, 0].argmax(1)
    assert (best.numpy() == passages.items).mean() > 0.9


def test_twins_are_not_told_from_each_other() -> None:
    logits = torch.zeros(3, 3)
    twins = torch.tensor([[1, 1, 0], [1, 1, 0], [0, 0, 1]], dtype=torch.bool)
    assert float(in_batch(logits)) == pytest.approx(1.0)
    expected = (2 * np.log(2) + np.log(3)) / 3 / np.log(3)
    assert float(in_batch(logits, twins)) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(("plug", "says"), [(Language, "learns from texts, and"), (Span, "learns from texts, and")])
def test_data_without_texts_steps_aside(plug: type[Task], says: str) -> None:
    dataset = from_sequences({"u": ["a", "b", "c"]})
    with pytest.raises(StepsAside, match=f"{says} the data has none"):
        plug(plug.Config(), setting(dataset)).steps(dataset)


def test_contrast_without_two_texts_steps_aside() -> None:
    dataset = from_sequences({"u": ["a", "b", "c"]})
    with pytest.raises(StepsAside, match="tells items by their texts, and fewer than two items have one"):
        Contrast(ContrastConfig(), setting(dataset)).steps(dataset)


def test_texts_are_asked_of_causal_models_only() -> None:
    dataset = reviewed()
    cloze = fitted(Bert4rec, dataset, setting(dataset))
    with pytest.raises(InputError, match="asks for each word after those before it, so it needs a causal model"):
        Language(LanguageConfig(), setting(dataset)).batch(dataset, cloze, 0, 0)
    with pytest.raises(InputError, match="asks for words behind their text, so it needs a causal model, and Bert4rec"):
        Span(SpanConfig(), setting(dataset)).batch(dataset, cloze, 0, 0)
