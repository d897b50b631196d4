import numpy as np

from p5rec.data.queries import UNKNOWN, Queries, Truth
from p5rec.data.ragged import Ragged

HISTORIES = [[3, 1], [], [2, 2, 0]]


def queries() -> Queries:
    return Queries.of(
        HISTORIES,
        users=np.array([7, UNKNOWN, 9]),
        side={"time": Ragged.of([[1, 2], [], [3, 4, 5]])},
        context={"time": np.array([10, 11, 12])},
        candidates=Ragged.of([[0, 1], [2], [3]]),
        excluded=Ragged.of([[1], [], [0, 2]]),
    )


def test_users_are_unknown_unless_given() -> None:
    assert Queries.of(HISTORIES).users.tolist() == [UNKNOWN] * 3
    assert Queries.of(HISTORIES).users.dtype == np.int64


def test_every_column_follows_its_row() -> None:
    chosen = queries().rows(np.array([2, 0]))
    assert chosen.users.tolist() == [9, 7]
    assert [row.tolist() for row in chosen.history] == [[2, 2, 0], [3, 1]]
    assert [row.tolist() for row in chosen.side["time"]] == [[3, 4, 5], [1, 2]]
    assert chosen.context["time"].tolist() == [12, 10]
    assert chosen.candidates is not None
    assert [row.tolist() for row in chosen.candidates] == [[3], [0, 1]]
    assert chosen.prompt is None
    assert len(queries().rows(slice(1, 3))) == 2


def test_exclusions_add_up() -> None:
    more = queries().excluding(Ragged.of([[5], [6, 7], []]))
    assert more.excluded is not None
    assert [row.tolist() for row in more.excluded] == [[1, 5], [6, 7], [0, 2]]
    first = Queries.of(HISTORIES).excluding(Ragged.of(HISTORIES))
    assert first.excluded is not None
    assert [row.tolist() for row in first.excluded] == HISTORIES


def test_truth_keeps_ranks_with_items() -> None:
    truth = Truth(
        Ragged.of([[1], [2, 3]]), Ragged.of([[1.0], [4.0, 5.0]], float), Ragged.of([[9], [1, 2]]), np.array([10, 20])
    )
    last = truth.rows(np.array([1]))
    assert [row.tolist() for row in last.items] == [[2, 3]]
    assert last.ranks is not None
    assert [row.tolist() for row in last.ranks] == [[1, 2]]
    assert last.ranked is not None
    assert last.ranked.tolist() == [20]
