"""What requests may say of where routes lead. Whether they get there: ``emulator.net.routes``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import attrs

from emulator.core.errors import AwsError
from emulator.model.instance import Instance
from emulator.model.network_interface import NetworkInterface
from emulator.model.vpc import RouteTable
from emulator.net.routes import GONE, record_of, transit_attached
from emulator.services.ec2.nouns import NOUNS
from emulator.state.store import Region

Check: TypeAlias = Callable[[Region, RouteTable, str], Mapping[str, str]]


@attrs.frozen
class Target:
    """One way to say where a route leads.

    Attributes:
        parameter: of CreateRoute and ReplaceRoute.
        resolve: checks the value and returns the fields of Route that stand for it.
        inside: whether a route to a part of the VPC itself may lead there.
    """

    parameter: str
    resolve: Check
    inside: bool = False


def _not_found(prefix: str, code: str, name: str, resource_id: str) -> AwsError:
    noun = NOUNS.get(prefix)
    if not code and noun is not None:
        return noun.missing([resource_id[:64]])
    return AwsError(code, f"The {name} ID '{resource_id[:64]}' does not exist")


def _found(region: Region, prefix: str, code: str, name: str, resource_id: str) -> Any:
    """Return a record that is not gone, or raise the code that CreateRoute has for it."""
    row = record_of(region, resource_id)
    if row is None or prefix != row.PREFIX or getattr(row, "state", None) in GONE:
        raise _not_found(prefix, code, name, resource_id)
    return row


def _same_network(table: RouteTable, row: Any, noun: str) -> None:
    if getattr(row, "vpc_id", table.vpc_id) != table.vpc_id:
        raise AwsError(
            "InvalidParameterValue",
            f"route table {table.id} and {noun} {row.id} belong to different networks",
        )


def _in_network(prefix: str, code: str, name: str, field: str, noun: str) -> Check:
    """Return a check of something that has to be in the table's VPC."""

    def resolve(region: Region, table: RouteTable, value: str) -> Mapping[str, str]:
        _same_network(table, _found(region, prefix, code, name, value), noun)
        return {field: value}

    return resolve


def _anywhere(prefix: str, code: str, name: str, field: str) -> Check:
    def resolve(region: Region, _: RouteTable, value: str) -> Mapping[str, str]:
        _found(region, prefix, code, name, value)
        return {field: value}

    return resolve


_nat_gateway = _in_network(
    "nat", "InvalidNatGatewayID.NotFound", "natGateway", "nat_gateway_id", "NAT gateway"
)
_endpoint = _in_network(
    "vpce", "InvalidVpcEndpointId.NotFound", "vpcEndpoint", "gateway_id", "endpoint"
)
_internet_gateway = _in_network(
    "igw", "InvalidGatewayID.NotFound", "gateway", "gateway_id", "network gateway"
)
_vpn_gateway = _in_network(
    "vgw", "InvalidGatewayID.NotFound", "gateway", "gateway_id", "virtual private gateway"
)

# GatewayId takes NAT gateways and endpoints too, as it did before they had parameters.
_GATEWAYS: Mapping[str, Check] = {
    "igw": _internet_gateway,
    "vgw": _vpn_gateway,
    "nat": _nat_gateway,
    "vpce": _endpoint,
}


def _gateway(region: Region, table: RouteTable, value: str) -> Mapping[str, str]:
    resolve = _GATEWAYS.get(value.rpartition("-")[0])
    if resolve is None:
        raise _not_found("", "InvalidGatewayID.NotFound", "gateway", value)
    return resolve(region, table, value)


def _instance(region: Region, table: RouteTable, value: str) -> Mapping[str, str]:
    instance = region[Instance].get(value)
    if instance is None or instance.state == "terminated":
        raise _not_found("i", "", "instance", value)
    interfaces = region[NetworkInterface].where(instance_id=value)
    if len(interfaces) != 1:
        raise AwsError(
            "InvalidInstanceID",
            f"There are multiple interfaces attached to instance '{value}'. "
            "Please specify an interface ID for the operation instead.",
        )
    _same_network(table, interfaces[0], "interface")
    return {"network_interface_id": interfaces[0].id}


def _transit_gateway(region: Region, table: RouteTable, value: str) -> Mapping[str, str]:
    if not transit_attached(region, value, table.vpc_id):
        raise _not_found("tgw", "InvalidTransitGatewayID.NotFound", "transitGateway", value)
    return {"transit_gateway_id": value}


def _unknown(code: str, name: str) -> Check:
    """Return a check of something that this emulator has none of."""

    def resolve(_: Region, __: RouteTable, value: str) -> Mapping[str, str]:
        raise AwsError(code, f"The {name} '{value[:64]}' does not exist")

    return resolve


TARGETS: tuple[Target, ...] = (
    Target("GatewayId", _gateway),
    Target("NatGatewayId", _nat_gateway, inside=True),
    Target(
        "NetworkInterfaceId",
        _in_network("eni", "", "networkInterface", "network_interface_id", "interface"),
        inside=True,
    ),
    Target("InstanceId", _instance, inside=True),
    Target("TransitGatewayId", _transit_gateway),
    Target(
        "VpcPeeringConnectionId",
        _anywhere("pcx", "", "vpcPeeringConnection", "vpc_peering_connection_id"),
    ),
    Target("VpcEndpointId", _endpoint, inside=True),
    Target(
        "EgressOnlyInternetGatewayId",
        _in_network(
            "eigw", "InvalidGatewayID.NotFound", "eigw", "egress_only_internet_gateway_id", "eigw"
        ),
    ),
    Target(
        "CarrierGatewayId",
        _in_network(
            "cagw",
            "InvalidCarrierGatewayID.NotFound",
            "carrierGateway",
            "carrier_gateway_id",
            "carrier gateway",
        ),
    ),
    Target(
        "LocalGatewayId",
        _anywhere("lgw", "InvalidLocalGatewayID.NotFound", "localGateway", "local_gateway_id"),
    ),
    Target("CoreNetworkArn", _unknown("InvalidCoreNetworkArn.NotFound", "core network")),
    Target("OdbNetworkArn", _unknown("InvalidParameterValue", "ODB network")),
)
