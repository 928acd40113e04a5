"""Guests of one boot sector: they are up at once, and do one thing each."""

from __future__ import annotations

import subprocess
from pathlib import Path
from uuid import uuid4

from tests.functional.libvirt.hypervisor import Hypervisor

_SECTOR_BYTES = 512
# A smaller disk has no geometry for a firmware to read it by.
_DISK_BYTES = 1 << 20
_HALT = b"\xf4\xeb\xfd"  # hlt; jmp to it

# Nothing, for ever, and deaf to the power button.
IDLE = _HALT
# mov dx, 0x604; mov ax, 0x2000; out dx, ax: the power management of a QEMU PC, off.
OFF = b"\xba\x04\x06\xb8\x00\x20\xef" + _HALT
# mov dx, 0x505; mov al, 1; out dx, al: the panic device.
PANIC = b"\xba\x05\x05\xb0\x01\xee" + _HALT
# mov dx, 0x3f8, then mov al, letter; out dx, al for each: the first serial port.
TALK = b"\xba\xf8\x03" + b"".join(bytes((0xB0, each, 0xEE)) for each in b"here") + _HALT


def put(hypervisor: Hypervisor, code: bytes, tmp_path: Path) -> str:
    """Put an AMI into the pool whose guests run a boot sector, and return its id."""
    image_id = f"ami-{uuid4().hex[:17]}"
    raw = tmp_path / image_id
    sector = code.ljust(_SECTOR_BYTES - 2, b"\0") + b"\x55\xaa"
    raw.write_bytes(sector.ljust(_DISK_BYTES, b"\0"))
    command = ("qemu-img", "convert", "-f", "raw", "-O", "qcow2")
    subprocess.run([*command, str(raw), str(hypervisor.folder / image_id)], check=True)
    hypervisor("pool-refresh", hypervisor.pool)
    return image_id
