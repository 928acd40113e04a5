"""The bridges of VPCs' networks, guarded on the engine's machine."""

from __future__ import annotations

import attrs
from twisted.logger import Logger

from emulator.net.bridge_filter import bridge_of, forget, guard
from emulator.net.namespace import Way
from emulator.net.routers import VpcRouters
from emulator.vm.interface import VMError

log = Logger()


@attrs.frozen
class BridgeGuard:
    """Loads what ``bridge_filter`` says.

    Args:
        way: how the engine's machine is reached.
        routers: who is on bridges besides guests; None: nobody.
    """

    _way: Way
    _routers: VpcRouters | None = None

    async def guard(self, network_id: str, foreign_cidr: str | None) -> None:
        """Filter at a network's bridge; where that cannot be, the log says what it means."""
        try:
            await self._way.filter_host(guard(bridge_of(network_id), foreign_cidr))
        except (VMError, ValueError) as error:
            what = "the bridge of network {network} is not guarded: {error}"
            log.warn(what, network=network_id[:12], error=str(error))

    async def forget(self, network_id: str) -> None:
        """Filter nothing for a network any more."""
        if self._routers is not None:
            self._routers.forget_network(network_id)
        try:
            await self._way.filter_host(forget(bridge_of(network_id)))
        except (VMError, ValueError) as error:
            log.warn("a packet filter stays behind: {error}", error=str(error))
