"""What all attachments of transit gateways have in common, whatever is attached."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from emulator.core.errors import AwsError
from emulator.model.transit_gateway import (
    TransitGateway,
    TransitGatewayAssociation,
    TransitGatewayAttachment,
    TransitGatewayPropagation,
)
from emulator.services.call import Call, Handler
from emulator.services.ec2.endings import ENDED, end
from emulator.services.ec2.kind import tag_set
from emulator.services.ec2.nouns import NOUNS
from emulator.services.filters import Field, select
from emulator.services.pages import page_of_rows
from emulator.state.store import Region, State

if TYPE_CHECKING:
    from mypy_boto3_ec2 import type_defs as aws


def _view(region: Region, attachment: TransitGatewayAttachment) -> Mapping[str, Any]:
    association = region[TransitGatewayAssociation].get(attachment.id)
    return {
        "TransitGatewayAttachmentId": attachment.id,
        "TransitGatewayId": attachment.transit_gateway_id,
        "TransitGatewayOwnerId": attachment.transit_gateway_owner_id,
        "ResourceOwnerId": attachment.resource_owner_id,
        "ResourceType": attachment.resource_type,
        "ResourceId": attachment.resource_id,
        "State": attachment.state,
        "Association": (
            {"TransitGatewayRouteTableId": association.route_table_id, "State": association.state}
            if association is not None
            else None
        ),
        "CreationTime": attachment.created_at,
        "Tags": tag_set(attachment.tags),
    }


def _association_state(region: Region, attachment: TransitGatewayAttachment) -> str | None:
    association = region[TransitGatewayAssociation].get(attachment.id)
    return association.state if association is not None else None


def _association_table(region: Region, attachment: TransitGatewayAttachment) -> str | None:
    association = region[TransitGatewayAssociation].get(attachment.id)
    return association.route_table_id if association is not None else None


# No Kind: an attachment's kept XML is that of its own type's family.
_FILTERS: Mapping[str, Field[TransitGatewayAttachment]] = {
    "association.state": _association_state,
    "association.transit-gateway-route-table-id": _association_table,
    "resource-id": lambda _, attachment: attachment.resource_id,
    "resource-owner-id": lambda _, attachment: attachment.resource_owner_id,
    "resource-type": lambda _, attachment: attachment.resource_type,
    "state": lambda _, attachment: attachment.state,
    "transit-gateway-attachment-id": lambda _, attachment: attachment.id,
    "transit-gateway-id": lambda _, attachment: attachment.transit_gateway_id,
    "transit-gateway-owner-id": lambda _, attachment: attachment.transit_gateway_owner_id,
}


def missing(attachment_id: str) -> AwsError:
    """Return the error for an attachment that does not exist."""
    return NOUNS[TransitGatewayAttachment.PREFIX].missing([attachment_id])


def _find(region: Region, attachment_id: str) -> TransitGatewayAttachment:
    attachment = region[TransitGatewayAttachment].get(attachment_id)
    if attachment is None:
        raise missing(attachment_id)
    return attachment


def describe_transit_gateway_attachments(
    call: Call, params: aws.DescribeTransitGatewayAttachmentsRequestTypeDef
) -> dict[str, Any]:
    """List attachments of all types."""
    region, ids = call.region, params.get("TransitGatewayAttachmentIds")
    rows = (
        list({item: _find(region, item) for item in ids}.values())
        if ids
        else list(region[TransitGatewayAttachment])
    )
    rows = select(region, rows, params.get("Filters"), _FILTERS, taggable=True)
    shown, token = page_of_rows(call.operation.name, rows, params, call.operation.page_limits)
    return {
        "TransitGatewayAttachments": [_view(region, row) for row in shown],
        "NextToken": token,
    }


def live_attachment(region: Region, attachment_id: str) -> TransitGatewayAttachment:
    """Return an attachment of any type that is not on its way out.

    Raises:
        AwsError: InvalidTransitGatewayAttachmentID.NotFound.
    """
    attachment = _find(region, attachment_id)
    if attachment.state in ENDED:
        raise missing(attachment_id)
    return attachment


def invalid_state(attachment: TransitGatewayAttachment) -> AwsError:
    """Return the error for an attachment that is not in the state a request needs."""
    return AwsError("IncorrectState", f"{attachment.id} is in invalid state")


def sides(
    state: State, region: Region, attachment: TransitGatewayAttachment
) -> Iterator[tuple[Region, TransitGatewayAttachment]]:
    """Yield an attachment's record in each account or region that has one."""
    yield region, attachment
    peering = attachment.peering
    if peering is not None:
        side = peering.accepter if peering.is_requester else peering.requester
        other, other_id = state.region(side.account, side.region), peering.peer_attachment_id
    else:
        owner, resource_owner = attachment.transit_gateway_owner_id, attachment.resource_owner_id
        account = owner if region.account != owner else resource_owner
        other, other_id = state.region(account, region.name), attachment.id
    row = other[TransitGatewayAttachment].get(other_id)
    if row is not None and row is not attachment:
        yield other, row


def begin(call: Call, region: Region, attachment: TransitGatewayAttachment) -> None:
    """Let a pending attachment become available and join its gateway's default tables."""
    rows = list(sides(call.state, region, attachment))

    def ready() -> None:
        for side, row in rows:
            if row.watcher is not None and row.state == "pending":
                row.move("available")
                _join_defaults(side, row)

    call.world.later(0.0, f"settling {attachment.id}", ready)


def _join_defaults(region: Region, attachment: TransitGatewayAttachment) -> None:
    gateway = region[TransitGateway].get(attachment.transit_gateway_id)
    if gateway is None:
        return
    if gateway.association_table_id is not None:
        region[TransitGatewayAssociation].add(
            TransitGatewayAssociation(
                id=attachment.id, state="associated", route_table_id=gateway.association_table_id
            )
        )
    # Routes are not propagated over peering attachments, only static ones lead there.
    if gateway.propagation_table_id is not None and attachment.peering is None:
        add_propagation(region, gateway.propagation_table_id, attachment, "enabled")


def propagation_id(table_id: str, attachment_id: str) -> str:
    """Return the id of the record that says an attachment propagates to a table."""
    return f"{table_id}/{attachment_id}"


def add_propagation(
    region: Region, table_id: str, attachment: TransitGatewayAttachment, state: str
) -> TransitGatewayPropagation:
    """Let an attachment propagate its routes to a table."""
    return region[TransitGatewayPropagation].add(
        TransitGatewayPropagation(
            id=propagation_id(table_id, attachment.id),
            state=state,
            route_table_id=table_id,
            attachment_id=attachment.id,
        )
    )


def end_attachment(call: Call, region: Region, attachment: TransitGatewayAttachment) -> None:
    """Delete an attachment on all sides; static routes to it stay and lead nowhere."""
    for side, row in list(sides(call.state, region, attachment)):
        association = side[TransitGatewayAssociation].get(row.id)
        if association is not None:
            side[TransitGatewayAssociation].remove(association)
        for propagation in side[TransitGatewayPropagation].where(attachment_id=row.id):
            side[TransitGatewayPropagation].remove(propagation)
        if row.may("deleting"):
            row.move("deleting")
            end(call, side, row)


def refuse_attachment(call: Call, region: Region, attachment: TransitGatewayAttachment) -> None:
    """Turn down an attachment that waits for acceptance."""
    for side, row in list(sides(call.state, region, attachment)):
        row.move("rejecting")
        end(call, side, row, "rejected")


OPERATIONS: Mapping[str, Handler] = {
    "DescribeTransitGatewayAttachments": describe_transit_gateway_attachments,
}
