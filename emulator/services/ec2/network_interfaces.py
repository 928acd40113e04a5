"""Network interfaces: created, attached, listed, deleted.

What instances, NAT gateways and endpoints need of interfaces is here too: they call
``new_interface``, ``attach``, ``delete_interface`` and ``release_from_instance``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs

from emulator.catalog.regions import zones
from emulator.core.errors import AwsError
from emulator.model.network_interface import Address, Attachment, NetworkInterface
from emulator.model.row import NO_TAGS
from emulator.model.security_group import SecurityGroup
from emulator.model.vpc import Subnet, Vpc
from emulator.net import prefixes, public_addresses
from emulator.net.addresses import give_back, take
from emulator.net.dns_names import private_name, public_name
from emulator.services.call import Call, Handler, World
from emulator.services.ec2.kind import Kind, tag_set
from emulator.services.ec2.nouns import NOUNS
from emulator.services.ec2.security_groups import groups_for
from emulator.services.ec2.tags import tags_on_create
from emulator.services.filters import Field
from emulator.services.pages import page_of_rows
from emulator.state.store import Region

if TYPE_CHECKING:
    from mypy_boto3_ec2 import type_defs as aws

# Clients poll for a detached attachment by its id; one that was never seen as ``detached``
# is searched for minutes.
FORMER_ATTACHMENT_SECONDS = 15.0
ATTACHMENT_FILTER = "attachment.attachment-id"

AMAZON = "amazon"
PRIMARY_DEVICE = 0


def addresses_of(region: Region, interface: NetworkInterface) -> Mapping[str, Address]:
    """Return an interface's Elastic IP addresses by the private address they map to."""
    return {
        address.private_ip or "": address
        for address in region[Address].where(network_interface_id=interface.id)
    }


def association(
    region: Region, interface: NetworkInterface, private_ip: str, elastic: Address | None
) -> dict[str, Any] | None:
    """Return the public side of one private address in AWS's shape, if it has one.

    Args:
        region: of the interface.
        interface: whose address it is.
        private_ip: the address.
        elastic: what ``addresses_of`` has for it.
    """
    if elastic is not None:
        public_ip = elastic.public_ip
        shown = {
            "AllocationId": elastic.id,
            "AssociationId": elastic.association_id,
            "IpOwnerId": region.account,
            "PublicIp": public_ip,
        }
    elif interface.public_ip is not None and private_ip == interface.private_ips[0]:
        public_ip = interface.public_ip
        shown = {"IpOwnerId": AMAZON, "PublicIp": public_ip}
    else:
        return None
    if _has_hostnames(region, interface):
        shown["PublicDnsName"] = public_name(region.name, public_ip)
    return shown


def _has_hostnames(region: Region, interface: NetworkInterface) -> bool:
    vpc = region[Vpc].get(interface.vpc_id)
    return vpc is not None and vpc.enable_dns_hostnames and vpc.enable_dns_support


def group_identifiers(region: Region, group_ids: Iterable[str]) -> list[dict[str, str]]:
    """Return groups as interfaces and instances list them."""
    groups = []
    for group_id in group_ids:
        group = region[SecurityGroup].get(group_id)
        groups.append({"GroupId": group_id, "GroupName": group.name if group else ""})
    return groups


def private_addresses(region: Region, interface: NetworkInterface) -> list[dict[str, Any]]:
    """Return an interface's private IPv4 addresses, each with its public side."""
    elastic = addresses_of(region, interface)
    named = _has_hostnames(region, interface)
    return [
        {
            "PrivateIpAddress": address,
            "Primary": place == 0,
            "PrivateDnsName": private_name(region.name, address) if named else None,
            "Association": association(region, interface, address, elastic.get(address)),
        }
        for place, address in enumerate(interface.private_ips)
    ]


def attachment_view(attachment: Attachment, instance_id: str | None) -> dict[str, Any]:
    """Return an attachment in AWS's shape."""
    return {
        "AttachmentId": attachment.id,
        "AttachTime": attachment.attached_at,
        "DeleteOnTermination": attachment.delete_on_termination,
        "DeviceIndex": attachment.device_index,
        "NetworkCardIndex": attachment.network_card_index,
        "InstanceId": instance_id,
        "InstanceOwnerId": attachment.instance_owner_id,
        "Status": attachment.status,
        "EnaSrdSpecification": attachment.ena_srd,
        "EnaQueueCount": attachment.ena_queue_count,
    }


def _zone_id(region: Region, zone_name: str) -> str | None:
    return next((zone.id for zone in zones(region.name) if zone.name == zone_name), None)


def view(region: Region, interface: NetworkInterface) -> dict[str, Any]:
    """Return an interface in AWS's shape."""
    addresses = private_addresses(region, interface)
    attachment = interface.attachment
    primary = interface.private_ips[0] if interface.private_ips else None
    subnet = region[Subnet].get(interface.subnet_id)
    public = addresses[0]["Association"] if addresses else None
    return {
        "NetworkInterfaceId": interface.id,
        "OwnerId": region.account,
        "SubnetId": interface.subnet_id,
        "VpcId": interface.vpc_id,
        "AvailabilityZone": interface.availability_zone,
        "AvailabilityZoneId": _zone_id(region, interface.availability_zone),
        "Description": interface.description,
        "InterfaceType": interface.interface_type,
        "MacAddress": interface.mac_address,
        "Status": interface.state,
        "SourceDestCheck": interface.source_dest_check,
        "RequesterManaged": interface.requester_managed,
        "RequesterId": interface.requester_id,
        "Operator": {"Managed": False},
        "PrivateIpAddress": primary,
        "PrivateDnsName": addresses[0]["PrivateDnsName"] if addresses else None,
        "PrivateIpAddresses": addresses,
        "Association": public,
        "PublicDnsName": public.get("PublicDnsName") if public else None,
        "Ipv4Prefixes": [{"Ipv4Prefix": prefix} for prefix in interface.ipv4_prefixes],
        "Ipv6Prefixes": [{"Ipv6Prefix": prefix} for prefix in interface.ipv6_prefixes],
        "Ipv6Address": interface.ipv6_addresses[0] if interface.ipv6_addresses else None,
        "Ipv6Addresses": [
            {"Ipv6Address": address, "IsPrimaryIpv6": interface.primary_ipv6 and place == 0}
            for place, address in enumerate(interface.ipv6_addresses)
        ],
        "Ipv6Native": True if subnet is not None and subnet.ipv6_native else None,
        "Groups": group_identifiers(region, interface.group_ids),
        "ConnectionTrackingConfiguration": interface.connection_tracking,
        "Attachment": (
            attachment_view(attachment, interface.instance_id) if attachment is not None else None
        ),
        "TagSet": tag_set(interface.tags),
    }


def _public(member: str) -> Field[NetworkInterface]:
    """Return a filter over one member of every address's association."""

    def field(region: Region, interface: NetworkInterface) -> Iterable[str | None]:
        elastic = addresses_of(region, interface)
        for address in interface.private_ips:
            shown = association(region, interface, address, elastic.get(address))
            yield shown.get(member) if shown is not None else None

    return field


def _attached(member: str) -> Field[NetworkInterface]:
    """Return a filter over one member of the attachment."""

    def field(_: Region, interface: NetworkInterface) -> str | bool | int | None:
        if interface.attachment is None:
            return None
        value = attachment_view(interface.attachment, interface.instance_id)[member]
        return value if value is None or isinstance(value, str | bool | int) else value.isoformat()

    return field


def _attach_time(_: Region, interface: NetworkInterface) -> Iterable[str]:
    if interface.attachment is not None:
        moment = interface.attachment.attached_at.strftime("%Y-%m-%dT%H:%M:%S")
        yield from (f"{moment}.000Z", f"{moment}Z")


def _attachment_ids(_: Region, interface: NetworkInterface) -> Iterable[str]:
    if interface.attachment is not None:
        yield interface.attachment.id
    if interface.former is not None:
        yield interface.former[0].id


def _group_names(region: Region, interface: NetworkInterface) -> Iterable[str]:
    return (group["GroupName"] for group in group_identifiers(region, interface.group_ids))


def _private_names(region: Region, interface: NetworkInterface) -> Iterable[str]:
    if _has_hostnames(region, interface):
        yield from (private_name(region.name, address) for address in interface.private_ips[:1])


NETWORK_INTERFACE = Kind(
    row=NetworkInterface,
    shape="NetworkInterface",
    view=view,
    filters={
        "addresses.association.owner-id": _public("IpOwnerId"),
        "addresses.association.public-ip": _public("PublicIp"),
        "addresses.primary": lambda _, eni: (
            "true" if place == 0 else "false" for place in range(len(eni.private_ips))
        ),
        "addresses.private-ip-address": lambda _, eni: eni.private_ips,
        "association.allocation-id": _public("AllocationId"),
        "association.association-id": _public("AssociationId"),
        "association.ip-owner-id": _public("IpOwnerId"),
        "association.public-dns-name": _public("PublicDnsName"),
        "association.public-ip": _public("PublicIp"),
        "attachment.attach-time": _attach_time,
        ATTACHMENT_FILTER: _attachment_ids,
        "attachment.delete-on-termination": _attached("DeleteOnTermination"),
        "attachment.device-index": _attached("DeviceIndex"),
        "attachment.instance-id": _attached("InstanceId"),
        "attachment.instance-owner-id": _attached("InstanceOwnerId"),
        "attachment.nat-gateway-id": lambda _, __: None,
        "attachment.network-card-index": _attached("NetworkCardIndex"),
        "attachment.status": _attached("Status"),
        "availability-zone": lambda _, eni: eni.availability_zone,
        "availability-zone-id": lambda region, eni: _zone_id(region, eni.availability_zone),
        "description": lambda _, eni: eni.description,
        "group-id": lambda _, eni: eni.group_ids,
        "group-name": _group_names,
        "interface-type": lambda _, eni: eni.interface_type,
        "ipv6-addresses.ipv6-address": lambda _, eni: eni.ipv6_addresses,
        "mac-address": lambda _, eni: eni.mac_address,
        "network-interface-id": lambda _, eni: eni.id,
        "operator.managed": lambda _, __: False,
        "operator.principal": lambda _, __: None,
        "owner-id": lambda region, _: region.account,
        "private-dns-name": _private_names,
        "private-ip-address": lambda _, eni: eni.private_ips[:1],
        "requester-id": lambda _, eni: eni.requester_id,
        "requester-managed": lambda _, eni: eni.requester_managed,
        "source-dest-check": lambda _, eni: eni.source_dest_check,
        "status": lambda _, eni: eni.state,
        "subnet-id": lambda _, eni: eni.subnet_id,
        "vpc-id": lambda _, eni: eni.vpc_id,
    },
)


def new_interface(
    world: World,
    region: Region,
    subnet: Subnet,
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
) -> NetworkInterface:
    """Add an interface in state ``pending``, with addresses of its subnet.

    Args:
        world: gives ids and randomness.
        region: of the subnet.
        subnet: where the addresses come from.
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

    Raises:
        AwsError: an address cannot be had; nothing is taken then.
    """
    random = world.ids.random
    taken: list[str] = []
    try:
        if subnet.cidr:
            taken.append(take(subnet, private_ip, random))
            for address in secondary_ips:
                taken.append(take(subnet, address, random))  # noqa: PERF401 - kept on error
            for _ in range(secondary_count):
                taken.append(take(subnet, None, random))  # noqa: PERF401 - likewise
        elif private_ip or secondary_ips or secondary_count:
            raise AwsError(
                "InvalidParameterCombination",
                f"The subnet '{subnet.id}' has no IPv4 CIDR block to take an address from",
            )
        if ipv6_count is None:
            assigns = subnet.assign_ipv6_address_on_creation and not ipv6_addresses
            ipv6_count = 1 if assigns else 0
        ipv6 = (
            ipv6_for(world, region, subnet, ipv6_addresses, ipv6_count)
            if ipv6_addresses or ipv6_count
            else ()
        )
    except AwsError:
        give_back(subnet, taken)
        raise
    digits = f"{random.getrandbits(40):010x}"
    interface = NetworkInterface(
        id=world.ids.resource("eni"),
        state="pending",
        vpc_id=subnet.vpc_id,
        subnet_id=subnet.id,
        availability_zone=subnet.availability_zone,
        # 0a is a locally administered unicast address, like those AWS gives.
        mac_address=(
            f"0a:{digits[:2]}:{digits[2:4]}:{digits[4:6]}:{digits[6:8]}:{digits[8:]}"
        ),
        private_ips=tuple(taken),
        group_ids=group_ids,
        description=description,
        interface_type=interface_type,
        requester_id=requester_id,
        requester_managed=requester_managed,
        ipv6_addresses=ipv6,
        tags=tags,
    )
    return region[NetworkInterface].add(interface)


def ipv6_for(
    world: World, region: Region, subnet: Subnet, wanted: Sequence[str], count: int
) -> tuple[str, ...]:
    """Return IPv6 addresses of a subnet that no interface has, the wanted ones first.

    Raises:
        AwsError: InvalidParameterValue or InvalidIPAddress.InUse.
    """
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
    interfaces = region[NetworkInterface]
    return public_addresses.choose(
        public_addresses.AUTOMATIC,
        world.ids.random,
        lambda address: bool(interfaces.where(public_ip=address)),
    )


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
    interface.attachment = Attachment(
        id=world.ids.resource("eni-attach"),
        device_index=device_index,
        attached_at=world.clock.now(),
        status=status,
        delete_on_termination=delete_on_termination,
        network_card_index=network_card_index,
        instance_owner_id=region.account,
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


MAX_ADDRESSES = 50


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
    ipv6_count = params.get("Ipv6AddressCount")
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
        if params.get("EnablePrimaryIpv6") and not interface.ipv6_addresses:
            raise AwsError(
                "InvalidParameterCombination",
                "EnablePrimaryIpv6 needs an IPv6 address to be the primary one",
            )
    except AwsError:
        delete_interface(region, interface)
        raise
    interface.primary_ipv6 = bool(params.get("EnablePrimaryIpv6"))
    tracking = params.get("ConnectionTrackingSpecification")
    interface.connection_tracking = connection_tracking(tracking)
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
    wanted4 += [None] * check_count("ipv4PrefixCount", params.get("Ipv4PrefixCount"))
    wanted6: list[str | None] = [
        item.get("Ipv6Prefix") for item in params.get("Ipv6Prefixes") or ()
    ]
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
