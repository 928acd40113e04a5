"""DNS messages, as far as a resolver for one VPC needs them; pure.

Source: RFC 1035. A question is read, and an answer written that begins with it; what is for
others is forwarded as it came.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

import attrs

A, PTR, AAAA, ANY = 1, 12, 28, 255
INTERNET = 1
NO_ERROR, SERVER_FAILURE, NAME_ERROR, REFUSED = 0, 2, 3, 5
TTL_SECONDS = 60
_HEADER = struct.Struct("!6H")
_RECURSION_WANTED, _IS_ANSWER, _RECURSION_OFFERED, _OPCODE = 0x0100, 0x8000, 0x0080, 0x7800
_LONGEST_NAME = 253


@attrs.frozen
class Question:
    """What a message asks.

    Attributes:
        number: by which the answer is known.
        flags: of the header.
        name: in small letters, without the last dot.
        kind: the type of records wanted.
        section: the question as it came.
    """

    number: int
    flags: int
    name: str
    kind: int
    section: bytes


@attrs.frozen
class Record:
    """One record of an answer, about the name that was asked for."""

    kind: int
    data: bytes


def read_question(packet: bytes) -> Question | None:
    """Return the question of a packet, or None for what is no ordinary question."""
    if len(packet) < _HEADER.size:
        return None
    number, flags, questions, *_ = _HEADER.unpack_from(packet)
    if flags & (_IS_ANSWER | _OPCODE) or questions != 1:
        return None
    labels: list[str] = []
    at = _HEADER.size
    while at < len(packet) and packet[at]:
        length = packet[at]
        label = packet[at + 1 : at + 1 + length]
        if length > 63 or len(label) < length:
            return None
        labels.append(label.decode("latin-1").lower())
        at += 1 + length
    end = at + 5
    name = ".".join(labels)
    if len(packet) < end or len(name) > _LONGEST_NAME:
        return None
    kind, group = struct.unpack_from("!2H", packet, at + 1)
    if group != INTERNET:
        return None
    return Question(number, flags, name, kind, packet[_HEADER.size : end])


def answer(question: Question, records: Sequence[Record] = (), code: int = NO_ERROR) -> bytes:
    """Return the answer to a question."""
    flags = _IS_ANSWER | _RECURSION_OFFERED | (question.flags & _RECURSION_WANTED) | code
    header = _HEADER.pack(question.number, flags, 1, len(records), 0, 0)
    # Its name is where the question has it.
    body = b"".join(
        struct.pack("!HHHIH", 0xC00C, each.kind, INTERNET, TTL_SECONDS, len(each.data)) + each.data
        for each in records
    )
    return header + question.section + body


def encoded(name: str) -> bytes:
    """Return a name as messages have it."""
    labels = name.encode("ascii").split(b".")
    return b"".join(bytes((len(label),)) + label for label in labels) + b"\0"
