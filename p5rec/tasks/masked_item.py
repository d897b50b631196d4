"""Items blanked out of a history and asked for: in place (the cloze of BERT4Rec, Sun et al. 2019), or behind it.

A causal model sees nothing behind a blank in place. For it the asks stand behind the whole context, in the order of
the blanks: a BLANK b BLANK | BLANK [first] BLANK [second]; so the right neighbours of each count.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from p5rec.blocks import losses
from p5rec.blocks.stream import Kind, Stream
from p5rec.collate import collate
from p5rec.contracts import Dataset, Factored, Model, Prompts, Queries, Setting, Task
from p5rec.core import seed as seeds
from p5rec.core.config import Config
from p5rec.data.ragged import Ragged
from p5rec.data.windows import Plan


class MaskedItemConfig(Config):
    """Settings of masked_item."""

    share: float = Field(0.3, gt=0, le=1, description="share of a history's items that are blanked out, at least one")
    last: float = Field(
        0.3,
        ge=0,
        le=1,
        description="share of rows where only the last item is, as when recommendations are asked for (models that "
        "read both sides)",
    )
    positions: int = Field(2048, ge=16, description="things of a batch, START included")
    window: int = Field(200, ge=1, description="longest window of a history for models that read any length")
    smoothing: float = Field(0.0, ge=0, lt=1, description="share of the target spread over the catalogue")


class MaskedItem(Task):
    """Cross-entropy over the catalogue of items behind BLANKs.

    The target is the (N,) items, row after row, and those that are no choice, as they occur in no training row.
    """

    Config = MaskedItemConfig
    needs = (Factored,)

    config: MaskedItemConfig

    def __init__(self, config: MaskedItemConfig, setting: Setting) -> None:
        super().__init__(config, setting)
        self._plan = Plan(config.positions)

    def steps(self, dataset: Dataset) -> int:
        """Steps of one pass."""
        return self._plan.steps(dataset)

    def batch(self, dataset: Dataset, model: Model, seed: int, step: int) -> tuple[Stream, tuple[Tensor, Tensor]]:
        """Windows of like length with some items blanked out; only items of the kind to be predicted are."""
        closed = torch.from_numpy(dataset.untrained_items)
        if model.causal:
            stream = self._behind(dataset, model, seed, step)
            answers = stream.values.gather(1, stream.asks.clamp(min=0))[stream.asks >= 0]
            return stream, (answers, closed)
        room = self.config.window if model.length is None else model.length - 1
        stream = collate(self._plan.queries(dataset, room, seed, step), model.length, asks="every")
        rng = seeds.rng(seed, "blanks", step)
        able = self._open(stream, dataset)
        blank = torch.from_numpy(self._chosen(able, rng))
        return _blanked(_ended(stream, blank, able), blank), (stream.values[blank], closed)

    def _behind(self, dataset: Dataset, model: Model, seed: int, step: int) -> Stream:
        """Blanks in place, and each asked for behind the context; what is known after a blanked event is hidden."""
        queries = self._plan.queries(dataset, self._room(model), seed, step)
        blank = self._drawn(queries, dataset, seeds.rng(seed, "blanks", step))
        stream = collate(replace(queries, prompt=_infilling(queries.history, blank)), model.length, asks="marked")
        hidden = stream.kinds == Kind.BLANK
        return replace(stream, outcome={name: grid.masked_fill(hidden, 0) for name, grid in stream.outcome.items()})

    def _room(self, model: Model) -> int:
        """Events of a window that leave room for a BLANK and an answer behind them for each blank."""
        if model.length is None:
            return self.config.window
        return max(1, min(int((model.length - 1) / (1 + 2 * self.config.share)), model.length - 3))

    def _drawn(self, queries: Queries, dataset: Dataset, rng: np.random.Generator) -> np.ndarray:
        """(N,) bool, event after event: the same share of each history, at least one."""
        row, place = queries.history.places()
        able = dataset.events["kind"][place] == dataset.target
        order = np.lexsort((np.where(able, rng.random(len(row)), 2.0), row))
        rank = np.empty_like(order)
        lengths = queries.history.lengths
        rank[order] = np.arange(len(row)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        count = np.bincount(row[able], minlength=len(lengths)) * self.config.share
        return able & (rank < np.maximum(count.astype(np.int64), 1)[row])

    def _open(self, stream: Stream, dataset: Dataset) -> np.ndarray:
        """(B, L) bool: items that may be asked for."""
        items = stream.kinds == Kind.ITEM
        if len(dataset.kinds) > 1:
            items = items & (stream.context["kind"] == dataset.target)
        found: np.ndarray = items.numpy()
        return found

    def _chosen(self, items: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """(B, L) bool: items to blank; a random share, never none, and the last alone in some rows."""
        order = np.where(items, rng.random(items.shape), 2.0)
        chosen = items & (order < np.maximum(self.config.share, order.min(1, keepdims=True) + 1e-9))
        place = np.where(items, np.arange(items.shape[1]), -1)
        only_last = items & (place == place.max(1, keepdims=True))
        return np.where(rng.random((len(items), 1)) < self.config.last, only_last, chosen)

    def loss(self, model: Model, stream: Stream, target: tuple[Tensor, Tensor]) -> Tensor:
        """A scalar, 1 for a model that knows nothing."""
        assert isinstance(model, Factored)
        vectors, right = model.vectors(model.encode(stream))[stream.asks >= 0], target[0].unsqueeze(1)
        every, weights = model.catalogue(), torch.ones_like(right, dtype=torch.float32)
        loss = losses.full_softmax(vectors, every, right, weights, self.config.smoothing, target[1])
        return loss / math.log(len(every))


def _infilling(history: Ragged, blank: np.ndarray) -> Prompts:
    """The histories with BLANKs (N,) in place; behind each history, in their order, BLANK and answer for each."""
    row, place = history.places()
    twice = np.repeat(np.flatnonzero(blank), 2)
    answer = np.arange(len(twice)) % 2 == 1
    source = np.concatenate([np.arange(len(row)), twice])
    order = np.argsort(row[source], kind="stable")
    source, hidden = source[order], np.concatenate([blank, ~answer])[order]
    stops = np.cumsum(np.bincount(row[source], minlength=len(history)))
    return Prompts(
        starts=np.concatenate([[0], stops[:-1]]),
        stops=stops,
        kinds=np.where(hidden, Kind.BLANK, Kind.ITEM).astype(np.int64),
        values=np.where(hidden, 0, history.values[place[source]]).astype(np.int64),
        numbers=np.zeros(len(source), dtype=np.float32),
        places=place[source],
        asked=np.concatenate([np.zeros(len(row), dtype=bool), answer])[order],
    )


def _ended(stream: Stream, blank: Tensor, able: np.ndarray) -> Stream:
    """Rows asked for their last item alone end there, as served ones do: no event of another kind stands behind."""
    places = torch.arange(blank.shape[1])
    last = torch.where(torch.from_numpy(able), places, 0).amax(1, keepdim=True)
    alone = (blank.sum(1, keepdim=True) == 1) & blank.gather(1, last)
    behind = alone & (places > last)
    return replace(
        stream,
        kinds=stream.kinds.masked_fill(behind, Kind.PAD),
        values=stream.values.masked_fill(behind, 0),
        context={n: grid.masked_fill(behind, -1 if n == "time" else 0) for n, grid in stream.context.items()},
        outcome={n: grid.masked_fill(behind, 0) for n, grid in stream.outcome.items()},
    )


def _blanked(stream: Stream, blank: Tensor) -> Stream:
    """BLANK where `blank` (B, L) says so, an ask at each; what is known after a blanked event is hidden, too."""
    count = blank.sum(1)
    order = torch.where(blank, torch.arange(blank.shape[1]), blank.shape[1]).sort(1).values
    asks = order[:, : max(int(count.max()), 1)]
    return replace(
        stream,
        kinds=stream.kinds.masked_fill(blank, Kind.BLANK),
        values=stream.values.masked_fill(blank, 0),
        asks=torch.where(asks < blank.shape[1], asks, -1),
        outcome={name: grid.masked_fill(blank, 0) for name, grid in stream.outcome.items()},
    )
