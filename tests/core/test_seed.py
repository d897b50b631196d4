import subprocess
import sys

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from p5rec.core import seed

PURPOSE = st.lists(st.one_of(st.integers(0, 9), st.sampled_from("abc")), max_size=3)


@given(st.integers(0, 2**40), PURPOSE)
def test_numbers_fit_torch_generators(base: int, purpose: list) -> None:
    assert 0 <= seed.number(base, *purpose) < 2**63
    assert seed.number(base, *purpose) == seed.number(base, *purpose)


def test_seeds_and_purposes_are_independent() -> None:
    drawn = [seed.rng(s, "split", part).random(2000) for s in range(3) for part in ("users", "items")]
    drawn.append(seed.rng(0, "split").random(2000))
    correlation = np.abs(np.corrcoef(drawn) - np.eye(len(drawn)))
    assert correlation.max() < 0.1


def test_purposes_do_not_run_into_each_other() -> None:
    assert seed.number(1, "a", "b") != seed.number(1, "ab")
    assert seed.number(1, "a") != seed.number(1, "a", "")
    assert seed.number(11, "a") != seed.number(1, "1", "a")


def test_numbers_are_the_same_in_every_process() -> None:
    code = "from p5rec.core import seed; print(seed.number(7, 'split', 3))"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert int(printed) == seed.number(7, "split", 3)
