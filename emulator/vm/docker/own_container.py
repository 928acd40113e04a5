"""The container that the emulator itself is in, if any: told by what the kernel shows of it."""

from __future__ import annotations

import re
from pathlib import Path

# Docker's marker, and Podman's.
MARKERS = (Path("/.dockerenv"), Path("/run/.containerenv"))
_PROC = Path("/proc/self")
_HOSTNAME = Path("/proc/sys/kernel/hostname")
# What an engine puts into every container from a folder named after it. Only these mount
# points count: a host sees what is mounted for its containers, too, but never there.
_ENGINE_FILES = frozenset({"/etc/hostname", "/etc/hosts", "/etc/resolv.conf"})
_ID = re.compile(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
# An engine's default host name of a container begins its id.
_SHORT_ID = re.compile(r"[0-9a-f]{12}")


def in_container() -> bool:
    """Return whether this process is in a container of Docker's or Podman's."""
    return any(marker.exists() for marker in MARKERS)


def own_container_id() -> str | None:
    """Return the id of the container this process is in; None on a host.

    Where nothing else tells, it is the first twelve digits, which engines take as well.
    """
    if not in_container():
        return None
    return (
        id_from_mounts(_read(_PROC / "mountinfo"))
        or id_from_cgroups(_read(_PROC / "cgroup"))
        or id_from_hostname(_read(_HOSTNAME))
    )


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def id_from_mounts(mountinfo: str) -> str | None:
    """Return the id in ``/proc/self/mountinfo`` (proc(5)); pure.

    ``/etc/hosts`` and its kin are mounted from the container's folder whatever network the
    container has.
    """
    for line in mountinfo.splitlines():
        fields = line.split(" ")
        if len(fields) < 5 or fields[4] not in _ENGINE_FILES:
            continue
        found = _ID.search(fields[3])
        if found:
            return found[0]
    return None


def id_from_cgroups(cgroups: str) -> str | None:
    """Return the id in ``/proc/self/cgroup`` (cgroups(7)), which version 2 seldom shows; pure."""
    for line in cgroups.splitlines():
        _, _, path = line.rpartition(":")
        found = _ID.findall(path)
        if found:
            # An engine in a container has its containers below its own.
            return str(found[-1])
    return None


def id_from_hostname(hostname: str) -> str | None:
    """Return the beginning of the id, if nobody gave the container another name; pure."""
    name = hostname.strip()
    return name if _SHORT_ID.fullmatch(name) else None
