"""libvirt as an outsider sees it: through virsh."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from uuid import uuid4

import attrs

URI = "qemu:///system"
POOLS = Path("/var/lib/libvirt")
IMAGE = Path(
    os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "ec2-emulator/test-cloud.qcow2"
)


def virsh(*words: str) -> subprocess.CompletedProcess[str]:
    """Run virsh, whatever comes of it."""
    return subprocess.run(
        ["virsh", "--quiet", "--connect", URI, *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


@attrs.frozen
class Hypervisor:
    """A hypervisor with a storage pool of this run's own.

    Attributes:
        pool: its name.
        ami: the AMI in it, which is the lab's cloud image.
    """

    pool: str = attrs.field(factory=lambda: f"test-{uuid4().hex[:8]}")
    ami: str = attrs.field(factory=lambda: f"ami-{uuid4().hex[:17]}")

    @property
    def environ(self) -> Mapping[str, str]:
        return {"EC2_VM_MANAGER": "libvirt", "EC2_LIBVIRT_POOL": self.pool}

    @property
    def folder(self) -> Path:
        """Where the pool's files are."""
        return POOLS / self.pool

    def __call__(self, *words: str) -> str:
        """Return what virsh prints; it has to succeed."""
        done = virsh(*words)
        assert done.returncode == 0, (words, done.stderr)
        return done.stdout.strip()

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return virsh(*words)

    # The pool

    def begin(self) -> None:
        """Make the pool and put the image there, as users do."""
        self("pool-define-as", self.pool, "dir", "--target", str(self.folder))
        self("pool-build", self.pool)
        self("pool-start", self.pool)
        self.put(self.ami)

    def put(self, name: str) -> None:
        """Give the pool one more file that is the image."""
        source = IMAGE.resolve()
        try:
            os.link(source, self.folder / name)
        except OSError:
            shutil.copy(source, self.folder / name)
        self("pool-refresh", self.pool)

    def end(self) -> None:
        """Remove the pool with all that is in it."""
        for words in (("pool-destroy", self.pool), ("pool-undefine", self.pool)):
            self.run(*words)
        shutil.rmtree(self.folder, ignore_errors=True)

    def volumes(self) -> set[str]:
        """The names of all volumes, once the pool has looked."""
        self("pool-refresh", self.pool)
        return {line.split()[0] for line in self("vol-list", self.pool).splitlines() if line}

    # Domains

    def domains(self, namespace: str) -> Sequence[str]:
        """The names of an emulator's domains, running or not."""
        names = self("list", "--all", "--name").split()
        mark = f'namespace="{namespace}"'
        return [name for name in names if mark in virsh("dumpxml", name).stdout]

    def state(self, domain: str) -> str:
        """What a domain is doing, and why, such as ``running (booted)``."""
        return virsh("domstate", "--reason", domain).stdout.strip()

    # As whoever holds an emulator to what it left wants it

    def of(self, namespace: str) -> Mapping[str, Sequence[str]]:
        """What there is of an emulator's, by kind; nothing where there is nothing."""
        left = {
            "domain": list(self.domains(namespace)),
            "volume": sorted(
                name for name in self.volumes() if not name.removesuffix(".note").startswith("ami-")
            ),
        }
        return {kind: found for kind, found in left.items() if found}

    def remove_all(self, namespace: str) -> None:
        """Remove an emulator's domains."""
        for domain in self.domains(namespace):
            self.run("destroy", domain)
            self.run("undefine", domain, "--nvram", "--snapshots-metadata")
