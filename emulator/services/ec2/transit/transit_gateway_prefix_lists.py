"""Prefix lists in route tables of transit gateways: one static route for each entry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from emulator.core.errors import AwsError
from emulator.model.transit_gateway import (
    TransitGatewayPrefixListReference,
    TransitGatewayRouteTable,
)
from emulator.services.call import Call, Handler
from emulator.services.ec2.routing.prefix_lists import PREFIX_LIST
from emulator.services.ec2.transit.transit_gateway_routes import attachment_view, target
from emulator.services.ec2.transit.transit_gateway_tables import live_table
from emulator.services.filters import Field, select
from emulator.services.pages import page_of_rows
from emulator.state.store import Region

if TYPE_CHECKING:
    from mypy_boto3_ec2 import type_defs as aws


def _view(region: Region, row: TransitGatewayPrefixListReference) -> dict[str, Any]:
    return {
        "TransitGatewayRouteTableId": row.route_table_id,
        "PrefixListId": row.prefix_list_id,
        "PrefixListOwnerId": row.prefix_list_owner_id,
        "State": row.state,
        "Blackhole": row.attachment_id is None,
        "TransitGatewayAttachment": (
            attachment_view(region, row.attachment_id) if row.attachment_id else None
        ),
    }


def _id(table: TransitGatewayRouteTable, list_id: str) -> str:
    return f"{table.id}/{list_id}"


def _existing(
    region: Region, table: TransitGatewayRouteTable, list_id: str
) -> TransitGatewayPrefixListReference:
    row = region[TransitGatewayPrefixListReference].get(_id(table, list_id))
    if row is None:
        raise AwsError(
            "InvalidPrefixListReference.NotFound",
            f"Prefix list {list_id[:64]} is not referenced in {table.id}.",
        )
    return row


def create_transit_gateway_prefix_list_reference(
    call: Call, params: aws.CreateTransitGatewayPrefixListReferenceRequestTypeDef
) -> dict[str, Any]:
    """Route all ranges of a prefix list to an attachment, or nowhere."""
    region = call.region
    prefix_list = PREFIX_LIST.find(region, params["PrefixListId"])
    table, attachment_id = target(region, params)
    if _id(table, prefix_list.id) in region[TransitGatewayPrefixListReference]:
        raise AwsError(
            "PrefixListReferenceAlreadyExists",
            f"Prefix list {prefix_list.id} is already referenced in {table.id}.",
        )
    row = region[TransitGatewayPrefixListReference].add(
        TransitGatewayPrefixListReference(
            id=_id(table, prefix_list.id),
            state="pending",
            route_table_id=table.id,
            prefix_list_id=prefix_list.id,
            prefix_list_owner_id=prefix_list.owner_id,
            attachment_id=attachment_id,
        )
    )
    call.world.settle(row, "available")
    return {"TransitGatewayPrefixListReference": _view(region, row)}


def modify_transit_gateway_prefix_list_reference(
    call: Call, params: aws.ModifyTransitGatewayPrefixListReferenceRequestTypeDef
) -> dict[str, Any]:
    """Let the ranges of a prefix list lead elsewhere."""
    table, attachment_id = target(call.region, params)
    row = _existing(call.region, table, params["PrefixListId"])
    row.attachment_id = attachment_id
    if row.may("modifying"):
        row.move("modifying")
        call.world.settle(row, "available")
    return {"TransitGatewayPrefixListReference": _view(call.region, row)}


def delete_transit_gateway_prefix_list_reference(
    call: Call, params: aws.DeleteTransitGatewayPrefixListReferenceRequestTypeDef
) -> dict[str, Any]:
    """Take a prefix list's routes out of a table."""
    table = live_table(call.region, params["TransitGatewayRouteTableId"])
    row = _existing(call.region, table, params["PrefixListId"])
    call.region[TransitGatewayPrefixListReference].remove(row)
    row.move("deleting")
    return {"TransitGatewayPrefixListReference": _view(call.region, row)}


def _of_attachment(name: str) -> Field[TransitGatewayPrefixListReference]:
    def field(region: Region, row: TransitGatewayPrefixListReference) -> str | None:
        if row.attachment_id is None:
            return None
        value: str | None = attachment_view(region, row.attachment_id)[name]
        return value

    return field


_FILTERS: Mapping[str, Field[TransitGatewayPrefixListReference]] = {
    "attachment.resource-id": _of_attachment("ResourceId"),
    "attachment.resource-type": _of_attachment("ResourceType"),
    "attachment.transit-gateway-attachment-id": lambda _, row: row.attachment_id,
    "is-blackhole": lambda _, row: row.attachment_id is None,
    "prefix-list-id": lambda _, row: row.prefix_list_id,
    "prefix-list-owner-id": lambda _, row: row.prefix_list_owner_id,
    "state": lambda _, row: row.state,
}


def get_transit_gateway_prefix_list_references(
    call: Call, params: aws.GetTransitGatewayPrefixListReferencesRequestTypeDef
) -> dict[str, Any]:
    """List the prefix lists in a table."""
    region = call.region
    table = live_table(region, params["TransitGatewayRouteTableId"])
    rows = region[TransitGatewayPrefixListReference].where(route_table_id=table.id)
    rows = select(region, rows, params.get("Filters"), _FILTERS, taggable=False)
    shown, token = page_of_rows(call.operation.name, rows, params, call.operation.page_limits)
    return {
        "TransitGatewayPrefixListReferences": [_view(region, row) for row in shown],
        "NextToken": token,
    }


OPERATIONS: Mapping[str, Handler] = {
    "CreateTransitGatewayPrefixListReference": create_transit_gateway_prefix_list_reference,
    "DeleteTransitGatewayPrefixListReference": delete_transit_gateway_prefix_list_reference,
    "GetTransitGatewayPrefixListReferences": get_transit_gateway_prefix_list_references,
    "ModifyTransitGatewayPrefixListReference": modify_transit_gateway_prefix_list_reference,
}
