from hypothesis import given
from hypothesis import strategies as st

from p5rec.core.errors import SHOWN, InputError, MissingExtra, P5Error, nearest


def test_exit_codes() -> None:
    assert P5Error("x").exit_code == 1
    assert InputError("x").exit_code == 2
    assert MissingExtra("jinja2", "report", "x").exit_code == 2


def test_one_fault_is_one_sentence() -> None:
    assert str(InputError("a.csv: empty")) == "a.csv: empty"
    assert InputError("a.csv: empty").faults == ("a.csv: empty",)


def test_many_faults_are_told_up_to_a_limit_and_the_rest_counted() -> None:
    error = InputError([f"row {n}" for n in range(SHOWN + 5)])
    lines = str(error).splitlines()
    assert lines[:SHOWN] == [f"row {n}" for n in range(SHOWN)]
    assert lines[SHOWN:] == ["... and 5 more faults of the same input"]
    assert len(error.faults) == SHOWN + 5


def test_a_missing_extra_says_what_to_install() -> None:
    assert str(MissingExtra("jinja2", "report", "The report")) == (
        "The report needs the package 'jinja2', which is not installed; install it with: pip install 'p5rec[report]'"
    )


def test_nearest() -> None:
    assert nearest("sasrek", ["ease", "sasrec"]) == "did you mean 'sasrec'?"
    assert nearest("zzz", ["ease", "sasrec"]) == "known are: ease, sasrec"
    assert nearest("zzz", []) == "there are none"


@given(st.text(), st.lists(st.text(), max_size=5))
def test_nearest_always_answers(name: str, known: list[str]) -> None:
    assert nearest(name, known)
