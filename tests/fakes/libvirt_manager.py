"""The libvirt manager over libvirt's own driver in memory, which needs no daemon and no guest."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping
from datetime import UTC, datetime
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock as TurnedClock

from emulator.core.background import Background
from emulator.core.clock import Clock
from emulator.core.threads import NoThreads
from emulator.vm.interface import GuestPorts
from emulator.vm.libvirt import blocking_storage as storage
from emulator.vm.libvirt.assembly import libvirt_manager
from emulator.vm.libvirt.blocking import Hypervisor
from emulator.vm.libvirt.names import Place
from emulator.vm.libvirt.no_ports import NoPorts
from emulator.vm.libvirt.volume_xml import NewVolume

URI = "test:///default"
POOL = "default-pool"
IMAGE = "ami-0badc0de"
NO_PORTS = NoPorts("nobody is plugged in")


class LibvirtHost:
    """A manager, the time, and a look at what the driver has."""

    def __init__(
        self,
        *,
        ports: GuestPorts = NO_PORTS,
        places: Mapping[str, Place] | None = None,
        stop_seconds: float = 60.0,
    ) -> None:
        self.time = TurnedClock()
        self.clock = Clock.starting_at(self.time, datetime(2026, 1, 1, tzinfo=UTC))
        self.background = Background()
        self.place = Place(uri=URI, pool=POOL)
        self.later: list[tuple[Any, ...]] = []
        self.manager = libvirt_manager(
            places or {"": self.place},
            thread=lambda _: NoThreads(),
            slow_threads=NoThreads(),
            clock=self.clock,
            background=self.background,
            ports=ports,
            stop_seconds=stop_seconds,
            in_reactor=lambda function, *args: self.later.append((function, *args)),
        )

    def result_of(self, work: Coroutine[Deferred[Any], Any, Any]) -> Any:
        """Return what work comes to, turning the clock for as long as it waits."""
        results: list[Any] = []
        Deferred.fromCoroutine(work).addBoth(results.append)
        for _ in range(2000):
            if results:
                break
            self.time.advance(0.25)
        assert results, "the manager waits for ever"
        if hasattr(results[0], "raiseException"):
            results[0].raiseException()
        return results[0]

    def ask(self, function: Any, *args: Any, **kwargs: Any) -> Any:
        """Ask the driver something."""
        connection = self.manager.hosts.all[0].connection
        return self.result_of(connection.run(function, *args, **kwargs))

    def add_image(self, image_id: str = IMAGE, size_bytes: int = 2 << 30) -> None:
        """Put an AMI into the pool, as a user would."""
        self.ask(storage.create, POOL, NewVolume(image_id, size_bytes))

    def volumes(self) -> set[str]:
        """The names of all volumes."""
        return set(self.ask(storage.names, POOL))

    def domains(self) -> set[str]:
        """The names of all domains but for the driver's own."""
        return set(self.ask(Hypervisor.domains)) - {"test"}

    def happen(self) -> None:
        """Let the reactor take what libvirt's events told."""
        waiting, self.later = self.later, []
        for function, *args in waiting:
            function(*args)

    def close(self) -> None:
        """Let the driver forget everything."""
        for host in self.manager.hosts.all:
            self.result_of(host.connection.close())
