"""Powers that no model of the house has yet keep their contracts in the sketches."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from p5rec.contracts import Bound, Speaks
from p5rec.testing.checks import checks, models, powers, tasks
from p5rec.testing.making import every

sys.path.insert(0, str(Path(__file__).parents[1] / "sketches"))
from lightgcn import Edge, LightGCN
from words import Teller

LESS = {  # a sketch promises less than a plug of the house
    (LightGCN, powers.asks_dense_as_alone),  # it is asked for one item a row
    (Teller, models.items_in_every_shape),  # it takes the whole catalogue or items (B, C)
}
CASES = [(plug, check) for plug in (LightGCN, Teller) for check in checks("model", plug) if (plug, check) not in LESS]


@pytest.mark.parametrize(("plug", "check"), CASES, ids=lambda part: part.__name__)
def test_contract(plug: type, check: Callable[[type], None]) -> None:
    check(plug)


def test_edges_are_training_rows() -> None:
    tasks.batches_know_no_held_out_row(Edge)


@pytest.mark.parametrize("power", [Bound, Speaks])
def test_every_power_is_checked_somewhere(power: type) -> None:
    assert any(issubclass(plug, power) for plug in (LightGCN, Teller, *(plug for _, plug in every("model"))))
