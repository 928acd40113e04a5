"""The programs and scripts that every instance gets at ``/.ec2-emulator``.

Static busybox, Dropbear and sftp-server (``scripts/guest-tools`` puts them where they are
looked for) and the boot scripts beside this module. Reads files; knows no Docker.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path

import attrs

from emulator.vm.docker.archive import Entry, directory, pack

MOUNT_POINT = "/.ec2-emulator"

_SCRIPTS = Path(__file__).with_name("boot")
# Started by name, so they are executable and begin with ``#!``; the others are sourced.
_PROGRAMS = {"boot", "cloud-init", "power", "serve-ssh", "user-data"}
_POWER = ("halt", "poweroff", "reboot", "shutdown")
# What would speak to hardware, to a package database or to an init that are not there,
# or stand in the way of ours.
_LEFT_OUT = {
    *("acpid", "depmod", "devmem", "dpkg", "dpkg-deb", "getty", "init", "insmod", "linuxrc"),
    *("lsmod", "modinfo", "modprobe", "pivot_root", "rmmod", "rpm", "rpm2cpio", "run-init"),
    *("switch_root", "watchdog", *_POWER),
}


class ToolsMissing(Exception):
    """The guest tools are not installed; the text says what to do."""


@attrs.frozen
class Tools:
    """Everything at ``/.ec2-emulator``, ready to be unpacked at ``/``.

    Attributes:
        archive: an uncompressed tar archive; its paths begin with ``.ec2-emulator/``.
        digest: a SHA-256 of the archive, in hex: the same content has the same one.
        has_dropbear: whether images without an SSH server get one.
    """

    archive: bytes = attrs.field(repr=False)
    digest: str
    has_dropbear: bool


def default_directory() -> Path:
    """Return the one place where the program looks for its guest tools."""
    return Path(sys.prefix, "lib", "ec2-emulator", "guest-tools")


def load(tools: Path | None = None) -> Tools:
    """Read the guest tools and the boot scripts; takes some milliseconds.

    Raises:
        ToolsMissing: there is no busybox, without which no instance boots.
    """
    tools = tools or default_directory()
    binaries = {
        name: (tools / name).read_bytes()
        for name in ("busybox", "dropbearmulti", "sftp-server")
        if (tools / name).is_file()
    }
    if "busybox" not in binaries:
        raise ToolsMissing(f"{tools} has no busybox; scripts/guest-tools puts it there")
    scripts = {path.name: path.read_bytes() for path in _SCRIPTS.iterdir() if path.is_file()}
    listed = tools / "applets"
    applets = listed.read_text(encoding="ascii").split() if listed.is_file() else ["sh"]
    archive = pack(_entries(binaries, scripts, applets))
    return Tools(archive, hashlib.sha256(archive).hexdigest(), "dropbearmulti" in binaries)


def _entries(
    binaries: dict[str, bytes], scripts: dict[str, bytes], applets: list[str]
) -> Iterator[Entry]:
    root = MOUNT_POINT.removeprefix("/")
    links = {f"bin/{name}": "../busybox" for name in applets if name not in _LEFT_OUT}
    links |= {f"bin/{name}": "../power" for name in _POWER}
    links |= {"sh": "busybox", "bin/cloud-init": "../cloud-init"}
    if "dropbearmulti" in binaries:
        links |= {"dropbear": "dropbearmulti", "dropbearkey": "dropbearmulti"}
        links |= {"scp": "dropbearmulti", "bin/scp": "../dropbearmulti"}
    yield directory(root)
    yield directory(f"{root}/bin")
    for name, content in sorted(binaries.items()):
        yield Entry(f"{root}/{name}", content, mode=0o755)
    for name, content in sorted(scripts.items()):
        yield Entry(f"{root}/{name}", content, mode=0o755 if name in _PROGRAMS else 0o644)
    for name, target in sorted(links.items()):
        yield Entry(f"{root}/{name}", link=target)
