"""Network interfaces: created, attached, listed, deleted.

What instances, NAT gateways and endpoints need of interfaces is here too: they call
``new_interface``, ``attach``, ``delete_interface`` and ``release_from_instance``.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import attrs

from emulator.core.errors import AwsError
from emulator.model.network_interface import (
    Address,
    Attachment,
    NetworkInterface,
    NetworkInterfacePermission,
)
from emulator.model.row import NO_TAGS
from emulator.model.vpc import Subnet
from emulator.net import prefixes, public_addresses
from emulator.net.addresses import give_back, take
from emulator.services.call import Call, Handler, World
from emulator.services.ec2.interfaces.network_interface_views import (
    ATTACHMENT_FILTER,
    NETWORK_INTERFACE,
    attachment_view,
    view,
)
from emulator.services.ec2.nouns import NOUNS
from emulator.services.ec2.security.security_groups import groups_for
from emulator.services.ec2.tags import tags_on_create
from emulator.services.pages import page_of_rows
from emulator.state.store import Region

if TYPE_CHECKING:
    from mypy_boto3_ec2 import type_defs as aws

__all__ = [
    "MAX_ADDRESSES",
    "NETWORK_INTERFACE",
    "NOWHERE",
    "OPERATIONS",
    "PRIMARY_DEVICE",
    "Place",
    "attach",
    "clear_association",
    "delete_interface",
    "detach",
    "new_attachment",
    "new_interface",
    "new_interfaces",
    "new_public_ip",
    "new_public_ips",
    "release_from_instance",
]

# Clients poll for a detached attachment by its id; one that was never seen as ``detached``
# is searched for minutes.
FORMER_ATTACHMENT_SECONDS = 15.0
PRIMARY_DEVICE = 0
# More than any instance type has on one interface.
MAX_ADDRESSES = 50

Place: TypeAlias = tuple[str | None, Attachment | None]
"""The instance an interface is attached to, and how; NOWHERE for none."""

NOWHERE: Place = (None, None)


def new_interface(
    world: World, region: Region, subnet: Subnet, **settings: Any
) -> NetworkInterface:
    """Add an interface with addresses of its subnet, in state ``pending``.

    Args:
        world: gives ids and randomness.
        region: of the subnet.
        subnet: where the addresses come from.
        settings: those of ``new_interfaces``.

    Raises:
        AwsError: an address cannot be had; nothing is taken then.
    """
    (interface,) = new_interfaces(world, region, subnet, (NOWHERE,), **settings)
    return interface


def new_interfaces(
    world: World,
    region: Region,
    subnet: Subnet,
    places: Sequence[Place],
    *,
    group_ids: tuple[str, ...],
    private_ip: str | None = None,
    secondary_ips: Sequence[str] = (),
    secondary_count: int = 0,
    ipv6_addresses: Sequence[str] = (),
    ipv6_count: int | None = None,
    description: str = "",
    tags: Mapping[str, str] = NO_TAGS,
    interface_type: str = "interface",
    requester_id: str | None = None,
    requester_managed: bool = False,
    auto_public_ip: bool = False,
) -> list[NetworkInterface]:
    """Add interfaces that differ in their places, ids and addresses only.

    Args:
        world: gives ids and randomness.
        region: of the subnet.
        subnet: where the addresses come from.
        places: for each of them the instance it is made for and its attachment there, or
            NOWHERE for one that is ``pending``.
        group_ids: what ``groups_for`` returned.
        private_ip: the primary address; any when None.
        secondary_ips: further addresses.
        secondary_count: how many more, of the subnet's choice.
        ipv6_addresses: IPv6 addresses.
        ipv6_count: how many more; when None and none are given, one if the subnet assigns
            them on creation.
        description: free text.
        tags: checked ones.
        interface_type: as AWS lists them.
        requester_id: the service that makes it, if one does.
        requester_managed: whether that service alone may change it.
        auto_public_ip: whether it gets a public address while its instance runs.

    Raises:
        AwsError: an address cannot be had; nothing is taken then.
    """
    count, random = len(places), world.ids.random
    if ipv6_count is None:
        ipv6_count = 1 if subnet.assign_ipv6_address_on_creation and not ipv6_addresses else 0
    ipv6 = ipv6_for(world, region, subnet, ipv6_addresses, ipv6_count * count)
    wanted = (private_ip, *secondary_ips, *(None,) * secondary_count)
    ipv4: Sequence[str] = ()
    if subnet.cidr:
        ipv4 = take(subnet, wanted * count, random)
    elif wanted != (None,):
        raise AwsError(
            "InvalidParameterCombination",
            f"The subnet '{subnet.id}' has no IPv4 CIDR block to take an address from",
        )
    octets = random.randbytes(5 * count)
    pattern = NetworkInterface(
        id="",
        state="in-use",
        vpc_id=subnet.vpc_id,
        subnet_id=subnet.id,
        availability_zone=subnet.availability_zone,
        mac_address="",
        private_ips=(),
        group_ids=group_ids,
        description=description,
        interface_type=interface_type,
        requester_id=requester_id,
        requester_managed=requester_managed,
        tags=tags,
        auto_public_ip=auto_public_ip,
    )
    made = pattern.copies(
        id=world.ids.resources("eni", count),
        state=["pending" if attachment is None else "in-use" for _, attachment in places],
        # 0a is a locally administered unicast address, like those AWS gives.
        mac_address=[f"0a:{octets[at : at + 5].hex(':')}" for at in range(0, len(octets), 5)],
        private_ips=_shares(ipv4, count),
        ipv6_addresses=_shares(ipv6, count),
        instance_id=[instance_id for instance_id, _ in places],
        attachment=[attachment for _, attachment in places],
    )
    region[NetworkInterface].add_all(made)
    return made


def _shares(addresses: Sequence[str], count: int) -> list[tuple[str, ...]]:
    """Return what each of several interfaces gets of addresses taken for all of them."""
    each = len(addresses) // count
    return [tuple(addresses[at * each : (at + 1) * each]) for at in range(count)]


def new_attachment(
    world: World,
    region: Region,
    *,
    device_index: int,
    delete_on_termination: bool,
    network_card_index: int = 0,
    status: str = "attached",
) -> Attachment:
    """Return a place in an instance of the region's account, taken now."""
    return Attachment(
        id=world.ids.resource("eni-attach"),
        device_index=device_index,
        attached_at=world.clock.now(),
        status=status,
        delete_on_termination=delete_on_termination,
        network_card_index=network_card_index,
        instance_owner_id=region.account,
    )


def ipv6_for(
    world: World, region: Region, subnet: Subnet, wanted: Sequence[str], count: int
) -> tuple[str, ...]:
    """Return IPv6 addresses of a subnet that no interface has, the wanted ones first.

    Raises:
        AwsError: InvalidParameterValue or InvalidIPAddress.InUse.
    """
    if not wanted and not count:
        return ()
    in_use = {
        address
        for interface in region[NetworkInterface].where(subnet_id=subnet.id)
        for address in interface.ipv6_addresses
    }
    found: list[str] = []
    for given in wanted:
        found.append(prefixes.wanted_ipv6(subnet, given, in_use))
        in_use.add(found[-1])
    for _ in range(count):
        found.append(prefixes.new_ipv6(subnet, world.ids.random, in_use))
        in_use.add(found[-1])
    return tuple(found)


def new_public_ip(world: World, region: Region) -> str:
    """Return a public address for an interface that is to have one by itself."""
    return new_public_ips(world, region, 1)[0]


def new_public_ips(world: World, region: Region, count: int) -> list[str]:
    """Return public addresses for so many interfaces."""
    tables = {each[NetworkInterface] for each in (region, *world.regions())}

    def in_use(address: str) -> bool:
        return any(table.has(public_ip=address) for table in tables)

    return public_addresses.choose_several(
        public_addresses.AUTOMATIC, count, world.ids.random, in_use
    )


def public_ip_again(world: World, region: Region, former: str | None) -> str:
    """Return the public address an interface had, if it may have it again, or another."""
    tables = {each[NetworkInterface] for each in (region, *world.regions())}
    if (
        former is not None
        and ipaddress.ip_address(former) in public_addresses.AUTOMATIC
        and not any(table.has(public_ip=former) for table in tables)
    ):
        return former
    return new_public_ip(world, region)


def attach(
    world: World,
    region: Region,
    interface: NetworkInterface,
    instance_id: str,
    *,
    device_index: int,
    delete_on_termination: bool,
    network_card_index: int = 0,
    status: str = "attached",
) -> None:
    """Give an interface to an instance; the caller made sure that this is allowed.

    Args:
        world: gives ids and the time.
        region: of both.
        interface: pending or available.
        instance_id: whose it becomes.
        device_index: 0 for an instance's primary interface.
        delete_on_termination: whether it goes with the instance.
        network_card_index: which card of the instance.
        status: of the attachment.
    """
    interface.attachment = new_attachment(
        world,
        region,
        device_index=device_index,
        delete_on_termination=delete_on_termination,
        network_card_index=network_card_index,
        status=status,
    )
    interface.instance_id = instance_id
    interface.move("in-use")


def detach(world: World, interface: NetworkInterface) -> None:
    """End an attachment at once; its id can be asked for a while longer."""
    attachment, instance_id = interface.attachment, interface.instance_id
    if attachment is None:
        return
    former = (attrs.evolve(attachment, status="detached"), instance_id or "")
    interface.former = former
    interface.attachment = None
    interface.instance_id = None
    interface.public_ip = None
    interface.auto_public_ip = False
    interface.move("available")
    world.later(
        FORMER_ATTACHMENT_SECONDS, f"forgetting {attachment.id}", _forget, interface, former
    )


def _forget(interface: NetworkInterface, former: tuple[Attachment, str]) -> None:
    if interface.former is former:
        interface.former = None


def clear_association(address: Address) -> None:
    """Take an Elastic IP address from its interface; the caller gives another if need be."""
    address.association_id = None
    address.network_interface_id = None
    address.private_ip = None
    address.service_managed_by = None


def delete_interface(region: Region, interface: NetworkInterface) -> None:
    """Remove an interface, whatever it is attached to; its addresses are free again."""
    for address in region[Address].where(network_interface_id=interface.id):
        clear_association(address)
    for permission in region[NetworkInterfacePermission].where(network_interface_id=interface.id):
        region[NetworkInterfacePermission].remove(permission)
    subnet = region[Subnet].get(interface.subnet_id)
    if subnet is not None:
        give_back(subnet, interface.private_ips)
        for prefix in interface.ipv4_prefixes:
            prefixes.give_back_ipv4_prefix(subnet, prefix)
    region[NetworkInterface].remove(interface)


def release_from_instance(world: World, region: Region, instance_id: str) -> None:
    """Let go a terminated instance's interfaces: some go with it, the others are detached."""
    for interface in region[NetworkInterface].where(instance_id=instance_id):
        attachment = interface.attachment
        if attachment is None or attachment.delete_on_termination:
            delete_interface(region, interface)
        else:
            detach(world, interface)


def _given_addresses(
    params: Mapping[str, Any],
) -> tuple[str | None, list[str]]:
    """Return the primary address asked for, and the secondary ones."""
    primary: str | None = params.get("PrivateIpAddress")
    secondary: list[str] = []
    for item in params.get("PrivateIpAddresses") or ():
        address = item.get("PrivateIpAddress")
        if not address:
            raise AwsError(
                "MissingParameter", "The request must contain the parameter privateIpAddress"
            )
        if not item.get("Primary"):
            secondary.append(address)
        elif primary is not None:
            raise AwsError(
                "InvalidParameterValue", "Only one primary private IP address can be specified."
            )
        else:
            primary = address
    if secondary and params.get("SecondaryPrivateIpAddressCount"):
        raise AwsError(
            "InvalidParameterCombination",
            "The parameter secondaryPrivateIpAddressCount cannot be used with secondary "
            "addresses in privateIpAddresses",
        )
    return primary, secondary


def check_count(name: str, count: int | None) -> int:
    """Return how many addresses are wanted.

    Raises:
        AwsError: InvalidParameterValue for fewer than none; PrivateIpAddressLimitExceeded
            for more than any instance type has.
    """
    if count is None:
        return 0
    if count < 0:
        raise AwsError("InvalidParameterValue", f"Value ({count}) for parameter {name} is invalid")
    if count > MAX_ADDRESSES:
        raise AwsError(
            "PrivateIpAddressLimitExceeded", "Number of private addresses will exceed limit."
        )
    return count


def _check_exclusive(params: Mapping[str, Any], first: str, second: str) -> None:
    if params.get(first) and params.get(second):
        raise AwsError(
            "InvalidParameterCombination",
            f"The parameter {first} cannot be used with the parameter {second}",
        )


def create_network_interface(
    call: Call, params: aws.CreateNetworkInterfaceRequestTypeDef
) -> dict[str, Any]:
    """Create an interface. Source: API_CreateNetworkInterface."""
    region = call.region
    subnet = region[Subnet].get(params["SubnetId"])
    if subnet is None:
        raise NOUNS["subnet"].missing([params["SubnetId"]])
    groups = groups_for(region, subnet.vpc_id, params.get("Groups", ()), subnet_id=subnet.id)
    primary, secondary = _given_addresses(params)
    _check_exclusive(params, "Ipv6Addresses", "Ipv6AddressCount")
    _check_exclusive(params, "Ipv4Prefixes", "Ipv4PrefixCount")
    _check_exclusive(params, "Ipv6Prefixes", "Ipv6PrefixCount")
    ipv6 = [item.get("Ipv6Address") or "" for item in params.get("Ipv6Addresses", ())]
    check_count("privateIpAddresses", len(secondary))
    check_count("ipv6Addresses", len(ipv6))
    ipv6_count = params.get("Ipv6AddressCount")
    primary_ipv6 = bool(params.get("EnablePrimaryIpv6")) or any(
        item.get("IsPrimaryIpv6") for item in params.get("Ipv6Addresses", ())
    )
    if primary_ipv6:
        prefixes.ipv6_range(subnet)
        if not ipv6 and not ipv6_count:
            ipv6_count = 1
    tracking = connection_tracking(params.get("ConnectionTrackingSpecification"))
    interface = new_interface(
        call.world,
        region,
        subnet,
        group_ids=groups,
        private_ip=primary,
        secondary_ips=secondary,
        secondary_count=check_count(
            "secondaryPrivateIpAddressCount", params.get("SecondaryPrivateIpAddressCount")
        ),
        ipv6_addresses=ipv6,
        ipv6_count=None if ipv6_count is None else check_count("ipv6AddressCount", ipv6_count),
        description=params.get("Description", ""),
        tags=tags_on_create(params, "network-interface"),
        interface_type=params.get("InterfaceType", "interface"),
    )
    try:
        interface.ipv4_prefixes, interface.ipv6_prefixes = _prefixes(call, subnet, params)
    except AwsError:
        delete_interface(region, interface)
        raise
    interface.primary_ipv6 = primary_ipv6
    interface.connection_tracking = tracking
    call.world.settle(interface, "available")
    answer: dict[str, Any] = {"NetworkInterface": NETWORK_INTERFACE.show(region, interface)}
    if params.get("ClientToken"):
        answer["ClientToken"] = params["ClientToken"]
    return answer


def connection_tracking(given: Mapping[str, Any] | None) -> Mapping[str, int] | None:
    """Return idle timeouts in seconds, in AWS's shape.

    Source: "Idle connection tracking timeout".

    Raises:
        AwsError: InvalidParameterValue for one out of its range.
    """
    if not given:
        return None
    for name, least, most in (
        ("TcpEstablishedTimeout", 60, 432000),
        ("UdpTimeout", 30, 60),
        ("UdpStreamTimeout", 60, 180),
    ):
        value = given.get(name)
        if value is not None and not least <= value <= most:
            raise AwsError(
                "InvalidParameterValue",
                f"Value ({value}) for {name} is invalid: it must be between {least} and {most}",
            )
    return dict(given)


def _prefixes(
    call: Call, subnet: Subnet, params: Mapping[str, Any]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    wanted4: list[str | None] = [
        item.get("Ipv4Prefix") for item in params.get("Ipv4Prefixes") or ()
    ]
    check_count("ipv4Prefixes", len(wanted4))
    wanted4 += [None] * check_count("ipv4PrefixCount", params.get("Ipv4PrefixCount"))
    wanted6: list[str | None] = [
        item.get("Ipv6Prefix") for item in params.get("Ipv6Prefixes") or ()
    ]
    check_count("ipv6Prefixes", len(wanted6))
    wanted6 += [None] * check_count("ipv6PrefixCount", params.get("Ipv6PrefixCount"))
    return (
        take_ipv4_prefixes(call.world, subnet, wanted4) if wanted4 else (),
        new_ipv6_prefixes(call.world, call.region, subnet, wanted6) if wanted6 else (),
    )


def take_ipv4_prefixes(
    world: World, subnet: Subnet, wanted: Sequence[str | None]
) -> tuple[str, ...]:
    """Take /28 prefixes of a subnet, all or none; None stands for any."""
    found: list[str] = []
    try:
        for prefix in wanted:
            found.append(  # noqa: PERF401 - kept on error
                prefixes.take_ipv4_prefix(subnet, prefix, world.ids.random)
            )
    except AwsError:
        for prefix in found:
            prefixes.give_back_ipv4_prefix(subnet, prefix)
        raise
    return tuple(found)


def new_ipv6_prefixes(
    world: World, region: Region, subnet: Subnet, wanted: Sequence[str | None]
) -> tuple[str, ...]:
    """Return /80 prefixes of a subnet that no interface has; None stands for any."""
    in_use = {
        prefix
        for interface in region[NetworkInterface].where(subnet_id=subnet.id)
        for prefix in interface.ipv6_prefixes
    }
    found: list[str] = []
    for prefix in wanted:
        found.append(prefixes.ipv6_prefix(subnet, prefix, world.ids.random, in_use))
        in_use.add(found[-1])
    return tuple(found)


def describe_network_interfaces(
    call: Call, params: aws.DescribeNetworkInterfacesRequestTypeDef
) -> dict[str, Any]:
    """List interfaces; one asked for by an attachment that ended shows that attachment."""
    asked = [
        value
        for item in params.get("Filters", ())
        if item.get("Name") == ATTACHMENT_FILTER
        for value in item.get("Values", ())
    ]
    if not asked:
        return NETWORK_INTERFACE.describe(
            call, params, ids="NetworkInterfaceIds", result="NetworkInterfaces"
        )
    region = call.region
    rows = NETWORK_INTERFACE.selected(region, params, params.get("NetworkInterfaceIds"))
    shown, token = page_of_rows(call.operation.name, rows, params, call.operation.page_limits)
    answer: dict[str, Any] = {"NetworkInterfaces": [_as_asked(region, row, asked) for row in shown]}
    if token is not None:
        answer["NextToken"] = token
    return answer


def _as_asked(
    region: Region, interface: NetworkInterface, asked: Sequence[str]
) -> bytes | dict[str, Any]:
    former = interface.former
    if former is None or former[0].id not in asked:
        return NETWORK_INTERFACE.show(region, interface)
    return {**view(region, interface), "Attachment": attachment_view(*former)}


def delete_network_interface(
    call: Call, params: aws.DeleteNetworkInterfaceRequestTypeDef
) -> dict[str, Any]:
    """Delete an interface that is attached to nothing. Source: API_DeleteNetworkInterface."""
    interface = NETWORK_INTERFACE.find(call.region, params["NetworkInterfaceId"])
    if interface.requester_managed:
        raise AwsError(
            "OperationNotPermitted",
            f"You are not allowed to manage '{interface.id}': it belongs to a service.",
        )
    if interface.attachment is not None or interface.state == "in-use":
        raise AwsError(
            "InvalidParameterValue", f"Network interface '{interface.id}' is currently in use."
        )
    delete_interface(call.region, interface)
    return {}


OPERATIONS: Mapping[str, Handler] = {
    "CreateNetworkInterface": create_network_interface,
    "DeleteNetworkInterface": delete_network_interface,
    "DescribeNetworkInterfaces": describe_network_interfaces,
}
