"""A ranker that knows only the first of the items answers as if the others did not exist."""

from typing import Any

import numpy as np
from responder_toys import Given

from p5rec.data.queries import Queries
from p5rec.data.ragged import Ragged, column
from p5rec.responders.unaware import Unaware
from p5rec.testing.worlds import from_sequences

WORLD = from_sequences({"u": ["a", "b"]}, items=list("abcde"))  # three items are new


def made(scores: list[list[float]]) -> Unaware:
    return Unaware(Unaware.Config(known=2), {"model": Given(scores)}, WORLD)


def asked(*histories: list[int], **others: Any) -> Queries:
    history = Ragged.of(list(histories))
    label = column(history, np.arange(len(history.values)))
    return Queries.of(list(histories), side={"label": label}, **others)


def test_newer_items_have_no_score() -> None:
    answers = made([[1.0, 2.0]])(asked([0], [1]), None)
    assert answers.items[0].tolist() == [0, 1, 2, 3, 4]
    assert answers.scores[0].tolist() == [1.0, 2.0, -np.inf, -np.inf, -np.inf]
    assert made([[1.0, 2.0]])(asked([0]), 5).items[0, :2].tolist() == [1, 0]


def test_events_of_newer_items_are_left_out_with_their_columns() -> None:
    seen: list[Queries] = []

    class Listening(Given):
        def __call__(self, queries: Queries, k: int | None) -> Any:
            seen.append(queries)
            return super().__call__(queries, k)

    unaware = Unaware(Unaware.Config(known=2), {"model": Listening([[1.0, 2.0]])}, WORLD)
    unaware(asked([0, 3, 1], [4]), 1)
    assert [row.tolist() for row in seen[0].history] == [[0, 1], []]
    assert [row.tolist() for row in seen[0].side["label"]] == [[0, 2], []]


def test_newer_candidates_keep_their_places_and_newer_exclusions_do_no_harm() -> None:
    queries = asked([0], candidates=Ragged.of([[3, 1, 0]]))
    answers = made([[1.0, 2.0]])(queries, None)
    assert answers.items.tolist() == [[3, 1, 0]]
    assert answers.scores.tolist() == [[-np.inf, 2.0, 1.0]]
    assert made([[1.0, 2.0]])(queries, 1).items.tolist() == [[1]]


def test_nothing_is_like_a_newer_item() -> None:
    class Like(Given):
        def similar(self, items: np.ndarray, k: int) -> Any:
            return self(asked(*([0] for _ in items)), k)

    unaware = Unaware(Unaware.Config(known=2), {"model": Like([[1.0, 2.0]])}, WORLD)
    assert unaware.similar(np.array([0, 4]), 1).items.tolist() == [[1], [-1]]


def test_where_nothing_is_newer_it_is_the_inner_ranker() -> None:
    whole = Unaware(Unaware.Config(), {"model": Given([[1.0, 2.0, 3.0, 4.0, 5.0]])}, WORLD)
    assert whole(asked([0]), 2).items.tolist() == [[4, 3]]
