"""Graphs as a modality: what travels over edges is known, is of training rows, and later rows change nothing."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from p5rec.collate import collate
from p5rec.core.config import Config
from p5rec.core.errors import InputError
from p5rec.data import storage
from p5rec.data.builder import prepare
from p5rec.data.dataset import Dataset
from p5rec.data.edges import EVENTS
from p5rec.data.features import Column, Features, Kind
from p5rec.data.ragged import Ragged
from p5rec.data.sources.table import Table
from p5rec.data.splits.leave_one_out import LeaveOneOut
from p5rec.models.lightgcn import Lightgcn, LightgcnConfig
from p5rec.tasks.edge import Edge, EdgeConfig
from p5rec.testing.making import FOLDERS, drawn, setting, towers
from p5rec.testing.sample import poisoned, sample
from p5rec.testing.sequences import from_sequences
from p5rec.towers.fusion.sum import Sum
from p5rec.towers.modalities.graph import Graph, GraphConfig, carried, directions
from p5rec.towers.modalities.graph import _matrix as matrix
from p5rec.towers.tower import build

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


# ---------------------------------------------------------------- a world in which only friends tell


def silent_and_talking(each: int = 40, items: int = 10) -> tuple[Dataset, np.ndarray]:
    """Two circles of friends, each with items of its own; half of the users have shown nothing yet but a start.

    Returns:
        The data, users with links to their circle, and the circle of each user by number.
    """
    rng, circle, sequences = np.random.default_rng(0), {}, {}
    for user in range(2 * each):
        key, side = f"u{user:02d}", user % 2
        own = [f"{side}-{item}" for item in rng.permutation(items)[:6]]
        sequences[key], circle[key] = (own if user < each else ["start", *own[:2]]), side
    plain = from_sequences(sequences)
    sides = np.array([circle[key] for key in plain.users.all().to_pylist()])
    friends = [rng.choice(np.flatnonzero(sides == side), 8, replace=False) for side in sides]
    return from_sequences(sequences, user_columns={"friends": links(friends)}), sides


@pytest.mark.parametrize(("view", "least", "most"), [("graph", 0.95, 1.0), ("id", 0.3, 0.8)])
def test_who_showed_nothing_yet_is_told_by_friends(view: str, least: float, most: float) -> None:
    dataset, sides = silent_and_talking()
    plug, settings = FOLDERS["modality"].load(view), {"of": ("friends",), "size": 2} if view == "graph" else {}
    views, joint = {view: (plug, plug.Config(**settings))}, (Sum, Config())
    made_for = replace(setting(dataset), user_tower=lambda width: build(dataset.known_users, width, views, joint))
    with drawn(0):
        model = Lightgcn(LightgcnConfig(width=16), made_for)
        task = Edge(EdgeConfig(unknown=0.0), made_for)
        model.bind(dataset)
        optimiser = torch.optim.Adam(model.parameters(), 0.02)
        for step in range(50):
            model.refresh()
            loss = task.loss(model, *task.batch(dataset, model, 0, step))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    model.eval()
    queries, _ = dataset.held_out("valid")
    queries = queries.rows(np.flatnonzero(queries.history.lengths == 1))
    with torch.no_grad():
        model.refresh()
        top = model.score(model.encode(collate(queries)))[:, 0].topk(5).indices.numpy()
    right = np.array([[key.startswith(f"{side}-") for key in dataset.items.keys(row)]
                      for row, side in zip(top, sides[queries.users], strict=True)])  # fmt: skip
    assert least <= right.mean() <= most
