"""Which volumes an instance starts with: the AMI's mapping under the caller's.

Source: "Block device mappings for volumes on Amazon EC2 instances".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from emulator.core.errors import AwsError
from emulator.model.image import BlockDevice, Image
from emulator.model.volume import Snapshot
from emulator.services.call import Call
from emulator.services.ec2.storage.ebs_settings import encryption
from emulator.services.ec2.storage.snapshots import visible
from emulator.services.ec2.storage.volume_data import check_disk
from emulator.services.ec2.storage.volume_types import check_volume

MAX_DEVICES = 128


def _refuse(message: str) -> AwsError:
    return AwsError("InvalidBlockDeviceMapping", message)


def _given_device(item: Mapping[str, Any], below: BlockDevice | None) -> BlockDevice:
    name = item["DeviceName"]
    if item.get("NoDevice") is not None:
        return BlockDevice(device_name=name, no_device=True)
    if item.get("VirtualName"):
        return BlockDevice(device_name=name, virtual_name=item["VirtualName"])
    ebs: Mapping[str, Any] = item.get("Ebs") or {}
    device = (
        below if below is not None and below.virtual_name is None else BlockDevice(device_name=name)
    )
    changes: dict[str, Any] = {
        field: ebs[member]
        for member, field in (
            ("VolumeSize", "size_gib"),
            ("VolumeType", "volume_type"),
            ("SnapshotId", "snapshot_id"),
            ("DeleteOnTermination", "delete_on_termination"),
            ("Encrypted", "encrypted"),
            ("Iops", "iops"),
            ("Throughput", "throughput_mibps"),
            ("KmsKeyId", "kms_key_id"),
        )
        if ebs.get(member) is not None
    }
    if changes.get("volume_type", device.volume_type) != device.volume_type:
        # The AMI's numbers belong to its own type of volume.
        changes = {"iops": None, "throughput_mibps": None, **changes}
    return attrs.evolve(device, **changes)


def _source(call: Call, device: BlockDevice, below: BlockDevice | None) -> Snapshot | None:
    """Return the snapshot that a volume is made from, unless it is the AMI's own for it.

    Raises:
        AwsError: InvalidSnapshot.NotFound.
    """
    if device.snapshot_id is None:
        return None
    if below is not None and below.snapshot_id == device.snapshot_id:
        return None
    return visible(call, call.region, device.snapshot_id)


def _smallest_size(call: Call, device: BlockDevice, below: BlockDevice | None) -> int | None:
    """Return the size of what the volume is made from.

    Raises:
        AwsError: InvalidSnapshot.NotFound.
    """
    source = _source(call, device, below)
    if source is not None:
        return source.volume_size_gib
    return None if below is None or device.snapshot_id is None else below.size_gib


def _checked(call: Call, device: BlockDevice, below: BlockDevice | None) -> BlockDevice:
    smallest = _smallest_size(call, device, below)
    size = device.size_gib if device.size_gib is not None else smallest
    if size is None:
        raise AwsError(
            "MissingParameter", "The request must contain the parameter size or snapshotId"
        )
    if smallest is not None and size < smallest:
        raise _refuse(
            f"Volume of size {size}GB is smaller than snapshot '{device.snapshot_id}', "
            f"expect size>= {smallest}GB"
        )
    check_volume(
        size_gib=size,
        volume_type=device.volume_type,
        iops=device.iops,
        throughput_mibps=device.throughput_mibps,
    )
    encryption(call.region, encrypted=device.encrypted, kms_key_id=device.kms_key_id)
    return attrs.evolve(device, size_gib=size)


def planned_devices(
    call: Call, image: Image, given: Sequence[Mapping[str, Any]] | None
) -> tuple[BlockDevice, ...]:
    """Return the EBS volumes to make, the root first.

    Args:
        call: whose snapshots may be named, its account's and those shared with it.
        image: whose mapping lies under the caller's.
        given: the request's BlockDeviceMappings.

    Raises:
        AwsError: InvalidBlockDeviceMapping and others, for what AWS would refuse.
    """
    images = {device.device_name: device for device in image.block_devices}
    planned = dict(images)
    seen: set[str] = set()
    for item in given or ():
        name = item.get("DeviceName")
        if not name:
            raise AwsError("MissingParameter", "The request must contain the parameter deviceName")
        if name in seen:
            raise _refuse(f"Duplicate device name '{name}'")
        seen.add(name)
        planned[name] = _given_device(item, images.get(name))
    if len(planned) > MAX_DEVICES:
        raise AwsError(
            "InvalidParameterValue", f"More than {MAX_DEVICES} block devices were specified"
        )
    root = planned.get(image.root_device_name)
    if root is not None and (root.no_device or root.virtual_name):
        raise _refuse(f"The root device '{image.root_device_name}' must be an EBS volume")
    made = [
        _checked(call, device, images.get(name))
        for name, device in planned.items()
        if not device.no_device and device.virtual_name is None
    ]
    made.sort(key=lambda device: device.device_name != image.root_device_name)
    for device in made:
        if device.device_name != image.root_device_name:
            source = _source(call, device, images.get(device.device_name))
            check_disk(call.world, image, device.size_gib or 0, source)
    return tuple(made)
