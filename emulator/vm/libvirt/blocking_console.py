"""What a guest shows: the text of its serial console, its display; blocking calls.

The console's text is a file in the pool, which libvirt's own log daemon writes and turns over:
so it is had through libvirt wherever the hypervisor is, and nobody has to hold the console
open. An older file has a number at its name's end.
"""

from __future__ import annotations

from typing import Any

import libvirt

from emulator.core.pictures import as_jpeg
from emulator.vm.libvirt import blocking_storage as storage
from emulator.vm.libvirt import names
from emulator.vm.libvirt.blocking import Hypervisor, LibvirtError, translated

# Of a display of 4096 by 2160 without compression, and some more.
_MOST_SCREEN_BYTES = 64 * 1024 * 1024
# Linux's KEY_LEFTSHIFT, which wakes a display and types nothing.
_WAKING_KEY = 42
_KEY_HELD_MS = 50


def blocking_console_path(hypervisor: Hypervisor, place: names.Place, instance_id: str) -> str:
    """Return the file for a guest's console; empty where the pool is no directory."""
    directory = storage.directory(hypervisor, place.pool)
    return f"{directory}/{names.console_volume(instance_id)}" if directory else ""


def blocking_console(
    hypervisor: Hypervisor, place: names.Place, instance_id: str, most_bytes: int
) -> bytes:
    """Return the end of what a guest wrote to its serial console; nothing if unknown."""
    if not names.is_instance(instance_id):
        return b""
    newest = names.console_volume(instance_id)
    known = storage.names(hypervisor, place.pool)
    if newest not in known or f"{newest}.0" not in known:
        # The pool does not know of files that others made until it looks.
        storage.refresh(hypervisor, place.pool)
    text = storage.read(hypervisor, place.pool, newest, most_bytes, end=True)
    if len(text) < most_bytes:
        rest = most_bytes - len(text)
        text = storage.read(hypervisor, place.pool, f"{newest}.0", rest, end=True) + text
    return text


@translated
def blocking_screenshot(hypervisor: Hypervisor, instance_id: str, *, wake_up: bool) -> bytes:
    """Return what a running guest's display shows, as JPEG.

    Raises:
        Missing: there is no such guest.
        Conflict: it is not up.
        LibvirtError: it has no display.
    """
    domain = hypervisor.raw.lookupByName(names.domain_name(instance_id))
    if wake_up:
        _wake(domain)
    stream = hypervisor.raw.newStream(0)
    domain.screenshot(stream, 0, 0)
    try:
        return as_jpeg(storage.drained(stream, _MOST_SCREEN_BYTES))
    except ValueError as error:
        raise LibvirtError(str(error)) from None


def _wake(domain: Any) -> None:
    codes = libvirt.VIR_KEYCODE_SET_LINUX
    domain.sendKey(codes, _KEY_HELD_MS, [_WAKING_KEY], 1, 0)
