"""Where an instance goes: its subnet, and the interfaces it starts with."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from emulator.catalog.instance_types import InstanceTypeInfo
from emulator.catalog.offerings import offered_in
from emulator.catalog.regions import zones
from emulator.core.errors import AwsError
from emulator.model.network_interface import NetworkInterface
from emulator.model.vpc import Subnet
from emulator.net.addresses import available
from emulator.services.ec2.interfaces.network_interface_views import NETWORK_INTERFACE
from emulator.services.ec2.interfaces.network_interfaces import MAX_ADDRESSES
from emulator.services.ec2.security.security_groups import groups_for
from emulator.services.ec2.vpcs.subnets import SUBNET
from emulator.services.ec2.vpcs.vpcs import default_vpc
from emulator.state.store import Region


@attrs.frozen
class InterfacePlan:
    """One interface that every instance of a launch gets.

    Attributes:
        existing: an interface to attach; then the other fields but the places mean nothing.
        ipv6_count: None for what the subnet gives by itself.
        public_ip: whether it is to have a public address.
    """

    subnet: Subnet
    device_index: int = 0
    network_card_index: int = 0
    existing: NetworkInterface | None = None
    group_ids: tuple[str, ...] = ()
    private_ip: str | None = None
    secondary_ips: tuple[str, ...] = ()
    secondary_count: int = 0
    ipv6_addresses: tuple[str, ...] = ()
    ipv6_count: int | None = None
    description: str = ""
    interface_type: str = "interface"
    delete_on_termination: bool = True
    public_ip: bool = False

    @property
    def names_addresses(self) -> bool:
        """Whether only one instance can have it."""
        return bool(self.existing or self.private_ip or self.secondary_ips or self.ipv6_addresses)

    @property
    def addresses(self) -> int:
        """How many IPv4 addresses it takes from its subnet."""
        return 0 if self.existing else 1 + len(self.secondary_ips) + self.secondary_count


def _combination(message: str) -> AwsError:
    return AwsError("InvalidParameterCombination", message)


def zone_of(region: Region, placement: Mapping[str, Any]) -> str | None:
    """Return the zone a Placement asks for, by name or by id.

    Raises:
        AwsError: InvalidParameterValue for a zone that the region does not have.
    """
    name, zone_id = placement.get("AvailabilityZone"), placement.get("AvailabilityZoneId")
    if name is None and zone_id is None:
        return None
    for zone in zones(region.name):
        if name in (None, zone.name) and zone_id in (None, zone.id):
            return zone.name
    raise AwsError("InvalidParameterValue", f"Invalid availability zone: [{name or zone_id}]")


def check_offered(region: Region, instance_type: str, zone: str) -> None:
    """Refuse a type that the zone does not have.

    Raises:
        AwsError: Unsupported, with the zones that do have it.
    """
    if instance_type in offered_in(region.name, zone):
        return
    others = [
        each.name
        for each in zones(region.name)
        if instance_type in offered_in(region.name, each.name)
    ]
    advice = (
        "Please retry your request by not specifying an Availability Zone or choosing "
        f"{', '.join(others)}."
        if others
        else f"The type is not offered in {region.name}."
    )
    raise AwsError(
        "Unsupported",
        f"Your requested instance type ({instance_type}) is not supported in your requested "
        f"Availability Zone ({zone}). {advice}",
    )


@attrs.frozen
class Wish:
    """What a launch asks of the default subnet that is chosen for it.

    Attributes:
        zone: the only one it may be in, if the request names one.
        addresses: for all the instances it would like.
    """

    zone: str | None
    instance_type: str
    addresses: int = 1

    @classmethod
    def of(cls, params: Mapping[str, Any], zone: str | None, instance_type: str) -> Wish:
        """Return the wish of a request in RunInstances' shape."""
        each = 0
        items: Sequence[Mapping[str, Any]] = params.get("NetworkInterfaces") or ({},)
        for item in items:
            if not item.get("NetworkInterfaceId") and not item.get("SubnetId"):
                named = len(item.get("PrivateIpAddresses") or ())
                each += max(1, named) + (item.get("SecondaryPrivateIpAddressCount") or 0)
        return cls(zone, instance_type, each * params["MaxCount"])


def default_subnet(region: Region, wish: Wish) -> Subnet:
    """Return the default VPC's first subnet that has the type and room for the whole launch.

    Where none has room for all of it, the roomiest is taken.

    Raises:
        AwsError: VPCIdNotSpecified without a default VPC, MissingInput without such a subnet.
    """
    vpc = default_vpc(region)
    if vpc is None:
        raise AwsError("VPCIdNotSpecified", "No default VPC for this user")
    subnets = [
        subnet
        for subnet in region[Subnet].where(vpc_id=vpc.id)
        if subnet.default_for_az and wish.zone in (None, subnet.availability_zone)
    ]
    if not subnets:
        where = f" in the availability zone '{wish.zone}'" if wish.zone else ""
        raise AwsError(
            "MissingInput",
            f"No subnets found for the default VPC '{vpc.id}'{where}. Please specify a subnet.",
        )
    subnets.sort(key=lambda subnet: subnet.availability_zone)
    fitting = [
        subnet
        for subnet in subnets
        if wish.instance_type in offered_in(region.name, subnet.availability_zone)
    ]
    return max(fitting or subnets, key=lambda subnet: min(available(subnet), wish.addresses))


def _check_exclusive(params: Mapping[str, Any]) -> None:
    for member, words in (
        ("SubnetId", "an instance-level subnet ID"),
        ("SecurityGroupIds", "instance-level security groups"),
        ("SecurityGroups", "instance-level security groups"),
        ("PrivateIpAddress", "an instance-level private address"),
        ("Ipv6Addresses", "instance-level IPv6 addresses"),
        ("Ipv6AddressCount", "an instance-level IPv6 address count"),
    ):
        if params.get(member):
            raise _combination(
                f"Network interfaces and {words} may not be specified on the same request"
            )


def planned_interfaces(
    region: Region, params: Mapping[str, Any], info: InstanceTypeInfo
) -> tuple[InterfacePlan, ...]:
    """Return the interfaces of a launch, the primary first.

    Raises:
        AwsError: for networks, groups and addresses that AWS would refuse.
    """
    instance_type = info["InstanceType"]
    zone = zone_of(region, params.get("Placement") or {})
    wish, given = Wish.of(params, zone, instance_type), params.get("NetworkInterfaces")
    plans = _several(region, params, given, wish) if given else (_one(region, params, wish),)
    first = plans[0].subnet
    if zone is not None and first.availability_zone != zone:
        raise _combination(
            f"The subnet '{first.id}' is in the availability zone {first.availability_zone}, "
            f"not in {zone}"
        )
    check_offered(region, instance_type, first.availability_zone)
    _check_limits(info, plans)
    return plans


def _check_limits(info: InstanceTypeInfo, plans: Sequence[InterfacePlan]) -> None:
    """Refuse more than the type has place for. Source: "IP addresses per network interface"."""
    limits = info["NetworkInfo"]
    if len(plans) > limits["MaximumNetworkInterfaces"]:
        raise AwsError(
            "AttachmentLimitExceeded",
            f"Interface count {len(plans)} exceeds the limit for {info['InstanceType']}",
        )
    for plan in plans:
        held = len(plan.existing.private_ips) if plan.existing else plan.addresses
        if held > limits["Ipv4AddressesPerInterface"]:
            raise AwsError(
                "PrivateIpAddressLimitExceeded", "Number of private addresses will exceed limit."
            )


def _one(region: Region, params: Mapping[str, Any], wish: Wish) -> InterfacePlan:
    subnet_id, names = params.get("SubnetId"), params.get("SecurityGroups") or ()
    if subnet_id and names:
        raise _combination("The parameter groupName cannot be used with the parameter subnet")
    subnet = SUBNET.find(region, subnet_id) if subnet_id else default_subnet(region, wish)
    ipv6 = tuple(item.get("Ipv6Address") or "" for item in params.get("Ipv6Addresses") or ())
    plan = InterfacePlan(
        subnet,
        group_ids=groups_for(
            region,
            subnet.vpc_id,
            params.get("SecurityGroupIds") or (),
            names,
            subnet_id=subnet.id,
        ),
        private_ip=params.get("PrivateIpAddress"),
        ipv6_addresses=ipv6,
        ipv6_count=_ipv6_count(ipv6, params.get("Ipv6AddressCount")),
        public_ip=subnet.map_public_ip_on_launch,
    )
    _check_addresses(plan)
    return plan


def _ipv6_count(addresses: Sequence[str], count: int | None) -> int | None:
    if count is None:
        return None
    if addresses:
        raise _combination("Ipv6AddressCount and Ipv6Addresses may not be specified together")
    if not 0 <= count <= MAX_ADDRESSES:
        raise AwsError("InvalidParameterValue", f"Invalid value '{count}' for Ipv6AddressCount.")
    return count


def _several(
    region: Region,
    params: Mapping[str, Any],
    given: Sequence[Mapping[str, Any]],
    wish: Wish,
) -> tuple[InterfacePlan, ...]:
    _check_exclusive(params)
    plans = []
    for item in given:
        if item.get("AssociatePublicIpAddress") is not None and len(given) > 1:
            raise _combination(
                "The associatePublicIPAddress parameter cannot be specified when launching with "
                "multiple network interfaces."
            )
        plans.append(_given(region, item, wish))
    plans.sort(key=lambda plan: (plan.network_card_index, plan.device_index))
    places = {(plan.network_card_index, plan.device_index) for plan in plans}
    if len(places) < len(plans):
        raise AwsError(
            "InvalidParameterValue", "Each network interface requires a unique device index."
        )
    if (0, 0) not in places:
        raise AwsError(
            "InvalidParameterCombination",
            "The network interface with device index 0 must be specified",
        )
    existing = [plan.existing.id for plan in plans if plan.existing]
    if len(set(existing)) < len(existing):
        raise AwsError("InvalidParameterValue", "A network interface is given more than once")
    first = plans[0].subnet
    for plan in plans[1:]:
        if plan.subnet.availability_zone != first.availability_zone:
            raise _combination("All network interfaces must be in one availability zone")
    if len(plans) > 1:
        # A public address comes by itself only where there is one interface.
        plans = [attrs.evolve(plan, public_ip=False) for plan in plans]
    return tuple(plans)


def _given(region: Region, item: Mapping[str, Any], wish: Wish) -> InterfacePlan:
    device_index, card = item.get("DeviceIndex"), item.get("NetworkCardIndex") or 0
    if device_index is None:
        raise AwsError("InvalidParameterValue", "Each network interface requires a device index.")
    for name, number in (("DeviceIndex", device_index), ("NetworkCardIndex", card)):
        if not 0 <= number < 64:
            raise AwsError("InvalidParameterValue", f"Invalid value '{number}' for {name}.")
    if item.get("NetworkInterfaceId"):
        return _existing(region, item, device_index, card)
    for member in ("Ipv4Prefixes", "Ipv4PrefixCount", "Ipv6Prefixes", "Ipv6PrefixCount"):
        if item.get(member):
            raise AwsError(
                "UnsupportedOperation",
                f"{member} is not supported at launch; create the network interface first",
            )
    subnet_id = item.get("SubnetId")
    subnet = SUBNET.find(region, subnet_id) if subnet_id else default_subnet(region, wish)
    main, secondary = _private_ips(item)
    ipv6 = tuple(each.get("Ipv6Address") or "" for each in item.get("Ipv6Addresses") or ())
    asked = item.get("AssociatePublicIpAddress")
    keep = item.get("DeleteOnTermination")
    plan = InterfacePlan(
        subnet,
        device_index=device_index,
        network_card_index=card,
        group_ids=groups_for(region, subnet.vpc_id, item.get("Groups") or (), subnet_id=subnet.id),
        private_ip=main,
        secondary_ips=secondary,
        secondary_count=item.get("SecondaryPrivateIpAddressCount") or 0,
        ipv6_addresses=ipv6,
        ipv6_count=_ipv6_count(ipv6, item.get("Ipv6AddressCount")),
        description=item.get("Description") or "",
        interface_type=item.get("InterfaceType") or "interface",
        delete_on_termination=True if keep is None else keep,
        public_ip=subnet.map_public_ip_on_launch if asked is None else asked,
    )
    _check_addresses(plan)
    return plan


def _private_ips(item: Mapping[str, Any]) -> tuple[str | None, tuple[str, ...]]:
    main: str | None = item.get("PrivateIpAddress")
    secondary: list[str] = []
    for each in item.get("PrivateIpAddresses") or ():
        address = each.get("PrivateIpAddress") or ""
        if not each.get("Primary"):
            secondary.append(address)
        elif main not in (None, address):
            raise _combination("Only one primary private IP address can be specified")
        else:
            main = address
    if secondary and item.get("SecondaryPrivateIpAddressCount"):
        raise _combination(
            "SecondaryPrivateIpAddressCount and secondary PrivateIpAddresses may not be "
            "specified together"
        )
    return main, tuple(secondary)


def _existing(
    region: Region, item: Mapping[str, Any], device_index: int, card: int
) -> InterfacePlan:
    for member in ("SubnetId", "Groups", "PrivateIpAddress", "PrivateIpAddresses"):
        if item.get(member):
            raise _combination(
                f"A network interface may not specify both a network interface ID and {member}"
            )
    interface = NETWORK_INTERFACE.find(region, item["NetworkInterfaceId"])
    if item.get("DeleteOnTermination"):
        raise _combination(
            "An existing network interface cannot be deleted on termination from its launch on; "
            "use ModifyNetworkInterfaceAttribute afterwards"
        )
    if interface.state != "available":
        raise AwsError(
            "InvalidNetworkInterface.InUse",
            f"Interface: [{interface.id}] in use.",
        )
    return InterfacePlan(
        SUBNET.find(region, interface.subnet_id),
        device_index=device_index,
        network_card_index=card,
        existing=interface,
        delete_on_termination=False,
    )


def _check_addresses(plan: InterfacePlan) -> None:
    """Refuse text that is no address and addresses that the subnet does not have."""
    if not 0 <= plan.secondary_count <= MAX_ADDRESSES:
        raise AwsError(
            "InvalidParameterValue",
            f"Invalid value '{plan.secondary_count}' for SecondaryPrivateIpAddressCount.",
        )
    for address in (plan.private_ip, *plan.secondary_ips):
        if address is None:
            continue
        try:
            number = ipaddress.IPv4Address(address)
        except ValueError:
            raise AwsError(
                "InvalidParameterValue", f"Invalid IPv4 address: '{address[:64]}'"
            ) from None
        if not plan.subnet.cidr or number not in ipaddress.IPv4Network(plan.subnet.cidr):
            raise AwsError(
                "InvalidParameterValue",
                f"Address {address} does not fall within the subnet's address range",
            )
        if int(number) in plan.subnet.addresses_in_use:
            raise AwsError("InvalidIPAddress.InUse", f"Address {address} is in use.")
    for address in plan.ipv6_addresses:
        try:
            ipaddress.IPv6Address(address)
        except ValueError:
            raise AwsError(
                "InvalidParameterValue", f"Invalid IPv6 address: '{address[:64]}'"
            ) from None
