"""Rows of one kind: by id, by indexed field, in the order they came.

Reading a table while a row is being rendered (``Reads.during``) notes what was read, so
that a later change of any of it drops the rendering. Views therefore never think about
invalidation; they only read through tables.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

import attrs

from emulator.model.row import Row, Watcher, record

R = TypeVar("R", bound=Row)
_set = object.__setattr__


class Source(Protocol):
    """Something that a rendering may depend on: a row, a bucket of rows, a whole table.

    Most have one reader, and a set for that one would be larger than many a record.
    """

    readers: Row | set[Row] | None


def drop(source: Source) -> None:
    """Forget every rendering that shows something of ``source``."""
    readers = source.readers
    if readers is None:
        return
    source.readers = None
    for reader in readers if isinstance(readers, set) else (readers,):
        reader.fragment = None
        if type(reader) is Derived:
            reader.on_stale()
        drop(reader)


@record
class Derived(Row):
    """Stands for what is worked out from records elsewhere; no table holds it.

    It is "rendered" like a row, and told when that would turn out differently.

    Attributes:
        on_stale: called amid the change, so it may only take note; not again before the next
            rendering.
    """

    on_stale: Callable[[], None]


@attrs.define(eq=False)
class Reads:
    """Knows which row is being rendered, in all tables of one region."""

    _row: Row | None = attrs.field(default=None, init=False)
    _sources: list[Source] = attrs.field(factory=list, init=False)

    @property
    def watching(self) -> bool:
        """Whether a row is being rendered right now."""
        return self._row is not None

    def note(self, source: Source) -> None:
        """Remember that the rendering under way shows something of ``source``."""
        row = self._row
        if row is None or source is row:
            return
        readers = source.readers
        if readers is None:
            source.readers = row
        elif readers is row:
            return
        elif not isinstance(readers, set):
            source.readers = {readers, row}
        elif row in readers:
            return
        else:
            readers.add(row)
        self._sources.append(source)

    def during(self, row: Row, render: Callable[[], bytes]) -> bytes:
        """Return what ``render`` returns and keep it as the row's fragment."""
        self.forget(row)
        outer, outer_sources = self._row, self._sources
        self._row, self._sources = row, []
        try:
            row.fragment = render()
            return row.fragment
        finally:
            row.sources = tuple(self._sources)
            self._row, self._sources = outer, outer_sources
            if outer is not None:
                self.note(row)

    @staticmethod
    def forget(row: Row) -> None:
        """Unlink the row's rendering from what it was made of."""
        for source in row.sources:
            readers = source.readers
            if readers is row:
                source.readers = None
            elif isinstance(readers, set):
                readers.discard(row)
                if not readers:
                    source.readers = None
            else:
                continue
            if source.readers is None and isinstance(source, _Bucket) and not source.rows:
                source.index.pop(source.key, None)
        row.sources = ()
        row.fragment = None


@attrs.define(eq=False, slots=True)
class _Bucket:
    """The rows that share one value of an indexed field.

    An empty bucket stays in its index only while a rendering depends on its emptiness.
    """

    index: _Index
    key: Any
    rows: dict[str, Row] = attrs.field(factory=dict)
    readers: Row | set[Row] | None = None


_Index: TypeAlias = dict[Any, "Row | _Bucket"]
"""Rows by the value of a field. A row that is alone with its value, and whose bucket no
rendering depends on, stands for itself: most buckets would be larger than many a record.
"""


def _bucket(index: _Index, key: Any) -> _Bucket:
    """Return the bucket of a value, made now where there was none."""
    entry = index.get(key)
    if isinstance(entry, _Bucket):
        return entry
    bucket = index[key] = _Bucket(index, key)
    if entry is not None:
        bucket.rows[entry.id] = entry
    return bucket


@attrs.define(eq=False)
class Table(Watcher, Generic[R]):
    """All rows of one kind in one account and region."""

    _reads: Reads
    _kind: type[R]
    _rows: dict[str, R] = attrs.field(factory=dict, init=False)
    _indexes: dict[str, _Index] = attrs.field(init=False)
    _last_sequence: int = attrs.field(default=0, init=False)
    readers: Row | set[Row] | None = attrs.field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self._indexes = {name: {} for name in self._kind.INDEXES}

    def __len__(self) -> int:
        self._reads.note(self)
        return len(self._rows)

    def __iter__(self) -> Iterator[R]:
        """Iterate over a snapshot, so that the body may add and remove rows."""
        rows = tuple(self._rows.values())
        if self._reads.watching:
            self._reads.note(self)
            for row in rows:
                self._reads.note(row)
        return iter(rows)

    def __contains__(self, row_id: str) -> bool:
        return self.get(row_id) is not None

    def get(self, row_id: str | None) -> R | None:
        """Return the row with this id, if there is one."""
        row = self._rows.get(row_id) if row_id is not None else None
        if self._reads.watching:
            self._reads.note(self if row is None else row)
        return row

    def __getitem__(self, row_id: str) -> R:
        """Return the row with this id, which the caller knows to exist."""
        row = self.get(row_id)
        if row is None:
            raise KeyError(row_id)
        return row

    def add(self, row: R) -> R:
        """Take a row in; its id must be new."""
        if row.id in self._rows:
            raise ValueError(f"{row.id} exists already")
        self._last_sequence += 1
        self._rows[row.id] = row
        _set(row, "sequence", self._last_sequence)
        _set(row, "watcher", self)
        for name, index in self._indexes.items():
            value = getattr(row, name)
            if value is not None:
                self._enter(index, value, row)
        if self.readers:
            drop(self)
        return row

    def add_all(self, rows: Sequence[R]) -> None:
        """Take some rows in, in this order; their ids must be new."""
        if len(rows) == 1:
            self.add(rows[0])
            return
        added = {row.id: row for row in rows}
        if len(added) < len(rows) or not self._rows.keys().isdisjoint(added):
            ids = [row.id for row in rows]
            twice = next(each for each in ids if each in self._rows or ids.count(each) > 1)
            raise ValueError(f"{twice} exists already")
        for sequence, row in enumerate(rows, self._last_sequence + 1):
            _set(row, "sequence", sequence)
            _set(row, "watcher", self)
        self._last_sequence += len(rows)
        self._rows.update(added)
        for name, index in self._indexes.items():
            values = list(map(attrgetter(name), rows))
            if values.count(values[0]) == len(values):
                self._enter_together(index, values[0], added)
                continue
            for row, value in zip(rows, values, strict=True):
                if value is not None:
                    self._enter(index, value, row)
        if self.readers:
            drop(self)

    def remove(self, row: R) -> None:
        """Let a row go; removing it again does nothing."""
        if self._rows.pop(row.id, None) is None:
            return
        for name, index in self._indexes.items():
            self._leave(index, getattr(row, name), row)
        row.watcher = None
        drop(self)
        drop(row)
        self._reads.forget(row)

    def where(self, **wanted: Any) -> list[R]:
        """Return the rows whose one indexed field has (or contains) this value.

        Args:
            wanted: exactly one ``field=value``; the field is in the kind's INDEXES and the
                value is not None, which is not indexed.
        """
        ((name, value),) = wanted.items()
        index = self._indexes[name]
        if self._reads.watching:
            found = _bucket(index, value)
            self._reads.note(found)
            for row in found.rows.values():
                self._reads.note(row)
            return list(found.rows.values())  # type: ignore[arg-type]  # our rows only
        entry = index.get(value)
        if entry is None:
            return []
        return list(entry.rows.values()) if isinstance(entry, _Bucket) else [entry]  # type: ignore[arg-type,list-item]  # likewise

    def has(self, **wanted: Any) -> bool:
        """Tell whether ``where`` would find anything; not for views, nothing is noted."""
        ((name, value),) = wanted.items()
        entry = self._indexes[name].get(value)
        return entry is not None and (not isinstance(entry, _Bucket) or bool(entry.rows))

    def changing(self, row: Row, name: str, value: Any) -> None:
        """Keep indexes and renderings true while a field is assigned."""
        if name in self._indexes:
            self.reindexing(row, name, value)
        if row.fragment is not None:
            row.fragment = None
        if row.readers:
            drop(row)

    def reindexing(self, row: Row, name: str, value: Any) -> None:
        """Keep indexes true while a field is assigned."""
        index = self._indexes.get(name)
        if index is not None:
            self._leave(index, getattr(row, name), row)
            if value is not None:
                self._enter(index, value, row)

    def assign(self, rows: Sequence[R], name: str, values: Iterable[Any]) -> None:
        """Assign one field of some of the table's rows, as so many assignments would."""
        index = self._indexes.get(name)
        for row, value in zip(rows, values, strict=True):
            if index is not None:
                self.reindexing(row, name, value)
            _set(row, name, value)
            if row.fragment is not None or row.readers:
                self.changed(row)

    def changed(self, row: Row) -> None:
        """Drop the row's rendering, and every rendering that shows some of it."""
        row.fragment = None
        if row.readers:
            drop(row)

    @staticmethod
    def _enter(index: _Index, value: Any, row: Row) -> None:
        for key in value if type(value) is tuple else (value,):
            if key not in index:
                index[key] = row
                continue
            bucket = _bucket(index, key)
            bucket.rows[row.id] = row
            if bucket.readers:
                drop(bucket)

    @staticmethod
    def _enter_together(index: _Index, value: Any, rows: Mapping[str, Row]) -> None:
        """Enter rows that have the same value, which may be None."""
        if value is None:
            return
        for key in value if type(value) is tuple else (value,):
            bucket = _bucket(index, key)
            bucket.rows.update(rows)
            if bucket.readers:
                drop(bucket)

    @staticmethod
    def _leave(index: _Index, value: Any, row: Row) -> None:
        for key in value if type(value) is tuple else (value,):
            entry = index.get(key)
            if entry is row:
                del index[key]
            elif isinstance(entry, _Bucket):
                entry.rows.pop(row.id, None)
                if entry.readers:
                    drop(entry)
                if not entry.rows:
                    del index[key]
