from __future__ import annotations

import pytest

from emulator.catalog.instance_types import instance_types
from emulator.catalog.offerings import offered_in
from emulator.catalog.regions import REGIONS, zones


@pytest.mark.parametrize("region", REGIONS)
def test_a_region_offers_what_its_zones_offer(region: str) -> None:
    together: set[str] = set()
    for zone in zones(region):
        if zone.type == "availability-zone":
            here = offered_in(region, zone.name)
            assert len(here) > 50
            assert here == offered_in(region, zone.id)
            together |= here
    assert offered_in(region) == together
    assert together <= set(instance_types())


@pytest.mark.parametrize("region", REGIONS)
def test_every_region_offers_the_current_general_types(region: str) -> None:
    assert {"c6g.large", "m6g.large", "r6g.large", "r7g.large"} <= offered_in(region)


@pytest.mark.parametrize("region", ["us-east-1", "us-west-2", "eu-west-1", "ap-southeast-2"])
def test_the_large_regions_offer_the_everyday_types(region: str) -> None:
    everyday = {"t2.micro", "t3.micro", "t3.large", "t4g.micro", "m5.large", "c5.large", "r5.large"}
    assert everyday <= offered_in(region)


def test_the_old_zone_of_us_east_1_offers_less_than_the_others() -> None:
    assert "t2.micro" in offered_in("us-east-1", "us-east-1e")
    assert "m5.large" not in offered_in("us-east-1", "use1-az3")
    assert "m5.large" in offered_in("us-east-1", "us-east-1a")


def test_a_retired_type_is_offered_where_it_last_was() -> None:
    assert "p3.2xlarge" in offered_in("us-east-1")
    assert "p3.2xlarge" not in offered_in("af-south-1")


def test_offerings_come_in_the_order_of_their_names() -> None:
    assert list(offered_in("eu-west-1")) == sorted(offered_in("eu-west-1"))


@pytest.mark.parametrize(
    ("region", "zone"),
    [
        ("mars-north-1", None),
        ("us-east-1", "us-east-1z"),
        ("us-east-1", "eu-west-1a"),
        ("us-east-1", "euw1-az1"),
        ("us-east-1", ""),
        ("us-east-1", "us-east-1-bos-1a"),
    ],
)
def test_places_without_offerings_offer_nothing(region: str, zone: str | None) -> None:
    assert list(offered_in(region, zone)) == []
