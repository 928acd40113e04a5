"""Files that a ``#cloud-config`` writes (pure)."""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from collections.abc import Mapping
from typing import Any

import attrs

from emulator.vm.seed.fields import Fields

MOST_BYTES = 8 * 1024 * 1024

_OWNER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(:[A-Za-z0-9_][A-Za-z0-9_.-]*)?")
_PATH = re.compile(r"/[^\0]+")


@attrs.frozen
class WriteFile:
    """One file.

    Attributes:
        path: absolute.
        content: its bytes.
        owner: ``user`` or ``user:group``.
        mode: permission bits.
        append: whether an existing file is kept and added to.
        deferred: whether it waits for users and packages.
    """

    path: str
    content: bytes
    owner: str = "root:root"
    mode: int = 0o644
    append: bool = False
    deferred: bool = False


def read_write_files(fields: Fields) -> tuple[WriteFile, ...]:
    """Read ``write_files``; what cannot be written gets a note."""
    found = []
    left = MOST_BYTES
    for entry in fields.entries("write_files"):
        if not isinstance(entry, Mapping):
            fields.note("write_files: an entry is no mapping")
            continue
        one = _write_file(fields.inside(entry, "write_files"), left)
        if one is not None:
            left -= len(one.content)
            found.append(one)
    return tuple(found)


def _write_file(fields: Fields, most: int) -> WriteFile | None:
    path = fields.matching("path", _PATH)
    content = _content(fields, most)
    owner = fields.matching("owner", _OWNER) or "root:root"
    mode = _mode(fields)
    append, deferred = fields.switch("append"), fields.switch("defer")
    for name in sorted(fields.document.keys() - fields.used):
        fields.note(f"{name[:60]!r} is not supported without cloud-init")
    if path is None or content is None:
        if "path" not in fields.document:
            fields.note("an entry has no path")
        return None
    return WriteFile(path, content, owner, mode, append=bool(append), deferred=bool(deferred))


def _content(fields: Fields, most: int) -> bytes | None:
    """Return the content decoded, or None where it is not what its encoding says."""
    value: Any = fields.get("content")
    raw = value if isinstance(value, bytes) else _encoded(fields.text("content"))
    words = (fields.text("encoding") or "").lower().replace("gzip", "gz").replace("base64", "b64")
    known = {"", "text/plain", "b64", "gz", "gz+b64"}
    if words not in known:
        fields.note(f"encoding {words[:40]!r} is not known; the content is taken as it is")
    decoded = _decoded(raw, words, max(most, 0) + 1)
    if decoded is None:
        fields.note("a content is not what its encoding says; the file is left out")
        return None
    if len(decoded) > most:
        fields.note(f"the files are larger than {MOST_BYTES} bytes; the rest is left out")
        return None
    return decoded


def _decoded(raw: bytes, words: str, most: int) -> bytes | None:
    """Undo base64 and gzip, up to so many bytes; None where they are not undone."""
    try:
        if words in {"b64", "gz+b64"}:
            raw = base64.b64decode(b"".join(raw.split()), validate=True)
        if words not in {"gz", "gz+b64"}:
            return raw
        unpacker = zlib.decompressobj(wbits=31)
        unpacked = unpacker.decompress(raw, most)
    except (ValueError, binascii.Error, zlib.error):
        return None
    return unpacked if unpacker.eof or len(unpacked) == most else None


def _encoded(text: str | None) -> bytes:
    return (text or "").encode(errors="replace")


def _mode(fields: Fields) -> int:
    """Read permissions: YAML makes a number of ``0644``, and leaves ``'0644'`` a text."""
    value = fields.get("permissions")
    if value is None:
        return 0o644
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 0o7777:
        return value
    if isinstance(value, str) and re.fullmatch(r"(0o)?[0-7]{1,5}", value):
        return int(value.removeprefix("0o"), 8) & 0o7777
    fields.note("permissions are not octal; 0644 is taken")
    return 0o644
