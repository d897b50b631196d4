"""What training in low precision leaves behind."""

import os
import subprocess
import sys

import pytest

KEPT = {"LRU_CACHE_CAPACITY": "16", "ONEDNN_PRIMITIVE_CACHE_CAPACITY": "32"}


@pytest.mark.parametrize("given", [{}, dict.fromkeys(KEPT, "5")])
def test_few_prepared_products_are_kept_unless_told_otherwise(given: dict[str, str]) -> None:
    """Thousands of shapes that come once would fill gigabytes."""
    told = f"import os, p5rec.training.precision; print(*(os.environ[name] for name in {[*KEPT]}))"
    environment = {key: value for key, value in os.environ.items() if key not in KEPT} | given
    done = subprocess.run([sys.executable, "-c", told], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == list((KEPT | given).values())
