"""The docker manager over an engine in memory: no thread, no socket, no time passing."""

from __future__ import annotations

import random
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock as FakeReactor

from emulator.core.background import Background
from emulator.core.clock import Clock
from emulator.core.threads import NoThreads
from emulator.vm.docker.blocking import EngineAddress
from emulator.vm.docker.connection import Connection
from emulator.vm.docker.ebs import EbsFiles
from emulator.vm.docker.manager import DefaultImage, DockerManager
from emulator.vm.docker.names import Names
from emulator.vm.docker.networks import Networks
from emulator.vm.docker.spec import ContainerSettings
from emulator.vm.docker.tools import Tools
from emulator.vm.docker.tools_volume import SharedTools
from emulator.vm.interface import (
    Guest,
    GuestKey,
    GuestLink,
    GuestObserver,
    MachineImage,
    Namespaces,
    VMError,
)
from tests.fakes.client import EPOCH
from tests.fakes.docker_engine import FakeEngine


def result_of(work: Coroutine[Deferred[Any], Any, Any]) -> Any:
    """Return what ``work`` comes to, or raise what it raises."""
    results: list[Any] = []
    Deferred.fromCoroutine(work).addBoth(results.append)
    assert results, "the manager did not answer at once"
    if hasattr(results[0], "raiseException"):
        results[0].raiseException()
    return results[0]


class FakeNamespaces(Namespaces):
    """Notes which namespaces were made ready and let go.

    Attributes:
        reason: why none can be entered; None: they can.
        fails: whether making one ready fails.
        public: whether guests are reached at public addresses.
    """

    def __init__(self) -> None:
        self.prepared: list[tuple[str, int]] = []
        self.forgotten: list[str] = []
        self.reason: str | None = None
        self.fails = False
        self.enters = False
        self.public = False
        self.begun: list[str | None] = []
        self.foreseen: list[tuple[str, GuestLink]] = []
        self.fails_inside = False
        self.ran: list[tuple[tuple[str, ...], bytes]] = []

    def obstacle(self) -> str | None:
        return self.reason

    async def begin(self, obstacle: str | None) -> None:
        self.begun.append(obstacle)

    async def foresee(self, key: GuestKey, link: GuestLink) -> None:
        self.foreseen.append((key.instance_id, link))

    def are_public(self) -> bool:
        return self.public

    async def prepare(
        self, key: GuestKey, container: str, pid: int, link: GuestLink | None = None
    ) -> None:
        if self.fails:
            raise VMError("the network namespace cannot be entered")
        self.prepared.append((key.instance_id, pid))

    def forget(self, key: GuestKey) -> None:
        self.forgotten.append(key.instance_id)

    def can_run_inside(self) -> bool:
        return self.enters

    async def run_inside(
        self, container: str, pid: int, arguments: Sequence[str], stdin: bytes
    ) -> None:
        if self.fails_inside:
            raise VMError("no such file")
        self.ran.append((tuple(arguments), stdin))


class Hearer(GuestObserver):
    """Notes what a manager tells."""

    def __init__(self) -> None:
        self.changed: list[str] = []
        self.images: list[Sequence[MachineImage]] = []
        self.guests: list[Sequence[Guest]] = []

    def guest_changed(self, key: GuestKey) -> None:
        self.changed.append(key.instance_id)

    def images_changed(self, images: Sequence[MachineImage]) -> None:
        self.images.append(images)

    def connected(self, guests: Sequence[Guest]) -> None:
        self.guests.append(guests)


class DockerHost:
    """A manager with everything a test wants to see of it.

    ``engine`` may also be a real one, then with the real tools.
    """

    def __init__(
        self,
        *,
        namespace: str = "default",
        run: str = "this run",
        engine: Any = None,
        tools: Callable[[], Tools] = lambda: Tools(b"", "0123456789abcdef0", True),
        settings: dict[str, Any] | None = None,
        stop_for_real: bool = False,
        keep_terminated: bool = False,
        block_devices: bool = False,
        defaults: Sequence[DefaultImage] = (),
        remove_at_end: bool = False,
        host_ranges: Iterable[str] = (),
    ) -> None:
        threads, own = NoThreads(), Names(namespace, run)
        self.engine: FakeEngine = engine or FakeEngine()
        self.reactor = FakeReactor()
        self.clock = Clock.starting_at(self.reactor, EPOCH)
        self.background = Background()
        self.namespaces = FakeNamespaces()
        self.tools = SharedTools(threads, tools, own)
        connection = Connection(EngineAddress(), threads)
        connection._engine = self.engine  # type: ignore[assignment]
        self.manager = DockerManager(
            connection,
            threads,
            self.namespaces,
            Networks(own, threads, lambda: host_ranges),
            self.tools,
            ContainerSettings(names=own, block_devices=block_devices, **settings or {}),
            stop_for_real,
            keep_terminated,
            random.Random(1),
            self.clock.epoch_seconds,
            background=self.background,
            seconds=self.clock.seconds,
            command_threads=threads,
            defaults=defaults,
            remove_at_end=remove_at_end,
        )
        if block_devices:
            self.manager.ebs = self.manager.disks = EbsFiles(own, threads, self.tools)
            self.manager.largest_disk = 1000
