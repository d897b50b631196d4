"""Faults of a request as one sentence."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from p5rec.core.errors import nearest

EXPECTED = {
    "string_type": "a string",
    "string_unicode": "text in Unicode",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "list_type": "a list",
    "dict_type": "a JSON object",
    "model_type": "a JSON object",
    "model_attributes_type": "a JSON object",
}
SHOWN = 10  # faults told before the rest are only counted


def sentence(faults: Sequence[str]) -> str:
    """All faults in one line, the first `SHOWN` in full and the rest counted."""
    told = "; ".join(faults[:SHOWN])
    return told if len(faults) <= SHOWN else f"{told}; and {len(faults) - SHOWN} more faults"


def of_body(errors: Sequence[Mapping[str, Any]], fields: Iterable[str], content_type: str) -> list[str]:
    """A sentence for each fault that pydantic found.

    Args:
        errors: as pydantic lists them, with places that begin with ``body``, ``query`` or ``path``.
        fields: names that are right in this body.
        content_type: of the request; a wrong one is the usual cause of a body that is no object.
    """
    return [_fault(error, fields, content_type) for error in errors]


def _fault(error: Mapping[str, Any], fields: Iterable[str], content_type: str) -> str:
    kind, where = error["type"], _place(error["loc"])
    if kind == "json_invalid":
        return f"the body is not JSON: {error.get('ctx', {}).get('error', 'it cannot be read')}"
    if kind == "missing":
        return f"{where}: this field is required" if where else "the body is missing, expected JSON"
    if kind == "extra_forbidden":
        return f"{where}: there is no such field; {nearest(str(error['loc'][-1]), fields)}"
    if not where and isinstance(error["input"], bytes | str):
        told = content_type or "none"
        return f"the body was not read as JSON: found the content type {told}, expected application/json"
    if kind == "value_error":
        return f"{where}: {_message(error)}" if where else _message(error)
    return f"{where or 'the body'}: found {_found(error['input'])}, {_message(error)}"


def _place(loc: Sequence[str | int]) -> str:
    """``("body", "many", 3, "user_id")`` → ``[3].user_id``."""
    parts = [part for part in loc[1:] if part not in ("one", "many")]
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts)
    return text.removeprefix(".")


def _message(error: Mapping[str, Any]) -> str:
    """What was expected; pydantic's own words where they are clear enough."""
    text = str(error["msg"]).removeprefix("Value error, ").removeprefix("Input should be ")
    return text if error["type"] == "value_error" else f"expected {EXPECTED.get(error['type'], text)}"


def _found(value: Any, most: int = 60) -> str:
    """A value as JSON, long ones cut."""
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError):
        text = repr(value)
    return text if len(text) <= most else f"{text[:most]}…"
