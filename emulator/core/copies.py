"""Many objects that differ in little, made at the cost of their differences."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias, TypeVar, cast

import attrs

T = TypeVar("T")

_Copy: TypeAlias = Callable[[Any, Iterable[tuple[Any, ...]]], list[Any]]
_copiers: dict[tuple[type[Any], tuple[str, ...]], _Copy] = {}


def copies(pattern: T, **columns: Iterable[Any]) -> list[T]:
    """Return new objects like ``pattern`` but for some fields.

    Args:
        pattern: of an attrs class with slots; no converter, validator or hook of its is run.
        columns: for each of those fields its values, one for each of the objects.
    """
    copy = _copier(type(pattern), tuple(columns))
    return cast("list[T]", copy(pattern, zip(*columns.values(), strict=True)))


def _copier(kind: type[Any], own: tuple[str, ...]) -> _Copy:
    """Return what copies an object of one class, given each copy's own fields.

    It is written out field by field, as attrs writes an ``__init__``, and fills a twin of the
    class whose assignments are plain: a copy costs a tenth of a record's ``__init__``.
    """
    copy = _copiers.get((kind, own))
    if copy is not None:
        return copy
    names = [field.name for field in attrs.fields(kind)]
    lines = [
        "def copy(pattern, values):",
        "    made = []",
        *(f"    {name}_ = pattern.{name}" for name in names if name not in own),
        f"    for {', '.join(f'{name}_' for name in own)}, in values:",
        "        one = new(twin)",
        *(f"        one.{name} = {name}_" for name in names),
        "        one.__class__ = kind",
        "        made.append(one)",
        "    return made",
    ]
    plain = {"__slots__": (), "__setattr__": object.__setattr__}
    scope = {"new": object.__new__, "twin": type(kind.__name__, (kind,), plain), "kind": kind}
    exec("\n".join(lines), scope)  # noqa: S102 - out of names of our own fields
    copy = _copiers[kind, own] = cast("_Copy", scope["copy"])
    return copy
