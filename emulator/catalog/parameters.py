"""SSM's public parameters: those that name AMIs, and what they say of regions and zones."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from types import MappingProxyType

from emulator.catalog.images import StockImage, stock_images
from emulator.catalog.regions import REGIONS, Region, zones

INFRASTRUCTURE = "/aws/service/global-infrastructure"


def public_parameters(region: str) -> Mapping[str, str]:
    """Return parameter name → value for a region.

    A value is the id of one of the region's stock images. The ECS parameters that end in
    `/recommended` hold a JSON object instead, whose `image_id` is that id ("Retrieving Amazon
    ECS-optimized Linux AMI metadata").

    Args:
        region: a region's name; one that does not exist has no parameters.
    """
    return _public_parameters(region) if region in REGIONS else {}


@functools.cache
def _public_parameters(region: str) -> Mapping[str, str]:
    values = {
        name: _recommendation(image) if name.endswith("/recommended") else image.image_id
        for image in stock_images(region)
        for name in image.public_parameters
    }
    return MappingProxyType(dict(sorted(values.items())))


@functools.cache
def infrastructure_parameters(region: str) -> Mapping[str, str]:
    """Return parameter name → value for what every region tells of all of them.

    Source: "Calling AWS service, Region, endpoint, Availability Zone, local zone, and Wavelength
    Zone public parameters in Parameter Store". Services are left out.
    """
    values: dict[str, str] = {}
    for name, facts in REGIONS.items():
        values |= _of_region(f"{INFRASTRUCTURE}/regions/{name}", facts)
        for zone in zones(name):
            values[f"{INFRASTRUCTURE}/{zone.type}s/{zone.id}"] = zone.id
    if region in REGIONS:
        values |= _of_region(f"{INFRASTRUCTURE}/current-region", REGIONS[region])
    return MappingProxyType(dict(sorted(values.items())))


def _of_region(path: str, region: Region) -> dict[str, str]:
    return {
        path: region.name,
        f"{path}/domain": region.dns_suffix,
        f"{path}/longName": region.long_name,
        f"{path}/partition": region.partition,
        **{f"{path}/{zone.type}s/{zone.id}": zone.id for zone in zones(region.name)},
    }


def _recommendation(image: StockImage) -> str:
    system = "Amazon Linux 2023" if image.name.startswith("al2023") else "Amazon Linux 2"
    return json.dumps(
        {
            "image_id": image.image_id,
            "image_name": image.name,
            "os": system,
            "schema_version": 1,
        },
        separators=(",", ":"),
    )
