"""The one function that turns queries into a stream; training, evaluation and serving all call it."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch

from p5rec.blocks.stream import Kind, Stream
from p5rec.data.queries import Queries
from p5rec.data.ragged import Ragged

OUTCOMES = ("label",)  # side columns known only after their event


def collate(
    queries: Queries,
    length: int | None = None,
    asks: Literal["next", "every", "words"] = "next",
    width: int | None = None,
) -> Stream:
    """Build the stream of Q queries: START, the last items of each history, its words, and where to ask.

    Args:
        queries: the questions; histories oldest first.
        length: at most so many things a row, START and BLANK included; the oldest items are cut. None cuts nothing.
        asks: ``"next"`` appends a BLANK and asks there (serving, evaluation); ``"every"`` asks at each item of
            the history, and appends nothing (dense training; the items themselves are then the targets);
            ``"words"`` asks at each word, likewise.
        width: pad to at least so many positions (fixed shapes for compiled models).

    Returns:
        A stream of B = Q rows. ``context`` holds the side columns known before an event, with the request's own
        value at the BLANK; ``outcome`` those known after it. Positions without a value hold 0, or -1 in ``time``.
    """
    blank = asks == "next"
    words = queries.words if queries.words is not None else Ragged.of([[]] * len(queries))
    room = queries.history.lengths if length is None else np.maximum(length - 1 - blank - words.lengths, 0)
    history = Ragged(
        queries.history.values,
        np.maximum(queries.history.starts, queries.history.stops - room),
        queries.history.stops,
    )
    lengths = 1 + history.lengths + words.lengths
    shape = (len(queries), max(int(lengths.max(initial=1)) + blank, width or 0))
    kinds = np.zeros(shape, dtype=np.int64)
    values = np.zeros(shape, dtype=np.int64)
    kinds[:, 0] = Kind.START
    cells = _place(history, np.ones(len(queries), dtype=np.int64))
    kinds[cells], values[cells] = Kind.ITEM, history.flat()[1]
    said = _place(words, 1 + history.lengths)
    kinds[said], values[said] = Kind.WORD, words.flat()[1]
    if blank:
        kinds[np.arange(len(queries)), lengths] = Kind.BLANK
    context, outcome = _side_columns(queries, history, shape, cells, lengths if blank else None)
    begin, count = (1, history.lengths) if asks == "every" else (1 + history.lengths, words.lengths)
    return Stream(
        kinds=torch.from_numpy(kinds),
        values=torch.from_numpy(values),
        numbers=torch.zeros(shape, dtype=torch.float32),
        users=torch.from_numpy(np.ascontiguousarray(queries.users, dtype=np.int64)),
        asks=torch.from_numpy(lengths[:, None].copy() if blank else _every(begin, count, shape[1])),
        context={name: torch.from_numpy(grid) for name, grid in context.items()},
        outcome={name: torch.from_numpy(grid) for name, grid in outcome.items()},
    )


def _place(rows: Ragged, begin: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Row (N,) and column (N,) of each value where row q begins at column ``begin[q]``."""
    row, place = rows.places()
    return row, place - rows.starts[row] + begin[row]


def _every(begin: np.ndarray | int, count: np.ndarray, width: int) -> np.ndarray:
    """(Q, width - 1) `count` positions from `begin` on, -1 behind the last."""
    ordinal = np.arange(width - 1)[None, :]
    return np.where(ordinal < count[:, None], np.reshape(begin, (-1, 1)) + ordinal, -1)


def _side_columns(
    queries: Queries,
    history: Ragged,
    shape: tuple[int, int],
    cells: tuple[np.ndarray, np.ndarray],
    blanks: np.ndarray | None,
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """The side columns of history and request, aligned to positions: (context, outcome)."""
    context: dict[str, np.ndarray] = {}
    outcome: dict[str, np.ndarray] = {}
    for name in dict.fromkeys((*queries.side, *queries.context)):
        side, request = queries.side.get(name), queries.context.get(name)
        sample = side.values if side is not None else request
        assert sample is not None
        dtype = np.float32 if np.issubdtype(sample.dtype, np.floating) else np.int64
        grid = np.full(shape, -1 if name == "time" else 0, dtype=dtype)
        if side is not None:
            cut = Ragged(side.values, side.stops - history.lengths, side.stops)
            grid[cells] = cut.flat()[1]
        if blanks is not None and request is not None and name not in OUTCOMES:
            grid[np.arange(len(queries)), blanks] = request
        (outcome if name in OUTCOMES else context)[name] = grid
    return context, outcome
