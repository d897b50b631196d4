"""A small dataset with a bit of everything, for checks that any plug must pass."""

from __future__ import annotations

import base64
import io
import wave
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pyarrow as pa

from p5rec.core import seed as seeds
from p5rec.data.dataset import Dataset
from p5rec.data.events import Part
from p5rec.data.features import Column, Features, Kind
from p5rec.data.lexicon import lexicon
from p5rec.data.ragged import Ragged
from p5rec.data.vocabulary import Vocabulary
from p5rec.testing.sequences import from_sequences

USERS, ITEMS, COLD = 40, 30, 4  # COLD items occur in no event


def sample(
    seed: int = 0, kinds: int = 1, name: Callable[[int], str] = lambda item: f"i{item:02d}", longest: int = 16
) -> Dataset:
    """A dataset with histories of 0 … `longest` events, ratings, context columns and columns of each kind.

    Args:
        seed: of the data and the numbering.
        kinds: number of event kinds; the last one is predicted.
        name: the outside id of item n; other names give another numbering of the same data.
        longest: events of the longest training history.
    """
    rng = seeds.rng(seed, "sample")
    lengths = rng.integers(0, longest + 1, USERS) + 2  # two more are held out
    liked = 1 / np.arange(1, ITEMS + 1)
    drawn = {f"u{u}": rng.choice(ITEMS, n, p=liked / liked.sum()) for u, n in enumerate(lengths)}
    numbers = {key: rng.random(len(row)) for key, row in drawn.items()}
    plain = from_sequences(
        {key: [name(item) for item in row] for key, row in drawn.items()},
        items=[name(item) for item in range(ITEMS + COLD)],
        labels={key: np.ceil(5 * row) for key, row in numbers.items()},
        kinds={key: _kinds(row, kinds) for key, row in numbers.items()},
        kind_names=tuple(f"kind {n}" for n in range(kinds)),
        target=kinds - 1,
        context={"device": {key: (row * 100).astype(int) % 3 for key, row in numbers.items()}},
        seed=seed,
    )
    own = {name(item): item for item in range(ITEMS + COLD)}
    order = np.array([own[key] for key in plain.items.all().to_pylist()])
    told = replace(
        plain,
        item_features=Features(len(order), _columns(order)),
        user_features=Features(USERS, _columns(np.arange(USERS))),
    )
    words = lexicon(told, size=500, vocabulary=None)
    return replace(told, words=words, item_features=replace(told.item_features, words=words))


def poisoned(dataset: Dataset, seed: int = 1) -> Dataset:
    """The same dataset with other held-out rows: nothing that learns from training rows may tell them apart."""
    rng = seeds.rng(seed, "poison")
    rows = Ragged(dataset.events["item"], dataset.bounds[:, Part.VALID], dataset.bounds[:, Part.UNUSED])
    _, place = rows.places()
    events = {name: np.array(values) for name, values in dataset.events.items()}
    events["item"][place] = rng.integers(0, dataset.n_items, len(place))
    events["label"][place] = 99.0
    events["time"][place] += 10_000
    for name in dataset.events:
        if name not in ("item", "label", "time", "kind"):
            events[name][place] = 0
    return replace(dataset, events=events)


def renumbered(dataset: Dataset, seed: int = 1) -> Dataset:
    """The same data with other item numbers: nothing but seed noise may change."""
    new = seeds.rng(seed, "renumbered").permutation(dataset.n_items)
    old = np.argsort(new)
    columns = {
        name: replace(
            column, values=column.values.rows(old) if isinstance(column.values, Ragged) else column.values[old]
        )
        for name, column in dataset.item_features.columns.items()
    }
    return replace(
        dataset,
        items=Vocabulary(dataset.items.all().take(pa.array(old))),
        events={**dataset.events, "item": new[dataset.events["item"]].astype(np.int32)},
        item_features=replace(dataset.item_features, columns=columns),
    )


def _kinds(numbers: np.ndarray, kinds: int) -> np.ndarray:
    """Event kinds of a row; the held-out ones are of the kind that is predicted."""
    found = (numbers * 1000).astype(int) % kinds
    found[-2:] = kinds - 1
    return found


def _columns(own: np.ndarray) -> dict[str, Column]:
    """A column of each kind that depends on the row's own number only; each seventh row is missing."""
    missing = own % 7 == 3
    number = np.where(missing, np.nan, own / own.max()).astype(np.float32)
    tags = [[] if gone else [n % 4, n % 3] for n, gone in zip(own, missing, strict=True)]
    links = [[] if gone else [n % 3, 3 + n % 4] for n, gone in zip(own, missing, strict=True)]
    words = np.array(
        [None if gone else f"thing number {n}" for n, gone in zip(own, missing, strict=True)], dtype=object
    )
    vectors = np.stack([np.sin(own), np.cos(own), number], axis=1).astype(np.float32)
    return {
        "group": Column(Kind.CATEGORY, np.where(missing, -1, own % 5).astype(np.int32), tuple("abcde")),
        "tags": Column(Kind.LIST, Ragged.of(tags, np.int32), tuple("wxyz")),
        "size": Column(Kind.NUMBER, number),
        "made": Column(Kind.TIME, np.where(missing, -1, own * 86_400).astype(np.int64)),
        "title": Column(Kind.TEXT, words),
        "vector": Column(Kind.VECTOR, vectors),
        "linked": Column(Kind.LINK, Ragged.of(links, np.int32)),
        "picture": Column(Kind.IMAGE, np.array([None if n % 7 == 3 else picture(n) for n in own], dtype=object)),
        "sound": Column(Kind.AUDIO, np.array([None if n % 7 == 3 else sound(150 + 20 * n) for n in own], dtype=object)),
    }


def picture(number: int) -> str:
    """A picture of two pixels of one colour, which follows from a number, as a table holds it."""
    colours = bytes([number * 7 % 256, number * 31 % 256, number * 53 % 256] * 2)
    return "data:image/x-portable-pixmap;base64," + base64.b64encode(b"P6 2 1 255 " + colours).decode()


def sound(tone: float, rate: int = 8_000, seconds: float = 0.05) -> str:
    """A tone of so many hertz, as a table holds it."""
    data = io.BytesIO()
    with wave.open(data, "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes(
            (8_000 * np.sin(2 * np.pi * tone * np.arange(int(rate * seconds)) / rate)).astype("<i2").tobytes()
        )
    return "data:audio/wav;base64," + base64.b64encode(data.getvalue()).decode()
