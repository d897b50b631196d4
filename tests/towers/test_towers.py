"""Towers: an id alone costs a table; content works where the id is unknown; growing keeps old rows."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from p5rec.contracts import Tower
from p5rec.core.errors import InputError
from p5rec.data.features import Column, Features, Kind
from p5rec.data.ragged import Ragged
from p5rec.testing.making import FOLDERS
from p5rec.towers.tower import FeatureTower, IdTower, build

COLUMNS = {
    "group": Column(Kind.CATEGORY, np.array([0, 1, -1, 0, 1], dtype=np.int32), ("a", "b")),
    "tags": Column(Kind.LIST, Ragged.of([[0], [0, 1], [], [2], []], np.int32), ("x", "y", "z")),
    "price": Column(Kind.NUMBER, np.array([0.5, np.nan, np.nan, -1.0, 2.0], dtype=np.float32)),
}


def tower(names: list[str], features: Features, fusion: str = "sum", width: int = 8) -> Tower:
    views = {name: (plug := FOLDERS["modality"].load(name), plug.Config()) for name in names}
    joint = FOLDERS["fusion"].load(fusion)
    torch.manual_seed(0)
    made = build(features, width, views, (joint, joint.Config())).eval()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(torch.randn_like(parameter))
    return made


def full(**changes: Any) -> Features:
    return replace(Features(5, COLUMNS), **changes)


def test_ids_alone_are_a_table_without_a_copy() -> None:
    made = tower(["id", "category"], Features(5))
    assert isinstance(made, IdTower), "category steps aside where the data has none"
    assert made.all() is made.table
    ids = torch.tensor([[3, -1], [0, 3]])
    assert torch.equal(made(ids)[0, 0], made.table[3])
    assert torch.equal(made(ids)[0, 1], made.missing)
    assert sum(parameter.numel() for parameter in made.parameters()) == 5 * 8 + 8


def test_no_modality_left_is_a_sentence() -> None:
    with pytest.raises(InputError, match=r"none of category finds a column .* \(no columns\); add 'id'"):
        tower(["category"], Features(5))


@pytest.mark.parametrize("fusion", ["sum", "gate", "concat"])
def test_shapes_and_the_unknown(fusion: str) -> None:
    made = tower(["id", "category", "number"], full(), fusion)
    assert isinstance(made, FeatureTower)
    assert made.all().shape == (5, 8)
    ids = torch.tensor([[[1, 4]], [[-1, 2]]])
    assert made(ids).shape == (2, 1, 2, 8)
    assert torch.allclose(made(ids)[1, 0, 1], made.all()[2], atol=1e-6)
    parts = made.parts(torch.tensor([2, -1]))
    assert torch.equal(parts["category"][0], made.missing["category"]), "row 2 has no category"
    assert torch.equal(parts["number"][0], made.missing["number"])
    assert all(torch.equal(parts[name][1], made.missing[name]) for name in parts)


@pytest.mark.parametrize("fusion", ["gate", "concat"])
def test_fusions_begin_as_the_sum(fusion: str) -> None:
    parts = {"a": torch.randn(4, 8), "b": torch.randn(4, 8)}
    present = {name: torch.ones(4, dtype=torch.bool) for name in parts}
    plug = FOLDERS["fusion"].load(fusion)
    assert torch.allclose(plug(plug.Config(), ["a", "b"], 8)(parts, present), parts["a"] + parts["b"], atol=1e-6)


def test_rows_never_trained_on_are_known_by_content_only() -> None:
    made = tower(["id", "category"], full(seen=np.array([True, True, True, False, True])))
    parts = made.parts(torch.tensor([0, 3]))
    assert torch.equal(parts["id"][1], made.missing["id"])
    assert not torch.equal(parts["id"][0], made.missing["id"])


def test_ids_are_hidden_at_random_in_training_only() -> None:
    made = tower(["id", "category"], full())
    made.views["id"].dropout = 0.5
    ids = torch.zeros(400, dtype=torch.long)
    assert torch.equal(made(ids), made.all()[:1].expand(400, 8))
    made.train()
    hidden = (made.parts(ids)["id"] == made.missing["id"]).all(1).float().mean()
    assert 0.35 < float(hidden) < 0.65


@pytest.mark.parametrize("names", [["id"], ["id", "category", "number"]])
def test_growing_keeps_old_rows_and_new_ones_live_by_content(names: list[str]) -> None:
    made = tower(names, full())
    before = made.all().detach().clone()
    columns = {
        "group": Column(Kind.CATEGORY, np.array([0, 1, -1, 0, 1, 2, 0], dtype=np.int32), ("a", "b", "c")),
        "tags": Column(Kind.LIST, Ragged.of([[0], [0, 1], [], [2], [], [3, 0, 1], [0]], np.int32), tuple("wxyz")),
        "price": Column(Kind.NUMBER, np.array([0.5, np.nan, np.nan, -1.0, 2.0, 0.0, 0.5], dtype=np.float32)),
    }
    made.grow(Features(7, columns))
    assert torch.allclose(made.all()[:5], before, atol=1e-6)
    assert torch.isfinite(made.all()).all()
    if names == ["id"]:
        assert torch.equal(made.all()[5], made.missing)
    else:
        old, new = made.parts(torch.tensor([0])), made.parts(torch.tensor([6]))
        assert torch.allclose(new["category"], old["category"], atol=1e-6), "same categories, same part"
        assert torch.equal(new["id"][0], made.missing["id"])
    other = tower(names, Features(7, columns))
    other.load_state_dict(made.state_dict())
    assert torch.allclose(other.all(), made.all(), atol=1e-6)


def test_a_category_part_is_the_mean_of_its_levels() -> None:
    made = tower(["category", "id"], full())
    view = made.views["category"]
    group, tags = view.tables["column group"], view.tables["column tags"]
    part = made.parts(torch.tensor([1]))["category"][0]
    assert torch.allclose(part, group[1] + (tags[0] + tags[1]) / 2, atol=1e-6)
