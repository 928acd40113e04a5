"""What a domain of the emulator is made of, as plain values; ``domain_xml`` writes and reads it."""

from __future__ import annotations

import hashlib
import uuid

import attrs

from emulator.vm.interface import GuestKey

# Domain types of libvirt: hardware virtualization, software emulation, and the driver in memory.
KVM = "kvm"
QEMU = "qemu"
TEST = "test"


@attrs.frozen
class Note:
    """What a domain carries about its instance, in an element of our own namespace.

    Attributes:
        key: whose domain it is.
        namespace: EMULATOR_NAMESPACE of the emulator that made it.
        image_id: the AMI it was launched from.
        memento: as ``LaunchSpec`` gave it.
        private_ip: the first interface's address in its subnet.
        address: where the hypervisor's machine reaches it, once that is known.
        is_whole: whether the launch came to its end and no end of it has begun; another domain
            is a leftover.
    """

    key: GuestKey
    namespace: str
    image_id: str = ""
    memento: str = ""
    private_ip: str = ""
    address: str = ""
    is_whole: bool = False


@attrs.frozen
class Disk:
    """A volume of a pool as a disk.

    Attributes:
        pool: where the volume is.
        volume: its name.
        target: such as ``vda``, unique in the domain; the first letters say the bus.
        format: ``qcow2`` or ``raw``.
        serial: what the guest sees as its serial number.
        is_read_only: whether the guest can only read it.
    """

    pool: str
    volume: str
    target: str
    format: str = "qcow2"
    serial: str = ""
    is_read_only: bool = False

    @property
    def bus(self) -> str:
        """The bus, which the target's first letters name."""
        return {"vd": "virtio", "sd": "sata", "hd": "ide"}[self.target[:2]]


@attrs.frozen
class NetworkPort:
    """An interface on a network of libvirt's."""

    network: str
    mac_address: str
    nwfilter: str = ""


@attrs.frozen
class LinkPort:
    """An interface that the hypervisor puts on a link of ours, by a macvtap device of its own.

    Attributes:
        link: the link's name on the hypervisor's machine.
    """

    link: str
    mac_address: str
    mtu: int = 0


Port = NetworkPort | LinkPort


@attrs.frozen
class Machine:
    """What a hypervisor makes domains with.

    Attributes:
        kind: ``kvm``, ``qemu`` or ``test``.
        architecture: in libvirt's words, such as ``x86_64``.
        machine: the machine type; empty: the hypervisor's default one.
        cpu_mode: libvirt's; empty: whatever the default is.
        memory_mib: what the hypervisor's machine has; no domain gets more. 0: unknown.
    """

    kind: str
    architecture: str = "x86_64"
    machine: str = ""
    cpu_mode: str = ""
    memory_mib: int = 0


@attrs.frozen
class Domain:
    """A virtual machine that is an instance.

    Attributes:
        machine: what it is made with.
        note: whose it is; its name is the instance's id.
        instance_type: as its firmware says it, such as ``t3.micro``.
        vcpus: processors.
        memory_mib: memory.
        disks: the root disk first.
        ports: interfaces, the first one first.
        console_log: the file that keeps what the guest writes to its serial console, on the
            hypervisor's machine; empty: nothing is kept.
    """

    machine: Machine
    note: Note
    instance_type: str
    vcpus: int
    memory_mib: int
    disks: tuple[Disk, ...] = ()
    ports: tuple[Port, ...] = ()
    console_log: str = ""

    @property
    def name(self) -> str:
        """The domain's name."""
        return self.note.key.instance_id

    @property
    def uuid(self) -> str:
        """The domain's UUID: of its instance, and as EC2's begin.

        Source: "Identify EC2 instances": the system's UUID begins with ``ec2``.
        """
        key = self.note.key
        digest = hashlib.sha256(
            f"{key.account}/{key.region}/{key.instance_id}".encode()
        ).hexdigest()
        # A valid UUID of version 4, but for what it is made of.
        return str(uuid.UUID(f"ec2{digest[3:12]}4{digest[13:16]}a{digest[17:32]}"))
