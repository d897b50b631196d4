"""What the user named is printed as it stands: square brackets are no markup, colons no emoji."""

from types import SimpleNamespace
from typing import Any

import pytest

from p5rec import cli
from p5rec.commands import inspect, show
from p5rec.evaluation.search import Search, Trial
from p5rec.serving.answer import Recommendation, Scored

HOSTILE = ["usr [/x] 0", "[deleted]", "tea [red]", ":heart:", "back\\"]


class Known:
    """A recommender of which only titles are asked."""

    dataset = SimpleNamespace(items=SimpleNamespace(number=int), titles=HOSTILE)


def answer(title: str) -> Recommendation:
    items = [Scored(item_id=title, score=1.0, title=title, because=str(place)) for place in range(len(HOSTILE))]
    return Recommendation(version="1", events_seen=1, items=items)


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("reasons", [True, False])
def test_ids_and_titles_are_printed_as_they_are(name: str, reasons: bool, capsys: Any):
    show.recommendations(Known(), [name], [answer(name)], cli.screen, reasons)  # type: ignore[arg-type]
    heading, _, *rows = capsys.readouterr().out.splitlines()
    assert heading.strip() == name
    for row, other in zip(rows, HOSTILE, strict=True):
        because = f"because you chose {other}" if reasons else name
        assert row.split(maxsplit=1)[1].split("  ")[0] == name
        assert row.rstrip().endswith(because)


def test_names_of_models_are_printed_as_they_are(tmp_path: Any, capsys: Any):
    found = Search("", "[/x]", "ndcg@10", True, [], 1, [Trial(0, "finished", {"model.[/x].a": "[red]"}, 0.5)])
    show.search(found, tmp_path, cli.screen)
    out = capsys.readouterr().out
    assert "ndcg@10 of [/x] on validation rows" in out
    assert 'model.[/x].a = "[red]"' in out


def test_columns_of_a_schema_are_printed_as_they_are(tmp_path: Any, capsys: Any):
    path = tmp_path / "events.csv"
    path.write_text("user_id,item_id,[/x]\na,b,c\n")
    inspect.run(str(path), cli.screen, None)
    out = capsys.readouterr().out
    assert "events.csv" in out.replace("\n", "")
    assert "[/x]" in out
