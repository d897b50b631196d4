"""Powers that no model of the house has yet keep their contracts in the sketches."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from p5rec.contracts import Bound, Speaks
from p5rec.testing.checks import checks, models
from p5rec.testing.making import every

sys.path.insert(0, str(Path(__file__).parents[1] / "sketches"))
from words import Teller

LESS = {  # a sketch promises less than a plug of the house
    (Teller, models.items_in_every_shape),  # it takes the whole catalogue or items (B, C)
}
CASES = [(plug, check) for plug in (Teller,) for check in checks("model", plug) if (plug, check) not in LESS]


@pytest.mark.parametrize(("plug", "check"), CASES, ids=lambda part: part.__name__)
def test_contract(plug: type, check: Callable[[type], None]) -> None:
    check(plug)


@pytest.mark.parametrize("power", [Bound, Speaks])
def test_every_power_is_checked_somewhere(power: type) -> None:
    assert any(issubclass(plug, power) for plug in (Teller, *(plug for _, plug in every("model"))))
