"""What a request must be like."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.imds import rules
from emulator.imds.rules import Refusal
from emulator.wire.message import HttpRequest

OPTIONAL = {"HttpEndpoint": "enabled", "HttpTokens": "optional", "HttpProtocolIpv6": "disabled"}
REQUIRED = {**OPTIONAL, "HttpTokens": "required"}


def request(method: str = "GET", path: str = "/latest/", peer: str = "10.0.0.1", **headers: str):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return HttpRequest(method, path, headers=named, peer=(peer, 1))


def read(asked: HttpRequest, options: dict[str, str] = OPTIONAL, left: float = 0.0):
    return rules.may_read(asked, options, lambda _: left)


@pytest.mark.parametrize(
    ("refusal", "status", "title"),
    [
        (Refusal.BAD_REQUEST, 400, "400 - Bad Request"),
        (Refusal.UNAUTHORIZED, 401, "401 - Unauthorized"),
        (Refusal.FORBIDDEN, 403, "403 - Forbidden"),
        (Refusal.NOT_FOUND, 404, "404 - Not Found"),
        (Refusal.METHOD_NOT_ALLOWED, 405, "405 - Method Not Allowed"),
    ],
)
def test_a_refusal_says_its_status_on_a_page(refusal: Refusal, status: int, title: str) -> None:
    assert refusal.status == status
    assert refusal.page.startswith(b'<?xml version="1.0" encoding="iso-8859-1"?>')
    assert f"<title>{title}</title>".encode() in refusal.page


def test_a_disabled_endpoint_is_forbidden_to_all() -> None:
    options = {**OPTIONAL, "HttpEndpoint": "disabled"}

    assert rules.may_knock(request(), options) is Refusal.FORBIDDEN
    assert rules.may_knock(request("PUT", rules.TOKEN_PATH), options) is Refusal.FORBIDDEN


def test_ipv6_is_forbidden_until_it_is_enabled() -> None:
    asked = request(peer="fd00:ec2::254")

    assert rules.may_knock(asked, OPTIONAL) is Refusal.FORBIDDEN
    assert rules.may_knock(asked, {**OPTIONAL, "HttpProtocolIpv6": "enabled"}) is None
    assert rules.may_knock(request(), OPTIONAL) is None


@pytest.mark.parametrize("ttl", ["1", "60", "21600", " 60 "])
def test_a_token_may_be_had_for_a_second_to_six_hours(ttl: str) -> None:
    asked = request("PUT", x_aws_ec2_metadata_token_ttl_seconds=ttl)

    assert rules.wanted_ttl(asked) == int(ttl)


@pytest.mark.parametrize(
    "ttl", ["", "0", "-1", "21601", "60s", "1.5", "1e3", "٣", "²", "0x10", "9" * 5000, "+60"]
)
def test_any_other_ttl_is_a_bad_request(ttl: str) -> None:
    asked = request("PUT", x_aws_ec2_metadata_token_ttl_seconds=ttl)

    assert rules.wanted_ttl(asked) is Refusal.BAD_REQUEST


def test_a_token_without_a_ttl_is_a_bad_request() -> None:
    assert rules.wanted_ttl(request("PUT")) is Refusal.BAD_REQUEST


def test_a_forwarded_request_gets_no_token() -> None:
    asked = request("PUT", x_aws_ec2_metadata_token_ttl_seconds="60", x_forwarded_for="")

    assert rules.wanted_ttl(asked) is Refusal.FORBIDDEN


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "DELETE", "OPTIONS", "PATCH"])
def test_tokens_are_put_and_nothing_else(method: str) -> None:
    asked = request(method, x_aws_ec2_metadata_token_ttl_seconds="60")

    assert rules.wanted_ttl(asked) is Refusal.METHOD_NOT_ALLOWED


@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE", "OPTIONS", "PATCH"])
def test_metadata_is_read_and_nothing_else(method: str) -> None:
    assert read(request(method)) is Refusal.METHOD_NOT_ALLOWED


def test_version_1_works_while_tokens_are_optional() -> None:
    assert read(request()) == 0.0
    assert read(request("HEAD")) == 0.0


def test_version_1_is_unauthorized_where_tokens_are_required() -> None:
    assert read(request(), REQUIRED) is Refusal.UNAUTHORIZED
    assert read(request(x_aws_ec2_metadata_token="t"), REQUIRED, left=5.0) == 5.0


@pytest.mark.parametrize("options", [OPTIONAL, REQUIRED])
def test_a_wrong_token_is_unauthorized_even_where_none_is_needed(options: dict[str, str]) -> None:
    assert read(request(x_aws_ec2_metadata_token="wrong"), options) is Refusal.UNAUTHORIZED
    assert read(request(x_aws_ec2_metadata_token=""), options) is Refusal.UNAUTHORIZED


@pytest.mark.parametrize("peer", ["169.254.169.254", "fd00:ec2::254", "127.0.0.1", "10.0.0.4"])
def test_the_instance_itself_gets_the_whole_hop_limit(peer: str) -> None:
    assert rules.token_hops(1, peer, ["10.0.0.4"]) == 1
    assert rules.token_hops(64, peer, ["10.0.0.4"]) == 64


@pytest.mark.parametrize("peer", ["172.17.0.2", "10.0.0.5", "2001:db8::9"])
def test_a_container_in_the_instance_is_one_hop_further(peer: str) -> None:
    assert rules.token_hops(1, peer, ["10.0.0.4"]) == 0
    assert rules.token_hops(2, peer, ["10.0.0.4"]) == 1


@given(
    st.sampled_from(["GET", "PUT", "HEAD", "POST", "BREW"]),
    st.text(max_size=40),
    st.dictionaries(
        st.sampled_from([rules.TOKEN_HEADER, rules.TTL_HEADER, rules.FORWARDED_HEADER, "host"]),
        st.text(max_size=70),
    ),
)
def test_no_request_confuses_the_rules(method: str, path: str, headers: dict[str, str]) -> None:
    asked = HttpRequest(method, f"/{path}", headers=headers)

    assert rules.may_knock(asked, OPTIONAL) is None
    assert isinstance(rules.wanted_ttl(asked), int | Refusal)
    assert isinstance(read(asked), float | Refusal)
