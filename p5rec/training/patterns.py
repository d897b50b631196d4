"""Names chosen by patterns, as a page writes them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from fnmatch import fnmatch

from p5rec.contracts import Model
from p5rec.core.errors import InputError

SHOWN = 20  # names listed where a pattern matches none


def matching(names: Collection[str], patterns: Sequence[str], where: str, what: str) -> set[str]:
    """The names that match any pattern (``*`` and ``?`` as in file names).

    Args:
        names: of all things of a kind in a model.
        patterns: of the page; ``"*"`` may match none.
        where: path of the setting in the page, e.g. ``"tuning.open"``.
        what: the word for one thing, e.g. ``"parameter"``.

    Raises:
        InputError: a pattern matches nothing.
    """
    idle = [pattern for pattern in patterns if pattern != "*" and not any(fnmatch(name, pattern) for name in names)]
    if idle:
        shown = ", ".join(sorted(names)[:SHOWN]) or "none"
        raise InputError([f"{where}: no {what} is called {pattern!r}; there are {shown}" for pattern in idle])
    return {name for name in names if any(fnmatch(name, pattern) for pattern in patterns)}


def open_only(model: Model, patterns: Sequence[str], where: str = "tuning.open") -> set[str]:
    """Open the parameters whose names match, close all others; returns the names of the open ones.

    Raises:
        InputError: a pattern matches no parameter.
    """
    parameters = dict(model.named_parameters())
    chosen = matching(parameters, patterns, where, "parameter")
    for name, parameter in parameters.items():
        parameter.requires_grad_(name in chosen)
    return chosen
