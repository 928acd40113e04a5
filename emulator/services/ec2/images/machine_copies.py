"""What the VM manager makes for an AMI: taken from a guest, copied, and let go again.

The record exists at once, as ``pending``; this is the work that ends it, in the background.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from twisted.logger import Logger

from emulator.model.image import Image
from emulator.model.instance import Instance
from emulator.model.volume import Snapshot
from emulator.services.call import World
from emulator.services.ec2.images.images import MANAGER_TAG
from emulator.services.ec2.images.machine_images import image_record
from emulator.services.ec2.instances.machines import failure
from emulator.services.ec2.storage.snapshots import settle_snapshot
from emulator.state.store import Region
from emulator.vm.interface import CapturesImages, KeepsVolumes, VMError

log = Logger()


class Finished(Protocol):
    """Hears that an image was made, or that it could not be."""

    def __call__(self, *, whole: bool) -> None:
        """Hear it."""


def keeps_roots(world: World, instance: Instance) -> bool:
    """Tell whether an instance's root disk is a volume like any other, which has data."""
    return isinstance(world.machines.of(instance), KeepsVolumes)


def begin_capture(
    world: World,
    region: Region,
    image: Image,
    instance: Instance,
    root_snapshot: Snapshot | None,
    *,
    reboot: bool,
) -> None:
    """Make a pending image of an instance's machine once the present request is answered.

    Args:
        world: knows the managers.
        region: where all of it is.
        image: the record.
        instance: whose machine it is.
        root_snapshot: the pending snapshot that gets the data of the root disk, if any.
        reboot: whether the machine is shut down for it.
    """
    manager = world.machines.of(instance)
    if not isinstance(manager, CapturesImages):
        world.settle(image, "available")
        return
    image.reference = None

    async def capture() -> str:
        async with world.locks(instance.id):
            reference = await manager.capture(
                instance.id, image.id, image.name, reboot=reboot, record=image_record(region, image)
            )
        if root_snapshot is not None and isinstance(manager, KeepsVolumes):
            await manager.snapshot_image(reference, root_snapshot.id)
        return reference

    def finished(*, whole: bool) -> None:
        if root_snapshot is not None:
            settle_snapshot(world, root_snapshot, whole=whole)

    _begin(world, image, manager.name, capture, finished)


def begin_restoration(world: World, region: Region, image: Image, snapshot: Snapshot) -> bool:
    """Make a pending image of a root disk's snapshot, if its manager keeps such data.

    Returns:
        Whether it does; else nothing was begun.
    """
    manager = world.machines.holder(snapshot)
    if manager is None or not isinstance(manager, KeepsVolumes):
        return False
    if not isinstance(manager, CapturesImages):
        return False
    keeper = manager
    image.reference = None

    async def restore() -> str:
        record = image_record(region, image)
        return await keeper.image_of_snapshot(snapshot.id, image.id, image.name, record=record)

    _begin(world, image, manager.name, restore)
    return True


def begin_copy(world: World, region: Region, image: Image, reference: str | None) -> None:
    """Make a pending image of what another one is launched from."""
    manager = world.machines.of(image)
    if not isinstance(manager, CapturesImages) or reference is None:
        world.settle(image, "available")
        return
    image.reference = None

    async def copy() -> str:
        record = image_record(region, image)
        return await manager.copy_image(reference, image.id, image.name, record=record)

    _begin(world, image, manager.name, copy)


def begin_deletion(world: World, image: Image) -> None:
    """Let go what a deregistered image was launched from."""
    manager, image_id = world.machines.of(image), image.id
    if not isinstance(manager, CapturesImages):
        return

    async def delete() -> None:
        try:
            await manager.delete_image(image_id)
        except VMError as error:
            log.warn("{image} stays behind: {error}", image=image_id, error=str(error))

    world.later(
        0, "deleting an image", lambda: world.background.start(f"deleting {image_id}", delete())
    )


def _no_more(*, whole: bool) -> None:
    """Nothing else waits for an image."""


def _begin(
    world: World,
    image: Image,
    manager_name: str,
    work: Callable[[], Awaitable[str]],
    finished: Finished = _no_more,
) -> None:
    image.vm_manager = manager_name
    image.tags = {**image.tags, MANAGER_TAG: manager_name}

    async def make() -> None:
        try:
            reference = await work()
        except VMError as error:
            log.warn("{image} could not be made: {error}", image=image.id, error=str(error))
            finished(whole=False)
            if image.state == "pending":
                image.state_reason = failure(error)
                image.move("failed")
            return
        finished(whole=True)
        if image.state == "pending":
            image.reference = reference
            image.move("available")
        else:
            # It was deregistered meanwhile.
            begin_deletion(world, image)

    world.later(0, "making an image", lambda: world.background.start(f"making {image.id}", make()))
