"""Tasks: what is asked, of whom, how often; losses that agree with each other."""

import numpy as np
import pytest
import torch

from p5rec.blocks.stream import Kind
from p5rec.collate import collate
from p5rec.core.errors import InputError
from p5rec.data.windows import Plan, cut
from p5rec.models.bert4rec import Bert4rec, Bert4recConfig
from p5rec.models.deepfm import Deepfm, DeepfmConfig
from p5rec.models.p5 import P5, P5Config
from p5rec.models.sasrec import Sasrec, SasrecConfig
from p5rec.tasks.masked_item import MaskedItem, MaskedItemConfig
from p5rec.tasks.next_item import NextItem, NextItemConfig
from p5rec.tasks.rating import Rating, RatingConfig
from p5rec.testing.making import setting
from p5rec.testing.sample import sample
from p5rec.testing.sequences import from_sequences


def test_a_pass_shows_each_training_event_once_and_cuts_elsewhere_the_next_time() -> None:
    dataset = sample(longest=60)
    plan, room = Plan(64), 9
    steps = plan.steps(dataset)
    cuts = []
    for number in (0, 1):
        batches = [plan.queries(dataset, room, 3, number * steps + step) for step in range(steps)]
        places = np.concatenate([batch.history.places()[1] for batch in batches])
        assert sorted(places.tolist()) == sorted(dataset.history("train").places()[1].tolist())
        assert all(len(batch) for batch in batches)
        assert max(int(batch.history.lengths.max()) for batch in batches) == room
        cuts.append({int(start) for batch in batches for start in batch.history.starts})
    assert cuts[0] != cuts[1]


def test_batches_hold_windows_of_like_length() -> None:
    dataset = sample(longest=60)
    plan = Plan(64)
    steps = plan.steps(dataset)
    filled = padded = 0
    for step in range(steps):
        lengths = plan.queries(dataset, 30, 0, step).history.lengths + 1
        filled, padded = filled + lengths.sum(), padded + lengths.max() * len(lengths)
    assert filled / padded > 0.85


def test_short_rows_are_never_cut() -> None:
    history = sample().history("train")
    row, windows = cut(history, 100, np.random.default_rng(0))
    assert row.tolist() == np.flatnonzero(history.lengths).tolist()
    assert windows.lengths.tolist() == history.lengths[history.lengths > 0].tolist()


def test_no_training_row_is_a_sentence() -> None:
    dataset = from_sequences({"u": ["a", "b"], "v": ["b", "a"]})
    with pytest.raises(InputError, match="no training row"):
        Plan(64).steps(dataset)


def test_next_item_asks_for_the_target_kind_only() -> None:
    dataset = sample(kinds=2)
    made_for = setting(dataset)
    model, task = Sasrec(SasrecConfig(width=16, length=12), made_for), NextItem(NextItemConfig(positions=64), made_for)
    asked = 0
    for step in range(task.steps(dataset)):
        stream, target = task.batch(dataset, model, 0, step)
        rows, columns = torch.nonzero(stream.asks >= 0, as_tuple=True)
        places = stream.asks[rows, columns]
        assert (stream.context["kind"][rows, places] == dataset.target).all()
        assert torch.equal(stream.values[rows, places], target.items[:, 0])
        asked += len(places)
    row, place = dataset.history("train").places()
    assert asked == int((dataset.events["kind"][place] == dataset.target).sum()) < len(row)


def test_following_items_count_less_the_later_they_come() -> None:
    dataset = from_sequences({"u": ["a", "b", "c"]}, held_out=0)
    made_for = setting(dataset)
    task = NextItem(NextItemConfig(positions=64, horizon=2, fade=0.25), made_for)
    _, target = task.batch(dataset, Sasrec(SasrecConfig(width=16), made_for), 0, 0)
    assert [dataset.items.keys(row) for row in target.items.tolist()][:2] == [["a", "b"], ["b", "c"]]
    assert target.weights.tolist() == [[1, 0.25], [1, 0.25], [1, 0]]


def test_next_item_needs_a_causal_model() -> None:
    dataset = sample()
    made_for = setting(dataset)
    cloze = Bert4rec(Bert4recConfig(width=16), made_for)
    with pytest.raises(InputError, match=r"needs a causal model, and Bert4rec is not; train it on masked_item"):
        NextItem(NextItemConfig(), made_for).batch(dataset, cloze, 0, 0)


@pytest.mark.parametrize("share", [0, 1, 7])
def test_a_sample_of_everything_is_the_full_softmax(share: int) -> None:
    """With thousands of uniform draws, the sampled loss less log K is the full one less log V."""
    dataset = sample()
    made_for = setting(dataset)
    torch.manual_seed(0)
    model = Sasrec(SasrecConfig(width=16, length=12, dropout=0.0, cosine=False), made_for)
    with torch.no_grad():
        model.items.table.mul_(20)
    count = int((dataset.item_counts > 0).sum())
    full = NextItem(NextItemConfig(positions=64, horizon=1), made_for)
    sampled = NextItem(NextItemConfig(positions=64, horizon=1, loss="sampled", negatives=4000, share=share), made_for)
    stream, target = full.batch(dataset, model, 0, 0)
    vectors = model.vectors(model.encode(stream))[target.asked]
    seen = torch.from_numpy(dataset.item_counts > 0)
    scores = (vectors @ model.catalogue().T)[:, seen]
    right = (vectors * model.catalogue(target.items[:, 0])).sum(1)
    others = (scores.exp().sum(1) - right.exp()) / (count - 1)  # mean over the items that may be drawn
    expected = torch.log1p(4000 * (1 - 1 / count) * others / right.exp()).mean() / np.log(4001)
    found = sampled.loss(model, *sampled.batch(dataset, model, 0, 0))
    assert float(found.detach()) == pytest.approx(float(expected.detach()), rel=0.02)


@pytest.mark.parametrize("loss", ["softmax", "sampled", "gbce"])
def test_a_model_that_knows_nothing_has_loss_one(loss: str) -> None:
    dataset = sample()
    made_for = setting(dataset)
    model = Sasrec(SasrecConfig(width=16, length=12, dropout=0.0), made_for)
    with torch.no_grad():
        model.items.table.zero_()
    task = NextItem(NextItemConfig(positions=64, horizon=1, loss=loss, negatives=500, share=1), made_for)  # type: ignore[arg-type]
    value = float(task.loss(model, *task.batch(dataset, model, 0, 0)).detach())
    assert value == pytest.approx(1.0, abs=0.04)  # a drawn target does not count


def test_masked_items_are_hidden_and_asked_for() -> None:
    dataset = sample(kinds=2)
    made_for = setting(dataset)
    model = Bert4rec(Bert4recConfig(width=16, length=12), made_for)
    task = MaskedItem(MaskedItemConfig(positions=64, share=0.4, last=0.5), made_for)
    last = rows = 0
    for step in range(task.steps(dataset)):
        stream, target = task.batch(dataset, model, 0, step)
        blank = stream.kinds == Kind.BLANK
        assert int(blank.sum()) == len(target[0]) == int((stream.asks >= 0).sum())
        assert (stream.values[blank] == 0).all()
        assert (stream.outcome["label"][blank] == 0).all(), "what is known after an event is hidden with it"
        assert (stream.context["kind"][blank] == dataset.target).all()
        row, ask = torch.nonzero(stream.asks >= 0, as_tuple=True)
        assert (stream.kinds[row, stream.asks[row, ask]] == Kind.BLANK).all()
        whole = task._plan.queries(dataset, 11, 0, step)
        plain = collate(whole, 12, asks="every")
        assert torch.equal(plain.values[row, stream.asks[row, ask]], target[0])
        items = (plain.kinds == Kind.ITEM) & (plain.context["kind"] == dataset.target)
        end = torch.where(items, torch.arange(items.shape[1]), -1).amax(1)
        only = (blank.sum(1) == 1) & blank.gather(1, end.clamp(min=0).unsqueeze(1)).squeeze(1)
        last, rows = last + int(only.sum()), rows + int(items.any(1).sum())
        assert (blank.any(1) == items.any(1)).all(), "each row that can be asked, is"
    assert last / rows > 0.4


def test_rating_asks_each_training_event_once_behind_its_own_past() -> None:
    dataset = sample()
    made_for = setting(dataset)
    model, task = Deepfm(DeepfmConfig(width=4), made_for), Rating(RatingConfig(batch=32, unknown=0.0), made_for)
    pairs = []
    for step in range(task.steps(dataset)):
        stream, target = task.batch(dataset, model, 0, step)
        asked = target.items[:, 0, 0].tolist(), target.labels[:, 0].tolist()
        pairs += zip(stream.users.tolist(), *asked, strict=True)
    expected = zip(*(column.tolist() for column in dataset.pairs("train")), strict=True)
    assert sorted(pairs) == sorted(expected)


def test_rating_history_ends_before_the_event() -> None:
    dataset = from_sequences({"u": ["a", "b", "c"]}, held_out=0, labels={"u": [1, 2, 3]})
    made_for = setting(dataset)
    model, task = Sasrec(SasrecConfig(width=16, length=9), made_for), Rating(RatingConfig(unknown=0.0), made_for)
    stream, target = task.batch(dataset, model, 0, 0)
    for row in range(3):
        kinds, place = stream.kinds[row], int(target.labels[row]) - 1
        assert (kinds == Kind.ITEM).sum() == place
        items = [dataset.items.key(int(item)) for item in stream.values[row][kinds == Kind.ITEM]]
        assert items == ["a", "b", "c"][:place]
        assert float(stream.outcome["label"][row].max()) == place


def test_rating_everywhere_asks_each_training_event_once_and_never_shows_its_label() -> None:
    dataset = sample()
    made_for = setting(dataset)
    model = P5(P5Config(width=16, length=9), made_for)
    task = Rating(RatingConfig(batch=64, unknown=0.0, everywhere=True), made_for)
    pairs = []
    for step in range(task.steps(dataset)):
        stream, target = task.batch(dataset, model, 0, step)
        row, ask = torch.nonzero(target.labels.isfinite(), as_tuple=True)
        pairs += zip(
            stream.users[row].tolist(),
            target.items[row, ask, 0].tolist(),
            target.labels[row, ask].tolist(),
            strict=True,
        )
        assert torch.equal(stream.values[row, stream.asks[row, ask]], target.items[row, ask, 0])
    assert sorted(pairs) == sorted(zip(*(column.tolist() for column in dataset.pairs("train")), strict=True))


def test_rating_everywhere_needs_a_causal_model() -> None:
    dataset = sample()
    made_for = setting(dataset)
    task = Rating(RatingConfig(everywhere=True), made_for)
    with pytest.raises(InputError, match="so it needs a causal model, and Bert4rec is not"):
        task.batch(dataset, Bert4rec(Bert4recConfig(width=16), made_for), 0, 0)


def test_rating_without_labels_is_a_sentence() -> None:
    dataset = from_sequences({"u": ["a", "b"]}, held_out=0, labels={"u": [float("nan")] * 2})
    with pytest.raises(InputError, match="no training row has a label; give the data a label column"):
        Rating(RatingConfig(), setting(dataset)).steps(dataset)
