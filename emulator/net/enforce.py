"""Addresses and packet filters of instances that run, kept what the records say.

They are worked out once, and noted as a reader of every record that was read for it. A
change of any of those marks that instance alone; a moment later all that are marked are
worked out again, and those that turn out otherwise are visited again. A filter is replaced
whole, in one transaction; until then, and where that fails, the one before stays in force.
"""

from __future__ import annotations

import socket
from collections.abc import Callable

import attrs
from twisted.internet.defer import DeferredSemaphore
from twisted.logger import Logger

from emulator.core.background import Background
from emulator.core.clock import Clock
from emulator.net.interfaces import InterfacePlan, interfaces_of
from emulator.net.namespace import PacketFilters, Way
from emulator.net.nft import script
from emulator.net.nft_change import change
from emulator.net.router_plan import gateway_of
from emulator.net.ruleset import ruleset_of
from emulator.net.visit import Gateway, Visit
from emulator.state.store import Region, State
from emulator.state.table import Derived
from emulator.vm.interface import GuestKey, VMError

log = Logger()

# Changes seldom come alone: a request with ten rules, ten requests in a row.
GATHER_SECONDS = 0.02
# The reactor has others to serve besides.
SLICE_SECONDS = 0.01
# Visits at once; launches need the same threads.
MOST_VISITS = 6
RETRY_SECONDS = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)


@attrs.frozen
class Wanted:
    """What an instance's namespace is to be, as far as it changes while the instance runs."""

    interfaces: tuple[InterfacePlan, ...]
    packet_filter: str
    gateway: Gateway | None = None


@attrs.define(eq=False)
class _Guard:
    """One instance that runs.

    Attributes:
        readers: what changes of records tell, one for each region that was read.
        done: what its namespace is; None before the first visit.
        is_visited: whether a visit is under way.
        failures: visits in a row that failed.
    """

    key: GuestKey
    container: str
    pid: int
    readers: dict[tuple[str, str], tuple[Region, Derived]] = attrs.field(factory=dict)
    done: Wanted | None = None
    is_visited: bool = False
    failures: int = 0


@attrs.define(eq=False)
class Enforcement(PacketFilters):
    """Gives instances their filters.

    Args:
        state: every account's records.
        way: how a namespace is entered.
        clock: gathers changes and tries again.
        background: owns the visits after changes.
        host_ssh: whether the engine's machine always gets to port 22.
        subnets: whether network ACLs and routes count besides security groups.
        filters: whether packets are filtered at all; addresses and interfaces are kept true
            in any case.
        are_routed: tells whether VPCs have routers.
    """

    _state: State
    _way: Way
    _clock: Clock
    _background: Background
    _host_ssh: bool = True
    _subnets: bool = True
    _filters: bool = True
    _are_routed: Callable[[], bool] = attrs.field(default=lambda: False, kw_only=True)
    _guards: dict[GuestKey, _Guard] = attrs.field(factory=dict, init=False)
    _stale: dict[GuestKey, None] = attrs.field(factory=dict, init=False)
    _is_due: bool = attrs.field(default=False, init=False)
    _places: DeferredSemaphore = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._places = DeferredSemaphore(MOST_VISITS)

    def __len__(self) -> int:
        return len(self._guards)

    async def begin(
        self, key: GuestKey, container: str, pid: int, visit: Visit
    ) -> list[socket.socket]:
        """Do a guest's first visit with its filter, which follows the records from then on.

        Raises:
            VMError: as the visit; then nothing follows.
        """
        self.forget(key)
        guard = self._guards[key] = _Guard(key, container, pid, is_visited=True)
        wanted = self._work_out(guard)
        try:
            opened = await self._way.visit(
                container,
                pid,
                attrs.evolve(
                    visit,
                    interfaces=wanted.interfaces,
                    packet_filter=wanted.packet_filter,
                    gateway=wanted.gateway,
                ),
            )
        except BaseException:
            if self._guards.get(key) is guard:
                self.forget(key)
            raise
        guard.done, guard.is_visited = wanted, False
        return opened

    def forget(self, key: GuestKey) -> None:
        """Follow the records for a guest no more."""
        guard = self._guards.pop(key, None)
        self._stale.pop(key, None)
        if guard is not None:
            for region, reader in guard.readers.values():
                region.reads.forget(reader)

    # Working out

    def _work_out(self, guard: _Guard) -> Wanted:
        """Return what a guest is to have, and hear of it should that change."""
        key = guard.key
        home = self._state.region(key.account, key.region)
        # A reader hears of changes in one region, so there is one for each that may be read.
        regions = [home, *(each for each in self._neighbours(key).values())]
        found: list[Wanted] = []

        def work_out() -> bytes:
            text = self._script(home, key) if self._filters else ""
            gateway = gateway_of(home, key.instance_id) if self._are_routed() else None
            found.append(Wanted(interfaces_of(home, key.instance_id), text, gateway))
            return b""

        work: Callable[[], bytes] = work_out
        for region in regions:
            work = self._noting(guard, region, work)
        work()
        return found[0]

    def _script(self, home: Region, key: GuestKey) -> str:
        ruleset = ruleset_of(home, key.instance_id, self._neighbours(key), subnets=self._subnets)
        return script(ruleset, host_ssh=self._host_ssh)

    def _neighbours(self, key: GuestKey) -> dict[str, Region]:
        return {
            region.account: region
            for region in self._state
            if region.name == key.region and region.account != key.account
        }

    def _noting(
        self, guard: _Guard, region: Region, work: Callable[[], bytes]
    ) -> Callable[[], bytes]:
        place = (region.account, region.name)
        if place not in guard.readers or guard.readers[place][0] is not region:
            reader = Derived(id=f"filter of {guard.key}", on_stale=lambda: self._now_stale(guard))
            guard.readers[place] = (region, reader)
        reader = guard.readers[place][1]
        return lambda: region.reads.during(reader, work)

    # Following

    def _now_stale(self, guard: _Guard) -> None:
        if self._guards.get(guard.key) is guard:
            self._stale[guard.key] = None
            self._be_due(GATHER_SECONDS)

    def _be_due(self, seconds: float) -> None:
        if not self._is_due:
            self._is_due = True
            self._clock.call_later(seconds, self._catch_up)

    def _catch_up(self) -> None:
        """Begin the visits of those whose filter is another now."""
        self._is_due = False
        begun = self._clock.seconds()
        waiting: list[GuestKey] = []
        while self._stale:
            if self._clock.seconds() - begun > SLICE_SECONDS:
                self._be_due(0.0)
                break
            key = next(iter(self._stale))
            del self._stale[key]
            guard = self._guards.get(key)
            if guard is None:
                continue
            if guard.is_visited:
                waiting.append(key)
                continue
            wanted = self._work_out(guard)
            if wanted != guard.done:
                guard.is_visited = True
                self._background.start(f"the packet filter of {key}", self._visit(guard, wanted))
        self._stale.update(dict.fromkeys(waiting))
        if waiting:
            self._be_due(GATHER_SECONDS)

    async def _visit(self, guard: _Guard, wanted: Wanted) -> None:
        arranged = guard.done is not None and (guard.done.interfaces, guard.done.gateway) == (
            wanted.interfaces,
            wanted.gateway,
        )
        former = () if guard.done is None or arranged else guard.done.interfaces
        text = wanted.packet_filter
        if guard.done is not None and arranged and not guard.failures:
            # Should somebody have removed the table, this fails, and the whole one is next.
            text = change(guard.done.packet_filter, text)
        visit = Visit(
            wanted.interfaces,
            text,
            are_arranged=arranged,
            former=former,
            gateway=wanted.gateway,
        )
        begun = self._clock.seconds()
        try:
            await self._places.acquire()
            try:
                await self._way.visit(guard.container, guard.pid, visit)
            finally:
                self._places.release()
        except VMError as error:
            self._failed(guard, error)
        else:
            guard.done, guard.failures = wanted, 0
            log.debug(
                "{instance} has a new packet filter, after {seconds:.3f} s",
                instance=guard.key,
                seconds=self._clock.seconds() - begun,
            )
        finally:
            guard.is_visited = False

    def _failed(self, guard: _Guard, error: VMError) -> None:
        if self._guards.get(guard.key) is not guard:
            return  # it ended meanwhile
        # What was read is still being followed; only what was seen there is not in force.
        delay = RETRY_SECONDS[min(guard.failures, len(RETRY_SECONDS) - 1)]
        guard.failures += 1
        log.warn(
            "{instance} still has its earlier packet filter: {error}",
            instance=guard.key,
            error=str(error),
        )
        self._clock.call_later(delay, self._now_stale, guard)
