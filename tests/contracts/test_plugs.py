"""Every plug of every kind keeps its contract; a new file in a plug folder is checked without a change here."""

from collections.abc import Callable

import pytest

from p5rec.contracts import KINDS
from p5rec.testing.checks import BY_KIND, checks
from p5rec.testing.making import every

CASES = [(kind, name, plug, check) for kind in KINDS for name, plug in every(kind) for check in checks(kind, plug)]


@pytest.mark.parametrize(
    ("plug", "check"), [case[2:] for case in CASES], ids=[f"{kind}-{name}-{c.__name__}" for kind, name, _, c in CASES]
)
def test_contract(plug: type, check: Callable[[type], None]) -> None:
    check(plug)


def test_every_kind_has_checks() -> None:
    assert set(BY_KIND) == set(KINDS)
    assert all(BY_KIND.values())


def test_every_kind_has_plugs() -> None:
    assert not [kind for kind in KINDS if not every(kind)]
