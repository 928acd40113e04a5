from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from emulator.core.errors import AwsError
from emulator.wire.json import JsonParser, JsonWriter
from emulator.wire.message import HttpRequest
from emulator.wire.model import Model
from emulator.wire.service import Service, load


def parse(service: str, operation: str, body: object) -> dict[str, Any]:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return load(service).operation(operation).parse(HttpRequest("POST", "/", "", {}, raw))


def refusal(service: str, operation: str, body: object) -> tuple[str, str]:
    with pytest.raises(AwsError) as refused:
        parse(service, operation, body)
    assert refused.value.status == 400
    return refused.value.code, refused.value.message


def test_an_empty_body_is_an_empty_structure() -> None:
    assert parse("ecs", "ListClusters", b"") == parse("ecs", "ListClusters", {}) == {}


def test_members_the_model_lacks_are_ignored_and_null_is_absent() -> None:
    assert parse("ecs", "ListClusters", {"bogus": 1, "maxResults": None, "nextToken": ""}) == {
        "nextToken": ""
    }


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"\xff",
        b"[1]",
        b'"x"',
        b'{"maxResults": NaN}',
        b'{"maxResults": 1e999}',
        b'{"maxResults": "5"}',
        b'{"maxResults": true}',
        b'{"maxResults": 5.5}',
        b'{"nextToken": 5}',
        b'{"nextToken": "\\ud800"}',
        b'{"maxResults": ' + b"9" * 5000 + b"}",
        b"[" * 100_000,
        b" " * (5 << 20) + b"{}",
    ],
    ids=range(14),
)
def test_what_cannot_be_read_is_a_serialization_error(body: bytes) -> None:
    assert refusal("ecs", "ListClusters", body)[0] == "SerializationException"


def test_structures_that_contain_themselves_may_not_do_so_for_ever() -> None:
    body = b'{"Aggregators":[' * 240 + b"{}" + b"]}" * 240

    assert refusal("ssm", "GetInventory", body)[0] in {
        "SerializationException",
        "ValidationException",
    }


@pytest.mark.parametrize(
    ("service", "code"), [("ssm", "ValidationException"), ("ecs", "InvalidParameterException")]
)
def test_each_service_has_its_own_code_for_broken_rules(service: str, code: str) -> None:
    operation = {"ssm": "GetParameter", "ecs": "CreateService"}[service]
    member = {"ssm": "name", "ecs": "serviceName"}[service]

    assert refusal(service, operation, {}) == (
        code,
        (
            f"1 validation error detected: Value null at '{member}' failed to satisfy constraint: "
            "Member must not be null"
        ),
    )


def test_a_whole_number_may_be_written_as_a_float() -> None:
    assert parse("ecs", "ListClusters", {"maxResults": 5.0}) == {"maxResults": 5}


@pytest.mark.parametrize(
    ("moment", "seconds"),
    [
        (datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), 1767323045),
        (datetime(2026, 1, 2, 3, 4, 5, 250_000, tzinfo=UTC), 1767323045.25),
    ],
)
def test_times_are_seconds_since_the_epoch(moment: datetime, seconds: float) -> None:
    response = load("ecs").operation("DescribeTasks").reply({"tasks": [{"createdAt": moment}]}, "r")

    assert json.loads(b"".join(response.body)) == {"tasks": [{"createdAt": seconds}]}
    assert dict(response.headers) == {
        "Content-Type": "application/x-amz-json-1.1",
        "x-amzn-RequestId": "r",
    }


def tiny_service(version: str) -> Service:
    shapes: dict[str, Any] = {
        "In": {"type": "structure", "members": {"Data": {"shape": "Blob", "locationName": "d"}}},
        "Blob": {"type": "blob"},
    }
    metadata = {"protocol": "json", "apiVersion": "2020-01-01", "jsonVersion": version}
    operations = {"Echo": {"name": "Echo", "input": {"shape": "In"}, "output": {"shape": "In"}}}
    return Service(
        Model("tiny", {"metadata": metadata, "operations": operations, "shapes": shapes})
    )


def test_version_1_0_says_so() -> None:
    response = tiny_service("1.0").operation("Echo").reply({"Data": "text"}, "r")

    assert ("Content-Type", "application/x-amz-json-1.0") in response.headers
    assert b"".join(response.body) == b'{"d":"dGV4dA=="}'


def test_blobs_are_base64_under_their_location_name() -> None:
    model = tiny_service("1.0").model
    read = JsonParser(model).compile(model.shape("In"))
    write = JsonWriter(model).compile(model.shape("In"))

    assert read(HttpRequest("POST", "/", body=b'{"d": "AP8="}')) == {"Data": b"\x00\xff"}
    assert write({"Data": b"\x00\xff"}) == {"d": "AP8="}
    with pytest.raises(AwsError, match="SerializationException"):
        read(HttpRequest("POST", "/", body=b'{"d": "AP"}'))
