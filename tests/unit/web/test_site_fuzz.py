"""Any bytes at the door of the whole emulator: an HTTP answer, never a 5xx, never a traceback."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote_plus

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.logger import LogLevel, globalLogPublisher

from emulator.services.registry import SERVICES
from emulator.web.admin import Admin
from emulator.web.connection import HttpConnection
from emulator.web.limits import Limits
from emulator.web.open_connections import OpenConnections
from emulator.web.site import Site
from emulator.wire.service import load
from tests.fakes.client import EPOCH, new_api
from tests.unit.web.connections import BoundedTransport

API, REACTOR = new_api()
SITE = Site(API, Admin(API, "1.2.3", ("mock", "asked for"), EPOCH))
CONNECTIONS = OpenConnections(Limits(), Clock())
STATUS = re.compile(rb"HTTP/1\.1 (\d\d\d) ")

OPERATIONS = [(service, name) for service, handlers in SERVICES.items() for name in handlers]
TEXT = st.text(max_size=12) | st.sampled_from(
    ["true", "0", "-1", "vpc-0123456789abcdef0", "i-1", "ami-000001", "*", "10.0.0.0/16", "\0", "&"]
)


def member_names(service: str, operation: str) -> list[str]:
    return sorted(load(service).operation(operation).members) or ["Nothing"]


@st.composite
def forms(draw: Any) -> tuple[str, bytes]:
    service, operation = draw(st.sampled_from(OPERATIONS))
    names = st.sampled_from(member_names(service, operation)) | TEXT
    path = st.lists(names | st.integers(0, 10**12).map(str), min_size=1, max_size=4)
    pairs = draw(st.lists(st.tuples(path.map(".".join), TEXT), max_size=6))
    version = load(service).api_version
    body = f"Action={operation}&Version={version}" + "".join(
        f"&{quote_plus(name)}={quote_plus(value)}" for name, value in pairs
    )
    return service, body.encode()


def request(service: str, body: bytes, content_type: str, target: str = "") -> bytes:
    return (
        f"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: {content_type}\r\n"
        f"Authorization: AWS4-HMAC-SHA256 Credential=test/20260102/us-east-1/{service}/"
        f"aws4_request, SignedHeaders=host, Signature=0\r\n"
        f"{f'X-Amz-Target: {target}{chr(13)}{chr(10)}' if target else ''}"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body


@pytest.fixture(scope="module")
def failures() -> Iterator[list[Any]]:
    seen: list[Any] = []

    def observe(event: dict[str, Any]) -> None:
        if event.get("log_level") in (LogLevel.critical, LogLevel.error):
            seen.append(event)

    globalLogPublisher.addObserver(observe)
    yield seen
    globalLogPublisher.removeObserver(observe)


def statuses(data: bytes) -> list[int]:
    transport = BoundedTransport()
    connection = HttpConnection(SITE.answer, CONNECTIONS)
    connection.makeConnection(transport)
    connection.dataReceived(data)
    REACTOR.advance(0)
    REACTOR.advance(0)
    written: bytes = transport.value()
    return [int(status) for status in STATUS.findall(written)]


QUICK = settings(
    max_examples=4 * settings().max_examples,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@QUICK
@given(forms())
def test_any_form_is_answered(failures: list[Any], form: tuple[str, bytes]) -> None:
    service, body = form

    found = statuses(request(service, body, "application/x-www-form-urlencoded"))

    assert found
    assert max(found) < 500
    assert not failures


@QUICK
@given(st.sampled_from(["ec2", "sts", "iam", "ssm", "ecs", "s3", ""]), st.binary(max_size=200))
def test_any_body_is_answered(failures: list[Any], service: str, body: bytes) -> None:
    found = statuses(request(service, body, "application/x-www-form-urlencoded"))

    assert found
    assert max(found) < 500
    assert not failures


@QUICK
@given(st.sampled_from(["ssm", "ecs"]), st.text(max_size=30), st.binary(max_size=100))
def test_any_json_is_answered(
    failures: list[Any], service: str, operation: str, body: bytes
) -> None:
    name = re.sub(r"[^A-Za-z]", "", operation) or "GetParameter"
    prefix = {"ssm": "AmazonSSM", "ecs": "AmazonEC2ContainerServiceV20141113"}[service]

    found = statuses(request(service, body, "application/x-amz-json-1.1", f"{prefix}.{name}"))

    assert found
    assert max(found) < 500
    assert not failures


@QUICK
@given(st.binary(max_size=300), st.sampled_from([b"", b"GET / HTTP/1.1\r\n", b"POST /?Action="]))
def test_any_bytes_are_taken(failures: list[Any], data: bytes, start: bytes) -> None:
    found = statuses(start + data)

    assert all(status < 500 or status in (501, 505) for status in found)
    assert not failures
