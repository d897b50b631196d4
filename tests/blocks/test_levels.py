"""Levels of users and items: the strengths of their shrinkage are found, not given."""

import numpy as np
import pytest
import torch

from p5rec.blocks.factorization import Factorization
from p5rec.blocks.levels import levels


def drawn(of_users: float, of_items: float, noise: float) -> tuple[torch.Tensor, ...]:
    """20,000 labels of 1,000 users and 500 items that spread as told, and the levels they were made of."""
    random = np.random.default_rng(0)
    users, items = random.integers(0, 1000, 20_000), random.integers(0, 500, 20_000)
    level = random.normal(0, of_users, 1000), random.normal(0, of_items, 500)
    labels = level[0][users] + level[1][items] + random.normal(0, noise, 20_000)
    return tuple(torch.from_numpy(one) for one in (users, items, labels - labels.mean(), *level))


def test_strengths_are_how_noise_compares_with_the_spread() -> None:
    users, items, labels, _, _ = drawn(of_users=0.5, of_items=0.25, noise=1.0)
    found = levels(users, items, labels, 1000, 500)
    assert found.pull[0] == pytest.approx(1.0 / 0.25, rel=0.15)
    assert found.pull[1] == pytest.approx(1.0 / 0.0625, rel=0.15)


def test_levels_come_nearer_than_means_and_than_nothing() -> None:
    users, items, labels, true, _ = drawn(of_users=0.5, of_items=0.25, noise=2.0)
    found = levels(users, items, labels, 1000, 500).users
    counts = torch.bincount(users, minlength=1000)
    means = torch.zeros(1000, dtype=torch.float64).index_add_(0, users, labels) / counts
    errors = [float((guess - true).square().mean()) for guess in (found, means, torch.zeros(1000))]
    assert errors[0] < 0.8 * min(errors[1:])


def test_users_who_do_not_differ_have_no_level() -> None:
    users, items, labels, _, _ = drawn(of_users=0.0, of_items=0.5, noise=1.0)
    found = levels(users, items, labels, 1000, 500)
    assert found.pull[0] > 80
    assert float(found.users.square().mean()) < 0.05**2


def test_nothing_is_said_of_those_without_a_label() -> None:
    found = levels(torch.tensor([0, 0]), torch.tensor([1, 2]), torch.tensor([1.0, -0.5]), 3, 4)
    assert found.users[1:].tolist() == [0.0, 0.0]
    assert found.items[[0, 3]].tolist() == [0.0, 0.0]
    assert levels(*torch.zeros(3, 0).long(), 2, 2).users.tolist() == [0.0, 0.0]


def test_a_learned_bias_stands_in_only_where_there_is_no_level() -> None:
    tables = [torch.nn.Embedding(4, width) for width in (2, 2, 1, 1)]
    numbers = Factorization(3, *tables, factors=2, pull=0.0, hide=0.0, counts=(4, 4))
    numbers.fit(torch.tensor([0, 1, 0]), torch.tensor([0, 0, 1]), torch.tensor([1.0, 5.0, 4.0]))
    users = torch.tensor([0])
    level = numbers.user_level[users].unsqueeze(1)
    numbers(torch.zeros(1, 1, 3), users.unsqueeze(1), level, torch.arange(3)).sum().backward()
    assert tables[2].weight.grad is not None
    assert not tables[2].weight.grad.any()
    assert tables[3].weight.grad is not None
    assert tables[3].weight.grad.squeeze(1).ne(0).tolist() == [False, False, True, False]
