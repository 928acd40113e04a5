"""Regions with their endpoints, and the zones of each."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

import attrs

from emulator.catalog import files

DEFAULT_REGION = "us-east-1"

# use1-bos1-az1: region, city with the number of its group, zone of that group.
_LOCAL_ZONE_ID = re.compile(r"[a-z0-9]+-([a-z]+)(\d+)-az(\d+)")
# apne1-wl1-kix-wlz1: region, carrier group, city, zone.
_WAVELENGTH_ZONE_ID = re.compile(r"[a-z0-9]+-(wl\d+)-([a-z]+)-wlz(\d+)")


@attrs.frozen
class Region:
    """A region as DescribeRegions shows it.

    Attributes:
        opt_in_status: `not-opted-in` for the regions that a new AWS account has to enable
            first; the emulator serves them all the same.
        long_name: the geography, such as `US East (N. Virginia)`.
    """

    name: str
    endpoint: str
    opt_in_status: str
    partition: str
    dns_suffix: str
    long_name: str


@attrs.frozen
class Zone:
    """An Availability Zone, Local Zone or Wavelength Zone.

    Attributes:
        id: the name of the same place in every account, such as `use1-az6`.
        type: `availability-zone`, `local-zone` or `wavelength-zone`.
        group_long_name: known for Availability Zones only.
    """

    name: str
    id: str
    region: str
    type: str
    group_name: str
    network_border_group: str
    opt_in_status: str
    group_long_name: str | None = None
    state: str = "available"


_FACTS: Mapping[str, Mapping[str, Any]] = files.read("regions.json")


def _region(name: str, facts: Mapping[str, Any]) -> Region:
    return Region(
        name=name,
        endpoint=f"ec2.{name}.{facts['dns_suffix']}",
        opt_in_status="not-opted-in" if facts["opt_in"] else "opt-in-not-required",
        partition=facts["partition"],
        dns_suffix=facts["dns_suffix"],
        long_name=facts["long_name"],
    )


REGIONS: Mapping[str, Region] = MappingProxyType(
    {name: _region(name, facts) for name, facts in _FACTS.items()}
)


def zones(region: str) -> tuple[Zone, ...]:
    """Return every zone of a region, Availability Zones first and by name.

    Args:
        region: a region's name; one that does not exist has no zones.
    """
    return _zones(region) if region in REGIONS else ()


@functools.cache
def _zones(region: str) -> tuple[Zone, ...]:
    facts = _FACTS[region]
    return (
        *_availability_zones(region, facts["zones"]),
        *(_local_zone(region, zone_id) for zone_id in facts["local"]),
        *(_wavelength_zone(region, zone_id) for zone_id in facts["wavelength"]),
    )


def _availability_zones(region: str, ids: Mapping[str, str]) -> Iterator[Zone]:
    for letter, zone_id in ids.items():
        yield Zone(
            name=region + letter,
            id=zone_id,
            region=region,
            type="availability-zone",
            group_name=f"{region}-zg-1",
            network_border_group=region,
            opt_in_status="opt-in-not-required",
            group_long_name=f"{REGIONS[region].long_name} 1",
        )


def _local_zone(region: str, zone_id: str) -> Zone:
    match = _LOCAL_ZONE_ID.fullmatch(zone_id)
    assert match is not None, zone_id
    city, group, number = match.groups()
    group_name = f"{region}-{city}-{group}"
    return Zone(
        name=group_name + "abcdefgh"[int(number) - 1],
        id=zone_id,
        region=region,
        type="local-zone",
        group_name=group_name,
        network_border_group=group_name,
        opt_in_status="not-opted-in",
    )


def _wavelength_zone(region: str, zone_id: str) -> Zone:
    match = _WAVELENGTH_ZONE_ID.fullmatch(zone_id)
    assert match is not None, zone_id
    carrier, city, number = match.groups()
    name = f"{region}-{carrier}-{city}-wlz-{number}"
    return Zone(
        name=name,
        id=zone_id,
        region=region,
        type="wavelength-zone",
        group_name=name,
        network_border_group=name,
        opt_in_status="not-opted-in",
    )
