"""What words and pairs of words say by themselves: the broad half of a broad and deep net."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from p5rec.blocks.shrink import shrunk
from p5rec.blocks.sized import longer

PAIRS = 2**15  # places that pairs of words share
MIX = 40_503  # spreads pairs over them; odd, so that all are reached
LOUD = 8.0  # weights begin at 0; this makes them learn as fast as all else
RIDGE = 1.0


class Tone(nn.Module):
    """A ridge regression on the words and pairs of words before an ask, learned along with the net.

    Rare words and small data ask for what is known to work there (a linear model on n-grams; Wang and Manning 2012);
    a deep net alone learns such data by heart. As in wide and deep learning (Cheng et al. 2016), both are added.

    Args:
        words: W.
        answers: C numbers that are said.
    """

    def __init__(self, words: int, answers: int) -> None:
        super().__init__()
        self.words = nn.Parameter(torch.zeros(words, answers))
        self.pairs = nn.Parameter(torch.zeros(PAIRS, answers))

    def forward(self, numbers: Tensor, before: Tensor, examples: float) -> Tensor:
        """Words (B, N), which of them stand before each ask (B, A, N), and how many examples there are → (B, A, C)."""
        if not numbers.shape[1]:
            return self.words.new_zeros(*before.shape[:2], self.words.shape[1])
        ridge = 2 * LOUD**2 * RIDGE / max(examples, 1.0)
        one, two = (shrunk(table, ridge * len(table)) for table in (self.words, self.pairs))
        said = one[numbers]
        pair = (numbers[:, :-1] * MIX + numbers[:, 1:]) % PAIRS
        said = torch.cat([said[:, :1], said[:, 1:] + two[pair]], dim=1)
        total = before.to(said.dtype) @ said
        return LOUD * total / (2 * before.sum(2, keepdim=True)).clamp(min=1).sqrt()

    def rows(self) -> dict[str, str]:
        """What the rows of its tables are."""
        return {"words": "words"}

    def grow(self, words: int) -> None:
        """New words say nothing."""
        self.words = nn.Parameter(longer(self.words.detach(), words))
