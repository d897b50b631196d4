"""What words and pairs of words say by themselves: the broad half of a broad and deep net."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from p5rec.blocks.ngrams import PAIRS, cells, loud, ridge
from p5rec.blocks.sized import longer

RIDGE = 0.25  # chosen on validation reviews of amazon-instruments, see LOG.md
PAIR, ALONE = 0, 1
LOUD = 8.0  # weights begin at 0; this makes them learn as fast as all else


class Tone(nn.Module):
    """A linear model on the words and pairs of words before an ask, beside the net.

    On few texts a ridge regression on n-grams is hard to beat (Wang and Manning 2012), and a net learns them by heart;
    as in wide and deep learning (Cheng et al. 2016) both are added. What texts say of numbers is solved (`fit`); what
    words say of C further answers is learned. Two numbers are solved for: what a text says of a pair of user and item
    beyond their levels (`PAIR`), and what it says alone (`ALONE`).

    Args:
        words: W.
        answers: C.
    """

    solved: Tensor

    def __init__(self, words: int, answers: int) -> None:
        super().__init__()
        self.count = words
        self.learned = nn.Parameter(torch.zeros(words, answers))
        self.register_buffer("solved", torch.zeros(words + PAIRS, 2))

    def fit(self, words: Tensor, starts: Tensor, wanted: Tensor) -> None:
        """Solve what texts say of a number.

        Args:
            words: (M,) of all texts, one text after the other.
            starts: (N + 1,) where each text begins, and where the last ends.
            wanted: (N, 2) the numbers that each should tell.
        """
        lengths = starts.diff()
        text = torch.repeat_interleave(torch.arange(len(lengths)), lengths)
        first = torch.zeros(len(words), dtype=torch.bool)
        first[starts[:-1][lengths > 0]] = True
        places = cells(words, self.count)
        told = torch.stack([torch.ones_like(first), ~first], dim=1).flatten()  # no pair ends at the first word
        place, row = places.flatten()[told], text.repeat_interleave(2)[told]
        counts = torch.bincount(row, minlength=len(lengths)).double()
        value = (loud(lengths.double()) / counts.clamp(min=1).sqrt())[row]
        for column, target in enumerate(wanted.double().T):
            self.solved[:, column] = ridge(row, place, value, target, len(self.solved), RIDGE).to(self.solved.dtype)

    def forward(self, words: Tensor, before: Tensor) -> tuple[Tensor, Tensor]:
        """Words (B, N), and which stand before each ask (B, A, N) → numbers (B, A, 2), answers (B, A, C)."""
        if not words.shape[1]:
            return self.solved.new_zeros(*before.shape[:2], 2), self.learned.new_zeros(*before.shape[:2], self.answers)
        there, count = before.to(self.solved.dtype), before.sum(2)
        said = self.solved[cells(words, self.count)]
        said[:, 0, 1] = 0.0  # no pair ends at the first word
        volume = loud(count.to(there.dtype)) / (2 * count - 1).clamp(min=1).sqrt()
        number = there @ said.sum(2) * volume.unsqueeze(2)
        answers = LOUD * (there @ self.learned[words]) / count.clamp(min=1).sqrt().unsqueeze(2)
        return number, answers

    @property
    def answers(self) -> int:
        """C."""
        return self.learned.shape[1]

    def rows(self) -> dict[str, str]:
        """What the rows of its tables are."""
        return {"learned": "words"}

    def grow(self, words: int) -> None:
        """New words say nothing; pairs keep their places."""
        self.learned = nn.Parameter(longer(self.learned.detach(), words))
        silent = self.solved.new_zeros(words - self.count, 2)
        self.solved = torch.cat([self.solved[: self.count], silent, self.solved[self.count :]])
        self.count = words
