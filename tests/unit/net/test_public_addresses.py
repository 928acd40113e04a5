"""Public addresses and the names AWS gives to addresses."""

from __future__ import annotations

from ipaddress import IPv4Network
from random import Random

import pytest

from emulator.core.errors import AwsError
from emulator.net import dns_names, public_addresses


def test_every_address_of_a_pool_but_its_ends_is_given_once() -> None:
    pool, given = IPv4Network("198.19.0.0/29"), set[str]()

    for _ in range(6):
        given.add(public_addresses.choose(pool, Random(1), given.__contains__))

    assert given == {f"198.19.0.{number}" for number in range(1, 7)}
    with pytest.raises(AwsError) as refused:
        public_addresses.choose(pool, Random(1), given.__contains__)
    assert refused.value.code == "InsufficientAddressCapacity"


def test_the_first_region_has_names_of_its_own() -> None:
    assert dns_names.private_name("us-east-1", "10.0.0.4") == "ip-10-0-0-4.ec2.internal"
    assert (
        dns_names.private_name("eu-west-1", "10.0.0.4") == "ip-10-0-0-4.eu-west-1.compute.internal"
    )
    assert (
        dns_names.public_name("us-east-1", "198.19.0.4") == "ec2-198-19-0-4.compute-1.amazonaws.com"
    )
    assert (
        dns_names.public_name("eu-west-1", "198.19.0.4")
        == "ec2-198-19-0-4.eu-west-1.compute.amazonaws.com"
    )
    assert dns_names.resource_name("us-east-1", "i-1") == "i-1.ec2.internal"
