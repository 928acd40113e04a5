"""Docker networks of VPCs with the same range, kept apart on the engine's machine."""

from __future__ import annotations

import attrs
from twisted.logger import Logger

from emulator.net.namespace import Way
from emulator.net.shared_range import bridge_of, forget, keep_apart
from emulator.vm.interface import VMError

log = Logger()


@attrs.frozen
class NeighbouringNetworks:
    """Loads what ``shared_range`` says."""

    _way: Way

    async def keep_apart(self, network_id: str, cidr: str) -> None:
        """See to it that what has addresses of a foreign range stays on this network."""
        try:
            await self._way.filter_host(keep_apart(bridge_of(network_id), cidr))
        except (VMError, ValueError) as error:
            log.warn(
                "instances in {cidr} may not reach each other: {error}", cidr=cidr, error=error
            )

    async def forget(self, network_id: str) -> None:
        """Do nothing for a network any more."""
        try:
            await self._way.filter_host(forget(bridge_of(network_id)))
        except (VMError, ValueError) as error:
            log.warn("a packet filter stays behind: {error}", error=str(error))
