"""Transit gateways attached to each other, across regions and accounts too.

Source: "Transit gateway peering attachments in Amazon VPC Transit Gateways".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs

from emulator.catalog.regions import REGIONS
from emulator.core.errors import AwsError
from emulator.model.transit_gateway import (
    Peering,
    PeeringSide,
    TransitGateway,
    TransitGatewayAttachment,
)
from emulator.services.call import Call, Handler
from emulator.services.ec2.endings import ENDED, end
from emulator.services.ec2.kind import Kind, tag_set
from emulator.services.ec2.nouns import NOUNS
from emulator.services.ec2.tags import tags_on_create
from emulator.services.ec2.transit.transit_gateway_attachments import (
    begin,
    end_attachment,
    invalid_state,
    refuse_attachment,
    sides,
)
from emulator.services.ec2.transit.transit_gateways import own
from emulator.state.store import Region

if TYPE_CHECKING:
    from mypy_boto3_ec2 import type_defs as aws


def _peering(attachment: TransitGatewayAttachment) -> Peering:
    assert attachment.peering is not None
    return attachment.peering


def _side_view(side: PeeringSide) -> dict[str, str]:
    return {
        "TransitGatewayId": side.transit_gateway_id,
        "OwnerId": side.account,
        "Region": side.region,
    }


def _accepter_id(attachment: TransitGatewayAttachment) -> str | None:
    """Return the accepter's own attachment id, where it is not the requester's."""
    peering = _peering(attachment)
    if peering.peer_attachment_id == attachment.id:
        return None
    return peering.peer_attachment_id if peering.is_requester else attachment.id


def _view(_: Region, attachment: TransitGatewayAttachment) -> Mapping[str, Any]:
    peering = _peering(attachment)
    options = peering.options or {}
    return {
        "TransitGatewayAttachmentId": attachment.id,
        "AccepterTransitGatewayAttachmentId": _accepter_id(attachment),
        "RequesterTgwInfo": _side_view(peering.requester),
        "AccepterTgwInfo": _side_view(peering.accepter),
        "Options": {"DynamicRouting": options.get("DynamicRouting", "disable")},
        "Status": {"Code": attachment.state, "Message": peering.message},
        "State": attachment.state,
        "CreationTime": attachment.created_at,
        "Tags": tag_set(attachment.tags),
    }


def _remote_owner(_: Region, attachment: TransitGatewayAttachment) -> str:
    return attachment.resource_owner_id


PEERING_ATTACHMENT = Kind(
    row=TransitGatewayAttachment,
    shape="TransitGatewayPeeringAttachment",
    view=_view,
    filters={
        "local-owner-id": lambda region, _: region.account,
        "remote-owner-id": _remote_owner,
        "state": lambda _, attachment: attachment.state,
        "transit-gateway-attachment-id": lambda _, attachment: attachment.id,
        "transit-gateway-id": lambda _, attachment: attachment.transit_gateway_id,
    },
    hidden=lambda attachment: attachment.peering is None,
)


def _live(region: Region, attachment_id: str) -> TransitGatewayAttachment:
    attachment = PEERING_ATTACHMENT.find(region, attachment_id)
    if attachment.state in ENDED - {"failed"}:
        raise PEERING_ATTACHMENT.noun.missing([attachment_id])
    return attachment


def _check_new(region: Region, requester: PeeringSide, accepter: PeeringSide) -> None:
    if requester.transit_gateway_id == accepter.transit_gateway_id:
        raise AwsError("InvalidParameterValue", "A transit gateway cannot be peered with itself")
    rows = region[TransitGatewayAttachment].where(transit_gateway_id=requester.transit_gateway_id)
    for row in rows:
        if row.resource_id == accepter.transit_gateway_id and row.state not in ENDED | {"failed"}:
            raise AwsError(
                "DuplicateTransitGatewayAttachment",
                f"{requester.transit_gateway_id} has non-deleted Transit Gateway Peering "
                f"Attachments with same peer transit gateway.",
            )


def _accepter_side(params: Mapping[str, Any]) -> PeeringSide:
    account, region = params["PeerAccountId"], params["PeerRegion"]
    if len(account) != len("000000000000") or not (account.isascii() and account.isdigit()):
        raise AwsError(
            "InvalidParameterValue", f"Invalid value '{account[:64]}' for PeerAccountId."
        )
    if region not in REGIONS:
        raise AwsError("InvalidParameterValue", f"Invalid value '{region[:64]}' for PeerRegion.")
    return PeeringSide(account, region, params["PeerTransitGatewayId"])


def create_transit_gateway_peering_attachment(
    call: Call, params: aws.CreateTransitGatewayPeeringAttachmentRequestTypeDef
) -> dict[str, Any]:
    """Ask the owner of another transit gateway to peer.

    A peer in another account or region that does not exist is found out later: the
    attachment then fails.
    """
    region = call.region
    gateway = own(region, params["TransitGatewayId"])
    accepter = _accepter_side(params)
    requester = PeeringSide(call.account, region.name, gateway.id)
    _check_new(region, requester, accepter)
    if gateway.state == "pending":
        raise AwsError("IncorrectState", f"{gateway.id} is in invalid state")
    peer_region = call.state.region(accepter.account, accepter.region)
    peer = peer_region[TransitGateway].get(accepter.transit_gateway_id)
    found = peer is not None and peer.state not in ENDED
    if not found and peer_region is region:
        raise NOUNS["tgw"].missing([accepter.transit_gateway_id])
    tags = tags_on_create(params, "transit-gateway-attachment")
    attachment_id = call.new_id(TransitGatewayAttachment)
    same_place = peer_region is region
    attachment = region[TransitGatewayAttachment].add(
        TransitGatewayAttachment(
            id=attachment_id,
            state="initiatingRequest",
            transit_gateway_id=gateway.id,
            transit_gateway_owner_id=call.account,
            resource_type="peering",
            resource_id=accepter.transit_gateway_id,
            resource_owner_id=accepter.account,
            created_at=call.world.clock.now(),
            peering=Peering(
                requester=requester,
                accepter=accepter,
                is_requester=True,
                peer_attachment_id=(
                    call.new_id(TransitGatewayAttachment) if same_place else attachment_id
                ),
                options=params.get("Options"),
            ),
            tags=tags,
        )
    )
    step = _deliver if found else _fail
    call.world.later(0.0, f"settling {attachment.id}", step, call, attachment)
    return {"TransitGatewayPeeringAttachment": PEERING_ATTACHMENT.show(region, attachment)}


def _fail(call: Call, attachment: TransitGatewayAttachment) -> None:
    if attachment.state == "initiatingRequest":
        attachment.peering = attrs.evolve(
            _peering(attachment), message="The peer transit gateway does not exist"
        )
        attachment.move("failing")
        end(call, call.region, attachment, "failed")


def _deliver(call: Call, attachment: TransitGatewayAttachment) -> None:
    """Show the request to the accepter."""
    if attachment.watcher is None or attachment.state != "initiatingRequest":
        return
    peering = _peering(attachment)
    accepter = peering.accepter
    attachment.move("pendingAcceptance")
    call.state.region(accepter.account, accepter.region)[TransitGatewayAttachment].add(
        TransitGatewayAttachment(
            id=peering.peer_attachment_id,
            state="pendingAcceptance",
            transit_gateway_id=accepter.transit_gateway_id,
            transit_gateway_owner_id=accepter.account,
            resource_type="peering",
            resource_id=peering.requester.transit_gateway_id,
            resource_owner_id=peering.requester.account,
            created_at=attachment.created_at,
            peering=attrs.evolve(peering, is_requester=False, peer_attachment_id=attachment.id),
        )
    )


def _waiting(call: Call, attachment_id: str) -> TransitGatewayAttachment:
    """Return an attachment that the caller, in the accepter's place, may decide on."""
    attachment = _live(call.region, attachment_id)
    accepter = _peering(attachment).accepter
    if (accepter.account, accepter.region) != (call.account, call.region.name):
        raise AwsError(
            "OperationNotPermitted",
            f"{attachment.id} can only be accepted or rejected by {accepter.account} in "
            f"{accepter.region}",
        )
    if attachment.state != "pendingAcceptance":
        raise invalid_state(attachment)
    return attachment


def accept_transit_gateway_peering_attachment(
    call: Call, params: aws.AcceptTransitGatewayPeeringAttachmentRequestTypeDef
) -> dict[str, Any]:
    """Accept a request, as only the owner of the accepter may, in its region."""
    attachment = _waiting(call, params["TransitGatewayAttachmentId"])
    for _, row in sides(call.state, call.region, attachment):
        row.move("pending")
    begin(call, call.region, attachment)
    shown = PEERING_ATTACHMENT.show(call.region, attachment)
    return {"TransitGatewayPeeringAttachment": shown}


def reject_transit_gateway_peering_attachment(
    call: Call, params: aws.RejectTransitGatewayPeeringAttachmentRequestTypeDef
) -> dict[str, Any]:
    """Turn a request down, as only the owner of the accepter may."""
    attachment = _waiting(call, params["TransitGatewayAttachmentId"])
    refuse_attachment(call, call.region, attachment)
    shown = PEERING_ATTACHMENT.show(call.region, attachment)
    return {"TransitGatewayPeeringAttachment": shown}


def delete_transit_gateway_peering_attachment(
    call: Call, params: aws.DeleteTransitGatewayPeeringAttachmentRequestTypeDef
) -> dict[str, Any]:
    """End a peering, or take a request back, from either side."""
    attachment = _live(call.region, params["TransitGatewayAttachmentId"])
    end_attachment(call, call.region, attachment)
    shown = PEERING_ATTACHMENT.show(call.region, attachment)
    return {"TransitGatewayPeeringAttachment": shown}


def describe_transit_gateway_peering_attachments(
    call: Call, params: aws.DescribeTransitGatewayPeeringAttachmentsRequestTypeDef
) -> dict[str, Any]:
    """List peering attachments with either side here."""
    return PEERING_ATTACHMENT.describe(
        call,
        params,
        ids="TransitGatewayAttachmentIds",
        result="TransitGatewayPeeringAttachments",
    )


OPERATIONS: Mapping[str, Handler] = {
    "AcceptTransitGatewayPeeringAttachment": accept_transit_gateway_peering_attachment,
    "CreateTransitGatewayPeeringAttachment": create_transit_gateway_peering_attachment,
    "DeleteTransitGatewayPeeringAttachment": delete_transit_gateway_peering_attachment,
    "DescribeTransitGatewayPeeringAttachments": describe_transit_gateway_peering_attachments,
    "RejectTransitGatewayPeeringAttachment": reject_transit_gateway_peering_attachment,
}
