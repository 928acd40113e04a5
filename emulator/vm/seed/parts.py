"""User data taken apart as cloud-init does (pure).

Gzip, MIME in any nesting, and the kinds that a first line tells. Nothing here fails:
what cannot be used becomes a note for the instance's console. Source: cloud-init's
documentation, "User-data formats".
"""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from email import message_from_bytes
from email.message import Message
from enum import StrEnum

import attrs

# EC2 takes 16 KiB; what that may unpack to is ours to say.
MOST_BYTES = 8 * 1024 * 1024
MOST_PARTS = 100
MOST_NESTING = 8

_GZIP = b"\x1f\x8b"
_MIME_WITHIN = 4096


class Kind(StrEnum):
    """What a part is for; the values are cloud-init's content types."""

    SCRIPT = "text/x-shellscript"
    SCRIPT_EVERY_BOOT = "text/x-shellscript-per-boot"
    BOOTHOOK = "text/cloud-boothook"
    CLOUD_CONFIG = "text/cloud-config"
    INCLUDE = "text/x-include-url"


# The longest first: "#include-once" begins with "#include".
_FIRST_LINES: tuple[tuple[bytes, str], ...] = (
    (b"#cloud-config-archive", "text/cloud-config-archive"),
    (b"#cloud-config-jsonp", "text/cloud-config-jsonp"),
    (b"## template: jinja", "text/jinja2"),
    (b"#cloud-boothook", Kind.BOOTHOOK),
    (b"#cloud-config", Kind.CLOUD_CONFIG),
    (b"#include-once", Kind.INCLUDE),
    (b"#part-handler", "text/part-handler"),
    (b"#upstart-job", "text/upstart-job"),
    (b"#include", Kind.INCLUDE),
    (b"#!", Kind.SCRIPT),
)
# Types that say nothing, so that the first line does.
_UNTELLING = frozenset(
    {
        *("text/plain", "text/x-not-multipart", "application/octet-stream", "message/rfc822"),
        *("application/gzip", "application/gzip-compressed", "application/gzipped"),
        *("application/x-compress", "application/x-compressed", "application/x-gunzip"),
        *("application/x-gzip", "application/x-gzip-compressed"),
    }
)
# These run once in an instance's life, each by another measure; here they are the same.
_SCRIPT_TYPES = {
    "text/x-shellscript-per-instance": Kind.SCRIPT,
    "text/x-shellscript-per-once": Kind.SCRIPT,
    "text/x-include-once-url": Kind.INCLUDE,
}


@attrs.frozen
class Part:
    """One piece of user data.

    Attributes:
        kind: what it is for.
        content: its bytes, unpacked.
        name: a plain file name, no two parts the same.
        merge_type: how a cloud-config wants to be merged with earlier ones.
    """

    kind: Kind
    content: bytes
    name: str
    merge_type: str | None = None


@attrs.frozen
class UserData:
    """User data taken apart.

    Attributes:
        parts: what can be used, in order.
        notes: a sentence for everything that cannot.
    """

    parts: tuple[Part, ...] = ()
    notes: tuple[str, ...] = ()


def split(user_data: bytes) -> UserData:
    """Take user data apart, whatever they are."""
    splitter = _Splitter()
    splitter.add(_without_second_base64(user_data), depth=0)
    return UserData(tuple(splitter.parts), tuple(splitter.notes))


def _without_second_base64(user_data: bytes) -> bytes:
    """Return what was encoded twice, a frequent slip, as what was meant."""
    try:
        inner = base64.b64decode(b"".join(user_data.split()), validate=True)
    except (ValueError, binascii.Error):
        return user_data
    known = inner.startswith(_GZIP) or _is_mime(inner) or _type_of_first_line(inner) is not None
    return inner if known else user_data


def _is_mime(content: bytes) -> bool:
    start = content[:_MIME_WITHIN].lower()
    return (
        start.startswith(b"content-type: multipart/")
        or re.search(rb"^mime-version:", start, re.MULTILINE) is not None
    )


def _type_of_first_line(content: bytes) -> str | None:
    start = content[:100].lstrip().lower()
    return next((kind for prefix, kind in _FIRST_LINES if start.startswith(prefix)), None)


@attrs.define
class _Splitter:
    """Collects parts and notes, and keeps count of what has been unpacked."""

    parts: list[Part] = attrs.field(factory=list)
    notes: list[str] = attrs.field(factory=list)
    _left: int = MOST_BYTES
    _seen: int = 0

    def add(
        self,
        content: bytes,
        *,
        depth: int,
        declared: str = "text/plain",
        name: str | None = None,
        merge_type: str | None = None,
    ) -> None:
        """Add one piece, which may turn out to be several."""
        self._seen += 1
        if self._seen > MOST_PARTS or depth > MOST_NESTING:
            self._note("the user data have too many parts; the rest is left out")
            return
        unpacked = self._unpack(content)
        if unpacked is None or not unpacked.strip():
            return
        if declared in _UNTELLING or declared.startswith("multipart/"):
            first_line = _type_of_first_line(unpacked)
            # A script may well hold a message that it sends.
            if first_line is None and _is_mime(unpacked):
                self._add_message(unpacked, depth)
                return
            declared = first_line or declared
        kind = _SCRIPT_TYPES.get(declared, declared)
        if kind not in set(Kind):
            what = f"a part of type {declared[:60]!r}"
            self._note(f"{what} is not supported without cloud-init; it is left out")
            return
        self.parts.append(Part(Kind(kind), unpacked, self._free_name(name), merge_type))

    def _add_message(self, content: bytes, depth: int) -> None:
        try:
            message = message_from_bytes(content)
            pieces = [_piece(leaf) for leaf in _leaves(message)]
        except (RecursionError, ValueError, LookupError, TypeError) as error:
            self._note(f"the MIME message cannot be read: {type(error).__name__}")
            return
        for body, declared, name, merge_type in pieces:
            self.add(body, depth=depth + 1, declared=declared, name=name, merge_type=merge_type)

    def _unpack(self, content: bytes) -> bytes | None:
        """Undo gzip, or return None where that is too much or not possible."""
        if not content.startswith(_GZIP):
            return content
        unpacker = zlib.decompressobj(wbits=31)
        try:
            unpacked = unpacker.decompress(content, self._left)
        except zlib.error:
            self._note("compressed user data are damaged; they are left out")
            return None
        if unpacker.unconsumed_tail:
            self._note(f"the user data unpack to more than {MOST_BYTES} bytes; they are left out")
            return None
        if not unpacker.eof:
            self._note("compressed user data end too early; they are left out")
            return None
        self._left = max(self._left - len(unpacked), 1)
        return unpacked

    def _free_name(self, wanted: str | None) -> str:
        plain = re.sub(r"[^A-Za-z0-9._-]", "_", (wanted or "").rpartition("/")[2])[:80]
        taken = {part.name for part in self.parts}
        if plain.strip(".") and plain not in taken:
            return plain
        numbered = (f"part-{number:03}" for number in range(len(taken) + 1, MOST_PARTS * 3))
        return next(name for name in numbered if name not in taken)

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)


def _leaves(message: Message) -> list[Message]:
    """Return a message's parts that hold something, in order, at most one too many."""
    found: list[Message] = []
    waiting = [message]
    while waiting and len(found) <= MOST_PARTS:
        one = waiting.pop()
        inside = one.get_payload() if one.is_multipart() else None
        if isinstance(inside, list):
            waiting.extend(part for part in reversed(inside) if isinstance(part, Message))
        else:
            found.append(one)
    return found


def _piece(leaf: Message) -> tuple[bytes, str, str | None, str | None]:
    """Return content, declared type, file name and merge type of one part."""
    body = leaf.get_payload(decode=True)
    merge_type = leaf.get("Merge-Type") or leaf.get("X-Merge-Type")
    return (
        body if isinstance(body, bytes) else b"",
        leaf.get_content_type(),
        leaf.get_filename(),
        str(merge_type) if merge_type else None,
    )
