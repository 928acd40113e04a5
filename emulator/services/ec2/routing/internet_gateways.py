"""Internet gateways, and the egress-only ones that IPv6 has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from emulator.core.errors import AwsError
from emulator.model.network_interface import Address, NetworkInterface
from emulator.model.vpc import (
    EgressOnlyInternetGateway,
    InternetGateway,
    RouteTableAssociation,
)
from emulator.services.call import Call, Handler
from emulator.services.ec2.kind import Kind, tag_set
from emulator.services.ec2.tags import tags_on_create
from emulator.services.ec2.vpcs.vpcs import VPC
from emulator.state.store import Region

if TYPE_CHECKING:
    from mypy_boto3_ec2 import type_defs as aws

# An attached internet gateway's attachment is "available", unlike all other attachments.
ATTACHED = "available"


def _view(region: Region, gateway: InternetGateway) -> Mapping[str, Any]:
    return {
        "InternetGatewayId": gateway.id,
        "OwnerId": region.account,
        "Attachments": (
            [{"State": ATTACHED, "VpcId": gateway.vpc_id}] if gateway.vpc_id is not None else []
        ),
        "Tags": tag_set(gateway.tags),
    }


INTERNET_GATEWAY = Kind(
    row=InternetGateway,
    shape="InternetGateway",
    view=_view,
    filters={
        "attachment.state": lambda _, gateway: ATTACHED if gateway.vpc_id else None,
        "attachment.vpc-id": lambda _, gateway: gateway.vpc_id,
        "internet-gateway-id": lambda _, gateway: gateway.id,
        "owner-id": lambda region, _: region.account,
    },
)


def _egress_only_view(_: Region, gateway: EgressOnlyInternetGateway) -> Mapping[str, Any]:
    return {
        "EgressOnlyInternetGatewayId": gateway.id,
        "Attachments": [{"State": "attached", "VpcId": gateway.vpc_id}],
        "Tags": tag_set(gateway.tags),
    }


EGRESS_ONLY_INTERNET_GATEWAY = Kind(
    row=EgressOnlyInternetGateway,
    shape="EgressOnlyInternetGateway",
    view=_egress_only_view,
)


def create_internet_gateway(
    call: Call, params: aws.CreateInternetGatewayRequestTypeDef
) -> dict[str, Any]:
    """Create a gateway that is attached to nothing yet."""
    gateway = InternetGateway(
        id=call.new_id(InternetGateway), tags=tags_on_create(params, "internet-gateway")
    )
    call.region[InternetGateway].add(gateway)
    return {"InternetGateway": INTERNET_GATEWAY.show(call.region, gateway)}


def describe_internet_gateways(
    call: Call, params: aws.DescribeInternetGatewaysRequestTypeDef
) -> dict[str, Any]:
    """List gateways."""
    return INTERNET_GATEWAY.describe(
        call, params, ids="InternetGatewayIds", result="InternetGateways"
    )


def delete_internet_gateway(
    call: Call, params: aws.DeleteInternetGatewayRequestTypeDef
) -> dict[str, Any]:
    """Delete a gateway that is attached to no VPC."""
    gateway = INTERNET_GATEWAY.find(call.region, params["InternetGatewayId"])
    if gateway.vpc_id is not None:
        raise AwsError(
            "DependencyViolation",
            f"The internetGateway '{gateway.id}' has dependencies and cannot be deleted.",
        )
    call.region[InternetGateway].remove(gateway)
    return {}


def attach_internet_gateway(
    call: Call, params: aws.AttachInternetGatewayRequestTypeDef
) -> dict[str, Any]:
    """Attach a gateway to a VPC that has none. Source: API_AttachInternetGateway."""
    region = call.region
    gateway = INTERNET_GATEWAY.find(region, params["InternetGatewayId"])
    vpc = VPC.find(region, params["VpcId"])
    if gateway.vpc_id is not None:
        raise AwsError(
            "Resource.AlreadyAssociated",
            f"resource {gateway.id} is already attached to network {gateway.vpc_id}",
        )
    if region[InternetGateway].where(vpc_id=vpc.id):
        raise AwsError(
            "InvalidParameterValue",
            f"Network {vpc.id} already has an internet gateway attached",
        )
    gateway.vpc_id = vpc.id
    return {}


def _public_addresses(region: Region, vpc_id: str) -> Iterator[str]:
    for interface in region[NetworkInterface].where(vpc_id=vpc_id):
        if interface.public_ip is not None:
            yield interface.public_ip
        for address in region[Address].where(network_interface_id=interface.id):
            yield address.public_ip


def detach_internet_gateway(
    call: Call, params: aws.DetachInternetGatewayRequestTypeDef
) -> dict[str, Any]:
    """Detach a gateway from a VPC in which nothing has a public address any more."""
    region = call.region
    gateway = INTERNET_GATEWAY.find(region, params["InternetGatewayId"])
    vpc = VPC.find(region, params["VpcId"])
    if gateway.vpc_id != vpc.id:
        raise AwsError(
            "Gateway.NotAttached", f"resource {gateway.id} is not attached to network {vpc.id}"
        )
    if next(_public_addresses(region, vpc.id), None) is not None:
        raise AwsError(
            "DependencyViolation",
            f"Network {vpc.id} has some mapped public address(es). Please unmap those public "
            "address(es) before detaching the gateway.",
        )
    for association in region[RouteTableAssociation].where(vpc_id=vpc.id):
        if association.gateway_id == gateway.id:
            region[RouteTableAssociation].remove(association)
    gateway.vpc_id = None
    return {}


def create_egress_only_internet_gateway(
    call: Call, params: aws.CreateEgressOnlyInternetGatewayRequestTypeDef
) -> dict[str, Any]:
    """Create an egress-only gateway; it is attached to its VPC from the beginning."""
    vpc = VPC.find(call.region, params["VpcId"])
    gateway = EgressOnlyInternetGateway(
        id=call.new_id(EgressOnlyInternetGateway),
        vpc_id=vpc.id,
        tags=tags_on_create(params, "egress-only-internet-gateway"),
    )
    call.region[EgressOnlyInternetGateway].add(gateway)
    return {
        "ClientToken": params.get("ClientToken"),
        "EgressOnlyInternetGateway": EGRESS_ONLY_INTERNET_GATEWAY.show(call.region, gateway),
    }


def describe_egress_only_internet_gateways(
    call: Call, params: aws.DescribeEgressOnlyInternetGatewaysRequestTypeDef
) -> dict[str, Any]:
    """List egress-only gateways."""
    return EGRESS_ONLY_INTERNET_GATEWAY.describe(
        call, params, ids="EgressOnlyInternetGatewayIds", result="EgressOnlyInternetGateways"
    )


def delete_egress_only_internet_gateway(
    call: Call, params: aws.DeleteEgressOnlyInternetGatewayRequestTypeDef
) -> dict[str, Any]:
    """Delete an egress-only gateway; routes through it become black holes."""
    gateway = EGRESS_ONLY_INTERNET_GATEWAY.find(call.region, params["EgressOnlyInternetGatewayId"])
    call.region[EgressOnlyInternetGateway].remove(gateway)
    return {"ReturnCode": True}


OPERATIONS: Mapping[str, Handler] = {
    "AttachInternetGateway": attach_internet_gateway,
    "CreateEgressOnlyInternetGateway": create_egress_only_internet_gateway,
    "CreateInternetGateway": create_internet_gateway,
    "DeleteEgressOnlyInternetGateway": delete_egress_only_internet_gateway,
    "DeleteInternetGateway": delete_internet_gateway,
    "DescribeEgressOnlyInternetGateways": describe_egress_only_internet_gateways,
    "DescribeInternetGateways": describe_internet_gateways,
    "DetachInternetGateway": detach_internet_gateway,
}
