"""Matrix factorisation against a plain solve, one row at a time."""

from itertools import pairwise

import numpy as np
import torch

from p5rec.contracts import collate
from p5rec.models.mf import MF
from p5rec.testing.making import setting
from p5rec.testing.sample import sample


def solved(dataset, **settings):
    model = MF(MF.Config(**{"width": 8, **settings}), setting(dataset))
    model.solve(dataset)
    return model.eval()


def fold_in(model, items, weights):
    """Set the gradient of ``Σ w (1 - x·y)² + unseen Σ (x·y)² + penalty |x|²`` to zero."""
    y, config = model.factors.double().numpy(), model.config
    penalty = config.ridge * (sum(weights) + config.unseen * len(y)) ** config.scaling
    left = config.unseen * y.T @ y + penalty * np.eye(y.shape[1])
    right = np.zeros(y.shape[1])
    for item, weight in zip(items, weights, strict=True):
        left += weight * np.outer(y[item], y[item])
        right += weight * y[item]
    return np.linalg.solve(left, right)


def test_a_user_is_the_ridge_solution_on_the_history():
    dataset = sample()
    model = solved(dataset, recency=0.5)
    queries, _ = dataset.held_out("test")
    with torch.inference_mode():
        found = model.encode(collate(queries, model.length))[:, 0].numpy()
    for row, items in enumerate(queries.history):
        weights = (np.arange(len(items))[::-1] + 1.0) ** -0.5
        np.testing.assert_allclose(found[row], fold_in(model, items, weights), atol=1e-4)


def test_each_sweep_lowers_the_loss():
    dataset = sample()
    seen = np.zeros((dataset.n_users, dataset.n_items))
    for user, items in enumerate(dataset.history("train")):
        np.add.at(seen[user], items, 1.0)

    def loss(model):
        config, y = model.config, model.factors.double().numpy()
        x = np.stack([fold_in(model, items, np.ones(len(items))) for items in dataset.history("train")])
        fit = (seen * (1 - x @ y.T) ** 2 + config.unseen * (x @ y.T) ** 2).sum()
        users = config.ridge * (seen.sum(1) + config.unseen * len(y)) * (x**2).sum(1)
        items = config.ridge * (seen.sum(0) + config.unseen * len(x)) * (y**2).sum(1)
        return fit + users.sum() + items.sum()

    losses = [loss(solved(dataset, sweeps=sweeps)) for sweeps in (1, 2, 4, 8)]
    assert all(late < early for early, late in pairwise(losses))


def test_items_without_an_event_score_nothing_but_their_popularity():
    dataset = sample()
    model = solved(dataset)
    unseen = np.bincount(dataset.training_items, minlength=dataset.n_items) == 0
    assert unseen.any()
    assert model.factors[torch.from_numpy(unseen)].abs().max() == 0


def test_rows_are_solved_alike_in_any_batch(monkeypatch):
    dataset = sample()
    whole = solved(dataset).factors
    monkeypatch.setattr("p5rec.models.mf.CELLS", 100)
    torch.testing.assert_close(solved(dataset).factors, whole, rtol=1e-3, atol=1e-4)
