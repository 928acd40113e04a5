"""What is kept about a volume, in a small volume beside it (pure).

A file in a pool says nothing of where it came from. Its note tells a volume that is still
being made from a whole one, carries the records that an image is known again by, and hides
what EC2 has deleted and something else is still based on.
"""

from __future__ import annotations

import json
from enum import StrEnum

import attrs

SUFFIX = ".note"
# Written over in place, so a later and longer note has to fit as well.
LEAST_BYTES = 64 * 1024
MOST_BYTES = 1024 * 1024
_END = b"\0"


class State(StrEnum):
    """How far a volume is in its life."""

    MAKING = "making"
    READY = "ready"
    GONE = "gone"


@attrs.frozen
class Note:
    """What is kept about a volume.

    Attributes:
        state: only what is ready is shown.
        namespace: EMULATOR_NAMESPACE of the emulator that made the volume; empty: a user put
            it there, and the emulator never deletes it.
        name: the AMI's.
        record: opaque text that belongs to it.
    """

    state: State = State.READY
    namespace: str = ""
    name: str = ""
    record: str = ""

    def pack(self) -> bytes:
        """Return the note as what is written."""
        return json.dumps(attrs.asdict(self)).encode() + _END


def note_name(volume: str) -> str:
    """Return the name of a volume's note."""
    return f"{volume}{SUFFIX}"


def noted_volume(name: str) -> str | None:
    """Return the name of the volume that a note is about, or None for what is no note."""
    return name.removesuffix(SUFFIX) if name.endswith(SUFFIX) else None


def read_note(data: bytes) -> Note | None:
    """Return a note that was packed, or None for anything else."""
    text, end, _ = data.partition(_END)
    if not end:
        return None
    try:
        fields = json.loads(text)
        state = State(fields.pop("state"))
        return Note(state, **{name: str(value) for name, value in fields.items()})
    except (ValueError, TypeError, AttributeError, KeyError):
        return None
