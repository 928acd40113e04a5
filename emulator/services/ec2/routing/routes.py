"""Routes of a table: made, replaced, removed, and learnt from VPN gateways."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs

from emulator.core.errors import AwsError
from emulator.model.vpc import Route, RouteTable, Subnet, Vpc
from emulator.net.cidrs import Network, ipv4_network, ipv6_network, is_within
from emulator.net.routes import LOCAL, PROPAGATED, attached_vpc, record_of, routes_of
from emulator.services.call import Call, Handler
from emulator.services.ec2.nouns import NOUNS
from emulator.services.ec2.routing.route_tables import ROUTE_TABLE
from emulator.services.ec2.routing.route_targets import TARGETS, Target
from emulator.state.store import Region

if TYPE_CHECKING:
    from mypy_boto3_ec2 import type_defs as aws

# "Amazon VPC quotas": routes of one table.
MAX_ROUTES = 500


@attrs.frozen
class _Destination:
    """Where packets of a route go to.

    Attributes:
        field: of Route.
        text: its value.
        parameter: what AWS's messages call it.
        network: the range, unless it is a prefix list.
    """

    field: str
    text: str
    parameter: str
    network: Network | None = None


_DESTINATIONS = ("DestinationCidrBlock", "DestinationIpv6CidrBlock", "DestinationPrefixListId")


def _destination(region: Region, params: Mapping[str, Any]) -> _Destination:
    given = [name for name in _DESTINATIONS if params.get(name) is not None]
    if not given:
        raise AwsError(
            "MissingParameter",
            "The request must contain exactly one of destinationCidrBlock, "
            "destinationIpv6CidrBlock, destinationPrefixListId",
        )
    if len(given) > 1:
        raise AwsError(
            "InvalidParameterCombination", f"Only one of {' and '.join(given)} can be specified"
        )
    text: str = params[given[0]]
    if given[0] == "DestinationCidrBlock":
        network: Network = ipv4_network(text, "destinationCidrBlock")
        return _Destination("destination_cidr", str(network), "destination-cidr-block", network)
    if given[0] == "DestinationIpv6CidrBlock":
        network = ipv6_network(text, "destinationIpv6CidrBlock")
        return _Destination(
            "destination_ipv6_cidr", str(network), "destination-ipv6-cidr-block", network
        )
    row = record_of(region, text)
    if row is None or row.PREFIX != "pl":
        raise NOUNS["pl"].missing([text[:64]])
    return _Destination("destination_prefix_list_id", text, "destination-prefix-list-id")


def _target(params: Mapping[str, Any], *, local: bool = False) -> Target | None:
    """Return which target a request names, None for the VPC itself."""
    given = [target for target in TARGETS if params.get(target.parameter) is not None]
    if len(given) + local > 1:
        raise AwsError(
            "InvalidParameterCombination", "Only one target of the route can be specified"
        )
    if local:
        return None
    if not given:
        raise AwsError("MissingParameter", "The request must contain a target of the route")
    return given[0]


def _ranges(vpc: Vpc) -> list[str]:
    return [item.cidr for item in (*vpc.ipv4_associations, *vpc.ipv6_associations)]


def _check_inside(region: Region, vpc: Vpc, destination: _Destination, target: Target) -> None:
    """Refuse a route to a part of the VPC unless it leads through a middlebox in it.

    Source: "Subnet route tables": the destination is then the range of a whole subnet.
    """
    network = destination.network
    if network is None or not any(is_within(network, cidr) for cidr in _ranges(vpc)):
        return
    if not target.inside:
        raise AwsError(
            "InvalidParameterValue",
            f"The destination CIDR block {destination.text} is equal to or more specific than one "
            "of this VPC's CIDR blocks. This route can target only an interface or an instance.",
        )
    if destination.text in _ranges(vpc):
        return
    subnets = region[Subnet].where(vpc_id=vpc.id)
    if not any(
        destination.text in (subnet.cidr, *(item.cidr for item in subnet.ipv6_associations))
        for subnet in subnets
    ):
        raise AwsError(
            "InvalidParameterValue",
            f"The destination CIDR block {destination.text} lies in this VPC's CIDR blocks and is "
            "not the CIDR block of one of its subnets.",
        )


def _check_family(destination: _Destination, target: Target) -> None:
    if (
        target.parameter == "EgressOnlyInternetGatewayId"
        and destination.field == "destination_cidr"
    ):
        raise AwsError(
            "InvalidParameterValue",
            "An egress-only internet gateway takes IPv6 destinations only",
        )


def _present(region: Region, table: RouteTable, destination: _Destination) -> Route | None:
    for route in routes_of(region, table):
        if route.destination == destination.text:
            return route
    return None


def _route(destination: _Destination, fields: Mapping[str, str], origin: str) -> Route:
    values: dict[str, Any] = {destination.field: destination.text, **fields, "origin": origin}
    return Route(**values)


def create_route(call: Call, params: aws.CreateRouteRequestTypeDef) -> dict[str, Any]:
    """Add a route. Source: API_CreateRoute."""
    region = call.region
    table = ROUTE_TABLE.find(region, params["RouteTableId"])
    destination = _destination(region, params)
    target = _target(params)
    assert target is not None
    fields = target.resolve(region, table, _value(params, target))
    _check_family(destination, target)
    _check_inside(region, region[Vpc][table.vpc_id], destination, target)
    route = _route(destination, fields, "CreateRoute")
    present = _present(region, table, destination)
    if present == route:
        return {"Return": True}
    if present is not None and present.origin != PROPAGATED:
        raise AwsError(
            "RouteAlreadyExists", f"The route identified by {destination.text} already exists."
        )
    if len(table.routes) >= MAX_ROUTES:
        raise AwsError(
            "RouteLimitExceeded", f"The maximum number of routes has been reached: {MAX_ROUTES}"
        )
    table.routes = (*table.routes, route)
    return {"Return": True}


def _value(params: Mapping[str, Any], target: Target) -> str:
    value: str = params[target.parameter]
    return value


def replace_route(call: Call, params: aws.ReplaceRouteRequestTypeDef) -> dict[str, Any]:
    """Lead a route somewhere else; the local route too, and back. Source: API_ReplaceRoute."""
    region = call.region
    table = ROUTE_TABLE.find(region, params["RouteTableId"])
    destination = _destination(region, params)
    target = _target(params, local=bool(params.get("LocalTarget")))
    vpc = region[Vpc][table.vpc_id]
    is_local = destination.text in _ranges(vpc)
    others = tuple(route for route in table.routes if route.destination != destination.text)
    if not is_local and len(others) == len(table.routes):
        raise AwsError(
            "InvalidParameterValue",
            f"There is no route defined for '{destination.text}' in the route table. "
            "Use CreateRoute instead.",
        )
    if target is None or (is_local and params.get("GatewayId") == LOCAL):
        if not is_local:
            raise AwsError(
                "InvalidParameterValue",
                f"{destination.text} is no local route; only local routes can lead to the VPC",
            )
        table.routes = others
        return {}
    fields = target.resolve(region, table, _value(params, target))
    _check_family(destination, target)
    _check_inside(region, vpc, destination, target)
    route = _route(destination, fields, "CreateRouteTable" if is_local else "CreateRoute")
    if len(others) == len(table.routes):
        table.routes = (route, *others)
    else:
        table.routes = tuple(
            route if item.destination == destination.text else item for item in table.routes
        )
    return {}


def delete_route(call: Call, params: aws.DeleteRouteRequestTypeDef) -> dict[str, Any]:
    """Remove a route that somebody made."""
    region = call.region
    table = ROUTE_TABLE.find(region, params["RouteTableId"])
    destination = _destination(region, params)
    if destination.text in _ranges(region[Vpc][table.vpc_id]):
        raise AwsError(
            "InvalidParameterValue",
            f"cannot remove local route {destination.text} in route table {table.id}",
        )
    found = next((item for item in table.routes if item.destination == destination.text), None)
    if found is None:
        raise AwsError(
            "InvalidRoute.NotFound",
            f"no route with {destination.parameter} {destination.text} in route table {table.id}",
        )
    if found.destination_prefix_list_id and found.target.startswith("vpce-"):
        raise AwsError(
            "InvalidParameterValue",
            f"cannot remove VPC endpoint route {destination.text} in route table {table.id}",
        )
    table.routes = tuple(item for item in table.routes if item is not found)
    return {"Return": True}


def enable_vgw_route_propagation(
    call: Call, params: aws.EnableVgwRoutePropagationRequestTypeDef
) -> dict[str, Any]:
    """Let a VPN gateway put its routes into a table."""
    region = call.region
    table = ROUTE_TABLE.find(region, params["RouteTableId"])
    gateway_id = params["GatewayId"]
    gateway = record_of(region, gateway_id)
    if gateway is None or gateway.PREFIX != "vgw":
        raise AwsError(
            "InvalidGatewayID.NotFound", f"The gateway ID '{gateway_id[:64]}' does not exist"
        )
    if attached_vpc(gateway) != table.vpc_id:
        raise AwsError(
            "Gateway.NotAttached",
            f"resource {gateway_id} is not attached to network {table.vpc_id}",
        )
    if gateway_id not in table.propagating_gateway_ids:
        table.propagating_gateway_ids = (*table.propagating_gateway_ids, gateway_id)
    return {}


def disable_vgw_route_propagation(
    call: Call, params: aws.DisableVgwRoutePropagationRequestTypeDef
) -> dict[str, Any]:
    """Take a VPN gateway's routes out of a table."""
    table = ROUTE_TABLE.find(call.region, params["RouteTableId"])
    table.propagating_gateway_ids = tuple(
        item for item in table.propagating_gateway_ids if item != params["GatewayId"]
    )
    return {}


OPERATIONS: Mapping[str, Handler] = {
    "CreateRoute": create_route,
    "DeleteRoute": delete_route,
    "DisableVgwRoutePropagation": disable_vgw_route_propagation,
    "EnableVgwRoutePropagation": enable_vgw_route_propagation,
    "ReplaceRoute": replace_route,
}
