"""Route tables of transit gateways; their routes: ``transit_gateway_routes``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from emulator.core.errors import AwsError
from emulator.model.row import NO_TAGS
from emulator.model.transit_gateway import (
    TransitGateway,
    TransitGatewayAssociation,
    TransitGatewayPrefixListReference,
    TransitGatewayPropagation,
    TransitGatewayRoute,
    TransitGatewayRouteTable,
)
from emulator.services.call import Call, Handler
from emulator.services.ec2.endings import ENDED, end
from emulator.services.ec2.kind import Kind, tag_set
from emulator.services.ec2.nouns import NOUNS
from emulator.services.ec2.tags import tags_on_create
from emulator.state.store import Region

if TYPE_CHECKING:
    from mypy_boto3_ec2 import type_defs as aws

MAX_TABLES = 20


def _is_association_default(region: Region, table: TransitGatewayRouteTable) -> bool:
    gateway = region[TransitGateway].get(table.transit_gateway_id)
    return gateway is not None and gateway.association_table_id == table.id


def _is_propagation_default(region: Region, table: TransitGatewayRouteTable) -> bool:
    gateway = region[TransitGateway].get(table.transit_gateway_id)
    return gateway is not None and gateway.propagation_table_id == table.id


def _view(region: Region, table: TransitGatewayRouteTable) -> Mapping[str, Any]:
    return {
        "TransitGatewayRouteTableId": table.id,
        "TransitGatewayId": table.transit_gateway_id,
        "State": table.state,
        "DefaultAssociationRouteTable": _is_association_default(region, table),
        "DefaultPropagationRouteTable": _is_propagation_default(region, table),
        "CreationTime": table.created_at,
        "Tags": tag_set(table.tags),
    }


TRANSIT_GATEWAY_ROUTE_TABLE = Kind(
    row=TransitGatewayRouteTable,
    shape="TransitGatewayRouteTable",
    view=_view,
    filters={
        "default-association-route-table": _is_association_default,
        "default-propagation-route-table": _is_propagation_default,
        "state": lambda _, table: table.state,
        "transit-gateway-id": lambda _, table: table.transit_gateway_id,
        "transit-gateway-route-table-id": lambda _, table: table.id,
    },
)


def live_table(region: Region, table_id: str) -> TransitGatewayRouteTable:
    """Return a table that is not deleted.

    Raises:
        AwsError: InvalidRouteTableID.NotFound.
    """
    table = TRANSIT_GATEWAY_ROUTE_TABLE.find(region, table_id)
    if table.state in ENDED:
        raise TRANSIT_GATEWAY_ROUTE_TABLE.noun.missing([table_id])
    return table


def new_table(
    call: Call, gateway_id: str, tags: Mapping[str, str] = NO_TAGS
) -> TransitGatewayRouteTable:
    """Add an empty table, which becomes available by itself."""
    table = call.region[TransitGatewayRouteTable].add(
        TransitGatewayRouteTable(
            id=call.new_id(TransitGatewayRouteTable),
            state="pending",
            transit_gateway_id=gateway_id,
            created_at=call.world.clock.now(),
            tags=tags,
        )
    )
    call.world.settle(table, "available")
    return table


def end_table(call: Call, table: TransitGatewayRouteTable) -> None:
    """Delete a table with its routes and all that refers to it."""
    region = call.region
    for kind in (
        TransitGatewayAssociation,
        TransitGatewayPropagation,
        TransitGatewayRoute,
        TransitGatewayPrefixListReference,
    ):
        for row in region[kind].where(route_table_id=table.id):
            region[kind].remove(row)
    table.move("deleting")
    end(call, region, table)


def create_transit_gateway_route_table(
    call: Call, params: aws.CreateTransitGatewayRouteTableRequestTypeDef
) -> dict[str, Any]:
    """Create a table. Source: API_CreateTransitGatewayRouteTable."""
    region, gateway_id = call.region, params["TransitGatewayId"]
    gateway = region[TransitGateway].get(gateway_id)
    if gateway is None or gateway.state in ENDED:
        raise NOUNS["tgw"].missing([gateway_id])
    if gateway.state == "pending":
        raise AwsError("IncorrectState", f"{gateway.id} is in invalid state")
    present = region[TransitGatewayRouteTable].where(transit_gateway_id=gateway.id)
    if sum(table.state not in ENDED for table in present) >= MAX_TABLES:
        raise AwsError(
            "TransitGatewayRouteTableLimitExceeded",
            f"A transit gateway has at most {MAX_TABLES} route tables",
        )
    tags = tags_on_create(params, "transit-gateway-route-table")
    table = new_table(call, gateway.id, tags)
    return {"TransitGatewayRouteTable": TRANSIT_GATEWAY_ROUTE_TABLE.show(region, table)}


def describe_transit_gateway_route_tables(
    call: Call, params: aws.DescribeTransitGatewayRouteTablesRequestTypeDef
) -> dict[str, Any]:
    """List tables."""
    return TRANSIT_GATEWAY_ROUTE_TABLE.describe(
        call, params, ids="TransitGatewayRouteTableIds", result="TransitGatewayRouteTables"
    )


def delete_transit_gateway_route_table(
    call: Call, params: aws.DeleteTransitGatewayRouteTableRequestTypeDef
) -> dict[str, Any]:
    """Delete a table that is no default and that no attachment is associated with."""
    region = call.region
    table = live_table(region, params["TransitGatewayRouteTableId"])
    if _is_association_default(region, table) or _is_propagation_default(region, table):
        raise AwsError(
            "IncorrectState",
            f"{table.id} is a default route table of {table.transit_gateway_id} and cannot be "
            "deleted.",
        )
    associated = [
        row.id for row in region[TransitGatewayAssociation].where(route_table_id=table.id)
    ]
    if associated:
        raise AwsError(
            "IncorrectState", f"{table.id} has non-deleted associations: {', '.join(associated)}."
        )
    end_table(call, table)
    return {"TransitGatewayRouteTable": TRANSIT_GATEWAY_ROUTE_TABLE.show(region, table)}


OPERATIONS: Mapping[str, Handler] = {
    "CreateTransitGatewayRouteTable": create_transit_gateway_route_table,
    "DeleteTransitGatewayRouteTable": delete_transit_gateway_route_table,
    "DescribeTransitGatewayRouteTables": describe_transit_gateway_route_tables,
}
