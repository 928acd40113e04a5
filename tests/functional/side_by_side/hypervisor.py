"""The hypervisor of this machine as its own command shows it."""

from __future__ import annotations

import os
import subprocess
from uuid import uuid4

URI = "qemu:///system"
POOL = "default"


def virsh(*words: str) -> subprocess.CompletedProcess[str]:
    """Run a command of libvirt's own."""
    return subprocess.run(
        ["virsh", "--quiet", "--connect", URI, *words],
        env={**os.environ, "LC_ALL": "C"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def state(instance_id: str) -> str:
    """Return a domain's state in libvirt's words; empty: there is none."""
    return virsh("domstate", instance_id).stdout.strip()


def volumes_of(resource_id: str) -> list[str]:
    """Return the volumes in the pool whose names begin so."""
    lines = virsh("vol-list", POOL).stdout.split("\n")
    return [line.split()[0] for line in lines if line.strip().startswith(resource_id)]


class BlankImage:
    """An AMI in the pool that is an empty disk: its machines run, and find nothing to boot."""

    def __init__(self) -> None:
        self.image_id = f"ami-{uuid4().hex[:17]}"
        self.make()

    def make(self) -> None:
        """Put it into the pool."""
        made = virsh("vol-create-as", POOL, self.image_id, "64M", "--format", "qcow2")
        assert made.returncode == 0, made.stderr

    def remove(self) -> None:
        """Take it out of the pool."""
        virsh("vol-delete", self.image_id, "--pool", POOL)
