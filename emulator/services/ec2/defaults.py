"""What AWS gives every account in every region before anybody asks."""

from __future__ import annotations

from emulator.services.call import World
from emulator.state.store import Region


def seed_region(world: World, region: Region) -> None:
    """Fill a new region with its default VPC and what belongs to it."""
