"""The tuned bias and stars from words: known worlds, other libraries, and the figures of real data."""

from __future__ import annotations

import gzip
import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from p5rec.core.errors import MissingExtra
from p5rec.evaluation import biases, stars

INSTRUMENTS = Path(os.environ.get("P5REC_SHARED", "../shared/data")) / "amazon-instruments" / "reviews.jsonl.gz"


def rated(seed: int, count: int = 6000, noise: float = 0.5) -> tuple[biases.Rows, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    of_users, of_items = rng.normal(0, 0.6, 100), rng.normal(0, 0.8, 60)
    users, items = rng.integers(0, 100, count), rng.integers(0, 60, count)
    return (users, items, 3 + of_users[users] + of_items[items] + rng.normal(0, noise, count)), of_users, of_items


def part(rows: biases.Rows, where: slice) -> biases.Rows:
    return rows[0][where], rows[1][where], rows[2][where]


def test_biases_of_a_world_of_biases_are_found() -> None:
    rows, of_users, of_items = rated(0)
    found = biases.fit(part(rows, slice(4000)), part(rows, slice(4000, 5000)))
    assert np.corrcoef(found.users, of_users)[0, 1] > 0.97
    assert np.corrcoef(found.items, of_items)[0, 1] > 0.97
    users, items, labels = part(rows, slice(5000, 6000))
    assert np.sqrt(np.mean((found.predict(users, items) - labels) ** 2)) < 0.56
    assert found.rmse < 0.56


def test_alternating_is_ridge_regression() -> None:
    rows, _, _ = rated(1, count=800)
    users, items, labels = rows
    one_hot = np.concatenate([np.eye(100)[users], np.eye(60)[items]], axis=1)
    wanted = Ridge(alpha=3.0, fit_intercept=False).fit(one_hot, labels - labels.mean()).predict(one_hot)
    found = biases.solve(rows, (3.0, 3.0))
    plain = found.mean + found.users[users] + found.items[items]
    np.testing.assert_allclose(plain, wanted + labels.mean(), atol=1e-4)


def test_noise_is_shrunken_away_and_strangers_get_the_mean() -> None:
    rng = np.random.default_rng(2)
    rows = rng.integers(0, 200, 600), rng.integers(0, 200, 600), rng.normal(3, 1, 600)
    found = biases.fit(part(rows, slice(400)), part(rows, slice(400, 600)))
    assert max(found.shrink) == max(biases.GRID)
    np.testing.assert_allclose(found.predict(np.array([-1, 999]), np.array([999, -1])), found.mean)
    assert found.predict(rows[0], rows[1]).min() >= found.low
    assert found.predict(rows[0], rows[1]).max() <= found.high


def reviews(seed: int, count: int) -> tuple[list[str], np.ndarray]:
    """Stars are 3 plus the good words minus the bad ones."""
    rng = np.random.default_rng(seed)
    good, bad = rng.integers(0, 3, count), rng.integers(0, 3, count)
    filler = [" ".join(rng.choice(["the", "a", "string", "pedal", "it"], 5)) for _ in range(count)]
    return [
        f"{' fine' * g}{' poor' * b} {rest}" for g, b, rest in zip(good, bad, filler, strict=True)
    ], 3.0 + good - bad


def test_stars_are_read_from_the_words() -> None:
    texts, labels = reviews(0, 600)
    found = stars.fit(texts[:400], labels[:400], texts[400:500], labels[400:500])
    error = found.predict(texts[500:]) - labels[500:]
    assert np.sqrt(np.mean(error**2)) < 0.35 * labels.std()
    assert found.alpha in stars.GRID
    assert found.low <= found.predict(["poor poor poor poor", "fine fine fine fine", ""]).min()


def test_stars_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.linear_model", None)
    with pytest.raises(MissingExtra, match=r"the baseline of stars from words needs .*pip install 'p5rec\[text\]'"):
        stars.fit(["a"], np.ones(1), ["a"], np.ones(1))


@pytest.mark.prove
@pytest.mark.skipif(not INSTRUMENTS.exists(), reason="the shared data is not here; set P5REC_SHARED")
def test_the_figures_of_instruments() -> None:
    """Each user's last review .963 by biases; random 80/20 about .69 by headline and text, about .735 by text."""
    rows = [json.loads(line) for line in gzip.decompress(INSTRUMENTS.read_bytes()).splitlines()]
    rows.sort(key=lambda row: (row["reviewerID"], row["unixReviewTime"]))
    users, items = (np.unique([row[key] for row in rows], return_inverse=True)[1] for key in ("reviewerID", "asin"))
    labels = np.array([row["overall"] for row in rows])
    last = np.r_[users[1:] != users[:-1], True]
    before = np.r_[last[1:], False]

    def of(where: np.ndarray) -> biases.Rows:
        return users[where], items[where], labels[where]

    chosen = biases.fit(of(~last & ~before), of(before))
    found = biases.solve(of(~last), chosen.shrink).predict(users[last], items[last])
    assert np.sqrt(np.mean((found - labels[last]) ** 2)) == pytest.approx(0.963, abs=0.01)
    order = np.random.default_rng(0).permutation(len(rows))
    test, valid, train = np.split(order, [len(rows) // 5, len(rows) * 3 // 10])
    for texts, wanted in (
        ([f"{row['summary']} . {row['reviewText']}" for row in rows], 0.69),
        ([row["reviewText"] for row in rows], 0.735),
    ):
        known, asked, judged = ([texts[n] for n in chosen] for chosen in (train, valid, test))
        read = stars.fit(known, labels[train], asked, labels[valid]).predict(judged)
        assert np.sqrt(np.mean((read - labels[test]) ** 2)) == pytest.approx(wanted, abs=0.03)
