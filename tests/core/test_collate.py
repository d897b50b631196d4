"""Collate against the plainest reading of its promise, one row at a time."""

from dataclasses import replace

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from p5rec.blocks.stream import Kind, Stream, at
from p5rec.collate import collate
from p5rec.data.prompt import Prompts, Segment
from p5rec.data.queries import Queries
from p5rec.data.ragged import Ragged

HISTORIES = st.lists(st.lists(st.integers(0, 99), max_size=7), min_size=1, max_size=6)
LENGTHS = st.one_of(st.none(), st.integers(1, 10))


def row_of(stream: Stream, row: int) -> tuple[list[int], list[int]]:
    """Kinds and values of a row without its padding."""
    kinds = stream.kinds[row].tolist()
    end = kinds.index(Kind.PAD) if Kind.PAD in kinds else len(kinds)
    assert all(kind == Kind.PAD for kind in kinds[end:]), "padding stands on the right"
    return kinds[:end], stream.values[row, :end].tolist()


def cut(history: list[int], length: int | None, blank: bool) -> list[int]:
    room = len(history) if length is None else max(length - 1 - blank, 0)
    return history[len(history) - min(room, len(history)) :]


@given(HISTORIES, LENGTHS)
def test_next_appends_a_blank_and_asks_there(histories: list[list[int]], length: int | None) -> None:
    stream = collate(Queries.of(histories), length)
    assert stream.asks.shape == (len(histories), 1)
    for row, history in enumerate(histories):
        items = cut(history, length, True)
        kinds, values = row_of(stream, row)
        assert kinds == [Kind.START, *[Kind.ITEM] * len(items), Kind.BLANK]
        assert values == [0, *items, 0]
        assert stream.asks[row].tolist() == [len(items) + 1]
    assert length is None or stream.width <= max(length, 2)


@given(HISTORIES, LENGTHS)
def test_every_asks_at_each_item(histories: list[list[int]], length: int | None) -> None:
    stream = collate(Queries.of(histories), length, asks="every")
    for row, history in enumerate(histories):
        items = cut(history, length, False)
        kinds, values = row_of(stream, row)
        assert kinds == [Kind.START, *[Kind.ITEM] * len(items)]
        asks = [ask for ask in stream.asks[row].tolist() if ask >= 0]
        assert [values[ask] for ask in asks] == items


@given(HISTORIES, st.integers(1, 6), st.sampled_from(["next", "every"]))
def test_a_row_is_the_same_in_any_company(histories: list[list[int]], length: int, asks: str) -> None:
    queries = Queries.of(histories)
    together = collate(queries, length, asks)  # type: ignore[arg-type]
    for row in range(len(histories)):
        alone = collate(queries.rows(np.array([row])), length, asks)  # type: ignore[arg-type]
        assert row_of(alone, 0) == row_of(together, row)


@given(HISTORIES, st.integers(0, 15))
def test_width_pads_and_never_cuts(histories: list[list[int]], width: int) -> None:
    queries = Queries.of(histories)
    plain, wide = collate(queries), collate(queries, width=width)
    assert wide.width == max(plain.width, width)
    assert all(row_of(plain, row) == row_of(wide, row) for row in range(len(histories)))


@given(HISTORIES, LENGTHS)
def test_side_columns_stand_at_their_items(histories: list[list[int]], length: int | None) -> None:
    rows = Ragged.of(histories)
    queries = Queries.of(
        histories,
        side={
            "time": Ragged(rows.values * 10 + 5, rows.starts, rows.stops),
            "label": Ragged((rows.values / 4).astype(np.float32), rows.starts, rows.stops),
        },
        context={"time": np.arange(len(histories)) + 7000, "device": np.arange(len(histories)) + 1},
    )
    stream = collate(queries, length)
    assert set(stream.context) == {"time", "device"}
    assert set(stream.outcome) == {"label"}, "what is known only after an event is never context"
    items = stream.kinds == Kind.ITEM
    assert torch.equal(stream.context["time"][items], stream.values[items] * 10 + 5)
    assert torch.equal(stream.outcome["label"][items], stream.values[items].float() / 4)
    blanks = stream.kinds == Kind.BLANK
    assert stream.context["time"][blanks].tolist() == [7000 + row for row in range(len(histories))]
    assert stream.context["device"][blanks].tolist() == [1 + row for row in range(len(histories))]
    empty = ~items & ~blanks
    assert (stream.context["time"][empty] == -1).all()
    assert (stream.context["device"][empty] == 0).all()
    assert (stream.outcome["label"][~items] == 0).all(), "the outcome of the asked event is not in the stream"


def test_a_request_can_not_smuggle_in_its_outcome() -> None:
    stream = collate(Queries.of([[1, 2]], context={"label": np.array([5.0])}))
    assert not stream.outcome["label"].any()


def test_users_ride_along() -> None:
    stream = collate(Queries.of([[1], []], users=np.array([4, -1])))
    assert stream.users.tolist() == [4, -1]
    assert stream.users.dtype == torch.int64


def test_a_stream_knows_its_rows() -> None:
    stream = collate(Queries.of([[1, 2, 3], [4]], context={"time": np.array([8, 9])}))
    assert len(stream) == 2
    assert stream.lengths.tolist() == [5, 3]
    second = stream.rows(torch.tensor([1]))
    assert second.values.tolist() == [[0, 4, 0, 0, 0]]
    assert second.context["time"].tolist() == [[-1, -1, 9, -1, -1]]
    assert stream.to("cpu").kinds.equal(stream.kinds)


def test_at_picks_positions_and_pads_pick_the_first() -> None:
    hidden = torch.arange(2 * 3 * 2).reshape(2, 3, 2)
    picked = at(hidden, torch.tensor([[2, 0], [1, -1]]))
    assert picked.tolist() == [[[4, 5], [0, 1]], [[8, 9], [6, 7]]]


@given(HISTORIES, st.one_of(st.none(), st.integers(1, 10)))
def test_a_prompt_is_laid_out_as_given_and_its_history_is_cut_first(
    histories: list[list[int]], length: int | None
) -> None:
    before = [[3] for _ in histories]
    words = [[7 + n for n in range(len(history) % 3)] for history in histories]
    queries = Queries.of(histories)
    segments = [
        Segment(Kind.WORD, Ragged.of(before)),
        Segment(Kind.ITEM, queries.history, history=True),
        Segment(Kind.WORD, Ragged.of(words), asked=True),
    ]
    queries = replace(queries, prompt=Prompts.laid(segments))
    for asks in ("next", "marked"):
        stream = collate(queries, length, asks)
        for row, (history, said) in enumerate(zip(histories, words, strict=True)):
            blank = [Kind.BLANK] if asks == "next" else []
            room = 99 if length is None else max(length - 1 - len(blank), 0)
            things = [(Kind.WORD, 3), *((Kind.ITEM, item) for item in history), *((Kind.WORD, word) for word in said)]
            excess = max(len(things) - room, 0)
            old = min(excess, len(history))
            things = things[:1] + things[1 + old :]
            first = min(excess - old, 1)
            things = things[first:]
            things = things[: len(things) - (excess - old - first)]
            kinds, values = row_of(stream, row)
            assert kinds == [Kind.START, *(kind for kind, _ in things), *blank]
            assert values == [0, *(value for _, value in things), *([0] * len(blank))]
            if asks == "marked":
                asked = [values[ask] for ask in stream.asks[row].tolist() if ask >= 0]
                assert asked == [value for kind, value in things if kind == Kind.WORD and value >= 7]


def test_side_columns_follow_the_history_into_the_prompt() -> None:
    history = Ragged.of([[5, 6, 7]])
    queries = Queries(np.array([0]), history, side={"label": Ragged(np.array([1.0, 2, 3]), *_bounds(3))})
    prompt = Prompts.laid([Segment(Kind.WORD, Ragged.of([[9]])), Segment(Kind.ITEM, history, history=True)])
    stream = collate(replace(queries, prompt=prompt), length=5)
    assert stream.values.tolist() == [[0, 9, 6, 7, 0]]
    assert stream.outcome["label"].tolist() == [[0, 0, 2, 3, 0]]


def _bounds(count: int) -> tuple[np.ndarray, np.ndarray]:
    return np.array([0]), np.array([count])
