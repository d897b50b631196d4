"""Every error a user can meet is one sentence, and a test prints it."""

import ast
import functools
import re
from collections.abc import Iterator

from house import ROOT, Module, modules

FAULTS = {"P5Error", "InputError", "MissingExtra", "StepsAside"}
WORDS = 3  # consecutive words of a message by which a test can be seen to know it


def plain(text: str) -> list[str]:
    """Words without quotes, escapes and line breaks."""
    return re.sub(r"[\"'\\\s]+", " ", text).split()


def messages(module: Module) -> Iterator[tuple[int, list[str]]]:
    """Line and the fixed parts (of two words or more) of every message that is raised."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            name = node.exc.func.id if isinstance(node.exc.func, ast.Name) else ""
            parts = [
                inner.value
                for inner in ast.walk(node.exc)
                if isinstance(inner, ast.Constant) and isinstance(inner.value, str) and len(plain(inner.value)) > 1
            ]
            if name in FAULTS and parts:
                yield node.lineno, parts


@functools.cache
def known() -> str:
    """The words of all tests."""
    return " ".join(plain(" ".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("*.py"))))


def is_printed(parts: list[str]) -> bool:
    """Whether a test holds a few consecutive words of a message."""
    for part in parts:
        words = plain(part)
        size = min(WORDS, len(words))
        if any(" ".join(words[start : start + size]) in known() for start in range(len(words) - size + 1)):
            return True
    return False


def test_every_message_has_a_test_that_prints_it() -> None:
    missing = [
        f"{m.name}:{line} {parts[0]!r}" for m in modules() for line, parts in messages(m) if not is_printed(parts)
    ]
    assert not missing, "\n".join(missing)


def test_a_message_is_a_sentence() -> None:
    """It does not end in the middle, and does not shout."""
    for module in modules():
        for line, parts in messages(module):
            assert not re.search(r"!|\.\s*$|\bERROR\b", parts[-1]), f"{module.name}:{line} {parts[-1]!r}"


def test_the_law_sees_a_silent_message() -> None:
    assert not is_printed([" ".join("zyx" * length for length in (3, 5, 7))])
    assert sum(1 for module in modules() for _ in messages(module)) > 50
