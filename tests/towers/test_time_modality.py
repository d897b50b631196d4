"""Times of items: to the second over centuries, seasons near each other, missing ones missing."""

from typing import Any

import numpy as np
import torch

from p5rec.data.features import Column, Features, Kind
from p5rec.testing.making import FOLDERS

PLUG = FOLDERS["modality"].load("time")
DAY = 86_400


def features(seconds: list[int], seen: list[bool] | None = None) -> Features:
    column = Column(Kind.TIME, np.array(seconds, dtype=np.int64))
    return Features(len(seconds), {"made": column}, None if seen is None else np.array(seen))


def made(told: Features) -> tuple[Any, torch.Tensor]:
    torch.manual_seed(0)
    modality = PLUG(PLUG.Config(), 8)
    return modality, modality.read(told)


def test_missing_times_are_missing_and_times_before_1970_are_not() -> None:
    modality, values = made(features([-1, 0, -86_400 * 400, 10**9]))
    assert modality.present(values).tolist() == [False, True, True, True]
    assert torch.isfinite(modality.encode(values)).all()


def test_hours_and_seasons_are_told_apart_at_any_age() -> None:
    """In single precision seconds since 1970 are only exact to about two minutes; days of today would blur."""
    start = 1_700_000_000
    modality, values = made(features([start, start + 6 * 3600, start + 365 * DAY, 10]))
    vectors = modality.encode(values)
    assert (vectors[0] - vectors[1]).norm() > 0.05
    assert (vectors[0] - vectors[2]).norm() > 0.01


def test_what_is_normal_is_learned_from_training_rows() -> None:
    told = [10 * DAY, 20 * DAY, 30 * DAY, -1]
    modality, _ = made(features([*told, 9_000 * DAY], [True] * 4 + [False]))
    assert modality.mean.tolist() == [20 * DAY]
    assert np.isclose(modality.deviation.item(), np.std([10 * DAY, 20 * DAY, 30 * DAY]))


def test_a_new_reading_keeps_what_is_normal() -> None:
    modality, values = made(features([10 * DAY, 20 * DAY]))
    before = modality.encode(values)
    grown = modality.read(features([10 * DAY, 20 * DAY, 9_000 * DAY]))
    assert torch.equal(modality.encode(grown)[:2], before)


def test_a_column_without_a_single_time_does_no_harm() -> None:
    modality, values = made(features([-1, -1]))
    assert not modality.present(values).any()
    assert torch.isfinite(modality.encode(values)).all()
