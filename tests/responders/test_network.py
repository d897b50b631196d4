"""The network of a second stage: it finds what makes an item right, and stops where it begins to learn by heart."""

import numpy as np
import pytest
import torch

from p5rec.responders._network import Lesson, Network, taught


def lesson(queries: int, seed: int, told: bool = True) -> Lesson:
    """Lists of 2 to 12 items with four facts, one of them constant; the first two tell which is right."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(2, 13, queries)
    facts = rng.normal(size=(sizes.sum(), 4)).astype(np.float32) * 100
    facts[:, 3] = 7.0
    worth = np.abs(facts[:, 0]) + facts[:, 1] if told else rng.normal(size=len(facts))
    parts = np.split(worth, np.cumsum(sizes)[:-1])
    right = np.concatenate([part == part.max() for part in parts])
    return Lesson(facts, right, sizes.tolist())


def hits(network: Network, asked: Lesson) -> float:
    """Share of lists whose right item is put first."""
    with torch.inference_mode():
        scores = network(asked.facts)
    rows = zip(asked.bounds[:-1].tolist(), asked.bounds[1:].tolist(), strict=True)
    return float(np.mean([bool(asked.right[start + int(scores[start:stop].argmax())]) for start, stop in rows]))


def test_what_makes_an_item_right_is_found_and_kept_as_letters():
    network = taught(lesson(1500, 0), width=32, passes=8, rate=0.01, dropout=0.0, seed=1)
    asked = lesson(300, 1)
    assert hits(network, asked) > 0.9
    again = Network.of(network.text())
    with torch.inference_mode():
        torch.testing.assert_close(again(asked.facts), network(asked.facts), rtol=0, atol=0)


def test_the_same_seed_learns_the_same_and_leaves_the_dice_alone():
    torch.manual_seed(3)
    before = torch.get_rng_state()
    first, second = (taught(lesson(60, 0), 8, 2, 0.01, 0.2, seed=5).text() for _ in range(2))
    assert first == second
    assert first != taught(lesson(60, 0), 8, 2, 0.01, 0.2, seed=6).text()
    assert torch.equal(torch.get_rng_state(), before)


def test_of_many_passes_that_learn_by_heart_an_early_one_is_kept(monkeypatch):
    nonsense, asked = lesson(100, 0, told=False), lesson(300, 1, told=False)

    def loss() -> float:
        network = taught(nonsense, width=128, passes=20, rate=0.02, dropout=0.0, seed=0)
        return float(asked.loss(network, np.arange(300)).detach())

    kept = loss()
    monkeypatch.setattr("p5rec.responders._network._judged", lambda *a: 0.0)  # the last pass is kept
    assert kept < loss() - 0.2


@pytest.mark.parametrize(("queries", "passes"), [(1, 1), (2, 3), (40, 2), (9, 10)])
def test_few_queries_teach_something_too(queries, passes):
    network = taught(lesson(queries, 0), width=4, passes=passes, rate=0.01, dropout=0.1, seed=0)
    with torch.inference_mode():
        assert torch.isfinite(network(lesson(5, 1).facts)).all()


def test_the_loss_is_that_of_a_choice_from_each_list():
    asked = Lesson(np.zeros((5, 1), np.float32), np.array([1, 0, 0, 0, 1], bool), [2, 3])
    network = Network(1, 4).eval()
    loss = float(asked.loss(network, np.array([0, 1])).detach())
    assert loss == pytest.approx((np.log(2) + np.log(3)) / 2, abs=1e-6), "all items of a list are alike"
