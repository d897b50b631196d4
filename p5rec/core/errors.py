"""Every error a user can meet: one sentence that says what was found, where, and what to do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

SHOWN = 20  # faults printed before the rest are only counted


class P5Error(Exception):
    """A fault of the run: the command line prints the sentence and exits with 1."""

    exit_code = 1


class InputError(P5Error):
    """A fault of the input (file, page, option, request): all faults together; exit code 2."""

    exit_code = 2

    def __init__(self, faults: str | Iterable[str]) -> None:
        self.faults: tuple[str, ...] = (faults,) if isinstance(faults, str) else tuple(faults)
        super().__init__(sentences(self.faults))


class MissingExtra(InputError):
    """An optional package is needed and not installed."""

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(
            f"{purpose} needs the package {package!r}, which is not installed; "
            f"install it with: pip install 'p5rec[{extra}]'"
        )


def sentences(faults: Sequence[str]) -> str:
    """All faults, one a line, the first `SHOWN` in full and the rest counted."""
    lines = list(faults[:SHOWN])
    if len(faults) > SHOWN:
        lines.append(f"... and {len(faults) - SHOWN} more faults of the same input")
    return "\n".join(lines)


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint for a wrong name: the nearest right one, else all of them."""
    names = sorted(known)
    close = get_close_matches(name, names, n=1, cutoff=0.5)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"known are: {', '.join(names)}" if names else "there are none"


class StepsAside(Exception):
    """A model (or a task) cannot take this data; the row of the table (or a note) says why."""
