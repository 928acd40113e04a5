"""Instances as virtual machines: the manager, and the abilities it has besides their lives."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
from twisted.internet.defer import Deferred, gatherResults
from twisted.logger import Logger

from emulator.vm.interface import (
    FollowsGuests,
    Guest,
    GuestObserver,
    HasNetworks,
    VMError,
)
from emulator.vm.libvirt.follow import Follower
from emulator.vm.libvirt.guests import Found
from emulator.vm.libvirt.host import Host
from emulator.vm.libvirt.leftovers import blocking_sweep
from emulator.vm.libvirt.networks import Networks
from emulator.vm.libvirt.storage import Storage

log = Logger(namespace="emulator.vm.libvirt")


@attrs.define(eq=False)
class LibvirtManager(Storage, FollowsGuests, HasNetworks):
    """Virtual machines, and what else a hypervisor can do for EC2.

    Attributes:
        networks: makes the networks of VPCs; None: there are none.
    """

    networks: Networks | None = attrs.field(default=None, init=False)
    follower: Follower | None = attrs.field(default=None, init=False)

    # Following

    def follow(self, observer: GuestObserver) -> None:
        """Tell the observer from now on, beginning with all that is there."""
        if self.follower is not None:
            self.follower.start(observer)

    async def guests(self) -> Sequence[Guest]:
        """Return every guest that is to live, once the leftovers of others are removed.

        A hypervisor that does not answer keeps its guests; nobody is told of them then.
        """
        found: list[Guest] = []
        answered = 0
        for host in self.hosts.all:
            try:
                found += await self._cleaned(host)
                answered += 1
            except VMError as error:
                log.warn("{uri}: {error}", uri=host.place.uri, error=str(error))
        if answered == len(self.hosts.all):
            ids = {*self.launching, *(guest.instance_id for guest in found)}
            await self._ports.keep_only(ids)
            if self.networks is not None:
                await self.networks.delete_idle()
        return found

    async def _cleaned(self, host: Host) -> Sequence[Guest]:
        """Remove what an earlier emulator did not finish making or removing; return the rest."""
        whole: list[Guest] = []
        for each in await self.on(host):
            instance_id = each.note.key.instance_id
            if each.note.is_whole:
                whole.append(self.guest_of(each))
            elif instance_id not in self.launching:
                log.info("removing the domain {name}, which was left", name=instance_id)
                await self.remove(host, instance_id)
        await host.connection.run(
            blocking_sweep,
            host.place,
            frozenset(self.making),
            [each.instance_id for each in whole if each.running],
        )
        return whole

    def images_changed(self) -> None:
        """Have the images read again."""
        if self.follower is not None:
            self.follower.images_soon()

    async def close(self) -> None:
        """Stop following, and shut every guest down; its domain and its disks stay."""
        if self.follower is not None:
            self.follower.close()
        await gatherResults([Deferred.fromCoroutine(self._leave(host)) for host in self.hosts.all])

    async def _leave(self, host: Host) -> None:
        try:
            up = [each for each in await self.on(host) if not each.state.is_off]
            if up:
                log.info(
                    "shutting down {guests}, which may take {seconds:.0f} seconds",
                    guests=", ".join(sorted(each.note.key.instance_id for each in up)),
                    seconds=self._stop_seconds,
                )
            await gatherResults([Deferred.fromCoroutine(self._end(host, each)) for each in up])
            if self.networks is not None and self.networks.host is host:
                await self._unplug_all(host, self.networks)
            await host.close()
        except VMError as error:
            log.warn("not every guest is shut down: {error}", error=str(error))

    async def _unplug_all(self, host: Host, networks: Networks) -> None:
        """Remove what joined guests with their VPCs; it is made again with their next start."""
        for each in await self.on(host):
            if each.state.is_off:
                await self._ports.forget(each.note.key)
        await networks.delete_idle(at_end=True)

    async def _end(self, host: Host, found: Found) -> None:
        try:
            await self.power_down(host, found.note.key.instance_id, self._stop_seconds)
        except VMError as error:
            log.warn("{guest} is not shut down: {error}", guest=found.note.key, error=str(error))

    # Networks

    async def delete_network(self, vpc_id: str) -> None:
        """Remove a VPC's network."""
        if self.networks is not None:
            await self.networks.delete(vpc_id)
