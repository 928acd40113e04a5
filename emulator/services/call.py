"""What a handler is given: one request, and the world it may change."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, TypeAlias

import attrs
from twisted.logger import Logger

from emulator.core.background import Background
from emulator.core.clock import Clock
from emulator.core.ids import Ids
from emulator.core.locks import KeyedLocks
from emulator.core.threads import Threads
from emulator.model.row import Row, Stateful
from emulator.state.store import Region, State
from emulator.vm.managers import Managers
from emulator.wire.service import Operation

log = Logger()


@attrs.frozen
class World:
    """What outlives a request: time, randomness, threads, machines.

    Attributes:
        machines: the managers of what is behind instances.
        locks: one for each instance; whoever has a machine changed holds its lock.
        manager_tag: who sees the manager's tag on instances: ``auto``, ``always``, ``never``.
        regions: gives every region in use, for what no two of them may have.
    """

    clock: Clock
    ids: Ids
    background: Background
    threads: Threads
    machines: Managers
    locks: KeyedLocks = attrs.field(factory=KeyedLocks)
    manager_tag: str = "auto"
    regions: Callable[[], Iterable[Region]] = tuple

    def later(
        self, delay_seconds: float, what: str, function: Callable[..., None], *args: Any
    ) -> None:
        """Run ``function(*args)`` after ``delay_seconds``; ``what`` names it should it fail.

        With 0 it runs after the present request is answered and before the next is read.
        """
        self.clock.call_later(delay_seconds, _guarded, what, function, args)

    def settle(self, row: Stateful, state: str, delay_seconds: float = 0.0) -> None:
        """Move ``row`` on to ``state`` by itself, unless something else moved it before."""
        self.later(delay_seconds, f"settling {row.id}", _settle, row, row.state, state)

    def expire(self, region: Region, row: Row, delay_seconds: float) -> None:
        """Remove ``row`` after ``delay_seconds``, as AWS does with what was deleted."""
        self.later(delay_seconds, f"expiring {row.id}", region[type(row)].remove, row)


def _guarded(what: str, function: Callable[..., None], args: tuple[Any, ...]) -> None:
    try:
        function(*args)
    except Exception:  # noqa: BLE001 - nobody is left to tell but the log
        log.failure("{what} failed", what=what)


def _settle(row: Stateful, state: str, next_state: str) -> None:
    if row.watcher is not None and row.state == state:
        row.move(next_state)


@attrs.frozen
class Call:
    """One request, parsed, validated and placed.

    Attributes:
        operation: the wire's compiled operation; its name is ``operation.name``.
        params: parameters in botocore's shape; handlers never change them.
        region: the tables of the caller's account in the addressed region.
        state: all accounts and regions, for the few calls that cross them.
        world: time, randomness, machines.
        access_key: what the request was signed with, if it was signed.
        user_agent: the client's own name.
        request_id: also in the answer.
    """

    operation: Operation
    params: Mapping[str, Any]
    region: Region
    state: State
    world: World
    access_key: str | None = None
    user_agent: str = ""
    request_id: str = ""

    @property
    def account(self) -> str:
        """The caller's twelve-digit account id."""
        return self.region.account

    def new_id(self, kind: type[Row]) -> str:
        """Return a fresh id for a record of this kind."""
        return self.world.ids.resource(kind.PREFIX)


@attrs.frozen
class Renewable:
    """A reply that can be made again, so that remembering it for a client token costs nothing.

    Attributes:
        first: the reply to the present request.
        again: makes the reply to the same request when it comes again.
    """

    first: Mapping[str, Any]
    again: Callable[[], Mapping[str, Any]]


Reply: TypeAlias = Mapping[str, Any] | Renewable
Handler: TypeAlias = Callable[[Call, Any], Reply | Awaitable[Reply]]
