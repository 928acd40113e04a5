"""DHCP: what clients say, what they are answered, and that nothing they send can hurt."""

from __future__ import annotations

import struct
from ipaddress import IPv4Address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.model.vpc import DhcpOptions, Vpc
from emulator.net import dhcp_message as dhcp
from emulator.net.dhcp_lease import EVERYBODY, Answer, Lease, lease_of, respond
from emulator.net.dhcp_message import Reply, Request, read_request, write_reply
from emulator.net.dhcp_server import DhcpServers
from emulator.net.port_plan import link_number
from emulator.vm.interface import GuestKey
from tests.fakes.client import Client
from tests.fakes.network import ACCOUNT, new_instance, new_subnet, new_vpc, region_of

MAC = "0a:00:00:00:00:01"
ADDRESS, ROUTER = IPv4Address("10.9.1.4"), IPv4Address("10.9.1.1")
LEASE = Lease(MAC, ADDRESS, ROUTER, {dhcp.ROUTER: ROUTER.packed, dhcp.DOMAIN_NAME: b"ec2.internal"})


def packet(
    kind: int | None = dhcp.DISCOVER,
    *options: tuple[int, bytes],
    mac: str = MAC,
    client: str = "0.0.0.0",
    relay: str = "0.0.0.0",
    operation: int = 1,
) -> bytes:
    """Return what a client sends."""
    head = struct.pack(
        "!BBBBIHH4s4s4s4s16s64s128s",
        *(operation, 1, 6, 0, 0x12345678, 3, 0x8000),
        *(IPv4Address(client).packed, bytes(4), bytes(4), IPv4Address(relay).packed),
        *(bytes.fromhex(mac.replace(":", "")), b"", b""),
    )
    kinds = () if kind is None else ((dhcp.KIND, bytes((kind,))),)
    written = b"".join(bytes((code, len(value))) + value for code, value in (*kinds, *options))
    return head + b"\x63\x82\x53\x63" + written + b"\xff"


def request(kind: int = dhcp.DISCOVER, *options: tuple[int, bytes], **more: str) -> Request:
    found = read_request(packet(kind, *options, **more))  # type: ignore[arg-type]
    assert found is not None
    return found


def options_of(message: bytes) -> dict[int, bytes]:
    found, place = {}, 240
    while message[place] != 255:
        code, length = message[place], message[place + 1]
        found[code] = message[place + 2 : place + 2 + length]
        place += 2 + length
    return found


def answered(found: Answer | None) -> Answer:
    assert found is not None
    return found


# Messages


def test_a_request_is_read() -> None:
    found = request(dhcp.REQUEST, (dhcp.REQUESTED_ADDRESS, ADDRESS.packed), client="10.9.1.4")

    assert (found.kind, found.exchange, found.mac_address) == (dhcp.REQUEST, 0x12345678, MAC)
    assert (found.client_address, found.requested_address) == (ADDRESS, ADDRESS)


def test_an_option_in_pieces_is_joined() -> None:
    found = request(dhcp.DISCOVER, (dhcp.WANTED_OPTIONS, b"\1\3"), (dhcp.WANTED_OPTIONS, b"\6"))

    assert found.wanted == {1, 3, 6}


@pytest.mark.parametrize(
    "wrong",
    [
        b"",
        packet()[:239],
        packet(operation=2),
        packet(None),
        packet(dhcp.OFFER),
        packet().replace(b"\x63\x82\x53\x63", b"\x63\x82\x53\x64"),
        packet(None, (dhcp.KIND, b"\1\1")),
    ],
    ids=["empty", "short", "a reply", "no kind", "an offer", "no cookie", "a long kind"],
)
def test_what_is_no_request_is_none(wrong: bytes) -> None:
    assert read_request(wrong) is None


def test_an_option_that_is_cut_off_ends_the_options() -> None:
    found = read_request(packet()[:-1] + bytes((dhcp.REQUESTED_ADDRESS, 4, 10)))

    assert found is not None
    assert found.requested_address is None


def test_a_reply_has_the_shape_that_clients_expect() -> None:
    options = {dhcp.SERVER: ROUTER.packed, dhcp.DOMAIN_NAME: b"x"}
    message = write_reply(request(), Reply(dhcp.OFFER, ADDRESS, options))

    assert (message[0], message[4:8], message[16:20]) == (2, b"\x12\x34\x56\x78", ADDRESS.packed)
    assert message[28:34] == bytes.fromhex(MAC.replace(":", ""))
    assert options_of(message) == {dhcp.KIND: b"\2", **options}
    assert len(message) >= 300


def test_options_that_do_not_fit_are_left_out() -> None:
    options = dict.fromkeys((100, 101, 102), b"x" * 200)

    small = write_reply(request(), Reply(dhcp.OFFER, ADDRESS, options))
    large = write_reply(
        request(dhcp.DISCOVER, (dhcp.LARGEST_MESSAGE, b"\x05\xdc")),
        Reply(dhcp.OFFER, ADDRESS, options),
    )

    assert len(small) <= 548
    assert set(options_of(small)) == {dhcp.KIND, 100}
    assert set(options_of(large)) == {dhcp.KIND, 100, 101, 102}


# Answers


def test_who_discovers_is_offered_the_one_address() -> None:
    answer = answered(respond(LEASE, request()))

    found = options_of(answer.message)
    assert (answer.to, answer.server, answer.message[16:20]) == (EVERYBODY, ROUTER, ADDRESS.packed)
    assert (found[dhcp.KIND], found[dhcp.SERVER]) == (bytes((dhcp.OFFER,)), ROUTER.packed)
    assert (found[dhcp.LEASE_SECONDS], found[dhcp.DOMAIN_NAME]) == (
        b"\0\0\x0e\x10",
        b"ec2.internal",
    )


def test_who_says_what_they_want_hears_no_more() -> None:
    answer = answered(respond(LEASE, request(dhcp.DISCOVER, (dhcp.WANTED_OPTIONS, b"\1\3"))))

    assert dhcp.DOMAIN_NAME not in options_of(answer.message)
    assert dhcp.ROUTER in options_of(answer.message)


def test_who_requests_it_gets_it() -> None:
    asked = request(dhcp.REQUEST, (dhcp.REQUESTED_ADDRESS, ADDRESS.packed))

    assert options_of(answered(respond(LEASE, asked)).message)[dhcp.KIND] == bytes((dhcp.ACK,))


def test_who_renews_is_answered_where_they_are() -> None:
    answer = answered(respond(LEASE, request(dhcp.REQUEST, client=str(ADDRESS))))

    assert (answer.to, answer.message[12:16]) == (ADDRESS, ADDRESS.packed)


def test_who_requests_another_address_hears_no() -> None:
    asked = request(dhcp.REQUEST, (dhcp.REQUESTED_ADDRESS, b"\x0a\x09\x01\x05"))

    answer = answered(respond(LEASE, asked))
    assert (answer.to, answer.message[16:20]) == (EVERYBODY, bytes(4))
    assert options_of(answer.message)[dhcp.KIND] == bytes((dhcp.NAK,))


def test_who_has_an_address_is_told_the_rest() -> None:
    answer = answered(respond(LEASE, request(dhcp.INFORM, client=str(ADDRESS))))

    assert answer.message[16:20] == bytes(4)
    assert dhcp.LEASE_SECONDS not in options_of(answer.message)


@pytest.mark.parametrize(
    "asked",
    [
        request(mac="0a:00:00:00:00:02"),
        request(relay="10.0.0.1"),
        request(dhcp.REQUEST, (dhcp.SERVER, b"\x0a\0\0\1")),
        request(dhcp.RELEASE),
        request(dhcp.DECLINE),
    ],
    ids=["another client", "a relay", "another server", "a release", "a refusal"],
)
def test_others_are_not_answered(asked: Request) -> None:
    assert respond(LEASE, asked) is None


@given(st.binary(max_size=700))
def test_nothing_that_a_guest_sends_hurts(text: bytes) -> None:
    for wild in (text, packet()[:240] + text, packet(dhcp.REQUEST)[:-1] + text):
        found = read_request(wild)
        if found is not None:
            answer = respond(LEASE, found)
            assert answer is None or len(answer.message) <= 1500


@given(st.dictionaries(st.integers(1, 254), st.binary(max_size=300)))
def test_options_of_any_length_are_written_whole_or_not_at_all(options: dict[int, bytes]) -> None:
    options.pop(dhcp.KIND, None)

    found = options_of(write_reply(request(), Reply(dhcp.ACK, ADDRESS, options)))

    assert all(options[code] == value for code, value in found.items() if code != dhcp.KIND)


# Leases


def leased(ec2: Client, **configured: tuple[str, ...]) -> Lease:
    region = region_of(ec2)
    subnet_id = new_subnet(ec2, new_vpc(ec2))
    new_instance(ec2, subnet_id, "i-11111111111111111")
    if configured:
        options = {name.replace("_", "-"): value for name, value in configured.items()}
        region[DhcpOptions].add(DhcpOptions(id="dopt-1", configurations=options))
        for vpc in region[Vpc]:
            vpc.dhcp_options_id = "dopt-1"
    found = lease_of(region, "i-11111111111111111", 0, 1500)
    assert found is not None
    return found


def test_a_lease_is_what_the_records_say() -> None:
    found = leased(
        Client(),
        domain_name=("example.org",),
        domain_name_servers=("192.0.2.53", "AmazonProvidedDNS"),
        ntp_servers=("192.0.2.1", "192.0.2.2"),
        netbios_name_servers=("192.0.2.3",),
        netbios_node_type=("2",),
    )

    assert (str(found.server), found.options[dhcp.SUBNET_MASK]) == ("10.9.1.1", b"\xff\xff\xff\0")
    assert found.options[dhcp.DNS_SERVERS] == bytes((192, 0, 2, 53, 10, 9, 0, 2))
    assert found.options[dhcp.NTP_SERVERS] == bytes((192, 0, 2, 1, 192, 0, 2, 2))
    assert found.options[dhcp.NETBIOS_NODE_TYPE] == b"\2"
    assert found.options[dhcp.DOMAIN_NAME] == b"example.org"
    assert found.options[dhcp.HOST_NAME] == f"ip-{found.address}".replace(".", "-").encode()
    assert found.options[dhcp.MTU] == b"\x05\xdc"


@pytest.mark.parametrize("wild", ["a'b", "-", "ä", "x" * 300, "a;b"])
def test_a_domain_that_is_none_is_not_told(wild: str) -> None:
    found = leased(Client(), domain_name=(wild,), ntp_servers=(wild,), netbios_node_type=(wild,))

    told = {dhcp.DOMAIN_NAME, dhcp.NTP_SERVERS, dhcp.NETBIOS_NODE_TYPE} & set(found.options)
    assert told == set()


def test_only_interfaces_that_are_there_have_leases() -> None:
    ec2 = Client()
    leased(ec2)

    assert lease_of(region_of(ec2), "i-11111111111111111", 1, 1500) is None
    assert lease_of(region_of(ec2), "i-22222222222222222", 0, 1500) is None


def test_a_server_answers_on_guests_links_alone() -> None:
    ec2 = Client()
    lease = leased(ec2)
    heard: list[GuestKey] = []
    server = DhcpServers(ec2.api.state, reactor=None, hear=heard.append)
    key: Any = (ACCOUNT, ec2.region, "i-11111111111111111")

    assert server.respond(key, link_number(0), packet(mac=lease.mac_address)) is not None
    assert heard == [GuestKey(*key)]
    # Another guest's question, which came by the VPC's network.
    assert server.respond(key, 2, packet(mac=lease.mac_address)) is None
    assert server.respond(key, link_number(1), packet(mac=lease.mac_address)) is None
    assert len(heard) == 1
