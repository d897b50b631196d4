"""One model as a ranker: collate, encode, score, the best k."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from p5rec.blocks.best import best
from p5rec.blocks.inference import alike, at_rest, device_of
from p5rec.contracts import Dataset, Factored, ItemLists, Model, Prompted, Queries, Responder, Tower, collate
from p5rec.core.config import Config as Settings
from p5rec.data.answers import NOTHING, reasoned

ROWS = 32  # at least at once: each batch reads the whole catalogue, which no cache holds when it is large


class Scorer(Responder):
    """Ranks by the scores of a model, in float32; rows go in batches of like length.

    Items of which the model knows nothing at all are not answered.

    Attributes:
        model: the model.
        count: V, items of the catalogue.
    """

    class Config(Settings):
        """Settings of the ranking of one model."""

        cells: int = Field(
            8_000_000, ge=1, description="scores held at once: rows of a batch x items; at least 32 rows"
        )
        tokens: int = Field(32_768, ge=1, description="positions encoded at once: rows of a batch x length")

    internal = True

    def __init__(self, config: Config, inner: Mapping[str, Model], dataset: Dataset) -> None:
        (self.model,) = inner.values()
        self.reads = isinstance(self.model, Prompted)
        self.config = config
        self.count = dataset.n_items
        self._catalogue: Tensor | None = None
        tower = getattr(self.model, "items", None)
        self._parts = tower.known() if isinstance(tower, Tower) else {}
        known = torch.stack(list(self._parts.values())).any(0) if self._parts else torch.ones(0, dtype=torch.bool)
        self._nothing = (~known).nonzero().squeeze(1)

    def refresh(self) -> None:
        """Forget the cached item vectors; to be called when the model has changed."""
        self._catalogue = None

    def __call__(self, queries: Queries, k: int | None) -> ItemLists:
        """The k best items of each query; all scores, in catalogue or candidate order, with ``k = None``."""
        answers = _blank(queries, self.count, k)
        short: dict[int, str] = {}
        with at_rest(self.model):
            for rows in self._batches(queries):
                part = queries.rows(rows)
                allowed = _Allowed(part, self.count)
                scores = self._scores(part, allowed)
                if k is None:
                    answers.scores[rows, : scores.shape[1]] = scores.numpy(force=True)
                    continue
                lists = allowed.top(scores, k)
                answers.items[rows], answers.scores[rows] = lists.items, lists.scores
                short.update({int(rows[row]): why for row, why in lists.short.items()})
        return ItemLists(answers.items, answers.scores, short)

    def similar(self, items: np.ndarray, k: int) -> ItemLists:
        """Factored models: the k nearest by cosine of item vectors; others: what follows the item alone.

        So it is for items without an id part, too: what they lack would make them like all who lack it.
        """
        if not isinstance(self.model, Factored) or not self._stand_with_others(items):
            return super().similar(items, k)
        with at_rest(self.model):
            vectors = torch.nn.functional.normalize(self._vectors(self.model), dim=-1)
            own = torch.from_numpy(np.asarray(items, dtype=np.int64)).to(vectors.device)
            scores = vectors[own] @ vectors.T
            scores[torch.arange(len(own)), own] = -torch.inf
            values, places = best(scores, min(k, self.count - 1))
        return ItemLists(places.numpy(force=True), values.numpy(force=True))

    def _scores(self, queries: Queries, allowed: _Allowed) -> Tensor:
        """(Q, V) or (Q, C) scores, -inf where nothing may be answered."""
        model = self.model
        if not isinstance(model, Prompted):
            queries = replace(queries, prompt=None)  # it reads the history, as it was trained to
        stream = collate(queries, model.length).to(device_of(model))
        state = model.encode(stream)
        if allowed.candidates is not None:
            candidates = torch.from_numpy(allowed.candidates).to(stream.kinds.device)
            scores = model.score(state, candidates.clamp(min=0)).squeeze(1).float()
        elif isinstance(model, Factored):
            scores = model.vectors(state).squeeze(1).float() @ self._vectors(model).T
        else:
            scores = model.score(state).squeeze(1).float()
        if len(self._nothing):
            scores = self._without_strangers(scores, allowed.candidates)
        return allowed.only(scores)

    def _without_strangers(self, scores: Tensor, candidates: np.ndarray | None) -> Tensor:
        """Scores (Q, C), -inf for items of which nothing is known."""
        nothing = self._nothing.to(scores.device)
        if candidates is None:
            return scores.index_fill(1, nothing, -torch.inf)
        return scores.masked_fill(torch.isin(torch.from_numpy(candidates).to(nothing), nothing), -torch.inf)

    def _stand_with_others(self, items: np.ndarray) -> bool:
        """Whether all of some items have what trained ones are known by."""
        own = self._parts.get("id")
        return own is None or bool(own[torch.from_numpy(np.asarray(items, dtype=np.int64))].all())

    def _vectors(self, model: Factored) -> Tensor:
        """(V, D) item vectors, made once."""
        if self._catalogue is None:
            self._catalogue = model.catalogue().float().contiguous()
        return self._catalogue

    def _batches(self, queries: Queries) -> Iterator[np.ndarray]:
        """Query numbers in batches."""
        read = queries.history if queries.prompt is None else queries.prompt
        lengths = read.lengths + 2  # START and BLANK
        lengths = lengths if self.model.length is None else np.minimum(lengths, self.model.length)
        wide = self.count if queries.candidates is None else int(queries.candidates.lengths.max(initial=1))
        cells, tokens = self.config.cells, self.config.tokens
        return alike(lengths, lambda longest: min(max(cells // max(wide, 1), ROWS), tokens // max(longest, 1)))


class _Allowed:
    """Which items may be answered to each of a batch of queries.

    Attributes:
        candidates: (Q, C) int64, -1 pads; None is the whole catalogue.
    """

    def __init__(self, queries: Queries, count: int) -> None:
        self.queries, self.count = queries, count
        given = queries.candidates
        self.candidates = None if given is None else given.padded(NOTHING).astype(np.int64)

    def only(self, scores: Tensor) -> Tensor:
        """The scores, overwritten with -inf where nothing may be answered."""
        excluded = self.queries.excluded
        if self.candidates is not None:
            scores[torch.from_numpy(self._left_out()).to(scores.device)] = -torch.inf
        elif excluded is not None:
            row, item = excluded.flat()
            known = item >= 0
            flat = torch.from_numpy(row[known] * self.count + item[known]).to(scores.device)
            scores = scores.contiguous()
            scores.view(-1)[flat] = -torch.inf
        return scores

    def _left_out(self) -> np.ndarray:
        """(Q, C) bool: pads, repeated candidates and excluded ones."""
        assert self.candidates is not None
        keys = np.arange(len(self.candidates))[:, None] * self.count + self.candidates
        out = self.candidates < 0
        first = np.zeros(keys.size, dtype=bool)
        first[np.unique(keys, return_index=True)[1]] = True
        out |= ~first.reshape(keys.shape)
        if self.queries.excluded is not None:
            row, item = self.queries.excluded.flat()
            out |= np.isin(keys, (row * self.count + item)[item >= 0])
        return out

    def top(self, scores: Tensor, k: int) -> ItemLists:
        """The k best of each row, best first, and why a row has fewer."""
        values, places = (part.numpy(force=True) for part in best(scores, k))
        items = places if self.candidates is None else np.take_along_axis(self.candidates, places, axis=1)
        lists = ItemLists(np.where(np.isneginf(values), NOTHING, items), values)
        return reasoned(lists, k, self.count, self.queries.candidates)


def _blank(queries: Queries, count: int, k: int | None) -> ItemLists:
    """Answers to be filled: (Q, k), or (Q, C) with the items of each column."""
    rows = len(queries)
    if k is not None:
        return ItemLists(np.full((rows, k), NOTHING, np.int64), np.full((rows, k), -np.inf, np.float32))
    if queries.candidates is None:
        items = np.broadcast_to(np.arange(count), (rows, count))
    else:
        items = queries.candidates.padded(NOTHING).astype(np.int64)
    return ItemLists(items, np.full(items.shape, -np.inf, np.float32))
