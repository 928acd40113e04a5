"""The VM manager of a run, put together from settings."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import attrs
from twisted.python.threadpool import ThreadPool

from emulator.config import Config
from emulator.core.background import Background
from emulator.core.clock import Clock
from emulator.net.truth import Truth
from emulator.state.store import State
from emulator.vm import registry
from emulator.vm.interface import FollowsGuests, VMManager
from emulator.vm.mock.manager import MockManager
from emulator.web.api import Api

if TYPE_CHECKING:
    from emulator.net.namespace import InstanceNamespaces
    from emulator.services.ec2.images.machine_images import MachineImages

# How long a busy thread keeps the interpreter from the reactor, which everybody waits for.
SWITCH_SECONDS = 0.001
# Contract: the default AMIs, by their names in Docker tags.
DEFAULT_IMAGES = {
    "ami-df5de72bdb3b": "ubuntu-22.04-jammy-jellyfish",
    "ami-024f768332f0": "amazon-linux-amazonlinux2023",
    "ami-ff0fea8310f3": "ubuntu-20.04-focal-fossa",
}


@attrs.frozen
class LivePorts:
    """Whether ports that groups open after a launch are opened on this machine, too.

    Attributes:
        reason: how, or why not.
    """

    are_forwarded: bool = False
    reason: str = "instances have no machines"

    def __str__(self) -> str:
        """Say it in a line."""
        return f"{'' if self.are_forwarded else 'not '}forwarded: {self.reason}"


@attrs.frozen
class Machines:
    """A manager with what belongs to it.

    Attributes:
        manager: what EC2 asks.
        images: those that the manager has, for managers with images of their own.
        namespaces: enters guests' network namespaces, for managers whose guests have any.
        pool: the manager's own threads.
        command_pool: those in which commands in guests block, for as long as these run.
        enforcement: whether packets are filtered as security groups say.
        live_ports: whether ports of this machine follow groups.
    """

    manager: VMManager
    enforcement: Truth
    images: MachineImages | None = None
    namespaces: InstanceNamespaces | None = None
    pool: ThreadPool | None = None
    command_pool: ThreadPool | None = None
    live_ports: LivePorts = LivePorts()

    def begin(self, api: Api, on_known: Callable[[], None]) -> None:
        """Start the threads, and let the API's records follow the manager's guests.

        ``on_known`` is called once the records tell of all guests and images there are.
        """
        if self.pool is not None:
            sys.setswitchinterval(SWITCH_SECONDS)
        for pool in (self.pool, self.command_pool):
            if pool is not None:
                pool.start()
        if self.images is None or not isinstance(self.manager, FollowsGuests):
            on_known()
            return
        from emulator.services.ec2.instances.guests import GuestRecords  # noqa: PLC0415 - as below

        records = GuestRecords(api.world, api.state, self.images, on_known)
        api.on_reset = records.end_all
        self.manager.follow(records)

    async def close(self) -> None:
        """Stop following; whatever the manager still has to do, it does."""
        if isinstance(self.manager, FollowsGuests):
            await self.manager.close()

    def end_threads(self) -> None:
        """End the threads; those that are at work are waited for, but not for commands."""
        if self.pool is not None:
            self.pool.stop()


def build_machines(
    chosen: registry.Choice,
    config: Config,
    *,
    reactor: Any,
    state: State,
    clock: Clock,
    background: Background,
) -> Machines:
    """Return the manager that was chosen.

    Raises:
        StartError: EC2_DOCKER_FLAGS has a flag that is unknown.
    """
    truth = enforcement(chosen, config)
    if chosen.name != "docker":
        return Machines(MockManager(), truth)
    # The SDK, packet filters, and the families of operations that know guests, take a good part
    # of a second to import, and only this manager needs them at once.
    from emulator.app.docker_machines import docker_machines  # noqa: PLC0415

    return docker_machines(config, truth, reactor, state, clock, background)


def enforcement(chosen: registry.Choice, config: Config) -> Truth:
    """Return whether a manager's guests get packet filters; that is tried, which takes a moment."""
    if chosen.name != "docker":
        return Truth(is_enforced=False, reason="instances have no machines")
    from emulator.app import docker_machines  # noqa: PLC0415 - as above

    return docker_machines.enforcement(config)
