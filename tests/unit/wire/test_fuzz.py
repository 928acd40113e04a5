"""Whatever bytes arrive, only an AwsError of status 400 comes out."""

from __future__ import annotations

import contextlib
from urllib.parse import quote_plus

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emulator.core.errors import AwsError
from emulator.wire.message import HttpRequest
from emulator.wire.route import route
from emulator.wire.service import SERVICES, load

QUICK = settings(
    max_examples=2 * settings().max_examples,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)

OPERATIONS = st.sampled_from(
    [
        ("ec2", "RunInstances"),
        ("ec2", "DescribeInstances"),
        ("ec2", "CreateFleet"),
        ("ec2", "CreateNetworkAclEntry"),
        ("ec2", "ImportKeyPair"),
        ("sts", "AssumeRole"),
        ("iam", "SimulateCustomPolicy"),
        ("ssm", "PutInventory"),
        ("ecs", "RegisterTaskDefinition"),
    ]
)
WORDS = st.sampled_from(
    [
        *("Filter", "Name", "Value", "1", "02", "member", "entry", "key", "Placement", "MaxCount"),
        *("BlockDeviceMapping", "Ebs", "VolumeSize", "Tag", "Tags", "TagSpecification", "DryRun"),
        *("PolicyArns", "ContextEntries", "PublicKeyMaterial", "Icmp", "Code", "ValidUntil", ""),
    ]
)
KEYS = st.one_of(st.lists(WORDS, max_size=6).map(".".join), st.text(max_size=12))
VALUES = st.one_of(st.sampled_from(["", "1", "true", "2026-01-02", "AA=="]), st.text(max_size=12))
FORMS = st.lists(st.tuples(KEYS, VALUES), max_size=12).map(
    lambda pairs: "&".join(f"{quote_plus(k)}={quote_plus(v)}" for k, v in pairs).encode()
)
JSON_NAMES = st.sampled_from(["family", "containerDefinitions", "name", "tags", "cpu", "Items"])
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(JSON_NAMES, inner, max_size=3),
    max_leaves=8,
)


def answered(request: HttpRequest, service: str, operation: str) -> None:
    try:
        load(service).operation(operation).parse(request)
    except AwsError as error:
        assert error.status == 400  # noqa: PT017 - both outcomes are right


@QUICK
@given(OPERATIONS, st.binary(max_size=200), st.text(max_size=50))
def test_any_bytes_are_parsed_or_refused(target: tuple[str, str], body: bytes, query: str) -> None:
    answered(HttpRequest("POST", "/", query, {}, body), *target)


@QUICK
@given(OPERATIONS, FORMS)
def test_any_form_is_parsed_or_refused(target: tuple[str, str], body: bytes) -> None:
    answered(HttpRequest("POST", "/", "", {}, body), *target)


@QUICK
@given(OPERATIONS, JSON_VALUES)
def test_any_json_is_parsed_or_refused(target: tuple[str, str], value: object) -> None:
    body = repr(value).replace("'", '"').replace("None", "null").encode(errors="surrogatepass")
    answered(HttpRequest("POST", "/", "", {}, body), *target)


@QUICK
@given(
    st.dictionaries(
        st.sampled_from(["authorization", "x-amz-target", "content-type"]),
        st.text(max_size=40)
        | st.lists(st.text(max_size=6), max_size=8).map(
            lambda parts: "Credential=" + "/".join(parts)
        ),
    ),
    st.text(max_size=60) | st.text(max_size=40).map(lambda text: f"X-Amz-Credential={text}"),
    st.binary(max_size=60) | st.binary(max_size=20).map(lambda text: b"Action=" + text),
)
def test_any_request_is_routed_or_refused(headers: dict[str, str], query: str, body: bytes) -> None:
    try:
        target = route(HttpRequest("POST", "/", query, headers, body))
    except AwsError as error:
        assert error.status == 400  # noqa: PT017 - both outcomes are right
        return
    assert target.service in SERVICES
    with contextlib.suppress(AwsError):
        load(target.service).operation(target.operation)
