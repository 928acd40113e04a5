"""SSM's public parameters that name AMIs."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from types import MappingProxyType

from emulator.catalog.images import StockImage, stock_images
from emulator.catalog.regions import REGIONS


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
