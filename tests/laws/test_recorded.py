"""Each number of a benchmark stands under the head of the call that measured it."""

from pathlib import Path

import pytest
from house import ROOT


@pytest.fixture(autouse=True)
def _benchmarks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "benchmarks")


def test_a_further_call_adds_a_head_and_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("httpx")
    import serve_latency

    out = tmp_path / "results" / "latency.md"
    monkeypatch.setattr(serve_latency, "rows_of", lambda name, path, total: [f"| {name}: {total} |"])
    for total in ("10", "20"):
        monkeypatch.setattr("sys.argv", ["latency", "--models", "itemknn", "--requests", total, "--out", str(out)])
        serve_latency.main()
    title, first, second = out.read_text(encoding="utf-8").split("## With random histories")
    assert title == "# Latency of the service\n\n"
    assert "--requests 10" in first
    assert first.endswith("| itemknn: 10 |\n\n")
    assert "--requests 20" in second
    assert second.endswith("| itemknn: 20 |\n")


def test_a_page_of_seeds_names_commit_and_day_of_each_run(tmp_path: Path) -> None:
    import recorded

    (tmp_path / "beauty-0").mkdir()
    (tmp_path / "beauty-0" / recorded.STAMP).write_text("abc1234 2026-11-24")
    head = recorded.head("Beauty", "python benchmarks/sequences.py beauty", [tmp_path / "beauty-0", tmp_path / "b-1"])
    assert head[:3] == ["# Beauty", "", "`python benchmarks/sequences.py beauty`"]
    assert head[3].startswith("(commit and day of each: beauty-0: abc1234 2026-11-24; ")


def test_commits_are_asked_for_in_one_place() -> None:
    asking = [path.name for path in (ROOT / "benchmarks").glob("*.py") if "rev-parse" in path.read_text("utf-8")]
    assert asking == ["recorded.py"]
