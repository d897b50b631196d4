"""Families of prompts and the worth of pretraining: the blocks of the JSON, the tables of the page, the sentence."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from evaluation_toys import metric, truth_of
from report_toys import toy_report

from p5rec.contracts import Numbers, Texts, Truth
from p5rec.core.errors import InputError
from p5rec.evaluation.compare import Difference
from p5rec.evaluation.evaluate import Measured, judge
from p5rec.evaluation.families import Family, family, row
from p5rec.evaluation.report import Cost, Report
from p5rec.evaluation.report_json import plain
from p5rec.evaluation.report_page import render
from p5rec.evaluation.tuned import Comparison, Variant, compared

WORDS = np.array(["bright", "warm", "strings", "tone", "<b>cheap</b>", "solid", "pedal", "works"])
VARIANTS = {"lowrank": 0.45, "scratch": 0.55, "full": 0.3, "pretrained": 1.0, "frozen": 0.55}
COSTS = {name: Cost(10_000 * place, 60.0 * place, 900.0) for place, name in enumerate(VARIANTS)}


def stars(noise: float, seed: int = 1, count: int = 120) -> Measured:
    labels = np.random.default_rng(0).integers(1, 6, count).astype(float)
    guess = labels + np.random.default_rng(seed).normal(0, noise, count)
    truth = truth_of([[n] for n in range(count)], labels[:, None].tolist())
    return judge(Numbers(guess[:, None]), truth, {"rmse": metric("rmse"), "mae": metric("mae")})


def headlines(share: float, count: int = 120) -> Measured:
    rng = np.random.default_rng(2)
    wanted = [" ".join(rng.choice(WORDS, 6)) for _ in range(count)]
    said = [text if rng.random() < share else " ".join(rng.choice(WORDS, 6)) for text in wanted]
    truth: Truth = replace(truth_of([[0]] * count), texts=tuple(wanted))
    return judge(Texts(tuple(said)), truth, {"bleu4": metric("bleu"), "distinct2": metric("distinct")})


def review() -> Family:
    parts = {"": stars(0.5), "headline_": headlines(0.5)}
    rows = [
        row("unseen wordings", {"": stars(0.52, seed=3)}, resamples=100),
        row("words only: TF-IDF and ridge", {"": stars(0.9, seed=4)}, parts, "same rows", resamples=100),
        row("copied from <the item>", {"headline_": headlines(0.2)}, parts, resamples=100),
    ]
    return family("review", parts, rows, ["1 wording left out: the data has no <title>."], resamples=100)


def variants(**noise: float) -> Comparison:
    measured = {name: stars(one, seed=10 + place) for place, (name, one) in enumerate(noise.items())}
    return compared(measured, COSTS, ("rmse", "mae"), resamples=200)


def told(report: Report) -> Report:
    rows = [replace(one, families=(review(),)) if one.name == "sasrec" else one for one in report.rows]
    return replace(report, rows=rows, comparison=variants(**VARIANTS))


@pytest.fixture(scope="module")
def report() -> Report:
    return told(toy_report())


def test_a_family_gathers_what_was_measured() -> None:
    found = review()
    assert list(found.values) == ["rmse", "mae", "headline_bleu4", "headline_distinct2"]
    assert found.queries == 120
    for name, (low, high) in found.intervals.items():
        assert low <= found.values[name] <= high
    unseen, words, copied = found.rows
    assert not unseen.differences
    assert words.differences["rmse"].mean == pytest.approx(found.values["rmse"] - words.values["rmse"])
    assert words.differences["rmse"].high < 0
    assert set(copied.differences) == {"headline_bleu4", "headline_distinct2"}


def test_a_row_of_other_queries_cannot_be_paired() -> None:
    with pytest.raises(InputError, match="a paired test needs both models measured on the same queries"):
        row("other", {"": stars(0.5, count=50)}, {"": stars(0.5)}, resamples=20)


def test_the_json_has_a_block_for_each_family(report: Report) -> None:
    models = plain(report)["models"]
    block = models["sasrec"]["test"]["families"]["review"]
    assert block["rmse"] == pytest.approx(0.5, abs=0.1)
    assert 20 < block["headline_bleu4"] < 80
    assert len(block["interval"]["headline_bleu4"]) == 2
    assert block["rows"]["words only: TF-IDF and ridge"]["difference"]["rmse"]["high"] < 0
    assert block["notes"] == ["1 wording left out: the data has no <title>."]
    assert "families" not in models["popular"]["test"]


def test_the_json_compares_ways_of_tuning(report: Report) -> None:
    found = plain(report)
    assert list(found["comparison"]) == ["scratch", "pretrained", "full", "frozen", "lowrank"]
    full = found["comparison"]["full"]
    assert full.keys() >= {"metrics", "interval", "trainable", "seconds", "peak_mb"}
    assert (full["trainable"], full["seconds"], full["peak_mb"]) == (20_000, 120.0, 900.0)
    assert full["against_scratch"]["rmse"]["high"] < 0
    assert found["comparison"]["scratch"]["against_scratch"] == {}
    assert found["pretraining"]["helps"] is True
    assert "comparison" not in plain(replace(report, comparison=None))


def test_the_page_shows_both_as_text(report: Report) -> None:
    page = render(report)
    for shown in ('id="families"', 'id="pretraining"', "Headline BLEU-4", "unseen wordings", "120 prompts", "lowrank"):
        assert shown in page
    assert "copied from &lt;the item&gt;" in page
    assert "the data has no &lt;title&gt;" in page
    assert 'id="families"' not in render(toy_report())


def test_the_sentence_says_by_how_much_it_helps() -> None:
    said = variants(scratch=0.6, pretrained=1.0, full=0.3, frozen=0.6).sentence()
    assert said.startswith("Pretraining helps here. In RMSE, where scratch has .5")
    for part in ("pretrained is worse by .", "full is better by .", "frozen cannot be told apart (better by −."):
        assert part in said
    assert "does not help" not in said


def test_the_sentence_says_where_it_does_not_help() -> None:
    found = variants(scratch=0.5, pretrained=1.0, full=0.5, frozen=0.8)
    assert found.helps() is False
    assert found.sentence().startswith("Pretraining does not help here: no tuning is surely better than from scratch.")
    assert "full cannot be told apart" in found.sentence()
    assert "frozen is worse by ." in found.sentence()


def test_a_metric_that_gains_nothing_is_named() -> None:
    found = variants(scratch=0.6, full=0.3)
    full = replace(found.variants[1], differences={**found.variants[1].differences, "mae": Difference(0.0, -1, 1, 1.0)})
    said = replace(found, variants=[found.variants[0], full]).sentence()
    assert said.startswith("Pretraining helps here.")
    assert said.endswith("It does not help in MAE.")


def test_a_good_start_alone_is_no_help() -> None:
    assert variants(scratch=0.5, pretrained=0.2, full=0.5).helps() is False


def test_with_nothing_to_compare_it_says_so() -> None:
    assert variants(full=0.3).sentence().startswith("Nothing can be said of pretraining")
    assert variants(scratch=0.3, pretrained=0.5).helps() is None


def test_a_variant_that_was_not_measured_says_why(report: Report) -> None:
    notes = {"frozen": "it has no towers to train"}
    found = compared({"scratch": stars(0.5), "full": stars(0.4)}, COSTS, ("rmse",), notes, resamples=50)
    assert [one.name for one in found.variants] == ["scratch", "full", "frozen"]
    assert found.variants[2] == Variant("frozen", cost=COSTS["frozen"], note=notes["frozen"])
    assert "it has no towers to train" in render(replace(report, comparison=found))
