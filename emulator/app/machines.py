"""The VM managers of a run, put together from settings."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import attrs
from twisted.internet.defer import Deferred, gatherResults
from twisted.logger import Logger
from twisted.python.threadpool import ThreadPool

from emulator.app.start_error import StartError
from emulator.config import Config
from emulator.core.background import Background
from emulator.core.clock import Clock
from emulator.net.truth import Routed, Truth, all_routed, together
from emulator.state.store import State
from emulator.vm import registry
from emulator.vm.interface import FollowsGuests, GuestKey, VMManager
from emulator.vm.libvirt.probe import NO_BINDING
from emulator.vm.managers import Managers
from emulator.vm.mock.manager import MockManager
from emulator.web.api import Api

if TYPE_CHECKING:
    from emulator.net.namespace import InstanceNamespaces
    from emulator.services.ec2.images.machine_images import MachineImages

log = Logger()

# How long a busy thread keeps the interpreter from the reactor, which everybody waits for.
SWITCH_SECONDS = 0.001
# Contract: the default AMIs, by their names in Docker tags.
DEFAULT_IMAGES = {
    "ami-df5de72bdb3b": "ubuntu-22.04-jammy-jellyfish",
    "ami-024f768332f0": "amazon-linux-amazonlinux2023",
    "ami-ff0fea8310f3": "ubuntu-20.04-focal-fossa",
}


NOT_ROUTED = Routed(is_real=False, reason="instances have no machines")
VIRTUAL_MACHINES = Routed(is_real=False, reason="the networks of virtual machines have no routers")


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
        namespaces: enters guests' network namespaces, for managers whose guests have any.
        pool: the manager's own threads.
        command_pool: those in which commands in guests block, for as long as these run.
        enforcement: whether packets are filtered as security groups say.
        live_ports: whether ports of this machine follow groups.
        pools: further threads of the manager's own.
        facts: returns what is to be told of the manager, by name.
        hear_dhcp: is told of guests that ask the emulator for their addresses; None: none do.
        routed: tells whether routes and public addresses are real.
    """

    manager: VMManager
    enforcement: Truth
    namespaces: InstanceNamespaces | None = None
    pool: ThreadPool | None = None
    command_pool: ThreadPool | None = None
    live_ports: LivePorts = LivePorts()
    pools: Sequence[ThreadPool] = ()
    facts: Callable[[], Mapping[str, object]] = dict
    hear_dhcp: Callable[[GuestKey], None] | None = None
    routed: Callable[[], Routed] = lambda: NOT_ROUTED

    def start_threads(self) -> None:
        """Start the threads."""
        if self.pool is not None:
            sys.setswitchinterval(SWITCH_SECONDS)
        for pool in (self.pool, self.command_pool, *self.pools):
            if pool is not None:
                pool.start()

    async def close(self) -> None:
        """Stop following; whatever the manager still has to do, it does."""
        if not isinstance(self.manager, FollowsGuests):
            return
        try:
            await self.manager.close()
        except Exception:  # noqa: BLE001 - the others are still to be closed
            log.failure("{manager} did not end in good order", manager=self.manager.name)

    def end_threads(self) -> None:
        """End the threads; those that are at work are waited for, but not for commands."""
        for pool in (self.pool, *self.pools):
            if pool is not None:
                pool.stop()


@attrs.frozen
class AllMachines:
    """The managers of a run with what belongs to each.

    Attributes:
        each: in the user's order.
        managers: what EC2 asks.
        images: those that managers have, where any has images of its own.
    """

    each: Sequence[Machines]
    managers: Managers
    images: MachineImages | None
    _awaited: set[str] = attrs.field(factory=set, init=False)

    def ready(self) -> Mapping[str, bool]:
        """Return, by each manager's name, whether it has told of its guests and images."""
        return {manager.name: manager.name not in self._awaited for manager in self.managers.all}

    def facts(self) -> Mapping[str, object]:
        """Return what is to be told of the managers, by name."""
        return {name: fact for one in self.each for name, fact in one.facts().items()}

    @property
    def namespaces(self) -> Sequence[InstanceNamespaces]:
        """Those who enter guests' network namespaces."""
        return [one.namespaces for one in self.each if one.namespaces is not None]

    @property
    def enforcement(self) -> Truth:
        """Whether packets are filtered as security groups say, in all instances."""
        return together({one.manager.name: one.enforcement for one in self.each})

    @property
    def live_ports(self) -> LivePorts:
        """Whether ports of this machine follow groups, for all instances."""
        if len(self.each) == 1:
            return self.each[0].live_ports
        told = {one.manager.name: one.live_ports for one in self.each}
        answers = {ports.are_forwarded for ports in told.values()}
        return LivePorts(
            are_forwarded=True in answers,
            reason="; ".join(
                f"{name}: {ports.reason if len(answers) == 1 else ports}"
                for name, ports in told.items()
            ),
        )

    @property
    def routed(self) -> Routed:
        """Whether routes and public addresses are real, for all instances."""
        return all_routed({one.manager.name: one.routed() for one in self.each})

    def begin(self, api: Api, on_known: Callable[[], None]) -> None:
        """Start the threads, and let the API's records follow the managers' guests.

        ``on_known`` is called once the records tell of all guests and images there are. A
        manager that does not answer keeps that from being so, and keeps nothing else.
        """
        for one in self.each:
            one.start_threads()
        followed = [one.manager for one in self.each if isinstance(one.manager, FollowsGuests)]
        if self.images is None or not followed:
            on_known()
            return
        from emulator.services.ec2.instances.guests import GuestRecords  # noqa: PLC0415 - as below

        self._awaited.update(manager.name for manager in followed)

        def known(name: str) -> None:
            self._awaited.discard(name)
            if not self._awaited:
                on_known()

        records = [
            GuestRecords(api.world, api.state, self.images, manager, partial(known, manager.name))
            for manager in followed
        ]

        def end_all() -> None:
            for each in records:
                each.end_all()

        api.on_reset = end_all
        for manager, each in zip(followed, records, strict=True):
            manager.follow(each)

    async def close(self) -> None:
        """Stop following, all at once; whatever the managers still have to do, they do."""
        await gatherResults([Deferred.fromCoroutine(one.close()) for one in self.each])

    def end_threads(self) -> None:
        """End the threads; those that are at work are waited for, but not for commands."""
        for one in self.each:
            one.end_threads()


def surroundings(config: Config) -> registry.Surroundings:
    """Return where managers are looked for."""
    return registry.Surroundings(
        docker_environment=config.docker_environment,
        hypervisor_uri=config.ec2_hypervisor_uri,
        libvirt_pool=config.ec2_libvirt_pool,
        virtualbox_program=config.ec2_virtualbox_manage,
    )


def build_machines(
    chosen: registry.Choice,
    config: Config,
    *,
    reactor: Any,
    state: State,
    clock: Clock,
    background: Background,
) -> AllMachines:
    """Return the managers that were chosen.

    Raises:
        StartError: a setting of a manager's means nothing, or it cannot run at all.
    """
    return joined(
        [
            _machines(
                name, config, reactor=reactor, state=state, clock=clock, background=background
            )
            for name in chosen.names
        ]
    )


def joined(each: Sequence[Machines]) -> AllMachines:
    """Return managers side by side, the most wanted first."""
    managers = Managers([one.manager for one in each])
    names = tuple(one.name for one in managers.all if isinstance(one, FollowsGuests))
    if not names:
        return AllMachines(each, managers, None)
    from emulator.services.ec2.images.machine_images import MachineImages  # noqa: PLC0415 - as below

    images = MachineImages(names, any_image=len(names) < len(managers.all))
    return AllMachines(each, managers, images)


def _machines(
    name: str,
    config: Config,
    *,
    reactor: Any,
    state: State,
    clock: Clock,
    background: Background,
) -> Machines:
    truth = _enforcement(name, config)
    if name == "virtualbox":
        from emulator.app.virtualbox_machines import virtualbox_machines  # noqa: PLC0415 - as below

        return virtualbox_machines(config, truth, reactor, clock, background)
    if name == "mock":
        return Machines(MockManager(), truth)
    if name == "libvirt":
        return _libvirt_machines(config, truth, reactor, state, clock, background)
    # The SDK, packet filters, and the families of operations that know guests, take a good part
    # of a second to import, and only this manager needs them at once.
    from emulator.app.docker_machines import docker_machines  # noqa: PLC0415

    return docker_machines(config, truth, reactor, state, clock, background)


def _libvirt_machines(
    config: Config,
    truth: Truth,
    reactor: Any,
    state: State,
    clock: Clock,
    background: Background,
) -> Machines:
    if importlib.util.find_spec("libvirt") is None:
        raise StartError(f"EC2_VM_MANAGER=libvirt: {NO_BINDING}")
    from emulator.app.libvirt_machines import libvirt_machines  # noqa: PLC0415 - as above

    return libvirt_machines(config, truth, reactor, state, clock, background)


def enforcement(chosen: registry.Choice, config: Config) -> Truth:
    """Return whether the managers' guests get packet filters; that is tried, and takes a moment."""
    return together({name: _enforcement(name, config) for name in chosen.names})


def _enforcement(name: str, config: Config) -> Truth:
    if name == "virtualbox":
        return Truth(is_enforced=False, reason="VirtualBox's networks let everything through")
    if name == "mock":
        return Truth(is_enforced=False, reason="instances have no machines")
    if name == "libvirt":
        if importlib.util.find_spec("libvirt") is None:
            return Truth(is_enforced=False, reason=NO_BINDING)
        from emulator.app import guest_ports  # noqa: PLC0415 - as above

        return guest_ports.enforcement(config)
    from emulator.app import docker_machines  # noqa: PLC0415 - as above

    return docker_machines.enforcement(config)


def routing(chosen: registry.Choice, config: Config) -> Routed:
    """Return whether routes and public addresses are real; that is tried, too."""
    return all_routed({name: _routing(name, config) for name in chosen.names})


def _routing(name: str, config: Config) -> Routed:
    if name != "docker":
        return NOT_ROUTED if name == "mock" else VIRTUAL_MACHINES
    from emulator.app import docker_machines  # noqa: PLC0415 - as above

    return docker_machines.routing(config)
