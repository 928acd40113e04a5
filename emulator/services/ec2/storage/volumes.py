"""EBS volumes: made, attached to instances, detached and deleted."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs

from emulator.catalog.regions import REGIONS, zones
from emulator.core.errors import AwsError
from emulator.model.instance import Instance
from emulator.model.row import NO_TAGS
from emulator.model.volume import Snapshot, Volume, VolumeAttachment, VolumeModification
from emulator.services.call import Call, Handler, Renewable, World
from emulator.services.ec2.kind import Kind, tag_set
from emulator.services.ec2.nouns import NOUNS
from emulator.services.ec2.storage import snapshots, volume_data
from emulator.services.ec2.storage.ebs_settings import encryption, encrypts_by_default, kms_key_arn
from emulator.services.ec2.storage.volume_types import (
    DEFAULT_TYPE,
    check_volume,
    iops_of,
    throughput_of,
)
from emulator.services.ec2.tags import tags_on_create
from emulator.state.joins import attached_to
from emulator.state.store import Region
from emulator.state.table import Table
from emulator.wire.scalar import iso8601

if TYPE_CHECKING:
    from mypy_boto3_ec2 import type_defs as aws

# "Attach an EBS volume to multiple instances using Multi-Attach".
MAX_INSTANCES = 16
# "Device names for volumes on Amazon EC2 instances"; the older names without /dev/ work too.
_DEVICE = re.compile(r"(?:/dev/)?(?:sd|xvd|hd)[a-z]{1,2}(?:1[0-5]|[1-9])?")
ATTACHABLE_STATES = ("running", "stopped")
# "Provisioned rate for volume initialization", in MiB/s.
INITIALIZATION_RATES_MIBPS = (100, 300)


@functools.cache
def _zone_ids(region_name: str) -> Mapping[str, str]:
    return {zone.name: zone.id for zone in zones(region_name)}


def zone_id_of(region: Region, volume: Volume) -> str | None:
    """Return the id of a volume's zone, such as ``use1-az6``."""
    return _zone_ids(region.name).get(volume.availability_zone)


def attachments(volume: Volume) -> list[tuple[str, VolumeAttachment]]:
    """Return the instances that have a volume, each with the volume's place in it."""
    if volume.attachment is None or volume.instance_id is None:
        return []
    return [
        (volume.instance_id, volume.attachment),
        *zip(volume.more_instance_ids, volume.more_attachments, strict=True),
    ]


def attachment_view(
    volume_id: str, instance_id: str, attachment: VolumeAttachment
) -> dict[str, Any]:
    """Return an attachment in the shape of AWS's VolumeAttachment."""
    return {
        "VolumeId": volume_id,
        "InstanceId": instance_id,
        "Device": attachment.device,
        "State": attachment.state,
        "AttachTime": attachment.attached_at,
        "DeleteOnTermination": attachment.delete_on_termination,
    }


def _view(region: Region, volume: Volume) -> Mapping[str, Any]:
    partition = REGIONS[region.name].partition
    return {
        "VolumeId": volume.id,
        "VolumeArn": f"arn:{partition}:ec2:{region.name}:{region.account}:volume/{volume.id}",
        "OwnerId": region.account,
        "Size": volume.size_gib,
        "SnapshotId": volume.snapshot_id or "",
        "SourceVolumeId": volume.source_volume_id,
        "AvailabilityZone": volume.availability_zone,
        "AvailabilityZoneId": zone_id_of(region, volume),
        "State": volume.state,
        "CreateTime": volume.created_at,
        "Attachments": [
            attachment_view(volume.id, instance_id, attachment)
            for instance_id, attachment in attachments(volume)
        ],
        "VolumeType": volume.volume_type,
        "Iops": volume.iops,
        "Throughput": volume.throughput_mibps,
        "Encrypted": volume.encrypted,
        "KmsKeyId": volume.kms_key_id,
        "MultiAttachEnabled": volume.multi_attach_enabled,
        "VolumeInitializationRate": volume.initialization_rate_mibps,
        "Operator": {"Managed": False},
        "Tags": tag_set(volume.tags),
    }


def _of_attachments(
    value: Callable[[str, VolumeAttachment], str],
) -> Callable[[Region, Volume], Iterable[str]]:
    return lambda _, volume: tuple(value(*pair) for pair in attachments(volume))


VOLUME = Kind(
    row=Volume,
    shape="Volume",
    view=_view,
    filters={
        "attachment.attach-time": _of_attachments(lambda _, at: iso8601(at.attached_at)),
        "attachment.delete-on-termination": _of_attachments(
            lambda _, at: "true" if at.delete_on_termination else "false"
        ),
        "attachment.device": _of_attachments(lambda _, at: at.device),
        "attachment.instance-id": _of_attachments(lambda instance_id, _: instance_id),
        "attachment.status": _of_attachments(lambda _, at: at.state),
        "availability-zone": lambda _, volume: volume.availability_zone,
        "availability-zone-id": zone_id_of,
        "create-time": lambda _, volume: iso8601(volume.created_at),
        "encrypted": lambda _, volume: volume.encrypted,
        "fast-restored": lambda _region, _volume: False,
        "multi-attach-enabled": lambda _, volume: volume.multi_attach_enabled,
        "operator.managed": lambda _region, _volume: False,
        "operator.principal": lambda _region, _volume: None,
        "size": lambda _, volume: volume.size_gib,
        "snapshot-id": lambda _, volume: volume.snapshot_id,
        "status": lambda _, volume: volume.state,
        "volume-id": lambda _, volume: volume.id,
        "volume-type": lambda _, volume: volume.volume_type,
    },
)


def volume_fields(
    region: Region,
    *,
    size_gib: int,
    volume_type: str,
    availability_zone: str,
    snapshot_id: str | None = None,
    encrypted: bool = False,
    kms_key_id: str | None = None,
    iops: int | None = None,
    throughput_mibps: int | None = None,
    tags: Mapping[str, str] = NO_TAGS,
    vm_manager: str = "",
) -> dict[str, Any]:
    """Return what volumes of these settings have alike.

    The caller has checked the settings (``volume_types.check_volume``). A volume is
    encrypted when asked to, when a key is named, when its snapshot is, or when the region
    encrypts by default.
    """
    snapshot = region[Snapshot].get(snapshot_id)
    if snapshot is not None and snapshot.encrypted:
        encrypted = True
        kms_key_id = kms_key_id or snapshot.kms_key_id
    if encrypted or kms_key_id is not None or encrypts_by_default(region):
        encrypted, kms_key_id = True, kms_key_arn(region, kms_key_id)
    return {
        "tags": tags,
        "size_gib": size_gib,
        "volume_type": volume_type,
        "availability_zone": availability_zone,
        "iops": iops_of(volume_type, size_gib, iops),
        "throughput_mibps": throughput_of(volume_type, throughput_mibps),
        "encrypted": encrypted,
        "kms_key_id": kms_key_id,
        "snapshot_id": snapshot_id,
        "vm_manager": vm_manager,
    }


def new_volume(world: World, region: Region, **settings: Any) -> Volume:
    """Return a new volume in state ``creating``, in the table already.

    Args:
        world: gives the id and the time.
        region: where it is.
        settings: those of ``volume_fields``.
    """
    fields = volume_fields(region, **settings)
    return region[Volume].add(
        Volume(
            id=world.ids.resource("vol"),
            state="creating",
            created_at=world.clock.now(),
            **fields,
        )
    )


def disks_at_launch(
    world: World,
    region: Region,
    fields: Mapping[str, Any],
    instance_ids: Sequence[str],
    attachment: VolumeAttachment,
) -> list[Volume]:
    """Return new volumes that are in use as disks of instances being launched, one of each.

    Args:
        world: gives the ids.
        region: where they are.
        fields: from ``volume_fields``.
        instance_ids: whose disks they are.
        attachment: their place there.
    """
    pattern = Volume(
        id="", state="in-use", created_at=attachment.attached_at, attachment=attachment, **fields
    )
    ids = world.ids.resources("vol", len(instance_ids))
    disks = pattern.copies(id=ids, instance_id=instance_ids)
    region[Volume].add_all(disks)
    return disks


def release_from_instance(world: World, region: Region, instance_id: str) -> None:
    """Let go the volumes of an instance that has terminated.

    Those marked so are deleted with it; the others become available. Their data went with the
    machine, unless that had vanished by itself.
    """
    table: Table[Volume] = region[Volume]
    for volume, attachment in attached_to(region, instance_id):
        _forget(volume, instance_id)
        if attachment.delete_on_termination and volume.attachment is None:
            table.remove(volume)
            _forget_modification(region, volume)
            volume_data.begin_deletion(world, volume)


def _forget_modification(region: Region, volume: Volume) -> None:
    modification = region[VolumeModification].get(volume.id)
    if modification is not None:
        region[VolumeModification].remove(modification)


def _forget(volume: Volume, instance_id: str) -> None:
    """Take one instance out of a volume; the last makes it available."""
    left = [pair for pair in attachments(volume) if pair[0] != instance_id]
    if left:
        volume.instance_id, volume.attachment = left[0]
        volume.more_instance_ids = tuple(pair[0] for pair in left[1:])
        volume.more_attachments = tuple(pair[1] for pair in left[1:])
        return
    volume.instance_id = volume.attachment = None
    volume.move("available")


def _replace(volume: Volume, instance_id: str, state: str) -> None:
    """Show an attachment in another state."""
    if volume.attachment is not None and volume.instance_id == instance_id:
        volume.attachment = attrs.evolve(volume.attachment, state=state)
    elif instance_id in volume.more_instance_ids:
        volume.more_attachments = tuple(
            attrs.evolve(attachment, state=state) if other == instance_id else attachment
            for other, attachment in zip(
                volume.more_instance_ids, volume.more_attachments, strict=True
            )
        )


def _settle_attachment(volume: Volume, instance_id: str) -> None:
    """End a transition: ``attaching`` is attached then, ``detaching`` is gone."""
    state = dict(attachments(volume)).get(instance_id)
    if volume.watcher is None or state is None:
        return
    if state.state == "attaching":
        _replace(volume, instance_id, "attached")
    elif state.state == "detaching":
        _forget(volume, instance_id)


def _show_busy(volume: Volume, instance_id: str) -> None:
    """Show an attachment that the instance does not let go of; it may be detached again."""
    if volume.watcher is not None and instance_id in dict(attachments(volume)):
        _replace(volume, instance_id, "busy")


def zone_named(
    region: Region, name: str | None, zone_id: str | None, parameter: str = "AvailabilityZone"
) -> str:
    """Return the name of the zone that a request names one way or the other.

    Raises:
        AwsError: MissingParameter, InvalidParameterCombination or InvalidZone.NotFound.
    """
    ids = _zone_ids(region.name)
    if name is not None and zone_id is not None:
        raise AwsError(
            "InvalidParameterCombination",
            f"The parameters {parameter} and {parameter}Id cannot be used together",
        )
    if name is None and zone_id is None:
        raise AwsError("MissingParameter", f"The request must contain the parameter {parameter}")
    found = name if name in ids else next((n for n, i in ids.items() if i == zone_id), None)
    if found is None:
        raise AwsError("InvalidZone.NotFound", f"The zone '{name or zone_id}' does not exist.")
    return found


def create_volume(call: Call, params: aws.CreateVolumeRequestTypeDef) -> Renewable:
    """Make a volume, empty or from a snapshot. Source: API_CreateVolume."""
    region = call.region
    zone = zone_named(region, params.get("AvailabilityZone"), params.get("AvailabilityZoneId"))
    snapshot_id = params.get("SnapshotId")
    snapshot = None if snapshot_id is None else snapshots.restorable(call, snapshot_id)
    least_gib = None if snapshot is None else snapshot.volume_size_gib
    size_gib = params.get("Size", least_gib)
    if size_gib is None:
        raise AwsError(
            "MissingParameter", "The request must contain the parameter size or snapshotId"
        )
    volume_type = params.get("VolumeType") or DEFAULT_TYPE
    shared = bool(params.get("MultiAttachEnabled"))
    check_volume(
        size_gib=size_gib,
        volume_type=volume_type,
        iops=params.get("Iops"),
        throughput_mibps=params.get("Throughput"),
        snapshot_size_gib=least_gib,
        multi_attach_enabled=shared,
    )
    rate = _initialization_rate(params)
    encrypted, key = encryption(
        region,
        encrypted=params.get("Encrypted"),
        kms_key_id=params.get("KmsKeyId"),
        source_encrypted=snapshot is not None and snapshot.encrypted,
        source_key=None if snapshot is None else snapshot.kms_key_id,
    )
    volume = new_volume(
        call.world,
        region,
        size_gib=size_gib,
        volume_type=volume_type,
        availability_zone=zone,
        snapshot_id=snapshot_id,
        encrypted=encrypted,
        kms_key_id=key,
        iops=params.get("Iops"),
        throughput_mibps=params.get("Throughput"),
        tags=tags_on_create(params, "volume"),
        vm_manager="" if snapshot is None else snapshot.vm_manager,
    )
    volume.multi_attach_enabled = shared
    volume.initialization_rate_mibps = rate
    volume_data.begin_creation(
        call.world,
        volume,
        done=lambda: _settle_creation(volume, "available"),
        failed=lambda: _settle_creation(volume, "error"),
    )
    return Renewable(_view(region, volume), lambda: _view(region, volume))


def _settle_creation(volume: Volume, state: str) -> None:
    if volume.watcher is not None and volume.state == "creating":
        volume.move(state)


def _initialization_rate(params: aws.CreateVolumeRequestTypeDef) -> int | None:
    rate = params.get("VolumeInitializationRate")
    if rate is None:
        return None
    if params.get("SnapshotId") is None:
        raise AwsError(
            "InvalidParameterCombination",
            "The parameter volumeInitializationRate requires the parameter snapshotId",
        )
    least, most = INITIALIZATION_RATES_MIBPS
    if not least <= rate <= most:
        raise AwsError(
            "InvalidParameterValue",
            f"Value ({rate}) for parameter volumeInitializationRate is invalid. "
            f"Expecting a value between {least} and {most}.",
        )
    return rate


def describe_volumes(call: Call, params: aws.DescribeVolumesRequestTypeDef) -> dict[str, Any]:
    """List volumes."""
    return VOLUME.describe(call, params, ids="VolumeIds", result="Volumes")


def delete_volume(call: Call, params: aws.DeleteVolumeRequestTypeDef) -> dict[str, Any]:
    """Delete a volume that no instance has."""
    volume = VOLUME.find(call.region, params["VolumeId"])
    if volume.attachment is not None:
        raise AwsError(
            "VolumeInUse", f"Volume {volume.id} is currently attached to {volume.instance_id}"
        )
    if volume.state != "deleting":
        volume.move("deleting")
        _forget_modification(call.region, volume)
        call.world.expire(call.region, volume, 0.0)
        volume_data.begin_deletion(call.world, volume)
    return {}


def _instance(region: Region, instance_id: str) -> Instance:
    instance = region[Instance].get(instance_id)
    if instance is None:
        NOUNS["i"].check_form(instance_id)
        raise NOUNS["i"].missing([instance_id])
    return instance


def check_device(device: str) -> None:
    """Refuse text that is no device name.

    Raises:
        AwsError: InvalidParameterValue.
    """
    if _DEVICE.fullmatch(device) is None:
        raise AwsError(
            "InvalidParameterValue",
            f"Value ({device[:256]}) for parameter device is invalid. "
            f"{device[:256]} is not a valid EBS device name.",
        )


def attach_volume(call: Call, params: aws.AttachVolumeRequestTypeDef) -> dict[str, Any]:
    """Give a volume to an instance of the same zone. Source: API_AttachVolume."""
    region, device = call.region, params["Device"]
    volume = VOLUME.find(region, params["VolumeId"])
    instance = _instance(region, params["InstanceId"])
    check_device(device)
    _check_attachable(volume, instance)
    volume_data.check_disk(call.world, instance, volume.size_gib, volume)
    for _, other in attached_to(region, instance.id):
        if other.device == device:
            raise AwsError(
                "InvalidParameterValue",
                f"Invalid value '{device}' for unixDevice. "
                f"Attachment point {device} is already in use",
            )
    attachment = VolumeAttachment(device, call.world.clock.now(), "attaching")
    if volume.attachment is None:
        volume.attachment = attachment
        volume.instance_id = instance.id
        volume.move("in-use")
    else:
        volume.more_attachments = (*volume.more_attachments, attachment)
        volume.more_instance_ids = (*volume.more_instance_ids, instance.id)
    volume_data.begin_attachment(
        call.world,
        volume,
        instance,
        device,
        done=lambda: _settle_attachment(volume, instance.id),
        failed=lambda: _forget(volume, instance.id),
    )
    return attachment_view(volume.id, instance.id, attachment)


def _check_attachable(volume: Volume, instance: Instance) -> None:
    if instance.state not in ATTACHABLE_STATES:
        raise AwsError("IncorrectState", f"Instance '{instance.id}' is not 'running'.")
    holders = [instance_id for instance_id, _ in attachments(volume)]
    if holders and (not volume.multi_attach_enabled or instance.id in holders):
        raise AwsError("VolumeInUse", f"{volume.id} is already attached to an instance")
    if len(holders) >= MAX_INSTANCES:
        raise AwsError(
            "AttachmentLimitExceeded",
            f"{volume.id} is attached to {len(holders)} instances; at most "
            f"{MAX_INSTANCES} may share a volume",
        )
    if not holders and volume.state != "available":
        raise AwsError("IncorrectState", f"{volume.id} is not 'available'.")
    if volume.availability_zone != instance.availability_zone:
        raise AwsError(
            "InvalidVolume.ZoneMismatch",
            f"The volume '{volume.id}' is not in the same availability zone "
            f"as instance '{instance.id}'",
        )


def detach_volume(call: Call, params: aws.DetachVolumeRequestTypeDef) -> dict[str, Any]:
    """Take a volume from its instance. Source: API_DetachVolume."""
    volume = VOLUME.find(call.region, params["VolumeId"])
    held = attachments(volume)
    if not held:
        raise AwsError("IncorrectState", f"Volume '{volume.id}' is in the '{volume.state}' state.")
    wanted, device = params.get("InstanceId"), params.get("Device")
    if wanted is None and len(held) > 1:
        raise AwsError(
            "InvalidParameterCombination",
            f"Volume '{volume.id}' is attached to several instances; "
            "the request must contain the parameter instanceId",
        )
    if wanted is not None:
        _instance(call.region, wanted)
    matching = [
        pair for pair in held if wanted in (None, pair[0]) and device in (None, pair[1].device)
    ]
    if not matching:
        raise AwsError(
            "InvalidAttachment.NotFound",
            f"Volume '{volume.id}' is not attached to instance '{wanted or held[0][0]}'"
            + (f" as device {device[:256]}" if device else ""),
        )
    instance_id, attachment = matching[0]
    instance = call.region[Instance].get(instance_id)
    if (
        instance is not None
        and attachment.device == instance.root_device_name
        and instance.state != "stopped"
    ):
        raise AwsError(
            "OperationNotPermitted",
            f"Unable to detach root volume '{volume.id}' from instance '{instance_id}'",
        )
    _replace(volume, instance_id, "detaching")
    volume_data.begin_detachment(
        call.world,
        volume,
        instance_id,
        attachment.device,
        force=bool(params.get("Force")),
        done=lambda: _settle_attachment(volume, instance_id),
        busy=lambda: _show_busy(volume, instance_id),
    )
    return attachment_view(volume.id, instance_id, attrs.evolve(attachment, state="detaching"))


OPERATIONS: Mapping[str, Handler] = {
    "AttachVolume": attach_volume,
    "CreateVolume": create_volume,
    "DeleteVolume": delete_volume,
    "DescribeVolumes": describe_volumes,
    "DetachVolume": detach_volume,
}
