"""What machines, disks and files of the emulator are called; pure.

An instance's machine is called as the instance, an AMI's as the AMI. One that is only being
made has another name, so that whoever finds it after a crash knows that it is not whole.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from pathlib import Path
from typing import Any

import attrs

from emulator.vm.interface import GuestKey, VMError

# Extra data of machines, which VirtualBox keeps and does not read.
GUEST_DATA = "ec2-emulator/guest"
IMAGE_DATA = "ec2-emulator/image"
DEREGISTERED = "ec2-emulator/deregistered"

# Of an AMI's machine: what instances are linked to.
BASE_SNAPSHOT = "ec2-emulator"
# Of an instance's machine, for as long as a copy of a disk in use takes.
COPY_SNAPSHOT = "ec2-emulator-copy"
MAKING = "making."
MAKING_DISK = ".making.vdi"
DISK_SUFFIXES = (".vdi", ".vmdk", ".vhd")
IMAGE_SUFFIXES = (".ova", *DISK_SUFFIXES)
# A file whose AMI was deregistered stays the user's, and says so.
DEREGISTERED_SUFFIX = ".deregistered"

_AMI = re.compile(r"ami-[0-9a-f]{8,}")
_INSTANCE = re.compile(r"i-[0-9a-f]{8,}")
_RESOURCE = re.compile(r"(?:vol|snap)-[0-9a-f]{8,}")
# VirtualBox cuts longer serial numbers off.
LONGEST_SERIAL = 20


def is_ami(name: str) -> bool:
    """Tell whether a machine, or a file without its suffix, of this name is an AMI."""
    return _AMI.fullmatch(name) is not None


def is_instance(name: str) -> bool:
    """Tell whether a machine of this name may be an instance's."""
    return _INSTANCE.fullmatch(name) is not None


def serial(volume_id: str) -> str:
    """Return the serial number of a volume's disk: as EC2's NVMe disks have it, undashed."""
    return volume_id.replace("-", "", 1)[:LONGEST_SERIAL]


@attrs.frozen
class Places:
    """Where files are.

    Attributes:
        root: everything of the emulator's own; no other emulator has it.
        images: the user's OVA files and disks that are AMIs.
    """

    root: Path
    images: Path

    @property
    def machines(self) -> Path:
        """The base folder of machines that the emulator makes."""
        return self.root / "machines"

    @property
    def volumes(self) -> Path:
        """The folder of volumes' and snapshots' disks."""
        return self.root / "volumes"

    def is_own(self, settings_file: str) -> bool:
        """Tell whether a machine with this settings file is one that the emulator made."""
        return Path(settings_file).is_relative_to(self.machines)

    def guest(self, instance_id: str) -> Path:
        """Return the folder of what an instance has besides its machine.

        Raises:
            VMError: this is no instance id, and might lead elsewhere.
        """
        if not is_instance(instance_id):
            raise VMError(f"{instance_id[:64]!r} is no instance id")
        return self.root / "guests" / instance_id

    def seed(self, instance_id: str) -> Path:
        """Return the file that is the disc an instance boots with."""
        return self.guest(instance_id) / "seed.iso"

    def console(self, instance_id: str) -> Path:
        """Return the file that an instance's serial port writes to."""
        return self.guest(instance_id) / "console.log"

    def disk(self, resource_id: str) -> Path:
        """Return the file with the data of a volume or a snapshot.

        Raises:
            VMError: this is neither's id, and might lead elsewhere.
        """
        if _RESOURCE.fullmatch(resource_id) is None:
            raise VMError(f"{resource_id[:64]!r} is no id of a volume or a snapshot")
        return self.volumes / f"{resource_id}.vdi"


def packed(values: dict[str, Any]) -> str:
    """Return values as text that survives command lines and XML."""
    return base64.b64encode(json.dumps(values).encode()).decode("ascii")


def unpacked(text: str) -> dict[str, Any] | None:
    """Return what ``packed`` was given, or None for anything else."""
    try:
        values = json.loads(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError):
        return None
    return values if isinstance(values, dict) else None


@attrs.frozen
class GuestData:
    """What an instance's machine says of itself.

    Attributes:
        key: whose it is.
        namespace: EMULATOR_NAMESPACE; machines of another one are left alone.
        image_id: the AMI whose machine it is linked to.
        memento: as its launch gave it.
    """

    key: GuestKey
    namespace: str
    image_id: str
    memento: str = ""

    def text(self) -> str:
        """Return it as extra data."""
        return packed(
            {
                "account": self.key.account,
                "region": self.key.region,
                "instance_id": self.key.instance_id,
                "namespace": self.namespace,
                "image_id": self.image_id,
                "memento": self.memento,
            }
        )

    @classmethod
    def of(cls, name: str, text: str) -> GuestData | None:
        """Return what a machine says, or None if that is not about itself: clones inherit it."""
        values = unpacked(text)
        if values is None or values.get("instance_id") != name:
            return None
        try:
            return cls(
                GuestKey(str(values["account"]), str(values["region"]), name),
                str(values["namespace"]),
                str(values["image_id"]),
                str(values["memento"]),
            )
        except KeyError:
            return None
