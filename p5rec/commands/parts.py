"""What the responders of a page are made of: models of the page, and responders above them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from p5rec.commands.folders import FOLDERS
from p5rec.core.errors import InputError, nearest


def named(of: Any, where: str) -> tuple[str, ...]:
    """The names that `of` of a page gives: one, or a list.

    Raises:
        InputError: it is neither.
    """
    names = [of] if isinstance(of, str) else of
    if not isinstance(names, list | tuple) or not all(isinstance(one, str) for one in names):
        raise InputError(
            f"{where}.of: found {of!r}, expected the name of a model or responder above it, or a list of them"
        )
    return tuple(names)


def repeated(names: Sequence[str], where: str) -> list[str]:
    """Names that stand in a list more than once, which holds each only once."""
    counts = {name: names.count(name) for name in names}
    return [
        f"{where}: {name!r} stands there {count} times; name it once" for name, count in counts.items() if count > 1
    ]


def faults(models: Mapping[str, Any], responders: Mapping[str, Any]) -> list[str]:
    """Responders named like a model, internal ones, and parts that are not there, repeated, or in the wrong number."""
    known, found = list(models), []
    for name, entry in responders.items():
        if name in models:
            found.append(f"responder.{name}: a model has this name already; give the responder another")
        if entry:
            found += _unknown(entry, known) + _number(entry) + repeated(entry.of, f"responder.{name}.of")
            found += _ruled(entry, responders)
        known.append(name)
    return found


def _unknown(entry: Any, known: Sequence[str]) -> list[str]:
    return [
        f"responder.{entry.name}.of: there is no model or earlier responder {part!r}; {nearest(part, known)}"
        for part in entry.of
        if part not in known
    ]


def _number(entry: Any) -> list[str]:
    """An internal responder, or one with too few or too many parts."""
    kind, plug = entry.responder.name, entry.responder.plug
    if plug.internal:
        offered = ", ".join(FOLDERS["responder"].offered())
        return [f"responder.{entry.name}: {kind!r} is an internal part that no page names; known are: {offered}"]
    least, most = plug.parts
    if least <= len(entry.of) and (most is None or len(entry.of) <= most):
        return []
    wanted = f"{least}" if least == most else f"{least} or more" if most is None else f"{least} to {most}"
    return [
        f"responder.{entry.name}.of: {kind!r} takes {wanted} of the models and responders above it, "
        f"found {', '.join(map(repr, entry.of)) or 'none'}"
    ]


def _ruled(entry: Any, responders: Mapping[str, Any]) -> list[str]:
    """Rules inside of a responder that is not of rules."""
    return [
        f"responder.{entry.name}.of: {part!r} holds rules, and its fallback would not obey them inside of "
        f"another responder; put the rules around {entry.name!r} instead"
        for part in entry.of
        if (inner := responders.get(part)) and inner.responder.plug.outside and not entry.responder.plug.outside
    ]
