"""Routes of transit gateways: static ones are records, propagated ones follow from VPCs.

Source: "Transit gateway route tables", for what is propagated and which route wins.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs

from emulator.core.errors import AwsError
from emulator.model.prefix_list import PrefixList
from emulator.model.transit_gateway import (
    TransitGatewayAttachment,
    TransitGatewayPrefixListReference,
    TransitGatewayPropagation,
    TransitGatewayRoute,
    TransitGatewayRouteTable,
)
from emulator.model.vpc import Vpc
from emulator.net.cidrs import Network, ipv4_network, ipv6_network, is_within, known_network
from emulator.services.call import Call, Handler
from emulator.services.ec2.transit.transit_gateway_associations import pair
from emulator.services.ec2.transit.transit_gateway_tables import live_table
from emulator.services.filters import Field, select
from emulator.services.pages import page_by
from emulator.state.store import Region

if TYPE_CHECKING:
    from mypy_boto3_ec2 import type_defs as aws

ENABLE = "enable"
DEFAULT_ROUTES = 1000
PAGE_LIMITS = (5, 1000)
MAX_STATIC_ROUTES = 10_000


@attrs.frozen
class _Shown:
    """A route of either type, as searches see it."""

    cidr: str
    attachment_id: str | None
    type: str
    prefix_list_id: str | None = None


def _network(text: str) -> Network:
    parse = ipv6_network if ":" in text else ipv4_network
    return parse(text, "destinationCidrBlock")


def _route_id(table: TransitGatewayRouteTable, cidr: str) -> str:
    return f"{table.id}/{cidr}"


def _attachment(region: Region, attachment_id: str | None) -> TransitGatewayAttachment | None:
    return region[TransitGatewayAttachment].get(attachment_id)


def state_of(region: Region, attachment_id: str | None) -> str:
    """Return whether a route to an attachment, or to none, leads anywhere."""
    attachment = _attachment(region, attachment_id)
    works = attachment is not None and attachment.state in ("available", "modifying")
    return "active" if works else "blackhole"


def attachment_view(region: Region, attachment_id: str) -> dict[str, Any]:
    """Return an attachment as routes and prefix list references show it."""
    attachment = _attachment(region, attachment_id)
    return {
        "ResourceId": attachment.resource_id if attachment else None,
        "TransitGatewayAttachmentId": attachment_id,
        "ResourceType": attachment.resource_type if attachment else None,
    }


def _view(region: Region, route: _Shown, state: str | None = None) -> dict[str, Any]:
    return {
        "DestinationCidrBlock": route.cidr,
        "PrefixListId": route.prefix_list_id,
        "TransitGatewayAttachments": (
            [attachment_view(region, route.attachment_id)] if route.attachment_id else []
        ),
        "Type": route.type,
        "State": state or state_of(region, route.attachment_id),
    }


def _static(route: TransitGatewayRoute) -> _Shown:
    return _Shown(route.cidr, route.attachment_id, "static")


def _propagated(call: Call, table: TransitGatewayRouteTable) -> list[_Shown]:
    """Return what attached VPCs propagate; of ranges that overlap the first one counts.

    A VPN connection propagates what BGP tells it, and nobody speaks BGP here.
    """
    region, found = call.region, list[_Shown]()
    for row in region[TransitGatewayPropagation].where(route_table_id=table.id):
        attachment = _attachment(region, row.attachment_id)
        if attachment is None or attachment.resource_type != "vpc" or row.state == "disabling":
            continue
        owner = call.state.region(attachment.resource_owner_id, region.name)
        vpc = owner[Vpc].get(attachment.resource_id)
        if vpc is None or attachment.state not in ("available", "modifying"):
            continue
        cidrs = [item.cidr for item in vpc.ipv4_associations]
        if attachment.options.get("Ipv6Support") == ENABLE:
            cidrs += [item.cidr for item in vpc.ipv6_associations]
        others = [route.cidr for route in found]
        found += [
            _Shown(cidr, attachment.id, "propagated") for cidr in cidrs if not _clash(cidr, others)
        ]
    return found


def _clash(cidr: str, others: Sequence[str]) -> bool:
    network = known_network(cidr)
    return any(
        network.overlaps(other)
        for other in map(known_network, others)
        if other.version == network.version
    )


def _listed(region: Region, table: TransitGatewayRouteTable) -> list[_Shown]:
    """Return the routes that prefix list references stand for."""
    found: list[_Shown] = []
    for reference in region[TransitGatewayPrefixListReference].where(route_table_id=table.id):
        prefix_list = region[PrefixList].get(reference.prefix_list_id)
        found += [
            _Shown(entry.cidr, reference.attachment_id, "static", reference.prefix_list_id)
            for entry in (prefix_list.entries if prefix_list is not None else ())
        ]
    return found


def routes_of(call: Call, table: TransitGatewayRouteTable) -> list[_Shown]:
    """Return a table's routes by destination; static routes hide propagated ones."""
    routes: dict[str, _Shown] = {route.cidr: route for route in _propagated(call, table)}
    routes.update({route.cidr: route for route in _listed(call.region, table)})
    for row in call.region[TransitGatewayRoute].where(route_table_id=table.id):
        routes[row.cidr] = _static(row)
    return sorted(routes.values(), key=_place)


def _place(route: _Shown) -> str:
    """Return where a route stands among all, whichever others come and go."""
    network = known_network(route.cidr)
    return f"{network.version}/{int(network.network_address):032x}/{network.prefixlen:03}"


def target(
    region: Region, params: Mapping[str, Any]
) -> tuple[TransitGatewayRouteTable, str | None]:
    """Return the table of a request and the attachment it leads to, None for nowhere.

    Raises:
        AwsError: MissingParameter or InvalidParameterCombination unless exactly one of
            Blackhole and TransitGatewayAttachmentId is given.
    """
    blackhole = bool(params.get("Blackhole"))
    if blackhole and params.get("TransitGatewayAttachmentId") is not None:
        raise AwsError(
            "InvalidParameterCombination",
            "A blackhole route cannot have a TransitGatewayAttachmentId",
        )
    if blackhole:
        return live_table(region, params["TransitGatewayRouteTableId"]), None
    table, attachment = pair(region, params)
    return table, attachment.id


def create_transit_gateway_route(
    call: Call, params: aws.CreateTransitGatewayRouteRequestTypeDef
) -> dict[str, Any]:
    """Create a static route. Source: API_CreateTransitGatewayRoute."""
    region = call.region
    cidr = str(_network(params["DestinationCidrBlock"]))
    table, attachment_id = target(region, params)
    static = region[TransitGatewayRoute]
    if _route_id(table, cidr) in static:
        raise AwsError(
            "RouteAlreadyExists",
            f"Route {cidr} already exists in Transit Gateway Route Table {table.id}.",
        )
    if len(static.where(route_table_id=table.id)) >= MAX_STATIC_ROUTES:
        raise AwsError(
            "RouteLimitExceeded", f"{table.id} has the maximum of {MAX_STATIC_ROUTES} routes"
        )
    row = static.add(
        TransitGatewayRoute(
            id=_route_id(table, cidr),
            route_table_id=table.id,
            cidr=cidr,
            attachment_id=attachment_id,
        )
    )
    return {"Route": _view(region, _static(row))}


def _existing(region: Region, table: TransitGatewayRouteTable, text: str) -> TransitGatewayRoute:
    cidr = str(_network(text))
    row = region[TransitGatewayRoute].get(_route_id(table, cidr))
    if row is None:
        raise AwsError(
            "InvalidRoute.NotFound",
            f"Route {cidr} does not exist in Transit Gateway Route Table {table.id}.",
        )
    return row


def replace_transit_gateway_route(
    call: Call, params: aws.ReplaceTransitGatewayRouteRequestTypeDef
) -> dict[str, Any]:
    """Let a static route lead elsewhere."""
    table, attachment_id = target(call.region, params)
    row = _existing(call.region, table, params["DestinationCidrBlock"])
    row.attachment_id = attachment_id
    return {"Route": _view(call.region, _static(row))}


def delete_transit_gateway_route(
    call: Call, params: aws.DeleteTransitGatewayRouteRequestTypeDef
) -> dict[str, Any]:
    """Delete a static route."""
    table = live_table(call.region, params["TransitGatewayRouteTableId"])
    row = _existing(call.region, table, params["DestinationCidrBlock"])
    shown = _view(call.region, _static(row), "deleted")
    call.region[TransitGatewayRoute].remove(row)
    return {"Route": shown}


def _exact(route: Network, asked: Network) -> bool:
    return route == asked


def _subnet_of(route: Network, asked: Network) -> bool:
    return is_within(route, str(asked))


def _supernet_of(route: Network, asked: Network) -> bool:
    return is_within(asked, str(route))


_SEARCHES: Mapping[str, Callable[[Network, Network], bool]] = {
    "route-search.exact-match": _exact,
    "route-search.longest-prefix-match": _supernet_of,
    "route-search.subnet-of-match": _subnet_of,
    "route-search.supernet-of-match": _supernet_of,
}


def _search(routes: list[_Shown], name: str, values: Sequence[str]) -> list[_Shown]:
    """Return the routes that one ``route-search`` filter finds."""
    if not values:
        raise AwsError("InvalidParameterValue", f"The filter '{name}' has no values")
    matches = _SEARCHES[name]
    found: list[_Shown] = []
    for text in values:
        asked = _network(_as_cidr(text))
        hits = [route for route in routes if matches(known_network(route.cidr), asked)]
        if name == "route-search.longest-prefix-match" and hits:
            hits = [max(hits, key=lambda route: known_network(route.cidr).prefixlen)]
        found += [route for route in hits if route not in found]
    return found


def _as_cidr(text: str) -> str:
    """Return an address as the range of itself; longest-prefix-match takes both."""
    if "/" in text:
        return text
    return f"{text}/128" if ":" in text else f"{text}/32"


def _of_attachment(name: str) -> Field[Any]:
    def field(region: Region, route: Any) -> str | None:
        if route.attachment_id is None:
            return None
        value: str | None = attachment_view(region, route.attachment_id)[name]
        return value

    return field


_FIELDS: Mapping[str, Field[Any]] = {
    "attachment.resource-id": _of_attachment("ResourceId"),
    "attachment.resource-type": _of_attachment("ResourceType"),
    "attachment.transit-gateway-attachment-id": lambda _, route: route.attachment_id,
    "prefix-list-id": lambda _, route: route.prefix_list_id,
    "state": lambda region, route: state_of(region, route.attachment_id),
    "type": lambda _, route: route.type,
}


def search_transit_gateway_routes(
    call: Call, params: aws.SearchTransitGatewayRoutesRequestTypeDef
) -> dict[str, Any]:
    """Find routes of a table."""
    region = call.region
    table = live_table(region, params["TransitGatewayRouteTableId"])
    routes, plain = routes_of(call, table), []
    for item in params["Filters"]:
        name = item.get("Name", "")
        if name in _SEARCHES:
            routes = _search(routes, name, item.get("Values") or ())
        else:
            plain.append(item)
    routes = select(region, routes, plain, _FIELDS, taggable=False)  # type: ignore[type-var]  # no record, but filtered alike
    shown, token = page_by(
        call.operation.name,
        routes,
        {"MaxResults": DEFAULT_ROUTES, **params},
        PAGE_LIMITS,
        _place,
        str,
    )
    return {
        "Routes": [_view(region, route) for route in shown],
        "AdditionalRoutesAvailable": token is not None,
        "NextToken": token,
    }


OPERATIONS: Mapping[str, Handler] = {
    "CreateTransitGatewayRoute": create_transit_gateway_route,
    "DeleteTransitGatewayRoute": delete_transit_gateway_route,
    "ReplaceTransitGatewayRoute": replace_transit_gateway_route,
    "SearchTransitGatewayRoutes": search_transit_gateway_routes,
}
