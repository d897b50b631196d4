"""Tasks that take turns: who is drawn, what each sees of its data, and the curves."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from p5rec.contracts import Dataset, Model, Stream
from p5rec.core.errors import InputError
from p5rec.evaluation.report_figures import curves
from p5rec.evaluation.report_parts import Report, Row
from p5rec.tasks.next_item import NextItem, NextItemConfig
from p5rec.testing.making import setting
from p5rec.training.history import History
from p5rec.training.turns import Turns, balanced

Train = Callable[..., Any]


class Watched(NextItem):
    def batch(self, dataset: Dataset, model: Model, seed: int, step: int) -> tuple[Stream, Any]:
        self.seen = [*getattr(self, "seen", []), step]
        return super().batch(dataset, model, seed, step)


def three(dataset: Dataset) -> dict[str, Watched]:
    return {name: Watched(NextItemConfig(positions=256), setting(dataset)) for name in ("one", "two", "three")}


def test_turns_are_drawn_in_proportion_to_the_weights() -> None:
    turns = Turns({"rare": 1.0, "often": 3.0, "never": 0.0}, "each", seed=3)
    drawn = Counter(next(iter(turns.at(step))) for step in range(4000))
    assert set(drawn) == {"rare", "often"}
    assert drawn["often"] / 4000 == pytest.approx(0.75, abs=0.03)


def test_a_turn_depends_on_the_seed_and_the_step_only() -> None:
    weights = {"a": 1.0, "b": 2.0}
    straight, late = Turns(weights, "each", 0), Turns(weights, "each", 0)
    assert [late.at(step) for step in (5000, 7)] == [straight.at(step) for step in (5000, 7)]
    walked = Turns(weights, "each", 0)
    assert [walked.at(step) for step in range(5001)][-1] == straight.at(5000)
    assert [Turns(weights, "each", 1).at(step) for step in range(20)] != [walked.at(step) for step in range(20)]


def test_a_pass_is_over_when_the_first_task_has_seen_its_rows() -> None:
    """However many prompts could be made of the same rows, they do not make a pass longer."""
    sizes = {"main": 30, "small": 5, "prompts": 900}
    assert Turns({"main": 1, "small": 1, "prompts": 2}, "each", 0).steps(sizes) == 120
    assert Turns({"main": 1, "small": 1, "prompts": 2}, "all", 0).steps(sizes) == 30
    assert Turns({"main": 0, "small": 1, "prompts": 0}, "each", 0).steps(sizes) == 5


def test_weights_that_nothing_can_be_drawn_by_are_a_fault() -> None:
    for weights in ({"a": 0.0, "b": 0.0}, {"a": 2.0, "b": -1.0}):
        with pytest.raises(InputError, match=r"train.turns: tasks that take turns need weights .* found a"):
            Turns(weights, "each", 0)


def test_a_weight_that_draws_does_not_count_twice() -> None:
    assert balanced({"a": 3.0}, "each") == {"a": 1.0}
    assert balanced({"a": 3.0}, "all") == {"a": 3.0}


def test_each_task_sees_its_own_batches_in_their_order(train: Train, dataset: Dataset) -> None:
    tasks = three(dataset)
    history, _ = train(tasks=tasks, weights={"one": 2.0, "two": 1.0, "three": 1.0}, turns="each", epochs=3)
    seen = {name: sorted(set(task.seen)) for name, task in tasks.items()}
    assert all(steps == list(range(len(steps))) for steps in seen.values()), "batches were left out"
    assert sum(map(len, seen.values())) == history.steps
    assert history.steps_per_epoch == 2 * tasks["one"].steps(dataset)


@pytest.mark.parametrize("turns", ["all", "each"])
def test_three_tasks_are_three_curves(train: Train, dataset: Dataset, turns: str) -> None:
    history, _ = train(tasks=three(dataset), turns=turns, epochs=4)
    assert {len(row) for row in history.losses.values()} == {history.steps}
    row = Row("it", curves={"loss": history.losses})
    figure = curves(Report("", {}, None, [row]), {"it": "c0"})[0]  # type: ignore[arg-type]
    assert figure.text == "one, two, three"
    assert figure.svg.count("<path") >= 3 or figure.svg.count("<polyline") >= 3


def test_a_curve_keeps_its_last_value_between_turns() -> None:
    history = History(losses={"a": [], "b": [], "never": []})
    for losses in ({"a": 3.0}, {"b": 7.0}, {"a": 2.0}, {"b": 6.0}):
        history.note(losses, {}, 0.1)
    assert history.losses == {"a": [3, 3, 2, 2], "b": [7, 7, 7, 6], "never": []}
    assert history.recent(2) == {"a": 2.0, "b": 6.5}
    assert (history.steps, history.rates) == (4, [0.1] * 4)
