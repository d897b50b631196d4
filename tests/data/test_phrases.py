"""Noun phrases as features: nouns and what belongs to them, not verbs, praise or empty words; the same in any order."""

from __future__ import annotations

import gzip
import html
import json
import os
import random
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from data_toys import frames, made, steps

from p5rec.data import phrases, storage
from p5rec.data.phrases import Phrases, sentences

NOUNS = ("zorb", "plinth", "tassel", "grommet", "spigot", "ferrule")


def said(count: int = 400, seed: int = 0) -> list[str]:
    """Reviews about things no lexicon knows, in English of function words."""
    rng = np.random.default_rng(seed)
    forms = (
        "I like the {0}. It is very {2} and the {1} is {2}.",
        "The {0} was so {2}! I would zonk it again with a {2} {1}.",
        "My {1} broke. A {2} {0} is a thing that I zonk.",
        "You can zonk it for the {0}. This {1} is too {2}.",
        "There is a brass {0} on the {1}, and the brass {0} is {2}.",
    )
    texts = []
    for number in range(count):
        nouns = rng.choice(NOUNS, 2, replace=False)
        texts.append(forms[number % len(forms)].format(*nouns, rng.choice(["good", "bad", "fine"])))
    return texts


def test_nouns_are_told_by_their_company() -> None:
    found = Phrases.fit(said())
    assert set(NOUNS) <= set(found.features)
    assert {f"brass {noun}" for noun in NOUNS} <= set(found.features)
    assert not {"zonk", "thing", "good", "very", "brass", "good zorb", "like"} & set(found.features)
    assert {"good", "bad", "fine"} <= found.gradable


def test_the_order_of_texts_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = said()
    mixed = random.Random(1).sample(texts, len(texts))
    assert Phrases.fit(iter(mixed)).features == Phrases.fit(texts).features
    monkeypatch.setattr(phrases, "LIMIT", 100)
    few = Phrases.fit(texts)
    assert few.features == Phrases.fit(mixed).features
    assert few.features != Phrases.fit(said(seed=1)).features


def test_the_first_sentence_that_holds_one() -> None:
    fitted = Phrases.fit(said())
    text = "Zorb! I bought it. Then the zorb was bad.The plinth too.\nA brass tassel"
    assert fitted.found(text) == ("zorb", "Then the zorb was bad.")
    long = " ".join(["word"] * 30)
    assert fitted.found(f"{long} zorb. See the plinth, please.") == ("plinth", "See the plinth, please.")
    assert fitted.found("Nothing to see here. It was good.") is None
    assert fitted.found("") is None


def test_what_is_judged_comes_before_what_is_long_or_rare() -> None:
    features = {"zorb": ("zorb", 100), "brass zorb": ("brass zorb", 5), "plinth": ("plinth", 50), "LED": ("LED", 9)}
    fitted = Phrases({name.lower(): held for name, held in features.items()}, ["good"])
    assert fitted.found("I saw the zorb and the brass zorb there.") == (
        "brass zorb",
        "I saw the zorb and the brass zorb there.",
    )
    assert fitted.found("A brass zorb on a good plinth.")[0] == "plinth"
    assert fitted.found("The zorb of the brass zorb is very good.")[0] == "brass zorb"
    assert fitted.found("See the zorb and the plinth.")[0] == "plinth"
    assert fitted.found("I want to plinth the led zorb.")[0] == "zorb"
    assert fitted.found("It is the led.") == ("LED", "It is the led.")


def test_sentences_end_where_a_blank_is_missing() -> None:
    text = 'It is 4.5 in.The end! "Really?" he said...\n\nnew line (e.g. so)'
    assert list(sentences(text)) == ["It is 4.5 in.", "The end!", '"Really?"', "he said...", "new line (e.g. so)"]


def test_saved_is_what_is_loaded(tmp_path: Path) -> None:
    fitted = Phrases.fit(said())
    fitted.save(tmp_path / "p.json")
    again = Phrases.load(tmp_path / "p.json")
    assert (again.features, again.gradable) == (fitted.features, fitted.gradable)
    assert [again.found(text) for text in said()] == [fitted.found(text) for text in said()]


def test_a_dataset_has_the_features_of_its_training_reviews(tmp_path: Path) -> None:
    frame = steps(users=80).with_columns(review=pl.Series(said()))
    last = pl.col("timestamp") == pl.col("timestamp").max().over("user_id")
    frame = frame.with_columns(review=pl.when(last).then(pl.lit("The womble is a good womble.")).otherwise("review"))
    dataset = made(frames(frame))
    assert set(NOUNS) <= set(dataset.phrases.features)
    assert "womble" not in dataset.phrases.features
    storage.save(dataset, tmp_path / "d")
    assert storage.load(tmp_path / "d").phrases.features == dataset.phrases.features
    assert made(frames(frame), phrases=0).phrases is None
    assert made(frames(steps())).phrases is None


def test_little_text_has_no_features() -> None:
    assert Phrases.fit([]).features == {}
    assert Phrases.fit(["...", "", "The zorb."]).features == {}


def test_shared_instruments_have_sensible_features() -> None:
    folder = Path(os.environ.get("P5REC_SHARED", Path(__file__).parents[3] / "shared" / "data")) / "amazon-instruments"
    if not folder.is_dir():
        pytest.skip("the shared benchmark data is not here (set P5REC_SHARED)")
    with gzip.open(folder / "reviews.jsonl.gz") as file:
        texts = [html.unescape(json.loads(line)["reviewText"]) for line, _ in zip(file, range(3000), strict=False)]
    fitted = Phrases.fit(texts)
    assert {"tone", "pedal", "strap", "strap locks", "power supply", "gig bag", "sound quality"} <= set(fitted.features)
    assert not {"thing", "lot", "i've", "bit", "great", "great price", "it", "work", "very"} & set(fitted.features)
    assert fitted.features["e string"][0] == "E string"
    assert np.mean([fitted.found(text) is not None for text in texts]) > 0.9
