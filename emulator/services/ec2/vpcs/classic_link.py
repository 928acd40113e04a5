"""ClassicLink, which went with EC2-Classic: what AWS still answers about it.

Terraform's providers of versions 2 to 4 ask on every read of a VPC and take
UnsupportedOperation for an answer only where they expect data they can do without.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from emulator.core.errors import AwsError
from emulator.model.vpc import Vpc
from emulator.services.call import Call, Handler
from emulator.services.ec2.kind import tag_set
from emulator.services.ec2.vpcs.vpcs import VPC
from emulator.services.filters import Field, select
from emulator.services.pages import page_of_rows

if TYPE_CHECKING:
    from mypy_boto3_ec2 import type_defs as aws

_FILTERS: Mapping[str, Field[Vpc]] = {"is-classic-link-enabled": lambda _, __: False}


def describe_vpc_classic_link(
    call: Call, params: aws.DescribeVpcClassicLinkRequestTypeDef
) -> dict[str, Any]:
    """Say of each VPC that ClassicLink is off."""
    region = call.region
    ids = params.get("VpcIds")
    rows = VPC.find_all(region, ids) if ids else VPC.rows(region)
    chosen = select(region, rows, params.get("Filters"), _FILTERS, taggable=True)
    return {
        "Vpcs": [
            {"VpcId": vpc.id, "ClassicLinkEnabled": False, "Tags": tag_set(vpc.tags)}
            for vpc in chosen
        ]
    }


def describe_vpc_classic_link_dns_support(
    call: Call, params: aws.DescribeVpcClassicLinkDnsSupportRequestTypeDef
) -> dict[str, Any]:
    """Say of each VPC that ClassicLink's DNS support is off."""
    region = call.region
    ids = params.get("VpcIds")
    rows = VPC.find_all(region, ids) if ids else VPC.rows(region)
    shown, token = page_of_rows(call.operation.name, rows, params, call.operation.page_limits)
    return {
        "Vpcs": [{"VpcId": vpc.id, "ClassicLinkDnsSupported": False} for vpc in shown],
        "NextToken": token,
    }


def _unsupported(_: Call, __: Any) -> dict[str, Any]:
    raise AwsError(
        "UnsupportedOperation", "The functionality you requested is not available in this region."
    )


OPERATIONS: Mapping[str, Handler] = {
    "AttachClassicLinkVpc": _unsupported,
    "DescribeVpcClassicLink": describe_vpc_classic_link,
    "DescribeVpcClassicLinkDnsSupport": describe_vpc_classic_link_dns_support,
    "DetachClassicLinkVpc": _unsupported,
    "DisableVpcClassicLink": _unsupported,
    "DisableVpcClassicLinkDnsSupport": _unsupported,
    "EnableVpcClassicLink": _unsupported,
    "EnableVpcClassicLinkDnsSupport": _unsupported,
}
