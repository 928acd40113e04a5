from __future__ import annotations

import pytest

from emulator.core.errors import AwsError
from emulator.wire.message import HttpRequest
from emulator.wire.route import Target, route


def post(body: bytes, **headers: str) -> HttpRequest:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return HttpRequest("POST", "/", "", named, body)


def authorization(scope: str) -> str:
    return f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"


def test_the_credential_scope_says_service_region_and_caller() -> None:
    scope = "AKIAX/20260102/eu-west-1/ec2/aws4_request"
    request = post(b"Action=DescribeVpcs&Version=2016-11-15", authorization=authorization(scope))

    assert Target("ec2", "DescribeVpcs", "eu-west-1", "AKIAX", signed=True) == route(request)


def test_the_credential_scope_wins_over_the_version() -> None:
    scope = "AKIAX/20260102/eu-west-1/iam/aws4_request"
    request = post(b"Action=GetUser&Version=2016-11-15", authorization=authorization(scope))

    assert route(request).service == "iam"


def test_a_presigned_query_is_a_signed_request() -> None:
    query = (
        "Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Algorithm=AWS4-HMAC-SHA256"
        "&X-Amz-Credential=AKIAX%2F20260102%2Fus-east-2%2Fsts%2Faws4_request"
    )

    expected = Target("sts", "GetCallerIdentity", "us-east-2", "AKIAX", signed=True)
    assert expected == route(HttpRequest("GET", "/", query))


@pytest.mark.parametrize(
    ("version", "service"),
    [
        ("2016-11-15", "ec2"),
        ("2014-06-15", "ec2"),
        ("2009-11-30", "ec2"),
        ("2011-06-15", "sts"),
        ("2010-05-08", "iam"),
    ],
)
def test_an_unsigned_form_is_routed_by_its_version(version: str, service: str) -> None:
    body = f"Version={version}&Action=DoIt".encode()

    assert Target(service, "DoIt", None, None, signed=False) == route(post(body))


@pytest.mark.parametrize(
    ("prefix", "service"),
    [("AmazonSSM", "ssm"), ("AmazonEC2ContainerServiceV20141113", "ecs")],
)
def test_a_json_request_is_routed_by_its_target(prefix: str, service: str) -> None:
    request = post(b"{}", x_amz_target=f"{prefix}.ListThings")

    assert Target(service, "ListThings", None, None, signed=False) == route(request)


def test_signature_version_4a_leaves_the_region_out() -> None:
    scope = "AKIAX/20260102/sts/aws4_request"
    request = post(b"Action=GetCallerIdentity", authorization=authorization(scope))

    assert Target("sts", "GetCallerIdentity", None, "AKIAX", signed=True) == route(request)


def test_an_action_that_is_not_first_is_found() -> None:
    scope = "AKIAX/20260102/eu-west-1/ec2/aws4_request"
    request = post(b"AllocationId=a&Action=ReleaseAddress", authorization=authorization(scope))

    assert route(request).operation == "ReleaseAddress"


def test_a_scope_of_a_service_nobody_knows_leaves_it_to_the_version() -> None:
    scope = "AKIAX/20260102/eu-west-1/execute-api/aws4_request"
    body = b"Action=GetUser&Version=2010-05-08"

    expected = Target("iam", "GetUser", "eu-west-1", "AKIAX", signed=True)
    assert expected == route(post(body, authorization=authorization(scope)))


def test_signature_version_2_names_its_caller() -> None:
    request = post(b"AWSAccessKeyId=AKIAX&Action=DescribeVpcs&Version=2014-06-15&Signature=x")

    assert Target("ec2", "DescribeVpcs", None, "AKIAX", signed=True) == route(request)


@pytest.mark.parametrize(
    "value", ["", "Bearer x", "AWS4-HMAC-SHA256 Credential=a/b", "Credential="]
)
def test_an_authorization_nobody_can_read_is_none(value: str) -> None:
    request = post(b"Action=DescribeVpcs&Version=2016-11-15", authorization=value)

    assert Target("ec2", "DescribeVpcs", None, None, signed=False) == route(request)


def test_a_request_without_an_action_is_refused() -> None:
    with pytest.raises(AwsError) as refused:
        route(post(b"Version=2016-11-15"))

    assert (refused.value.code, refused.value.status) == ("MissingAction", 400)


def test_a_target_of_a_service_nobody_knows_is_refused() -> None:
    with pytest.raises(AwsError) as refused:
        route(post(b"{}", x_amz_target="DynamoDB_20120810.ListTables"))

    assert (refused.value.code, refused.value.status) == ("UnknownOperationException", 400)
