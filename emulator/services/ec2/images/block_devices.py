"""Block device mappings: what a request says of disks, checked and made a record's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import attrs

from emulator.core.errors import AwsError
from emulator.model.image import BlockDevice
from emulator.services.call import Call
from emulator.services.ec2.storage import snapshots
from emulator.services.ec2.storage.ebs_settings import encryption
from emulator.services.ec2.storage.volume_types import (
    DEFAULT_TYPE,
    VOLUME_TYPES,
    check_volume,
    iops_of,
    throughput_of,
)


def check_names(mappings: Sequence[Mapping[str, Any]]) -> None:
    """Refuse mappings without a device, or with one device twice.

    Raises:
        AwsError: MissingParameter or InvalidBlockDeviceMapping.
    """
    seen: set[str] = set()
    for mapping in mappings:
        name = mapping.get("DeviceName")
        if not name:
            raise AwsError("MissingParameter", "The request must contain the parameter deviceName")
        if name in seen:
            raise AwsError(
                "InvalidBlockDeviceMapping",
                f"The device '{name}' is used in more than one block-device mapping",
            )
        seen.add(name)


def block_device(
    call: Call, mapping: Mapping[str, Any], base: BlockDevice | None = None
) -> BlockDevice:
    """Return one mapping of a request as a block device.

    Args:
        call: the request.
        mapping: in AWS's shape; its DeviceName is checked already.
        base: the device of that name so far, whose settings stay unless given anew.

    Raises:
        AwsError: a disk that AWS would not make.
    """
    name = mapping["DeviceName"]
    if mapping.get("VirtualName") is not None:
        return BlockDevice(name, virtual_name=mapping["VirtualName"])
    if mapping.get("NoDevice") is not None:
        return BlockDevice(name, no_device=True)
    ebs: Mapping[str, Any] = mapping.get("Ebs") or {}
    so_far = base or BlockDevice(name, volume_type=DEFAULT_TYPE)
    if ebs.get("SnapshotId") is not None:
        snapshot = snapshots.restorable(call, ebs["SnapshotId"])
        so_far = attrs.evolve(
            so_far,
            snapshot_id=snapshot.id,
            size_gib=snapshot.volume_size_gib,
            encrypted=snapshot.encrypted,
            kms_key_id=snapshot.kms_key_id,
        )
    size_gib = ebs.get("VolumeSize", so_far.size_gib)
    if size_gib is None:
        raise AwsError(
            "MissingParameter", "The request must contain the parameter size or snapshotId"
        )
    volume_type = ebs.get("VolumeType") or so_far.volume_type
    same_type = volume_type == so_far.volume_type
    iops = ebs.get("Iops", so_far.iops if same_type else None)
    throughput = ebs.get("Throughput", so_far.throughput_mibps if same_type else None)
    check_volume(
        size_gib=size_gib,
        volume_type=volume_type,
        iops=iops,
        throughput_mibps=throughput,
        snapshot_size_gib=so_far.size_gib,
    )
    encrypted, key = _encryption(call, ebs, so_far)
    return BlockDevice(
        name,
        size_gib=size_gib,
        volume_type=volume_type,
        snapshot_id=so_far.snapshot_id,
        delete_on_termination=ebs.get("DeleteOnTermination", so_far.delete_on_termination),
        encrypted=encrypted,
        iops=shown_iops(volume_type, size_gib, iops),
        throughput_mibps=throughput_of(volume_type, throughput),
        kms_key_id=key,
    )


def _encryption(call: Call, ebs: Mapping[str, Any], so_far: BlockDevice) -> tuple[bool, str | None]:
    """Return encryption as an image says it: the region's default comes in at launch."""
    if not (so_far.encrypted or ebs.get("Encrypted") or ebs.get("KmsKeyId")):
        return False, None
    return encryption(
        call.region,
        encrypted=ebs.get("Encrypted"),
        kms_key_id=ebs.get("KmsKeyId"),
        source_encrypted=so_far.encrypted,
        source_key=so_far.kms_key_id,
    )


def shown_iops(volume_type: str, size_gib: int, iops: int | None) -> int | None:
    """Return the IOPS that a block device mapping shows: where they can be chosen."""
    if VOLUME_TYPES[volume_type].iops is None:
        return None
    return iops_of(volume_type, size_gib, iops)


def merged(
    call: Call, base: Iterable[BlockDevice], mappings: Sequence[Mapping[str, Any]]
) -> tuple[BlockDevice, ...]:
    """Return the devices of an image or instance with a request's mappings laid over them.

    Raises:
        AwsError: as ``block_device`` and ``check_names``.
    """
    check_names(mappings)
    devices = {device.device_name: device for device in base}
    for mapping in mappings:
        name = mapping["DeviceName"]
        if mapping.get("NoDevice") is not None:
            devices.pop(name, None)
        else:
            devices[name] = block_device(call, mapping, devices.get(name))
    return tuple(devices.values())
