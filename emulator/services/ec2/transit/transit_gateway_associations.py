"""Which route tables of a transit gateway serve an attachment, and which learn from it.

Source: "Transit gateway route tables": an attachment is associated with one table and may
propagate its routes to many.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from emulator.core.errors import AwsError
from emulator.model.row import Row, Stateful
from emulator.model.transit_gateway import (
    TransitGatewayAssociation,
    TransitGatewayAttachment,
    TransitGatewayPropagation,
    TransitGatewayRouteTable,
)
from emulator.services.call import Call, Handler
from emulator.services.ec2.transit.transit_gateway_attachments import (
    add_propagation,
    invalid_state,
    live_attachment,
    missing,
    propagation_id,
)
from emulator.services.ec2.transit.transit_gateway_tables import live_table
from emulator.services.filters import Field, select
from emulator.services.pages import page_of_rows
from emulator.state.store import Region

if TYPE_CHECKING:
    from mypy_boto3_ec2 import type_defs as aws

R = TypeVar("R", bound=Row)


def _resource(region: Region, attachment_id: str) -> dict[str, Any]:
    attachment = region[TransitGatewayAttachment].get(attachment_id)
    return {
        "TransitGatewayAttachmentId": attachment_id,
        "ResourceId": attachment.resource_id if attachment else None,
        "ResourceType": attachment.resource_type if attachment else None,
    }


def pair(
    region: Region, params: Mapping[str, Any]
) -> tuple[TransitGatewayRouteTable, TransitGatewayAttachment]:
    """Return the table and the attachment that a request names, both of one gateway.

    Raises:
        AwsError: either is missing or not available.
    """
    table = live_table(region, params["TransitGatewayRouteTableId"])
    attachment_id = params.get("TransitGatewayAttachmentId")
    if attachment_id is None:
        raise AwsError(
            "MissingParameter", "The request must contain the parameter TransitGatewayAttachmentId"
        )
    attachment = live_attachment(region, attachment_id)
    if attachment.transit_gateway_id != table.transit_gateway_id:
        raise missing(attachment.id)
    if table.state != "available":
        raise AwsError("IncorrectState", f"{table.id} is in invalid state")
    if attachment.state not in ("available", "modifying"):
        raise invalid_state(attachment)
    return table, attachment


def _association_view(region: Region, row: TransitGatewayAssociation) -> dict[str, Any]:
    return {
        "TransitGatewayRouteTableId": row.route_table_id,
        "State": row.state,
        **_resource(region, row.id),
    }


def associate_transit_gateway_route_table(
    call: Call, params: aws.AssociateTransitGatewayRouteTableRequestTypeDef
) -> dict[str, Any]:
    """Let a table route what comes from an attachment that has no table yet."""
    region = call.region
    table, attachment = pair(region, params)
    if attachment.id in region[TransitGatewayAssociation]:
        raise AwsError(
            "Resource.AlreadyAssociated",
            f"Transit Gateway Attachment {attachment.id} is already associated to a route table.",
        )
    association = region[TransitGatewayAssociation].add(
        TransitGatewayAssociation(id=attachment.id, state="associating", route_table_id=table.id)
    )
    call.world.settle(association, "associated")
    return {"Association": _association_view(region, association)}


def _ending(call: Call, row: Stateful, state: str) -> None:
    row.move(state)
    call.world.expire(call.region, row, 0.0)


def disassociate_transit_gateway_route_table(
    call: Call, params: aws.DisassociateTransitGatewayRouteTableRequestTypeDef
) -> dict[str, Any]:
    """Take an attachment's table from it."""
    region = call.region
    table, attachment = pair(region, params)
    association = region[TransitGatewayAssociation].get(attachment.id)
    if association is None or association.route_table_id != table.id:
        raise AwsError(
            "InvalidAssociation.NotFound",
            f"There is no association between {attachment.id} and {table.id}.",
        )
    _ending(call, association, "disassociating")
    return {"Association": _association_view(region, association)}


def _propagation_view(region: Region, row: TransitGatewayPropagation) -> dict[str, Any]:
    return {
        "TransitGatewayRouteTableId": row.route_table_id,
        "State": row.state,
        **_resource(region, row.attachment_id),
    }


def _refuse_announcement(params: Mapping[str, Any]) -> None:
    announcement = params.get("TransitGatewayRouteTableAnnouncementId")
    if announcement is not None:
        raise AwsError(
            "InvalidTransitGatewayRouteTableAnnouncementId.NotFound",
            f"Transit Gateway Route Table Announcement {announcement[:64]} does not exist.",
        )


def enable_transit_gateway_route_table_propagation(
    call: Call, params: aws.EnableTransitGatewayRouteTablePropagationRequestTypeDef
) -> dict[str, Any]:
    """Let an attachment tell a table its routes."""
    region = call.region
    _refuse_announcement(params)
    table, attachment = pair(region, params)
    if attachment.peering is not None:
        raise AwsError(
            "InvalidParameterValue",
            f"Routes cannot be propagated from the peering attachment {attachment.id}",
        )
    if propagation_id(table.id, attachment.id) in region[TransitGatewayPropagation]:
        raise AwsError(
            "TransitGatewayRouteTablePropagation.Duplicate",
            f"Propagation of {attachment.id} to {table.id} is already enabled.",
        )
    propagation = add_propagation(region, table.id, attachment, "enabling")
    call.world.settle(propagation, "enabled")
    return {"Propagation": _propagation_view(region, propagation)}


def disable_transit_gateway_route_table_propagation(
    call: Call, params: aws.DisableTransitGatewayRouteTablePropagationRequestTypeDef
) -> dict[str, Any]:
    """Take an attachment's routes out of a table."""
    region = call.region
    _refuse_announcement(params)
    table, attachment = pair(region, params)
    propagation = region[TransitGatewayPropagation].get(propagation_id(table.id, attachment.id))
    if propagation is None:
        raise AwsError(
            "TransitGatewayRouteTablePropagation.NotFound",
            f"Propagation of {attachment.id} to {table.id} is not enabled.",
        )
    _ending(call, propagation, "disabling")
    return {"Propagation": _propagation_view(region, propagation)}


def _page(
    call: Call,
    params: Mapping[str, Any],
    rows: Sequence[R],
    fields: Mapping[str, Field[R]],
) -> tuple[Sequence[R], str | None]:
    chosen = select(call.region, rows, params.get("Filters"), fields, taggable=False)
    return page_of_rows(call.operation.name, chosen, params, call.operation.page_limits)


_ASSOCIATION_FILTERS: Mapping[str, Field[TransitGatewayAssociation]] = {
    "resource-id": lambda region, row: _resource(region, row.id)["ResourceId"],
    "resource-type": lambda region, row: _resource(region, row.id)["ResourceType"],
    "transit-gateway-attachment-id": lambda _, row: row.id,
}


def get_transit_gateway_route_table_associations(
    call: Call, params: aws.GetTransitGatewayRouteTableAssociationsRequestTypeDef
) -> dict[str, Any]:
    """List the attachments that a table routes for."""
    region = call.region
    table = live_table(region, params["TransitGatewayRouteTableId"])
    rows = region[TransitGatewayAssociation].where(route_table_id=table.id)
    shown, token = _page(call, params, rows, _ASSOCIATION_FILTERS)
    return {
        "Associations": [{"State": row.state, **_resource(region, row.id)} for row in shown],
        "NextToken": token,
    }


_PROPAGATION_FILTERS: Mapping[str, Field[TransitGatewayPropagation]] = {
    "resource-id": lambda region, row: _resource(region, row.attachment_id)["ResourceId"],
    "resource-type": lambda region, row: _resource(region, row.attachment_id)["ResourceType"],
    "transit-gateway-attachment-id": lambda _, row: row.attachment_id,
}


def get_transit_gateway_route_table_propagations(
    call: Call, params: aws.GetTransitGatewayRouteTablePropagationsRequestTypeDef
) -> dict[str, Any]:
    """List the attachments that a table learns routes from."""
    region = call.region
    table = live_table(region, params["TransitGatewayRouteTableId"])
    rows = region[TransitGatewayPropagation].where(route_table_id=table.id)
    shown, token = _page(call, params, rows, _PROPAGATION_FILTERS)
    return {
        "TransitGatewayRouteTablePropagations": [
            {"State": row.state, **_resource(region, row.attachment_id)} for row in shown
        ],
        "NextToken": token,
    }


def get_transit_gateway_attachment_propagations(
    call: Call, params: aws.GetTransitGatewayAttachmentPropagationsRequestTypeDef
) -> dict[str, Any]:
    """List the tables that learn an attachment's routes."""
    region = call.region
    attachment = live_attachment(region, params["TransitGatewayAttachmentId"])
    rows = region[TransitGatewayPropagation].where(attachment_id=attachment.id)
    fields: Mapping[str, Field[TransitGatewayPropagation]] = {
        "transit-gateway-route-table-id": lambda _, row: row.route_table_id
    }
    shown, token = _page(call, params, rows, fields)
    return {
        "TransitGatewayAttachmentPropagations": [
            {"TransitGatewayRouteTableId": row.route_table_id, "State": row.state} for row in shown
        ],
        "NextToken": token,
    }


OPERATIONS: Mapping[str, Handler] = {
    "AssociateTransitGatewayRouteTable": associate_transit_gateway_route_table,
    "DisableTransitGatewayRouteTablePropagation": disable_transit_gateway_route_table_propagation,
    "DisassociateTransitGatewayRouteTable": disassociate_transit_gateway_route_table,
    "EnableTransitGatewayRouteTablePropagation": enable_transit_gateway_route_table_propagation,
    "GetTransitGatewayAttachmentPropagations": get_transit_gateway_attachment_propagations,
    "GetTransitGatewayRouteTableAssociations": get_transit_gateway_route_table_associations,
    "GetTransitGatewayRouteTablePropagations": get_transit_gateway_route_table_propagations,
}
