"""Value learning on logs (double Q, van Hasselt 2016, with a conservative term): a throw-away sketch."""

import math
from copy import deepcopy
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from p5rec.contracts import Dataset, Model, Stream, Task, collate
from p5rec.core import seed as seeds


@dataclass(frozen=True)
class Outcome:
    """Of each ask (B, A): the item shown, its reward, whether the session ended with it, no padding."""

    items: Tensor
    reward: Tensor
    done: Tensor
    real: Tensor


class Value(Task):
    """Q(state, item) is the model's score; the next state is the state at the next ask."""

    gamma, slow = 0.9, 0.05

    def begin(self, model: Model) -> None:
        self.target = deepcopy(model).requires_grad_(False).eval()

    def steps(self, dataset: Dataset) -> int:
        return -(-dataset.n_users // 64)

    def batch(self, dataset: Dataset, model: Model, seed: int, step: int) -> tuple[Stream, Outcome]:
        users = seeds.rng(seed, "value", step).choice(dataset.n_users, 64)
        stream = collate(dataset.training(users), model.length, asks="every")
        real = stream.asks >= 0
        items, reward = stream.values[:, 1:], stream.outcome["label"][:, 1:]
        last = torch.arange(real.shape[1]) == real.sum(1, keepdim=True) - 1
        return stream, Outcome(items, reward * real, last, real)

    def loss(self, model: Model, stream: Stream, target: Outcome) -> Tensor:
        scores = model.score(model.encode(stream))
        taken = scores.gather(2, target.items.unsqueeze(2)).squeeze(2)
        with torch.no_grad():
            best = scores[:, 1:].argmax(2, keepdim=True)
            after = self.target.score(self.target.encode(stream))[:, 1:].gather(2, best).squeeze(2)
            goal = target.reward + self.gamma * F.pad(after, (0, 1)) * ~target.done
        surprise = F.cross_entropy(scores[target.real], target.items[target.real]) / math.log(scores.shape[2])
        return F.smooth_l1_loss(taken[target.real], goal[target.real]) + 0.1 * surprise

    def after_step(self, model: Model) -> None:
        for old, new in zip(self.target.parameters(), model.parameters(), strict=True):
            old.lerp_(new.detach(), self.slow)
