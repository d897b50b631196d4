"""Baselines that copy, in a world where the nearest sentence is known."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from p5rec.core.errors import InputError, MissingExtra
from p5rec.evaluation import copying

ROWS = [  # user, item, sentence
    (0, 0, "warm tone and warm sound"),
    (1, 0, "warm tone"),
    (2, 0, "shipping was slow"),
    (2, 1, "shipping was fast"),
    (0, 1, "bright strings"),
    (1, 1, "bright strings indeed"),
    (3, 2, "a pedal"),
    (4, 2, "a pedal !"),
    (4, 2, "  "),
]
USERS, ITEMS = np.array([row[0] for row in ROWS]), np.array([row[1] for row in ROWS])
TEXTS = [row[2] for row in ROWS]


@pytest.fixture(scope="module")
def copier() -> copying.Copier:
    return copying.fit(USERS, ITEMS, TEXTS)


def test_an_item_speaks_with_its_most_central_sentence(copier: copying.Copier) -> None:
    found = copier.of_item(np.array([0, 1, 0]))
    assert found[0] == found[2]
    assert found[0] in ("warm tone", "warm tone and warm sound")
    assert found[1] in ("bright strings", "bright strings indeed")


def test_a_user_who_writes_of_shipping_gets_the_item_sentence_on_shipping(copier: copying.Copier) -> None:
    writes_of_shipping = copying.fit(USERS[1:], ITEMS[1:], [*TEXTS[1:3], "shipping was slow again", *TEXTS[4:]])
    assert writes_of_shipping.of_user_and_item(np.array([2]), np.array([0]))[0].startswith("shipping was slow")
    assert copier.of_user_and_item(np.array([-1]), np.array([0])) == copier.of_item(np.array([0]))


def test_every_sentence_is_copied_from_the_user_or_the_item(copier: copying.Copier) -> None:
    users, items = np.repeat(np.arange(5), 3), np.tile(np.arange(3), 5)
    for user, item, text in zip(users, items, copier.of_user_and_item(users, items), strict=True):
        assert text in [row[2] for row in ROWS if row[0] == user or row[1] == item]
    for item, text in zip(items, copier.of_item(items), strict=True):
        assert text in [row[2] for row in ROWS if row[1] == item]


def test_who_is_not_known_gets_what_there_is(copier: copying.Copier) -> None:
    unknown = np.array([-1, 99])
    assert copier.of_item(unknown) == (copier.texts[copier.first],) * 2
    assert copier.of_user_and_item(np.array([3, 3]), unknown) == ("a pedal", "a pedal")
    assert copier.of_user_and_item(unknown, unknown) == (copier.texts[copier.first],) * 2
    assert "  " not in copier.texts


def test_the_nearest_is_that_of_a_plain_search(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    users, items = rng.integers(0, 20, 300), rng.integers(0, 15, 300)
    texts = [" ".join(rng.choice(list("abcdefghij"), rng.integers(1, 8))) for _ in range(300)]
    monkeypatch.setattr(copying, "PAIRS", 100)  # several blocks
    copier = copying.fit(users, items, texts)
    vectors = copier.vectors.toarray()

    def direction(rows: np.ndarray) -> np.ndarray:
        return vectors[rows].sum(0) / np.linalg.norm(vectors[rows].sum(0))

    for user, item in zip(*rng.integers(0, 15, (2, 30)), strict=True):
        rows = np.flatnonzero((users == user) | (items == item))
        wanted = direction(users == user) + direction(items == item)
        near = vectors[rows] @ wanted
        (text,) = copier.of_user_and_item(np.array([user]), np.array([item]))
        assert text in {texts[row] for row in rows[near > near.max() - 1e-9]}
    many = copier.of_user_and_item(users, items)
    assert many == sum((copier.of_user_and_item(users[n : n + 1], items[n : n + 1]) for n in range(300)), ())


def test_numbers_are_only_names() -> None:
    swap = np.array([3, 0, 4, 1, 2])
    first = copying.fit(USERS, ITEMS, TEXTS).of_user_and_item(USERS, ITEMS)
    second = copying.fit(swap[USERS], swap[ITEMS], TEXTS).of_user_and_item(swap[USERS], swap[ITEMS])
    assert first == second


def test_without_sentences_or_library_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="a baseline that copies needs training sentences, and there are none"):
        copying.fit(np.array([0]), np.array([0]), [" "])
    monkeypatch.setitem(sys.modules, "sklearn.feature_extraction.text", None)
    with pytest.raises(MissingExtra, match=r"the baseline that copies needs .*pip install 'p5rec\[text\]'"):
        copying.fit(USERS, ITEMS, TEXTS)
