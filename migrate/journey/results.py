"""Step results: frozen dataclasses that the journal stores as JSON and later steps receive by type."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, ClassVar, TypeVar, get_args, get_origin, get_type_hints

T = TypeVar("T")


@dataclass(frozen=True)
class StepResult:
    """Base class of what a step returns. Every subclass that a step returns names its step."""

    step: ClassVar[str]


def to_json(value: Any) -> Any:
    """A step result as JSON values. Fields that have their default value are left out; `as_` is stored as `as`."""
    if is_dataclass(value) and not isinstance(value, type):
        present = ((field.name, getattr(value, field.name)) for field in fields(value) if not _is_default(value, field))
        return {name.removesuffix("_"): to_json(content) for name, content in present}
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return {key: to_json(content) for key, content in value.items()}
    if isinstance(value, tuple | list):
        return [to_json(content) for content in value]
    return value


def _is_default(value: Any, field: Any) -> bool:
    return bool(getattr(value, field.name) == field.default)


def from_json(kind: type[T], stored: Any) -> T:
    """The inverse of `to_json`.

    Raises:
        TypeError, KeyError: `stored` is not a `kind`.
    """
    return _read(kind, stored)  # type: ignore[no-any-return]


def _read(kind: Any, stored: Any) -> Any:
    if get_origin(kind) is UnionType:  # X | None
        if stored is None:
            return None
        (kind,) = (member for member in get_args(kind) if member is not NoneType)
    origin, members = get_origin(kind), get_args(kind)
    if is_dataclass(kind):
        hints = get_type_hints(kind)
        names = {field.name: field.name.removesuffix("_") for field in fields(kind)}
        return kind(**{name: _read(hints[name], _of(stored, key)) for name, key in names.items() if key in stored})  # type: ignore[operator]
    if origin is Mapping:
        return {key: _read(members[1], content) for key, content in stored.items()}
    if origin is tuple:  # tuple[X, ...]
        return tuple(_read(members[0], content) for content in stored)
    if issubclass(kind, tuple):  # a NamedTuple
        hints = get_type_hints(kind)
        return kind(*(_read(hints[name], content) for name, content in zip(kind._fields, stored, strict=True)))
    if kind is Path:
        return Path(stored)
    if not isinstance(stored, kind):
        raise TypeError(f"{stored!r} is not of type {kind.__name__}")
    return stored


def _of(stored: Any, key: str) -> Any:
    if not isinstance(stored, dict):
        raise TypeError(f"{stored!r} is not an object")
    return stored[key]
