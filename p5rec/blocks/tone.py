"""What words and pairs of words say by themselves: the broad half of a broad and deep net."""

from __future__ import annotations

import torch
from scipy import sparse
from torch import Tensor, nn

from p5rec.blocks.ngrams import PAIRS, cells, first_time, leading, loud
from p5rec.blocks.ridge import ridge
from p5rec.blocks.sized import longer

RIDGE = 0.25  # chosen on validation reviews of amazon-instruments, see LOG.md
PAIR, ALONE = 0, 1
LOUD = 8.0  # weights begin at 0; this makes them learn as fast as all else
TEXTS = 1024  # at once
Marks = tuple[Tensor, Tensor]  # words that end a sentence, and that end what stands before one


class Tone(nn.Module):
    """A linear model on the words and pairs of words before an ask, beside the net.

    On few texts a ridge regression on n-grams is hard to beat (Wang and Manning 2012), and a net learns them by heart;
    as in wide and deep learning (Cheng et al. 2016) both are added. Each word and pair counts once, and once more in
    the first sentence, which says most. What texts say of numbers is solved (`fit`); what words say of C further
    answers is learned. Two numbers are solved for: what a text says of a pair of user and item beyond their levels
    (`PAIR`), and what it says alone (`ALONE`).

    Args:
        words: W.
        answers: C.
    """

    solved: Tensor
    ends: Tensor
    openers: Tensor

    def __init__(self, words: int, answers: int) -> None:
        super().__init__()
        self.count = words
        self.learned = nn.Parameter(torch.zeros(words, answers))
        self.register_buffer("solved", torch.zeros(2, words + PAIRS, 2))  # of the whole text, of its first sentence
        self.register_buffer("ends", torch.zeros(words, dtype=torch.bool))
        self.register_buffer("openers", torch.zeros(words, dtype=torch.bool))

    def fit(self, words: Tensor, starts: Tensor, wanted: Tensor, marks: Marks) -> None:
        """Solve what texts say of a number.

        Args:
            words: (M,) of all texts, one text after the other.
            starts: (N + 1,) where each text begins, and where the last ends.
            wanted: (N, 2) the numbers that each should tell.
            marks: (any,) each: the words that end a sentence, and that end what stands before one.
        """
        for buffer, which in zip((self.ends, self.openers), marks, strict=True):
            buffer.zero_()[which] = True
        lengths = starts.diff()
        parts = [self._entries(words, starts[at : at + TEXTS + 1]) for at in range(0, len(lengths), TEXTS)]
        row = torch.cat([part[0] + at * TEXTS for at, part in enumerate(parts)])
        place = torch.cat([part[1] for part in parts])
        counts = torch.bincount(row, minlength=len(lengths)).double()
        value = (loud(lengths.double()) / counts.clamp(min=1).sqrt())[row]
        shape = len(lengths), self.solved[..., 0].numel()
        table = sparse.csr_array((value.numpy(), (row.numpy(), place.numpy())), shape=shape)
        found = torch.from_numpy(ridge(table, wanted.double().numpy(), RIDGE))
        self.solved[:] = found.view_as(self.solved)

    def _entries(self, words: Tensor, starts: Tensor) -> tuple[Tensor, Tensor]:
        """(E,) rows and places of some texts among all weights."""
        lengths = starts.diff()
        column = torch.arange(max(int(lengths.max()), 1))
        there = column < lengths.unsqueeze(1)
        padded = words[(starts[:-1].unsqueeze(1) + column).clamp(max=len(words) - 1)].masked_fill(~there, 0)
        places, told, lead = self._told(padded, there)
        lead = lead & leading(self.ends[padded], self.openers[padded], there.unsqueeze(1))[:, 0].unsqueeze(2)
        row = torch.arange(len(lengths)).view(-1, 1, 1).expand_as(places)
        return torch.cat([row[told], row[lead]]), torch.cat([places[told], places[lead] + self.solved.shape[1]])

    def _told(self, words: Tensor, there: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Words (B, N) that are `there` → places of words and pairs (B, N, 2), and which count, in text and lead."""
        places = cells(words, self.count)
        early = there & ((self.ends[words] & there).cumsum(1) == 0)
        return places, _once(places, there), _once(places, early)

    def forward(self, words: Tensor, before: Tensor) -> tuple[Tensor, Tensor]:
        """Words (B, N), and which stand before each ask (B, A, N) → numbers (B, A, 2), answers (B, A, C)."""
        if not words.shape[1]:
            return self.solved.new_zeros(*before.shape[:2], 2), self.learned.new_zeros(*before.shape[:2], self.answers)
        there, count = before.to(self.solved.dtype), before.sum(2)
        places, *told = self._told(words, before.any(1))
        heard = [there, leading(self.ends[words], self.openers[words], before).to(there.dtype)]
        number, entries = self.solved.new_zeros(()), self.solved.new_zeros(())
        for weights, counts, where in zip(self.solved, told, heard, strict=True):
            number = number + where @ (weights[places] * counts.unsqueeze(3)).sum(2)
            entries = entries + where @ counts.sum(2, keepdim=True).to(where.dtype)
        answers = LOUD * (there @ self.learned[words]) / count.clamp(min=1).sqrt().unsqueeze(2)
        return number * loud(count.to(there.dtype)).unsqueeze(2) / entries.clamp(min=1).sqrt(), answers

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
        silent = self.solved.new_zeros(2, words - self.count, 2)
        self.solved = torch.cat([self.solved[:, : self.count], silent, self.solved[:, self.count :]], dim=1)
        self.ends, self.openers = (longer(marks, words) for marks in (self.ends, self.openers))
        self.count = words


def _once(places: Tensor, there: Tensor) -> Tensor:
    """(B, N, 2) bool: words and pairs that are there, each where it is said first."""
    pairs = there.clone()
    pairs[:, 1:] &= there[:, :-1]
    pairs[:, :1] = False
    return first_time(places.flatten(1), torch.stack([there, pairs], dim=2).flatten(1)).view(places.shape)
