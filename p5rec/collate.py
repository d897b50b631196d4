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
    asks: Literal["next", "every"] = "next",
    width: int | None = None,
) -> Stream:
    """Build the stream of Q queries: START, the last items of each history, and where to ask.

    Args:
        queries: the questions; histories oldest first.
        length: at most so many things a row, START and BLANK included; the oldest items are cut. None cuts nothing.
        asks: ``"next"`` appends a BLANK and asks there (serving, evaluation); ``"every"`` asks at each item of
            the history, and appends nothing (dense training; the items themselves are then the targets).
        width: pad to at least so many positions (fixed shapes for compiled models).

    Returns:
        A stream of B = Q rows. ``context`` holds the side columns known before an event, with the request's own
        value at the BLANK; ``outcome`` those known after it. Positions without a value hold 0, or -1 in ``time``.
    """
    blank = asks == "next"
    room = None if length is None else max(length - 1 - blank, 0)
    history = queries.history if room is None else queries.history.last(room)
    row, place = history.places()
    column = place - history.starts[row] + 1
    lengths = history.lengths + 1
    shape = (len(queries), max(int(lengths.max(initial=1)) + blank, width or 0))
    kinds = np.zeros(shape, dtype=np.int64)
    values = np.zeros(shape, dtype=np.int64)
    kinds[:, 0] = Kind.START
    kinds[row, column] = Kind.ITEM
    values[row, column] = history.values[place]
    if blank:
        kinds[np.arange(len(queries)), lengths] = Kind.BLANK
    context, outcome = _side_columns(queries, history, shape, (row, column), lengths if blank else None)
    return Stream(
        kinds=torch.from_numpy(kinds),
        values=torch.from_numpy(values),
        numbers=torch.zeros(shape, dtype=torch.float32),
        users=torch.from_numpy(np.ascontiguousarray(queries.users, dtype=np.int64)),
        asks=torch.from_numpy(lengths[:, None].copy() if blank else _every(history, shape[1])),
        context={name: torch.from_numpy(grid) for name, grid in context.items()},
        outcome={name: torch.from_numpy(grid) for name, grid in outcome.items()},
    )


def _every(history: Ragged, width: int) -> np.ndarray:
    """(Q, width - 1) the position of each item, -1 behind the last."""
    positions = np.arange(1, width)[None, :]
    return np.where(positions <= history.lengths[:, None], positions, -1)


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
