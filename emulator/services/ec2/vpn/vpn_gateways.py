"""Virtual private gateways: AWS's end of a VPN, attached to a VPC.

Source: API_CreateVpnGateway, API_AttachVpnGateway and "Error codes for the Amazon EC2 API".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from emulator.catalog.regions import zones
from emulator.core.errors import AwsError
from emulator.model.vpc import RouteTable, RouteTableAssociation
from emulator.model.vpn import VpnConnection, VpnGateway
from emulator.services.call import Call, Handler
from emulator.services.ec2.endings import ENDED, VISIBLE_SECONDS
from emulator.services.ec2.kind import Kind, tag_set
from emulator.services.ec2.tags import tags_on_create
from emulator.services.ec2.vpcs.vpcs import VPC
from emulator.state.store import Region

if TYPE_CHECKING:
    from mypy_boto3_ec2 import type_defs as aws

DEFAULT_ASN = 64512
TYPE = "ipsec.1"


def _view(_: Region, gateway: VpnGateway) -> Mapping[str, Any]:
    attachments = (
        [{"VpcId": gateway.vpc_id, "State": gateway.attachment_state}] if gateway.vpc_id else []
    )
    return {
        "VpnGatewayId": gateway.id,
        "State": gateway.state,
        "Type": TYPE,
        "AvailabilityZone": gateway.availability_zone,
        "AmazonSideAsn": gateway.asn,
        "VpcAttachments": attachments,
        "Tags": tag_set(gateway.tags),
    }


VPN_GATEWAY = Kind(
    row=VpnGateway,
    shape="VpnGateway",
    view=_view,
    filters={
        "amazon-side-asn": lambda _, gateway: gateway.asn,
        "attachment.state": lambda _, gateway: gateway.attachment_state if gateway.vpc_id else None,
        "attachment.vpc-id": lambda _, gateway: gateway.vpc_id,
        "availability-zone": lambda _, gateway: gateway.availability_zone,
        "state": lambda _, gateway: gateway.state,
        "type": lambda _, __: TYPE,
        "vpn-gateway-id": lambda _, gateway: gateway.id,
    },
)


def live_vpn_gateway(region: Region, gateway_id: str) -> VpnGateway:
    """Return a gateway that is not deleted.

    Raises:
        AwsError: InvalidVpnGatewayID.NotFound.
    """
    gateway = VPN_GATEWAY.find(region, gateway_id)
    if gateway.state in ENDED:
        raise VPN_GATEWAY.noun.missing([gateway_id])
    return gateway


def _check_asn(asn: int) -> int:
    # 7224 and 9059 are Amazon's own, which gateways of before 2018 still have.
    if 64512 <= asn <= 65534 or 4200000000 <= asn <= 4294967294 or asn in (7224, 9059):
        return asn
    raise AwsError(
        "InvalidParameterValue",
        f"Value ({asn}) for parameter amazonSideAsn is invalid. The ASN has to be in the range "
        "64512 to 65534 or 4200000000 to 4294967294.",
    )


def create_vpn_gateway(call: Call, params: aws.CreateVpnGatewayRequestTypeDef) -> dict[str, Any]:
    """Create a gateway that is attached to nothing yet."""
    region = call.region
    zone = params.get("AvailabilityZone")
    if zone is not None and all(zone != item.name for item in zones(region.name)):
        raise AwsError("InvalidParameterValue", f"Invalid availability zone: [{zone[:64]}]")
    gateway = region[VpnGateway].add(
        VpnGateway(
            id=call.new_id(VpnGateway),
            state="available",
            asn=_check_asn(params.get("AmazonSideAsn", DEFAULT_ASN)),
            availability_zone=zone,
            tags=tags_on_create(params, "vpn-gateway"),
        )
    )
    return {"VpnGateway": VPN_GATEWAY.show(region, gateway)}


def describe_vpn_gateways(
    call: Call, params: aws.DescribeVpnGatewaysRequestTypeDef
) -> dict[str, Any]:
    """List gateways."""
    return VPN_GATEWAY.describe(call, params, ids="VpnGatewayIds", result="VpnGateways")


def attach_vpn_gateway(call: Call, params: aws.AttachVpnGatewayRequestTypeDef) -> dict[str, Any]:
    """Attach a gateway to a VPC; each of them has at most one of the other."""
    region = call.region
    gateway = live_vpn_gateway(region, params["VpnGatewayId"])
    vpc = VPC.find(region, params["VpcId"])
    if gateway.vpc_id is not None and gateway.vpc_id != vpc.id:
        raise AwsError(
            "VpnGatewayAttachmentLimitExceeded",
            f"The vpnGateway '{gateway.id}' is already attached to {gateway.vpc_id}",
        )
    others = [row for row in region[VpnGateway].where(vpc_id=vpc.id) if row is not gateway]
    if others:
        raise AwsError(
            "VpnGatewayAttachmentLimitExceeded",
            f"The vpc '{vpc.id}' already has a virtual private gateway attached",
        )
    if gateway.vpc_id is None:
        gateway.vpc_id, gateway.attachment_state = vpc.id, "attaching"
        call.world.later(0.0, f"attaching {gateway.id}", _attached, gateway)
    return {"VpcAttachment": {"VpcId": vpc.id, "State": gateway.attachment_state}}


def _attached(gateway: VpnGateway) -> None:
    if gateway.attachment_state == "attaching":
        gateway.attachment_state = "attached"


def detach_vpn_gateway(call: Call, params: aws.DetachVpnGatewayRequestTypeDef) -> dict[str, Any]:
    """Detach a gateway from its VPC, whose route tables then learn nothing more from it."""
    region = call.region
    gateway = live_vpn_gateway(region, params["VpnGatewayId"])
    vpc = VPC.find(region, params["VpcId"])
    if gateway.vpc_id != vpc.id:
        raise AwsError(
            "InvalidVpnGatewayAttachment.NotFound",
            f"The attachment with vpn gateway ID '{gateway.id}' and vpc ID '{vpc.id}' does not "
            "exist",
        )
    associations = region[RouteTableAssociation].where(vpc_id=vpc.id)
    if any(item.gateway_id == gateway.id for item in associations):
        raise AwsError(
            "DependencyViolation",
            f"The vpnGateway '{gateway.id}' has dependencies and cannot be detached.",
        )
    for table in region[RouteTable].where(vpc_id=vpc.id):
        if gateway.id in table.propagating_gateway_ids:
            table.propagating_gateway_ids = tuple(
                item for item in table.propagating_gateway_ids if item != gateway.id
            )
    gateway.vpc_id, gateway.attachment_state = None, "detached"
    return {}


def delete_vpn_gateway(call: Call, params: aws.DeleteVpnGatewayRequestTypeDef) -> dict[str, Any]:
    """Delete a gateway that has neither a VPC nor VPN connections."""
    region = call.region
    gateway = live_vpn_gateway(region, params["VpnGatewayId"])
    connections = region[VpnConnection].where(vpn_gateway_id=gateway.id)
    if gateway.vpc_id is not None or any(row.state not in ENDED for row in connections):
        raise AwsError("IncorrectState", f"The vpnGateway '{gateway.id}' is in use.")
    gateway.move("deleted")
    call.world.expire(region, gateway, VISIBLE_SECONDS)
    return {}


OPERATIONS: Mapping[str, Handler] = {
    "AttachVpnGateway": attach_vpn_gateway,
    "CreateVpnGateway": create_vpn_gateway,
    "DeleteVpnGateway": delete_vpn_gateway,
    "DescribeVpnGateways": describe_vpn_gateways,
    "DetachVpnGateway": detach_vpn_gateway,
}
