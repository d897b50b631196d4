"""The report: JSON as promised, a page that holds itself together, sentences that say how sure."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from report_toys import PIXEL, toy_report, without_tests
from rich.console import Console

from p5rec.core.errors import MissingExtra
from p5rec.evaluation.compare import Difference
from p5rec.evaluation.report import Pick, Report, Row, Sample, Shown, write
from p5rec.evaluation.report_json import finite, plain
from p5rec.evaluation.report_page import render
from p5rec.evaluation.report_views import certainty
from p5rec.evaluation.standard import names
from p5rec.evaluation.table import table
from p5rec.evaluation.writing import label, number, seconds


@pytest.fixture(scope="module")
def report() -> Report:
    return toy_report()


@pytest.fixture(scope="module")
def page(report: Report) -> str:
    return render(report)


class Outline(HTMLParser):
    """Open tags, ids and addresses of a page."""

    EMPTY = ("meta", "line", "circle", "path", "br", "img")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.addresses: list[str] = []
        self.tags: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.ids += [value or "" for key, value in attrs if key == "id"]
        self.addresses += [value or "" for key, value in attrs if key in ("src", "href", "xlink:href")]
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.EMPTY:
            assert self.open.pop() == tag


def test_json_is_what_the_schema_promises(report: Report, tmp_path: Path) -> None:
    write(tmp_path, report)
    found = json.loads((tmp_path / "report.json").read_text(), parse_constant=lambda name: pytest.fail(name))
    assert found["schema"] == 1
    assert {"users", "items", "events", "ties"} <= found["data"].keys()
    assert found["data"]["ties"] == 0.25
    assert {"split", "ranking", "seen", "fitted_on", "seed"} <= found["protocol"].keys()
    model = found["models"]["sasrec"]
    assert {"recall@5", "recall@10", "ndcg@5", "ndcg@10", "mrr"} <= model["test"].keys()
    assert model["valid"].keys() == model["test"].keys()
    for metric, value in model["test"].items():
        low, high = model["interval"]["test"][metric]
        assert low <= value <= high
    assert model["seconds"]["fit"] == 12.5
    assert model["seconds"]["rank"] > 0
    assert model["parameters"] == 1000
    assert model["peak_mb"] == 300
    assert model["slices"]["history"]
    assert found["models"]["ease"]["note"].startswith("steps aside")
    assert next(iter(found["models"])) == found["best"] == "sasrec"


def test_no_number_of_the_json_is_infinite_or_nan() -> None:
    values = {"a": np.float32("nan"), 1: [float("inf"), np.int64(3)], "b": (np.array([1.5, np.nan]), None, True)}
    assert finite(values) == {"a": None, "1": [None, 3], "b": [[1.5, None], None, True]}


def test_the_page_is_whole_and_fetches_nothing(page: str) -> None:
    outline = Outline(page)
    assert outline.open == []
    assert {one[:11] for one in outline.addresses} == {"data:image/", '"><script>a'}  # the last is the hostile toy's
    assert "script" not in outline.tags
    assert not re.search(r"url\(|@import|https?://", page)
    wanted = (
        "findings",
        "comparison",
        "samples",
        "slices",
        "popularity",
        "map",
        "curves",
        "dropped",
        "numbers",
        "made",
    )
    assert set(wanted) <= set(outline.ids)


def test_titles_and_names_are_text_never_markup(page: str) -> None:
    assert "<b>item</b>" not in page
    assert "<i>pick</i>" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "Toys &amp; &lt;tags&gt;" in page


def test_pictures_stand_beside_their_titles_and_broken_ones_are_boxes(page: str) -> None:
    hostile = "&#34;&gt;&lt;b&gt;item&lt;/b&gt; 3"
    pick, box, *_ = re.findall(r"<li.*?</li>", page)
    assert f'<img src="{PIXEL}" alt="">' in pick
    assert 'class="hit pictured"' in pick
    assert "✓" in pick
    assert '<span class="box"></span>' in box
    assert "hit" not in box
    assert "img" not in box
    assert f'<img src="{PIXEL}" alt="{hostile}" title="{hostile}">' in page
    assert '<span class="box" title="silent"></span>' in page
    assert "&lt;i&gt;missed&lt;/i&gt;" in page


def test_items_without_pictures_are_their_titles(report: Report) -> None:
    text = render(replace(report, samples=[Sample("u", [Shown("first")], [Pick("next", hit=True)])]))
    assert "<i>first</i>" in text
    assert '<li class="hit"><div><b>next</b>' in text
    assert "<img" not in text
    assert 'class="box"' not in text


def test_pictures_stay_out_of_the_numbers(report: Report) -> None:
    (found,) = plain(report)["samples"]
    assert found["history"] == ['"><b>item</b> 3', "silent"]
    assert found["picks"][0] == {"title": "<i>pick</i>", "reason": "because of <b>item</b> 3", "hit": True}
    assert found["missed"] == ["<i>missed</i>"]
    assert "data:image" not in json.dumps(found)


def test_the_page_says_what_was_dropped_and_who_stepped_aside(page: str) -> None:
    assert "fewer than 5 events" in page
    assert "1,234" in page
    assert "steps aside: 30,000 items" in page
    assert "25% of the events share their time" in page


def test_curves_leave_out_what_is_no_number(page: str) -> None:
    assert "nan" not in page.lower().replace("nanosecond", "")


def test_a_report_without_extras_is_still_a_page(report: Report) -> None:
    bare = Report("", {"users": 1, "items": 1, "events": 1}, report.protocol, [Row("popular")])
    text = render(bare)
    assert Outline(text).open == []
    assert "No model was measured on test rows." in text
    assert render(without_tests(report))


def test_ratings_make_a_report_too(report: Report) -> None:
    rows = [
        Row("bias", test={"rmse": 0.95, "mae": 0.75}, intervals={"test": {"rmse": (0.94, 0.96), "mae": (0.74, 0.76)}}),
        Row("deepfm", test={"rmse": 0.91, "mae": 0.71}, intervals={"test": {"rmse": (0.9, 0.92), "mae": (0.7, 0.72)}}),
    ]
    found = replace(report, rows=rows, headline="rmse", directions={"rmse": False}, serves="")
    best = found.best()
    assert best is not None
    assert best.name == "deepfm"
    assert "<b>deepfm</b> ranks best" in render(found)


def told(mean: float, p: float) -> str:
    rows = [
        Row("a", test={"ndcg@10": 0.05}),
        Row(
            "b", test={"ndcg@10": 0.05 + mean}, differences={"ndcg@10": Difference(mean, mean - 0.001, mean + 0.001, p)}
        ),
    ]
    return certainty(replace(toy_report_bare(), rows=rows))


def toy_report_bare() -> Report:
    return Report("", {}, protocol=None, rows=[])  # type: ignore[arg-type]


def test_certainty_is_said_in_words() -> None:
    assert told(-0.004, 0.0002) == "It leads b by .0040 (p < .001), more than chance explains."
    assert told(-0.001, 0.31) == (
        "It leads b by .0010 (p = .310), which may be chance: the two cannot be told apart on this data."
    )
    assert certainty(replace(toy_report_bare(), rows=[Row("a", test={"ndcg@10": 0.1})])).startswith(
        "It is the only row"
    )


def test_without_jinja_the_numbers_are_written_and_the_sentence_says_what_to_install(
    report: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(MissingExtra, match=r"report.html needs the package 'jinja2'.*pip install 'p5rec\[report\]'"):
        write(tmp_path, report)
    assert (tmp_path / "report.json").is_file()


def test_the_screen_shows_the_best_first_and_marks_what_is_surely_worse(report: Report) -> None:
    console = Console(width=140, record=True)
    console.print(table(report))
    text = console.export_text()
    lines = [line for line in text.splitlines() if re.match(r"\s*(sasrec|itemknn|popular|ease)", line)]
    assert [line.split()[0] for line in lines] == ["sasrec", "itemknn", "popular", "ease"]
    assert "▾" not in lines[0]
    assert "▾" in lines[2]
    assert "steps aside" in lines[3]
    assert "NDCG@10" in text
    assert "Recall@10" in text


def test_the_screen_explains_only_marks_that_are_there(report: Report) -> None:
    def shown(found: Report) -> str:
        console = Console(width=140, record=True)
        console.print(table(found))
        return console.export_text()

    assert "▾ surely worse than sasrec" in shown(report)
    alike = replace(report, rows=[replace(row, differences={}) for row in report.rows])
    assert "▾" not in shown(alike)
    odd = replace(report, rows=[replace(row, name=f"[/{row.name}]") for row in report.rows])
    assert "▾ surely worse than [/sasrec]" in shown(odd)


def test_rows_differ_from_the_best_row_only(report: Report) -> None:
    found = {row.name: row for row in report.rows}
    assert not found["sasrec"].differences
    for name in ("popular", "itemknn"):
        for metric, difference in found[name].differences.items():
            assert difference.mean == pytest.approx(found[name].test[metric] - found["sasrec"].test[metric])


def test_numbers_and_names_read_well() -> None:
    assert [number(value) for value in (0.0494, 0.0, 1.0, 8.9049, -0.0123, float("nan"))] == [
        ".0494", ".0000", "1.000", "8.905", "-.0123", "–",
    ]  # fmt: skip
    assert [seconds(value) for value in (0.04, 12.4, 185)] == ["0.0 s", "12 s", "3 min 05 s"]
    assert [label(name) for name in ("ndcg@10", "hit_rate@5", "mrr")] == ["NDCG@10", "Hit rate@5", "MRR"]


def test_metrics_are_named_by_what_was_changed() -> None:
    assert names("recall", {"k": 10}) == "recall@10"
    assert names("mrr", {}) == "mrr"
    assert names("recall", {"k": 10, "capped": True}) == "recall@10[capped=True]"


def test_plain_keeps_every_row(report: Report) -> None:
    assert plain(report)["models"].keys() == {row.name for row in report.rows}
