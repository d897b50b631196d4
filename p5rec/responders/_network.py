"""The small network of a second stage: how good each competing item is, from what is known of it and of the query."""

from __future__ import annotations

import math
from base64 import b64decode, b64encode

import numpy as np
import torch
from safetensors.torch import load, save
from torch import Tensor, nn

PASS, SMALL, LARGE = 50, 8, 128  # steps of a pass, at least, where that leaves a step so many queries; at most so many
HELD = 10  # one query of so many is not learned from, but tells which pass was the best
FAR = 6.0  # deviations from the mean; what is further out says no more


class Network(nn.Module):
    """Two hidden layers; an item is scored by itself, whatever competes beside it.

    Attributes:
        centre, spread: (F,) mean and deviation of the facts it learned from.
    """

    centre: Tensor
    spread: Tensor

    def __init__(self, facts: int, width: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.register_buffer("centre", torch.zeros(facts))
        self.register_buffer("spread", torch.ones(facts))
        first, second = ([nn.Linear(size, width), nn.SiLU(), nn.Dropout(dropout)] for size in (facts, width))
        self.layers = nn.Sequential(*first, *second, nn.Linear(width, 1))

    def forward(self, facts: Tensor) -> Tensor:
        """(…, F) → (…)."""
        scores: Tensor = self.layers(((facts - self.centre) / self.spread).clamp(-FAR, FAR)).squeeze(-1)
        return scores

    def text(self) -> str:
        """All weights, as letters."""
        return b64encode(save(self.state_dict())).decode()

    @classmethod
    def of(cls, text: str) -> Network:
        """The network that gave a text."""
        state = load(b64decode(text))
        with torch.device("meta"):  # nothing is drawn for what is filled at once
            made = cls(len(state["centre"]), len(state["layers.0.bias"]))
        made.load_state_dict(state, assign=True)
        return made.eval()


class Lesson:
    """Competing items and which of them are right, query by query.

    Attributes:
        facts: (N, F) float32, those of one query side by side.
        right: (N,) bool.
        bounds: (Q + 1,) where the items of each query begin, and the last end.
    """

    def __init__(self, facts: np.ndarray, right: np.ndarray, sizes: list[int]) -> None:
        self.facts, self.right = torch.from_numpy(facts), torch.from_numpy(right)
        self.bounds = torch.tensor([0, *np.cumsum(sizes)])

    def __len__(self) -> int:
        return len(self.bounds) - 1

    def loss(self, network: Network, queries: np.ndarray) -> Tensor:
        """Mean cross-entropy of the choice among the items of each of some queries."""
        first, sizes = self.bounds[queries], self.bounds.diff()[queries]
        column = torch.arange(int(sizes.max()))
        there = column < sizes.unsqueeze(1)
        place = (first.unsqueeze(1) + column).where(there, 0)
        shares = network(self.facts[place]).masked_fill(~there, -torch.inf).log_softmax(1)
        right = self.right[place] & there
        return -(shares.masked_fill(~right, 0).sum(1) / right.sum(1)).mean()


def taught(lesson: Lesson, width: int, passes: int, rate: float, dropout: float, seed: int) -> Network:
    """A network that has learned from some queries; the rest tells after which pass it was best."""
    rng = np.random.default_rng(seed)
    held, learned = np.split(rng.permutation(len(lesson)), [len(lesson) // HELD])
    count = math.ceil(len(learned) / min(max(len(learned) // PASS, SMALL), LARGE))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = Network(lesson.facts.shape[1], width, dropout)
        network.centre, network.spread = lesson.facts.mean(0), lesson.facts.std(0, correction=0).clamp(min=1e-6)
        optimiser = torch.optim.AdamW(network.parameters(), rate, weight_decay=1e-3)
        steps = max(passes * count, 11)  # the schedule divides by zero at ten
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=steps, pct_start=0.1)
        best, kept = math.inf, ""
        for _ in range(passes):
            network.train()
            for batch in np.array_split(rng.permutation(learned), count):
                optimiser.zero_grad()
                lesson.loss(network, batch).backward()
                optimiser.step()
                schedule.step()
            if (found := _judged(network.eval(), lesson, held)) <= best:
                best, kept = found, network.text()
    return Network.of(kept)


def _judged(network: Network, lesson: Lesson, queries: np.ndarray) -> float:
    """Mean loss of some queries; 0 without any, so that the last pass is the best."""
    parts = [queries[start : start + LARGE] for start in range(0, len(queries), LARGE)]
    with torch.inference_mode():
        return sum(float(lesson.loss(network, part)) * len(part) for part in parts) / max(len(queries), 1)
