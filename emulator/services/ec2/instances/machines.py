"""The machines behind instances: what runs in the background when a record has changed.

Every coroutine here holds the instance's lock while it speaks to the manager and looks at
the record again afterwards: another request may have moved it on meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from emulator.model.instance import Instance, Reservation
from emulator.model.instance_event import InstanceEvent
from emulator.model.network_interface import NetworkInterface
from emulator.model.vpc import Vpc
from emulator.net.dns_names import instance_name
from emulator.net.dns_zone import FALLBACK, ResolverSettings, resolver_settings
from emulator.net.publish import open_ports
from emulator.services.call import World
from emulator.services.ec2.instances import spot
from emulator.services.ec2.instances.profiles import release_profile
from emulator.services.ec2.instances.restore import memento
from emulator.services.ec2.interfaces import network_interfaces
from emulator.services.ec2.storage import volume_data, volumes
from emulator.state.joins import elastic_addresses, primary
from emulator.state.store import Region
from emulator.vm.interface import (
    IMPAIRED,
    Guest,
    GuestKey,
    GuestNetwork,
    LaunchSpec,
    TakesUserData,
    VMError,
    WaitsForGuests,
)

if TYPE_CHECKING:
    from emulator.services.ec2.instances.launch_xml import Launched
    from emulator.services.ec2.instances.plan import LaunchPlan

log = Logger()

# "Terminate Amazon EC2 instances": they stay visible for about an hour.
VISIBLE_SECONDS = 3600.0
MAX_REASON_LENGTH = 500
LAUNCH_FAILED = "Server.InternalError"
GUEST_SHUTDOWN = (
    "Client.InstanceInitiatedShutdown",
    "Client.InstanceInitiatedShutdown: Instance initiated shutdown",
)

Work = Callable[[World, Region, Instance], Coroutine[Deferred[Any], Any, None]]


def failure(error: object) -> tuple[str, str]:
    """Return the state reason of a machine that could not do as asked, with what it said."""
    return LAUNCH_FAILED, f"{LAUNCH_FAILED}: {str(error)[:MAX_REASON_LENGTH]}"


def specification(region: Region, launched: Launched, plan: LaunchPlan) -> LaunchSpec:
    """Return what the manager needs to know of a new instance."""
    instance = launched.instance
    interface = _primary_of(plan, launched)
    private_ip = interface.private_ips[0] if interface and interface.private_ips else ""
    vpc = None if interface is None else region[Vpc].get(interface.vpc_id)
    resolver = ResolverSettings() if vpc is None else resolver_settings(region, vpc)
    disks = [
        volume_data.disk_of(volume, volume.attachment.device)
        for volume in launched.volumes
        if volume.attachment is not None
    ]
    return LaunchSpec(
        key=GuestKey(region.account, region.name, instance.id),
        image_id=instance.image_id,
        image_reference=plan.image.reference,
        instance_type=instance.instance_type,
        vcpus=plan.info["VCpuInfo"]["DefaultVCpus"],
        memory_mib=plan.info["MemoryInfo"]["SizeInMiB"],
        private_ip=private_ip,
        hostname=instance_name(region.name, instance, private_ip or None),
        mac_address=None if interface is None else interface.mac_address,
        network=_network_of(region, interface),
        ports=() if interface is None else open_ports(region, interface.group_ids),
        login_user=plan.image.login_user,
        public_key=plan.public_key,
        user_data=plan.user_data_bytes,
        nameservers=(*resolver.servers, *(FALLBACK if resolver.is_provided else ())),
        search_domains=resolver.search,
        disks=tuple(disk for disk in disks if disk.device != instance.root_device_name),
        root_disk=next((disk for disk in disks if disk.device == instance.root_device_name), None),
        zone=instance.availability_zone,
        memento=memento(region, launched),
    )


def _network_of(region: Region, interface: NetworkInterface | None) -> GuestNetwork | None:
    vpc = None if interface is None else region[Vpc].get(interface.vpc_id)
    return None if vpc is None else GuestNetwork(vpc.id, vpc.cidr)


def _primary_of(plan: LaunchPlan, launched: Launched) -> NetworkInterface | None:
    """Return the interface that a launch gave device index 0."""
    for wanted, interface in zip(plan.interfaces, launched.interfaces, strict=True):
        if wanted.device_index == 0:
            return interface
    return None


def begin_launches(
    world: World, region: Region, plan: LaunchPlan, launched: Sequence[Launched]
) -> None:
    """Run machines for new instances once the present request is answered."""

    def begin() -> None:
        name = world.machines.of(plan.image).name
        if world.machines.gives_public_addresses(name):
            firsts = [
                primary(region, one.instance) for one in launched if one.instance.state == "pending"
            ]
            _give_public_addresses(world, region, firsts)
        manager = world.machines.at_once.get(name)
        if manager is not None:
            waiting = [one for one in launched if one.instance.state == "pending"]
            manager.launch_now([one.instance.id for one in waiting])
            up = [(one.instance, _primary_of(plan, one)) for one in waiting]
            _all_running(world, region, up)
            return
        for one in launched:
            world.background.start(
                f"launching {one.instance.id}",
                _launch(world, region, one.instance, specification(region, one, plan)),
            )

    world.later(0, "launching instances", begin)


def begin(world: World, region: Region, instances: Sequence[Instance], work: Work) -> None:
    """Run work on machines once the present request is answered."""

    def begin_each() -> None:
        for instance in instances:
            world.background.start(
                f"{work.__name__.strip('_')} {instance.id}", work(world, region, instance)
            )

    if instances:
        world.later(0, work.__name__.strip("_"), begin_each)


async def _launch(world: World, region: Region, instance: Instance, spec: LaunchSpec) -> None:
    async with world.locks(instance.id):
        if instance.state != "pending":
            return
        try:
            guest = await world.machines.of(instance).launch(spec)
        except VMError as error:
            log.warn("{instance} did not launch: {error}", instance=instance.id, error=str(error))
            if instance.state == "pending":
                end(world, region, instance, failure(error))
            return
        now_running(world, region, instance, guest)


async def start(world: World, region: Region, instance: Instance) -> None:
    """Boot a stopped machine; if that fails the instance is stopped again."""
    async with world.locks(instance.id):
        if instance.state != "pending":
            return
        if is_public(world, instance):
            _give_public_addresses(world, region, [primary(region, instance)])
        try:
            guest = await world.machines.of(instance).start(instance.id)
        except VMError as error:
            log.warn("{instance} did not start: {error}", instance=instance.id, error=str(error))
            if instance.state == "pending":
                instance.state_reason = failure(error)
                instance.move("stopping")
                instance.move("stopped")
            return
        now_running(world, region, instance, guest)


async def stop(world: World, region: Region, instance: Instance) -> None:
    """Power a machine off."""
    await _stop(world, region, instance, force=False)


async def stop_by_force(world: World, region: Region, instance: Instance) -> None:
    """Power a machine off without asking its operating system."""
    await _stop(world, region, instance, force=True)


def _hurry(world: World, instance: Instance) -> None:
    """Let nobody wait any longer until a machine has shut down in good order."""
    manager = world.machines.of(instance)
    if isinstance(manager, WaitsForGuests):
        manager.hurry(instance.id)


async def _stop(world: World, region: Region, instance: Instance, *, force: bool) -> None:
    if force:
        _hurry(world, instance)
    async with world.locks(instance.id):
        if instance.state != "stopping":
            return
        try:
            await world.machines.of(instance).stop(instance.id, force=force)
        except VMError as error:
            log.warn("{instance} did not stop: {error}", instance=instance.id, error=str(error))
            if instance.state == "stopping":
                instance.move("running")
            return
        if instance.state == "stopping":
            now_stopped(region, instance)


async def reboot(world: World, _: Region, instance: Instance) -> None:
    """Restart a machine's operating system."""
    async with world.locks(instance.id):
        if instance.state != "running":
            return
        try:
            await world.machines.of(instance).reboot(instance.id)
        except VMError as error:
            log.warn("{instance} did not reboot: {error}", instance=instance.id, error=str(error))


def begin_user_data(world: World, instance: Instance, data: bytes | None) -> None:
    """Show a machine other user data once the present request is answered."""
    manager = world.machines.of(instance)
    if not isinstance(manager, TakesUserData):
        return

    async def place() -> None:
        async with world.locks(instance.id):
            try:
                await manager.place_user_data(instance.id, data)
            except VMError as error:
                what = "{instance} has its old user data: {error}"
                log.warn(what, instance=instance.id, error=str(error))

    what = f"user data of {instance.id}"
    world.later(0, what, lambda: world.background.start(what, place()))


async def terminate(world: World, region: Region, instance: Instance) -> None:
    """End a machine; the record ends even where the manager fails, and the log says so."""
    _hurry(world, instance)
    async with world.locks(instance.id):
        if instance.state != "shutting-down":
            return
        try:
            await volume_data.keep_surviving(world, region, instance)
            await world.machines.of(instance).terminate(instance.id)
        except VMError as error:
            log.warn("{instance} may live on: {error}", instance=instance.id, error=str(error))
        if instance.state == "shutting-down":
            end(world, region, instance, instance.state_reason)


def now_running(world: World, region: Region, instance: Instance, guest: Guest) -> None:
    """Note that a machine is up, if that is still awaited."""
    note_health(world, instance, guest)
    if instance.state == "pending":
        public_ip = None if is_public(world, instance) else guest.public_ip
        _all_running(world, region, [(instance, primary(region, instance))], public_ip)


def is_public(world: World, instance: Instance) -> bool:
    """Tell whether a machine is reached at a public address that is given to it here."""
    return world.machines.gives_public_addresses(world.machines.of(instance).name)


def _give_public_addresses(
    world: World,
    region: Region,
    interfaces: Sequence[NetworkInterface | None],
    public_ip: str | None = None,
) -> None:
    """Give interfaces the public addresses that they are to have and do not have yet.

    Args:
        world: gives randomness.
        region: of the interfaces.
        interfaces: those of device index 0.
        public_ip: the one that a manager gave to the machine, if it gave one.
    """
    without = [
        interface
        for interface in interfaces
        if interface is not None
        and interface.auto_public_ip
        and interface.public_ip is None
        and not elastic_addresses(region, interface)
    ]
    addresses = (
        network_interfaces.new_public_ips(world, region, len(without))
        if public_ip is None
        else [public_ip] * len(without)
    )
    region[NetworkInterface].assign(without, "public_ip", addresses)


def note_health(world: World, instance: Instance, guest: Guest) -> None:
    """Note what status checks say of a machine that is up."""
    if instance.health != guest.health:
        instance.impaired_at = world.clock.now() if guest.health == IMPAIRED else None
        instance.health = guest.health


def _all_running(
    world: World,
    region: Region,
    up: Sequence[tuple[Instance, NetworkInterface | None]],
    public_ip: str | None = None,
) -> None:
    """Note that machines of pending instances are up.

    Args:
        world: gives randomness.
        region: of the instances.
        up: the instances with their primary interfaces, which get the public addresses that
            they are to have.
        public_ip: the one that a manager gave to the machine, if it gave one.
    """
    _give_public_addresses(world, region, [interface for _, interface in up], public_ip)
    instances = [instance for instance, _ in up]
    for instance in instances:
        instance.check_move("running")
        if instance.monitoring == "pending":
            instance.monitoring = "enabled"
    region[Instance].assign(instances, "state", ["running"] * len(instances))


def now_stopped(region: Region, instance: Instance) -> None:
    """Note that a machine is off: its public address goes."""
    interface = primary(region, instance)
    if interface is not None and interface.public_ip is not None:
        interface.public_ip = None
    instance.move("stopped")


def shut_down_by_guest(world: World, region: Region, instance: Instance) -> None:
    """Follow a machine that powered itself off, as its shutdown behaviour says.

    Source: "Change the instance initiated shutdown behavior".
    """
    if instance.state != "running":
        return
    if instance.shutdown_behavior == "terminate":
        instance.state_reason = GUEST_SHUTDOWN
        instance.state_transition_reason = ""
        instance.move("shutting-down")
        begin(world, region, [instance], terminate)
    else:
        stopped_by_itself(region, instance, GUEST_SHUTDOWN)


def stopped_by_itself(region: Region, instance: Instance, reason: tuple[str, str]) -> None:
    """Note that a running machine went down without anybody asking for it."""
    instance.state_reason = reason
    instance.state_transition_reason = ""
    instance.move("stopping")
    now_stopped(region, instance)


def end(world: World, region: Region, instance: Instance, reason: tuple[str, str] | None) -> None:
    """Let everything go that was the instance's; its record stays visible for an hour."""
    instance.state_reason = reason
    instance.move("terminated")
    network_interfaces.release_from_instance(world, region, instance.id)
    volumes.release_from_instance(world, region, instance.id)
    release_profile(region, instance)
    spot.instance_ended(world, region, instance)
    for event in region[InstanceEvent].where(instance_id=instance.id):
        region[InstanceEvent].remove(event)
    world.later(VISIBLE_SECONDS, f"forgetting {instance.id}", forget, region, instance)


def forget(region: Region, instance: Instance) -> None:
    """Remove an instance's record, and its reservation's with the last of its instances."""
    region[Instance].remove(instance)
    reservation = region[Reservation].get(instance.reservation_id)
    if reservation is not None and not region[Instance].where(reservation_id=reservation.id):
        region[Reservation].remove(reservation)
