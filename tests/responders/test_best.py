"""The k best of long rows."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from p5rec.blocks.best import BLOCK, best


@given(st.integers(0, 2**32 - 1), st.integers(1, 30), st.integers(1, 20 * BLOCK), st.integers(1, 40))
@settings(max_examples=80, deadline=None)
def test_they_are_those_of_a_sort(seed, k, width, levels):
    rng = np.random.default_rng(seed)
    scores = torch.from_numpy(rng.integers(0, levels, (3, width)).astype(np.float32))
    scores[torch.from_numpy(rng.random((3, width)) < 0.2)] = -torch.inf
    values, columns = best(scores, k)
    assert torch.equal(values, scores.sort(dim=1, descending=True).values[:, :k])
    assert torch.equal(scores.gather(1, columns), values)
    assert all(len(set(row.tolist())) == len(row) for row in columns)


def test_the_last_columns_are_in_no_block():
    scores = torch.zeros(1, 50 * BLOCK + 3)
    scores[0, -1], scores[0, 7] = 2.0, 1.0
    assert best(scores, 2)[1].tolist() == [[50 * BLOCK + 2, 7]]
