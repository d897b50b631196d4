"""Budgets of the house: short files, short functions, names that say what is inside."""

from statistics import median

from house import modules

EVERYTHING = [module for folder in ("p5rec", "tests", "benchmarks", "examples") for module in modules(folder)]
FORBIDDEN = {"utils", "util", "helpers", "helper", "common", "manager", "misc"}


def test_no_file_is_long() -> None:
    assert not {m.name: lines for m in EVERYTHING if (lines := len(m.text.splitlines())) > 400}


def test_no_function_is_long() -> None:
    assert not {f"{m.name}.{name}": lines for m in EVERYTHING for name, lines in m.functions() if lines > 80}


def test_the_median_file_is_short() -> None:
    lines = [len(module.text.splitlines()) for module in modules() if module.path.name != "__init__.py"]
    assert median(lines) <= 120, f"median file: {median(lines)} lines"


def test_the_median_function_is_short() -> None:
    lines = [lines for module in modules() for _, lines in module.functions()]
    assert median(lines) <= 10, f"median function: {median(lines)} lines"


def test_names_say_what_is_inside() -> None:
    assert not [module.name for module in EVERYTHING if FORBIDDEN & set(module.name.split("."))]
