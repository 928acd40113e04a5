from __future__ import annotations

from typing import Any

import pytest
from botocore.parsers import create_parser

from emulator.core.errors import AwsError
from emulator.wire.fault import fault
from emulator.wire.message import HttpRequest, HttpResponse
from emulator.wire.service import SERVICES, load
from tests.unit.wire.samples import service_model

UNDECLARED = ["InvalidVpcID.NotFound", "DryRunOperation", "ValidationError", "AccessDenied"]
MESSAGE = "The vpc ID 'vpc-<1>' & \"more\" 漢 does not exist"


def read(protocol: str, response: HttpResponse) -> dict[str, Any]:
    parsed = create_parser(protocol).parse(
        {
            "body": b"".join(response.body),
            "headers": {name.lower(): value for name, value in response.headers},
            "status_code": response.status,
        },
        None,
    )
    return dict(parsed)


def declared(service: str) -> list[str]:
    model = service_model(service)
    names = "name" if model.metadata["protocol"] == "json" else "error_code"
    return [getattr(shape, names) for shape in model.error_shapes]


CASES = [(service, code) for service in SERVICES for code in [*declared(service), *UNDECLARED]]


@pytest.mark.parametrize(("service", "code"), CASES)
def test_botocore_reads_code_message_and_request_id(service: str, code: str) -> None:
    response = fault(load(service), AwsError(code, MESSAGE, 409), "the-request")

    parsed = read(load(service).protocol, response)
    assert (code, MESSAGE) == (parsed["Error"]["Code"], parsed["Error"]["Message"])
    assert parsed["ResponseMetadata"]["RequestId"] == "the-request"
    assert parsed["ResponseMetadata"]["HTTPStatusCode"] == 409


@pytest.mark.parametrize("service", ["ssm", "ecs"])
def test_a_declared_error_has_its_message_where_its_shape_says(service: str) -> None:
    parser = create_parser("json")
    for shape in service_model(service).error_shapes:
        response = fault(load(service), AwsError(shape.name, MESSAGE), "the-request")
        http = {"body": b"".join(response.body), "headers": {}, "status_code": 400}
        named = [name for name in shape.members if name.lower() == "message"]

        modelled = parser.parse(http, shape)
        assert [MESSAGE for _ in named] == [modelled[name] for name in named]


def test_a_request_to_nobody_is_refused_as_ec2_does() -> None:
    response = fault(None, AwsError("MissingAction", "No action"), "the-request")

    assert read("ec2", response)["Error"] == {"Code": "MissingAction", "Message": "No action"}


def test_a_json_request_to_nobody_is_refused_in_json() -> None:
    request = HttpRequest("POST", "/", "", {"x-amz-target": "Who.What"}, b"{}")
    error = AwsError("UnknownOperationException", "No such operation")

    response = fault(None, error, "the-request", request)

    assert read("json", response)["Error"]["Code"] == "UnknownOperationException"
    assert ("x-amzn-errortype", "UnknownOperationException") in response.headers


def test_the_sender_of_a_query_request_is_blamed_only_for_its_own_faults() -> None:
    blamed = [
        read("query", fault(load("sts"), AwsError("X", "y", status), "r"))["Error"]["Type"]
        for status in (403, 500)
    ]

    assert blamed == ["Sender", "Receiver"]


def test_a_message_no_document_can_hold_is_still_well_formed() -> None:
    message = "a\x00b\ud800c\ufffe"

    response = fault(load("ec2"), AwsError("X", message), "the-request")

    assert read("ec2", response)["Error"]["Message"] == "a\ufffdb\ufffdc\ufffd"
