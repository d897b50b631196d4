"""EASE against its explicit formula."""

import numpy as np
import pytest
import torch

from p5rec.contracts import StepsAside, collate
from p5rec.models.ease import Ease
from p5rec.testing.making import setting
from p5rec.testing.sample import sample


def solved(dataset, **settings):
    model = Ease(Ease.Config(**settings), setting(dataset))
    model.solve(dataset)
    return model.eval()


def scores(model, queries):
    with torch.inference_mode():
        return model.score(model.encode(collate(queries, model.length)))[:, 0].numpy()


def weighted_rows(histories, size, power):
    out = np.zeros((len(histories), size))
    for row, items in enumerate(histories):
        for age, item in enumerate(items[::-1]):
            out[row, item] += (age + 1.0) ** -power
    return out


def gram(histories, size, distance):
    """As X'KX: rows of X are the places of a history, K is how near two places are."""
    out = np.zeros((size, size))
    for items in histories:
        places = np.arange(len(items))
        near = (np.abs(places[:, None] - places) + 1.0) ** -distance
        assert np.linalg.eigvalsh(near).min(initial=0) > -1e-9
        x = np.eye(size)[items]
        out += x.T @ near @ x
    return out


@pytest.mark.parametrize(("distance", "recency"), [(0.0, 0.0), (0.7, 1.0)])
def test_the_scores_are_those_of_the_formula(distance, recency):
    dataset = sample()
    queries, _ = dataset.held_out("test")
    model = solved(dataset, ridge=3.0, distance=distance, recency=recency, neighbours=0)
    near = gram(list(dataset.history("train")), dataset.n_items, distance)
    inverse = np.linalg.inv(near + 3.0 * np.eye(dataset.n_items))
    weights = np.eye(dataset.n_items) - inverse / np.diag(inverse)[None, :]
    expected = weighted_rows(list(queries.history), dataset.n_items, recency) @ weights
    np.testing.assert_allclose(scores(model, queries), expected, atol=2e-5)


def test_no_other_matrix_without_a_diagonal_fits_better():
    dataset = sample()
    model = solved(dataset, ridge=3.0, distance=0.0, neighbours=0)
    x = torch.from_numpy(weighted_rows(list(dataset.history("train")), dataset.n_items, 0.0)).float()
    hold = model.neighbours
    matrix = torch.zeros(dataset.n_items, dataset.n_items)
    matrix[torch.arange(dataset.n_items).repeat_interleave(hold.bounds.diff()), hold.columns.long()] = hold.weights
    assert matrix.diagonal().abs().max() == 0

    def loss(weights):
        return float(((x - x @ weights) ** 2).sum() + 3.0 * (weights**2).sum())

    generator = torch.Generator().manual_seed(0)
    for _ in range(20):
        step = 0.01 * torch.randn(matrix.shape, generator=generator)
        assert loss(matrix + step.fill_diagonal_(0.0)) > loss(matrix)


def test_the_largest_weights_of_each_item_are_kept():
    dataset = sample()
    full, cut = solved(dataset, neighbours=0).neighbours, solved(dataset, neighbours=4).neighbours
    assert set(cut.bounds.diff().tolist()) == {4}
    assert len(full.weights) > len(cut.weights)
    kept = cut.weights.view(-1, 4).abs().sort(dim=1).values
    for item in range(dataset.n_items):
        row = full.weights[int(full.bounds[item]) : int(full.bounds[item + 1])].abs()
        best = torch.cat([row, row.new_zeros(4)]).sort(descending=True).values[:4]
        torch.testing.assert_close(kept[item], best.sort().values)


def test_it_steps_aside_above_a_stated_size():
    dataset = sample()
    with pytest.raises(StepsAside) as caught:
        solved(dataset, max_items=10)
    assert str(caught.value) == (
        "ease steps aside: the catalogue has 34 items and max_items is 10 (its matrix would take 0.0 GB); "
        "raise max_items or leave the model out"
    )
