"""Conjugate gradients against the closed form."""

import numpy as np
import pytest
from scipy import sparse

from p5rec.blocks.ridge import ridge


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_conjugate_gradients_find_the_ridge(kind: type) -> None:
    rng = np.random.default_rng(0)
    table = (rng.normal(size=(40, 12)) * (rng.random((40, 12)) < 0.5)).astype(kind)
    wanted = (rng.normal(size=(40, 3)) * [1.0, 1000.0, 0.0]).astype(kind)  # one column has nothing to tell
    found = ridge(sparse.csr_array(table), wanted, 0.7)
    right = np.linalg.solve(table.T @ table + 0.7 * np.eye(12), table.T @ wanted)
    np.testing.assert_allclose(found, right, rtol=1e-3, atol=1e-4)
    assert not found[:, 2].any()
    assert found.dtype == kind
