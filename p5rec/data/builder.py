"""Prepares a dataset: read, filter, number, split, encode, write. Strings never leave the streaming engine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from p5rec.core.errors import InputError
from p5rec.core.progress import working
from p5rec.data import event_texts, storage
from p5rec.data.context import context_columns
from p5rec.data.dataset import Dataset
from p5rec.data.encode import FeatureConfig, encode, too_large
from p5rec.data.events import Events, Part, Tables
from p5rec.data.facts import facts_about
from p5rec.data.filtering import Dropped, filtered, name_of
from p5rec.data.intake import Intake, take_in
from p5rec.data.lexicon import features_named, lexicon
from p5rec.data.links import with_links
from p5rec.data.numbering import Numbered, numbered
from p5rec.data.order import chronological
from p5rec.data.schema import Role
from p5rec.data.sides import ident_of, side, unmatched
from p5rec.data.stages import Filter, Split

ROWS_A_SECOND, FIXED_SECONDS, BYTES_A_ROW, FIXED_BYTES = 1_000_000, 1.0, 90, 200 * 2**20
TEXTS_READ, TEXTS_A_SECOND, TEXT_BYTES = 200_000, 2_000, 300 * 2**20  # words and features are learned from a sample
VALUABLE = ("buy", "purchase", "order", "transaction", "conversion", "cart", "addtocart", "rating", "click", "view")
SIDES = ("users", "items")


def estimate(tables: Tables) -> tuple[int, int, float]:
    """About how many rows there are, the bytes of memory and the seconds that preparing them takes."""
    size, seconds = FIXED_BYTES + BYTES_A_ROW * tables.rows, FIXED_SECONDS + tables.rows / ROWS_A_SECOND
    if tables.texts or event_texts.columns_of(tables.schema):
        known = max((int(column.known.sum()) for column in tables.texts.values()), default=tables.rows)
        size, seconds = size + TEXT_BYTES, seconds + min(known, TEXTS_READ) / TEXTS_A_SECOND
    return tables.rows, size, seconds


def prepare(
    tables: Tables,
    folder: Path,
    *,
    filters: Sequence[Filter] = (),
    split: Split,
    features: FeatureConfig | None = None,
    target: str | None = None,
    seed: int = 0,
    spoken: Sequence[str] = (),
) -> Dataset:
    """Make a dataset and write it to a folder, whole or not at all.

    Args:
        tables: what a source read.
        folder: where it goes; an old dataset there is replaced.
        filters: which events are kept, applied in order.
        split: which events train, validate and test.
        features: how columns become features.
        target: the event kind to be predicted; told from the names of the kinds where it is None.
        seed: of numbering, ties and random splits.
        spoken: texts whose words the vocabulary must know (prompts).

    Returns:
        The dataset, memory-mapped from the folder.

    Raises:
        InputError: all faults of the input together.
    """
    dataset = assemble(tables, filters, split, features or FeatureConfig(), target, seed, spoken)
    with working("writing"):
        storage.save(dataset, Path(folder))
    return storage.load(Path(folder))


def assemble(
    tables: Tables,
    filters: Sequence[Filter],
    split: Split,
    features: FeatureConfig,
    target: str | None = None,
    seed: int = 0,
    spoken: Sequence[str] = (),
) -> Dataset:
    """The dataset in memory; see `prepare`."""
    with working("reading events"):
        intake = take_in(tables)
    with working("putting events in order"):
        events, rows, ties = in_order(intake, target_kind(intake.kinds, target), tables.ordered, seed)
    dropped = [Dropped("source", reason, count) for reason, count in tables.dropped.items()]
    with working("filtering"):
        events, rows, gone = filtered(events, rows, filters)
    dropped += gone
    complete(events, tables)
    sides = {name: side(tables, name, dropped) for name in SIDES}
    if faults := [fault for name in SIDES for fault in _too_large(tables, name, sides[name])]:
        raise InputError(faults)
    with working("numbering users and items"):
        keys = intake.user_keys, intake.item_keys
        joining = _joining(tables, sides) if features.table_items else (None, None)
        found = numbered(events, rows, keys, joining, seed)
    del events, rows  # large, and not needed any more
    facts = {
        "source": dict(tables.facts),
        "split": {**_named(split), "in_time": split.in_time},
        "filters": [_named(plug) for plug in filters],
        "dropped": [one.facts() for one in dropped],
        "ties": ties,
        "notes": _notes(tables, intake, found, sides),
        "label_scale": list(tables.schema.label_scale or ()) or None,
    }
    with working("splitting and encoding"):
        dataset = _built(tables, intake, found, split, sides, features, seed, facts)
    with working("learning words"):
        words = lexicon(dataset, features.words, features.vocabulary, spoken)
        return replace(dataset, words=words, phrases=features_named(dataset, features.phrases))


def target_kind(kinds: tuple[str, ...], target: str | None) -> int:
    """The number of the event kind to be predicted: as named, the only one, or the most telling of known names.

    Raises:
        InputError: it is not there, or cannot be told.
    """
    if target is not None:
        if target not in kinds:
            raise InputError(f"data.target: there is no event kind {target!r}; known are: {', '.join(kinds)}")
        return kinds.index(target)
    plain = [kind.lower().replace("_", "").replace("-", "").replace(" ", "") for kind in kinds]
    telling = next((plain.index(name) for name in VALUABLE if name in plain), 0 if len(kinds) == 1 else None)
    if telling is None:
        raise InputError(f"data.target: which event kind is to be predicted? There are: {', '.join(kinds)}")
    return telling


def in_order(intake: Intake, target: int, ordered: bool, seed: int) -> tuple[Events, np.ndarray, float]:
    """Events sorted by user, time and tie-break, their rows in the file, and the share of ties."""
    others = [intake.label, intake.kind, *(values for values, _ in intake.context.values())]
    time = intake.time
    order, ties = chronological(intake.user, time.seconds, time.fraction, intake.item, others, seed, ordered)
    events = Events(
        user=intake.user[order],
        item=intake.item[order],
        time=time.seconds[order],
        label=intake.label[order],
        kind=intake.kind[order],
        target=target,
        users=len(intake.user_keys),
        items=len(intake.item_keys),
        given=None if intake.split is None else intake.split[order],
    )
    return events, order, 0.0 if ordered else ties


def complete(events: Events, tables: Tables) -> None:
    """See that no event lacks what its table has: a missing label or time would be taken for one.

    Raises:
        InputError: labels or times are missing after filtering, or no event is left.
    """
    where, faults = tables.facts.get("events", "events"), []
    if not len(events):
        raise InputError(f"{where}: the filters left no event; loosen them")
    advice = "fill them, or drop such rows with the filter bad_rows"
    label, time = tables.schema.column(Role.LABEL), tables.schema.column(Role.TIME)
    bad = int((~np.isfinite(events.label)).sum())
    if label and bad:
        faults.append(f"{where}, column {label!r}: {bad} labels are missing or infinite; {advice}")
    bad = int((events.time == -1).sum())
    if time and bad:
        faults.append(f"{where}, column {time!r}: {bad} times are missing; {advice}")
    if faults:
        raise InputError(faults)


def _too_large(tables: Tables, name: str, table: pl.DataFrame | None) -> list[str]:
    return too_large(table, getattr(tables.schema, name), tables.facts.get(name, name))


def _joining(tables: Tables, sides: dict[str, pl.DataFrame | None]) -> tuple[pl.Series | None, pl.Series | None]:
    """Ids of the user and item tables."""
    users, items = (
        None if (table := sides[name]) is None else table[ident_of(getattr(tables.schema, name))] for name in SIDES
    )
    return users, items


def _notes(tables: Tables, intake: Intake, found: Numbered, sides: dict[str, pl.DataFrame | None]) -> list[str]:
    """Sentences on what was found in the input and is no fault."""
    notes = [*tables.notes, intake.time.note or ""]
    if not tables.ordered and (found.events.time == -1).all():
        notes.append("the events have no times: the order of a history is random, and nothing may be read into it")
    for name, keys in (("users", intake.user_keys), ("items", intake.item_keys)):
        table = sides[name]
        if table is not None:
            ident = ident_of(getattr(tables.schema, name))
            notes.append(unmatched(table, ident, keys, tables.facts.get(name, name), name) or "")
    left_out = [name for name, column in tables.schema.events.items() if column.role == Role.IGNORE]
    if left_out:
        notes.append(f"event columns left out: {', '.join(left_out)} (name those known before the event as context)")
    return [note for note in notes if note]


def _named(plug: Filter | Split) -> dict[str, Any]:
    config = getattr(plug, "config", None)
    return {"name": name_of(plug), **(config.model_dump(mode="json") if config is not None else {})}


def _built(
    tables: Tables,
    intake: Intake,
    found: Numbered,
    split: Split,
    sides: dict[str, pl.DataFrame | None],
    features: FeatureConfig,
    seed: int,
    facts: dict[str, Any],
) -> Dataset:
    """Split, bring each user's parts together, fit features on training rows."""
    events, rows, parts = _by_part(found, split.parts(found.events, seed))
    training = parts == Part.TRAIN
    context, about = context_columns(intake.context, rows, training, events.time, features)
    texts = {name: column.at(rows) for name, column in event_texts.read(tables).items()}
    facts["texts"] = {name: column.facts() for name, column in texts.items()}
    now = int(events.time[training].max(initial=-1))
    fitted = {
        name: encode(sides[name], getattr(tables.schema, name), words, _occurs(numbers, len(words)), features, now)
        for name, words, numbers in (
            ("users", found.users, events.user[training]),
            ("items", found.items, events.item[training]),
        )
    }
    for name, words in (("users", found.users), ("items", found.items)):
        fitted[name], notes = with_links(fitted[name], tables.links.get(name, {}), words, name)
        facts["notes"] += notes
    dataset = Dataset(
        users=found.users,
        items=found.items,
        events={"item": events.item, "time": events.time, "label": events.label, "kind": events.kind, **context},
        bounds=_bounds(events, parts),
        user_features=fitted["users"],
        item_features=fitted["items"],
        schema=tables.schema,
        facts={},
        kinds=intake.kinds,
        target=events.target,
        seed=seed,
        texts=texts,
    )
    return replace(dataset, facts={**facts_about(dataset), **facts, "context": about, "clock": now})


def _by_part(found: Numbered, parts: np.ndarray) -> tuple[Events, np.ndarray, np.ndarray]:
    """Events, rows and parts with the events of each user in the order of parts."""
    key = found.events.user.astype(np.int64) * len(Part) + parts
    if (np.diff(key) >= 0).all():
        return found.events, found.rows, parts
    order = np.argsort(key, kind="stable")
    return found.events.rows(order), found.rows[order], parts[order]


def _bounds(events: Events, parts: np.ndarray) -> np.ndarray:
    """(U, 6) where each part of each user begins, and the end."""
    key = events.user.astype(np.int64) * len(Part) + parts
    starts = np.searchsorted(key, np.arange(events.users * len(Part) + 1))
    width = len(Part)
    return np.stack(
        [starts[part : events.users * width + 1 : width][: events.users] for part in range(width)]
        + [starts[width::width]],
        axis=1,
    ).astype(np.int64)


def _occurs(numbers: np.ndarray, count: int) -> np.ndarray:
    return np.bincount(numbers, minlength=count) > 0
