"""Judges of texts against the libraries they stand on, their intervals, and their sentences."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest
from evaluation_toys import asking, metric, truth_of
from rouge_score.rouge_scorer import RougeScorer
from sacrebleu.metrics import BLEU

from p5rec.contracts import Queries, Texts, Truth
from p5rec.core.errors import InputError, MissingExtra
from p5rec.evaluation.compare import interval, intervals, paired
from p5rec.evaluation.evaluate import Measured, evaluate, judge
from p5rec.evaluation.standard import TEXT, names
from p5rec.evaluation.writing import label

WORDS = ["great", "strings", ".", "sound", "very", "good", "for", "the", "price,", "I'd", "buy", "(again)!", "Tone"]


class Teller:
    """Answers with a fixed text for each user."""

    def __init__(self, texts: list[str]) -> None:
        self.texts = texts

    def __call__(self, queries: Queries, k: int | None) -> Texts:
        return Texts(tuple(self.texts[user] for user in queries.users))


def sentences(count: int, seed: int, shortest: int = 1) -> list[str]:
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(WORDS, rng.integers(shortest, 14))) for _ in range(count)]


def written(texts: list[str]) -> Truth:
    return replace(truth_of([[0]] * len(texts)), texts=tuple(texts))


def measured(answers: list[str], wanted: list[str], chunk: int = 7, **metrics: object) -> Measured:
    made = {names(name, {}): metric(name) for name in ("distinct", "exact")}
    made |= {names(name, settings): metric(name, **settings) for name, settings in TEXT}
    return evaluate(Teller(answers), asking(len(answers)), written(wanted), made, chunk=chunk)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 6])
@pytest.mark.parametrize("seed", range(4))
def test_bleu_is_that_of_sacrebleu(n: int, seed: int) -> None:
    answers, wanted = sentences(40, seed), sentences(40, seed + 100)
    answers[3], wanted[5] = "", ""
    found = evaluate(Teller(answers), asking(40), written(wanted), {"it": metric("bleu", n=n)}, chunk=9)
    assert found.values["it"] == BLEU(max_ngram_order=n).corpus_score(answers, [wanted]).score


def test_bleu_of_a_resample_is_that_of_sacrebleu_on_the_same_texts() -> None:
    answers, wanted = sentences(30, 1), sentences(30, 2)
    judge_ = metric("bleu")
    stats = judge_.measure(Texts(tuple(answers)), written(wanted))
    rows = np.random.default_rng(0).integers(0, 30, 30)
    again = BLEU().corpus_score([answers[n] for n in rows], [[wanted[n] for n in rows]])
    assert judge_.reduce(stats[rows]) == again.score


def test_bleu_without_matches_is_nothing() -> None:
    found = evaluate(Teller(["a b", "c"]), asking(2), written(["x", "y z"]), {"it": metric("bleu", n=1)})
    assert found.values["it"] == 0.0


@pytest.mark.parametrize("kind", ["1", "2", "L"])
@pytest.mark.parametrize("stem", [False, True])
def test_rouge_is_that_of_the_library(kind: str, stem: bool) -> None:
    answers, wanted = sentences(25, 3), sentences(25, 4)
    scorer = RougeScorer([f"rouge{kind}"], use_stemmer=stem)
    each = [scorer.score(w, a)[f"rouge{kind}"].fmeasure for a, w in zip(answers, wanted, strict=True)]
    found = evaluate(Teller(answers), asking(25), written(wanted), {"it": metric("rouge", kind=kind, stem=stem)})
    assert found.values["it"] == pytest.approx(100 * np.mean(each))


@pytest.mark.parametrize("n", [1, 2, 3])
def test_distinct_is_a_plain_count(n: int) -> None:
    answers = ["A b c", "a b d", "", "b c a b, e"]
    split = [answer.lower().replace(",", " ,").split() for answer in answers]
    grams = [tuple(row[place : place + n]) for row in split for place in range(len(row) - n + 1)]
    found = judge(Texts(tuple(answers)), written([""] * 4), {"it": metric("distinct", n=n)})
    assert found.values["it"] == len(set(grams)) / len(grams)


def test_a_bland_sentence_does_not_win() -> None:
    wanted = sentences(60, 5, shortest=6)
    bland = measured(["great sound for the price ."] * 60, wanted).values["distinct2"]
    assert bland < 0.1 < measured(wanted, wanted).values["distinct2"]


@pytest.mark.parametrize(
    ("answer", "wanted", "equal"),
    [
        (" Yes!", "yes", True),
        ("YES.", "no", False),
        ("very  positive", "Very positive", True),
        ("ｙes", "yes", True),
        (":(", ":)", False),
        ("", "", True),
        ("yes no", "yes", False),
    ],
)
def test_exact_looks_past_case_marks_and_spaces(answer: str, wanted: str, equal: bool) -> None:
    assert judge(Texts((answer,)), written([wanted]), {"it": metric("exact")}).values["it"] == equal


def test_chunks_change_nothing_and_every_interval_holds_its_number() -> None:
    answers, wanted = sentences(50, 6), sentences(50, 7)
    whole, chunked = measured(answers, wanted, chunk=50), measured(answers, wanted, chunk=3)
    assert whole.values == chunked.values
    assert list(whole.values) == ["distinct", "exact", "bleu1", "bleu4", "rouge1", "rougeL", "distinct2"]
    assert whole.lists is None
    for name, (low, high) in intervals(whole, resamples=200).items():
        assert low <= whole.values[name] <= high, name


@pytest.mark.parametrize("name", ["bleu", "distinct"])
def test_an_interval_is_as_wide_as_other_texts_spread(name: str) -> None:
    """Forty fresh corpora of a hundred texts tell how much a number really varies."""
    rng = np.random.default_rng(8)
    pool = sentences(80, 8, shortest=4)
    wanted = [pool[min(rng.zipf(1.4), 80) - 1] for _ in range(4000)]
    answers = [text if rng.random() < 0.5 else pool[rng.integers(80)] for text in wanted]
    one = metric(name)
    stats = one.measure(Texts(tuple(answers)), written(wanted))
    parts = stats.reshape(40, 100, -1)
    spread = np.std([one.reduce(part) for part in parts])
    ends = np.array([interval(one, part, resamples=100, seed=place) for place, part in enumerate(parts[:12])])
    assert 0.7 < np.mean(ends[:, 1] - ends[:, 0]) / 3.92 / spread < 1.4


def test_two_tellers_are_paired_text_by_text() -> None:
    wanted = sentences(80, 10, shortest=5)
    near, far = [text.replace("very", "so") for text in wanted], sentences(80, 11, shortest=9)
    first, second = measured(near, wanted), measured(far, wanted)
    for name in ("bleu4", "rougeL", "distinct2", "exact"):
        found = paired(first, second, name, resamples=200)
        assert found.mean == pytest.approx(first.values[name] - second.values[name])
        assert found.low < found.mean < found.high
    assert paired(first, second, "bleu4", resamples=200).significant
    with pytest.raises(InputError, match="a paired test needs both models measured on the same queries"):
        paired(first, measured(far, far), "bleu4")


def test_texts_travel_with_the_chosen_rows() -> None:
    truth = written(["a", "b", "c"])
    for chosen in (np.array([2, 0]), np.array([False, True, False]), slice(1, 3)):
        assert truth.rows(chosen).texts == tuple(np.array(["a", "b", "c"])[chosen])
    assert truth_of([[1]]).rows(slice(0, 1)).texts is None


def test_words_without_references_are_refused() -> None:
    with pytest.raises(InputError, match="bleu compares with what was really written, and these queries come without"):
        judge(Texts(("a",)), truth_of([[0]]), {"bleu": metric("bleu")})
    with pytest.raises(InputError, match="exact was given 2 texts for 1 references; one each"):
        metric("exact").measure(Texts(("a", "b")), written(["a"]))


@pytest.mark.parametrize(
    ("name", "package"), [("bleu", "sacrebleu.metrics.bleu"), ("rouge", "rouge_score.rouge_scorer")]
)
def test_a_missing_library_is_named(name: str, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtra, match=rf"{name} needs the package .*pip install 'p5rec\[text\]'"):
        metric(name)


def test_names_and_labels_of_text_metrics() -> None:
    made = [names(name, metric(name, **settings).config) for name, settings in TEXT]
    assert made == ["bleu1", "bleu4", "rouge1", "rougeL", "distinct2"]
    assert [label(name) for name in made] == ["BLEU-1", "BLEU-4", "ROUGE-1", "ROUGE-L", "Distinct-2"]
    assert names("rouge", metric("rouge", stem=True).config) == "rougeL[stem=True]"
