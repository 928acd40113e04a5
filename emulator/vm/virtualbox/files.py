"""Files beside machines: seeds and consoles. Everything here runs in threads."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path

from emulator.vm.interface import VMError
from emulator.vm.seed.first_boot import USER_DATA
from emulator.vm.seed.iso import documents_on, seed_disc
from emulator.vm.virtualbox.names import IMAGE_SUFFIXES, Places, is_ami


def blocking_prepare(places: Places, instance_id: str, documents: Mapping[str, bytes]) -> None:
    """Write what a new guest boots with, and make its console's file.

    Raises:
        VMError: it cannot be written.
    """
    try:
        for folder in (places.machines, places.volumes, places.guest(instance_id)):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _write(places.seed(instance_id), seed_disc(documents))
        places.console(instance_id).touch(mode=0o600)
    except OSError as error:
        raise VMError(f"the guest's files cannot be written: {error}") from None


def blocking_place_user_data(places: Places, instance_id: str, user_data: bytes | None) -> None:
    """Put other user data on a guest's seed.

    Raises:
        VMError: it cannot be read or written.
    """
    seed = places.seed(instance_id)
    try:
        documents = documents_on(seed.read_bytes())
        _write(seed, seed_disc({**documents, USER_DATA: user_data or b""}))
    except (OSError, ValueError) as error:
        raise VMError(f"the guest's seed cannot be changed: {error}") from None


def _write(file: Path, content: bytes) -> None:
    """Replace a file whole: a guest that has it open keeps the old one until it boots again."""
    part = file.with_name(f"{file.name}.part")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as target:
        target.write(content)
    part.replace(file)


def blocking_remove(places: Places, instance_id: str) -> None:
    """Remove what a guest had besides its machine."""
    shutil.rmtree(places.guest(instance_id), ignore_errors=True)


def blocking_tail(file: Path, most_bytes: int) -> bytes:
    """Return the end of a file; nothing if there is none."""
    try:
        with file.open("rb") as stream:
            stream.seek(0, os.SEEK_END)
            stream.seek(max(0, stream.tell() - most_bytes))
            return stream.read(most_bytes)
    except OSError:
        return b""


def blocking_take(file: Path) -> bytes:
    """Return what a file holds, and remove it.

    Raises:
        VMError: it is not there.
    """
    try:
        content = file.read_bytes()
        file.unlink()
    except OSError as error:
        raise VMError(f"there is no such file: {error}") from None
    return content


def blocking_images(folder: Path) -> Mapping[str, tuple[Path, float]]:
    """Return the files that are AMIs: id → file and when it was last written, in seconds."""
    found: dict[str, tuple[Path, float]] = {}
    with contextlib.suppress(OSError):
        for file in sorted(folder.iterdir()):
            if file.suffix.lower() in IMAGE_SUFFIXES and is_ami(file.stem):
                with contextlib.suppress(OSError):
                    found.setdefault(file.stem, (file, file.stat().st_mtime))
    return found


def blocking_free_ports(ports: Sequence[str]) -> Mapping[str, int]:
    """Return a free port of this machine for each port of a guest, such as ``22/tcp``.

    Raises:
        VMError: there are not so many.
    """
    # Held all at once, so that no two are the same.
    with contextlib.ExitStack() as held:
        found = {}
        for port in ports:
            probe = held.enter_context(_socket(port))
            try:
                probe.bind(("127.0.0.1", 0))
            except OSError as error:
                raise VMError(f"no port of this machine is free: {error}") from None
            found[port] = int(probe.getsockname()[1])
    return found


def blocking_taken(forwarded: Mapping[str, int]) -> Sequence[str]:
    """Return the guest's ports whose ports of this machine are somebody else's now."""
    taken = []
    for port, host_port in forwarded.items():
        with _socket(port) as probe:
            # As VirtualBox does: what was just closed may be opened again.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", host_port))
            except OSError:
                taken.append(port)
    return taken


def _socket(port: str) -> socket.socket:
    is_udp = port.endswith("/udp")
    return socket.socket(socket.AF_INET, socket.SOCK_DGRAM if is_udp else socket.SOCK_STREAM)
