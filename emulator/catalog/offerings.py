"""Which instance types are offered in which region and zone."""

from __future__ import annotations

import base64
import functools
from collections.abc import KeysView, Mapping
from itertools import compress

from emulator.catalog import files
from emulator.catalog.instance_types import instance_types
from emulator.catalog.regions import zones


@functools.lru_cache(maxsize=1024)
def offered_in(region: str, zone: str | None = None) -> KeysView[str]:
    """Return the names of the types offered in a region, or in one zone of it.

    Args:
        region: a region's name.
        zone: a zone's name or id; without it, what any zone of the region offers.

    Returns:
        The names, sorted, with the membership test of a set. Places that do not exist, and
        Local and Wavelength Zones, offer nothing.
    """
    ids = _zone_ids(region) if zone is None else [_zone_id(region, zone)]
    return _union(tuple(zone_id for zone_id in ids if zone_id in _masks(region)))


@functools.cache
def _offerings() -> Mapping[str, Mapping[str, str]]:
    offerings: Mapping[str, Mapping[str, str]] = files.read("offerings.json")
    return offerings


def _masks(region: str) -> Mapping[str, str]:
    return _offerings().get(region, {})


def _zone_ids(region: str) -> list[str]:
    return list(_masks(region))


def _zone_id(region: str, zone: str) -> str:
    return next((z.id for z in zones(region) if zone in (z.name, z.id)), "")


@functools.cache
def _union(zone_ids: tuple[str, ...]) -> KeysView[str]:
    """Return the types of some zones; only called with the ids of real zones."""
    masks = {zone_id: mask for region in _offerings().values() for zone_id, mask in region.items()}
    bits = 0
    for zone_id in zone_ids:
        bits |= int.from_bytes(base64.b64decode(masks[zone_id]), "little")
    flags = map("1".__eq__, reversed(f"{bits:b}"))
    return dict.fromkeys(compress(instance_types(), flags)).keys()
