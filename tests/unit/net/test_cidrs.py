from __future__ import annotations

import ipaddress
import random

import pytest

from emulator.core.errors import AwsError
from emulator.net import cidrs


def code_of(function: object, *args: object) -> str:
    with pytest.raises(AwsError) as refusal:
        function(*args)  # type: ignore[operator]
    return refusal.value.code


def test_host_bits_are_cleared() -> None:
    assert str(cidrs.vpc_range("100.68.0.18/18")) == "100.68.0.0/18"
    assert str(cidrs.ipv6_network("2001:DB8::7/64", "x")) == "2001:db8::/64"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "10.0.0.0",
        "10.0.0.0/33",
        "10.0.0/16",
        "300.0.0.0/16",
        "10.0.0.0/255.255.0.0",
        "::/0",
        " 10.0.0.0/16",
        "10.0.0.0/16\n",
        "١٠.0.0.0/16",
        "1" * 100_000,
    ],
)
def test_what_is_no_ipv4_range_is_refused(text: str) -> None:
    assert code_of(cidrs.ipv4_network, text, "cidrBlock") == "InvalidParameterValue"


@pytest.mark.parametrize("text", ["", "::", "::/129", "10.0.0.0/8", "fe80::%eth0/64", ":::/3"])
def test_what_is_no_ipv6_range_is_refused(text: str) -> None:
    assert code_of(cidrs.ipv6_network, text, "ipv6CidrBlock") == "InvalidParameterValue"


def test_a_refusal_quotes_only_the_beginning_of_a_long_value() -> None:
    with pytest.raises(AwsError) as refusal:
        cidrs.ipv4_network("x" * 1_000_000, "cidrBlock")

    assert len(refusal.value.message) < 200


@pytest.mark.parametrize(
    "text",
    ["10.0.0.0/8", "10.0.0.0/15", "10.0.0.0/29", "127.0.0.0/16", "169.254.0.0/16", "224.0.0.0/16"],
)
def test_a_vpc_takes_usable_ranges_from_16_to_28_bits(text: str) -> None:
    assert code_of(cidrs.vpc_range, text) == "InvalidVpc.Range"


@pytest.mark.parametrize(
    ("primary", "added"),
    [
        ("10.0.0.0/16", "10.1.0.0/16"),
        ("10.0.0.0/16", "100.64.0.0/16"),
        ("10.0.0.0/16", "52.0.0.0/16"),
        ("172.31.0.0/16", "172.30.0.0/16"),
        ("100.64.0.0/16", "52.0.0.0/16"),
    ],
)
def test_ranges_of_one_kind_or_public_ones_may_join(primary: str, added: str) -> None:
    cidrs.check_secondary(ipaddress.IPv4Network(primary), [primary], ipaddress.IPv4Network(added))


@pytest.mark.parametrize(
    ("primary", "added", "code"),
    [
        ("10.0.0.0/16", "192.168.0.0/16", "InvalidVpc.Range"),
        ("192.168.0.0/16", "10.0.0.0/16", "InvalidVpc.Range"),
        ("100.64.0.0/16", "172.16.0.0/16", "InvalidVpc.Range"),
        ("10.0.0.0/16", "198.19.0.0/16", "InvalidVpc.Range"),
        ("10.0.0.0/16", "10.0.128.0/24", "CidrConflict"),
    ],
)
def test_other_private_ranges_and_overlaps_may_not_join(
    primary: str, added: str, code: str
) -> None:
    networks = ipaddress.IPv4Network(primary), [primary], ipaddress.IPv4Network(added)

    assert code_of(cidrs.check_secondary, *networks) == code


def test_no_ipv6_range_is_given_twice() -> None:
    source = random.Random(7)
    taken: set[str] = set()
    for _ in range(50):
        taken.add(cidrs.next_vpc_ipv6(random.Random(7), taken))
    taken.add(cidrs.next_vpc_ipv6(source, taken))

    assert len(taken) == 51
    assert all(ipaddress.IPv6Network(cidr).prefixlen == 56 for cidr in taken)
    assert all(ipaddress.IPv6Network(cidr).subnet_of(cidrs.IPV6_POOL) for cidr in taken)


def test_a_range_is_within_another_of_its_own_family_only() -> None:
    assert cidrs.is_within(ipaddress.IPv4Network("10.0.1.0/24"), "10.0.0.0/16")
    assert cidrs.is_within(ipaddress.IPv4Network("10.0.0.0/16"), "10.0.0.0/16")
    assert not cidrs.is_within(ipaddress.IPv4Network("10.0.0.0/8"), "10.0.0.0/16")
    assert not cidrs.is_within(ipaddress.IPv4Network("10.1.0.0/24"), "10.0.0.0/16")
    assert not cidrs.is_within(ipaddress.IPv6Network("::/64"), "10.0.0.0/16")
