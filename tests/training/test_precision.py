"""What training in low precision leaves behind."""

import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize(("given", "kept"), [({}, "16"), ({"LRU_CACHE_CAPACITY": "5"}, "5")])
def test_few_prepared_products_are_kept_unless_told_otherwise(given: dict[str, str], kept: str) -> None:
    """Thousands of shapes that come once would fill gigabytes."""
    name = "LRU_CACHE_CAPACITY"
    told = "import os, p5rec.training.precision; print(os.environ['LRU_CACHE_CAPACITY'])"
    environment = {key: value for key, value in os.environ.items() if key != name} | given
    done = subprocess.run([sys.executable, "-c", told], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == kept
