"""The Docker networks of VPCs: made with the first launch, gone with their VPC."""

from __future__ import annotations

import contextlib
import ipaddress
from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

import attrs
from twisted.logger import Logger

from emulator.core.locks import KeyedLocks
from emulator.core.threads import Threads
from emulator.vm.docker import names
from emulator.vm.docker.blocking import Conflict, Engine, EngineError
from emulator.vm.interface import GuestNetwork

log = Logger()

IPNetwork = ipaddress.IPv4Network


@attrs.frozen
class DockerNetwork:
    """A VPC's network on the engine.

    Attributes:
        cidr: its range, which is the VPC's own block unless that was taken.
        id: the engine's.
        gateway: the address of the engine's machine there.
    """

    name: str
    cidr: str
    id: str = attrs.field(default="", eq=False)
    gateway: str = attrs.field(default="", eq=False)

    def address_for(self, private_ip: str) -> str | None:
        """Return the address to ask for there: the private one, if the range holds it."""
        inside = private_ip and ipaddress.ip_address(private_ip) in IPNetwork(self.cidr)
        return private_ip if inside else None


def described(network: Mapping[str, Any]) -> DockerNetwork:
    """Return a network from what the engine says of it."""
    pools = [pool for pool in network["IPAM"]["Config"] or () if "Subnet" in pool]
    pool = next((each for each in pools if ":" not in each["Subnet"]), {"Subnet": "0.0.0.0/32"})
    # An engine that was told none takes the first address, and does not always say so.
    gateway = pool.get("Gateway") or str(IPNetwork(pool["Subnet"]).network_address + 1)
    return DockerNetwork(network["Name"], pool["Subnet"], network.get("Id", ""), gateway)


def overlaps(cidr: str, others: Iterable[str]) -> str | None:
    """Return the first of the other ranges that shares addresses with this one."""
    own = IPNetwork(cidr)
    return next((other for other in others if own.overlaps(IPNetwork(other))), None)


class Guard(Protocol):
    """Filters on the engine's machine, at the bridges of networks."""

    @abstractmethod
    async def guard(self, network_id: str, foreign_cidr: str | None) -> None:
        """Filter at a network's bridge.

        Args:
            network_id: the engine's.
            foreign_cidr: the VPC's range, where the network has another.
        """

    @abstractmethod
    async def forget(self, network_id: str) -> None:
        """Filter nothing for a network any more."""


@attrs.define(eq=False)
class Networks:
    """Makes and forgets networks on one engine.

    Args:
        names: of this emulator.
        host_ranges: the ranges that the engine's machine itself routes to, where known.
        guard: filters at the bridges of networks.
    """

    _names: names.Names
    _threads: Threads
    _host_ranges: Callable[[], Iterable[str]]
    _guard: Guard | None = None
    _locks: KeyedLocks = attrs.field(factory=KeyedLocks, init=False)
    _known: dict[str, DockerNetwork] = attrs.field(factory=dict, init=False)

    async def ensure(self, engine: Engine, network: GuestNetwork) -> DockerNetwork:
        """Return a VPC's network, made if it is not there yet.

        Raises:
            EngineError: it could not be made.
        """
        known = self._known.get(network.vpc_id)
        if known is not None:
            return known
        async with self._locks(network.vpc_id):
            known = self._known.get(network.vpc_id)
            if known is None:
                known = await self._threads.run(self._blocking_ensure, engine, network)
                if self._guard is not None:
                    foreign = None if known.cidr == network.cidr else network.cidr
                    await self._guard.guard(known.id, foreign)
                self._known[network.vpc_id] = known
            return known

    def forget(self, vpc_id: str) -> None:
        """Look again for a VPC's network with the next launch: it may have gone."""
        self._known.pop(vpc_id, None)

    def forget_all(self) -> None:
        """Look again for every network: the engine may be another one."""
        self._known.clear()

    async def delete(self, engine: Engine, vpc_id: str) -> None:
        """Remove a VPC's network."""
        async with self._locks(vpc_id):
            self.forget(vpc_id)
            name = self._names.network(vpc_id)
            found = await self._threads.run(engine.network, name)
            if found is not None:
                await self._threads.run(engine.remove_network, name)
                await self.gone(found["Id"])

    async def gone(self, network_id: str) -> None:
        """Take note that a network is there no more."""
        if self._guard is not None:
            await self._guard.forget(network_id)

    def _blocking_ensure(self, engine: Engine, network: GuestNetwork) -> DockerNetwork:
        name = self._names.network(network.vpc_id)
        found = engine.network(name)
        if found is None:
            self._blocking_create(engine, name, network)
            found = engine.network(name)
        if found is None:
            raise EngineError(f"the network {name} vanished")
        return described(found)

    def _blocking_create(self, engine: Engine, name: str, network: GuestNetwork) -> None:
        labels = {**self._names.label(), names.VPC_ID: network.vpc_id}
        taken = overlaps(network.cidr, self._host_ranges())
        reason = f"this machine uses {taken}"
        if taken is None:
            try:
                engine.create_network(name, labels, network.cidr)
            except Conflict:
                return  # somebody was faster
            except EngineError as error:
                reason = str(error)
            else:
                return
        log.warn(
            "{vpc} cannot have {cidr} on this machine ({reason}): instances have their private "
            "addresses among each other, and others towards the host",
            vpc=network.vpc_id,
            cidr=network.cidr,
            reason=reason,
        )
        with contextlib.suppress(Conflict):
            engine.create_network(name, labels, None)
