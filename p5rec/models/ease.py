"""EASE: the linear item-to-item model with a closed form (Steck 2019); near pairs count more than distant ones."""

from __future__ import annotations

import numpy as np
import torch
from pydantic import Field
from scipy import sparse
from torch import Tensor

from p5rec.blocks.neighbours import Neighbours, chosen, nearest
from p5rec.blocks.pairs import ahead
from p5rec.blocks.past import decayed, past
from p5rec.blocks.sized import SizedByState, longer
from p5rec.contracts import Dataset, Grows, Setting, Solved, State, StepsAside, Stream
from p5rec.core.config import Config as Settings
from p5rec.data.ragged import Ragged


class Ease(SizedByState, Solved, Grows):
    """Weights B that best predict each item of a history from the others: ``min |X - XB|² + ridge |B|², diag B = 0``.

    In the Gram matrix of the histories X a pair of items d places apart counts ``(d + 1) ** -distance``: as if each
    history were seen through a window at each of its places. Only the largest weights of each item are kept.

    Attributes:
        prior: (V,) float32 popularity, so small that it only breaks ties and answers empty histories.
    """

    class Config(Settings):
        """Settings of EASE."""

        ridge: float = Field(150.0, gt=0, description="strength of the penalty")
        distance: float = Field(0.5, ge=0, description="decay of a pair with distance d in the history: (d + 1) ** -x")
        recency: float = Field(
            0.8, ge=0, description="decay of the history that is asked with, with age a: (a + 1) ** -x"
        )
        neighbours: int = Field(200, ge=0, description="keep so many weights of each item; 0 keeps all")
        length: int = Field(500, ge=2, description="items of a history that are read, the last ones")
        max_items: int = Field(20_000, ge=1, description="steps aside above so many items: memory grows as the square")

    claims = ("checkerboard",)
    prior: Tensor

    def __init__(self, config: Config, setting: Setting) -> None:
        super().__init__()
        self.config = config
        self.length = config.length + 2
        self.neighbours = Neighbours(setting.items.count)
        self.register_buffer("prior", torch.zeros(setting.items.count))

    def solve(self, dataset: Dataset) -> None:
        """Invert the regularised Gram matrix of the training histories.

        Raises:
            StepsAside: the catalogue is larger than `max_items`.
        """
        size = dataset.n_items
        if size > self.config.max_items:
            raise StepsAside(
                f"ease steps aside: the catalogue has {size:,} items and max_items is {self.config.max_items:,} "
                f"(its matrix would take {4e-9 * size**2:.1f} GB); raise max_items or leave the model out"
            )
        gram = nearness(dataset.history("train").last(self.config.length), size, self.config.distance)
        weights = closed_form(torch.from_numpy(gram.toarray()), self.config.ridge)
        self.neighbours.hold(largest(weights, self.config.neighbours))
        counts = dataset.item_counts
        self.prior = torch.from_numpy((counts * (1e-6 / max(counts.max(initial=0), 1))).astype(np.float32))

    def work(self, dataset: Dataset) -> tuple[float, float]:
        """A Cholesky inverse of the Gram matrix, beside which its factor and the inverse are held."""
        size = float(dataset.n_items)
        return (0.0, 0.0) if size > self.config.max_items else (2.0 * size**3, 12.0 * size**2)

    def encode(self, stream: Stream) -> State:
        """The items before each ask (B, A, L) and their weights (B, A, L)."""
        items, ages = past(stream)
        return {"items": items, "weights": decayed(items, ages, self.config.recency)}

    def score(self, state: State, items: Tensor | None = None) -> Tensor:
        """The weighted history times B: (B, A, C)."""
        return chosen(self.neighbours.score(state["items"], state["weights"]) + self.prior, items)

    def grow(self, setting: Setting) -> None:
        """New items have no weights yet."""
        self.neighbours.grow(setting.items.count)
        self.prior = longer(self.prior, setting.items.count)


def nearness(histories: Ragged, size: int, distance: float) -> sparse.csr_array:
    """(V, V) float32 sum over pairs of places of the histories, d apart, of ``(d + 1) ** -distance``.

    The decay is convex, so the matrix of a history's places is positive definite (Pólya), and so is this one.
    """
    row, item = histories.flat()
    longest = int(histories.lengths.max(initial=1))
    later = ahead(row, item, size, longest, lambda apart: (apart + 1.0) ** -distance)
    own = np.bincount(item, minlength=size).astype(np.float32)
    return sparse.csr_array(later + later.T + sparse.diags_array(own))


def closed_form(gram: Tensor, ridge: float) -> Tensor:
    """(V, V) Gram matrix, which is overwritten → weights B (V, V), zero on the diagonal."""
    gram.diagonal().add_(ridge)
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(gram))
    weights = inverse.div_(-inverse.diagonal().clone())
    weights.fill_diagonal_(0.0)
    return weights


def largest(weights: Tensor, count: int) -> sparse.csr_array:
    """The `count` weights of each row that are largest by absolute value; 0 keeps all."""
    if not count or count >= len(weights):
        return nearest(sparse.csr_array(weights.numpy()), 0)
    columns = weights.abs().topk(count, dim=1, sorted=False).indices
    kept = weights.gather(1, columns).numpy().ravel()
    row = np.repeat(np.arange(len(weights)), count)
    return sparse.csr_array((kept, (row, columns.numpy().ravel())), shape=(len(weights), len(weights)))
