"""Indexes for the responders that look items up in one: checked when a page is read, handed in when it is assembled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from p5rec.commands.folders import Chosen, choose
from p5rec.contracts import Factored
from p5rec.core.errors import InputError
from p5rec.data.index import Index, Indexed


def faults(models: Mapping[str, Any], responders: Mapping[str, Any]) -> list[str]:
    """Indexes that are not there or not installed, and responders that look up what has no vectors."""
    found: list[str] = []
    for name, entry in responders.items():
        if entry is None or not issubclass(entry.responder.plug, Indexed):
            continue
        try:
            index_of(name, entry.responder.config)
        except InputError as error:
            found += error.faults
        if len(entry.of) != 1:
            continue  # which is told of all responders alike
        inner = models.get(entry.of[0])
        if inner is None or not issubclass(inner.model.plug, Factored):
            able = [one for one, model in models.items() if model and issubclass(model.model.plug, Factored)]
            found.append(
                f"responder.{name}.of: items are looked up for one model whose scores are products of vectors, "
                f"found {entry.of[0]!r}; "
                + (f"such models of this page: {', '.join(able)}" if able else "this page has none, e.g. add sasrec")
            )
    return found


def index_of(name: str, config: Any) -> Index:
    """A new, empty index as the configuration of a responder names it.

    Raises:
        InputError: there is none of this name, its settings are wrong, or its package is not installed.
    """
    made: Index = _chosen(name, config).make()
    return made


def chosen(responders: Mapping[str, Any]) -> list[Chosen]:
    """The indexes that responders of a page name."""
    asked = [entry for entry in responders.values() if issubclass(entry.responder.plug, Indexed)]
    return [_chosen(entry.name, entry.responder.config) for entry in asked]


def _chosen(name: str, config: Any) -> Chosen:
    return choose("index", config.index, f"responder.{name}.index")
