"""Graphs as a modality: what travels over edges is known, is of training rows, and later rows change nothing."""

from pathlib import Path

import numpy as np
import pytest
import torch

from p5rec.core.errors import InputError
from p5rec.data import storage
from p5rec.data.builder import prepare
from p5rec.data.dataset import Dataset
from p5rec.data.edges import EVENTS
from p5rec.data.features import Column, Features, Kind
from p5rec.data.ragged import Ragged
from p5rec.data.sources.table import Table
from p5rec.data.splits.leave_one_out import LeaveOneOut
from p5rec.testing.making import drawn, setting, towers
from p5rec.testing.sample import poisoned, sample
from p5rec.testing.sequences import from_sequences
from p5rec.towers.modalities.graph import Graph, GraphConfig, carried, directions
from p5rec.towers.modalities.graph import _matrix as matrix

BLOCKS = [[0, 1], [1, 2], [0, 2], [3, 4], [4, 5], [3, 5], []]  # two blocks, and a row that is linked to nothing


def links(rows: list[list[int]]) -> Column:
    return Column(Kind.LINK, Ragged.of(rows, np.int32))


def graph(features: Features, **settings: object) -> tuple[Graph, np.ndarray]:
    with drawn(0):
        made = Graph(GraphConfig(**settings), 8)
    return made, made.read(features.only(Graph.columns(features))).numpy()


def test_two_blocks_are_told_apart() -> None:
    values = graph(Features(7, {"friends": links(BLOCKS)}), size=2)[1]
    near = values[:6] / np.linalg.norm(values[:6], axis=1, keepdims=True)
    alike = near @ near.T
    assert np.allclose(alike[:3, :3], 1, atol=1e-5)
    assert np.allclose(alike[3:, 3:], 1, atol=1e-5)
    assert np.allclose(alike[:3, 3:], 0, atol=1e-5)
    assert np.isnan(values[6]).all()


@pytest.mark.parametrize("hops", [1, 2])
def test_vectors_are_those_of_the_full_matrix(hops: int) -> None:
    """With all directions, products of vectors are those of the normalised links to the power of the hops."""
    made = matrix(links([[0, 1], [1], [0, 2, 3], [3]]))
    full = made.toarray()
    scaled = full / np.sqrt(full.sum(1))[:, None] / np.sqrt(full.sum(0))[None, :]
    vectors = carried(made, directions(made, 64, hops))
    wanted = np.linalg.matrix_power(scaled @ scaled.T, 2 * hops - 1)
    assert np.allclose(vectors @ vectors.T, wanted, atol=1e-5)


def test_later_rows_change_no_old_one_and_are_carried_the_same() -> None:
    modality, before = graph(Features(7, {"friends": links(BLOCKS)}))
    after = modality.read(Features(9, {"friends": links([*BLOCKS, [0, 1], [6, 99]])})).numpy()
    assert np.array_equal(after[:7], before, equal_nan=True)
    assert np.allclose(after[7], before[0])


def test_training_events_are_links_and_held_out_ones_are_not() -> None:
    dataset = from_sequences({"a": ["x", "y", "z"], "b": ["x", "z", "y"]})
    users, items = dataset.known_users.columns[EVENTS].values, dataset.known_items.columns[EVENTS].values
    x, known = dataset.items.number("x"), [dataset.users.number("a"), dataset.users.number("b")]
    assert [list(row) for row in users] == [[x], [x]]
    assert sorted(items[x]) == sorted(known)
    assert int(items.lengths.sum()) == 2


def test_held_out_rows_change_no_vector() -> None:
    clean = sample()
    for side in ("known_items", "known_users"):
        first, second = (graph(getattr(one, side), of=(EVENTS,))[1] for one in (clean, poisoned(clean)))
        assert np.array_equal(first, second, equal_nan=True)


def test_a_tower_reads_links_and_is_saved_with_them() -> None:
    made_for = setting(sample())
    towered = towers(made_for.users, ("id", "graph"), "sum")
    with drawn(0):
        first, second = towered(8).eval(), towered(8).eval()
    second.load_state_dict(first.state_dict())
    assert torch.equal(first.all(), second.all())
    assert first.parts(torch.arange(3))["graph"].shape == (3, 8)


def test_a_name_that_is_no_link_is_told() -> None:
    features = Features(7, {"friends": links(BLOCKS)})
    with pytest.raises(InputError, match=r"no links called 'freinds'.*friends"):
        graph(features, of=("freinds",))


# ---------------------------------------------------------------- tables


def prepared(folder: Path, **options: object) -> Dataset:
    events = "user_id,item_id,time\n" + "".join(f"u{u},i{(u + n) % 4},{n}\n" for u in range(4) for n in range(3))
    (folder / "events.csv").write_text(events, encoding="utf-8")
    source = Table(Table.Config(path=str(folder / "events.csv"), **options))
    return prepare(source.read(), folder / "data", split=LeaveOneOut(LeaveOneOut.Config()))


def written(folder: Path, text: str) -> str:
    path = folder / "links.csv"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_pairs_link_both_ways_and_strangers_are_noted(tmp_path: Path) -> None:
    path = written(tmp_path, "user,friend\nu0,u1\nu1,u0\nu2,nobody\n")
    dataset = prepared(tmp_path, user_links={"friends": path})
    rows = dataset.user_features.columns["friends"].values
    number = dataset.users.number
    assert {key: [dataset.users.key(n) for n in rows[number(key)]] for key in ("u0", "u1", "u2")} == {
        "u0": ["u1"],
        "u1": ["u0"],
        "u2": [],
    }
    assert "1 of 3 links are of users that are not in the data" in "; ".join(dataset.facts["notes"])
    grown = storage.grow(dataset, users=["new"])
    assert list(grown.user_features.columns["friends"].values.lengths[-1:]) == [0]


def test_triples_link_items_to_things_by_relation(tmp_path: Path) -> None:
    path = written(tmp_path, "item,relation,thing\ni0,by,ann\ni1,by,ann\ni2,with,ann\nx,by,bob\n")
    column = prepared(tmp_path, item_links={"facts": path}).item_features.columns["facts"]
    assert column.kind == Kind.LINK
    assert column.levels == ("by ann", "with ann")
    assert int(column.values.lengths.sum()) == 3


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a\n1\n", r"found 1 columns \(a\), expected two \(a pair of users\) or three"),
        ("a,b\nx,y\n", "no row links users of the data; its first row has 'x' and the users are like 'u"),
    ],
)
def test_bad_links_are_one_sentence(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(InputError, match=told):
        prepared(tmp_path, user_links={"friends": written(tmp_path, text)})


def test_links_do_not_take_the_name_of_a_column(tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text("item_id,genre\ni0,x\ni1,y\ni2,x\ni3,y\n", encoding="utf-8")
    path = written(tmp_path, "a,b\ni0,i1\n")
    with pytest.raises(InputError, match=r"item_links\.genre: the table of items has a column of this name"):
        prepared(tmp_path, items=str(tmp_path / "items.csv"), item_links={"genre": path})
