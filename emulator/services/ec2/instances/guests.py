"""Records that follow what really happens to machines.

A manager whose guests live outside the emulator tells of every change. What a record is to
become is decided while holding the instance's lock, from what the guest is like then: so
what the emulator itself does to a guest is never taken for somebody else's doing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import attrs
from twisted.logger import Logger

from emulator.model.instance import Instance
from emulator.services.call import World
from emulator.services.ec2.images.machine_images import MachineImages
from emulator.services.ec2.instances import machines
from emulator.services.ec2.instances.restore import restore
from emulator.services.ec2.storage.kept_records import forget_records, restore_records
from emulator.state.joins import primary
from emulator.state.store import EVERYWHERE, Region, State
from emulator.vm.interface import (
    FollowsGuests,
    Guest,
    GuestKey,
    GuestObserver,
    KeepsVolumes,
    MachineImage,
    VMError,
    VMManager,
)
from emulator.vm.reconcile import differences

log = Logger()

# States in which an instance has a machine that nobody is making or ending.
SETTLED = frozenset({"running", "stopped"})
VANISHED = (
    "Server.InternalError",
    "Server.InternalError: the instance's machine was removed outside the emulator",
)


def _nothing() -> None: ...


PAUSED = (
    "Server.InternalError",
    "Server.InternalError: the instance's machine was paused outside the emulator",
)


@attrs.define(eq=False)
class GuestRecords(GuestObserver):
    """Keeps instances and images in step with one manager's.

    Args:
        world: what outlives requests.
        state: every account's records.
        images: all managers', as AMIs.
        manager: whose guests these are.
        on_known: is called once all guests and images have been heard of.
    """

    _world: World
    _state: State
    _images: MachineImages
    _manager: VMManager
    _on_known: Callable[[], None] = _nothing
    _unknown: set[str] = attrs.field(factory=lambda: {"guests", "images"}, init=False)

    def guest_changed(self, key: GuestKey) -> None:
        """Look at one guest."""
        self._world.background.start(f"looking at {key}", self._look(key))

    def images_changed(self, images: Sequence[MachineImage]) -> None:
        """Take over the images."""
        self._images.replace(self._state, self._manager.name, images)
        self._now_known("images")

    def connected(self, guests: Sequence[Guest]) -> None:
        """Compare the manager's records with its guests: adopt, end, and look at the rest."""
        expected = [
            GuestKey(region.account, region.name, instance.id)
            for region in self._state
            if region.name != EVERYWHERE
            for instance in region[Instance]
            if instance.state in SETTLED and self._has(instance)
        ]
        found = differences(expected, guests)
        for guest in found.unknown:
            self._world.background.start(f"adopting {guest.instance_id}", self._adopt(guest))
        for key in (*found.gone, *found.known):
            self.guest_changed(key)
        manager = self._manager
        if isinstance(manager, KeepsVolumes) and "guests" in self._unknown:
            self._world.background.start(
                f"restoring the volumes of {manager.name}",
                restore_records(self._world, self._state, manager, manager.name),
            )
        self._now_known("guests")

    def _now_known(self, what: str) -> None:
        if self._unknown:
            self._unknown.discard(what)
            if not self._unknown:
                self._on_known()

    def _has(self, instance: Instance) -> bool:
        return self._world.machines.of(instance) is self._manager

    def end_all(self) -> None:
        """End every guest: nobody remembers them any more."""
        self._world.background.start("ending every guest", self._end_all())

    async def _end_all(self) -> None:
        manager = self._manager
        try:
            guests = await manager.describe()
        except VMError as error:
            log.warn(
                "the guests of {manager} cannot be read: {error}",
                manager=manager.name,
                error=str(error),
            )
            return
        for guest in guests:
            self._world.background.start(
                f"ending {guest.instance_id}", _end_quietly(manager, guest.instance_id)
            )
        if isinstance(manager, KeepsVolumes):
            try:
                await forget_records(manager)
            except VMError as error:
                log.warn("not every volume is deleted: {error}", error=str(error))

    async def _look(self, key: GuestKey) -> None:
        region = self._state.region(key.account, key.region)
        manager = self._manager
        if not isinstance(manager, FollowsGuests):
            return
        async with self._world.locks(key.instance_id):
            instance = region[Instance].get(key.instance_id)
            if instance is None or instance.state not in SETTLED or not self._has(instance):
                return
            try:
                guest = await manager.look(key.instance_id)
            except VMError as error:
                log.warn("{guest} cannot be looked at: {error}", guest=key, error=str(error))
                return
            if guest is None:
                # What else was the machine's own goes, too.
                await _end_quietly(manager, key.instance_id)
            follow(self._world, region, instance, guest)

    async def _adopt(self, guest: Guest) -> None:
        """Make the records of a guest that an earlier emulator launched, or end the guest."""
        manager, key = self._manager, guest.key
        if key is None:
            return
        async with self._world.locks(key.instance_id):
            known = self._state.region(key.account, key.region)[Instance].get(key.instance_id)
            if known is not None and known.state != "terminated":
                return  # a launch under way
            restored = (
                None
                if known is not None
                else restore(self._world, self._state, guest, manager.name)
            )
            if restored is None:
                log.info("{guest} belongs to no record and is ended", guest=guest.instance_id)
                await _end_quietly(manager, key.instance_id)
                return
        log.info("{guest} is known again", guest=guest.instance_id)
        await self._look(key)


async def _end_quietly(manager: VMManager, instance_id: str) -> None:
    try:
        await manager.terminate(instance_id)
    except VMError as error:
        log.warn("{guest} lives on: {error}", guest=instance_id, error=str(error))


def follow(world: World, region: Region, instance: Instance, guest: Guest | None) -> None:
    """Make a record what its guest is; the caller holds the instance's lock."""
    if guest is None:
        machines.end(world, region, instance, VANISHED)
        log.info("{instance} is terminated: its machine is gone", instance=instance.id)
    elif guest.running and instance.state == "stopped":
        instance.state_reason, instance.state_transition_reason = None, ""
        instance.move("pending")
        machines.now_running(world, region, instance, guest)
    elif not guest.running and instance.state == "running":
        if not guest.ended:
            machines.stopped_by_itself(region, instance, PAUSED)
        elif not guest.ended_well:
            message = f"{machines.LAUNCH_FAILED}: {guest.ended}"
            machines.stopped_by_itself(region, instance, (machines.LAUNCH_FAILED, message))
        else:
            machines.shut_down_by_guest(world, region, instance)
    elif guest.running:
        machines.note_health(world, instance, guest)
        interface = None if machines.is_public(world, instance) else primary(region, instance)
        if interface is not None and interface.public_ip not in (None, guest.public_ip):
            interface.public_ip = guest.public_ip
