"""Records of several accounts in one listing: one's own, and what others share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar

import attrs

from emulator.model.row import Row
from emulator.services.call import Call
from emulator.services.ec2.kind import Kind
from emulator.services.pages import page
from emulator.state.store import Region, State

R = TypeVar("R", bound=Row)

# Tokens place a row by its account and its place there; no table has this many rows.
_ROWS_OF_AN_ACCOUNT = 1 << 40


def neighbours(state: State, region: Region) -> list[Region]:
    """Return the same region of every other account."""
    return [other for other in state if other.name == region.name and other is not region]


@attrs.define(eq=False)
class Listing(Generic[R]):
    """Rows that a caller may see, its own first.

    Attributes:
        rows: in order.
        homes: for each row that is not the caller's own, where it lives and its position.
    """

    region: Region
    rows: list[R]
    homes: dict[str, tuple[Region, int]] = attrs.field(factory=dict)

    @classmethod
    def of(
        cls, state: State, region: Region, own: list[R], shared: Callable[[Region], list[R]]
    ) -> Listing[R]:
        """Return one's own rows and those that ``shared`` finds in another account's region."""
        listing = cls(region, own)
        for number, home in enumerate(neighbours(state, region), start=1):
            for row in shared(home):
                # Every account has the stock images itself.
                if row.id not in region[type(row)]:
                    listing.rows.append(row)
                    listing.homes[row.id] = home, number * _ROWS_OF_AN_ACCOUNT + row.sequence
        return listing

    def position(self, row: R) -> int:
        """Return a row's place, which never changes while it exists."""
        home = self.homes.get(row.id)
        return row.sequence if home is None else home[1]

    def answer(
        self, call: Call, params: Mapping[str, Any], kind: Kind[R], result: str
    ) -> dict[str, Any]:
        """Return one page of the rows as the Describe call's answer."""
        shown, token = page(
            call.operation.name, self.rows, params, call.operation.page_limits, self.position
        )
        answer: dict[str, Any] = {result: self._shown(kind, shown)}
        if token is not None:
            answer["NextToken"] = token
        return answer

    def _shown(self, kind: Kind[R], rows: Sequence[R]) -> list[bytes | Mapping[str, Any]]:
        region, homes = self.region, self.homes
        if not homes:
            return [row.fragment or kind.show(region, row) for row in rows]
        shown: list[bytes | Mapping[str, Any]] = []
        for row in rows:
            home = homes.get(row.id)
            if home is None:
                shown.append(kind.show(region, row))
            else:
                # Another account's tags are its own business.
                shown.append({**kind.view(home[0], row), "Tags": []})
        return shown
