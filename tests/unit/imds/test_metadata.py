"""The service of an instance, request by request."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.app import _first_settings
from emulator.imds.rules import TOKEN_HEADER, TOKEN_PATH, TTL_HEADER
from emulator.state.store import State
from emulator.wire.message import HttpRequest, HttpResponse
from tests.fakes.client import new_api
from tests.fakes.inmate import Inmate, metadata_of
from tests.fakes.launcher import Launcher

AMI = "ami-df5de72bdb3b"
TTL_NAME = "X-Aws-Ec2-Metadata-Token-Ttl-Seconds"


def launched(**params) -> tuple[Launcher, Inmate]:
    client = Launcher()
    return client, Inmate(client, client.launch(ImageId=AMI, **params))


def put(inmate: Inmate, ttl: str = "60", peer: str = "169.254.169.254", **headers: str):
    return inmate.ask(TOKEN_PATH, "PUT", {TTL_HEADER: ttl, **headers}, peer)


def header(answer: HttpResponse, name: str) -> str | None:
    return dict(answer.headers).get(name)


def test_a_token_opens_the_tree_until_it_ends() -> None:
    client, inmate = launched(MetadataOptions={"HttpTokens": "required"})
    assert inmate.ask("/latest/").status == 401
    answer = put(inmate)
    assert (answer.status, header(answer, TTL_NAME)) == (200, "60")
    token = {TOKEN_HEADER: b"".join(answer.body).decode()}
    client.turn(20)
    shown = inmate.ask("/latest/meta-data/instance-id", headers=token)
    assert (shown.status, header(shown, TTL_NAME)) == (200, "40")
    client.turn(41)
    assert inmate.ask("/latest/", headers=token).status == 401


def test_version_1_says_nothing_of_tokens() -> None:
    _, inmate = launched()

    answer = inmate.ask("/latest/meta-data/instance-id")
    assert answer.headers == [("Content-Type", "text/plain"), ("Accept-Ranges", "none")]


def test_a_token_of_one_instance_is_none_of_another() -> None:
    client, first = launched()
    second = Inmate(client, client.launch(ImageId=AMI), first.metadata)
    token = {TOKEN_HEADER: first.token()}

    assert first.ask("/latest/", headers=token).status == 200
    assert second.ask("/latest/", headers=token).status == 401


def test_a_token_is_good_for_a_new_process_with_the_same_key() -> None:
    client, before = launched()
    after = Inmate(client, before.instance_id, metadata_of(client))
    strange = Inmate(client, before.instance_id, metadata_of(client, token_key=b"z" * 32))
    token = {TOKEN_HEADER: before.token()}

    assert after.ask("/latest/", headers=token).status == 200
    assert strange.ask("/latest/", headers=token).status == 401


def test_the_token_travels_as_far_as_the_hop_limit_says() -> None:
    client, inmate = launched(MetadataOptions={"HttpPutResponseHopLimit": 3})
    assert put(inmate).hop_limit == 3
    assert put(inmate, peer="172.17.0.2").hop_limit == 2
    own = client.instance(inmate.instance_id)["PrivateIpAddress"]
    assert put(inmate, peer=own).hop_limit == 3
    client.call(
        "ModifyInstanceMetadataOptions", InstanceId=inmate.instance_id, HttpPutResponseHopLimit=1
    )
    assert put(inmate, peer="172.17.0.2").hop_limit == 0
    assert inmate.ask("/latest/").hop_limit is None


def test_the_accounts_defaults_hold_for_new_instances() -> None:
    client = Launcher()
    client.call("ModifyInstanceMetadataDefaults", HttpTokens="required", HttpPutResponseHopLimit=7)
    inmate = Inmate(client, client.launch(ImageId=AMI))

    assert inmate.ask("/latest/").status == 401
    assert put(inmate).hop_limit == 7


def test_refusals_are_pages() -> None:
    client, inmate = launched()
    for answer, status in (
        (put(inmate, "0"), 400),
        (put(inmate, **{"x-forwarded-for": "1.2.3.4"}), 403),
        (inmate.ask("/latest/", headers={TOKEN_HEADER: "x" * 10_000}), 401),
        (inmate.ask("/latest/", peer="fd00:ec2::254"), 403),
        (inmate.ask("/latest/", "POST"), 405),
        (inmate.ask(TOKEN_PATH), 405),
        (inmate.ask("/oldest/"), 404),
    ):
        assert answer.status == status
        assert header(answer, "Content-Type") == "text/html"
        assert f"<h1>{status} - ".encode() in b"".join(answer.body)
    assert header(inmate.ask(TOKEN_PATH), "Allow") == "PUT"
    assert header(inmate.ask("/latest/", "PUT"), "Allow") == "GET, HEAD"
    client.call(
        "ModifyInstanceMetadataOptions", InstanceId=inmate.instance_id, HttpEndpoint="disabled"
    )
    assert inmate.ask("/latest/").status == put(inmate).status == 403


def test_the_default_token_mode_can_be_set_for_the_whole_emulator() -> None:
    state = State(settings=_first_settings("required"))
    api, reactor = new_api(state=state)
    client = Launcher()
    client.api, client.reactor = api, reactor

    options = client.instance(client.launch(ImageId=AMI))["MetadataOptions"]
    assert options["HttpTokens"] == "required"
    defaults = client.call("GetInstanceMetadataDefaults")["AccountLevel"]
    assert defaults["HttpTokens"] == "required"


_, ANYBODY = launched()


@given(
    method=st.sampled_from(["GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS", "PATCH"]),
    path=st.one_of(
        st.just(TOKEN_PATH), st.text(max_size=50).map(lambda text: f"/{text}"), st.just("/latest/")
    ),
    query=st.text(max_size=10),
    headers=st.dictionaries(
        st.one_of(
            st.sampled_from([TOKEN_HEADER, TTL_HEADER, "x-forwarded-for", "host"]),
            st.text(max_size=10),
        ),
        st.one_of(st.text(max_size=80), st.integers(-5, 30000).map(str)),
        max_size=5,
    ),
    peer=st.sampled_from(["", "10.0.0.1", "169.254.169.254", "fd00:ec2::254", "::1", "nowhere"]),
)
def test_no_request_brings_the_service_down(
    method: str, path: str, query: str, headers: dict[str, str], peer: str
) -> None:
    request = HttpRequest(method, path, query, headers, b"", (peer, 1))
    answer = ANYBODY.metadata.answer(ANYBODY.key, request)

    assert answer.status in (200, 400, 401, 403, 404, 405)
    assert all(isinstance(piece, bytes) for piece in answer.body)


@pytest.mark.parametrize("path", ["/latest/api/token/", "/latest//api/token", "/1.0/api/token"])
def test_tokens_are_had_at_one_place_only(path: str) -> None:
    assert ANYBODY.ask(path, "PUT", {TTL_HEADER: "60"}).status == 405
    assert ANYBODY.ask(path).status == 404
