"""The data behind volumes and snapshots, where the VM manager keeps any.

Records move at once, as everywhere; what they wait for runs here, in the background. With a
manager that keeps no data, nothing is waited for.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from emulator.core.errors import AwsError
from emulator.model.image import Image
from emulator.model.instance import Instance
from emulator.model.volume import Snapshot, Volume
from emulator.services.call import World
from emulator.state.joins import attached_to
from emulator.state.store import Region
from emulator.vm.interface import (
    AttachesVolumes,
    GuestDisk,
    KeepsVolumes,
    StillInUse,
    VMError,
    VMManager,
)

log = Logger()

Done = Callable[[], None]


def _keeping(world: World, manager: VMManager) -> AttachesVolumes | None:
    """Return a manager if it keeps data of volumes at all."""
    found = world.machines.keepers.get(manager.name)
    return found if found is not None and found.largest_disk else None


def keeper(world: World, row: Volume | Snapshot) -> AttachesVolumes | None:
    """Return the manager that keeps a volume's or snapshot's data, if there is one."""
    holder = world.machines.holder(row)
    return None if holder is None else _keeping(world, holder)


def keeper_name(world: World, row: Instance | Image) -> str:
    """Return who is to keep the data of what an instance, or one of an image, gets."""
    manager = _keeping(world, world.machines.of(row))
    return "" if manager is None else manager.name


def check_disk(
    world: World, row: Instance | Image, size: int, source: Volume | Snapshot | None
) -> None:
    """Refuse a disk that an instance's manager, or that of an image, cannot give a machine.

    Args:
        world: knows the managers.
        row: the instance that is to have the disk, or the image of one to come.
        size: of the disk.
        source: what has the disk's data, if anything has.

    Raises:
        AwsError: InvalidParameterValue for one too large, UnsupportedOperation for data that
            another manager keeps: managers store data each in their own way.
    """
    manager = _keeping(world, world.machines.of(row))
    if source is not None:
        holder = keeper(world, source)
        if holder is not None and holder is not manager:
            raise AwsError(
                "UnsupportedOperation",
                f"The data of '{source.id}' is kept by the VM manager {holder.name}, and "
                f"'{row.id}' is with {world.machines.of(row).name}",
            )
    if manager is not None and size > manager.largest_disk:
        raise AwsError(
            "InvalidParameterValue",
            f"Volume of size {size} is larger than {manager.largest_disk}, the largest that "
            f"instances of the VM manager {manager.name} get (docker's are in MiB, and "
            "EC2_EBS_MAX_VOLUME_SIZE says how many)",
        )


def disk_of(volume: Volume, device: str) -> GuestDisk:
    """Return a volume as the manager knows it."""
    return GuestDisk(
        volume.id, device, volume.size_gib, volume.snapshot_id, volume.availability_zone
    )


def begin_creation(world: World, volume: Volume, *, done: Done, failed: Done) -> None:
    """Make a new volume where the manager that is to have it keeps volumes by themselves.

    Another one makes it when an instance gets it.
    """
    manager = world.machines.holder(volume)
    if manager is None or not isinstance(manager, KeepsVolumes):
        world.later(0.0, f"creating {volume.id}", done)
        return
    volume.vm_manager = manager.name

    async def create() -> None:
        async with world.locks(volume.id):
            try:
                await manager.create_volume(disk_of(volume, ""))
            except VMError as error:
                log.warn("{volume} was not made: {error}", volume=volume.id, error=str(error))
                failed()
                return
            done()

    _begin(world, f"creating {volume.id}", create())


def begin_resize(world: World, volume: Volume, *, done: Done, failed: Done) -> None:
    """Give a volume's data the size that its record has, and the instance that has it."""
    manager, holder = keeper(world, volume), volume.instance_id
    if manager is None or not isinstance(manager, KeepsVolumes):
        world.later(0.0, f"modifying {volume.id}", done)
        return
    device = volume.attachment.device if volume.attachment else ""

    async def resize() -> None:
        async with world.locks(holder or volume.id):
            try:
                await manager.resize_volume(disk_of(volume, device), holder)
            except VMError as error:
                log.warn("{volume} did not grow: {error}", volume=volume.id, error=str(error))
                failed()
                return
            done()

    _begin(world, f"modifying {volume.id}", resize())


def begin_attachment(
    world: World, volume: Volume, instance: Instance, device: str, *, done: Done, failed: Done
) -> None:
    """Give an instance the volume's data, then say so.

    A volume that never had any gets it now, and its instance's manager keeps it from now on.
    """
    manager = _keeping(world, world.machines.of(instance))
    if manager is None:
        world.later(0.0, f"attaching {volume.id}", done)
        return
    before, volume.vm_manager = volume.vm_manager, manager.name

    async def attach() -> None:
        async with world.locks(instance.id):
            try:
                await manager.attach_volume(instance.id, disk_of(volume, device))
            except VMError as error:
                log.warn("{volume} cannot be attached: {error}", volume=volume.id, error=str(error))
                volume.vm_manager = before
                failed()
                return
            done()

    _begin(world, f"attaching {volume.id}", attach())


def begin_detachment(
    world: World,
    volume: Volume,
    instance_id: str,
    device: str,
    *,
    force: bool,
    done: Done,
    busy: Done,
) -> None:
    """Take the volume's data from an instance, then say so.

    Args:
        world: knows the managers.
        volume: what is detached.
        instance_id: whose it is.
        device: its name there.
        force: whether the instance is not waited for.
        done: called when it is detached.
        busy: called where the instance has not let go of it.
    """
    manager = keeper(world, volume)
    if manager is None:
        world.later(0.0, f"detaching {volume.id}", done)
        return

    async def detach() -> None:
        disk = disk_of(volume, device)
        async with world.locks(instance_id):
            try:
                if force and isinstance(manager, KeepsVolumes):
                    await manager.detach_by_force(instance_id, disk)
                else:
                    await manager.detach_volume(instance_id, disk)
            except StillInUse as error:
                log.warn("{volume} is still in use: {error}", volume=volume.id, error=str(error))
                busy()
                return
            except VMError as error:
                log.warn("{volume} lost its data: {error}", volume=volume.id, error=str(error))
            done()

    _begin(world, f"detaching {volume.id}", detach())


def begin_snapshot(
    world: World, region: Region, volume: Volume, snapshot_id: str, *, done: Done, failed: Done
) -> None:
    """Copy a volume's data for a snapshot, then say so.

    A root disk has none apart, unless its manager keeps it as a volume like any other.
    """
    manager = keeper(world, volume)
    attachment, holder = volume.attachment, volume.instance_id
    instance = region[Instance].get(holder)
    is_root = (
        attachment is not None
        and instance is not None
        and attachment.device == instance.root_device_name
    )
    if manager is None or (is_root and not isinstance(manager, KeepsVolumes)):
        world.later(0.0, f"completing {snapshot_id}", done)
        return
    disk = disk_of(volume, attachment.device if attachment else "")
    _begin_copy(world, manager, disk, holder, snapshot_id, done, failed)


def begin_snapshot_copy(
    world: World, source_id: str, copy: Snapshot, *, done: Done, failed: Done
) -> None:
    """Copy a snapshot's data for another one, then say so."""
    manager = keeper(world, copy)
    if manager is None:
        world.later(0.0, f"completing {copy.id}", done)
        return
    disk = GuestDisk(source_id, "", copy.volume_size_gib)
    _begin_copy(world, manager, disk, None, copy.id, done, failed)


def _begin_copy(
    world: World,
    manager: AttachesVolumes,
    disk: GuestDisk,
    holder: str | None,
    snapshot_id: str,
    done: Done,
    failed: Done,
) -> None:
    async def copy() -> None:
        async with world.locks(holder or disk.volume_id):
            try:
                await manager.snapshot_volume(disk, holder, snapshot_id)
            except VMError as error:
                log.warn("{snapshot} failed: {error}", snapshot=snapshot_id, error=str(error))
                failed()
                return
            done()

    _begin(world, f"taking {snapshot_id}", copy())


def begin_deletion(world: World, row: Volume | Snapshot) -> None:
    """Forget the data of a volume or snapshot that is gone."""
    manager, resource_id = keeper(world, row), row.id
    if manager is None:
        return

    async def delete() -> None:
        async with world.locks(resource_id):
            try:
                await manager.delete_data(resource_id)
            except VMError as error:
                log.warn("{resource} stays behind: {error}", resource=resource_id, error=str(error))

    _begin(world, f"deleting {resource_id}", delete())


async def keep_surviving(world: World, region: Region, instance: Instance) -> None:
    """Keep the data of volumes that outlive their instance, before its machine goes.

    Raises:
        VMError: the manager could not.
    """
    manager = _keeping(world, world.machines.of(instance))
    if manager is None:
        return
    for volume, attachment in attached_to(region, instance.id):
        if attachment.delete_on_termination:
            continue
        disk = disk_of(volume, attachment.device)
        if isinstance(manager, KeepsVolumes):
            # Its machine ends at once: nobody waits for it to let go.
            await manager.detach_by_force(instance.id, disk)
        elif attachment.device != instance.root_device_name:
            await manager.detach_volume(instance.id, disk)


def _begin(world: World, what: str, work: Coroutine[Deferred[Any], Any, None]) -> None:
    world.later(0.0, what, lambda: world.background.start(what, work))
