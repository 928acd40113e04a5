"""An instance's records kept with its guest, and made again from there.

A guest outlives the emulator that launched it; the next one finds it with this text and
knows the instance again.
"""

from __future__ import annotations

from collections.abc import Sequence

from twisted.logger import Logger

from emulator.model.instance import Instance, Reservation
from emulator.model.network_interface import NetworkInterface
from emulator.model.row import Row
from emulator.model.security_group import SecurityGroup
from emulator.model.volume import Volume
from emulator.model.vpc import Subnet
from emulator.net.addresses import give_back, retake
from emulator.services.call import World
from emulator.services.ec2.instances.launch_xml import Launched
from emulator.services.ec2.interfaces import network_interfaces
from emulator.services.ec2.security.security_groups import DEFAULT
from emulator.state.store import Region, State
from emulator.vm.interface import Guest

log = Logger()


def memento(region: Region, launched: Launched) -> str:
    """Return what an instance can be made of again."""
    from emulator.state.codec import dump  # noqa: PLC0415 - brings cattrs, which no start needs

    instance = launched.instance
    reservation = region[Reservation][instance.reservation_id]
    return dump([reservation, instance, *launched.interfaces, *launched.volumes])


def restore(
    world: World, state: State, guest: Guest, manager: str
) -> tuple[Region, Instance] | None:
    """Make the records of a guest again, in the state the guest is in.

    Args:
        world: says whether there are public addresses, and gives them.
        state: every account's records.
        guest: as its manager sees it.
        manager: the name of that manager.

    Returns:
        The instance and its region; None where that cannot be, because the text is not
        ours or the subnet is not known any more.
    """
    key = guest.key
    if key is None:
        return None
    from emulator.state.codec import CodecError, load  # noqa: PLC0415 - as above

    region = state.region(key.account, key.region)
    try:
        (instance,) = load(guest.memento, [Instance])
        (reservation,) = load(guest.memento, [Reservation])
        interfaces = load(guest.memento, [NetworkInterface])
        volumes = load(guest.memento, [Volume])
    except (CodecError, ValueError) as error:
        log.warn("{guest} has no records to read: {error}", guest=guest.instance_id, error=error)
        return None
    if instance.id != key.instance_id or instance.id in region[Instance]:
        return None
    if not _take_places(region, interfaces):
        return None
    if reservation.id not in region[Reservation]:
        region[Reservation].add(reservation)
    _add(region, [instance, *interfaces, *volumes])
    for interface in interfaces:
        _settle_in(world, region, interface, guest, manager)
    instance.state = "running" if guest.running else "stopped"
    if instance.monitoring == "pending":
        instance.monitoring = "enabled"
    instance.profile_arn = instance.profile_id = None
    instance.vm_manager = manager
    return region, instance


def _take_places(region: Region, interfaces: Sequence[NetworkInterface]) -> bool:
    """Take the addresses of all the interfaces again, if they are still there and free."""
    taken: list[NetworkInterface] = []
    for interface in interfaces:
        subnet = region[Subnet].get(interface.subnet_id)
        if subnet is None or not retake(subnet, interface.private_ips):
            log.warn(
                "{interface}: its place in {subnet} is not to be had any more",
                interface=interface.id,
                subnet=interface.subnet_id,
            )
            for other in taken:
                give_back(region[Subnet][other.subnet_id], other.private_ips)
            return False
        taken.append(interface)
    return True


def _add(region: Region, rows: Sequence[Row]) -> None:
    for row in rows:
        if row.id not in region[type(row)]:
            region[type(row)].add(row)


def _settle_in(
    world: World, region: Region, interface: NetworkInterface, guest: Guest, manager: str
) -> None:
    known = tuple(group for group in interface.group_ids if group in region[SecurityGroup])
    groups = region[SecurityGroup].where(vpc_id=interface.vpc_id)
    default = tuple(group.id for group in groups if group.name == DEFAULT)
    interface.group_ids = known or default
    remembered, interface.public_ip = interface.public_ip, None
    if interface.auto_public_ip and guest.running:
        interface.public_ip = guest.public_ip
        if world.machines.gives_public_addresses(manager):
            interface.public_ip = network_interfaces.public_ip_again(world, region, remembered)
