"""VPCs as they are found and shown, and their attributes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from emulator.core.errors import AwsError
from emulator.model.vpc import CidrAssociation, Vpc
from emulator.services.call import Call, Handler
from emulator.services.ec2.kind import Kind, tag_set
from emulator.state.store import Region

if TYPE_CHECKING:
    from mypy_boto3_ec2 import type_defs as aws

AMAZON_POOL = "Amazon"


def ipv4_association(association: CidrAssociation, state: str | None = None) -> dict[str, Any]:
    """Return one of a VPC's IPv4 ranges as AWS shows it, in another state if one is given."""
    return {
        "AssociationId": association.id,
        "CidrBlock": association.cidr,
        "CidrBlockState": {"State": state or association.state},
    }


def ipv6_association(association: CidrAssociation, state: str | None = None) -> dict[str, Any]:
    """Return one of a VPC's IPv6 ranges as AWS shows it, in another state if one is given."""
    return {
        "AssociationId": association.id,
        "Ipv6CidrBlock": association.cidr,
        "Ipv6CidrBlockState": {"State": state or association.state},
        "NetworkBorderGroup": association.network_border_group,
        "Ipv6Pool": AMAZON_POOL,
        "Ipv6AddressAttribute": "public",
        "IpSource": "amazon",
    }


def _view(region: Region, vpc: Vpc) -> Mapping[str, Any]:
    return {
        "VpcId": vpc.id,
        "OwnerId": region.account,
        "State": vpc.state,
        "CidrBlock": vpc.cidr,
        "DhcpOptionsId": vpc.dhcp_options_id,
        "InstanceTenancy": vpc.instance_tenancy,
        "IsDefault": vpc.is_default,
        "CidrBlockAssociationSet": [ipv4_association(item) for item in vpc.ipv4_associations],
        "Ipv6CidrBlockAssociationSet": [ipv6_association(item) for item in vpc.ipv6_associations],
        "BlockPublicAccessStates": {"InternetGatewayBlockMode": "off"},
        "Tags": tag_set(vpc.tags),
    }


VPC = Kind(
    row=Vpc,
    shape="Vpc",
    view=_view,
    filters={
        "cidr": lambda _, vpc: vpc.cidr,
        "cidrBlock": lambda _, vpc: vpc.cidr,
        "cidr-block": lambda _, vpc: vpc.cidr,
        "cidr-block-association.cidr-block": lambda _, vpc: (
            item.cidr for item in vpc.ipv4_associations
        ),
        "cidr-block-association.association-id": lambda _, vpc: (
            item.id for item in vpc.ipv4_associations
        ),
        "cidr-block-association.state": lambda _, vpc: (
            item.state for item in vpc.ipv4_associations
        ),
        "dhcp-options-id": lambda _, vpc: vpc.dhcp_options_id,
        "dhcpOptionsId": lambda _, vpc: vpc.dhcp_options_id,
        "ipv6-cidr-block-association.ipv6-cidr-block": lambda _, vpc: (
            item.cidr for item in vpc.ipv6_associations
        ),
        "ipv6-cidr-block-association.ipv6-pool": lambda _, vpc: (
            AMAZON_POOL for _ in vpc.ipv6_associations
        ),
        "ipv6-cidr-block-association.association-id": lambda _, vpc: (
            item.id for item in vpc.ipv6_associations
        ),
        "ipv6-cidr-block-association.state": lambda _, vpc: (
            item.state for item in vpc.ipv6_associations
        ),
        "is-default": lambda _, vpc: vpc.is_default,
        "isDefault": lambda _, vpc: vpc.is_default,
        "owner-id": lambda region, _: region.account,
        "state": lambda _, vpc: vpc.state,
        "vpc-id": lambda _, vpc: vpc.id,
    },
)


def default_vpc(region: Region) -> Vpc | None:
    """Return the region's default VPC, unless it was deleted."""
    return next(iter(region[Vpc].where(is_default=True)), None)


def describe_vpcs(call: Call, params: aws.DescribeVpcsRequestTypeDef) -> dict[str, Any]:
    """List VPCs."""
    return VPC.describe(call, params, ids="VpcIds", result="Vpcs")


# Attribute as DescribeVpcAttribute asks for it, member of the result, field of the record.
_ATTRIBUTES = {
    "enableDnsSupport": ("EnableDnsSupport", "enable_dns_support"),
    "enableDnsHostnames": ("EnableDnsHostnames", "enable_dns_hostnames"),
    "enableNetworkAddressUsageMetrics": (
        "EnableNetworkAddressUsageMetrics",
        "enable_network_address_usage_metrics",
    ),
}


def describe_vpc_attribute(
    call: Call, params: aws.DescribeVpcAttributeRequestTypeDef
) -> dict[str, Any]:
    """Show one attribute of a VPC."""
    vpc = VPC.find(call.region, params["VpcId"])
    member, field = _ATTRIBUTES[params["Attribute"]]
    return {"VpcId": vpc.id, member: {"Value": getattr(vpc, field)}}


def modify_vpc_attribute(
    call: Call, params: aws.ModifyVpcAttributeRequestTypeDef
) -> dict[str, Any]:
    """Change one attribute of a VPC. Source: API_ModifyVpcAttribute."""
    vpc = VPC.find(call.region, params["VpcId"])
    given: Mapping[str, Any] = params
    wanted = {
        field: given[member].get("Value")
        for member, field in _ATTRIBUTES.values()
        if given.get(member) is not None and given[member].get("Value") is not None
    }
    if not wanted:
        raise AwsError("MissingParameter", "The request must contain one attribute to change")
    if len(wanted) > 1:
        raise AwsError(
            "InvalidParameterCombination", "Only one attribute can be changed in a request"
        )
    if wanted.get("enable_dns_hostnames") and not vpc.enable_dns_support:
        raise AwsError(
            "InvalidParameterValue",
            f"DNS hostnames of {vpc.id} can only be enabled while its DNS support is enabled",
        )
    for field, value in wanted.items():
        setattr(vpc, field, value)
    return {}


def modify_vpc_tenancy(call: Call, params: aws.ModifyVpcTenancyRequestTypeDef) -> dict[str, Any]:
    """Let instances of a VPC share hardware again; the other way does not exist."""
    vpc = VPC.find(call.region, params["VpcId"])
    if params["InstanceTenancy"] != "default":
        raise AwsError(
            "UnsupportedTenancy", "The tenancy of a VPC can be changed to 'default' only"
        )
    vpc.instance_tenancy = "default"
    return {"ReturnValue": True}


OPERATIONS: Mapping[str, Handler] = {
    "DescribeVpcAttribute": describe_vpc_attribute,
    "DescribeVpcs": describe_vpcs,
    "ModifyVpcAttribute": modify_vpc_attribute,
    "ModifyVpcTenancy": modify_vpc_tenancy,
}
