"""Images that the VM manager has, as AMIs of every account and region.

An image made by CreateImage belongs to the account and region it was made in, and says so
itself; any other image that bears an AMI's name is everybody's own.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import attrs
from twisted.logger import Logger

from emulator.catalog.images import stock_image
from emulator.model.image import BlockDevice, Image
from emulator.model.volume import Snapshot
from emulator.services.ec2.images.images import ANY_IMAGE, MANAGER_TAG, MANAGERS, stock_row
from emulator.state.codec import CodecError, dump, load
from emulator.state.store import EVERYWHERE, Region, State
from emulator.vm.interface import MachineImage
from emulator.vm.managers import KnownImage

log = Logger()

ROOT_DEVICE = "/dev/sda1"
LEAST_SIZE_GIB = 8


def image_record(region: Region, image: Image) -> str:
    """Return what an image is to carry, so that it is known again after a restart."""
    snapshots = (region[Snapshot].get(each) for each in image.snapshot_ids)
    return json.dumps(
        {
            "account": region.account,
            "region": region.name,
            "rows": dump([image, *(row for row in snapshots if row is not None)]),
        }
    )


@attrs.define(eq=False)
class MachineImages:
    """Keeps the AMIs of all regions in step with what the managers have.

    Where several managers have an image by the same AMI id, it is the first one's.

    Args:
        managers: the names of those that have images, which their images are tagged with.
        any_image: whether another manager takes what none of these has.
    """

    _managers: tuple[str, ...] = ()
    _any_image: bool = False
    _by_manager: dict[str, Sequence[MachineImage]] = attrs.field(factory=dict, init=False)
    _known: dict[str, KnownImage] = attrs.field(factory=dict, init=False)

    @property
    def known(self) -> Sequence[KnownImage]:
        """The images there are now, each AMI id once."""
        return tuple(self._known.values())

    def seed(self, region: Region) -> None:
        """Give a new region what every region has."""
        if not self._managers:
            return
        region.settings[MANAGERS] = self._managers
        if self._any_image:
            region.settings[ANY_IMAGE] = True
        for known in self._known.values():
            _appear(region, known)

    def replace(self, state: State, manager: str, images: Sequence[MachineImage]) -> None:
        """Take note of all the images that a manager has now."""
        self._by_manager[manager] = images
        before, self._known = self._known, self._first_of_each()
        regions = [region for region in state if region.name != EVERYWHERE]
        for image_id, known in before.items():
            now = self._known.get(image_id)
            if now is None or now.manager != known.manager:
                log.info("{image} is gone from {manager}", image=image_id, manager=known.manager)
                for region in regions:
                    _vanish(region, known.image)
        for image_id, known in self._known.items():
            if before.get(image_id) != known:
                log.info(
                    "{image} is {reference} of {manager}",
                    image=image_id,
                    reference=known.image.reference,
                    manager=known.manager,
                )
                for region in regions:
                    _appear(region, known)

    def _first_of_each(self) -> dict[str, KnownImage]:
        found: dict[str, KnownImage] = {}
        for manager in self._managers:
            for image in self._by_manager.get(manager, ()):
                known = found.setdefault(image.image_id, KnownImage(manager, image))
                if known.manager != manager:
                    log.warn(
                        "{image} of {manager} is not used: {other} has one of that id",
                        image=image.image_id,
                        manager=manager,
                        other=known.manager,
                    )
        return found


def _appear(region: Region, known: KnownImage) -> None:
    image, tags = known.image, {MANAGER_TAG: known.manager}
    row = region[Image].get(image.image_id)
    if row is None and (stock := stock_image(region.name, image.image_id)) is not None:
        row = region[Image].add(stock_row(region, stock))
    if row is not None:
        if row.state == "available":
            row.reference, row.vm_manager = image.reference, known.manager
            row.tags = {**row.tags, **tags}
    elif image.record:
        _restore(region, known)
    else:
        region[Image].add(_row(region, known))


def _row(region: Region, known: KnownImage) -> Image:
    """Return the record of an image that was made outside the emulator."""
    image = known.image
    digest = hashlib.sha256(image.image_id.encode()).hexdigest()
    root = BlockDevice(
        ROOT_DEVICE,
        size_gib=max(LEAST_SIZE_GIB, image.size_gib),
        snapshot_id=f"snap-{digest[:17]}",
    )
    return Image(
        id=image.image_id,
        state="available",
        tags={MANAGER_TAG: known.manager},
        name=image.name,
        owner_id=region.account,
        created_at=image.created_at,
        architecture=image.architecture,
        root_device_name=ROOT_DEVICE,
        block_devices=(root,),
        image_location=f"{region.account}/{image.name}",
        reference=image.reference,
        vm_manager=known.manager,
        login_user=image.login_user,
    )


def _restore(region: Region, known: KnownImage) -> None:
    """Make the records of an image of this account and region again."""
    image = known.image
    try:
        given: Mapping[str, Any] = json.loads(image.record)
        if (given["account"], given["region"]) != (region.account, region.name):
            return
        (row,) = load(given["rows"], [Image])
        snapshots = load(given["rows"], [Snapshot])
    except (CodecError, ValueError, KeyError, TypeError) as error:
        log.warn("{image} has no record to read: {error}", image=image.image_id, error=error)
        return
    if row.id != image.image_id:
        log.warn("{image} has the record of {other}", image=image.image_id, other=row.id)
        return
    row.state, row.reference, row.vm_manager = "available", image.reference, known.manager
    _add_new(region, snapshots)
    region[Image].add(row)


def _add_new(region: Region, snapshots: Iterable[Snapshot]) -> None:
    for snapshot in snapshots:
        if snapshot.id not in region[Snapshot]:
            snapshot.state = "completed"
            region[Snapshot].add(snapshot)


def _vanish(region: Region, image: MachineImage) -> None:
    """Follow an image that is gone: a stock image is what it was before, another is no more."""
    row = region[Image].get(image.image_id)
    if row is None or row.reference != image.reference:
        return
    stock = stock_image(region.name, image.image_id)
    if stock is None:
        region[Image].remove(row)
        return
    was = stock_row(region, stock)
    row.reference, row.vm_manager = was.reference, was.vm_manager
    others = {key: value for key, value in row.tags.items() if key != MANAGER_TAG}
    row.tags = {**others, **was.tags}
