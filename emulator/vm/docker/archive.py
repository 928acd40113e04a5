"""Tar archives as Docker takes them, the same bytes for the same content (pure)."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable

import attrs


@attrs.frozen
class Entry:
    """One file, directory or link of an archive, owned by root.

    Attributes:
        path: where it goes, relative to the place where the archive is unpacked.
        content: the file's bytes; None for a directory or a link.
        link: what a symbolic link points to.
        mode: permission bits.
    """

    path: str
    content: bytes | None = None
    link: str | None = None
    mode: int = 0o644


def directory(path: str, mode: int = 0o755) -> Entry:
    """Return a directory's entry; Docker gives an existing directory this mode."""
    return Entry(path, mode=mode)


def pack(entries: Iterable[Entry], *, modified_at: float = 0) -> bytes:
    """Return the entries as an uncompressed archive, in the order given.

    Args:
        entries: what is in it; directories before what is in them.
        modified_at: everything's time, in seconds since 1970.
    """
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for entry in entries:
            archive.addfile(_header(entry, int(modified_at)), io.BytesIO(entry.content or b""))
    return buffer.getvalue()


def _header(entry: Entry, modified_at: int) -> tarfile.TarInfo:
    header = tarfile.TarInfo(entry.path)
    header.mode, header.mtime = entry.mode, modified_at
    header.uname = header.gname = "root"
    if entry.link is not None:
        header.type, header.linkname, header.mode = tarfile.SYMTYPE, entry.link, 0o777
    elif entry.content is None:
        header.type = tarfile.DIRTYPE
    else:
        header.size = len(entry.content)
    return header
