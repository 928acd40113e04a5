"""Flow logs of instances that run: counted in their namespaces, delivered to files every minute.

Where no flow log is, nothing counts and nobody asks. What counts is beside the packet filter,
so whatever goes wrong here costs records and nothing else.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import attrs
from twisted.internet.defer import DeferredSemaphore
from twisted.logger import Logger

from emulator.core.background import Background
from emulator.core.clock import Clock
from emulator.core.threads import Threads
from emulator.model.flow_log import FlowLog
from emulator.model.network_interface import NetworkInterface
from emulator.model.vpc import Subnet, Vpc
from emulator.net.cidrs import Network, known_network
from emulator.net.flow_capture import Capture, Unreadable, read_capture
from emulator.net.flow_files import CannotDeliver, Delivery, blocking_deliver
from emulator.net.flow_records import Watched, fields_of, records
from emulator.net.flow_visit import FlowVisit
from emulator.net.interfaces import interface_rows
from emulator.net.ruleset import addresses_of
from emulator.state.store import Region, State
from emulator.state.table import Derived
from emulator.vm.interface import GuestKey, VMError

log = Logger()

# "Flow log basics": with instances of the Nitro system never more, whatever was asked for.
INTERVAL_SECONDS = 60
# Counting begins this soon after a flow log is made; changes seldom come alone.
GATHER_SECONDS = 0.05
# Of no hurry: filters come first.
MOST_VISITS = 2
SUCCESS, FAILED = "SUCCESS", "FAILED"


class CountsFlows(Protocol):
    """How a namespace is entered for its flows."""

    @abstractmethod
    async def visit_flows(self, container: str, pid: int, visit: FlowVisit) -> str:
        """Do a visit in a guest's namespace and return what was counted, as nft lists it.

        Raises:
            VMError: the guest is gone, or a command failed.
        """


@attrs.define(eq=False)
class _Counted:
    """One instance that runs.

    Attributes:
        turn: which table counts; None: none does.
        since_seconds: when it began, in seconds since 1970.
        is_visited: whether a visit is under way.
        not_before_seconds: when counting may begin, by the clock: what failed to begin is not
            tried again at once.
    """

    key: GuestKey
    container: str
    pid: int
    region: Region
    reader: Derived
    turn: int | None = None
    since_seconds: int = 0
    is_visited: bool = False
    not_before_seconds: float = 0.0


@attrs.define(eq=False)
class FlowLogs:
    """Counts and delivers.

    Args:
        state: every account's records.
        way: how a namespace is entered.
        clock: the time.
        background: owns the visits.
        threads: where files are written.
        folder: where they are.
        zone_id: returns the id of a region's zone, by its name.
    """

    _state: State
    _way: CountsFlows
    _clock: Clock
    _background: Background
    _threads: Threads
    _folder: Path
    _zone_id: Callable[[Region, str], str | None]
    _guests: dict[GuestKey, _Counted] = attrs.field(factory=dict, init=False)
    _is_due: bool = attrs.field(default=False, init=False)
    _is_ticking: bool = attrs.field(default=False, init=False)
    _places: DeferredSemaphore = attrs.field(
        factory=lambda: DeferredSemaphore(MOST_VISITS), init=False
    )

    def begin(self, key: GuestKey, container: str, pid: int) -> None:
        """Count an instance's flows whenever some flow log is for them, from now on."""
        self.forget(key)
        self._guests[key] = guest = _Counted(
            key,
            container,
            pid,
            self._state.region(key.account, key.region),
            Derived(id=f"flows of {key}", on_stale=self._be_due),
        )
        self._follow(guest)

    def forget(self, key: GuestKey) -> None:
        """The instance's namespace is gone, or about to go, and with it what was counted."""
        guest = self._guests.pop(key, None)
        if guest is not None:
            guest.region.reads.forget(guest.reader)

    # What is wanted

    def _be_due(self) -> None:
        if not self._is_due:
            self._is_due = True
            self._clock.call_later(GATHER_SECONDS, self._catch_up)

    def _catch_up(self) -> None:
        self._is_due = False
        for guest in tuple(self._guests.values()):
            self._follow(guest)

    def _follow(self, guest: _Counted) -> None:
        """Begin or end counting, where records say so."""
        wanted = bool(self._logs(guest))
        if guest.is_visited or wanted == (guest.turn is not None):
            return
        if wanted and self._clock.seconds() < guest.not_before_seconds:
            return
        guest.is_visited = True
        if wanted:
            self._tick_later()
            work = self._turn(guest, 0)
        else:
            work = self._end(guest)
        self._background.start(f"the flows of {guest.key}", work)

    def _logs(self, guest: _Counted) -> dict[str, list[FlowLog]]:
        """Return the flow logs of each interface that has any, and hear of changes."""
        region, found = guest.region, dict[str, list[FlowLog]]()

        def work_out() -> bytes:
            for row in interface_rows(region, guest.key.instance_id):
                logs = [
                    each
                    for resource_id in (row.id, row.subnet_id, row.vpc_id)
                    for each in region[FlowLog].where(resource_id=resource_id)
                ]
                if logs:
                    found[row.id] = logs
            return b""

        region.reads.during(guest.reader, work_out)
        return found

    # Every minute

    def _tick_later(self) -> None:
        if not self._is_ticking:
            self._is_ticking = True
            rest = INTERVAL_SECONDS - self._clock.epoch_seconds() % INTERVAL_SECONDS
            self._clock.call_later(rest, self._tick)

    def _tick(self) -> None:
        self._is_ticking = False
        for guest in tuple(self._guests.values()):
            if guest.turn is None or guest.is_visited:
                continue
            guest.is_visited = True
            self._tick_later()
            self._background.start(f"the flows of {guest.key}", self._turn(guest, 1 - guest.turn))

    async def _turn(self, guest: _Counted, turn: int) -> None:
        """Let the other table count, and deliver what this one did."""
        macs = tuple(row.mac_address for row in interface_rows(guest.region, guest.key.instance_id))
        visit = FlowVisit(macs, turn, is_first=guest.turn is None)
        try:
            listed = await self._visit(guest, visit)
            since, now = guest.since_seconds, int(self._clock.epoch_seconds())
            if not visit.is_first:
                capture = await self._threads.run(read_capture, listed, now)
                await self._deliver(guest, capture, (since, now))
            guest.turn, guest.since_seconds = turn, now
        except (VMError, Unreadable) as error:
            self._failed(guest, str(error))
        finally:
            guest.is_visited = False
            self._be_due()

    async def _end(self, guest: _Counted) -> None:
        try:
            await self._visit(guest, FlowVisit())
        except VMError as error:
            self._failed(guest, str(error))
        finally:
            # Should it still be counted, nobody reads it, and the next to begin begins anew.
            guest.turn, guest.is_visited = None, False
            self._be_due()

    async def _visit(self, guest: _Counted, visit: FlowVisit) -> str:
        await self._places.acquire()
        try:
            return await self._way.visit_flows(guest.container, guest.pid, visit)
        finally:
            self._places.release()

    def _failed(self, guest: _Counted, message: str) -> None:
        if self._guests.get(guest.key) is not guest:
            return  # it ended meanwhile
        guest.not_before_seconds = self._clock.seconds() + INTERVAL_SECONDS
        self._clock.call_later(INTERVAL_SECONDS, self._be_due)
        log.warn("flows of {instance} are not known: {error}", instance=guest.key, error=message)
        for logs in self._logs(guest).values():
            for each in logs:
                _note(guest.region, each.id, message)

    # Delivering

    async def _deliver(
        self, guest: _Counted, capture: Capture, interval_seconds: tuple[int, int]
    ) -> None:
        region = guest.region
        wanted = self._logs(guest)
        for watched in self._watched(guest):
            for each in wanted.get(watched.interface_id, ()):
                fields = fields_of(each.log_format)
                lines = records(
                    fields, watched, capture, each.traffic_type or "ALL", interval_seconds
                )
                delivery = _delivery(region, each, watched, interval_seconds[1])
                try:
                    await self._threads.run(blocking_deliver, self._folder, delivery, fields, lines)
                except CannotDeliver as error:
                    _note(region, each.id, str(error))
                else:
                    _note(region, each.id, None)

    def _watched(self, guest: _Counted) -> list[Watched]:
        region = guest.region
        rows = interface_rows(region, guest.key.instance_id)
        addresses = {row.id: addresses_of(row) for row in rows}
        return [
            Watched(
                account=region.account,
                region=region.name,
                interface_id=row.id,
                vpc_id=row.vpc_id,
                subnet_id=row.subnet_id,
                instance_id=guest.key.instance_id,
                zone_id=self._zone_of(region, row),
                addresses=addresses[row.id],
                vpc_networks=_networks(region, row),
                others=tuple(
                    each for other in rows if other is not row for each in addresses[other.id]
                ),
                is_first=row is rows[0],
            )
            for row in rows
        ]

    def _zone_of(self, region: Region, row: NetworkInterface) -> str:
        subnet = region[Subnet].get(row.subnet_id)
        return (self._zone_id(region, subnet.availability_zone) or "") if subnet else ""


def _networks(region: Region, row: NetworkInterface) -> tuple[Network, ...]:
    vpc = region[Vpc].get(row.vpc_id)
    if vpc is None:
        return ()
    return tuple(
        known_network(each.cidr) for each in (*vpc.ipv4_associations, *vpc.ipv6_associations)
    )


def _delivery(region: Region, each: FlowLog, watched: Watched, end_seconds: int) -> Delivery:
    return Delivery(
        account=region.account,
        region=region.name,
        flow_log_id=each.id,
        interface_id=watched.interface_id,
        traffic_type=each.traffic_type or "ALL",
        destination_type=each.destination_type,
        destination=each.destination,
        log_group_name=each.log_group_name,
        options=each.destination_options,
        end=datetime.fromtimestamp(end_seconds, UTC),
    )


def _note(region: Region, flow_log_id: str, error: str | None) -> None:
    """Let DescribeFlowLogs say how the last delivery went."""
    found = region[FlowLog].get(flow_log_id)
    status = SUCCESS if error is None else FAILED
    if found is not None and (found.deliver_status, found.deliver_error) != (status, error):
        found.deliver_status, found.deliver_error = status, error
