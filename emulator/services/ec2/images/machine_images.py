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
from emulator.services.ec2.images.images import MANAGER, MANAGER_TAG, stock_row
from emulator.state.codec import CodecError, dump, load
from emulator.state.store import EVERYWHERE, Region, State
from emulator.vm.interface import MachineImage

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
    """Keeps the AMIs of all regions in step with what the manager has.

    Args:
        manager: its name, which its images are tagged with; None: it has none.
    """

    _manager: str | None = None
    _known: dict[str, MachineImage] = attrs.field(factory=dict, init=False)

    @property
    def known(self) -> Sequence[MachineImage]:
        """The images there are now."""
        return tuple(self._known.values())

    def seed(self, region: Region) -> None:
        """Give a new region what every region has."""
        if self._manager is None:
            return
        region.settings[MANAGER] = self._manager
        for image in self._known.values():
            self._appear(region, image)

    def replace(self, state: State, images: Sequence[MachineImage]) -> None:
        """Take note of all the images there are now."""
        now = {image.image_id: image for image in images}
        before, self._known = self._known, now
        regions = [region for region in state if region.name != EVERYWHERE]
        for image_id, image in before.items():
            if image_id not in now:
                log.info("{image} is gone", image=image_id)
                for region in regions:
                    _vanish(region, image)
        for image_id, image in now.items():
            if before.get(image_id) != image:
                log.info("{image} is {reference}", image=image_id, reference=image.reference)
                for region in regions:
                    self._appear(region, image)

    def _appear(self, region: Region, image: MachineImage) -> None:
        tags = {MANAGER_TAG: self._manager or ""}
        row = region[Image].get(image.image_id)
        if row is None and (stock := stock_image(region.name, image.image_id)) is not None:
            row = region[Image].add(stock_row(region, stock))
        if row is not None:
            if row.state == "available":
                row.reference = image.reference
                row.tags = {**row.tags, **tags}
            return
        if image.record:
            _restore(region, image)
            return
        region[Image].add(_row(region, image, tags))


def _row(region: Region, image: MachineImage, tags: Mapping[str, str]) -> Image:
    """Return the record of an image that was made outside the emulator."""
    digest = hashlib.sha256(image.image_id.encode()).hexdigest()
    root = BlockDevice(
        ROOT_DEVICE,
        size_gib=max(LEAST_SIZE_GIB, image.size_gib),
        snapshot_id=f"snap-{digest[:17]}",
    )
    return Image(
        id=image.image_id,
        state="available",
        tags=tags,
        name=image.name,
        owner_id=region.account,
        created_at=image.created_at,
        architecture=image.architecture,
        root_device_name=ROOT_DEVICE,
        block_devices=(root,),
        image_location=f"{region.account}/{image.name}",
        reference=image.reference,
        login_user=image.login_user,
    )


def _restore(region: Region, image: MachineImage) -> None:
    """Make the records of an image of this account and region again."""
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
    row.state, row.reference = "available", image.reference
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
    if stock is not None:
        row.reference = stock.docker_image
        if stock.docker_image is None:
            row.tags = {key: value for key, value in row.tags.items() if key != MANAGER_TAG}
    else:
        region[Image].remove(row)
