"""EBS snapshots: made from volumes, copied between regions, shared between accounts."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from emulator.core.errors import AwsError
from emulator.model.image import Image
from emulator.model.instance import Instance
from emulator.model.row import NO_TAGS
from emulator.model.volume import Snapshot, Volume
from emulator.services.accounts import known_region
from emulator.services.call import Call, Handler, World
from emulator.services.ec2.kind import Kind, tag_set
from emulator.services.ec2.nouns import NOUNS
from emulator.services.ec2.sharing import Listing, neighbours
from emulator.services.ec2.storage import volume_data
from emulator.services.ec2.storage.ebs_settings import encryption
from emulator.services.ec2.tags import MAX_TAGS, tags_on_create
from emulator.services.filters import select
from emulator.state.store import Region
from emulator.wire.scalar import iso8601

if TYPE_CHECKING:
    from mypy_boto3_ec2 import type_defs as aws

BYTES_PER_GIB = 1 << 30
# What AWS shows as the volume of every copied snapshot.
NO_VOLUME = "vol-ffffffff"
# "Time-based copies": in steps of 15 minutes, up to 48 hours.
DURATION_STEP_MINUTES, MAX_DURATION_MINUTES = 15, 2880


def _view(_: Region, snapshot: Snapshot) -> Mapping[str, Any]:
    done = snapshot.state == "completed"
    return {
        "SnapshotId": snapshot.id,
        "VolumeId": snapshot.volume_id,
        "State": snapshot.state,
        "StartTime": snapshot.started_at,
        "CompletionTime": snapshot.completed_at,
        "Progress": "100%" if done else "0%",
        "OwnerId": snapshot.owner_id,
        "Description": snapshot.description,
        "VolumeSize": snapshot.volume_size_gib,
        "FullSnapshotSizeInBytes": snapshot.volume_size_gib * BYTES_PER_GIB if done else None,
        "Encrypted": snapshot.encrypted,
        "KmsKeyId": snapshot.kms_key_id,
        "DataEncryptionKeyId": snapshot.data_encryption_key_id,
        "StorageTier": snapshot.storage_tier,
        "RestoreExpiryTime": snapshot.restore_expires_at,
        "TransferType": snapshot.transfer_type,
        "CompletionDurationMinutes": snapshot.completion_duration_minutes,
        "Tags": tag_set(snapshot.tags),
    }


SNAPSHOT = Kind(
    row=Snapshot,
    shape="Snapshot",
    view=_view,
    filters={
        "description": lambda _, snapshot: snapshot.description,
        "encrypted": lambda _, snapshot: snapshot.encrypted,
        # Only Amazon's own snapshots have an alias, and none of them is listed.
        "owner-alias": lambda _region, _snapshot: None,
        "owner-id": lambda _, snapshot: snapshot.owner_id,
        "progress": lambda _, snapshot: "100%" if snapshot.state == "completed" else "0%",
        "snapshot-id": lambda _, snapshot: snapshot.id,
        "start-time": lambda _, snapshot: iso8601(snapshot.started_at),
        "status": lambda _, snapshot: snapshot.state,
        "storage-tier": lambda _, snapshot: snapshot.storage_tier,
        "transfer-type": lambda _, snapshot: snapshot.transfer_type,
        "volume-id": lambda _, snapshot: snapshot.volume_id,
        "volume-size": lambda _, snapshot: snapshot.volume_size_gib,
    },
)


def shared_with(snapshot: Snapshot, account: str) -> bool:
    """Tell whether an account that does not own a snapshot may make volumes of it."""
    return snapshot.create_permission_all or account in snapshot.create_permission_users


def _shared(home: Region, account: str) -> list[Snapshot]:
    """Return what another account's region shares with this account."""
    return [snapshot for snapshot in home[Snapshot] if shared_with(snapshot, account)]


def visible(call: Call, region: Region, snapshot_id: str) -> Snapshot:
    """Return a snapshot of the caller's, or one that another account shares with it.

    Raises:
        AwsError: InvalidSnapshot.NotFound.
    """
    snapshot = region[Snapshot].get(snapshot_id)
    if snapshot is not None:
        return snapshot
    for home in neighbours(call.state, region):
        for shared in _shared(home, region.account):
            if shared.id == snapshot_id:
                return shared
    NOUNS["snap"].check_form(snapshot_id)
    raise NOUNS["snap"].missing([snapshot_id])


def restorable(call: Call, snapshot_id: str) -> Snapshot:
    """Return a snapshot that a volume may be made from.

    Raises:
        AwsError: InvalidSnapshot.NotFound, or IncorrectState while it is not complete or
            archived.
    """
    snapshot = visible(call, call.region, snapshot_id)
    if snapshot.state != "completed":
        raise AwsError("IncorrectState", f"Snapshot is in invalid state - {snapshot.state}")
    restored_until = snapshot.restore_expires_at
    if snapshot.storage_tier == "archive" and (
        restored_until is None or restored_until <= call.world.clock.now()
    ):
        raise AwsError("IncorrectState", f"Snapshot {snapshot.id} is archived; restore it first")
    return snapshot


def _new_snapshot(
    world: World,
    region: Region,
    *,
    volume_id: str,
    volume_size_gib: int,
    description: str = "",
    encrypted: bool = False,
    kms_key_id: str | None = None,
    tags: Mapping[str, str] = NO_TAGS,
    vm_manager: str = "",
) -> Snapshot:
    """Return a new snapshot in state ``pending``, in the table."""
    ids = world.ids
    snapshot = Snapshot(
        id=ids.resource("snap"),
        tags=tags,
        state="pending",
        volume_id=volume_id,
        volume_size_gib=volume_size_gib,
        started_at=world.clock.now(),
        owner_id=region.account,
        description=description,
        encrypted=encrypted,
        kms_key_id=kms_key_id,
        data_encryption_key_id=_data_key(volume_id, ids.uuid()) if encrypted else None,
        vm_manager=vm_manager,
    )
    return region[Snapshot].add(snapshot)


def _data_key(volume_id: str, fresh: str) -> str:
    """Return the id of the key that encrypts a volume's blocks; its snapshots share it."""
    return fresh if volume_id == NO_VOLUME else str(uuid.uuid5(uuid.NAMESPACE_URL, volume_id))


def _complete(snapshot: Snapshot, world: World) -> None:
    if snapshot.watcher is not None and snapshot.state == "pending":
        snapshot.completed_at = world.clock.now()
        snapshot.move("completed")


def _fail(snapshot: Snapshot) -> None:
    if snapshot.watcher is not None and snapshot.state == "pending":
        snapshot.move("error")


def pending_snapshot_of(
    world: World, region: Region, volume: Volume, description: str, tags: Mapping[str, str]
) -> Snapshot:
    """Return a new snapshot of a volume whose data somebody else provides."""
    return _new_snapshot(
        world,
        region,
        volume_id=volume.id,
        volume_size_gib=volume.size_gib,
        description=description,
        encrypted=volume.encrypted,
        kms_key_id=volume.kms_key_id,
        tags=tags,
        vm_manager=volume.vm_manager,
    )


def settle_snapshot(world: World, snapshot: Snapshot, *, whole: bool) -> None:
    """End what a pending snapshot waits for: it has its data, or will never have them."""
    if whole:
        _complete(snapshot, world)
    else:
        _fail(snapshot)


def snapshot_of(
    world: World, region: Region, volume: Volume, description: str, tags: Mapping[str, str]
) -> Snapshot:
    """Return a new snapshot of a volume, which completes when it has the volume's data."""
    snapshot = pending_snapshot_of(world, region, volume, description, tags)
    volume_data.begin_snapshot(
        world,
        region,
        volume,
        snapshot.id,
        done=lambda: _complete(snapshot, world),
        failed=lambda: _fail(snapshot),
    )
    return snapshot


def copy_of(
    world: World,
    region: Region,
    source_id: str,
    *,
    volume_size_gib: int,
    description: str = "",
    encrypted: bool = False,
    kms_key_id: str | None = None,
    tags: Mapping[str, str] = NO_TAGS,
    vm_manager: str = "",
) -> Snapshot:
    """Return a new copy of a snapshot, which completes when it has the snapshot's data."""
    snapshot = _new_snapshot(
        world,
        region,
        volume_id=NO_VOLUME,
        volume_size_gib=volume_size_gib,
        description=description,
        encrypted=encrypted,
        kms_key_id=kms_key_id,
        tags=tags,
        vm_manager=vm_manager,
    )
    volume_data.begin_snapshot_copy(
        world,
        source_id,
        snapshot,
        done=lambda: _complete(snapshot, world),
        failed=lambda: _fail(snapshot),
    )
    return snapshot


def _volume(region: Region, volume_id: str) -> Volume:
    volume = region[Volume].get(volume_id)
    if volume is None:
        NOUNS["vol"].check_form(volume_id)
        raise NOUNS["vol"].missing([volume_id])
    return volume


def create_snapshot(call: Call, params: aws.CreateSnapshotRequestTypeDef) -> Mapping[str, Any]:
    """Take a snapshot of a volume. Source: API_CreateSnapshot."""
    volume = _volume(call.region, params["VolumeId"])
    if volume.state not in ("available", "in-use"):
        raise AwsError("IncorrectState", f"Volume '{volume.id}' is in the '{volume.state}' state.")
    snapshot = snapshot_of(
        call.world,
        call.region,
        volume,
        params.get("Description") or "",
        tags_on_create(params, "snapshot"),
    )
    return _view(call.region, snapshot)


def create_snapshots(call: Call, params: aws.CreateSnapshotsRequestTypeDef) -> dict[str, Any]:
    """Take snapshots of all volumes of an instance at once. Source: API_CreateSnapshots."""
    region = call.region
    given = params["InstanceSpecification"]
    instance = region[Instance].get(given["InstanceId"])
    if instance is None:
        NOUNS["i"].check_form(given["InstanceId"])
        raise NOUNS["i"].missing([given["InstanceId"]])
    chosen = _chosen_volumes(region, instance, given)
    tags = tags_on_create(params, "snapshot")
    copied = params.get("CopyTagsFromSource") == "volume"
    each = [{**volume.tags, **tags} if copied else tags for volume in chosen]
    if any(len(one) > MAX_TAGS for one in each):
        raise AwsError("TagLimitExceeded", f"More than {MAX_TAGS} tags specified")
    made = [
        snapshot_of(call.world, region, volume, params.get("Description") or "", one)
        for volume, one in zip(chosen, each, strict=True)
    ]
    return {"Snapshots": [_info(region, snapshot) for snapshot in made]}


def _chosen_volumes(
    region: Region, instance: Instance, given: aws.InstanceSpecificationTypeDef
) -> list[Volume]:
    table = region[Volume]
    held = [
        *table.where(instance_id=instance.id),
        *table.where(more_instance_ids=instance.id),
    ]
    excluded = set(given.get("ExcludeDataVolumeIds") or ())
    roots = {
        volume.id
        for volume in held
        if volume.attachment is not None and volume.attachment.device == instance.root_device_name
    }
    foreign = sorted(excluded - {volume.id for volume in held})
    if foreign:
        raise AwsError(
            "InvalidParameterValue",
            f"Volumes {', '.join(foreign)} are not attached to instance {instance.id}",
        )
    if excluded & roots:
        raise AwsError(
            "InvalidParameterValue",
            "The root volume is excluded with ExcludeBootVolume, not with ExcludeDataVolumeIds",
        )
    if given.get("ExcludeBootVolume"):
        excluded |= roots
    return [volume for volume in held if volume.id not in excluded]


def _info(region: Region, snapshot: Snapshot) -> dict[str, Any]:
    """Return a snapshot in the shape of AWS's SnapshotInfo."""
    shown = _view(region, snapshot)
    names = ("Description", "Tags", "Encrypted", "VolumeId", "State", "VolumeSize", "StartTime")
    return {name: shown[name] for name in (*names, "Progress", "OwnerId", "SnapshotId")}


def copy_snapshot(call: Call, params: aws.CopySnapshotRequestTypeDef) -> dict[str, Any]:
    """Copy a snapshot into the addressed region. Source: API_CopySnapshot."""
    source_region = call.state.region(call.account, known_region(params["SourceRegion"]))
    source = visible(call, source_region, params["SourceSnapshotId"])
    if source.state != "completed":
        raise AwsError("IncorrectState", f"Snapshot is in invalid state - {source.state}")
    minutes = params.get("CompletionDurationMinutes")
    if minutes is not None and (
        minutes % DURATION_STEP_MINUTES
        or not DURATION_STEP_MINUTES <= minutes <= MAX_DURATION_MINUTES
    ):
        raise AwsError(
            "InvalidParameterValue",
            f"Value ({minutes}) for parameter completionDurationMinutes is invalid; "
            f"use a multiple of {DURATION_STEP_MINUTES} up to {MAX_DURATION_MINUTES}",
        )
    tags = tags_on_create(params, "snapshot")
    copy = copied_snapshot(
        call,
        source,
        description=params.get("Description") or "",
        encrypted=params.get("Encrypted"),
        kms_key_id=params.get("KmsKeyId"),
        tags=tags,
    )
    copy.transfer_type = "standard" if minutes is None else "time-based"
    copy.completion_duration_minutes = minutes
    return {"SnapshotId": copy.id, "Tags": tag_set(tags)}


def copied_snapshot(
    call: Call,
    source: Snapshot,
    *,
    description: str,
    encrypted: bool | None,
    kms_key_id: str | None,
    tags: Mapping[str, str] = NO_TAGS,
) -> Snapshot:
    """Return a copy, in the addressed region, of a snapshot of any region."""
    encrypted, key = encryption(
        call.region,
        encrypted=encrypted,
        kms_key_id=kms_key_id,
        source_encrypted=source.encrypted,
    )
    return copy_of(
        call.world,
        call.region,
        source.id,
        volume_size_gib=source.volume_size_gib,
        description=description,
        encrypted=encrypted,
        kms_key_id=key,
        tags=tags,
        vm_manager=source.vm_manager,
    )


def describe_snapshots(call: Call, params: aws.DescribeSnapshotsRequestTypeDef) -> dict[str, Any]:
    """List snapshots: one's own, and those that others share."""
    region, ids = call.region, params.get("SnapshotIds")
    if ids and params.get("MaxResults") is not None:
        raise AwsError(
            "InvalidParameterCombination",
            "The parameter SnapshotIds cannot be used with the parameter MaxResults",
        )
    listing = Listing.of(
        call.state, region, list(region[Snapshot]), lambda home: _shared(home, call.account)
    )
    rows = listing.rows
    if ids:
        missing = sorted(set(ids) - {snapshot.id for snapshot in rows})
        for snapshot_id in missing:
            NOUNS["snap"].check_form(snapshot_id)
        if missing:
            raise NOUNS["snap"].missing(missing)
        rows = [snapshot for snapshot in rows if snapshot.id in ids]
    rows = _owned(rows, params.get("OwnerIds"), region.account)
    rows = _restorable_by(rows, params.get("RestorableByUserIds"), region.account)
    listing.rows = select(region, rows, params.get("Filters"), SNAPSHOT.filters, taggable=True)
    return listing.answer(call, params, SNAPSHOT, "Snapshots")


def _owned(rows: list[Snapshot], owners: Sequence[str] | None, account: str) -> list[Snapshot]:
    if not owners:
        return rows
    wanted = {account if owner == "self" else owner for owner in owners}
    return [snapshot for snapshot in rows if snapshot.owner_id in wanted]


def _restorable_by(
    rows: list[Snapshot], users: Sequence[str] | None, account: str
) -> list[Snapshot]:
    """Keep what these users may restore: what they own, what is shared with them or all."""
    if not users:
        return rows
    wanted = {account if user == "self" else user for user in users}
    return [
        snapshot
        for snapshot in rows
        if ("all" in wanted and snapshot.create_permission_all)
        or snapshot.owner_id in wanted
        or not wanted.isdisjoint(snapshot.create_permission_users)
    ]


def images_with(region: Region, snapshot_id: str) -> list[Image]:
    """Return the registered images whose block devices are made from a snapshot."""
    return [
        image
        for image in region[Image].where(snapshot_ids=snapshot_id)
        if image.state != "deregistered"
    ]


def delete_snapshot(call: Call, params: aws.DeleteSnapshotRequestTypeDef) -> dict[str, Any]:
    """Delete a snapshot that no image needs. Source: API_DeleteSnapshot."""
    snapshot = SNAPSHOT.find(call.region, params["SnapshotId"])
    users = images_with(call.region, snapshot.id)
    if users:
        raise AwsError(
            "InvalidSnapshot.InUse",
            f"The snapshot {snapshot.id} is currently in use by {users[0].id}",
        )
    if locked(snapshot, call.world.clock.now()):
        raise AwsError(
            "OperationNotPermitted", f"The snapshot {snapshot.id} is locked and can't be deleted"
        )
    call.region[Snapshot].remove(snapshot)
    volume_data.begin_deletion(call.world, snapshot)
    return {}


def locked(snapshot: Snapshot, now: datetime) -> bool:
    """Tell whether a lock keeps a snapshot from being deleted."""
    return snapshot.lock is not None and snapshot.lock.expires_at > now


OPERATIONS: Mapping[str, Handler] = {
    "CopySnapshot": copy_snapshot,
    "CreateSnapshot": create_snapshot,
    "CreateSnapshots": create_snapshots,
    "DeleteSnapshot": delete_snapshot,
    "DescribeSnapshots": describe_snapshots,
}
