"""Account and region to tables; the whole of what the emulator remembers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import attrs

from emulator.model.row import Row
from emulator.state.table import Reads, Table, drop

R = TypeVar("R", bound=Row)

EVERYWHERE = "aws-global"


@attrs.define(eq=False)
class Region:
    """One region of one account: a table for each kind of record.

    Attributes:
        account: the twelve-digit id.
        name: such as ``us-east-1``.
        settings: account-wide switches by name, such as EBS encryption by default.
        reads: notes what renderings read.
        readers: rows whose rendering went through all kinds of records.
        seed: fills the region with what AWS gives every account, when its records are
            first asked for.
    """

    account: str
    name: str
    _seed: Callable[[Region], None] | None = None
    settings: dict[str, Any] = attrs.field(factory=dict, init=False)
    reads: Reads = attrs.field(factory=Reads, init=False)
    readers: Row | set[Row] | None = attrs.field(default=None, init=False)
    _tables: dict[type[Row], Table[Any]] = attrs.field(factory=dict, init=False)

    def __getitem__(self, kind: type[R]) -> Table[R]:
        """Return the table of one kind of record."""
        table = self._tables.get(kind)
        return self._new_table(kind) if table is None else table

    def _new_table(self, kind: type[R]) -> Table[R]:
        self._sow()
        table: Table[R] | None = self._tables.get(kind)
        if table is None:
            table = self._tables[kind] = Table(self.reads, kind)
            drop(self)
        return table

    def _sow(self) -> None:
        seed, self._seed = self._seed, None
        if seed is not None:
            seed(self)

    def tables(self) -> Iterator[tuple[type[Row], Table[Any]]]:
        """Iterate over the kinds that were ever used here."""
        self._sow()
        self.reads.note(self)
        yield from tuple(self._tables.items())


@attrs.define(eq=False)
class State:
    """Every account and region.

    Args:
        seed: fills a new region with what AWS gives every account.
        settings: the account-wide switches that every region begins with.
    """

    _seed: Callable[[Region], None] | None = None
    _settings: Mapping[str, Any] = attrs.field(factory=dict)
    _regions: dict[tuple[str, str], Region] = attrs.field(factory=dict, init=False)

    def seed_with(self, seed: Callable[[Region], None]) -> None:
        """Fill regions with this from now on."""
        self._seed = seed

    def region(self, account: str, name: str) -> Region:
        """Return one region of one account."""
        region = self._regions.get((account, name))
        if region is None:
            region = self._regions[account, name] = Region(account, name, self._seed)
            region.settings.update(self._settings)
        return region

    def everywhere(self, account: str) -> Region:
        """Return the tables of an account's global services, such as IAM and STS."""
        key = (account, EVERYWHERE)
        region = self._regions.get(key)
        if region is None:
            region = self._regions[key] = Region(account, EVERYWHERE)
        return region

    def __iter__(self) -> Iterator[Region]:
        """Iterate over the regions in use."""
        return iter(tuple(self._regions.values()))

    def reset(self) -> None:
        """Forget everything."""
        self._regions.clear()
