from __future__ import annotations

import subprocess
import sys

import pytest

from emulator.catalog.regions import DEFAULT_REGION, REGIONS, zones

STANDARD = "availability-zone"


def standard_zone_names(region: str) -> list[str]:
    return [zone.name for zone in zones(region) if zone.type == STANDARD]


def test_every_commercial_govcloud_and_chinese_region_is_listed() -> None:
    assert {region.partition for region in REGIONS.values()} == {
        "aws",
        "aws-cn",
        "aws-eusc",
        "aws-us-gov",
    }
    assert sum(region.partition == "aws" for region in REGIONS.values()) >= 34
    assert DEFAULT_REGION in REGIONS


def test_endpoints_follow_the_partition() -> None:
    assert REGIONS["us-east-1"].endpoint == "ec2.us-east-1.amazonaws.com"
    assert REGIONS["cn-north-1"].endpoint == "ec2.cn-north-1.amazonaws.com.cn"
    assert REGIONS["us-gov-west-1"].endpoint == "ec2.us-gov-west-1.amazonaws.com"


def test_only_regions_after_2018_are_opted_in_to() -> None:
    required = {n for n, region in REGIONS.items() if region.opt_in_status == "not-opted-in"}
    assert {"af-south-1", "ap-east-1", "eu-south-1", "me-south-1", "mx-central-1"} <= required
    assert required.isdisjoint({"us-east-1", "eu-north-1", "sa-east-1", "us-gov-west-1"})


@pytest.mark.parametrize("region", REGIONS)
def test_every_region_has_the_zones_that_aws_has_there(region: str) -> None:
    expected = {"us-west-1": 2, "us-east-1": 6, "us-west-2": 4, "ap-northeast-2": 4, "eu-west-2": 4}
    assert len(standard_zone_names(region)) == expected.get(region, 3)


@pytest.mark.parametrize("region", REGIONS)
def test_zone_names_and_ids_are_unique_and_belong_to_the_region(region: str) -> None:
    found = zones(region)
    assert len({zone.name for zone in found}) == len({zone.id for zone in found}) == len(found)
    for zone in found:
        assert zone.name.startswith(region)
        assert zone.region == region
        assert zone.state == "available"


def test_us_east_1_has_its_well_known_zone_ids() -> None:
    ids = {zone.name: zone.id for zone in zones("us-east-1")}
    assert ids["us-east-1a"] == "use1-az6"
    assert ids["us-east-1e"] == "use1-az3"
    assert ids["us-east-1-bos-1a"] == "use1-bos1-az1"


def test_standard_zones_need_no_opt_in_and_other_zones_do() -> None:
    for region in REGIONS:
        for zone in zones(region):
            standard = zone.type == STANDARD
            assert (zone.opt_in_status == "opt-in-not-required") == standard
            assert (zone.network_border_group == region) == standard


def test_a_wavelength_zone_is_named_after_its_carrier_and_city() -> None:
    zone = next(zone for zone in zones("ap-northeast-1") if zone.type == "wavelength-zone")
    assert (zone.name, zone.id) == ("ap-northeast-1-wl1-kix-wlz-1", "apne1-wl1-kix-wlz1")


def test_a_region_that_does_not_exist_has_no_zones() -> None:
    assert zones("mars-north-1") == ()


def test_regions_are_known_without_reading_instance_types() -> None:
    program = (
        "import sys; from emulator.catalog.regions import REGIONS, zones; zones('us-east-1');"
        "print('emulator.catalog.instance_types' in sys.modules, len(REGIONS))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    ).stdout
    assert answer.split() == ["False", str(len(REGIONS))]
