"""What is kept about volumes."""

from __future__ import annotations

import pytest

from emulator.vm.libvirt.notes import LEAST_BYTES, Note, State, noted_volume, read_note

NOTE = Note(State.MAKING, "lab", 'My "image" ü', '{"a": "\\u0000"}')


def test_a_note_is_read_as_it_was_written() -> None:
    assert read_note(NOTE.pack()) == NOTE


def test_a_short_note_over_a_long_one_is_read_alone() -> None:
    long = Note(record="x" * 500).pack()
    short = NOTE.pack()

    assert read_note(short + long[len(short) :] + bytes(LEAST_BYTES)) == NOTE


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b"\0\0\0", b"qcow2", b"[]\0", b"{}\0", b"7\0", b'{"state": "odd"}\0'),
        *(NOTE.pack()[:-1], b'{"state": "ready", "more": 1}\0', b"\xff\0"),
    ],
)
def test_anything_else_is_no_note(data: bytes) -> None:
    assert read_note(data) is None


def test_a_notes_name_says_whose_it_is() -> None:
    assert noted_volume("ami-024f7683.note") == "ami-024f7683"
    assert noted_volume("ami-024f7683") is None
