"""The one function that turns queries into a stream; training, evaluation and serving all call it."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch

from p5rec.blocks.stream import Kind, Stream
from p5rec.data.prompt import NOWHERE, Prompts, of_history
from p5rec.data.queries import Queries

OUTCOMES = ("label",)  # side columns known only after their event
Asks = Literal["next", "every", "marked"]
Cells = tuple[np.ndarray, np.ndarray]


def collate(queries: Queries, length: int | None = None, asks: Asks = "next", width: int | None = None) -> Stream:
    """Build the stream of Q queries: START, the prompt of each (its history, where it has none), and where to ask.

    Args:
        queries: the questions; histories oldest first.
        length: at most so many things a row, START and BLANK included; the oldest items are cut, then words in
            front. None cuts nothing.
        asks: ``"next"`` appends a BLANK and asks there (serving, evaluation); ``"every"`` asks at each item of
            the history, and appends nothing (dense training; the items themselves are then the targets);
            ``"marked"`` asks at what the prompts mark as their answers, likewise.
        width: pad to at least so many positions (fixed shapes for compiled models).

    Returns:
        A stream of B = Q rows. ``context`` holds the side columns known before an event, with the request's own
        value at the BLANK; ``outcome`` those known after it. Positions without a value hold 0, or -1 in ``time``.
    """
    blank = asks == "next"
    prompts = _prompts(queries, None if length is None else max(length - 1 - blank, 0))
    lengths = 1 + prompts.lengths
    shape = (len(queries), max(int(lengths.max(initial=1)) + blank, width or 0))
    row, place = prompts.cells()
    cells = row, place - prompts.starts[row] + 1
    kinds, values, numbers = np.zeros(shape, np.int64), np.zeros(shape, np.int64), np.zeros(shape, np.float32)
    kinds[:, 0] = Kind.START
    kinds[cells], values[cells], numbers[cells] = prompts.kinds[place], prompts.values[place], prompts.numbers[place]
    if blank:
        kinds[np.arange(len(queries)), lengths] = Kind.BLANK
    context, outcome = _side_columns(queries, shape, row, cells, prompts.places[place], lengths if blank else None)
    return Stream(
        kinds=torch.from_numpy(kinds),
        values=torch.from_numpy(values),
        numbers=torch.from_numpy(numbers),
        users=torch.from_numpy(np.ascontiguousarray(queries.users, dtype=np.int64)),
        asks=torch.from_numpy(_asks(asks, lengths, shape[1], row, cells[1], prompts.asked[place])),
        context={name: torch.from_numpy(grid) for name, grid in context.items()},
        outcome={name: torch.from_numpy(grid) for name, grid in outcome.items()},
    )


def _prompts(queries: Queries, room: int | None) -> Prompts:
    """What stands between START and the BLANK, at most `room` things a row."""
    if queries.prompt is None:
        return of_history(queries.history if room is None else queries.history.last(room))
    return queries.prompt if room is None else queries.prompt.cut(room)


def _asks(
    asks: Asks, lengths: np.ndarray, width: int, row: np.ndarray, column: np.ndarray, marked: np.ndarray
) -> np.ndarray:
    """(Q, A) where answers are wanted, -1 behind the last of a row."""
    if asks == "next":
        return lengths[:, None].copy()
    if asks == "every":
        ordinal = np.arange(1, width)[None, :]
        return np.where(ordinal < lengths[:, None], ordinal, -1)
    counts = np.bincount(row[marked], minlength=len(lengths))
    found = np.full((len(lengths), max(int(counts.max(initial=0)), 1)), -1, dtype=np.int64)
    found[row[marked], np.arange(len(row[marked])) - np.repeat(np.cumsum(counts) - counts, counts)] = column[marked]
    return found


def _side_columns(
    queries: Queries,
    shape: tuple[int, int],
    row: np.ndarray,
    cells: Cells,
    places: np.ndarray,
    blanks: np.ndarray | None,
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """The side columns of history and request, aligned to positions: (context, outcome)."""
    context: dict[str, np.ndarray] = {}
    outcome: dict[str, np.ndarray] = {}
    known = places != NOWHERE
    row, cells, places = row[known], (cells[0][known], cells[1][known]), places[known]
    ahead = queries.history.stops[row] - places
    for name in dict.fromkeys((*queries.side, *queries.context)):
        side, request = queries.side.get(name), queries.context.get(name)
        sample = side.values if side is not None else request
        assert sample is not None
        dtype = np.float32 if np.issubdtype(sample.dtype, np.floating) else np.int64
        grid = np.full(shape, -1 if name == "time" else 0, dtype=dtype)
        if side is not None:
            grid[cells] = side.values[side.stops[row] - ahead]
        if blanks is not None and request is not None and name not in OUTCOMES:
            grid[np.arange(len(queries)), blanks] = request
        (outcome if name in OUTCOMES else context)[name] = grid
    return context, outcome
