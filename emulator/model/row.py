"""What every record is: an id, tags, and someone who is told when it changes.

A record's fields are assigned, never mutated in place: lists are tuples and maps are
replaced whole. Only so can a table keep its indexes and the kept XML of records true.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Protocol, Self, TypeVar, dataclass_transform

import attrs

from emulator.core.copies import copies

NO_TAGS: Mapping[str, str] = MappingProxyType({})

C = TypeVar("C", bound=type)


class Watcher(Protocol):
    """Whoever holds a row and wants to know of its changes."""

    @abstractmethod
    def changing(self, row: Row, name: str, value: Any) -> None:
        """Hear that ``row``'s field ``name`` is about to become ``value``."""

    @abstractmethod
    def reindexing(self, row: Row, name: str, value: Any) -> None:
        """Hear the same as one of several; ``changed`` follows the last."""

    @abstractmethod
    def changed(self, row: Row) -> None:
        """Hear that something a reader of ``row`` may have seen is different now."""


class IllegalMoveError(Exception):
    """A record was asked to make a move that its table of moves does not have."""


def _announce(_row: Row, _field: attrs.Attribute[Any], value: Any) -> Any:
    """Stand in for ``_assign``, so that attrs writes an ``__init__`` that bypasses it."""
    return value


_MACHINERY = frozenset({"watcher", "fragment", "readers", "sources", "sequence"})
_set = object.__setattr__


def _assign(row: Row, name: str, value: Any) -> None:
    """Tell the watcher, then set: attrs' hooks for each field cost three times as much."""
    if name not in _MACHINERY:
        watcher = row.watcher
        if watcher is not None:
            watcher.changing(row, name, value)
    _set(row, name, value)


@dataclass_transform(kw_only_default=True, eq_default=False, field_specifiers=(attrs.field,))
def record(cls: C) -> C:
    """Make a class a record: keyword-only attrs fields in slots that announce changes."""
    made = attrs.define(eq=False, kw_only=True, on_setattr=_announce, weakref_slot=False)(cls)
    type.__setattr__(made, "__setattr__", _assign)
    return made


def _quiet(default: Any = None) -> Any:
    """Return a field of the machinery, which announces nothing and is not initialised."""
    return attrs.field(default=default, init=False, repr=False)


@record
class Row:
    """One resource.

    Class attributes:
        PREFIX: what its ids start with, without the dash; empty when ids have no prefix.
        RESOURCE_TYPE: its name in TagSpecifications and DescribeTags, empty if untaggable.
        INDEXES: fields by which tables look rows up; a tuple value indexes each item.
        MOVES: for each state, the states that may follow.

    Attributes:
        id: unique among rows of its kind in one account and region.
        tags: in the order in which they were given.
        watcher: the table that holds the row.
        fragment: the row's kept rendering, until something it shows changes.
        readers: rows whose kept rendering shows something of this row; one alone, or a set.
        sources: what this row's own kept rendering was made from.
        sequence: the row's place in its table, growing with every addition.
    """

    PREFIX: ClassVar[str] = ""
    RESOURCE_TYPE: ClassVar[str] = ""
    INDEXES: ClassVar[tuple[str, ...]] = ()
    MOVES: ClassVar[Mapping[str, frozenset[str]]] = MappingProxyType({})

    id: str
    tags: Mapping[str, str] = NO_TAGS

    watcher: Watcher | None = _quiet()
    fragment: bytes | None = _quiet()
    readers: Row | set[Row] | None = _quiet()
    sources: tuple[Any, ...] = _quiet(())
    sequence: int = _quiet(0)

    def copies(self, **columns: Iterable[Any]) -> list[Self]:
        """Return new rows like this one but for some fields; no table may hold it, or them.

        Args:
            columns: for each of those fields its values, one for each of the rows.
        """
        if self.watcher is not None:
            raise ValueError(f"{self.id} is in a table")
        return copies(self, **columns)

    def update(self, **fields: Any) -> None:
        """Assign several fields as one change."""
        watcher = self.watcher
        for name, value in fields.items():
            if watcher is not None:
                watcher.reindexing(self, name, value)
            _set(self, name, value)
        if watcher is not None:
            watcher.changed(self)

    def touch(self) -> None:
        """Say that a part of the row changed that is not a field of its own."""
        if self.watcher is not None:
            self.watcher.changed(self)


@record
class Stateful(Row):
    """A resource whose life is a table of moves."""

    state: str

    def may(self, state: str) -> bool:
        """Tell whether ``state`` may follow the present one."""
        return state in self.MOVES.get(self.state, frozenset())

    def move(self, state: str) -> None:
        """Go to ``state``.

        Raises:
            IllegalMoveError: the table of moves does not have it; services refuse such
                requests before, so this is a fault of ours and never an answer.
        """
        self.check_move(state)
        self.state = state

    def check_move(self, state: str) -> None:
        """Raise what ``move`` would raise."""
        if not self.may(state):
            raise IllegalMoveError(f"{self.id}: {self.state} -> {state}")


def moves(**following: str) -> Mapping[str, frozenset[str]]:
    """Return a table of moves from ``state="next other"``; ``_`` stands for ``-``."""
    return MappingProxyType(
        {state.replace("_", "-"): frozenset(after.split()) for state, after in following.items()}
    )
