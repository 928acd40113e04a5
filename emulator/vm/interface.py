"""What EC2 may ask of a virtual machine manager.

``VMManager`` is what every manager can do. Each further ability is a Protocol of its own;
a manager has it by having its methods, and who needs it asks with ``isinstance``.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol, runtime_checkable

import attrs


class VMError(Exception):
    """A manager could not do as asked; services decide what the caller sees."""


class StillInUse(VMError):
    """A guest does not let go of a disk; it may yet do so."""


@attrs.frozen(order=True)
class GuestKey:
    """Whose guest it is: instance ids are looked up in one account's region."""

    account: str
    region: str
    instance_id: str

    def __str__(self) -> str:
        return self.instance_id


@attrs.frozen
class GuestNetwork:
    """The network a guest's first interface is on.

    Attributes:
        vpc_id: guests of one VPC reach each other and no others.
        cidr: the VPC's block that holds the guest's address.
    """

    vpc_id: str
    cidr: str


@attrs.frozen
class GuestDisk:
    """A disk that a guest has from the start, besides its root disk.

    Attributes:
        volume_id: the EBS volume's.
        device: the name the caller chose, such as ``/dev/sdf``.
        size: in the manager's own unit: GiB, or MiB where the manager keeps files small.
        snapshot_id: whose data it starts with, if any.
        zone: the availability zone it is in.
    """

    volume_id: str
    device: str
    size: int
    snapshot_id: str | None = None
    zone: str = ""


@attrs.frozen
class LaunchSpec:
    """Everything a manager needs to know to boot one guest.

    Attributes:
        key: the guest's identity everywhere.
        image_id: the AMI.
        image_reference: what the manager boots it from, such as a Docker image's name.
        instance_type: such as ``t3.micro``.
        vcpus: processors of that type.
        memory_mib: memory of that type.
        private_ip: the primary interface's address in its subnet.
        hostname: the guest's name, as AWS builds it, with its domain.
        mac_address: the primary interface's.
        network: what that interface is on; None for a guest without one.
        ports: TCP and UDP ports that the groups open at launch, such as ``8080/tcp``.
        login_user: whom the image expects to log in, besides root.
        public_key: the key pair's OpenSSH public key, if one was named.
        user_data: what the caller gave, decoded.
        nameservers: addresses of the DNS servers it asks, in order; none: the manager's own.
        search_domains: where it looks names up that have no dot.
        disks: besides the root disk.
        root_disk: the volume that holds its system, with the size that was asked for in GiB.
        zone: the availability zone it is launched in.
        memento: opaque text that ``describe`` gives back, from which services make the
            instance's records again.
    """

    key: GuestKey
    image_id: str
    image_reference: str | None
    instance_type: str
    vcpus: int
    memory_mib: int
    private_ip: str
    hostname: str
    mac_address: str | None = None
    network: GuestNetwork | None = None
    ports: tuple[str, ...] = ()
    login_user: str = "root"
    public_key: str | None = None
    user_data: bytes | None = None
    nameservers: tuple[str, ...] = ()
    search_domains: tuple[str, ...] = ()
    disks: tuple[GuestDisk, ...] = ()
    root_disk: GuestDisk | None = None
    zone: str = ""
    memento: str = ""

    @property
    def instance_id(self) -> str:
        """The guest's instance id."""
        return self.key.instance_id


# How a guest is that is up, in the words of EC2's status checks.
OK = "ok"
INITIALIZING = "initializing"
IMPAIRED = "impaired"


@attrs.frozen
class Guest:
    """A machine as its manager sees it.

    Attributes:
        instance_id: whose machine it is.
        running: whether it is up.
        public_ip: an address at which clients reach it, if the manager gives one.
        key: the whole identity, where the manager keeps it.
        ports: port in the guest, such as ``22/tcp`` → port on the host.
        memento: as its launch gave it.
        ended: of a guest that went down: why, as far as known; empty for one that is frozen.
        ended_well: whether that was an orderly shutdown.
        health: of a guest that is up, as its instance status check is to tell it.
    """

    instance_id: str
    running: bool
    public_ip: str | None = None
    key: GuestKey | None = None
    ports: Mapping[str, int] = attrs.field(factory=dict)
    memento: str = ""
    ended: str = ""
    ended_well: bool = False
    health: str = OK


class VMManager(Protocol):
    """Boots, stops and ends guests. Every call may safely be repeated."""

    name: str

    @abstractmethod
    async def launch(self, spec: LaunchSpec) -> Guest:
        """Boot one guest, or raise VMError and leave nothing behind."""

    @abstractmethod
    async def start(self, instance_id: str) -> Guest:
        """Boot a stopped guest; one that runs stays as it is."""

    @abstractmethod
    async def stop(self, instance_id: str, *, force: bool) -> None:
        """Power the guest off; a stopped guest stays stopped."""

    @abstractmethod
    async def reboot(self, instance_id: str) -> None:
        """Restart the guest's operating system."""

    @abstractmethod
    async def terminate(self, instance_id: str) -> None:
        """End the guest and everything that was its own; an unknown guest is no error."""

    @abstractmethod
    async def describe(self) -> Sequence[Guest]:
        """Return every guest that exists."""


@runtime_checkable
class LaunchesAtOnce(Protocol):
    """Of a manager whose guests are up at once: nobody has to wait for them, or lock them."""

    @abstractmethod
    def launch_now(self, instance_ids: Sequence[str]) -> None:
        """Boot guests; that cannot fail and needs to know nothing but whose they are."""


@attrs.frozen
class MachineImage:
    """Something that a manager can boot guests from.

    Attributes:
        image_id: the AMI id it goes by.
        name: the AMI's name.
        reference: what ``LaunchSpec.image_reference`` is to be.
        architecture: in EC2's words.
        login_user: as in ``LaunchSpec``.
        record: as ``capture`` was given it; empty for an image made elsewhere.
    """

    image_id: str
    name: str
    reference: str
    architecture: str
    created_at: datetime
    size_gib: int
    login_user: str = "root"
    record: str = ""


class GuestObserver(Protocol):
    """Hears of what happens in the manager's world; called in the reactor thread."""

    @abstractmethod
    def guest_changed(self, key: GuestKey) -> None:
        """Something happened to a guest; ``look`` says what it is like now."""

    @abstractmethod
    def images_changed(self, images: Sequence[MachineImage]) -> None:
        """These are all the images that there are now."""

    @abstractmethod
    def connected(self, guests: Sequence[Guest]) -> None:
        """The manager answers (again); these are all the guests that there are."""


@runtime_checkable
class FollowsGuests(Protocol):
    """Of a manager whose guests and images live outside the emulator."""

    @abstractmethod
    def follow(self, observer: GuestObserver) -> None:
        """Tell the observer from now on, beginning with all that is there."""

    @abstractmethod
    async def look(self, instance_id: str) -> Guest | None:
        """Return a guest as it is now, or None if there is none.

        One that came up by itself is made ready first, and one that wants to be restarted is.

        Raises:
            VMError: the manager does not answer.
        """

    @abstractmethod
    async def close(self) -> None:
        """Stop following and let go of connections; guests live on unless settings say not."""


@runtime_checkable
class WaitsForGuests(Protocol):
    """Of a manager that gives guests time to shut down."""

    @abstractmethod
    def hurry(self, instance_id: str) -> None:
        """Wait no longer for a guest that shuts down or restarts; whoever waits goes on at once.

        It needs no lock: whoever waits has it.
        """


@runtime_checkable
class CapturesImages(Protocol):
    """Of a manager that makes images of guests."""

    name: str

    @abstractmethod
    async def capture(
        self, instance_id: str, image_id: str, name: str, *, reboot: bool, record: str
    ) -> str:
        """Make an image of a guest as it is, and return its reference.

        Args:
            instance_id: the guest, running or stopped.
            image_id: the AMI id it gets.
            name: the AMI's name, which may be anything EC2 allows.
            reboot: whether the guest is shut down for it and started again.
            record: opaque text that ``MachineImage.record`` gives back.

        Raises:
            VMError: nothing was made.
        """

    @abstractmethod
    async def copy_image(self, reference: str, image_id: str, name: str, *, record: str) -> str:
        """Give an image another AMI id as well, and return its reference."""

    @abstractmethod
    async def delete_image(self, image_id: str) -> None:
        """Let an image go; guests launched from it live on."""


@runtime_checkable
class ReadsConsole(Protocol):
    """Of a manager that keeps what guests write to their console."""

    @abstractmethod
    async def console_output(self, instance_id: str, most_bytes: int) -> bytes:
        """Return the end of what was written, at most so many bytes; nothing if unknown."""


@runtime_checkable
class TakesScreenshots(Protocol):
    """Of a manager whose guests have a display."""

    @abstractmethod
    async def screenshot(self, instance_id: str, *, wake_up: bool) -> bytes:
        """Return what a running guest's display shows, as JPEG.

        Args:
            instance_id: the guest.
            wake_up: whether a key is pressed first, for a display that has gone dark.

        Raises:
            VMError: there is no such guest, it is not up, or it has no display.
        """


@runtime_checkable
class TakesUserData(Protocol):
    """Of a manager that shows guests their user data as a file."""

    @abstractmethod
    async def place_user_data(self, instance_id: str, user_data: bytes | None) -> None:
        """Give a guest other user data; what ran at its first boot does not run again."""


@runtime_checkable
class AttachesVolumes(Protocol):
    """Of a manager whose volumes hold data.

    Attributes:
        name: the manager's.
        largest_disk: the size a disk may have, in the manager's own unit; 0 where it makes no
            disks, and every call does nothing.
    """

    name: str
    largest_disk: int

    @abstractmethod
    async def attach_volume(self, instance_id: str, disk: GuestDisk) -> None:
        """Give a guest a disk; a new volume is empty or has its snapshot's data."""

    @abstractmethod
    async def detach_volume(self, instance_id: str, disk: GuestDisk) -> None:
        """Take a disk from a guest; the volume keeps its data.

        Raises:
            StillInUse: the guest has been asked and has not let go of it yet.
        """

    @abstractmethod
    async def snapshot_volume(self, disk: GuestDisk, holder: str | None, snapshot_id: str) -> None:
        """Copy a volume's data as it is now; ``holder`` is the guest that has it, if any."""

    @abstractmethod
    async def delete_data(self, resource_id: str) -> None:
        """Forget the data of a volume or a snapshot; one without any is no error."""


@runtime_checkable
class KeepsVolumes(AttachesVolumes, Protocol):
    """Of a manager that keeps volumes by themselves, and whose root disks are such volumes."""

    @abstractmethod
    async def create_volume(self, disk: GuestDisk) -> None:
        """Make a volume that no guest has: empty or with its snapshot's data.

        Raises:
            VMError: it was not made.
        """

    @abstractmethod
    async def resize_volume(self, disk: GuestDisk, holder: str | None) -> None:
        """Make a volume as large as the disk says now; ``holder`` is the guest that has it.

        Raises:
            VMError: it has its old size.
        """

    @abstractmethod
    async def detach_by_force(self, instance_id: str, disk: GuestDisk) -> None:
        """Take a disk from a guest that is about to end, or does not let go of it.

        A running guest is asked and not waited for.
        """

    @abstractmethod
    async def keep_record(self, resource_id: str, record: str) -> bool:
        """Keep opaque text with the data of a volume or snapshot, in place of what was kept.

        Returns:
            Whether it is kept: there may be no such data yet, or any more.
        """

    @abstractmethod
    async def kept_records(self) -> Mapping[str, str]:
        """Return the text kept with each volume and snapshot, by id.

        It is empty for one that was made, has no record, and is no guest's: whoever was to
        write it never came to that.
        """

    @abstractmethod
    async def snapshot_image(self, reference: str, snapshot_id: str) -> None:
        """Give an image's data to a snapshot as well; that copies nothing."""

    @abstractmethod
    async def image_of_snapshot(
        self, snapshot_id: str, image_id: str, name: str, *, record: str
    ) -> str:
        """Make an image of a root disk's snapshot, and return its reference.

        Raises:
            VMError: nothing was made.
        """


@runtime_checkable
class HasNetworks(Protocol):
    """Of a manager that makes a network for each VPC."""

    @abstractmethod
    async def delete_network(self, vpc_id: str) -> None:
        """Remove the VPC's network; one that is not there is no error."""


@attrs.frozen
class CommandResult:
    """How a command ended.

    Attributes:
        exit_status: as a shell shows it; 124 where the time ran out.
    """

    exit_status: int
    output: bytes
    errors: bytes
    timed_out: bool = False


NO_ENVIRONMENT: Mapping[str, str] = {}


@runtime_checkable
class RunsCommands(Protocol):
    """Of a manager that runs commands inside guests."""

    @abstractmethod
    async def run_command(
        self,
        instance_id: str,
        arguments: Sequence[str],
        *,
        stdin: bytes = b"",
        environment: Mapping[str, str] = NO_ENVIRONMENT,
        timeout_seconds: float,
        working_directory: str = "",
    ) -> CommandResult:
        """Run a program as root in a guest that is up.

        Raises:
            VMError: there is no such guest, or it is not up.
        """


class HostPorts(Protocol):
    """Opens ports of this machine that lead to guests, besides those a manager publishes."""

    @abstractmethod
    def follow(self, guest: Guest) -> None:
        """Open and close ports as the guest's groups do, from now on; it may be repeated.

        Args:
            guest: one that is up, with the ports that the manager itself publishes.
        """

    @abstractmethod
    def forget(self, instance_id: str) -> None:
        """Close them all: the guest is gone, or is about to go."""

    @abstractmethod
    def opened(self, instance_id: str) -> Mapping[str, int]:
        """Return those open now: port in the guest, such as ``8080/tcp`` → port on the host."""


@runtime_checkable
class HasPublicAddresses(Protocol):
    """Of a manager whose guests may be reached at public addresses that EC2 gives them."""

    @abstractmethod
    def has_public_addresses(self) -> bool:
        """Tell whether they are; otherwise ``Guest.public_ip`` is what clients reach."""


@attrs.frozen
class GuestLink:
    """How a guest is on its network.

    Attributes:
        network_id: the manager's name for the network.
        gateway: the address of the manager's machine there.
    """

    network_id: str
    gateway: str


class Namespaces(Protocol):
    """Makes a guest's network namespace what EC2 says it is."""

    @abstractmethod
    async def begin(self, obstacle: str | None) -> None:
        """Make what networks have in common; with every connection to the manager's machine.

        Args:
            obstacle: what it is about that machine that makes public addresses of no use.
        """

    @abstractmethod
    async def foresee(self, key: GuestKey, link: GuestLink) -> None:
        """Make what a guest's network has besides guests, while the guest itself is made.

        ``prepare`` does that, too; this saves waiting for it.

        Raises:
            VMError: it could not be made.
        """

    @abstractmethod
    def are_public(self) -> bool:
        """Tell whether guests are reached at public addresses that EC2 gives them."""

    @abstractmethod
    def obstacle(self) -> str | None:
        """Return what keeps namespaces from being entered here; None: nothing."""

    @abstractmethod
    async def prepare(
        self, key: GuestKey, container: str, pid: int, link: GuestLink | None = None
    ) -> None:
        """Set up a guest's namespace before the guest's own first process.

        It may be repeated, after a restart of the guest and after one of the emulator.

        Args:
            key: whose namespace it is.
            container: the manager's name for the guest.
            pid: a process in the namespace, as the manager's machine numbers processes.
            link: what connects it with its network, where that may have a router.

        Raises:
            VMError: it could not be set up.
        """

    @abstractmethod
    def forget(self, key: GuestKey) -> None:
        """Let go of what was opened in a namespace."""

    @abstractmethod
    def can_run_inside(self) -> bool:
        """Tell whether programs of a guest's own can be run in it from here."""

    @abstractmethod
    async def run_inside(
        self, container: str, pid: int, arguments: Sequence[str], stdin: bytes
    ) -> None:
        """Run a program that a guest has, with the guest's files, to its end.

        Raises:
            VMError: the guest is gone, or the program failed.
        """


@attrs.frozen
class Wire:
    """What guests of one VPC are joined by, on the hypervisor's machine.

    Attributes:
        bridge: the link that is a bridge.
        cidr: the range that is routed to it: the VPC's own block unless that was taken.
        gateway: the machine's own address there.
    """

    bridge: str
    cidr: str
    gateway: str


class Wires(Protocol):
    """Makes what joins the guests of a VPC."""

    @abstractmethod
    async def ensure(self, network: GuestNetwork) -> Wire:
        """Return a VPC's wire, made if it is not there yet.

        Raises:
            VMError: it could not be made.
        """


class Plugs(Protocol):
    """Gives guests that run further interfaces, and takes them away again."""

    @abstractmethod
    async def plug(self, instance_id: str, link: str, mac_address: str) -> None:
        """Give a guest an interface on a link of ``GuestPorts``; it may have it already.

        Raises:
            VMError: it could not be done.
        """

    @abstractmethod
    async def unplug(self, instance_id: str, mac_address: str) -> None:
        """Take an interface from a guest; it may not have it."""

    @abstractmethod
    async def plugged(self, instance_id: str) -> Collection[str]:
        """Return the MAC addresses of the interfaces that a guest has on such links."""


class GuestPorts(Protocol):
    """Plugs guests that have kernels of their own into their VPC.

    A hypervisor puts a macvtap device of its own on a link that it is named; what comes from
    there goes through a network namespace of the guest's alone.
    """

    @abstractmethod
    def obstacle(self) -> str | None:
        """Return what keeps guests from being plugged in here; None: nothing."""

    @abstractmethod
    async def prepare(self, spec: LaunchSpec) -> str:
        """Return the link for a new guest's first interface, on the hypervisor's machine.

        Nothing gets through it before ``connect``.

        Raises:
            VMError: it could not be made.
        """

    @abstractmethod
    async def before_start(self, key: GuestKey) -> str:
        """Return the link of a stopped guest, made again where it is gone.

        Raises:
            VMError: it could not be had.
        """

    @abstractmethod
    async def connect(self, key: GuestKey) -> str | None:
        """Join a guest with its VPC, its packet filter and its metadata service.

        The guest is there and waits; it goes on only afterwards. It may be repeated, after a
        restart of the emulator too, when the guest runs.

        Returns:
            The address at which this machine reaches the guest, if there is one.

        Raises:
            VMError: it could not be done, and the guest must not run.
        """

    @abstractmethod
    def was_heard(self, key: GuestKey) -> bool:
        """Tell whether a guest has asked for its address since it was last connected."""

    @abstractmethod
    async def forget(self, key: GuestKey) -> None:
        """Remove all that was made for a guest; one that never was is no error."""

    @abstractmethod
    async def keep_only(self, instance_ids: Collection[str]) -> None:
        """Remove what was made for any other guest by an emulator of this namespace."""
