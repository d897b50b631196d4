"""From tables to a dataset: order, ties, numbers, facts."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from data_toys import frames, log, made, names, read, steps
from hypothesis import given, settings
from hypothesis import strategies as st

from p5rec.core.errors import InputError
from p5rec.data import storage
from p5rec.data.builder import estimate, prepare
from p5rec.data.events import Part
from p5rec.data.sources.sequences import Sequences
from p5rec.data.splits.leave_one_out import LeaveOneOut
from p5rec.data.splits.random import Random

EVENT = st.tuples(st.sampled_from("abc"), st.sampled_from("xyzw"), st.sampled_from([1.0, 2.0]), st.integers(0, 3))


@settings(max_examples=30, deadline=None)
@given(st.lists(EVENT, min_size=9, max_size=40), st.randoms())
def test_shuffled_rows_make_the_same_dataset(rows: list[tuple[str, str, float, int]], rng: object) -> None:
    shuffled = list(rows)
    rng.shuffle(shuffled)  # type: ignore[attr-defined]
    split = Random(Random.Config(valid=0.2, test=0.2))
    try:
        one = made(frames(log(rows)), split)
    except InputError:
        return
    other = made(frames(log(shuffled)), split)
    assert one.users.all() == other.users.all()
    for name, values in one.events.items():
        assert np.array_equal(values, other.events[name]), name
    assert np.array_equal(one.bounds, other.bounds)


def test_file_order_breaks_ties_only_of_sequences(tmp_path: Path) -> None:
    path = tmp_path / "s.txt"
    path.write_text("u1 c a b d\nu2 d c b a\n")
    dataset = made(Sequences(Sequences.Config(path=str(path))).read())
    assert names(dataset, "u1", Part.TRAIN) + names(dataset, "u1", Part.VALID) == ["c", "a", "b"]
    assert names(dataset, "u2", Part.TEST) == ["a"]
    assert dataset.facts["ties"] == 0.0
    assert set(dataset.events["time"]) == {-1}


def test_ties_are_broken_by_the_seed_and_counted() -> None:
    rows = log([("u", f"i{n}", 1.0, 7) for n in range(20)] + [("v", "i1", 1.0, n) for n in range(5)])
    orders = {tuple(names(made(frames(rows), seed=seed), "u", Part.TRAIN)) for seed in range(3)}
    assert len(orders) == 3
    assert made(frames(rows)).facts["ties"] == 20 / 25


def test_numbers_say_nothing_of_order_or_popularity() -> None:
    """The published files leak by first-seen numbers; ours correlate with neither first row nor count."""
    rng = np.random.default_rng(0)
    items = np.sort(rng.zipf(1.3, 20_000) % 500)
    frame = pl.DataFrame({"user_id": rng.integers(0, 300, 20_000), "item_id": items, "timestamp": np.arange(20_000)})
    dataset = made(frames(frame))
    ids = np.array([int(key) for key in dataset.items.all().to_pylist()])
    assert abs(np.corrcoef(ids, np.arange(len(ids)))[0, 1]) < 0.15
    assert abs(np.corrcoef(dataset.item_counts, np.arange(len(ids)))[0, 1]) < 0.15


def test_times_order_what_a_second_holds() -> None:
    seconds = [5.75, 5.5, 5.25, 5.0]
    frame = pl.DataFrame(
        {"user_id": ["u"] * 4, "item_id": list("abcd"), "timestamp": [1_000_000_000 + value for value in seconds]}
    )
    dataset = made(frames(frame))
    assert names(dataset, "u", Part.TRAIN) + names(dataset, "u", Part.VALID) == ["d", "c", "b"]
    assert dataset.facts["ties"] == 0.0


def test_parts_of_users_are_slices_and_facts_add_up() -> None:
    dataset = made(frames(steps(users=6, length=5)))
    assert dataset.facts["parts"] == {"train": 18, "given": 0, "valid": 6, "test": 6, "unused": 0}
    assert dataset.facts["users"] == 6
    assert dataset.facts["tested_users"] == 6
    assert dataset.facts["sparsity"] == pytest.approx(1 - 30 / (6 * dataset.n_items))
    for user in range(6):
        assert names(dataset, f"u{user}", Part.TEST) == [f"i{(user + 4) % 7}"]
        assert names(dataset, f"u{user}", Part.TRAIN) == [f"i{(user + step) % 7}" for step in range(3)]
    queries, truth = dataset.held_out("test")
    assert len(queries) == len(truth) == 6
    assert queries.history.lengths.tolist() == [4] * 6


def test_repeats_are_measured_on_training_rows() -> None:
    rows = [("u", item, 1.0, n) for n, item in enumerate(["a", "a", "b", "a", "c", "d"])]
    assert made(frames(log(rows))).facts["repeat_rate"] == pytest.approx(2 / 4)


def test_items_of_the_table_join_and_filtered_ones_do_not(tmp_path: Path) -> None:
    from p5rec.data.filters.k_core import KCore

    frame = pl.concat([steps(), log([("lonely", "rare", 3.0, 1_000_000_000)])])
    items = pl.DataFrame({"item_id": [f"i{n}" for n in range(7)] + ["rare", "new"], "title": list("abcdefghi")})
    dataset = made(frames(frame, items=items), filters=[KCore(KCore.Config(k_user=2, k_item=2))])
    assert dataset.items.number("new") >= 0
    assert dataset.items.number("rare") < 0
    assert dataset.facts["dropped"] == [
        {"stage": "k_core", "reason": "user or item has too few events", "rows": 1, "users": 1, "items": 1}
    ]
    assert made(frames(frame, items=items), table_items=False).items.number("new") < 0


def test_target_kind() -> None:
    frame = steps().with_columns(pl.Series("event", ["view", "cart", "buy"] * 10))
    assert made(frames(frame), Random(Random.Config())).target == 0
    dataset = made(frames(frame), Random(Random.Config()), target="view")
    assert dataset.kinds[dataset.target] == "view"
    with pytest.raises(InputError, match=r"data\.target: there is no event kind 'sell'; known are: buy, cart, view"):
        made(frames(frame), target="sell")
    odd = frame.with_columns(pl.col("event").replace({"view": "p", "cart": "q", "buy": "r"}))
    with pytest.raises(InputError, match=r"data\.target: which event kind is to be predicted"):
        made(frames(odd))


def test_prepared_is_what_is_loaded(tmp_path: Path) -> None:
    tables = frames(steps())
    dataset = prepare(tables, tmp_path / "out", split=LeaveOneOut(LeaveOneOut.Config()))
    again = storage.load(tmp_path / "out")
    assert isinstance(again.events["item"], np.memmap)
    assert dataset.facts == again.facts
    assert estimate(tables)[0] == 30
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_describe_says_what_the_data_is() -> None:
    lines = made(frames(steps())).describe()
    assert lines["events"] == "30 of 6 users with 7 items"
    assert lines["label"] == "1 to 5, mean 3.00"
    assert lines["dropped"] == "nothing"


def test_shared_beauty_is_read_as_published() -> None:
    folder = Path(os.environ.get("P5REC_SHARED", Path(__file__).parents[3] / "shared" / "data")) / "amazon-beauty"
    if not folder.is_dir():
        pytest.skip("the shared benchmark data is not here (set P5REC_SHARED)")
    config = Sequences.Config(path=str(folder / "sequences.txt"), items=str(folder / "items.jsonl"))
    dataset = made(Sequences(config).read())
    assert (dataset.n_users, dataset.n_items, len(dataset.events["item"])) == (22_363, 12_101, 198_502)
    assert dataset.facts["items_without_training"] == 33
    cold = dataset.item_counts == 0
    assert int(cold[dataset.held_out("test")[1].items.flat()[1]].sum()) == 138
    categories = dataset.item_features.columns["categories"]
    assert "Burt's Bees" in categories.levels


def test_shared_lists_read_by_table(tmp_path: Path) -> None:
    path = tmp_path / "e.tsv"
    path.write_text("uid\tasin\nu1\ta\nu1\tb\nu1\tc\n")
    assert names(made(read(str(path))), "u1", Part.TEST)[0] in "abc"
