"""Secondary addresses of NAT gateways: Elastic ones of public, private ones of private.

Source: "Edit secondary IP address associations" in the Amazon VPC user guide.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs

from emulator.core.errors import AwsError
from emulator.model.nat_gateway import NatAddress, NatGateway
from emulator.model.network_interface import Address, NetworkInterface
from emulator.model.vpc import Subnet
from emulator.net.addresses import give_back, take
from emulator.services.call import Call, Handler
from emulator.services.ec2.interfaces.network_interfaces import clear_association
from emulator.services.ec2.nouns import NOUNS
from emulator.services.ec2.routing.nat_gateways import (
    MAX_ADDRESSES,
    NAT_GATEWAY,
    address_view,
    already_associated,
    associate,
    elastic_addresses,
)

if TYPE_CHECKING:
    from mypy_boto3_ec2 import type_defs as aws


def _gateway(call: Call, gateway_id: str, connectivity_type: str) -> NatGateway:
    gateway = NAT_GATEWAY.find(call.region, gateway_id)
    if gateway.connectivity_type != connectivity_type:
        raise AwsError(
            "InvalidParameter",
            f"The NAT gateway {gateway.id} is {gateway.connectivity_type}; "
            f"this operation is for {connectivity_type} NAT gateways",
        )
    if gateway.state != "available":
        raise AwsError(
            "IncorrectState", f"The NAT gateway {gateway.id} is in state {gateway.state}"
        )
    return gateway


def _answer(gateway: NatGateway, addresses: Sequence[NatAddress]) -> dict[str, Any]:
    return {
        "NatGatewayId": gateway.id,
        "NatGatewayAddresses": [address_view(address) for address in addresses],
    }


def _take(call: Call, gateway: NatGateway, wanted: Sequence[str | None]) -> tuple[str, ...]:
    """Take private addresses for a gateway's interface, all or none."""
    if len(gateway.addresses) + len(wanted) > MAX_ADDRESSES:
        raise AwsError(
            "PrivateIpAddressLimitExceeded",
            f"A NAT gateway has at most {MAX_ADDRESSES} addresses",
        )
    region = call.region
    interface = region[NetworkInterface][gateway.addresses[0].network_interface_id or ""]
    taken = tuple(take(region[Subnet][gateway.subnet_id], wanted, call.world.ids.random))
    interface.private_ips = (*interface.private_ips, *taken)
    return taken


def _add(call: Call, gateway: NatGateway, added: Sequence[NatAddress], status: str) -> None:
    """Show new addresses in a transitional status until the answer is out."""
    gateway.addresses = (
        *gateway.addresses,
        *(attrs.evolve(address, status=status) for address in added),
    )
    private_ips = {address.private_ip for address in added}
    call.world.later(
        0, f"settling addresses of {gateway.id}", _succeed, gateway, private_ips, status
    )


def _succeed(gateway: NatGateway, private_ips: Collection[str], status: str) -> None:
    gateway.addresses = tuple(
        attrs.evolve(address, status="succeeded")
        if address.private_ip in private_ips and address.status == status
        else address
        for address in gateway.addresses
    )


def _drop(
    call: Call, gateway: NatGateway, leaving: Callable[[NatAddress], bool], status: str
) -> list[NatAddress]:
    """Show addresses as leaving, and let them go once the answer is out.

    Nothing is connected through them here, so nothing has to drain.
    """
    gateway.addresses = tuple(
        attrs.evolve(address, status=status) if leaving(address) else address
        for address in gateway.addresses
    )
    call.world.later(0, f"dropping addresses of {gateway.id}", _dropped, call, gateway, status)
    return [address for address in gateway.addresses if leaving(address)]


def _dropped(call: Call, gateway: NatGateway, status: str) -> None:
    region = call.region
    gone = [address for address in gateway.addresses if address.status == status]
    gateway.addresses = tuple(address for address in gateway.addresses if address not in gone)
    for address in gone:
        elastic = region[Address].get(address.allocation_id)
        if elastic is not None and elastic.association_id == address.association_id:
            clear_association(elastic)
        interface = region[NetworkInterface].get(address.network_interface_id)
        subnet = region[Subnet].get(gateway.subnet_id)
        if interface is not None and subnet is not None and address.private_ip is not None:
            interface.private_ips = tuple(
                item for item in interface.private_ips if item != address.private_ip
            )
            give_back(subnet, [address.private_ip])


def associate_nat_gateway_address(
    call: Call, params: aws.AssociateNatGatewayAddressRequestTypeDef
) -> dict[str, Any]:
    """Give a public gateway more Elastic IP addresses."""
    gateway = _gateway(call, params["NatGatewayId"], "public")
    elastic = elastic_addresses(call.region, params["AllocationIds"])
    taken_by_others = already_associated(elastic)
    if taken_by_others is not None:
        raise AwsError(*taken_by_others)
    wanted: Sequence[str | None] = params.get("PrivateIpAddresses") or [None] * len(elastic)
    if len(wanted) != len(elastic):
        raise AwsError(
            "InvalidParameterCombination",
            "PrivateIpAddresses must be as many as AllocationIds",
        )
    interface = call.region[NetworkInterface][gateway.addresses[0].network_interface_id or ""]
    added = [
        associate(call, gateway.id, interface, private_ip, address)
        for private_ip, address in zip(_take(call, gateway, wanted), elastic, strict=True)
    ]
    _add(call, gateway, added, "associating")
    return _answer(gateway, gateway.addresses[-len(added) :])


def disassociate_nat_gateway_address(
    call: Call, params: aws.DisassociateNatGatewayAddressRequestTypeDef
) -> dict[str, Any]:
    """Take secondary Elastic IP addresses from a public gateway."""
    gateway = _gateway(call, params["NatGatewayId"], "public")
    wanted = set(params["AssociationIds"])
    known = {address.association_id: address for address in gateway.addresses}
    missing = [item for item in params["AssociationIds"] if item not in known]
    if missing:
        raise NOUNS["eipassoc"].missing(missing)
    _check_secondary([known[item] for item in wanted], "disassociated")
    gone = _drop(call, gateway, lambda address: address.association_id in wanted, "disassociating")
    return _answer(gateway, gone)


def _check_secondary(addresses: Sequence[NatAddress], verb: str) -> None:
    for address in addresses:
        if address.is_primary:
            raise AwsError(
                "InvalidParameter",
                f"The primary IP address of a NAT gateway cannot be {verb}",
            )


def assign_private_nat_gateway_address(
    call: Call, params: aws.AssignPrivateNatGatewayAddressRequestTypeDef
) -> dict[str, Any]:
    """Give a private gateway more private addresses, named ones or some number."""
    gateway = _gateway(call, params["NatGatewayId"], "private")
    wanted: Sequence[str | None] | None = params.get("PrivateIpAddresses")
    count = params.get("PrivateIpAddressCount")
    if wanted and count is not None:
        raise AwsError(
            "InvalidParameterCombination",
            "Only one of PrivateIpAddresses and PrivateIpAddressCount can be specified",
        )
    if not wanted and count is None:
        raise AwsError(
            "MissingParameter",
            "The request must contain PrivateIpAddresses or PrivateIpAddressCount",
        )
    interface_id = gateway.addresses[0].network_interface_id
    added = [
        NatAddress(private_ip=private_ip, network_interface_id=interface_id)
        for private_ip in _take(call, gateway, wanted or [None] * (count or 0))
    ]
    _add(call, gateway, added, "assigning")
    return _answer(gateway, gateway.addresses[-len(added) :])


def unassign_private_nat_gateway_address(
    call: Call, params: aws.UnassignPrivateNatGatewayAddressRequestTypeDef
) -> dict[str, Any]:
    """Take secondary private addresses from a private gateway."""
    gateway = _gateway(call, params["NatGatewayId"], "private")
    wanted = set(params["PrivateIpAddresses"])
    known = {address.private_ip: address for address in gateway.addresses}
    for private_ip in params["PrivateIpAddresses"]:
        if private_ip not in known:
            raise AwsError(
                "InvalidParameterValue",
                f"The NAT gateway {gateway.id} has no address {private_ip[:64]}",
            )
    _check_secondary([known[item] for item in wanted], "unassigned")
    gone = _drop(call, gateway, lambda address: address.private_ip in wanted, "unassigning")
    return _answer(gateway, gone)


OPERATIONS: Mapping[str, Handler] = {
    "AssignPrivateNatGatewayAddress": assign_private_nat_gateway_address,
    "AssociateNatGatewayAddress": associate_nat_gateway_address,
    "DisassociateNatGatewayAddress": disassociate_nat_gateway_address,
    "UnassignPrivateNatGatewayAddress": unassign_private_nat_gateway_address,
}
