"""What domains, volumes and disks of the emulator are called; pure.

Source of the AMIs' and the domains' names: the seed documents, "Libvirt VM Manager". A domain
is called as its instance; a volume as what it is in EC2: ``ami-…``, ``vol-…``, ``snap-…``. An
instance's seed, and what it writes to its console, begin with the instance's id.
"""

from __future__ import annotations

import re

import attrs

from emulator.vm.interface import VMError

DEFAULT_URI = "qemu:///system"
DEFAULT_POOL = "default"
DEFAULT_NETWORK = "default"
DEFAULT_NAMESPACE = "default"

SEED_SUFFIX = ".seed"
CONSOLE_SUFFIX = ".console"
ROOT_TARGET = "vda"
# Not a drive for discs: a guest whose kernel finds those late, because only its root disk's
# driver is in its initramfs, would look for its seed too early. The last letter is the one that
# an EBS volume asks for least.
SEED_TARGET = "vdz"
# Longer ones are cut off by virtio, and would not tell disks apart.
LONGEST_SERIAL = 20

_AMI = re.compile(r"ami-[0-9a-f]{8,}")
_INSTANCE = re.compile(r"i-[0-9a-f]{8,}")
_RESOURCE = re.compile(r"(?:ami|vol|snap|i)-[0-9a-f]+")
_DEVICE = re.compile(r"(?:/dev/)?(?:sd|xvd|vd|hd)([a-z]{1,2})[0-9]*")


def is_ami(volume: str) -> bool:
    """Tell whether a volume of this name is an AMI."""
    return _AMI.fullmatch(volume) is not None


def is_instance(domain: str) -> bool:
    """Tell whether a domain of this name may be an instance's."""
    return _INSTANCE.fullmatch(domain) is not None


def domain_name(instance_id: str) -> str:
    """Return the name of an instance's domain."""
    return instance_id


def root_volume(instance_id: str) -> str:
    """Return the name of the volume that is an instance's root disk."""
    return instance_id


def seed_volume(instance_id: str) -> str:
    """Return the name of the volume that tells an instance what it is to be."""
    return f"{instance_id}{SEED_SUFFIX}"


def console_volume(instance_id: str) -> str:
    """Return the name of the file in the pool's directory that keeps what a guest's console says.

    There it can be read through libvirt wherever the hypervisor is. libvirt's log daemon turns
    it over: older parts have ``.0``, ``.1``, … appended.
    """
    return f"{instance_id}{CONSOLE_SUFFIX}"


def data_volume(resource_id: str) -> str:
    """Return the name of the volume with the data of an EBS volume, a snapshot or an AMI.

    Raises:
        VMError: the id is none of EC2's, and might lead out of the pool.
    """
    if _RESOURCE.fullmatch(resource_id) is None:
        raise VMError(f"{resource_id[:64]!r} is no id of EC2")
    return resource_id


def is_own_volume(volume: str) -> bool:
    """Tell whether a volume of this name is a disk that the emulator made for a guest."""
    name = volume.removesuffix(SEED_SUFFIX)
    return name.startswith(("i-", "vol-")) and _RESOURCE.fullmatch(name) is not None


def serial(volume_id: str) -> str:
    """Return the serial number of an EBS volume's disk: as EC2's NVMe disks have it, undashed."""
    return volume_id.replace("-", "", 1)[:LONGEST_SERIAL]


def disk_target(device: str, taken: frozenset[str] = frozenset()) -> str:
    """Return a free virtio target for an EC2 device name: ``/dev/sdf`` → ``vdf``.

    Where that is taken, or the name means none, it is the first free letter from ``f`` on. The
    guest's own name for the disk is the kernel's business, as on AWS. A guest has its root disk
    at ``vda``, so that is free only for one that has lost it.
    """
    found = _DEVICE.fullmatch(device)
    letters = found.group(1) if found else ""
    wanted = f"vd{letters}"
    if letters and wanted not in taken:
        return wanted
    free = (f"vd{first}{second}" for first in _FIRST for second in _LETTERS)
    singles = (f"vd{letter}" for letter in "fghijklmnopqrstuvwxyzbcde")
    return next(name for name in (*singles, *free) if name not in taken)


_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_FIRST = "abcd"


@attrs.frozen
class Place:
    """What a user can set of where guests live on one hypervisor.

    Attributes:
        uri: the hypervisor's, as libvirt spells it.
        pool: the storage pool with AMIs and disks.
        network: the libvirt network for guests that the emulator does not plug in itself.
        namespace: EMULATOR_NAMESPACE; guests of another one are left alone.
        reference_domain: the domain whose XML new ones are made of; empty: none.
    """

    uri: str = DEFAULT_URI
    pool: str = DEFAULT_POOL
    network: str = DEFAULT_NETWORK
    namespace: str = DEFAULT_NAMESPACE
    reference_domain: str = ""
