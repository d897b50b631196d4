"""Budgets of the house: short files, short functions, names that say what is inside."""

from statistics import median

import pytest
from house import Module, modules

EVERYTHING = [module for folder in ("p5rec", "tests", "benchmarks", "examples") for module in modules(folder)]
FORBIDDEN = {"utils", "util", "helpers", "helper", "common", "manager", "misc"}


@pytest.mark.parametrize("module", EVERYTHING, ids=lambda module: module.name)
def test_no_file_or_function_is_long(module: Module) -> None:
    assert len(module.text.splitlines()) <= 400, f"{module.name} has more than 400 lines"
    long = [(name, lines) for name, lines in module.functions() if lines > 80]
    assert not long, f"{module.name} has functions over 80 lines: {long}"


def test_the_median_file_is_short() -> None:
    lines = [len(module.text.splitlines()) for module in modules() if module.path.name != "__init__.py"]
    assert median(lines) <= 120, f"median file: {median(lines)} lines"


def test_the_median_function_is_short() -> None:
    lines = [lines for module in modules() for _, lines in module.functions()]
    assert median(lines) <= 10, f"median function: {median(lines)} lines"


def test_names_say_what_is_inside() -> None:
    assert not [module.name for module in EVERYTHING if FORBIDDEN & set(module.name.split("."))]
