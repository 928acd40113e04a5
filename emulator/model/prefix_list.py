"""Prefix lists: named sets of ranges that rules and routes refer to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import attrs

from emulator.model.row import Stateful, moves, record


@attrs.frozen
class PrefixListEntry:
    """One range of a prefix list, in its canonical spelling."""

    cidr: str
    description: str | None = None


@record
class PrefixList(Stateful):
    """A managed prefix list, the account's own or AWS's.

    Attributes:
        owner_id: an account, or ``AWS``.
        arn: with the owner in it.
        max_entries: how many it may have; AWS's own lists tell none.
        version: grows with every change of the entries; AWS's own lists tell none.
        versions: the entries that each version had; those of version 0 for AWS's own lists.
    """

    PREFIX: ClassVar[str] = "pl"
    RESOURCE_TYPE: ClassVar[str] = "prefix-list"
    INDEXES: ClassVar[tuple[str, ...]] = ("owner_id",)
    MOVES: ClassVar[Mapping[str, frozenset[str]]] = moves(
        create_in_progress="create-complete create-failed delete-in-progress",
        create_complete="modify-in-progress restore-in-progress delete-in-progress",
        modify_in_progress="modify-complete modify-failed delete-in-progress",
        modify_complete="modify-in-progress restore-in-progress delete-in-progress",
        restore_in_progress="restore-complete restore-failed delete-in-progress",
        restore_complete="modify-in-progress restore-in-progress delete-in-progress",
        delete_in_progress="delete-complete",
        delete_complete="",
    )

    name: str
    address_family: str
    owner_id: str
    arn: str
    versions: Mapping[int, tuple[PrefixListEntry, ...]]
    max_entries: int | None = None
    version: int | None = None

    @property
    def entries(self) -> tuple[PrefixListEntry, ...]:
        """The entries of the present version."""
        return self.versions[self.version or 0]
