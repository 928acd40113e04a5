from __future__ import annotations

from ipaddress import ip_network

import pytest

from emulator.catalog.prefix_lists import managed_prefix_lists
from emulator.catalog.regions import REGIONS


@pytest.mark.parametrize("region", REGIONS)
def test_every_region_has_the_lists_of_the_gateway_endpoints(region: str) -> None:
    lists = managed_prefix_lists(region)
    names = [found.name for found in lists]
    assert {f"com.amazonaws.{region}.s3", f"com.amazonaws.{region}.dynamodb"} <= set(names)
    assert len(set(names)) == len({found.id for found in lists}) == len(lists)


@pytest.mark.parametrize("region", REGIONS)
def test_every_list_holds_networks_of_its_family(region: str) -> None:
    for found in managed_prefix_lists(region):
        assert found.owner_id == "AWS"
        assert found.cidrs
        assert {f"IPv{ip_network(cidr).version}" for cidr in found.cidrs} == {found.address_family}


def test_well_known_ids_are_kept() -> None:
    ids = {found.name: found.id for found in managed_prefix_lists("us-east-1")}
    assert ids["com.amazonaws.us-east-1.s3"] == "pl-63a5400a"
    assert ids["com.amazonaws.us-east-1.dynamodb"] == "pl-02cd2c6b"
    assert ids["com.amazonaws.global.cloudfront.origin-facing"] == "pl-3b927c52"


def test_the_arn_names_aws_as_the_account() -> None:
    lists = {found.name: found for found in managed_prefix_lists("cn-north-1")}
    s3 = lists["com.amazonaws.cn-north-1.s3"]
    assert s3.arn == f"arn:aws-cn:ec2:cn-north-1:aws:prefix-list/{s3.id}"


def test_a_region_that_does_not_exist_has_no_lists() -> None:
    assert list(managed_prefix_lists("mars-north-1")) == []
