"""Changes of volumes in use: size, type and performance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from emulator.core.errors import AwsError
from emulator.model.volume import Volume, VolumeModification, VolumeSettings
from emulator.services.call import Call, Handler, World
from emulator.services.ec2.kind import Kind
from emulator.services.ec2.storage import volume_data
from emulator.services.ec2.storage.volume_types import (
    VOLUME_TYPES,
    check_volume,
    iops_of,
    throughput_of,
)
from emulator.services.ec2.storage.volumes import VOLUME, attachments
from emulator.services.filters import select
from emulator.services.pages import page_of_rows
from emulator.state.store import Region
from emulator.wire.scalar import iso8601

if TYPE_CHECKING:
    from mypy_boto3_ec2 import type_defs as aws

# How long a volume optimizes; hours on AWS.
OPTIMIZING_SECONDS = 1.0
# "If you change the volume type to io1, io2, or gp3, the default is 3,000."
DEFAULT_IOPS = 3000


def _view(_: Region, modification: VolumeModification) -> Mapping[str, Any]:
    original, target = modification.original, modification.target
    return {
        "VolumeId": modification.id,
        "ModificationState": modification.state,
        "TargetSize": target.size_gib,
        "TargetIops": target.iops,
        "TargetVolumeType": target.volume_type,
        "TargetThroughput": target.throughput_mibps,
        "TargetMultiAttachEnabled": target.multi_attach_enabled,
        "OriginalSize": original.size_gib,
        "OriginalIops": original.iops,
        "OriginalVolumeType": original.volume_type,
        "OriginalThroughput": original.throughput_mibps,
        "OriginalMultiAttachEnabled": original.multi_attach_enabled,
        "Progress": modification.progress_percent,
        "StartTime": modification.started_at,
        "EndTime": modification.ended_at,
    }


MODIFICATION = Kind(
    row=VolumeModification,
    shape="VolumeModification",
    view=_view,
    filters={
        "modification-state": lambda _, row: row.state,
        "original-iops": lambda _, row: row.original.iops,
        "original-size": lambda _, row: row.original.size_gib,
        "original-volume-type": lambda _, row: row.original.volume_type,
        "originalMultiAttachEnabled": lambda _, row: row.original.multi_attach_enabled,
        "start-time": lambda _, row: iso8601(row.started_at),
        "target-iops": lambda _, row: row.target.iops,
        "target-size": lambda _, row: row.target.size_gib,
        "target-volume-type": lambda _, row: row.target.volume_type,
        "targetMultiAttachEnabled": lambda _, row: row.target.multi_attach_enabled,
        "volume-id": lambda _, row: row.id,
    },
)


def _settings(volume: Volume) -> VolumeSettings:
    return VolumeSettings(
        volume.size_gib,
        volume.volume_type,
        volume.iops,
        volume.throughput_mibps,
        volume.multi_attach_enabled,
    )


def _target(volume: Volume, params: aws.ModifyVolumeRequestTypeDef) -> VolumeSettings:
    """Return the settings a request asks for; what it leaves out stays, where it can.

    Raises:
        AwsError: as ``check_volume``, and InvalidParameterValue for a smaller size.
    """
    size_gib = params.get("Size", volume.size_gib)
    volume_type: str = params.get("VolumeType", volume.volume_type)
    same_type = volume_type == volume.volume_type
    shared = params.get("MultiAttachEnabled", volume.multi_attach_enabled)
    if size_gib < volume.size_gib:
        raise AwsError("InvalidParameterValue", "New size cannot be smaller than existing size")
    iops = params.get("Iops")
    if iops is None and VOLUME_TYPES[volume_type].iops is not None:
        iops = volume.iops if same_type else DEFAULT_IOPS
    throughput = params.get("Throughput")
    if throughput is None and same_type:
        throughput = volume.throughput_mibps
    check_volume(
        size_gib=size_gib,
        volume_type=volume_type,
        iops=iops,
        throughput_mibps=throughput,
        multi_attach_enabled=shared,
    )
    if not shared and len(attachments(volume)) > 1:
        raise AwsError(
            "InvalidParameterCombination",
            f"Multi-Attach of {volume.id} can't be disabled while several instances share it",
        )
    return VolumeSettings(
        size_gib,
        volume_type,
        iops_of(volume_type, size_gib, iops),
        throughput_of(volume_type, throughput),
        shared,
    )


def modify_volume(call: Call, params: aws.ModifyVolumeRequestTypeDef) -> dict[str, Any]:
    """Change a volume's size, type or performance. Source: API_ModifyVolume."""
    region = call.region
    volume = VOLUME.find(region, params["VolumeId"])
    if volume.state not in ("available", "in-use"):
        raise AwsError("IncorrectState", f"Volume '{volume.id}' is in the '{volume.state}' state.")
    before = region[VolumeModification].get(volume.id)
    if before is not None and before.state in ("modifying", "optimizing"):
        raise AwsError(
            "IncorrectModificationState",
            f"Volume {volume.id} cannot be modified in modification state {before.state.upper()}",
        )
    original, target = _settings(volume), _target(volume, params)
    if before is not None:
        region[VolumeModification].remove(before)
    modification = VolumeModification(
        id=volume.id,
        state="modifying",
        original=original,
        target=target,
        started_at=call.world.clock.now(),
    )
    region[VolumeModification].add(modification)
    volume.size_gib, volume.volume_type = target.size_gib, target.volume_type
    volume.iops, volume.throughput_mibps = target.iops, target.throughput_mibps
    volume.multi_attach_enabled = target.multi_attach_enabled
    world = call.world

    def grown() -> None:
        if modification.watcher is not None:
            modification.move("optimizing")
            world.later(
                OPTIMIZING_SECONDS, f"modifying {volume.id}", _complete, modification, world
            )

    def failed() -> None:
        volume.size_gib = original.size_gib
        if modification.watcher is not None:
            modification.move("failed")

    if target.size_gib == original.size_gib:
        world.later(0.0, f"modifying {volume.id}", grown)
    else:
        volume_data.begin_resize(world, volume, done=grown, failed=failed)
    return {"VolumeModification": _view(region, modification)}


def _complete(modification: VolumeModification, world: World) -> None:
    if modification.watcher is not None:
        modification.progress_percent = 100
        modification.ended_at = world.clock.now()
        modification.move("completed")


def describe_volumes_modifications(
    call: Call, params: aws.DescribeVolumesModificationsRequestTypeDef
) -> dict[str, Any]:
    """List the latest modification of each volume that ever had one."""
    region, ids = call.region, params.get("VolumeIds")
    table = region[VolumeModification]
    rows = list(table)
    if ids:
        rows = []
        for volume in VOLUME.find_all(region, ids):
            modification = table.get(volume.id)
            if modification is None:
                raise AwsError(
                    "InvalidVolumeModification.NotFound",
                    f"Modification for volume '{volume.id}' does not exist.",
                )
            rows.append(modification)
    rows = select(region, rows, params.get("Filters"), MODIFICATION.filters, taggable=False)
    shown, token = page_of_rows(call.operation.name, rows, params, call.operation.page_limits)
    answer: dict[str, Any] = {
        "VolumesModifications": [MODIFICATION.show(region, row) for row in shown]
    }
    if token is not None:
        answer["NextToken"] = token
    return answer


OPERATIONS: Mapping[str, Handler] = {
    "DescribeVolumesModifications": describe_volumes_modifications,
    "ModifyVolume": modify_volume,
}
