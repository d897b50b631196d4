"""Ids and numbers."""

from __future__ import annotations

from pathlib import Path

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from p5rec.data.queries import UNKNOWN
from p5rec.data.vocabulary import MANY, Vocabulary


@settings(max_examples=50, deadline=None)
@given(st.sets(st.text(min_size=1, max_size=8), min_size=1, max_size=30), st.integers(0, 5))
def test_round_trip(ids: set[str], seed: int) -> None:
    ids = {key.encode("utf-8", "ignore").decode() or "x" for key in ids}
    words = Vocabulary.fit(ids, seed, "items")
    assert len(words) == len(ids)
    assert words.keys(words.numbers(sorted(ids))) == sorted(ids)
    assert [words.number(words.key(n)) for n in range(len(words))] == list(range(len(words)))


def test_the_permutation_is_of_the_seed_and_the_name() -> None:
    ids = [f"i{n}" for n in range(50)]
    one = Vocabulary.fit(ids, 0, "items").all()
    assert one == Vocabulary.fit(reversed(ids), 0, "items").all()
    assert one != Vocabulary.fit(ids, 1, "items").all()
    assert one != Vocabulary.fit(ids, 0, "users").all()
    assert one != sorted(ids)


def test_many_are_looked_up_as_few() -> None:
    words = Vocabulary.fit([f"i{n}" for n in range(5000)], 0, "items")
    keys = [f"i{n}" for n in range(0, 7000, 3)]
    assert len(keys) >= MANY
    expected = [words.number(key) for key in keys]
    assert words.numbers(keys).tolist() == expected
    assert words.numbers(pl.Series(keys)).tolist() == expected
    assert words.number("none") == UNKNOWN
    assert words.numbers([]).tolist() == []
    assert words.keys([]) == []


def test_saved_and_grown(tmp_path: Path) -> None:
    words = Vocabulary.fit(["a", "b", "é/'\""], 0, "items")
    words.save(tmp_path / "w.arrow")
    loaded = Vocabulary.load(tmp_path / "w.arrow")
    assert loaded.all() == words.all()
    grown = loaded.grown(["b", "z", "z", "y"])
    assert grown.all()[:3] == words.all()
    assert grown.keys([3, 4]) == ["z", "y"]
