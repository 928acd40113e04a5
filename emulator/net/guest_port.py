"""Guests with kernels of their own, plugged into their VPCs: made, joined, found again, removed."""

from __future__ import annotations

from collections.abc import Collection

import attrs
from twisted.logger import Logger

from emulator.core.locks import KeyedLocks
from emulator.model.vpc import Vpc
from emulator.net.guest_way import GuestWay
from emulator.net.interfaces import interface_rows
from emulator.net.namespace import InstanceNamespaces
from emulator.net.port_plan import (
    Port,
    free_address,
    guest_link,
    in_range,
    namespace_name,
    vpc_link,
)
from emulator.state.store import State
from emulator.vm.interface import (
    GuestKey,
    GuestNetwork,
    GuestPorts,
    LaunchSpec,
    VMError,
    Wire,
    Wires,
)

log = Logger()


@attrs.define(eq=False)
class VpcPorts(GuestPorts):
    """Gives each guest a network namespace that is its first router.

    Args:
        state: every account's records.
        way: how namespaces are made and entered.
        namespaces: opens the metadata service and the resolver in them, with the filter.
        namespace: EMULATOR_NAMESPACE.

    Attributes:
        wires: makes what joins the guests of a VPC; given once it is there, before the first
            launch.
    """

    _state: State
    _way: GuestWay
    _namespaces: InstanceNamespaces
    _namespace: str
    wires: Wires | None = attrs.field(default=None, init=False)
    _locks: KeyedLocks = attrs.field(factory=KeyedLocks, init=False)
    _obstacle: list[str | None] = attrs.field(factory=list, init=False)
    _heard: set[GuestKey] = attrs.field(factory=set, init=False)
    # Addresses that guests have towards the machine, where their own are none there.
    _reached_at: dict[str, str] | None = attrs.field(default=None, init=False)

    def obstacle(self) -> str | None:
        """Return what keeps guests from being plugged in; it is tried once."""
        if not self._obstacle:
            self._obstacle.append(self._way.obstacle())
        return self._obstacle[0]

    async def prepare(self, spec: LaunchSpec) -> str:
        """Make a new guest's namespace, and return its link."""
        return (await self._ensure(spec.key)).link

    async def before_start(self, key: GuestKey) -> str:
        """Make a guest's namespace, unless it is there, and return its link."""
        return (await self._ensure(key)).link

    async def connect(self, key: GuestKey) -> str | None:
        """Join a guest with its VPC; from then on its namespace follows the records."""
        port = await self._ensure(key)
        self._heard.discard(key)
        await self._namespaces.prepare(key, port.name, 0)
        return port.address

    def was_heard(self, key: GuestKey) -> bool:
        """Tell whether a guest has asked for its address since it was connected."""
        return key in self._heard

    def hear(self, key: GuestKey) -> None:
        """Take note that a guest asks for its address."""
        self._heard.add(key)

    async def forget(self, key: GuestKey) -> None:
        """Remove a guest's namespace and links."""
        self._namespaces.forget(key)
        self._heard.discard(key)
        async with self._locks(key.instance_id):
            await self._remove({key.instance_id})

    async def keep_only(self, instance_ids: Collection[str]) -> None:
        """Remove the namespaces and links of other guests."""
        found = await self._way.found(self._namespace)
        gone = found.instances - set(instance_ids)
        if gone:
            log.info("removing the networks of {count} guests that are gone", count=len(gone))
            await self._remove(gone)

    async def _remove(self, instance_ids: Collection[str]) -> None:
        for instance_id in instance_ids:
            if self._reached_at is not None:
                self._reached_at.pop(instance_id, None)
        await self._way.remove(
            [namespace_name(self._namespace, each) for each in instance_ids],
            [
                link
                for each in instance_ids
                for link in (
                    vpc_link(self._namespace, each),
                    guest_link(self._namespace, each, 0),
                )
            ],
        )

    async def _ensure(self, key: GuestKey) -> Port:
        async with self._locks(key.instance_id):
            network = self._network_of(key)
            if self.wires is None:
                raise VMError("there is nothing yet that joins instances")
            wire = await self.wires.ensure(network)
            port = await self._plan(key, network, wire)
            await self._way.arrange(port)
            return port

    def _network_of(self, key: GuestKey) -> GuestNetwork:
        region = self._state.region(key.account, key.region)
        rows = interface_rows(region, key.instance_id)
        vpc = region[Vpc].get(rows[0].vpc_id) if rows else None
        if vpc is None:
            raise VMError(f"{key} has no interface in any VPC")
        return GuestNetwork(vpc.id, vpc.cidr)

    async def _addresses(self) -> dict[str, str]:
        async with self._locks("addresses"):
            if self._reached_at is None:
                self._reached_at = dict((await self._way.found(self._namespace)).reached_at)
            return self._reached_at

    async def _plan(self, key: GuestKey, network: GuestNetwork, wire: Wire) -> Port:
        addresses = await self._addresses()
        region = self._state.region(key.account, key.region)
        row = interface_rows(region, key.instance_id)[0]
        port = Port(
            key,
            self._namespace,
            row.mac_address,
            row.private_ips[0],
            network.vpc_id,
            wire.bridge,
            wire.gateway,
        )
        if in_range(port.private_ip, wire.cidr):
            addresses.pop(key.instance_id, None)
            return port
        known = addresses.get(key.instance_id, "")
        if not in_range(known.partition("/")[0], wire.cidr):
            try:
                known = free_address(wire.cidr, wire.gateway, addresses.values())
            except ValueError as error:
                raise VMError(str(error)) from error
            addresses[key.instance_id] = known
            log.info(
                "{instance} has {private_ip} in its VPC, and {address} towards this machine",
                instance=key.instance_id,
                private_ip=port.private_ip,
                address=known.partition("/")[0],
            )
        return attrs.evolve(port, reached_at=known)
