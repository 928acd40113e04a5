"""Records beside what really exists: what each lacks; pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import attrs

from emulator.vm.interface import Guest, GuestKey


@attrs.frozen
class Differences:
    """How records and guests differ.

    Attributes:
        unknown: guests that no record tells of.
        gone: records that ought to have a guest and have none.
        known: records whose guest exists; its state may still be another one.
    """

    unknown: Sequence[Guest]
    gone: Sequence[GuestKey]
    known: Sequence[GuestKey]


def differences(records: Iterable[GuestKey], guests: Iterable[Guest]) -> Differences:
    """Compare.

    Args:
        records: of the instances that have a guest unless somebody took it away.
        guests: all that the manager has, with their whole identity.
    """
    there = {guest.key: guest for guest in guests if guest.key is not None}
    expected = set(records)
    return Differences(
        unknown=[guest for key, guest in there.items() if key not in expected],
        gone=sorted(expected - set(there)),
        known=sorted(expected & set(there)),
    )
