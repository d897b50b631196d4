"""Which texts the words of a data set are learned from: those of items and categories, and of training rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from p5rec.core import seed as seeds
from p5rec.core.hub import located
from p5rec.data.dataset import Dataset
from p5rec.data.features import Features, Kind
from p5rec.data.phrases import Phrases
from p5rec.data.words import Words

OFTEN = 8  # what is told to be known counts so often, so that all of it becomes words
MOST = 200_000  # texts of events that are read, a seeded sample


def lexicon(dataset: Dataset, size: int, vocabulary: str | None, spoken: Sequence[str] = ()) -> Words | None:
    """The vocabulary of a dataset.

    Args:
        dataset: only item and user tables and texts of training rows are read.
        size: most pieces of words; 0 makes no vocabulary.
        vocabulary: ``tokenizer.json``, or the folder or hub name of a language model, taken as it is.
        spoken: texts whose words it must know (prompts).

    Raises:
        InputError: there is no such vocabulary.
    """
    if vocabulary is not None:
        return Words.load(located(vocabulary))
    if not size:
        return None
    sides = (text for features in (dataset.item_features, dataset.user_features) for text in texts_of(features))
    return Words.fit([*sides, *_written(dataset), *[text for text in spoken for _ in range(OFTEN)]], size)


def features_named(dataset: Dataset, least: int) -> Phrases | None:
    """The features that at least so many reviews of training rows name; None without reviews, or for `least` 0."""
    if "review" not in dataset.texts or not least:
        return None
    column, places = dataset.texts["review"], dataset.history("train").places()[1]
    texts = (text for batch in column.at(places).batches() for text in batch if text)
    return Phrases.fit(texts, least)


def texts_of(features: Features) -> Iterator[str]:
    """All texts of a table, and the names of its columns and categories."""
    for name, column in features.columns.items():
        yield name
        if column.kind in (Kind.CATEGORY, Kind.LIST):
            yield from column.levels
        if column.kind == Kind.TEXT:
            yield from (text for text in np.asarray(column.values) if text)


def _written(dataset: Dataset) -> Iterator[str]:
    """Texts of training events."""
    places = dataset.history("train").places()[1]
    if len(places) > MOST:
        places = np.sort(seeds.rng(dataset.seed, "words").choice(places, MOST, replace=False))
    for name in dataset.texts:
        yield from (text for text in dataset.text(name, places) if text)
