"""What a run says of its memory before it starts is near what it takes."""

import random
import re
from pathlib import Path

import psutil
import pytest
from command_toys import shop_page, write_shop

from p5rec.commands import page as pages
from p5rec.commands import prepare
from p5rec.commands.estimate import CELL, REPORT, ROWS, STEPS, Guess, beyond, choosing, ranking, rehearsed, told
from p5rec.commands.run import run
from p5rec.core.progress import measured
from p5rec.models.ease import Ease
from p5rec.testing.making import setting
from p5rec.testing.sequences import from_sequences
from p5rec.training.turns import Turns


def test_models_stay_and_are_ranked_in_the_end() -> None:
    training = [Guess("a", 0, mb=900, kept=100), Guess("b", 0, mb=850, kept=50)]
    assert beyond(training, ranked=200) == 950, "the second is trained beside the first"
    assert beyond(training, ranked=1000) == 150 + 1000 + REPORT
    assert beyond([], ranked=10) == 10 + REPORT


def test_every_task_has_its_turn_before_memory_is_told() -> None:
    tasks = {"often": 20.0, "seldom": 1.0}
    steps = rehearsed(tasks, "each")
    turns = Turns(tasks, "each", 0)
    assert {name for step in range(steps) for name in turns.at(step)} == set(tasks)
    assert rehearsed(tasks, "all") == STEPS


def test_ranking_grows_with_the_items_and_the_parts_of_a_responder(tmp_path: Path) -> None:
    data = write_shop(tmp_path)
    page = pages.read(shop_page(data))
    dataset = prepare.run(page, tmp_path / "data")
    cell = ROWS * dataset.n_items / 2**20
    assert ranking(page, dataset) == pytest.approx(cell * (24 + 16 * 3))
    assert ranking(pages.read(shop_page(data, responder={}, serve={})), dataset) == pytest.approx(cell * 24)


def test_choosing_grows_with_the_queries_and_the_parts_of_a_responder(tmp_path: Path) -> None:
    data = write_shop(tmp_path)
    page = pages.read(shop_page(data))
    dataset = prepare.run(page, tmp_path / "data")
    asked = len(dataset.held_out("valid")[0])
    assert choosing(page, dataset) == pytest.approx(asked * 100 * 3**2 * CELL / 2**20)
    few = pages.read(shop_page(data, responder={"blend": {"of": ["popular"], "queries": 3, "depth": 10}}))
    assert choosing(few, dataset) == pytest.approx(3 * 10 * CELL / 2**20)
    assert choosing(pages.read(shop_page(data, responder={}, serve={})), dataset) == 0


def test_what_is_left_of_a_rehearsal_counts() -> None:
    """Libraries and freed pages stay in the process, so a later model starts from more than the first did."""
    first = Guess("a", 0, mb=900, kept=10, more=50)
    solved = Guess("b", 0, mb=300, more=300)
    assert told([first, solved], held=400, now=1200, ranked=100) == 1200 + 10 + 300
    assert told([first, solved], held=400, now=600, ranked=100) == 400 + 900


def test_ease_takes_the_memory_that_it_tells() -> None:
    """Each of its matrices is larger than pages that others left, so that what is measured is its own."""
    draw = random.Random(0)
    data = from_sequences({f"u{user}": [f"i{draw.randrange(3000)}" for _ in range(30)] for user in range(300)})
    model = Ease(Ease.Config(), setting(data))
    held = psutil.Process().memory_info().rss
    with measured(interval=0.002) as cost:
        model.solve(data)
    assert model.work(data)[1] == pytest.approx(cost.peak_mb * 2**20 - held, rel=0.25)


def test_the_estimate_is_within_a_quarter_of_the_peak(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = write_shop(tmp_path)
    before = psutil.Process().memory_info().rss / 2**20
    run(pages.read(shop_page(data, model={"ease": {}}, responder={}, serve={})), tmp_path / "run")
    said = re.sub(r"\s+", " ", capsys.readouterr().err)
    said_mb = float(re.search(r"memory ([\d,]+) MB", said)[1].replace(",", ""))  # type: ignore[index]
    peak = float(re.search(r"peak memory ([\d,]+) MB", said)[1].replace(",", ""))  # type: ignore[index]
    assert said_mb > before
    assert 0.75 * peak < said_mb < 1.25 * peak
