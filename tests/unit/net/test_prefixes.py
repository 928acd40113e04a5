"""IPv6 addresses and delegated prefixes, taken from subnets."""

from __future__ import annotations

from ipaddress import IPv6Address, IPv6Network
from random import Random

import pytest

from emulator.core.errors import AwsError
from emulator.model.vpc import CidrAssociation, Subnet
from emulator.net import prefixes
from emulator.net.addresses import available

RANGE = IPv6Network("2001:db8:1:2::/64")


def subnet(cidr: str = "10.0.0.0/26") -> Subnet:
    return Subnet(
        id="subnet-1",
        state="available",
        vpc_id="vpc-1",
        cidr=cidr,
        availability_zone="us-east-1a",
        ipv6_associations=(CidrAssociation("a", str(RANGE)),),
    )


def test_every_free_block_of_a_subnet_can_be_taken_and_given_back() -> None:
    small, random = subnet(), Random(1)

    # Of four /28 blocks the first and the last hold addresses that are AWS's own.
    taken = {prefixes.take_ipv4_prefix(small, None, random) for _ in range(2)}

    assert taken == {"10.0.0.16/28", "10.0.0.32/28"}
    with pytest.raises(AwsError) as refused:
        prefixes.take_ipv4_prefix(small, None, random)
    assert refused.value.code == "InsufficientCidrBlocks"
    for prefix in taken:
        prefixes.give_back_ipv4_prefix(small, prefix)
    assert available(small) == 59


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ("10.0.0.0/28", "InvalidIPAddress.InUse"),
        ("10.0.0.16/27", "InvalidParameterValue"),
        ("10.0.0.17/28", "InvalidParameterValue"),
        ("10.1.0.16/28", "InvalidParameterValue"),
        ("x", "InvalidParameterValue"),
    ],
)
def test_a_block_that_cannot_be_had_is_refused(wanted: str, code: str) -> None:
    with pytest.raises(AwsError) as refused:
        prefixes.take_ipv4_prefix(subnet(), wanted, Random(1))

    assert refused.value.code == code


def test_a_subnet_smaller_than_a_block_has_none() -> None:
    with pytest.raises(AwsError) as refused:
        prefixes.take_ipv4_prefix(subnet("10.0.0.0/28"), None, Random(1))

    assert refused.value.code == "InsufficientCidrBlocks"


def test_ipv6_addresses_are_of_the_subnet_and_not_reserved() -> None:
    random = Random(1)

    for _ in range(100):
        address = IPv6Address(prefixes.new_ipv6(subnet(), random, ()))
        assert address in RANGE
        assert int(address) - int(RANGE.network_address) >= 4


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ("2001:db8:1:2::1", "InvalidParameterValue"),
        ("2001:db8:1:3::9", "InvalidParameterValue"),
        ("10.0.0.9", "InvalidParameterValue"),
        ("2001:db8:1:2::a%eth0", "InvalidParameterValue"),
        ("2001:db8:1:2::9", "InvalidIPAddress.InUse"),
    ],
)
def test_an_ipv6_address_that_cannot_be_had_is_refused(wanted: str, code: str) -> None:
    with pytest.raises(AwsError) as refused:
        prefixes.wanted_ipv6(subnet(), wanted, {"2001:db8:1:2::9"})

    assert refused.value.code == code


def test_ipv6_prefixes_are_blocks_of_the_subnet() -> None:
    found = IPv6Network(prefixes.ipv6_prefix(subnet(), None, Random(1), ()))

    assert found.prefixlen == 80
    assert found.subnet_of(RANGE)
    assert prefixes.ipv6_prefix(subnet(), str(found), Random(1), ()) == str(found)
