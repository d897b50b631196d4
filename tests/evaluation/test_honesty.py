"""Every sentence about a dishonest comparison, printed once."""

from __future__ import annotations

import re
from typing import Any

import pytest

from p5rec.contracts import Queries
from p5rec.core.errors import InputError
from p5rec.data.ragged import Ragged
from p5rec.evaluation.honesty import Protocol, examine, refuse

MANY = Queries.of([[0]] * 500)
TABLE = ("popular", "itemknn", "sasrec")


@pytest.mark.parametrize(
    ("protocol", "others", "level", "sentence"),
    [
        ({"ranking": "sampled"}, {}, "refuse", r"sampled candidates misleads.*set evaluate.ranking to 'full'"),
        (
            {},
            {"queries": Queries.of([[0]] * 500, candidates=Ragged.of([[1, 2]] * 500))},
            "refuse",
            r"full ranking, but the queries rank lists of at most 2 candidates; leave the candidates out",
        ),
        (
            {},
            {"leaks": ["3 test pairs stand in training"]},
            "refuse",
            r"this split leaks: 3 test pairs stand in training",
        ),
        ({"chosen_on": "test"}, {}, "refuse", r"chosen on the test rows.*choose on validation rows"),
        (
            {"validated_on_fitted": ("blend",)},
            {},
            "refuse",
            r"blend: chosen on validation rows that the models had been fitted on.*choose, then refit",
        ),
        ({"fitted_on": "train+valid"}, {}, "warn", r"refitted on training and validation rows; compare"),
        ({"scalars": 21}, {}, "warn", r"21 numbers were chosen on validation rows, more than the 20"),
        ({}, {"rows": ("sasrec", "popular")}, "warn", r"this table lacks itemknn: without simple baselines"),
        ({}, {"facts": {"ties": 0.44}}, "warn", r"44% of the events share their time"),
        ({"seen": "included"}, {"facts": {"repeat_rate": 0.001}}, "warn", r"stay in the ranking although only 0.1%"),
        ({"seen": "excluded"}, {"facts": {"repeat_rate": 0.6}}, "warn", r"left out of the ranking although 60%"),
        ({}, {"queries": MANY.rows(slice(0, 20))}, "warn", r"few test queries \(20\): the intervals are wide"),
    ],
)
def test_each_doubt_is_said_once(protocol: dict[str, Any], others: dict[str, Any], level: str, sentence: str) -> None:
    found = examine(Protocol(**protocol), **{"queries": MANY, "rows": TABLE, **others})
    assert [finding.level for finding in found] == [level]
    assert re.search(sentence, found[0].sentence)


def test_an_honest_comparison_raises_no_doubt() -> None:
    assert examine(Protocol(), queries=MANY, rows=TABLE, facts={"ties": 0.01, "repeat_rate": 0.0}) == []


def test_refusals_come_first_and_stop_together() -> None:
    found = examine(Protocol(chosen_on="test"), queries=MANY, leaks=["a", "b"], rows=("sasrec",))
    assert [finding.level for finding in found] == ["refuse"] * 3 + ["warn"]
    with pytest.raises(InputError) as error:
        refuse(found)
    assert len(error.value.faults) == 3


def test_warnings_do_not_stop() -> None:
    refuse(examine(Protocol(fitted_on="train+valid"), queries=MANY, rows=TABLE))
