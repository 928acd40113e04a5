"""Amazon EC2: one module for each family of resources."""

from __future__ import annotations

from collections.abc import Mapping

from emulator.services.call import Handler
from emulator.services.ec2 import (
    dhcp_options,
    ebs_settings,
    images,
    network_interfaces,
    security_groups,
    snapshots,
    tags,
    volumes,
)

_FAMILIES = (
    dhcp_options,
    ebs_settings,
    images,
    network_interfaces,
    security_groups,
    snapshots,
    tags,
    volumes,
)


def _collected() -> Mapping[str, Handler]:
    operations: dict[str, Handler] = {}
    for family in _FAMILIES:
        twice = operations.keys() & family.OPERATIONS.keys()
        if twice:
            raise ValueError(f"{family.__name__} repeats {sorted(twice)}")
        operations.update(family.OPERATIONS)
    return operations


OPERATIONS: Mapping[str, Handler] = _collected()
