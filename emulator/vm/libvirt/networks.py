"""The libvirt networks of VPCs, and the interfaces that guests get while they run."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

import attrs

from emulator.core.locks import KeyedLocks
from emulator.vm.interface import GuestNetwork, Plugs, Wire, Wires
from emulator.vm.libvirt import blocking_networks, names
from emulator.vm.libvirt.domain import LinkPort
from emulator.vm.libvirt.host import Host


@attrs.define(eq=False)
class Networks(Wires, Plugs):
    """Makes and removes networks on one hypervisor, the one on this machine.

    Args:
        host: the hypervisor.
        bridge_name: returns the name of a VPC's bridge.
        routed: returns the IPv4 ranges that this machine routes to; it is called in a thread.
    """

    host: Host
    _bridge_name: Callable[[str], str]
    _routed: Callable[[], Iterable[str]]
    _locks: KeyedLocks = attrs.field(factory=KeyedLocks, init=False)
    # Those that were asked for in this run: a launch may be about to use one.
    _wanted: set[str] = attrs.field(factory=set, init=False)

    async def ensure(self, network: GuestNetwork) -> Wire:
        """Return a VPC's network, made if it is not there yet."""
        async with self._locks(network.vpc_id):
            bridge = self._bridge_name(network.vpc_id)
            self._wanted.add(bridge)
            found = await self.host.connection.run(
                blocking_networks.ensure,
                self.host.place.namespace,
                bridge,
                network,
                self._routed,
            )
            return found.wire

    async def delete(self, vpc_id: str) -> None:
        """Remove a VPC's network."""
        async with self._locks(vpc_id):
            self._wanted.discard(self._bridge_name(vpc_id))
            await self.host.connection.run(
                blocking_networks.remove, self.host.place.namespace, vpc_id
            )

    async def delete_idle(self, *, at_end: bool = False) -> None:
        """Remove the networks that no guest is on.

        Args:
            at_end: whether nothing is launched any more.
        """
        await self.host.connection.run(
            blocking_networks.remove_idle,
            self.host.place.namespace,
            frozenset() if at_end else frozenset(self._wanted),
        )

    async def plug(self, instance_id: str, link: str, mac_address: str) -> None:
        """Give a guest that runs an interface on a link."""
        await self.host.connection.run(
            blocking_networks.plug, names.domain_name(instance_id), LinkPort(link, mac_address)
        )

    async def unplug(self, instance_id: str, mac_address: str) -> None:
        """Take an interface from a guest."""
        await self.host.connection.run(
            blocking_networks.unplug, names.domain_name(instance_id), mac_address
        )

    async def plugged(self, instance_id: str) -> Collection[str]:
        """Return the MAC addresses of the interfaces that a guest has on links."""
        return await self.host.connection.run(
            blocking_networks.plugged, names.domain_name(instance_id)
        )
