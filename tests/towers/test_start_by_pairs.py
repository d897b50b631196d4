"""Item vectors that begin by pairs: solved from what stands near what in training rows, and from nothing else."""

import numpy as np
import pytest
import torch
from scipy import sparse

from p5rec.blocks.pairs import ahead, association
from p5rec.blocks.spectrum import main_directions
from p5rec.commands import page as pages
from p5rec.commands import start
from p5rec.commands.assemble import setting
from p5rec.contracts import Dataset, Model
from p5rec.data.features import Column, Kind
from p5rec.data.told import rarity, told, weighed
from p5rec.testing.sample import poisoned
from p5rec.testing.sequences import from_sequences
from p5rec.towers.modalities.id import Id, near

GROUPS = ("abc", "bca", "cab", "def", "efd", "fde")
PAGE = {
    "data": {"source": "sequences", "path": "unread"},
    "items": {"modalities": [{"name": "id", "start": "pairs"}]},
    "model": {"p5": {"width": 8}},
}


def groups() -> Dataset:
    """Two groups of items, never in one history; the last event of each is held out, and one item is never trained."""
    rows = {f"u{number}": [*row, row[0], row[1]] for number, row in enumerate(GROUPS * 3)}
    return from_sequences({**rows, "v": ["a", "lonely", "lonely"]})


def test_main_directions_rebuild_a_table_of_low_rank() -> None:
    rng = np.random.default_rng(0)
    table = rng.standard_normal((40, 3)) @ rng.standard_normal((3, 30))
    left, strength, right = main_directions(sparse.csr_array(table), 5, rng)
    assert (left.shape, strength.shape, right.shape) == ((40, 5), (5,), (30, 5))
    assert np.allclose(left * strength @ right.T, table, atol=1e-4)
    assert np.allclose(strength[3:], 0, atol=1e-4)


def test_association_is_how_much_oftener_than_by_chance() -> None:
    pairs = sparse.csr_array(np.array([[5.0, 4.0, 0.0], [4.0, 0.0, 1.0], [0.0, 1.0, 0.0]]))
    told = association(pairs, 1.0).toarray()
    assert told[0, 0] == 0, "an item is no neighbour of itself"
    assert told[0, 1] == pytest.approx(np.log(4 * 15 / (9 * 5)))
    assert told[1, 2] == pytest.approx(np.log(1 * 15 / (5 * 1)))
    assert told[0, 2] == 0
    rare = association(sparse.csr_array(np.array([[0.0, 9.0, 1.0], [9.0, 0.0, 9.0], [1.0, 9.0, 0.0]])), 1.0)
    assert rare[0, 2] == 0, "seldom together: not a direction of its own"
    assert not ahead(np.zeros(1, int), np.zeros(1, int), 3, 5, lambda distance: 1.0).nnz


def test_who_stands_together_begins_alike() -> None:
    data = groups()
    numbers = data.items.numbers([*"abcdef", "lonely"])
    vectors = near(data.history("train"), 7, 2)
    unit = vectors[numbers[:6]] / np.linalg.norm(vectors[numbers[:6]], axis=1, keepdims=True)
    alike = unit @ unit.T
    assert vectors.dtype == np.float32
    assert alike[:3, :3].min() > 0.95
    assert alike[3:, 3:].min() > 0.95
    assert np.abs(alike[:3, 3:]).max() < 1e-3
    assert not vectors[numbers[6]].any(), "it stands in no training row"
    assert near(data.history("train"), 7, 20).shape == (7, 20), "wider than there are directions"


def test_an_item_without_pairs_begins_near_what_is_told_in_the_same_words() -> None:
    rows = {f"u{number}": [*row, row[0], row[1]] for number, row in enumerate(GROUPS * 3)}
    rows["v"] = ["a", "lonely", "lonely"]
    texts = {"a": "pot", "b": "tea", "c": "green tea", "d": "jam", "e": "oil", "f": "pot", "lonely": "pot"}
    bare = from_sequences(rows)
    named = np.array([texts[bare.items.key(number)] for number in range(7)], dtype=object)
    data = from_sequences(rows, item_columns={"text": Column(Kind.TEXT, named)}, spoken=list(texts.values()))
    numbers = data.items.numbers([*"abcdef", "lonely"])
    table = told(data.known_items)
    content = weighed(table, rarity(table, data.item_counts))
    vectors = near(data.history("train"), 7, 7, 2.0 * content)
    pairs = ahead(*data.history("train").flat(), 7, 5, lambda distance: 1 / distance)
    wanted = association(pairs + pairs.T, 0.75).toarray() + 4 * (content @ content.T).toarray()
    strength, turned = np.linalg.eigh(wanted)
    nearest = turned * np.maximum(strength, 0) @ turned.T
    assert np.allclose(vectors @ vectors.T, nearest, atol=1e-3), "products are those of pairs and of words, added up"
    unit = vectors[numbers] / np.linalg.norm(vectors[numbers], axis=1, keepdims=True)
    alike = unit @ unit[6]
    assert alike[[0, 5]].min() > 0.5 > alike[[1, 2, 3, 4]].max(), "a pot is near pots"


def _begun(values: dict[str, object], data: Dataset) -> tuple[Model, Model]:
    """The model as it begins by pairs, and as it begins at random."""
    made = []
    for way in ("pairs", "random"):
        page = pages.resolve({**values, "items": {"modalities": [{"name": "id", "start": way}]}})
        made.append(start.begun(page.models["p5"], setting(page, data), data, {})[0])
    return made[0], made[1]


def test_only_the_vectors_of_items_begin_so() -> None:
    data = groups()
    (lonely,) = data.items.numbers(["lonely"])
    solved, drawn = (dict(one.named_parameters()) for one in _begun(PAGE, data))
    changed = [name for name, value in solved.items() if not torch.equal(value, drawn[name])]
    assert changed == ["items.view.table"], "not those whose products estimate ratings, nor users"
    table, before = solved["items.view.table"], drawn["items.view.table"]
    assert torch.equal(table[lonely], before[lonely]), "an item without pairs begins at random"
    assert float(table.detach().std()) == pytest.approx(Id.Config().deviation, rel=0.3)


def test_held_out_events_say_nothing() -> None:
    data = groups()
    tables = [dict(_begun(PAGE, one)[0].named_parameters())["items.view.table"] for one in (data, poisoned(data))]
    assert torch.equal(*tables)
