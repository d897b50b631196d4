"""Baselines that copy: the training sentence that is nearest to an item, or to a user and an item.

They write fluent sentences of real people and know nothing else, so a model that explains has to beat them; beside
their distinct-n a bland sentence shows (Li et al., 2020, compare with such sentences).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from scipy import sparse

from p5rec.core.errors import InputError, MissingExtra
from p5rec.data.ragged import Ragged, joined

PAIRS = 2**17  # pairs of query and sentence compared at once


@dataclass(frozen=True)
class Copier:
    """Training sentences as TF-IDF vectors of length 1, and the mean vectors of their users and items.

    Attributes:
        texts: the N sentences.
        vectors: (N, W), one row a sentence.
        by_user, by_item: the sentences of each user and each item, as rows of sentence numbers.
        of_users, of_items: (U, W) and (V, W), each the direction of the mean of its sentences; 0 without any.
        first: the sentence nearest to all, said where nothing is known.
    """

    texts: tuple[str, ...]
    vectors: Any = field(repr=False)
    by_user: Ragged = field(repr=False)
    by_item: Ragged = field(repr=False)
    of_users: Any = field(repr=False)
    of_items: Any = field(repr=False)
    first: int

    def of_item(self, items: np.ndarray) -> tuple[str, ...]:
        """For each of (Q,) items its most central sentence, the one nearest to all others of the item."""
        return self._nearest(_rows(self.by_item, items), _rows(self.of_items, items))

    def of_user_and_item(self, users: np.ndarray, items: np.ndarray) -> tuple[str, ...]:
        """For each of (Q,) pairs the sentence, of the user or of the item, nearest to what both have said.

        People repeat themselves, so the user's own sentences are offered too; without them this baseline is weaker.
        """
        offered = joined(_rows(self.by_item, items), _rows(self.by_user, users))
        return self._nearest(offered, _rows(self.of_users, users) + _rows(self.of_items, items))

    def _nearest(self, offered: Ragged, wanted: Any) -> tuple[str, ...]:
        """Of each row of sentences the one nearest to a row of (Q, W); the first of those that tie."""
        chosen = np.full(len(offered), self.first)
        for part in _blocks(offered.lengths):
            row, sentence = offered.rows(part).flat()
            near = np.asarray(self.vectors[sentence].multiply(wanted[part][row]).sum(1)).ravel()
            order = np.lexsort((sentence, -near, row))
            rows, places = np.unique(row[order], return_index=True)
            chosen[part.start + rows] = sentence[order][places]
        return tuple(self.texts[number] for number in chosen)


def fit(users: np.ndarray, items: np.ndarray, texts: Sequence[str]) -> Copier:
    """Learn from training rows only.

    Args:
        users, items: (N,) numbers of who wrote about what.
        texts: the N sentences; empty ones are left out.

    Raises:
        InputError: there is no sentence with a word in it.
        MissingExtra: scikit-learn is not installed.
    """
    said = np.array([bool(text.strip()) for text in texts], dtype=bool)
    if not said.any():
        raise InputError("a baseline that copies needs training sentences, and there are none; name the text column")
    kept = tuple(text for text, one in zip(texts, said, strict=True) if one)
    users, items, vectors = users[said], items[said], _tfidf(kept)
    everywhere = np.zeros(len(kept), dtype=np.int64)
    near_all = np.asarray(vectors.multiply(_directions(everywhere, vectors)[everywhere]).sum(1)).ravel()
    return Copier(
        kept,
        vectors,
        _grouped(users),
        _grouped(items),
        _directions(users, vectors),
        _directions(items, vectors),
        int(near_all.argmax()),
    )


def _tfidf(texts: tuple[str, ...]) -> Any:
    """(N, W) rows of length 1; every run of letters or digits and every mark is a word."""
    try:
        from sklearn.feature_extraction.text import TfidfVectorizer
    except ImportError:
        raise MissingExtra("scikit-learn", "text", "the baseline that copies") from None
    return TfidfVectorizer(sublinear_tf=True, token_pattern=r"(?u)\w+|[^\w\s]").fit_transform(texts).tocsr()


def _grouped(numbers: np.ndarray) -> Ragged:
    """For each number the places where it stands."""
    counts = np.bincount(numbers)
    stops = np.cumsum(counts)
    return Ragged(np.argsort(numbers, kind="stable"), stops - counts, stops)


def _directions(numbers: np.ndarray, vectors: Any) -> Any:
    """(max + 1, W) the sum of each number's rows, scaled to length 1."""
    count = len(numbers)
    pick = sparse.csr_array((np.ones(count), (numbers, np.arange(count))), shape=(int(numbers.max()) + 1, count))
    sums = sparse.csr_array(pick @ vectors)
    lengths = np.sqrt(np.asarray(sums.multiply(sums).sum(1)).ravel())
    return sparse.csr_array(sparse.diags_array(1.0 / np.where(lengths > 0, lengths, 1.0)) @ sums)


def _rows(of: Any, numbers: np.ndarray) -> Any:
    """The rows of known numbers; nothing for those that are not known (negative or new)."""
    known = (numbers >= 0) & (numbers < (len(of) if isinstance(of, Ragged) else of.shape[0]))
    if isinstance(of, Ragged):
        found = of.rows(np.where(known, numbers, 0))
        return Ragged(found.values, found.starts, np.where(known, found.stops, found.starts))
    keep = sparse.diags_array(known.astype(np.float64))
    return sparse.csr_array(keep @ of[np.where(known, numbers, 0)])


def _blocks(lengths: np.ndarray) -> Iterator[slice]:
    """Runs of rows with about `PAIRS` values each."""
    block = np.cumsum(lengths) // PAIRS
    edges = [0, *(np.flatnonzero(np.diff(block)) + 1).tolist(), len(lengths)]
    for start, stop in pairwise(edges):
        if stop > start:
            yield slice(start, stop)
