"""Storage volumes as libvirt's XML describes them, made and read (pure).

Source: libvirt's documentation, "Storage pool and volume XML format".
"""

from __future__ import annotations

import math
from datetime import UTC, datetime

import attrs
from lxml import etree

from emulator.vm.libvirt.domain_xml import add, parse

GIB = 1024**3
QCOW2 = "qcow2"
RAW = "raw"
# qcow2's own version from QEMU 1.1 on; the older one cannot be grown while in use.
_COMPATIBILITY = "1.1"
# The kinds of pool whose volumes are files in a directory.
_DIRECTORIES = frozenset({"dir", "fs", "netfs"})


@attrs.frozen
class NewVolume:
    """A volume to be made; it is sparse.

    Attributes:
        name: its name in its pool.
        size_bytes: as a guest sees it.
        format: ``qcow2`` or ``raw``.
        backing_path: the file whose data show through where nothing was written yet.
        backing_format: that file's format.
    """

    name: str
    size_bytes: int
    format: str = QCOW2
    backing_path: str | None = None
    backing_format: str = QCOW2

    def xml(self) -> str:
        """Return what libvirt makes the volume of."""
        volume = etree.Element("volume", {"type": "file"})
        add(volume, "name", self.name)
        add(volume, "capacity", self.size_bytes, unit="bytes")
        add(volume, "allocation", 0, unit="bytes")
        target = add(volume, "target")
        add(target, "format", type=self.format)
        if self.format == QCOW2:
            add(target, "compat", _COMPATIBILITY)
        if self.backing_path is not None:
            backing = add(volume, "backingStore")
            add(backing, "path", self.backing_path)
            add(backing, "format", type=self.backing_format)
        return etree.tostring(volume, encoding="unicode")


@attrs.frozen
class StoredVolume:
    """A volume that there is.

    Attributes:
        name: its name in its pool.
        path: where the hypervisor's machine has it.
        size_bytes: as a guest sees it.
        allocated_bytes: what it takes up itself, without what it is based on.
        format: such as ``qcow2``; empty where its pool knows no formats.
        backing_path: the file it is based on, if any.
        changed_at: when it was last written to, to the second.
    """

    name: str
    path: str
    size_bytes: int
    allocated_bytes: int
    format: str
    backing_path: str | None
    changed_at: datetime

    @property
    def size_gib(self) -> int:
        """Return the size in GiB, rounded up; at least 1."""
        return max(1, math.ceil(self.size_bytes / GIB))


def read_volume(xml: str) -> StoredVolume:
    """Return a volume from libvirt's description of it."""
    volume = parse(xml)
    kind = volume.find("target/format")
    return StoredVolume(
        name=volume.findtext("name") or "",
        path=volume.findtext("target/path") or "",
        size_bytes=int(volume.findtext("capacity") or 0),
        allocated_bytes=int(volume.findtext("allocation") or 0),
        format="" if kind is None else kind.get("type", ""),
        backing_path=volume.findtext("backingStore/path") or None,
        changed_at=_moment(volume.findtext("target/timestamps/mtime") or ""),
    )


def _moment(text: str) -> datetime:
    """Return the second of a time such as ``1764172800.123456789``."""
    seconds = text.partition(".")[0]
    return datetime.fromtimestamp(int(seconds) if seconds.isdigit() else 0, UTC)


def pool_directory(xml: str) -> str:
    """Return where the volumes of a pool are as files, from its description; empty: nowhere."""
    pool = parse(xml)
    is_directory = pool.get("type") in _DIRECTORIES
    return pool.findtext("target/path") or "" if is_directory else ""
