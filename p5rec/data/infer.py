"""Guesses kinds and roles of columns from their names and first values."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import polars as pl

from p5rec.core.errors import InputError
from p5rec.data.features import Kind
from p5rec.data.names import CLOCKS, LEAKY, RATINGS, SCALES, TEXTS, TITLES, plain, recognise
from p5rec.data.read import Scan, collect
from p5rec.data.schema import ColumnSchema, Role, Schema
from p5rec.data.times import looks_like_time

ROWS = 10_000  # looked at
IMAGES, SOUNDS = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp"), (".wav", ".mp3", ".flac", ".ogg", ".m4a")
HEADS = (b"fLa", b"Ogg", b"ID3", b"\xff\xfb\x90")  # how files of sound begin
MOSTLY = 0.95  # a context column the user named is of numbers from this share on; the rest are faults
SHORT, FEW = 40, 0.5  # a category's values are shorter on average, and rarer than this share are distinct


def infer(
    events: Scan,
    users: Scan | None = None,
    items: Scan | None = None,
    roles: Mapping[Role, str | Sequence[str]] | None = None,
    ordered: bool = False,
) -> Schema:
    """Schema of up to three tables.

    Args:
        events, users, items: the tables.
        roles: event columns the user named, by role; these are taken as they are.
        ordered: the event table has no times because file order is the order.

    Raises:
        InputError: no column can be found for users or items, or a named one is missing.
    """
    sample = _sample(events)
    named = _named(roles or {}, sample.columns, events.name)
    found = _roles(sample, named, events.name)
    columns = {name: _event_column(sample[name], found.get(name)) for name in sample.columns}
    label = next((name for name, role in found.items() if role == Role.LABEL), None)
    user_id = next(name for name, role in found.items() if role == Role.USER)
    item_id = next(name for name, role in found.items() if role == Role.ITEM)
    return Schema(
        events=columns,
        users=_side(users, user_id, Role.USER) if users else {},
        items=_side(items, item_id, Role.ITEM) if items else {},
        label_scale=scale_of(sample[label]) if label and plain(label) in RATINGS else None,
    )


def _sample(table: Scan) -> pl.DataFrame:
    sample = collect(table.frame.head(ROWS), table.name)
    if not len(sample):
        raise InputError(f"{table.name}: this table has no rows; expected at least one")
    return sample


def _named(roles: Mapping[Role, str | Sequence[str]], columns: list[str], where: str) -> dict[str, Role]:
    """Column → role of what the user named."""
    found: dict[str, Role] = {}
    faults = []
    for role, names in roles.items():
        for name in [names] if isinstance(names, str) else names:
            if name not in columns:
                faults.append(f"{where}: there is no column {name!r} for the {role}; it has: {', '.join(columns)}")
            found[name] = role
    if faults:
        raise InputError(faults)
    return found


def _roles(sample: pl.DataFrame, named: dict[str, Role], where: str) -> dict[str, Role]:
    """Column → role: as named, else by usual names, else by content."""
    found = dict(named)
    for role in (Role.USER, Role.ITEM, Role.TIME, Role.LABEL, Role.EVENT_KIND, Role.SPLIT):
        free = [name for name in sample.columns if name not in found]
        name = recognise(free, role)
        if role not in found.values() and name is not None and _fits(sample[name], role):
            found[name] = role
    bare = any(name.replace(".", "").isdigit() for name in sample.columns)
    if not bare:
        _by_content(sample, found)
    advice = "; is the first row not a header?" if bare else ""
    faults = [
        f"{where}: no column was recognised as the {role} ids; it has: {', '.join(sample.columns)}; say "
        f"data.source.{role}=COLUMN{advice}"
        for role in (Role.USER, Role.ITEM)
        if role not in found.values()
    ]
    if faults:
        raise InputError(faults)
    if Role.TEXT not in found.values():
        _written(sample, found)
    return found


def _written(sample: pl.DataFrame, found: dict[str, Role]) -> None:
    """Reviews and their headlines, by usual names; other text that never differs within an item is the item's."""
    item = next(name for name, role in found.items() if role == Role.ITEM)
    able = {plain(n): n for n in reversed(sample.columns) if n not in found and sample.schema[n] == pl.String}
    for usual, names in TEXTS.items():
        name = next((able[name] for name in names if name in able), None)
        if name is None or (plain(name) == "title" and Role.TEXT not in found.values()):
            continue  # a title without a review is that of the item
        pairs = sample.select(item, name).drop_nulls()
        differs, repeats = pairs.n_unique() > pairs[item].n_unique(), len(pairs) > pairs[item].n_unique()
        if "review" in plain(name) or differs or (not repeats and usual == "review"):
            found[name] = Role.TEXT


def _fits(values: pl.Series, role: Role) -> bool:
    """Whether the values of a column with the right name can have the role; a plain name is believed, so that
    unreadable values are faults and not left out in silence."""
    if role == Role.LABEL:
        return plain(values.name) in RATINGS or values.dtype != pl.String or _numeric_share(values) > FEW
    if role == Role.TIME:
        return plain(values.name) in CLOCKS or looks_like_time(values)
    if role == Role.SPLIT:
        return values.n_unique() <= 4
    return role != Role.EVENT_KIND or (values.dtype == pl.String and values.n_unique() <= 255)


def _by_content(sample: pl.DataFrame, found: dict[str, Role]) -> None:
    """Where both id columns lack usual names and just two columns can be ids, the first is the user."""
    missing = [role for role in (Role.USER, Role.ITEM) if role not in found.values()]
    able = [name for name in sample.columns if name not in found and _id_like(sample[name])]
    if len(missing) == 2 == len(able):
        found.update(zip(able, missing, strict=True))


def _id_like(values: pl.Series) -> bool:
    if values.dtype.is_float() or values.dtype.is_nested() or values.dtype.is_temporal() or values.dtype == pl.Boolean:
        return False
    numbers = values.cast(pl.Float64, strict=False) if values.dtype == pl.String else values
    whole = numbers.null_count() == len(values) or bool((numbers.drop_nulls() % 1 == 0).all())
    return whole and values.n_unique() > min(20, len(values) // 4)


def _event_column(values: pl.Series, role: Role | None) -> ColumnSchema:
    kinds = {Role.USER: Kind.ID, Role.ITEM: Kind.ID, Role.TIME: Kind.TIME, Role.LABEL: Kind.NUMBER}
    kinds |= {Role.EVENT_KIND: Kind.CATEGORY, Role.SPLIT: Kind.CATEGORY, Role.TEXT: Kind.TEXT}
    if role in kinds:
        return ColumnSchema(kind=kinds[role], role=role)
    # whether a value was known before its event cannot be told from it, so only what the user names is context
    numeric = MOSTLY if role == Role.CONTEXT else 1.0
    return ColumnSchema(kind=kind_of(values, numeric), role=role or Role.IGNORE)


def _side(table: Scan, key: str, role: Role) -> dict[str, ColumnSchema]:
    """Columns of a user or item table; its id column is called as in the events, as usual, or just id."""
    sample = _sample(table)
    ident = key if key in sample.columns else recognise(sample.columns, role)
    ident = ident or next((name for name in sample.columns if plain(name) == "id"), None)
    if ident is None:
        raise InputError(
            f"{table.name}: no column was recognised as the {role} ids; it has: {', '.join(sample.columns)}; "
            f"call one {key!r} as in the events"
        )
    columns = {}
    for name in sample.columns:
        role_ = Role.IGNORE if plain(name) in LEAKY and name != ident else None
        columns[name] = ColumnSchema(kind=Kind.ID if name == ident else kind_of(sample[name]), role=role_)
    return columns


def kind_of(values: pl.Series, numeric: float = 1.0) -> Kind:
    """What the values of a column are, by type, then by content; text is numbers from a share of such on."""
    if isinstance(values.dtype, pl.List | pl.Array):
        return Kind.VECTOR if values.dtype.inner.is_float() else Kind.LIST  # type: ignore[union-attr]
    if values.dtype.is_numeric():
        return Kind.NUMBER
    if values.dtype.is_temporal():
        return Kind.TIME
    if values.dtype in (pl.Boolean, pl.Categorical, pl.Enum):
        return Kind.CATEGORY
    if values.dtype.is_nested():
        return Kind.TEXT
    if values.dtype == pl.Binary:
        first = values.drop_nulls().head(1).to_list() or [b""]
        return Kind.AUDIO if first[0][:3] in HEADS or first[0][8:12] == b"WAVE" else Kind.IMAGE
    return _kind_of_text(values.cast(pl.String, strict=False).drop_nulls(), numeric)


def _kind_of_text(values: pl.Series, numeric: float) -> Kind:
    if not len(values):
        return Kind.TEXT
    if plain(values.name) in TITLES:
        return Kind.TEXT
    share = _numeric_share(values)
    if share >= numeric:
        return Kind.NUMBER
    if share < FEW and looks_like_time(values):
        return Kind.TIME
    lower = values.str.to_lowercase()
    for endings, kind in ((IMAGES, Kind.IMAGE), (SOUNDS, Kind.AUDIO)):
        if sum(lower.str.ends_with(ending).mean() for ending in endings) > FEW:  # type: ignore[misc]
            return kind
    if values.str.contains("|", literal=True).mean() > 0.1:  # type: ignore[operator]
        return Kind.LIST
    lengths = values.str.len_chars().mean() or 0
    return Kind.CATEGORY if lengths <= SHORT and values.n_unique() <= max(FEW * len(values), 2) else Kind.TEXT  # type: ignore[operator]


def _numeric_share(values: pl.Series) -> float:
    known = values.drop_nulls()
    return 1 - known.cast(pl.Float64, strict=False).null_count() / len(known) if len(known) else 0.0


def scale_of(values: pl.Series) -> tuple[float, float] | None:
    """The usual scale of ratings that all but a stray few of the values lie on.

    In a long column at most 1 % may lie outside; in a short one at most one value, and then far outside.
    """
    numbers = values.cast(pl.Float64, strict=False).drop_nulls().drop_nans()
    for low, high in SCALES:
        outside = numbers.filter((numbers < low) | (numbers > high))
        few = len(outside) <= len(numbers) // 100 if len(numbers) >= 100 else len(outside) <= 1 < len(numbers)
        near = len(numbers) < 20 and any(low - 1 <= value <= 2 * high for value in outside)
        if few and not near:
            return low, high
    return None


def mixed_ids(path_lines: Sequence[str], columns: Sequence[str], where: str) -> list[str]:
    """Id columns of JSON lines that hold both numbers and text among the first rows."""
    first: dict[str, tuple[str, object]] = {}
    faults = {}
    for number, line in enumerate(path_lines, 1):
        row = json.loads(line)
        for column in columns:
            value = row.get(column)
            kind = type(value).__name__
            if value is None or column in faults:
                continue
            if first.setdefault(column, (kind, value))[0] != kind:
                faults[column] = (
                    f"{where}: row {number}, column {column!r}: found {value!r} ({kind}) where earlier rows hold "
                    f"{first[column][1]!r} ({first[column][0]}); expected ids of one type"
                )
    return list(faults.values())
