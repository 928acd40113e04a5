"""The lives of instances' machines: made, started, stopped, restarted, removed."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Protocol

import attrs
from twisted.internet.defer import Deferred, FirstError, gatherResults
from twisted.logger import Logger

from emulator.core.clock import Clock
from emulator.core.locks import KeyedLocks
from emulator.core.threads import Threads
from emulator.vm.interface import Guest, GuestDisk, GuestKey, LaunchSpec, VMError, VMManager
from emulator.vm.seed.first_boot import documents
from emulator.vm.virtualbox import arguments, files, names, networking
from emulator.vm.virtualbox.blocking import Missing, VirtualBoxError
from emulator.vm.virtualbox.command import LONG_SECONDS, VBoxManage
from emulator.vm.virtualbox.names import GuestData, Places
from emulator.vm.virtualbox.reading import CRASHED, Machine, capacity_mib

log = Logger(namespace="emulator.vm.virtualbox")

# Where clients reach a guest: only at the forwarded ports of the machine that runs it.
ADDRESS = "127.0.0.1"
LOOK_EVERY_SECONDS = 1.0
# How long a new guest may take from the choice of its ports to its start.
PROMISED_SECONDS = 120.0
_MIB_A_GIB = 1024
_FIRST_FREE_PORT = 1


class Bases(Protocol):
    """Has the machines that instances are linked to."""

    @abstractmethod
    async def base(self, image_id: str) -> None:
        """Have an AMI's machine, with the snapshot to link to.

        Raises:
            VMError: there is no such AMI, or it cannot be linked to.
        """

    @abstractmethod
    async def unused(self, image_id: str) -> None:
        """Note that a machine linked to an AMI is gone."""


class Disks(Protocol):
    """Has the disks of volumes."""

    @abstractmethod
    async def plug(self, machine: Machine, disk: GuestDisk) -> None:
        """Give a machine a disk."""


@attrs.frozen
class Seen:
    """How a guest was when it was last looked at.

    Attributes:
        key: whose it is.
        running: whether it was up.
        look: the number of that look, no two of which are the same.
    """

    key: GuestKey
    running: bool
    look: int


@attrs.define(eq=False)
class Guests(VMManager):
    """Makes machines and presses their buttons.

    Args:
        command: runs VBoxManage.
        threads: where files are written.
        clock: for waiting until a guest is down.
        places: where files are.
        namespace: EMULATOR_NAMESPACE.
        processors: of this machine; no guest gets more.
        grace_seconds: how long a guest may take to shut down before its power is cut.
        bases: the machines that guests are linked to.
        disks: what guests have besides their first disk.
    """

    name: str = attrs.field(default="virtualbox", init=False)
    _command: VBoxManage
    _threads: Threads
    _clock: Clock
    _places: Places
    _namespace: str
    _processors: int
    _grace_seconds: float
    bases: Bases
    disks: Disks
    launching: set[str] = attrs.field(factory=set, init=False)
    seen: dict[str, Seen] = attrs.field(factory=dict, init=False)
    _looks: int = attrs.field(default=0, init=False)
    _cloning: KeyedLocks = attrs.field(factory=KeyedLocks, init=False)
    _promised: set[int] = attrs.field(factory=set, init=False)

    # Making

    async def launch(self, spec: LaunchSpec) -> Guest:
        """Make a machine linked to its AMI's, and boot it."""
        name = spec.instance_id
        self.launching.add(name)
        try:
            if await self.data(name) is not None:
                return await self.start(name)
            await self._make_room(name)
            async with AsyncExitStack() as undo:
                undo.push_async_callback(self._remove_quietly, name)
                await self._make(spec)
                await self._command.run(arguments.start(name))
                # Last, so that one without it was never whole and is removed by the next start.
                data = GuestData(spec.key, self._namespace, _image_of(spec), spec.memento)
                await self._command.run(
                    arguments.set_extra_data(name, names.GUEST_DATA, data.text())
                )
                guest = await self._known(name)
                undo.pop_all()
            tell(guest)
            return guest
        finally:
            self.launching.discard(name)

    async def _make_room(self, name: str) -> None:
        """Remove what an earlier launch of the same instance left."""
        machine = await self._command.machine(name)
        if machine is None:
            return
        if not self._places.is_own(machine.settings_file):
            raise VirtualBoxError(f"there is a machine {name} that is not the emulator's")
        await self._remove(name)

    async def _make(self, spec: LaunchSpec) -> None:
        """Make a machine as its instance's type, network and disks want it; it is off."""
        name, run = spec.instance_id, self._command.run
        image_id = _image_of(spec)
        await self.bases.base(image_id)
        seed = documents(spec, network=networking.network_config(spec), has_metadata=False)
        await self._threads.run(files.blocking_prepare, self._places, name, seed)
        clone = arguments.clone_linked(image_id, names.BASE_SNAPSHOT, name, self._places.machines)
        # VirtualBox locks what is cloned; whoever waits for that here does not have to give up.
        async with self._cloning(image_id):
            await run(clone, LONG_SECONDS)
        machine = await self._found(name)
        await run(arguments.modify(name, *await self._settings(machine, spec)))
        await self._grow_root(machine, spec)
        machine = await self._with_controller(machine)
        sata, port = machine.sata, machine.free_port(_FIRST_FREE_PORT, arguments.SATA_PORTS)
        if sata is None or port is None:
            raise VirtualBoxError(f"{name} has no room for the disc it boots with")
        await run(arguments.attach_disc(name, sata, port, self._places.seed(name)))
        for disk in spec.disks:
            await self.disks.plug(await self._found(name), disk)

    async def _settings(self, machine: Machine, spec: LaunchSpec) -> list[Sequence[str]]:
        """Return a new machine's settings: its size, its console, its networks and its ports."""
        name, network = spec.instance_id, None
        if spec.network is not None:
            network = networking.vpc_network(self._namespace, spec.network.vpc_id)
        free = await self._free_ports(networking.wanted_ports(spec))
        return [
            arguments.size(min(spec.vcpus, self._processors), spec.memory_mib),
            arguments.console(self._places.console(name)),
            arguments.way_out(networking.out_mac_address(name), networking.way_out(spec)),
            arguments.other_adapters(network, spec.mac_address),
            # The AMI's machine may have some of its own.
            *(arguments.stop_forwarding(rule.name) for rule in machine.forwardings),
            *(arguments.forward(port, host_port) for port, host_port in free.items()),
        ]

    async def _free_ports(self, wanted: Sequence[str]) -> Mapping[str, int]:
        """Return free ports of this machine, and promise them to nobody else for a while."""
        while True:
            free = await self._threads.run(files.blocking_free_ports, wanted)
            ports = set(free.values())
            if not ports & self._promised:
                self._promised |= ports
                # By then the guest is up and has them, or is not and needs none.
                self._clock.call_later(PROMISED_SECONDS, self._promised.difference_update, ports)
                return free

    async def _grow_root(self, machine: Machine, spec: LaunchSpec) -> None:
        """Make the first disk as large as was asked for; cloud-init grows what is on it."""
        root = next(iter(machine.disks), None)
        if root is None:
            raise VirtualBoxError(f"the machine of {spec.image_id} has no disk")
        if spec.root_disk is None:
            return
        wanted = spec.root_disk.size * _MIB_A_GIB
        shown = await self._command.run(arguments.show_disk(root.uuid))
        if wanted <= (capacity_mib(shown) or 0):
            return
        try:
            await self._command.run(arguments.grow_disk(root.uuid, wanted), LONG_SECONDS)
        except VirtualBoxError as error:
            log.warn(
                "{instance} keeps the size of its AMI's disk: {error}",
                instance=spec.instance_id,
                error=str(error),
            )

    async def _with_controller(self, machine: Machine) -> Machine:
        """Return a machine with a SATA controller that has all its ports."""
        change = (
            arguments.add_controller(machine.name, arguments.SATA_CONTROLLER)
            if machine.sata is None
            else arguments.widen_controller(machine.name, machine.sata)
        )
        await self._command.run(change)
        return await self._found(machine.name)

    # Buttons

    async def start(self, instance_id: str) -> Guest:
        """Boot a machine; a frozen one goes on."""
        machine = await self._found(instance_id)
        if machine.is_paused:
            await self._command.run(arguments.control(instance_id, "resume"))
        elif not machine.is_up:
            if machine.state == CRASHED:
                await self._cut_power(instance_id)
            elif machine.state != "saved":
                await self._renew_ports(machine)
            await self._command.run(arguments.start(instance_id))
        return await self._known(instance_id)

    async def _renew_ports(self, machine: Machine) -> None:
        """Forward other ports of this machine where somebody else has those of before."""
        forwarded = {rule.port: rule.host_port for rule in machine.forwardings}
        taken = await self._threads.run(files.blocking_taken, forwarded)
        if not taken:
            return
        free = await self._free_ports(taken)
        await self._command.run(
            arguments.modify(
                machine.name,
                *(
                    arguments.stop_forwarding(rule.name)
                    for rule in machine.forwardings
                    if rule.port in free
                ),
                *(arguments.forward(port, host_port) for port, host_port in free.items()),
            )
        )

    async def stop(self, instance_id: str, *, force: bool) -> None:
        """Ask the guest to shut down, and cut its power if it does not."""
        machine = await self._command.machine(instance_id)
        if machine is None or not machine.has_process:
            return
        if force or not await self._shut_down(machine):
            await self._cut_power(instance_id)

    async def _shut_down(self, machine: Machine) -> bool:
        """Press the power button and wait; tell whether the guest went down."""
        name = machine.name
        if machine.is_paused:
            await self._command.run(arguments.control(name, "resume"))
        elif not machine.is_up:
            return False
        try:
            await self._command.run(arguments.control(name, "acpipowerbutton"))
        except VirtualBoxError as error:
            # It may just have gone down by itself.
            log.debug("{instance}: {error}", instance=name, error=str(error))
        until = self._clock.seconds() + self._grace_seconds
        while True:
            now = await self._command.machine(name)
            if now is None or not now.has_process:
                return True
            if self._clock.seconds() >= until:
                return False
            await self._command.pause(LOOK_EVERY_SECONDS)

    async def _cut_power(self, name: str) -> None:
        try:
            await self._command.run(arguments.control(name, "poweroff"))
        except VirtualBoxError:
            machine = await self._command.machine(name)
            if machine is not None and machine.has_process:
                raise

    async def reboot(self, instance_id: str) -> None:
        """Shut the guest down and boot it again; one that does not heed is reset."""
        machine = await self._found(instance_id)
        if not machine.is_up:
            raise VirtualBoxError(f"{instance_id} is not running")
        if await self._shut_down(machine):
            await self._command.run(arguments.start(instance_id))
        else:
            await self._command.run(arguments.control(instance_id, "reset"))

    async def terminate(self, instance_id: str) -> None:
        """Remove a machine with its disks."""
        data = await self.data(instance_id)
        if await self._command.machine(instance_id) is not None:
            # From now on it is a leftover, should this emulator end before it is gone.
            await self._command.run(arguments.set_extra_data(instance_id, names.GUEST_DATA, None))
            await self._remove(instance_id)
        await self._threads.run(files.blocking_remove, self._places, instance_id)
        self.seen.pop(instance_id, None)
        if data is not None:
            await self.bases.unused(data.image_id)

    async def _remove(self, name: str) -> None:
        await self._cut_power(name)
        try:
            await self._command.run(arguments.unregister(name, delete=True), LONG_SECONDS)
        except Missing:
            return
        await self._forget_seed(name)

    async def _forget_seed(self, name: str) -> None:
        """Take a disc that no machine has any more off VirtualBox's list."""
        try:
            seed = self._places.seed(name)
            await self._command.run(arguments.forget_medium("dvd", seed, delete=False))
        except VMError as error:
            log.debug("{instance}: {error}", instance=name, error=str(error))

    async def _remove_quietly(self, name: str) -> None:
        """Undo a launch that failed, as far as it got."""
        try:
            if await self._command.machine(name) is not None:
                await self._remove(name)
            await self._threads.run(files.blocking_remove, self._places, name)
        except VMError as error:
            log.warn("{instance} stays behind: {error}", instance=name, error=str(error))

    # Looking

    async def describe(self) -> Sequence[Guest]:
        """Return every guest of this emulator."""
        found = [name for name in await self._command.machines() if names.is_instance(name)]
        looking = [Deferred.fromCoroutine(self.look(name)) for name in found]
        try:
            looked = await gatherResults(looking, consumeErrors=True)
        except FirstError as error:
            error.subFailure.raiseException()
            raise
        return [guest for guest in looked if guest is not None]

    async def look(self, instance_id: str) -> Guest | None:
        """Return a guest as it is now, or None."""
        data = await self.data(instance_id)
        machine = None if data is None else await self._command.machine(instance_id)
        if data is None or machine is None:
            return None
        guest = guest_of(machine, data)
        self._looks += 1
        self.seen[instance_id] = Seen(data.key, guest.running, self._looks)
        return guest

    async def data(self, name: str) -> GuestData | None:
        """Return what an instance's machine says of itself, if it is one of this emulator's."""
        text = await self._command.extra_data(name, names.GUEST_DATA)
        data = None if text is None else GuestData.of(name, text)
        if data is None or data.namespace != self._namespace:
            return None
        return data

    async def leftovers(self) -> Sequence[str]:
        """Return the machines that an earlier emulator did not finish making or removing."""
        left = []
        for name in await self._command.machines():
            if name in self.launching or not names.is_instance(name):
                continue
            text = await self._command.extra_data(name, names.GUEST_DATA)
            machine = await self._command.machine(name)
            if (
                machine is not None
                and self._places.is_own(machine.settings_file)
                and (text is None or GuestData.of(name, text) is None)
                and name not in self.launching
            ):
                left.append(name)
        return left

    async def clean(self) -> None:
        """Remove leftovers, of machines and in them."""
        for name in await self.leftovers():
            log.info("removing the machine {name}, which was left", name=name)
            await self._remove_quietly(name)
        for name in await self._command.machines():
            if names.is_instance(name) and await self.data(name) is not None:
                machine = await self._command.machine(name)
                if machine is not None and names.COPY_SNAPSHOT in machine.snapshots:
                    log.info("{instance}: removing a snapshot that was left", instance=name)
                    await self._command.run(
                        arguments.delete_snapshot(name, names.COPY_SNAPSHOT), LONG_SECONDS
                    )

    async def _known(self, instance_id: str) -> Guest:
        guest = await self.look(instance_id)
        if guest is None:
            raise Missing(f"there is no machine of {instance_id}")
        return guest

    async def _found(self, name: str) -> Machine:
        machine = await self._command.machine(name)
        if machine is None:
            raise Missing(f"there is no machine {name}")
        return machine


def _image_of(spec: LaunchSpec) -> str:
    """Return the AMI whose machine a guest is linked to."""
    return spec.image_reference or spec.image_id


_CRASHES = {
    CRASHED: "the virtual machine stopped with a fatal error",
    "aborted": "the virtual machine's process ended unexpectedly",
    "aborted-saved": "the virtual machine's process ended unexpectedly",
}


def guest_of(machine: Machine, data: GuestData) -> Guest:
    """Return a machine as services see it; one that is frozen or saved ended for no reason."""
    ended = _CRASHES.get(machine.state, "")
    ended_well = machine.state == "poweroff"
    return Guest(
        data.key.instance_id,
        running=machine.is_up,
        public_ip=ADDRESS if machine.is_up else None,
        key=data.key,
        ports={rule.port: rule.host_port for rule in machine.forwardings},
        memento=data.memento,
        ended="the virtual machine was powered off" if ended_well else ended,
        ended_well=ended_well,
    )


def tell(guest: Guest) -> None:
    """Write where a guest is reached, in the words that scripts look for."""
    log.info(
        "Instance {instance} will be accessible via SSH at: {places}",
        instance=guest.instance_id,
        places=f"{ADDRESS}:{guest.ports.get(networking.SSH_PORT)}",
    )
    log.info(
        "Instance {instance} port mappings (container -> host): {ports}",
        instance=guest.instance_id,
        ports=dict(guest.ports),
    )
