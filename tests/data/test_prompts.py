"""Every shipped template goes round, and the faults of published prompt models that must not return."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from p5rec.collate import collate
from p5rec.contracts import Dataset, Queries, Stream
from p5rec.core.errors import InputError
from p5rec.core.things import Kind
from p5rec.data.event_texts import TextColumn
from p5rec.data.events import Part
from p5rec.data.features import Column
from p5rec.data.features import Kind as ColumnKind
from p5rec.data.fields import Fields, before, kind_of
from p5rec.data.knowledge import Knowledge
from p5rec.data.ragged import Ragged
from p5rec.data.template import Template, families, family, parsed, read, spoken
from p5rec.models.p5 import P5
from p5rec.responders.answerer import Answerer
from p5rec.responders.scorer import Scorer
from p5rec.responders.unseen import Unseen
from p5rec.tasks.prompt import Prompt, PromptConfig
from p5rec.testing.making import fitted, setting
from p5rec.testing.sequences import category, from_sequences

USERS, ITEMS, LENGTH = 30, 24, 9
NOUNS = ("zorb", "plinth", "tassel", "grommet", "spigot", "ferrule")
TEMPLATES = [(name, one) for name in families() for one in family(name)]


def reviews(seed: int = 0) -> Dataset:
    """Events with stars, headlines and reviews; items with a category and a year."""
    rng = np.random.default_rng(seed)
    rows = {f"u{u}": [f"i{i:02d}" for i in rng.permutation(ITEMS)[:LENGTH]] for u in range(USERS)}
    labels = {key: rng.integers(1, 6, LENGTH).astype(float) for key in rows}
    texts = {
        "headline": {key: [f"headline {n % 3}" for n in range(LENGTH)] for key in rows},
        "review": {key: [_review(rng) for _ in range(LENGTH)] for key in rows},
    }
    plain = from_sequences(rows, labels=labels)
    sorts = category(plain.items, {f"i{i:02d}": ("tea", "jam")[i % 2] for i in range(ITEMS)})
    years = Column(ColumnKind.NUMBER, np.array([2000.0 + int(key[1:]) for key in plain.items.all().to_pylist()]))
    columns = {"category": sorts, "year": years}
    return from_sequences(rows, labels=labels, texts=texts, item_columns=columns, spoken=spoken())


def _review(rng: np.random.Generator) -> str:
    """A review about things no lexicon knows."""
    first, second = rng.permutation(NOUNS)[:2]
    form = ("I like the {0}. It is very nice and the {1} is too.", "My {1} broke. A nice {0} is a thing for the {1}.")
    return form[int(rng.integers(2))].format(first, second)


@pytest.fixture(scope="module")
def data() -> Dataset:
    return reviews()


def told(data: Dataset, one: Template) -> tuple[Fields, Stream]:
    """A wording about training events, as it is trained on."""
    users, places = data.history("train").places()
    known = Knowledge(data, candidates=5)
    fine = known.known(sorted(one.names), data.events["item"][places].astype(np.int64), places)
    users, places = users[fine][::9], places[fine][::9]
    items = data.events["item"][places].astype(np.int64)
    fields = Fields(known, before(data, users, places), items, places, np.random.default_rng(0))
    return fields, collate(replace(fields.queries, prompt=one.render(fields)), asks="marked")


@pytest.mark.parametrize(("name", "one"), TEMPLATES, ids=lambda value: value if isinstance(value, str) else value.text)
def test_every_template_goes_round(name: str, one: Template, data: Dataset) -> None:
    assert all(Knowledge(data).able(hole) for hole in one.names), name
    fields, stream = told(data, one)
    assert data.words is not None
    assert len(fields.items)
    for row in range(len(stream)):
        asked = stream.asks[row][stream.asks[row] >= 0]
        assert set(stream.kinds[row][asked].tolist()) == {int(kind_of(one.answer) or 0)}
        assert (stream.kinds[row][int(asked[-1]) + 1 :] == Kind.PAD).all()  # nothing stands behind the answer
        front = stream.kinds[row][: int(asked[0])]
        words = stream.values[row][: int(asked[0])][front == Kind.WORD]
        text = " ".join(data.words.decode([words.tolist()])[0].split())
        for piece in (piece for piece, hole in one.parts if not hole):
            again = data.words.decode([data.words.encode([piece])[0]])[0]
            assert all(word in text for word in again.split())
        assert ("user" in one.names) == bool((front == Kind.USER).any())
        if one.answer == "item":
            assert stream.values[row][asked].tolist() == [int(fields.items[row])]
        if "history" in one.names:
            assert set(fields.queries.history[row]) <= set(stream.values[row][: int(asked[0])].tolist())


def test_each_family_has_wordings_for_training_and_one_held_out() -> None:
    for name in families():
        held = [one.held_out for one in family(name)]
        assert any(held)
        assert sum(not one for one in held) >= 2


def test_faults_of_a_template_are_told_together(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('[[template]]\nprompt = "{histry} go"\nanswer = "{user}"\n')
    with pytest.raises(InputError) as caught:
        read(path)
    message = str(caught.value)
    assert "there is no placeholder {histry}" in message
    assert "cannot be asked for; expected an item, a number or words" in message
    with pytest.raises(InputError, match="stands in the prompt already; leave it out there"):
        parsed("{item} again :")
    with pytest.raises(InputError, match="expected one placeholder such as"):
        parsed("go", "an item")
    with pytest.raises(InputError, match="there is no family of prompts called 'ratin'"):
        family("ratin")


# ---------------------------------------------------------------- published faults


def test_a_rating_is_a_number_and_no_word(data: Dataset) -> None:
    for one in family("rating"):
        if one.answer == "rating":
            fields, stream = told(data, one)
            place = stream.asks[:, :1]
            assert (stream.kinds.gather(1, place) == Kind.NUMBER).all()
            assert stream.numbers.gather(1, place)[:, 0].tolist() == data.events["label"][fields.places].tolist()


@pytest.mark.parametrize("name", sorted(families()))
def test_held_out_events_change_no_prompt_of_any_family(name: str, data: Dataset) -> None:
    """A pair that tests one family is trained on by none."""
    rows = Ragged(data.events["item"], data.bounds[:, Part.VALID], data.bounds[:, Part.UNUSED])
    place = rows.places()[1]
    events = {key: np.array(values) for key, values in data.events.items()}
    events["item"][place] = (events["item"][place] + 7) % ITEMS
    events["label"][place] = 1.0
    texts = {key: TextColumn.of(_with(data, key, place)) for key in data.texts}
    other = replace(data, events=events, texts=texts)
    task = Prompt(PromptConfig(family=name, rows=16, candidates=5), setting(data))
    model = fitted(P5, data, setting(data))
    for step in range(3):
        first, again = (task.batch(one, model, 0, step)[0] for one in (data, other))
        assert torch.equal(first.values, again.values)
        assert torch.equal(first.numbers, again.numbers)


def _with(data: Dataset, name: str, places: np.ndarray) -> list[str | None]:
    """The texts of a column, other ones at places."""
    texts = data.text(name, np.arange(len(data.events["item"])))
    return [
        "The grommet of this zorb is bad ." if place in set(places.tolist()) else t for place, t in enumerate(texts)
    ]


def test_what_is_read_at_inference_is_what_was_trained_on(data: Dataset) -> None:
    for _, one in TEMPLATES:
        fields, _ = told(data, one)
        asked = replace(fields.queries, prompt=one.render(fields))
        assert asked.prompt is not None
        trained = collate(asked, asks="marked")
        live = collate(replace(asked, prompt=asked.prompt.without_answers()))
        for row in range(len(live)):
            first = int(trained.asks[row, 0])
            assert int(live.asks[row, 0]) == first
            assert torch.equal(live.kinds[row, :first], trained.kinds[row, :first])
            assert torch.equal(live.values[row, :first], trained.values[row, :first])
            assert torch.equal(live.numbers[row, :first], trained.numbers[row, :first])


def test_the_greatest_id_and_one_is_at_chance() -> None:
    """Ids given in the order of first events (as published) would tell the next item; ours are a permutation."""
    count = 400
    rows = {f"u{u}": [f"i{u * 4 + n:04d}" for n in range(4)] for u in range(count // 4)}
    hits, asked = 0, 0
    for seed in range(5):
        queries, truth = from_sequences(rows, seed=seed).held_out("test")
        greatest = np.array([row.max() for row in queries.history])
        hits += int((greatest + 1 == truth.items.flat()[1]).sum())
        asked += len(truth)
    assert asked == 5 * count // 4
    assert hits / asked < 0.03  # chance is 1 / 400; in the order of ids it would be 1


def test_answers_are_real_items_that_are_new_to_the_user(data: Dataset) -> None:
    model = fitted(P5, data, setting(data))
    ranker = Unseen(Unseen.Config(), {"of": Scorer(Scorer.Config(), {"model": model}, data)}, data)
    answerer = Answerer(Answerer.Config(), {"model": model, "ranker": ranker}, data)
    history = data.history("test")
    queries = Queries(np.arange(USERS), history, data.side(history))
    lists = answerer.items(queries, ITEMS)
    for row, (items, seen) in enumerate(zip(lists.items, history, strict=True)):
        found = items[items >= 0]
        assert len(found) == len(set(found.tolist())) == ITEMS - len(set(seen.tolist()))
        assert found.max() < ITEMS
        assert not set(found.tolist()) & set(seen.tolist())
        assert row in lists.short  # and says why it is shorter


def test_reviews_that_speak_of_nothing_can_explain_nothing() -> None:
    data = reviews()
    mute = replace(data, texts={"review": TextColumn.of(["Good ."] * len(data.events["item"]))})
    assert not Knowledge(mute).able("feature")
    assert Knowledge(data).able("feature")
