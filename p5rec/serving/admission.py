"""Which live events and items are let in, with a sentence for each that is not."""

from __future__ import annotations

import json
import math
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

from p5rec.contracts import Dataset, Event
from p5rec.core.errors import InputError, nearest
from p5rec.data.context import told_columns
from p5rec.data.encode import EXPECTED, LARGEST
from p5rec.data.schema import Role
from p5rec.data.sides import FILES
from p5rec.serving.limits import Limits
from p5rec.serving.questions import UNTOLD


def shown(value: str, most: int = 60) -> str:
    """An id as a sentence shows it: quoted, long ones cut."""
    return repr(value if len(value) <= most else f"{value[:most]}… ({len(value)} characters)")


def admitted(events: Sequence[Event], dataset: Dataset, limits: Limits, now: float) -> list[Event]:
    """Events as they are kept: a missing id is made, a missing time is now, a missing kind is the wanted one.

    A missing label is 1 in data without labels; else it stays missing, for an invented rating would be trained on.
    A time a little ahead of this clock is a clock that is fast: it becomes now, since what has arrived has happened.

    Raises:
        InputError: all faults of all events together.
    """
    faults = [] if len(events) <= limits.events else [f"found {len(events)} events, at most {limits.events} at once"]
    for place, event in enumerate(events[: limits.events]):
        where = f"[{place}]." if len(events) > 1 else ""
        faults.extend(f"{where}{fault}" for fault in _faults(event, dataset, limits, now))
    if faults:
        raise InputError(faults)
    labelled = dataset.schema.column(Role.LABEL) is not None
    return [
        replace(
            event,
            event_id=event.event_id or uuid.uuid4().hex,
            time=now if event.time == UNTOLD else min(event.time, now),
            kind=event.kind or dataset.kinds[dataset.target],
            label=event.label if labelled or not math.isnan(event.label) else 1.0,
        )
        for event in events
    ]


def check_id(name: str, value: str, limits: Limits) -> Iterator[str]:
    """A sentence if this is no id."""
    if not value:
        yield f"{name}: found an empty id, expected a string of 1 to {limits.id_length} characters"
    elif len(value) > limits.id_length:
        yield f"{name}: found an id of {len(value)} characters, expected at most {limits.id_length}"
    elif not is_text(value):
        yield f"{name}: found {shown(value)}, which is not text in Unicode (half of a surrogate pair)"


def check_list(name: str, ids: Sequence[str], most: int) -> Iterator[str]:
    """A sentence if there are too many ids, or one is not text."""
    if len(ids) > most:
        yield f"{name}: found {len(ids)} ids, expected at most {most}"
    elif not is_text("".join(ids)):
        yield f"{name}: found an id which is not text in Unicode (half of a surrogate pair)"


def check_context(context: Mapping[str, Any], dataset: Dataset) -> Iterator[str]:
    """A sentence for each value that no context column of the data takes."""
    known = told_columns(dataset.facts.get("context", {}))
    for name, value in context.items():
        if name not in known:
            yield f"context: the data has no context column {shown(name)}; {nearest(name, known)}"
        elif known[name] == "number" and value is not None and not _is_number(value):
            yield f"context.{name}: found {shown(str(value))}, expected {EXPECTED}"
        elif isinstance(value, str) and not is_text(value):
            yield f"context.{name}: found {shown(value)}, which is not text in Unicode"


def _is_number(value: Any) -> bool:
    return isinstance(value, float | int) and abs(value) <= LARGEST


def check_files(rows: Sequence[Mapping[str, Any]], dataset: Dataset) -> Iterator[str]:
    """A sentence for each file of new items that a client may not name: where it wants on this machine."""
    columns = [name for name, column in dataset.schema.items.items() if column.kind in FILES]
    for place, row in enumerate(rows):
        for name in columns:
            told = row.get(name)
            if isinstance(told, str) and not told.startswith(("data:", "http://", "https://")) and _roams(told):
                yield (
                    f"[{place}].{name}: found {shown(told)}, expected a data: address, a web address whose file is "
                    "here already, or a path below the folder of the files"
                )


def _roams(path: str) -> bool:
    """Whether a path leads out of the folder it is looked up in."""
    return any(kind(path).is_absolute() or ".." in kind(path).parts for kind in (PurePosixPath, PureWindowsPath))


def item_faults(rows: Sequence[Mapping[str, Any]], limits: Limits) -> list[str]:
    """What is wrong with the ids and texts of new items; their columns are judged by the item table."""
    faults = [] if len(rows) <= limits.items else [f"found {len(rows)} items, at most {limits.items} at once"]
    for place, row in enumerate(rows[: limits.items]):
        faults.extend(check_id(f"[{place}].item_id", row["item_id"], limits))
        if not is_text(json.dumps(dict(row), ensure_ascii=False)):
            faults.append(f"[{place}]: found text that is not Unicode (half of a surrogate pair)")
    return faults


def _faults(event: Event, dataset: Dataset, limits: Limits, now: float) -> Iterator[str]:
    yield from check_id("user_id", event.user_id, limits)
    yield from check_id("item_id", event.item_id, limits)
    if event.event_id:
        yield from check_id("event_id", event.event_id, limits)
    if event.kind and event.kind not in dataset.kinds:
        yield f"kind: found {shown(event.kind)}, known are: {', '.join(dataset.kinds)}"
    yield from _time_faults(event.time, limits, now)
    yield from check_context(event.context, dataset)
    scale = dataset.schema.label_scale or (-math.inf, math.inf)
    if math.isnan(event.label):
        return
    if abs(event.label) > LARGEST:
        yield f"label: found {event.label:g}, expected a finite number"
    elif not scale[0] <= event.label <= scale[1]:
        yield f"label: found {event.label:g}, expected {scale[0]:g} to {scale[1]:g}"


def _time_faults(time: float, limits: Limits, now: float) -> Iterator[str]:
    if time == UNTOLD:
        return
    if not math.isfinite(time) or time < 0:
        yield f"time: found {time:g}, expected seconds since 1970"
    elif time > now + limits.ahead:
        hint = "; this looks like milliseconds" if now * 100 < time < now * 10_000 else ""
        yield f"time: found {time:.0f}, which lies ahead of this clock ({now:.0f}); expected seconds since 1970{hint}"


def is_text(value: str) -> bool:
    """Whether it can go out as UTF-8."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
