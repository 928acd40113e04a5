"""Every paginator of botocore over the operations that are answered."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import botocore.loaders
import pytest
from botocore import xform_name
from botocore.exceptions import ClientError

from emulator.services.pages import DEFAULT_LIMITS
from emulator.services.registry import SERVICES
from emulator.wire.service import load
from tests.clients.conftest import KEYS
from tests.clients.emulator_process import EmulatorProcess
from tests.fakes.creations import IMAGE, Made, furnish

PAGINATORS: dict[str, Any] = botocore.loaders.Loader().load_service_model("ec2", "paginators-1")[
    "pagination"
]
# There is nothing to ask about: no pools are emulated, and one must be named.
WITHOUT_ANSWERS = {"GetIpamPoolAllocations"}
ANSWERED = sorted(PAGINATORS.keys() & SERVICES["ec2"].keys() - WITHOUT_ANSWERS)
# Ranges that AWS's documentation has and the model has not.
LIMITS = {
    "DescribeLaunchTemplateVersions": (1, 200),
    "DescribeSpotPriceHistory": (1, 1000),
}

# What an operation cannot be asked without.
PARAMS: dict[str, Callable[[Made], dict[str, Any]]] = {
    "DescribeAddressesAttribute": lambda _: {"Attribute": "domain-name"},
    "DescribeLaunchTemplateVersions": lambda made: {"LaunchTemplateId": made["template"]},
    "DescribeStaleSecurityGroups": lambda made: {"VpcId": made["vpc"]},
    "GetManagedPrefixListAssociations": lambda made: {"PrefixListId": made["prefixes"]},
    "GetManagedPrefixListEntries": lambda made: {"PrefixListId": made["prefixes"]},
    "GetSecurityGroupsForVpc": lambda made: {"VpcId": made["vpc"]},
    "GetTransitGatewayRouteTableAssociations": lambda made: {
        "TransitGatewayRouteTableId": made["tgw table"]
    },
    "GetTransitGatewayRouteTablePropagations": lambda made: {
        "TransitGatewayRouteTableId": made["tgw table"]
    },
    "GetTransitGatewayAttachmentPropagations": lambda made: {
        "TransitGatewayAttachmentId": made["tgw attachment"]
    },
    "GetTransitGatewayPrefixListReferences": lambda made: {
        "TransitGatewayRouteTableId": made["tgw table"]
    },
    "SearchTransitGatewayRoutes": lambda made: {
        "TransitGatewayRouteTableId": made["tgw table"],
        "Filters": [{"Name": "state", "Values": ["active"]}],
    },
    "DescribeVpcEndpointServicePermissions": lambda made: {"ServiceId": made["endpoint service"]},
}
# Six more of these, with the parts of the request that must differ.
MANY: dict[str, Callable[[Made, int], dict[str, Any]]] = {
    "CreateDhcpOptions": lambda _, n: {
        "DhcpConfigurations": [{"Key": "domain-name", "Values": [f"n{n}.example.org"]}]
    },
    "CreateInternetGateway": lambda *_: {},
    "CreateRouteTable": lambda made, _: {"VpcId": made["vpc"]},
    "CreateNetworkAcl": lambda made, _: {"VpcId": made["vpc"]},
    "CreateSecurityGroup": lambda made, n: {
        "VpcId": made["vpc"],
        "GroupName": f"g{n}",
        "Description": "d",
    },
    "CreateManagedPrefixList": lambda _, n: {
        "PrefixListName": f"l{n}",
        "MaxEntries": 1,
        "AddressFamily": "IPv4",
    },
    "CreateNetworkInterface": lambda made, _: {"SubnetId": made["subnet"]},
    "CreateVolume": lambda *_: {"AvailabilityZone": "us-east-1a", "Size": 1},
    "CreateSnapshot": lambda made, _: {"VolumeId": made["volume"]},
    "RunInstances": lambda *_: {
        "ImageId": IMAGE,
        "InstanceType": "t3.micro",
        "MinCount": 1,
        "MaxCount": 1,
    },
    "CreateLaunchTemplate": lambda _, n: {
        "LaunchTemplateName": f"plan{n}",
        "LaunchTemplateData": {"InstanceType": "t3.micro"},
    },
    "CreateLaunchTemplateVersion": lambda made, _: {
        "LaunchTemplateId": made["template"],
        "LaunchTemplateData": {"InstanceType": "t3.small"},
    },
    "CreateVpc": lambda _, n: {"CidrBlock": f"10.{n + 100}.0.0/16"},
    "CreateSubnet": lambda made, n: {"VpcId": made["vpc"], "CidrBlock": f"10.0.{n + 100}.0/24"},
    "CreateFlowLogs": lambda _, n: {
        "ResourceIds": [_["vpc"]],
        "ResourceType": "VPC",
        "TrafficType": "ALL",
        "LogDestinationType": "s3",
        "LogDestination": f"arn:aws:s3:::logs{n}",
    },
    "RequestSpotInstances": lambda *_: {
        "LaunchSpecification": {"ImageId": IMAGE, "InstanceType": "t3.micro"}
    },
    "CreateNatGateway": lambda made, _: {
        "SubnetId": made["subnet"],
        "ConnectivityType": "private",
    },
    "CreateTransitGateway": lambda *_: {},
    "CreateTransitGatewayRouteTable": lambda made, _: {"TransitGatewayId": made["tgw"]},
    "CreateTags": lambda made, n: {
        "Resources": [made["vpc"]],
        "Tags": [{"Key": f"k{n}", "Value": ""}],
    },
}
# A page of the least size does not hold all of these.
SEVERAL_PAGES = {
    "CreateDhcpOptions": "DescribeDhcpOptions",
    "CreateFlowLogs": "DescribeFlowLogs",
    "CreateInternetGateway": "DescribeInternetGateways",
    "CreateLaunchTemplate": "DescribeLaunchTemplates",
    "CreateLaunchTemplateVersion": "DescribeLaunchTemplateVersions",
    "CreateManagedPrefixList": "DescribeManagedPrefixLists",
    "CreateNatGateway": "DescribeNatGateways",
    "CreateNetworkAcl": "DescribeNetworkAcls",
    "CreateNetworkInterface": "DescribeNetworkInterfaces",
    "CreateRouteTable": "DescribeRouteTables",
    "CreateSecurityGroup": "DescribeSecurityGroups",
    "CreateSnapshot": "DescribeSnapshots",
    "CreateSubnet": "DescribeSubnets",
    "CreateTags": "DescribeTags",
    "CreateTransitGateway": "DescribeTransitGateways",
    "CreateTransitGatewayRouteTable": "DescribeTransitGatewayRouteTables",
    "CreateVolume": "DescribeVolumes",
    "CreateVpc": "DescribeVpcs",
    "RequestSpotInstances": "DescribeSpotInstanceRequests",
    "RunInstances": "DescribeInstances",
}


@pytest.fixture(scope="module")
def made(emulator: EmulatorProcess) -> Made:
    client = boto3.client("ec2", endpoint_url=emulator.url, **KEYS)

    def call(operation: str, **params: Any) -> dict[str, Any]:
        return dict(getattr(client, xform_name(operation))(**params))

    made = furnish(call)
    for operation, params in MANY.items():
        if operation in SERVICES["ec2"]:
            for number in range(6):
                call(operation, **params(made, number))
    return made


def asked(operation: str, made: Made) -> dict[str, Any]:
    return PARAMS[operation](made) if operation in PARAMS else {}


def items(operation: str, page: dict[str, Any]) -> list[str]:
    keys = PAGINATORS[operation]["result_key"]
    keys = keys if isinstance(keys, list) else [keys]
    return [
        f"{key} {json.dumps(item, default=str, sort_keys=True)}"
        for key in keys
        for item in page.get(key, [])
    ]


def limits(operation: str) -> tuple[int, int]:
    return load("ec2").operation(operation).page_limits or LIMITS.get(operation) or DEFAULT_LIMITS


def paged(ec2: Any, operation: str, made: Made, size: int | None) -> Iterator[list[str]]:
    paginator = ec2.get_paginator(xform_name(operation))
    config = {"PageSize": size} if size and "limit_key" in PAGINATORS[operation] else {}
    for page in paginator.paginate(**asked(operation, made), PaginationConfig=config):
        yield items(operation, page)


@pytest.mark.parametrize("operation", ANSWERED)
def test_small_pages_hold_everything_once(ec2: Any, made: Made, operation: str) -> None:
    least, _ = limits(operation)
    whole = [item for page in paged(ec2, operation, made, None) for item in page]

    pages = list(paged(ec2, operation, made, max(least, len(whole) // 20)))

    together = [item for page in pages for item in page]
    assert sorted(together) == sorted(whole)
    assert len(set(together)) == len(together)
    if isinstance(PAGINATORS[operation]["result_key"], str):
        assert max(map(len, pages)) <= max(least, len(whole) // 20) or len(pages) == 1


@pytest.mark.parametrize(
    "operation",
    [listed for creates, listed in SEVERAL_PAGES.items() if creates in SERVICES["ec2"]],
)
def test_many_make_several_pages(ec2: Any, made: Made, operation: str) -> None:
    assert len(list(paged(ec2, operation, made, limits(operation)[0]))) > 1


def refusal(ec2: Any, operation: str, params: dict[str, Any]) -> tuple[str, int]:
    with pytest.raises(ClientError) as refused:
        getattr(ec2, xform_name(operation))(**params)
    answer = refused.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]


@pytest.mark.parametrize("operation", ANSWERED)
def test_a_token_nobody_gave_is_refused(ec2: Any, made: Made, operation: str) -> None:
    for token in ("garbage", "AAAA", "é"):
        params = {**asked(operation, made), "NextToken": token}

        assert refusal(ec2, operation, params) == ("InvalidParameterValue", 400)


@pytest.mark.parametrize("operation", [n for n in ANSWERED if "limit_key" in PAGINATORS[n]])
def test_a_page_size_out_of_range_is_refused(ec2: Any, made: Made, operation: str) -> None:
    least, most = limits(operation)
    for size in (least - 1, most + 1, -1):
        params = {**asked(operation, made), "MaxResults": size}

        assert refusal(ec2, operation, params) == ("InvalidParameterValue", 400)
