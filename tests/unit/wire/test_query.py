from __future__ import annotations

import tracemalloc
from typing import Any
from urllib.parse import urlencode

import pytest

from emulator.core.errors import AwsError
from emulator.wire.message import HttpRequest
from emulator.wire.service import load


def parse(operation: str, body: str, service: str = "ec2") -> dict[str, Any]:
    request = HttpRequest("POST", "/", "", {}, body.encode())
    return load(service).operation(operation).parse(request)


def refusal(operation: str, body: str, service: str = "ec2") -> tuple[str, str]:
    with pytest.raises(AwsError) as refused:
        parse(operation, body, service)
    assert refused.value.status == 400
    return refused.value.code, refused.value.message


def test_a_query_string_counts_as_much_as_a_body() -> None:
    request = HttpRequest("GET", "/", "Action=DescribeVpcs&VpcId.1=vpc-1&Filter.1.Name=a%20b+c")

    assert load("ec2").operation("DescribeVpcs").parse(request) == {
        "VpcIds": ["vpc-1"],
        "Filters": [{"Name": "a b c"}],
    }


def test_list_items_come_in_the_order_of_their_numbers() -> None:
    body = "VpcId.10=ten&VpcId.2=two&VpcId.999999999=last&VpcId.1=one"

    assert parse("DescribeVpcs", body) == {"VpcIds": ["one", "two", "ten", "last"]}


def test_the_last_of_equal_parameters_wins() -> None:
    assert parse("DescribeVpcs", "MaxResults=5&MaxResults=6") == {"MaxResults": 6}


def test_signatures_of_all_ages_are_no_parameters() -> None:
    body = (
        "Action=DescribeVpcs&Version=2014-06-15&AWSAccessKeyId=a&Signature=b&SignatureMethod=c"
        "&SignatureVersion=2&Timestamp=d&Expires=e&SecurityToken=f&X-Amz-Date=g&X-Amz-Signature=h"
    )

    assert parse("DescribeVpcs", body) == {}


def test_empty_parameters_are_absent_ones() -> None:
    body = (
        "ImageId=ami-1&MinCount=1&MaxCount=1&Placement.AvailabilityZone=&Placement.GroupName="
        "&IamInstanceProfile.Name=&SubnetId=&UserData=&SecurityGroupId.1=&DryRun="
        "&NetworkInterface.1.SubnetId=&InstanceType="
    )

    assert parse("RunInstances", body) == {"ImageId": "ami-1", "MinCount": 1, "MaxCount": 1}


def test_a_required_parameter_that_is_empty_is_missing() -> None:
    assert refusal("CreateSecurityGroup", "GroupName=a&GroupDescription=") == (
        "MissingParameter",
        "The request must contain the parameter GroupDescription",
    )


@pytest.mark.parametrize(
    ("operation", "body", "params"),
    [
        (
            "CreateTags",
            "ResourceId.1=i-1&Tag.1.Key=a&Tag.1.Value=",
            {"Resources": ["i-1"], "Tags": [{"Key": "a", "Value": ""}]},
        ),
        (
            "DescribeVpcs",
            "Filter.1.Name=tag:a&Filter.1.Value.1=",
            {"Filters": [{"Name": "tag:a", "Values": [""]}]},
        ),
        (
            "ModifyNetworkInterfaceAttribute",
            "NetworkInterfaceId=eni-1&Description.Value=",
            {"NetworkInterfaceId": "eni-1", "Description": {"Value": ""}},
        ),
        (
            "ModifyInstanceAttribute",
            "InstanceId=i-1&UserData.Value=",
            {"InstanceId": "i-1", "UserData": {"Value": b""}},
        ),
        (
            "RequestSpotInstances",
            "LaunchSpecification.BlockDeviceMapping.1.NoDevice=",
            {"LaunchSpecification": {"BlockDeviceMappings": [{"NoDevice": ""}]}},
        ),
        (
            "ModifyInstancePlacement",
            "InstanceId=i-1&GroupName=",
            {"InstanceId": "i-1", "GroupName": ""},
        ),
    ],
)
def test_empty_strings_that_mean_something_are_kept(
    operation: str, body: str, params: dict[str, Any]
) -> None:
    assert params == parse(operation, body)


def test_iam_takes_an_empty_description() -> None:
    assert parse("UpdateRoleDescription", "RoleName=a&Description=", "iam") == {
        "RoleName": "a",
        "Description": "",
    }


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ("Bogus=1", "Bogus"),
        ("Filter.1.Bogus=1", "Filter.1.Bogus"),
        ("Filter.x.Name=1", "Filter.x"),
        ("Filter.1x=1", "Filter.1x"),
        ("Filter.9999999999.Name=1", "Filter.9999999999"),
        ("Filter.²=1", "Filter.²"),
        ("Filter=1", "Filter"),
        ("Filter=1&Filter.1.Name=a", "Filter"),
        ("VpcId.1.2=1", "VpcId.1.2"),
        ("MaxResults.1=7", "MaxResults.1"),
        ("vpcId.1=1", "vpcId.1"),
        ("Filter.=1", "Filter"),
        ("Filter..Name=1", "Filter"),
    ],
)
def test_parameters_the_model_lacks_are_unknown(body: str, name: str) -> None:
    assert refusal("DescribeVpcs", body) == (
        "UnknownParameter",
        f"The parameter {name} is not recognized",
    )


@pytest.mark.parametrize(
    ("operation", "body", "parameter", "value"),
    [
        ("DescribeVpcs", "DryRun=maybe", "DryRun", "maybe"),
        ("DescribeVpcs", "MaxResults=1e1", "MaxResults", "1e1"),
        ("DescribeVpcs", "MaxResults=٣", "MaxResults", "٣"),
        ("DescribeVpcs", "MaxResults=4", "MaxResults", "4"),
        ("DescribeVpcs", "MaxResults=1001", "MaxResults", "1001"),
        ("DescribeInstances", "MaxResults=2147483648", "MaxResults", "2147483648"),
        ("CreateVpc", "InstanceTenancy=shared", "InstanceTenancy", "shared"),
        ("DescribeSpotPriceHistory", "StartTime=now", "StartTime", "now"),
        ("DescribeSpotPriceHistory", "StartTime=9999-12-31T23:59:59-12:00", "StartTime", "9999"),
        ("ImportKeyPair", "KeyName=a&PublicKeyMaterial=a%0", "PublicKeyMaterial", "a%0"),
        ("DescribeLaunchTemplateVersions", "LaunchTemplateName=ab", "LaunchTemplateName", "ab"),
        (
            "DescribeLaunchTemplateVersions",
            "LaunchTemplateName=a b c",
            "LaunchTemplateName",
            "a b c",
        ),
    ],
)
def test_bad_values_are_refused_by_name(
    operation: str, body: str, parameter: str, value: str
) -> None:
    code, message = refusal(operation, body)

    assert code == "InvalidParameterValue"
    assert message.startswith(f"Value ({value}")
    assert f"for parameter {parameter} is invalid" in message


def test_unknown_goes_before_invalid_and_invalid_before_missing() -> None:
    everything = "MaxCount=x&Placement.Bogus=1"

    assert refusal("RunInstances", everything)[0] == "UnknownParameter"
    assert refusal("RunInstances", "MaxCount=x")[0] == "InvalidParameterValue"
    assert refusal("RunInstances", "MaxCount=1") == (
        "MissingParameter",
        "The request must contain the parameter MinCount",
    )


def test_what_a_nested_structure_requires_is_named_with_its_path() -> None:
    body = "CidrBlock=10.0.0.0/16&CpuOptions.CoreCount=x&TagSpecification.1.Tag.1.Key=a"
    assert refusal("CreateVpc", body)[0] == "UnknownParameter"

    assert refusal("CreateFlowLogs", "ResourceId.1=a&ResourceType=VPC&MaxAggregationInterval=x")
    assert refusal("BundleInstance", "InstanceId=i-1") == (
        "MissingParameter",
        "The request must contain the parameter Storage",
    )


def test_instance_types_newer_than_the_model_are_let_through() -> None:
    body = "MinCount=1&MaxCount=1&InstanceType=z99.nano"

    assert parse("RunInstances", body)["InstanceType"] == "z99.nano"


def test_a_time_without_a_zone_is_utc() -> None:
    params = [
        parse("DescribeSpotPriceHistory", urlencode({"StartTime": text}))
        for text in ("2026-01-02T03:04:05", "2026-01-02T03:04:05Z", "2026-01-02T05:04:05.000+02:00")
    ]

    assert params[0] == params[1] == params[2]


def test_other_query_services_have_words_of_their_own() -> None:
    assert refusal("GetRole", "", "iam") == (
        "ValidationError",
        (
            "1 validation error detected: Value null at 'roleName' failed to satisfy constraint: "
            "Member must not be null"
        ),
    )
    code, message = refusal("AssumeRole", "RoleArn=x&RoleSessionName=a b", "sts")
    assert code == "ValidationError"
    assert message.startswith("2 validation errors detected: Value 'x' at 'roleArn' failed")


@pytest.mark.parametrize("body", [b"VpcId.1=%ff", b"VpcId.1=\xff", b"%ff=1"])
def test_a_body_that_is_not_utf_8_is_malformed(body: bytes) -> None:
    with pytest.raises(AwsError) as refused:
        load("ec2").operation("DescribeVpcs").parse(HttpRequest("POST", "/", "", {}, body))

    assert refused.value.code == "MalformedQueryString"


@pytest.mark.parametrize(
    "body",
    [
        "&".join(f"VpcId.{number}=v" for number in range(50_002)),
        "VpcId.1=" + "v" * (4 << 20),
    ],
    ids=["many", "long"],
)
def test_a_form_without_end_is_malformed(body: str) -> None:
    assert refusal("DescribeVpcs", body)[0] == "MalformedQueryString"


def test_numbers_and_depth_cost_no_memory() -> None:
    deep = ".1" * 100_000
    body = f"Filter.999999999.Name=a&Filter{deep}=1&VpcId.900000000=v"
    parse("DescribeVpcs", "")

    tracemalloc.start()
    try:
        refusal("DescribeVpcs", body)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 3_000_000


def test_hostile_text_does_not_stall_a_pattern() -> None:
    path = "/a" * 255 + "!"

    assert refusal("ListPolicies", urlencode({"PathPrefix": path}), "iam")[0] == "ValidationError"


def test_equal_requests_share_their_parameters() -> None:
    body = "Filter.1.Name=shared&Filter.1.Value.1=x"

    assert parse("DescribeVpcs", body) is parse("DescribeVpcs", body)
    assert parse("DescribeVpcs", body) is not parse("DescribeSubnets", body)
