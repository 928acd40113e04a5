"""botocore is the judge: what it sends we read, and what we write it reads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from botocore.parsers import create_parser
from botocore.serialize import create_serializer

from emulator.core.errors import AwsError
from emulator.wire.message import HttpRequest, HttpResponse
from emulator.wire.service import SERVICES, load
from tests.unit.wire.samples import full, least, operation_model

REQUEST_ID = "11111111-2222-3333-4444-555555555555"


def botocore_request(service: str, operation: str, params: dict[str, Any]) -> HttpRequest:
    serializer = create_serializer(load(service).protocol, include_validation=False)
    wire = serializer.serialize_to_request(params, operation_model(service, operation))
    body = wire["body"] if isinstance(wire["body"], bytes) else urlencode(wire["body"]).encode()
    headers = {name.lower(): value for name, value in wire["headers"].items()}
    return HttpRequest(wire["method"], "/", "", headers, body)


def botocore_result(service: str, operation: str, response: HttpResponse) -> dict[str, Any]:
    parsed = create_parser(load(service).protocol).parse(
        {
            "body": b"".join(response.body),
            "headers": {name.lower(): value for name, value in response.headers},
            "status_code": response.status,
        },
        operation_model(service, operation).output_shape,
    )
    metadata = parsed.pop("ResponseMetadata")
    assert metadata["RequestId"] == REQUEST_ID
    return dict(parsed)


Difference = tuple[dict[str, Any], dict[str, Any]]


def differences(service: str, both: Callable[[str], Difference]) -> dict[str, Difference]:
    """What was meant and what was read, for every operation of a service where they differ.

    One test a service and not one an operation: there are twelve hundred of them, and each
    takes less than pytest does for a test.
    """
    found: dict[str, Difference] = {}
    for operation in load(service).operation_names:
        try:
            meant, read = both(operation)
        except Exception as error:
            error.add_note(f"with {service} {operation}")
            raise
        if meant != read:
            found[operation] = (meant, read)
    return found


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("sample", [full, least])
def test_every_request_survives_the_wire(service: str, sample: Callable[[Any], Any]) -> None:
    def both(operation: str) -> Difference:
        params = sample(operation_model(service, operation).input_shape)
        request = botocore_request(service, operation, params)
        return params, load(service).operation(operation).parse(request)

    assert differences(service, both) == {}


@pytest.mark.parametrize(
    ("service", "code"),
    [
        ("ec2", "MissingParameter"),
        ("sts", "ValidationError"),
        ("iam", "ValidationError"),
        ("ssm", "ValidationException"),
        ("ecs", "InvalidParameterException"),
    ],
)
def test_empty_requests_are_taken_or_refused_by_what_is_required(service: str, code: str) -> None:
    for operation in load(service).operation_names:
        shape = operation_model(service, operation).input_shape
        request = botocore_request(service, operation, {})
        wire = load(service).operation(operation)

        if shape is None or not shape.required_members:
            assert wire.parse(request) == {}
        else:
            with pytest.raises(AwsError) as refused:
                wire.parse(request)
            assert (code, 400) == (refused.value.code, refused.value.status)


@pytest.mark.parametrize("service", SERVICES)
def test_every_full_reply_survives_the_wire(service: str) -> None:
    def both(operation: str) -> Difference:
        result = full(operation_model(service, operation).output_shape)
        response = load(service).operation(operation).reply(result, REQUEST_ID)
        return result, botocore_result(service, operation, response)

    assert differences(service, both) == {}


@pytest.mark.parametrize("service", SERVICES)
def test_empty_replies_survive_the_wire(service: str) -> None:
    results = {}
    for operation in load(service).operation_names:
        response = load(service).operation(operation).reply({}, REQUEST_ID)
        results[operation] = botocore_result(service, operation, response)

    assert results == {key: {} for key in load(service).operation_names}


@pytest.mark.parametrize("service", SERVICES)
def test_members_and_tokens_are_those_of_the_model(service: str) -> None:
    for operation in load(service).operation_names:
        model = operation_model(service, operation)
        wire = load(service).operation(operation)

        assert frozenset(model.input_shape.members if model.input_shape else ()) == wire.members
        assert model.idempotent_members[:1] in ([], [wire.token_member])
        assert wire.token_member is None or wire.token_member in wire.members


@pytest.mark.parametrize(
    ("service", "operation", "limits"),
    [
        ("ec2", "DescribeInstanceTypes", (5, 100)),
        ("ec2", "DescribeVpcs", (5, 1000)),
        ("ec2", "DescribeRegions", None),
        ("iam", "ListRoles", (1, 1000)),
        ("ssm", "DescribeParameters", (1, 50)),
    ],
)
def test_page_limits_are_those_of_the_model(
    service: str, operation: str, limits: tuple[int, int] | None
) -> None:
    assert limits == load(service).operation(operation).page_limits


def test_client_tokens_are_found_without_their_trait() -> None:
    assert load("ec2").operation("CreateVpcEndpoint").token_member == "ClientToken"


@pytest.mark.parametrize("service", SERVICES)
def test_an_operation_the_model_lacks_is_refused(service: str) -> None:
    with pytest.raises(AwsError) as refused:
        load(service).operation("MakeCoffee")

    assert refused.value.code in {"InvalidAction", "UnknownOperationException"}
    assert refused.value.status == 400
