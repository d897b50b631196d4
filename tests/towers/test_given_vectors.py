"""Given vectors: whatever their length and centre, they tell items apart; missing ones are missing parts."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from p5rec.data.features import Column, Features, Kind
from p5rec.testing.making import FOLDERS
from p5rec.towers.tower import build

PLUG = FOLDERS["modality"].load("vector")


def features(rows: int = 6, scale: float = 1.0, shift: float = 0.0, seen: np.ndarray | None = None) -> Features:
    rng = np.random.default_rng(0)
    text = (rng.normal(size=(rows, 4)) * scale + shift).astype(np.float32)
    sound = rng.normal(size=(rows, 3)).astype(np.float32)
    text[1], sound[1:3] = np.nan, np.nan
    return Features(rows, {"text": Column(Kind.VECTOR, text), "sound": Column(Kind.VECTOR, sound)}, seen)


def made(told: Features, **settings: Any) -> tuple[Any, torch.Tensor]:
    torch.manual_seed(0)
    modality = PLUG(PLUG.Config(**settings), 8)
    return modality, modality.read(told)


def test_a_row_is_the_sum_of_what_it_has() -> None:
    modality, values = made(features())
    text, sound = modality.projections
    parts = modality.encode(values)
    assert modality.present(values).tolist() == [True, False, True, True, True, True]
    assert torch.allclose(parts[0], text(values[:1, :4])[0] + sound(values[:1, 4:])[0])
    assert torch.allclose(parts[2], text(values[2:3, :4])[0])
    assert not parts[1].any()


@pytest.mark.parametrize("hidden", [0, 5])
def test_length_of_the_vectors_does_not_matter(hidden: int) -> None:
    modality, values = made(features(scale=1), hidden=hidden)
    same, longer = made(features(scale=100), hidden=hidden)
    assert torch.allclose(modality.encode(values), same.encode(longer), atol=1e-5)


def test_what_all_vectors_share_is_taken_away() -> None:
    """Vectors of encoders lie in a narrow cone; at first sight all items would be one."""
    modality, values = made(features(shift=20.0))
    level = modality.encode(values)[[0, 3, 4, 5]]
    assert torch.corrcoef(level)[0, 1:].mean() < 0.5


def test_what_is_normal_is_learned_from_training_rows() -> None:
    seen = np.array([True, True, True, True, False, False])
    told = features(seen=seen)
    column = told.columns["text"]
    odd = np.array(column.values)
    odd[4:] = 50.0
    modality, _ = made(told)
    other, _ = made(replace(told, columns={**told.columns, "text": replace(column, values=odd)}))
    assert torch.equal(modality.projections[0].mean, other.projections[0].mean)


def test_a_column_without_a_single_vector_is_nothing() -> None:
    empty = Features(3, {"text": Column(Kind.VECTOR, np.zeros((3, 0), dtype=np.float32))})
    modality, values = made(empty)
    assert not modality.present(values).any()
    assert torch.equal(modality.encode(values), torch.zeros(3, 8))


def test_a_vector_that_lacks_a_number_is_none() -> None:
    given = np.array([[1.0, 2.0], [np.nan, 2.0], [np.inf, 1.0]], dtype=np.float32)
    modality, values = made(Features(3, {"text": Column(Kind.VECTOR, given)}))
    assert modality.present(values).tolist() == [True, False, False]
    assert not modality.encode(values)[1:].any()


@pytest.mark.filterwarnings("error::UserWarning")
def test_vectors_mapped_from_a_file_are_copied(tmp_path: Path) -> None:
    np.save(tmp_path / "v.npy", np.array([[1.0, 2.0], [np.nan, 2.0]], dtype=np.float32))
    mapped = np.load(tmp_path / "v.npy", mmap_mode="r")
    _, values = made(Features(2, {"text": Column(Kind.VECTOR, mapped)}))
    values[0] = 0.0
    assert mapped[0].tolist() == [1.0, 2.0]


def test_an_item_never_seen_is_told_by_its_vector() -> None:
    told = features(seen=np.array([True] * 5 + [False]))
    views = {name: (plug := FOLDERS["modality"].load(name), plug.Config()) for name in ("id", "vector")}
    joint = FOLDERS["fusion"].load("sum")
    tower = build(told, 8, views, (joint, joint.Config())).eval()
    parts = tower.parts(torch.tensor([1, 5]))
    assert torch.equal(parts["vector"][0], tower.missing["vector"])
    assert torch.equal(parts["id"][1], tower.missing["id"])
    assert parts["vector"][1].any()


def test_pace_slows_what_is_learned_and_changes_no_first_part() -> None:
    told, moved = features(), []
    for pace in (1.0, 0.05):
        vector, values = made(told, pace=pace)
        before = vector.encode(values)
        optimiser = torch.optim.Adam(vector.parameters(), 0.01)
        (before * torch.linspace(-1, 2, before.numel()).view_as(before)).sum().backward()
        optimiser.step()
        moved.append((before.detach(), (vector.encode(values) - before).abs().mean()))
    assert torch.allclose(moved[0][0], moved[1][0], atol=1e-6)
    assert float(moved[1][1]) == pytest.approx(0.05 * float(moved[0][1]), rel=0.01)
