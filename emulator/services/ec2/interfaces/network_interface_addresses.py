"""Private addresses and prefixes, assigned to interfaces and taken from them.

Sources: API_AssignPrivateIpAddresses, API_UnassignPrivateIpAddresses,
API_AssignIpv6Addresses, API_UnassignIpv6Addresses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from emulator.catalog.instance_types import instance_type
from emulator.core.errors import AwsError
from emulator.model.instance import Instance
from emulator.model.network_interface import Address, NetworkInterface
from emulator.model.vpc import Subnet
from emulator.net import prefixes
from emulator.net.addresses import give_back, take
from emulator.services.call import Call, Handler
from emulator.services.ec2.interfaces.network_interfaces import (
    MAX_ADDRESSES,
    NETWORK_INTERFACE,
    check_count,
    clear_association,
    ipv6_for,
    new_ipv6_prefixes,
    take_ipv4_prefixes,
)
from emulator.state.store import Region

if TYPE_CHECKING:
    from mypy_boto3_ec2 import type_defs as aws


def _check_limit(region: Region, interface: NetworkInterface, member: str, count: int) -> None:
    """Refuse more addresses than the instance's type has on one interface."""
    instance = region[Instance].get(interface.instance_id)
    info = instance_type(instance.instance_type) if instance is not None else None
    limit = info["NetworkInfo"].get(member) if info is not None else None
    if count > (MAX_ADDRESSES if limit is None else limit):
        raise AwsError(
            "PrivateIpAddressLimitExceeded", "Number of private addresses will exceed limit."
        )


def _only_one(params: Mapping[str, Any], *names: str) -> str:
    """Return which of several parameters was given.

    Raises:
        AwsError: MissingParameter or InvalidParameterCombination.
    """
    given = [name for name in names if params.get(name)]
    if not given:
        raise AwsError("MissingParameter", f"Specify one of {', '.join(names)}")
    if len(given) > 1:
        raise AwsError(
            "InvalidParameterCombination",
            f"The parameter {given[0]} cannot be used with the parameter {given[1]}",
        )
    return given[0]


def _release_from_others(
    call: Call, interface: NetworkInterface, wanted: Sequence[str]
) -> dict[str, NetworkInterface]:
    """Return which other interfaces of the subnet have wanted addresses as secondary ones."""
    holders: dict[str, NetworkInterface] = {}
    for other in call.region[NetworkInterface].where(subnet_id=interface.subnet_id):
        for place, address in enumerate(other.private_ips):
            if address not in wanted or other is interface:
                continue
            if place == 0:
                raise AwsError(
                    "InvalidParameterValue",
                    f"The primary address {address} of '{other.id}' cannot be reassigned",
                )
            holders[address] = other
    return holders


def _assign_ipv4(
    call: Call, interface: NetworkInterface, subnet: Subnet, params: Mapping[str, Any]
) -> list[str]:
    wanted: list[str] = list(params.get("PrivateIpAddresses") or ())
    count = check_count(
        "secondaryPrivateIpAddressCount", params.get("SecondaryPrivateIpAddressCount")
    )
    moved: Mapping[str, NetworkInterface] = {}
    if params.get("AllowReassignment"):
        moved = _release_from_others(call, interface, wanted)
        wanted = [address for address in wanted if address not in interface.private_ips]
    total = len(interface.private_ips) + len(interface.ipv4_prefixes) + len(wanted) + count
    _check_limit(call.region, interface, "Ipv4AddressesPerInterface", total)
    fresh: list[str | None] = [address for address in wanted if address not in moved]
    taken = take(subnet, fresh + [None] * count, call.world.ids.random)
    for address, holder in moved.items():
        holder.private_ips = tuple(ip for ip in holder.private_ips if ip != address)
        for elastic in call.region[Address].where(network_interface_id=holder.id):
            if elastic.private_ip == address:
                elastic.network_interface_id = interface.id
    added = [*moved, *taken]
    interface.private_ips = (*interface.private_ips, *added)
    return added


def assign_private_ip_addresses(
    call: Call, params: aws.AssignPrivateIpAddressesRequestTypeDef
) -> dict[str, Any]:
    """Assign secondary addresses or prefixes."""
    region = call.region
    interface = NETWORK_INTERFACE.find(region, params["NetworkInterfaceId"])
    chosen = _only_one(
        params,
        "PrivateIpAddresses",
        "SecondaryPrivateIpAddressCount",
        "Ipv4Prefixes",
        "Ipv4PrefixCount",
    )
    subnet = region[Subnet][interface.subnet_id]
    if not chosen.startswith("Ipv4Prefix"):
        added = _assign_ipv4(call, interface, subnet, params)
        return {
            "NetworkInterfaceId": interface.id,
            "AssignedPrivateIpAddresses": [{"PrivateIpAddress": ip} for ip in added],
        }
    wanted: list[str | None] = list(params.get("Ipv4Prefixes", ()))
    wanted += [None] * check_count("ipv4PrefixCount", params.get("Ipv4PrefixCount"))
    total = len(interface.private_ips) + len(interface.ipv4_prefixes) + len(wanted)
    _check_limit(region, interface, "Ipv4AddressesPerInterface", total)
    found = take_ipv4_prefixes(call.world, subnet, wanted)
    interface.ipv4_prefixes = (*interface.ipv4_prefixes, *found)
    return {
        "NetworkInterfaceId": interface.id,
        "AssignedIpv4Prefixes": [{"Ipv4Prefix": prefix} for prefix in found],
    }


def _check_held(interface: NetworkInterface, held: Sequence[str], given: Sequence[str]) -> None:
    missing = [value for value in given if value not in held]
    if missing:
        raise AwsError(
            "InvalidParameterValue",
            f"Some of the specified addresses are not assigned to interface {interface.id}: "
            f"{', '.join(missing)[:256]}",
        )


def unassign_private_ip_addresses(
    call: Call, params: aws.UnassignPrivateIpAddressesRequestTypeDef
) -> dict[str, Any]:
    """Take secondary addresses or prefixes away, and Elastic IP addresses with them."""
    region = call.region
    interface = NETWORK_INTERFACE.find(region, params["NetworkInterfaceId"])
    _only_one(params, "PrivateIpAddresses", "Ipv4Prefixes")
    given, given_prefixes = params.get("PrivateIpAddresses", ()), params.get("Ipv4Prefixes", ())
    _check_held(interface, interface.private_ips, given)
    _check_held(interface, interface.ipv4_prefixes, given_prefixes)
    if interface.private_ips[:1] and interface.private_ips[0] in given:
        raise AwsError(
            "InvalidParameterValue",
            f"The primary private IP address of '{interface.id}' cannot be unassigned",
        )
    subnet = region[Subnet][interface.subnet_id]
    for elastic in region[Address].where(network_interface_id=interface.id):
        if elastic.private_ip in given:
            clear_association(elastic)
    interface.private_ips = tuple(ip for ip in interface.private_ips if ip not in given)
    give_back(subnet, given)
    kept = tuple(prefix for prefix in interface.ipv4_prefixes if prefix not in given_prefixes)
    interface.ipv4_prefixes = kept
    for prefix in set(given_prefixes):
        prefixes.give_back_ipv4_prefix(subnet, prefix)
    return {}


def assign_ipv6_addresses(
    call: Call, params: aws.AssignIpv6AddressesRequestTypeDef
) -> dict[str, Any]:
    """Assign IPv6 addresses or prefixes."""
    region = call.region
    interface = NETWORK_INTERFACE.find(region, params["NetworkInterfaceId"])
    _only_one(params, "Ipv6Addresses", "Ipv6AddressCount", "Ipv6Prefixes", "Ipv6PrefixCount")
    subnet = region[Subnet][interface.subnet_id]
    wanted = params.get("Ipv6Addresses", ())
    count = check_count("ipv6AddressCount", params.get("Ipv6AddressCount"))
    wanted_prefixes: list[str | None] = list(params.get("Ipv6Prefixes", ()))
    wanted_prefixes += [None] * check_count("ipv6PrefixCount", params.get("Ipv6PrefixCount"))
    held = len(interface.ipv6_addresses) + len(interface.ipv6_prefixes)
    total = held + len(wanted) + count + len(wanted_prefixes)
    _check_limit(region, interface, "Ipv6AddressesPerInterface", total)
    addresses = ipv6_for(call.world, region, subnet, wanted, count) if wanted or count else ()
    found = (
        new_ipv6_prefixes(call.world, region, subnet, wanted_prefixes) if wanted_prefixes else ()
    )
    interface.ipv6_addresses = (*interface.ipv6_addresses, *addresses)
    interface.ipv6_prefixes = (*interface.ipv6_prefixes, *found)
    return {
        "NetworkInterfaceId": interface.id,
        "AssignedIpv6Addresses": list(addresses),
        "AssignedIpv6Prefixes": list(found),
    }


def unassign_ipv6_addresses(
    call: Call, params: aws.UnassignIpv6AddressesRequestTypeDef
) -> dict[str, Any]:
    """Take IPv6 addresses or prefixes away."""
    interface = NETWORK_INTERFACE.find(call.region, params["NetworkInterfaceId"])
    _only_one(params, "Ipv6Addresses", "Ipv6Prefixes")
    given, given_prefixes = params.get("Ipv6Addresses", ()), params.get("Ipv6Prefixes", ())
    _check_held(interface, interface.ipv6_addresses, given)
    _check_held(interface, interface.ipv6_prefixes, given_prefixes)
    if interface.primary_ipv6 and interface.ipv6_addresses[0] in given:
        raise AwsError(
            "OperationNotPermitted",
            f"The primary IPv6 address of '{interface.id}' cannot be unassigned",
        )
    interface.ipv6_addresses = tuple(ip for ip in interface.ipv6_addresses if ip not in given)
    interface.ipv6_prefixes = tuple(
        prefix for prefix in interface.ipv6_prefixes if prefix not in given_prefixes
    )
    return {
        "NetworkInterfaceId": interface.id,
        "UnassignedIpv6Addresses": list(given),
        "UnassignedIpv6Prefixes": list(given_prefixes),
    }


OPERATIONS: Mapping[str, Handler] = {
    "AssignIpv6Addresses": assign_ipv6_addresses,
    "AssignPrivateIpAddresses": assign_private_ip_addresses,
    "UnassignIpv6Addresses": unassign_ipv6_addresses,
    "UnassignPrivateIpAddresses": unassign_private_ip_addresses,
}
