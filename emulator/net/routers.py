"""The routers of VPCs that have instances, kept what the records say.

Each is a namespace that exists while the emulator holds it. What it does is worked out as if
it were a view, and worked out again a moment after anything of that changed; all routers that
turn out otherwise get their new scripts in one visit.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from ipaddress import IPv4Address

import attrs
from twisted.internet.defer import DeferredLock
from twisted.logger import Logger

from emulator.core.background import Background
from emulator.core.clock import Clock
from emulator.core.process import CommandFailed
from emulator.model.instance import Instance
from emulator.net.bridge_filter import bridge_of
from emulator.net.namespace import Routers, Way
from emulator.net.route_legs import VpcKey
from emulator.net.router_addresses import FIRST_INDEX, LAST_INDEX
from emulator.net.router_plan import RouterPlan, router_plan
from emulator.net.router_script import (
    Hops,
    address_commands,
    core_errands,
    forgetting_commands,
    former_address_commands,
    hops_of,
    plugged,
    public_errands,
    router_errands,
    router_script,
    rule_command,
    table_commands,
)
from emulator.net.router_visit import Errand, RouterVisit, perform_errands
from emulator.net.truth import Routed
from emulator.state.store import State
from emulator.state.table import Derived
from emulator.vm.interface import GuestKey, GuestLink, VMError

log = Logger()

# As with packet filters: changes seldom come alone.
GATHER_SECONDS = 0.02
RETRY_SECONDS = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
# The kernel passes only so many descriptors with one message.
MOST_AT_ONCE = 100
_CORE = 0
BY_ROUTERS = "by a router for each VPC on the engine's machine"


def blocking_routing_trial(name: str) -> str | None:
    """Return what the kernel says to a core, which is gone again afterwards."""
    try:
        for each in perform_errands(RouterVisit(core_errands(_CORE, f"ec2x{name}"), 1), ()):
            os.close(each)
    except (OSError, CommandFailed) as error:
        return str(error)
    return None


@attrs.define(eq=False)
class _Router:
    """One VPC's.

    Attributes:
        network_id: the engine's name for the VPC's network.
        host: the address of the engine's machine there.
        index: its number on the fabric.
        cable: its end on the VPC's bridge.
        namespace: a descriptor.
        reader: told when its plan may be another.
        plan: what it does, or is about to do.
        script: what it was told last; None where that is not certain.
        tables: the commands that made its tables, by their numbers.
    """

    key: VpcKey
    network_id: str
    host: IPv4Address
    index: int
    cable: str
    namespace: int
    reader: Derived
    plan: RouterPlan = attrs.field(factory=RouterPlan)
    script: str | None = None
    hops: Hops = attrs.field(factory=Hops)
    tables: dict[int, list[str]] = attrs.field(factory=dict)
    doubtful: list[int] = attrs.field(factory=list)

    @property
    def bridge(self) -> str:
        """The bridge of the VPC's network."""
        return bridge_of(self.network_id)


@attrs.define(eq=False)
class VpcRouters(Routers):
    """Makes routers and keeps them true.

    Args:
        state: every account's records.
        way: how namespaces are entered.
        clock: gathers changes and tries again.
        background: owns what follows changes.
        new_name: gives eight hexadecimal digits that nobody has.
        obstacle: why there can be no routers; None: there can.

    Attributes:
        routed: whether there are, and why.
    """

    _state: State
    _way: Way
    _clock: Clock
    _background: Background
    _new_name: Callable[[], str]
    _obstacle: str | None = None
    routed: Routed = attrs.field(init=False)
    _core: int | None = attrs.field(default=None, init=False)
    _uplink: str = attrs.field(default="", init=False)
    _routers: dict[VpcKey, _Router] = attrs.field(factory=dict, init=False)
    _next_index: int = attrs.field(default=FIRST_INDEX, init=False)
    _public: dict[IPv4Address, int] = attrs.field(factory=dict, init=False)
    _stale: dict[VpcKey, None] = attrs.field(factory=dict, init=False)
    _is_due: bool = attrs.field(default=False, init=False)
    _failures: int = attrs.field(default=0, init=False)
    # One visit at a time: what comes later is done later.
    _lock: DeferredLock = attrs.field(factory=DeferredLock, init=False)

    def __attrs_post_init__(self) -> None:
        self.routed = Routed(is_real=False, reason=self._obstacle or "the engine was not seen yet")

    def __len__(self) -> int:
        return len(self._routers)

    async def begin(self, obstacle: str | None) -> None:
        """Make the core, if there is to be one; for an engine that is back, plug in again.

        Args:
            obstacle: what it is about the engine that makes routers of no use.
        """
        async with self._lock:
            if self._core is not None:
                await self._plug_in()
            elif self._obstacle is None:
                await self._make_core(obstacle)

    async def _make_core(self, obstacle: str | None) -> None:
        if obstacle is not None:
            self.routed = Routed(is_real=False, reason=obstacle)
            log.info("routes and public addresses: {routed}", routed=self.routed)
            return
        cable = f"ec2u{self._new_name()}"
        try:
            (core,) = await self._way.route(RouterVisit(core_errands(_CORE, cable), 1), ())
        except VMError as error:
            self.routed = Routed(is_real=False, reason=str(error))
            log.warn("routes and public addresses are not real: {error}", error=str(error))
            return
        self._core, self._uplink = core, cable
        self.routed = Routed(is_real=True, reason=BY_ROUTERS)
        log.info("routes and public addresses: {routed}", routed=self.routed)

    async def _plug_in(self) -> None:
        for router in list(self._routers.values()):
            try:
                visit = RouterVisit((plugged(router.cable, router.bridge),))
                await self._way.route(visit, ())
            except VMError:
                self._end(router)  # its network is gone; the next guest on a new one makes another

    async def ensure(self, key: GuestKey, link: GuestLink) -> None:
        """Make the router of a guest's VPC, unless it is there.

        Raises:
            VMError: it cannot be made.
        """
        region = self._state.region(key.account, key.region)
        instance = region[Instance].get(key.instance_id)
        if self._core is None or instance is None or instance.vpc_id is None:
            return
        if not link.network_id or not link.gateway:
            raise VMError(f"{key} is not on a network of its VPC")
        vpc = VpcKey(key.account, key.region, instance.vpc_id)
        if self._is_there(vpc, link):
            # All records may have been forgotten since, and come again with the same names.
            self._now_stale(vpc)
            return
        async with self._lock:
            if not self._is_there(vpc, link):
                await self._make(vpc, link)

    def _is_there(self, vpc: VpcKey, link: GuestLink) -> bool:
        known = self._routers.get(vpc)
        return known is not None and known.network_id == link.network_id

    async def _make(self, vpc: VpcKey, link: GuestLink) -> None:
        former = self._routers.get(vpc)
        if former is not None:
            self._end(former)
        if self._core is None or self._next_index > LAST_INDEX:
            raise VMError("there can be no more routers")
        reader = Derived(id=f"router of {vpc.vpc_id}", on_stale=lambda: self._now_stale(vpc))
        cable, index = f"ec2r{self._new_name()}", self._next_index
        router = _Router(vpc, link.network_id, IPv4Address(link.gateway), index, cable, -1, reader)
        self._next_index += 1
        self._routers[vpc] = router
        connecting = router_errands(_CORE + 1, _CORE, vpc.vpc_id, index, cable, router.bridge)
        errands = (*connecting, *self._errands(router, _CORE + 1), *self._public_errands())
        try:
            (router.namespace,) = await self._way.route(RouterVisit(errands, 1), (self._core,))
        except BaseException:
            self._end(router)
            raise
        # Others may have waited for a peer.
        for other in self._routers:
            if other != vpc:
                self._now_stale(other)

    def forget_network(self, network_id: str) -> None:
        """Let go of the router on a network that is gone."""
        for router in list(self._routers.values()):
            if router.network_id == network_id:
                self._end(router)

    def _end(self, router: _Router) -> None:
        if self._routers.get(router.key) is router:
            del self._routers[router.key]
        region = self._state.region(router.key.account, router.key.region)
        region.reads.forget(router.reader)
        if router.namespace >= 0:
            self._background.start("closing a router", self._close(router.namespace))
            router.namespace = -1
        for other in self._routers:
            self._now_stale(other)
        self._be_due(GATHER_SECONDS)  # its public addresses lead nowhere

    async def _close(self, namespace: int) -> None:
        # A visit that is under way may be about to enter it.
        async with self._lock:
            os.close(namespace)

    # Working out

    def _errands(self, router: _Router, where: int) -> list[Errand]:
        """Return what makes a router what it is to be; none where it is that."""
        region = self._state.region(router.key.account, router.key.region)
        found: list[RouterPlan] = []

        def work_out() -> bytes:
            found.append(router_plan(region, router.key.vpc_id))
            return b""

        region.reads.during(router.reader, work_out)
        former, plan = router.plan, found[0]
        router.plan = plan
        peers = {key: each.index for key, each in self._routers.items()}
        is_sure = router.script is not None and former.cidrs == plan.cidrs
        commands = [] if is_sure else address_commands(plan)
        hops = hops_of(plan, peers)
        for hop in hops:
            number = router.hops.number(hop)
            table = table_commands(plan, hop, number, peers, router.host)
            if router.tables.get(number) != table:
                commands += [*table, *(() if number in router.tables else (rule_command(number),))]
                router.tables[number] = table
        script = router_script(plan, router.hops, peers)
        gone = router.hops.beside(hops)
        tolerated = [line for number in gone for line in forgetting_commands(number)]
        for number in gone:
            router.tables.pop(number, None)
        if script == router.script and not commands and not tolerated:
            return []
        router.script = script
        tolerated += former_address_commands(former, plan)
        doubtful = [line for number in router.doubtful for line in forgetting_commands(number)]
        return [
            *([Errand(where, tolerated=tuple(doubtful))] if doubtful else ()),
            Errand(where, commands=tuple(commands), script=script, tolerated=tuple(tolerated)),
        ]

    def _public_errands(self) -> tuple[Errand, ...]:
        """Return what leads public addresses to their routers; none where all do."""
        wanted: dict[IPv4Address, int] = {}
        for router in self._routers.values():
            plan = router.plan
            for address in (*(public for public, _ in plan.public), *plan.gateways):
                wanted.setdefault(address, router.index)
        former, self._public = self._public, wanted
        return public_errands(_CORE, self._uplink, former, wanted)

    # Following

    def _now_stale(self, vpc: VpcKey) -> None:
        if vpc in self._routers:
            self._stale[vpc] = None
            self._be_due(GATHER_SECONDS)

    def _be_due(self, seconds: float) -> None:
        if not self._is_due:
            self._is_due = True
            self._clock.call_later(seconds, self._catch_up)

    def _catch_up(self) -> None:
        self._is_due = False
        if self._core is not None:
            self._background.start("the routers of VPCs", self._follow())

    async def _follow(self) -> None:
        async with self._lock:
            stale = [key for key in self._stale if key in self._routers][:MOST_AT_ONCE]
            for key in stale:
                del self._stale[key]
            routers = [self._routers[key] for key in stale]
            if self._core is None:
                return
            former = dict(self._public)
            errands: list[Errand] = []
            visited: list[_Router] = []
            for router in routers:
                wanted = self._errands(router, len(visited) + 1)
                if wanted:
                    visited.append(router)
                    errands += wanted
            errands += self._public_errands()
            if errands:
                await self._visit(errands, visited, former)
        if self._stale:
            self._be_due(GATHER_SECONDS)

    async def _visit(
        self, errands: list[Errand], visited: list[_Router], former: dict[IPv4Address, int]
    ) -> None:
        begun = self._clock.seconds()
        namespaces = [self._core or 0, *(router.namespace for router in visited)]
        try:
            await self._way.route(RouterVisit(tuple(errands)), namespaces)
        except VMError as error:
            log.warn("some routers still do what they did: {error}", error=str(error))
            self._public = former
            for router in visited:
                router.script = None
                router.doubtful = sorted({*router.doubtful, *router.tables})
                router.tables = {}
                self._stale[router.key] = None
            delay = RETRY_SECONDS[min(self._failures, len(RETRY_SECONDS) - 1)]
            self._failures += 1
            self._be_due(delay)
        else:
            self._failures = 0
            for router in visited:
                router.doubtful = []
            log.debug(
                "{count} routers have new routes, after {seconds:.3f} s",
                count=len(visited),
                seconds=self._clock.seconds() - begun,
            )
