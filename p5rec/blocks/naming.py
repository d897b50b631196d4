"""Words of a prompt that name what items are told in: "jazz", or, behind a "not", what is not wanted."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from p5rec.blocks.stream import Kind, Stream
from p5rec.blocks.unit import unit

NEAR = 4  # words whose order tells at once what the last is for: itself and those just before it
STRESS = 8.0  # how much one word counts at the start of training, times what its place says


class Naming(nn.Module):
    """A copy mechanism (after See et al. 2017) that points at items: a word speaks for the items that are told in it.

    How much it speaks for or against them is told by the words just before it, by its hidden vector, which knows all
    that stands before it, and by the ask. Words match by vectors of their own, so a name no prompt ever told in
    training works as any other.

    Args:
        hidden: H, the width of hidden and of word vectors.
        width: E, the width in which words match.
    """

    def __init__(self, hidden: int, width: int) -> None:
        super().__init__()
        self.width = width
        self.spell = nn.Linear(hidden, width, bias=False)
        self.key, self.query = nn.Linear(hidden, width), nn.Linear(hidden, width)
        self.near = nn.Conv1d(hidden, width, NEAR)
        nn.init.orthogonal_(self.spell.weight)

    def named(self, asked: Tensor, read: Tensor, words: Tensor, kept: Tensor, before: Tensor) -> Tensor:
        """What the words before each ask speak for.

        Args:
            asked: (B, A, H) hidden vectors of the asks.
            read: (B, N, H) hidden vectors of the words.
            words: (B, N, H) the vectors of these words.
            kept: (B, N) bool; of other words only the place tells how much they count, as of a name never heard.
            before: (B, A, N) bool: words that stand before the ask.

        Returns:
            (B, A, E).
        """
        if not words.shape[1]:
            return asked.new_zeros(*asked.shape[:2], self.width)
        heard = words * kept.unsqueeze(-1)
        near = self.near(F.pad(heard.transpose(1, 2), (NEAR - 1, 0))).transpose(1, 2)
        stress = self.query(asked) @ F.gelu(self.key(read) + near).transpose(1, 2) / self.width**0.5
        return (stress * STRESS).masked_fill(~before, 0.0) @ unit(self.spell(words))

    def told(self, words: Tensor, lexicon: Tensor) -> Tensor:
        """The words (N, S) each item is told in, -1 pads, of a lexicon (W, H) → (N, E), the sum of their vectors."""
        if not words.shape[1]:
            return lexicon.new_zeros(len(words), self.width)
        vectors = unit(self.spell(lexicon)).float()
        known = (words >= 0).to(vectors.dtype)
        return F.embedding_bag(words.clamp(min=0), vectors, per_sample_weights=known, mode="sum")


def places(stream: Stream) -> Tensor:
    """(B, N) where the words of each row stand, -1 pads; N = 0 where there are none."""
    word = stream.kinds == Kind.WORD
    most = int(word.sum(1).max())
    if not most:
        return stream.asks[:, :0]
    order = word.to(torch.int8).argsort(dim=1, descending=True, stable=True)[:, :most]
    return order.masked_fill(~word.gather(1, order), -1)
