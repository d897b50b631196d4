"""Annotated configuration: each parameter is written once, here the page, the help and the docs read it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from p5rec.core.errors import InputError, nearest


class Config(BaseModel):
    """Base of all configurations: unknown keys are faults, values never change after building."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())


C = TypeVar("C", bound=Config)


def build(kind: type[C], values: Mapping[str, Any], where: str = "") -> C:
    """Build a configuration from plain values.

    Raises:
        InputError: all faults together, each with its path in the page and the nearest right name.
    """
    try:
        return kind.model_validate(dict(values))
    except ValidationError as error:
        raise InputError(faults(kind, error, where)) from None


def faults(kind: type[BaseModel], error: ValidationError, where: str = "") -> list[str]:
    """One sentence for each fault pydantic found, with dotted path and the nearest right name."""
    return [_sentence(kind, dict(fault), where) for fault in error.errors()]


def _sentence(kind: type[BaseModel], fault: dict[str, Any], where: str) -> str:
    path = ".".join(str(part) for part in ((where, *fault["loc"]) if where else fault["loc"]))
    if fault["type"] == "extra_forbidden":
        return f"{path}: there is no such setting; {nearest(str(fault['loc'][-1]), _fields(kind, fault['loc'][:-1]))}"
    if fault["type"] == "missing":
        return f"{path}: this setting is required and was not given"
    told = fault["msg"].removeprefix("Value error, ")  # of a validator of ours
    return f"{path}: found {fault['input']!r}, {told[0].lower()}{told[1:]}"


def _fields(kind: type[BaseModel], path: tuple[Any, ...]) -> list[str]:
    """Names of the settings at a path below a configuration."""
    for part in path:
        field = kind.model_fields.get(str(part))
        inner = field.annotation if field else None
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return []
        kind = inner
    return list(kind.model_fields)


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file.

    Raises:
        InputError: the file is missing or is not TOML, with the line at fault.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: this is not TOML: {error}") from None


def assign(values: dict[str, Any], setting: str) -> None:
    """Apply one ``a.b=c`` to nested values; the right side is TOML, or a plain string where it is not.

    A plug that stands there by its name alone becomes a table, so that ``data.split.folds=3`` reaches its settings.

    Raises:
        InputError: there is no ``=``, or a part of the path is not a table.
    """
    path, equals, text = setting.partition("=")
    if not equals or not path.strip():
        raise InputError(f"--set {setting}: expected PATH=VALUE, e.g. model.sasrec.width=64")
    put(values, path.strip(), _value(text), f"--set {setting}")


def put(values: dict[str, Any], path: str, value: Any, where: str) -> None:
    """Set the value at a dotted path of nested values.

    Raises:
        InputError: a part of the path is not a table; told of `where`.
    """
    *tables, key = path.split(".")
    place = values
    for table in tables:
        if isinstance(place.get(table), str):  # a plug's name, now with settings
            place[table] = {"name": place[table]}
        place = place.setdefault(table, {})
        if not isinstance(place, dict):
            raise InputError(f"{where}: {table!r} is a value, not a table")
    place[key] = value


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
