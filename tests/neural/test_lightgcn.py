"""LightGCN is the formula of its paper, sees training edges only, and answers who was never seen."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from p5rec.collate import collate
from p5rec.core.errors import InputError
from p5rec.data.dataset import Dataset
from p5rec.data.queries import Queries
from p5rec.models.lightgcn import Lightgcn, LightgcnConfig
from p5rec.tasks.edge import Edge, EdgeConfig
from p5rec.testing.making import drawn, fitted, setting
from p5rec.testing.sample import sample
from p5rec.testing.sequences import from_sequences
from p5rec.testing.teaching import ranker, taught
from p5rec.testing.worlds import checkerboard

PLAIN = LightgcnConfig(width=8, hops=3, cosine=False)


def model_of(dataset: Dataset, config: LightgcnConfig = PLAIN) -> Lightgcn:
    model: Lightgcn = fitted(Lightgcn, dataset, setting(dataset), config)
    return model


def dense(model: Lightgcn, dataset: Dataset) -> np.ndarray:
    """(U, V) scores by the formula of the paper, written with full matrices."""
    users, items = dataset.n_users, dataset.n_items
    adjacency = np.zeros((users + items, users + items))
    for user, row in enumerate(dataset.history("train")):
        for item in row:
            adjacency[user, users + item] += 1
    adjacency += adjacency.T
    degree = adjacency.sum(1)
    scale = np.diag(np.divide(1, np.sqrt(degree), where=degree > 0, out=np.zeros_like(degree)))
    start = torch.cat([model.users.all(), model.items.all()]).detach().double().numpy()
    layers = [start]
    for _ in range(model.config.hops):
        layers.append(scale @ adjacency @ scale @ layers[-1])
    final = np.mean(layers, axis=0)
    final[degree == 0] = start[degree == 0]  # nothing travels to or from them
    return final[:users] @ final[users:].T


@pytest.mark.parametrize("hops", [0, 1, 2, 3])
def test_scores_are_those_of_the_full_matrices(hops: int) -> None:
    dataset = sample()
    model = model_of(dataset, PLAIN.model_copy(update={"hops": hops}))
    active = np.flatnonzero(dataset.history("train").lengths)
    scores = model.score(model.encode(collate(dataset.training(active))))[:, 0]
    assert np.allclose(scores.detach().numpy(), dense(model, dataset)[active], atol=1e-4)


def test_held_out_edges_are_not_in_the_graph() -> None:
    dataset = from_sequences({"a": ["x", "y", "z"], "b": ["y", "z", "x"]})
    model = model_of(dataset)
    keys = {(int(user), int(item)) for user, item in model.graph.edges.T}
    numbers = [(dataset.users.number(user), dataset.items.number(item)) for user, item in (("a", "x"), ("b", "y"))]
    assert keys == set(numbers)


def test_a_new_event_counts_at_once_and_an_unknown_user_is_made_of_items() -> None:
    dataset = sample()
    model = model_of(dataset)
    alone, more, nobody = (
        model.encode(collate(Queries.of([row], users=np.array([user]))))[0, 0]
        for row, user in (([3, 4], 1), ([3, 4, 5], 1), ([3, 4], -1))
    )
    told = model.told[[3, 4]].sum(0) / 2**0.5
    assert not torch.allclose(alone, more)
    assert torch.allclose(nobody, (told + model.own[0]) / 4, atol=1e-6)
    assert torch.allclose(alone - nobody, (model.own[2] - model.own[0]) / 4, atol=1e-6)


def test_colours_are_found_for_users_known_and_new() -> None:
    world = checkerboard()
    model = taught(Lightgcn, world, epochs=4)
    queries, _ = world.dataset.held_out("test")
    right = world.oracle(queries) > 0
    for users in (queries.users, np.full(len(queries), -1)):
        lists = ranker(model, world)(replace(queries, users=users).excluding(queries.history), 5)
        assert np.take_along_axis(right, lists.items, axis=1).mean() > 0.95


@pytest.mark.parametrize("loss", ["softmax", "sampled", "bpr"])
def test_negatives_are_never_the_users_own(loss: str) -> None:
    """A model that ranks every item of a user above all others has no loss, whatever is drawn."""
    dataset = sample()
    task = Edge(EdgeConfig(loss=loss, pairs=64, negatives=20, unknown=0.0), setting(dataset))
    stream, wanted = task.batch(dataset, Lightgcn(PLAIN, setting(dataset)), 0, 0)
    have = torch.zeros(dataset.n_users, dataset.n_items)
    user, item = dataset.history("train").flat()
    have[user, item] = 100.0

    class Oracle(Lightgcn):
        def encode(self, stream):
            return have[stream.users].unsqueeze(1)

        def vectors(self, state):
            return state

        def catalogue(self, items=None):
            eye = torch.eye(dataset.n_items)
            return eye if items is None else eye[items]

    assert float(task.loss(Oracle(PLAIN, setting(dataset)), stream, wanted)) < 0.05


def test_the_event_itself_is_hidden_from_its_history() -> None:
    dataset = sample()
    for hide, less in ((True, 1), (False, 0)):
        task = Edge(EdgeConfig(hide=hide, shuffle=True, unknown=0.5), setting(dataset))
        stream, wanted = task.batch(dataset, Lightgcn(PLAIN, setting(dataset)), 0, 0)
        own = torch.bincount(wanted.row, minlength=len(stream))
        assert torch.equal(stream.lengths - 2, own - less)
        assert 0 < int((stream.users < 0).sum()) < len(stream)


def test_without_an_event_of_the_wanted_kind_nothing_is_taught() -> None:
    dataset = from_sequences({"a": list("wxyz")}, kinds={"a": [0, 0, 1, 1]}, kind_names=("view", "buy"), target=1)
    with pytest.raises(InputError, match="no training row is of the kind to be predicted"):
        Edge(EdgeConfig(), setting(dataset)).steps(dataset)


def test_gradients_travel_the_graph() -> None:
    """The backward pass by the transposed matrix is that of the full one."""
    dataset = sample()
    model = model_of(dataset)
    with drawn(0):
        users, items = torch.randn(dataset.n_users, 4), torch.randn(dataset.n_items, 4)
    forth = model.graph._matrices()[0].to_dense()
    found = []
    for travel in (lambda x, y: model.graph.propagated(x, y, 2)[1][2], lambda x, y: forth.T @ (forth @ y)):
        leaves = users.clone().requires_grad_(), items.clone().requires_grad_()
        travel(*leaves).square().sum().backward()
        found.append(leaves[1].grad)
    assert torch.allclose(*found, atol=1e-5)
