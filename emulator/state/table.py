"""Rows of one kind: by id, by indexed field, in the order they came.

Reading a table while a row is being rendered (``Reads.during``) notes what was read, so
that a later change of any of it drops the rendering. Views therefore never think about
invalidation; they only read through tables.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Generic, Protocol, TypeVar

import attrs

from emulator.model.row import Row, Watcher

R = TypeVar("R", bound=Row)


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
        drop(reader)


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

    index: dict[Any, _Bucket]
    key: Any
    rows: dict[str, Row] = attrs.field(factory=dict)
    readers: Row | set[Row] | None = None


@attrs.define(eq=False)
class Table(Watcher, Generic[R]):
    """All rows of one kind in one account and region."""

    _reads: Reads
    _kind: type[R]
    _rows: dict[str, R] = attrs.field(factory=dict, init=False)
    _indexes: dict[str, dict[Any, _Bucket]] = attrs.field(init=False)
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
        row.sequence = self._last_sequence
        self._rows[row.id] = row
        row.watcher = self
        for name, index in self._indexes.items():
            value = getattr(row, name)
            if value is not None:
                self._enter(index, value, row)
        if self.readers:
            drop(self)
        return row

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
        bucket = index.get(value)
        if self._reads.watching:
            if bucket is None:
                bucket = index[value] = _Bucket(index, value)
            self._reads.note(bucket)
            for row in bucket.rows.values():
                self._reads.note(row)
        if bucket is None:
            return []
        return list(bucket.rows.values())  # type: ignore[arg-type]  # buckets hold our rows only

    def has(self, **wanted: Any) -> bool:
        """Tell whether ``where`` would find anything; not for views, nothing is noted."""
        ((name, value),) = wanted.items()
        bucket = self._indexes[name].get(value)
        return bucket is not None and bool(bucket.rows)

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

    def changed(self, row: Row) -> None:
        """Drop the row's rendering, and every rendering that shows some of it."""
        row.fragment = None
        if row.readers:
            drop(row)

    @staticmethod
    def _enter(index: dict[Any, _Bucket], value: Any, row: Row) -> None:
        row_id = row.id
        for key in value if type(value) is tuple else (value,):
            bucket = index.get(key)
            if bucket is None:
                bucket = index[key] = _Bucket(index, key)
            bucket.rows[row_id] = row
            if bucket.readers:
                drop(bucket)

    @staticmethod
    def _leave(index: dict[Any, _Bucket], value: Any, row: Row) -> None:
        row_id = row.id
        for key in value if type(value) is tuple else (value,):
            bucket = index.get(key)
            if bucket is None:
                continue
            bucket.rows.pop(row_id, None)
            if bucket.readers:
                drop(bucket)
            if not bucket.rows:
                del index[key]
