"""Balances with a known answer: gradient surgery and learned variances; what they weigh is in the history."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from p5rec.contracts import Dataset, Model, Stream
from p5rec.core.config import Config
from p5rec.core.errors import InputError
from p5rec.tasks.next_item import NextItem, NextItemConfig
from p5rec.testing.making import setting
from p5rec.training.balance.pcgrad import Pcgrad, projected
from p5rec.training.balance.uncertainty import Uncertainty, UncertaintyConfig

Train = Callable[..., Any]
ONE = {"left": 1.0, "right": 1.0}


def gradients(losses: dict[str, Tensor], at: nn.Parameter) -> dict[str, Tensor]:
    return {name: torch.autograd.grad(loss, at, retain_graph=True)[0] for name, loss in losses.items()}


def conflict(at: nn.Parameter) -> dict[str, Tensor]:
    """Two bowls, one steep; between their bottoms the gradients point against each other."""
    return {
        "left": ((at - torch.tensor([-1.0, 0.5])) ** 2).sum(),
        "right": 10 * ((at - torch.tensor([1.0, 1.0])) ** 2).sum(),
    }


def test_surgery_conflicts_with_neither_task() -> None:
    at = nn.Parameter(torch.tensor([0.2, 0.0]))
    own = gradients(conflict(at), at)
    assert own["left"] @ own["right"] < 0
    plain = own["left"] + own["right"]
    assert plain @ own["left"] < 0, "the sum would make the small task worse"
    Pcgrad(Config(), ONE).backward(conflict(at), [at])
    assert at.grad is not None
    assert all(at.grad @ gradient > 0 for gradient in own.values())
    left = own["left"] - own["left"] @ own["right"] / (own["right"] @ own["right"]) * own["right"]
    right = own["right"] - own["left"] @ own["right"] / (own["left"] @ own["left"]) * own["left"]
    assert torch.allclose(at.grad, left + right, atol=1e-5)


def test_without_conflict_surgery_is_the_weighted_sum() -> None:
    at = nn.Parameter(torch.tensor([5.0, 5.0]))
    own = gradients(conflict(at), at)
    balance = Pcgrad(Config(), {"left": 2.0, "right": 0.5})
    balance.backward(conflict(at), [at])
    assert torch.allclose(at.grad, 2 * own["left"] + 0.5 * own["right"])  # type: ignore[arg-type]
    assert balance.counted() == {"left": 2.0, "right": 0.5}


def test_the_order_of_projections_is_drawn_by_the_seed() -> None:
    angles = torch.tensor([0.0, 1.9, 4.0], dtype=torch.float64)  # each points against the two others
    directions = torch.stack([angles.cos(), angles.sin()], dim=1)
    gram = directions @ directions.T
    found = []
    for seed in (1, 1, 2, 3, 4):
        torch.manual_seed(seed)
        found.append(projected(gram))
    assert torch.equal(found[0], found[1])
    assert any(not torch.allclose(found[0], other) for other in found[2:])


def test_parameters_of_one_task_are_no_matter_of_surgery() -> None:
    shared, head, idle = (nn.Parameter(torch.ones(2)) for _ in range(3))
    losses = {"left": -shared[0], "right": 5 * (shared * head).sum(), "flat": torch.tensor(3.0)}
    Pcgrad(Config(), {"left": 1.0, "right": 2.0}).backward(losses, [shared, head, idle])
    assert idle.grad is None
    assert torch.allclose(head.grad, torch.tensor([10.0, 10.0]))  # type: ignore[arg-type]
    assert torch.allclose(shared.grad, torch.tensor([-0.5, 0.5]) + torch.tensor([0.0, 10.0]))  # type: ignore[arg-type]


def test_learned_weights_come_to_one_over_the_loss() -> None:
    losses = {"easy": 0.25, "hard": 4.0}
    balance = Uncertainty(UncertaintyConfig(), {"easy": 1.0, "hard": 3.0})
    assert balance.counted() == {"easy": 1.0, "hard": 3.0}
    optimiser = torch.optim.Adam(balance.parameters(), lr=0.01)
    for _ in range(400):
        optimiser.zero_grad()
        balance.backward({name: torch.tensor(loss) for name, loss in losses.items()}, [])
        optimiser.step()
    assert balance.counted() == pytest.approx({"easy": 1 / 0.25, "hard": 3 / 4.0}, rel=0.02)


def test_learned_weights_stay_in_range_and_can_return() -> None:
    balance = Uncertainty(UncertaintyConfig(most=10), {"it": 1.0})
    optimiser = torch.optim.SGD(balance.parameters(), lr=0.001)

    def teach(loss: float, steps: int) -> float:
        for _ in range(steps):
            optimiser.zero_grad()
            balance.backward({"it": torch.tensor(loss)}, [])
            optimiser.step()
        balance._bound()
        return balance.counted()["it"]

    assert teach(0.0, 50) == pytest.approx(10)
    assert teach(1.0, 50) == pytest.approx(1, rel=0.1)


class Scaled(NextItem):
    factor = 1.0

    def loss(self, model: Model, stream: Stream, target: Any) -> Tensor:
        return super().loss(model, stream, target) * self.factor


def pair(dataset: Dataset) -> dict[str, Scaled]:
    made = {name: Scaled(NextItemConfig(positions=256), setting(dataset)) for name in ("quiet", "loud")}
    made["loud"].factor = 20.0
    return made


def test_training_learns_the_weights_and_shows_them(train: Train, dataset: Dataset) -> None:
    balance = Uncertainty(UncertaintyConfig(), {"quiet": 1.0, "loud": 1.0})
    history, model = train(tasks=pair(dataset), balance=balance, epochs=12, warmup=0)
    assert set(history.weights) == {"quiet", "loud"}
    assert {len(row) for row in history.weights.values()} == {history.steps}
    assert history.weights["loud"][-1] < 0.5 < history.weights["quiet"][-1]
    heads = sum(p.numel() for p in model.parameters())
    assert history.trainable == heads + 2
    plain, _ = train(tasks=pair(dataset), epochs=1)
    assert plain.weights == {}


def test_surgery_trains_like_the_sum_where_tasks_agree(train: Train, dataset: Dataset) -> None:
    history, _ = train(tasks=pair(dataset), balance=Pcgrad(Config(), {"quiet": 1.0, "loud": 1.0}), epochs=6)
    row = history.losses["quiet"]
    assert sum(row[-4:]) < 0.98 * sum(row[:4])
    assert len(history.weights["quiet"]) == history.steps
    assert all(math.isfinite(weight) for weight in history.weights["loud"])


def test_surgery_needs_all_tasks_in_a_step(train: Train, dataset: Dataset) -> None:
    balance = Pcgrad(Config(), {"quiet": 1.0, "loud": 1.0})
    with pytest.raises(InputError, match="the balance pcgrad needs the losses of all tasks in each step"):
        train(tasks=pair(dataset), balance=balance, turns="each")
