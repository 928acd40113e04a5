"""Where snapshots are kept: the standard and the archive tier, and locks against deletion."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import attrs

from emulator.core.errors import AwsError
from emulator.model.volume import Snapshot, SnapshotLock, Tiering
from emulator.services.call import Call, Handler, World
from emulator.services.ec2.kind import tag_set
from emulator.services.ec2.storage.snapshots import SNAPSHOT, images_with, locked
from emulator.services.filters import Field, select
from emulator.services.pages import page_of_rows

if TYPE_CHECKING:
    from mypy_boto3_ec2 import type_defs as aws

# "Archive Amazon EBS snapshots": how long a temporary restore may last.
MAX_RESTORE_DAYS = 180
# "Lock a snapshot".
MAX_LOCK_DAYS = 36500
MAX_COOL_OFF_HOURS = 72


def modify_snapshot_tier(
    call: Call, params: aws.ModifySnapshotTierRequestTypeDef
) -> dict[str, Any]:
    """Archive a snapshot. Source: API_ModifySnapshotTier."""
    snapshot = SNAPSHOT.find(call.region, params["SnapshotId"])
    _check_standard(call, snapshot)
    now = call.world.clock.now()
    snapshot.tiering = Tiering("archival-in-progress", now, 0)
    call.world.later(
        0.0, f"archiving {snapshot.id}", _end_tiering, snapshot, call.world, "archival", "archive"
    )
    return {"SnapshotId": snapshot.id, "TieringStartTime": now}


def _check_standard(call: Call, snapshot: Snapshot) -> None:
    if snapshot.state != "completed":
        raise AwsError("IncorrectState", f"Snapshot is in invalid state - {snapshot.state}")
    if snapshot.storage_tier == "archive" and snapshot.restore_expires_at is None:
        raise AwsError("IncorrectState", f"Snapshot {snapshot.id} is archived already")
    users = images_with(call.region, snapshot.id)
    if users:
        raise AwsError(
            "InvalidSnapshot.InUse",
            f"The snapshot {snapshot.id} is currently in use by {users[0].id}",
        )


def _end_tiering(snapshot: Snapshot, world: World, operation: str, tier: str) -> None:
    tiering = snapshot.tiering
    if tiering is not None and tiering.operation == f"{operation}-in-progress":
        snapshot.tiering = attrs.evolve(
            tiering,
            operation=f"{operation}-completed",
            progress_percent=100,
            completed_at=world.clock.now(),
        )
        snapshot.storage_tier = tier


def restore_snapshot_tier(
    call: Call, params: aws.RestoreSnapshotTierRequestTypeDef
) -> dict[str, Any]:
    """Bring a snapshot back, for good or for some days. Source: API_RestoreSnapshotTier."""
    snapshot = SNAPSHOT.find(call.region, params["SnapshotId"])
    days, permanent = params.get("TemporaryRestoreDays"), bool(params.get("PermanentRestore"))
    if permanent == (days is not None):
        raise AwsError(
            "InvalidParameterCombination",
            "Specify either the parameter PermanentRestore or TemporaryRestoreDays",
        )
    if days is not None and not 1 <= days <= MAX_RESTORE_DAYS:
        raise AwsError(
            "InvalidParameterValue",
            f"Value ({days}) for parameter temporaryRestoreDays is invalid. "
            f"Expecting a value between 1 and {MAX_RESTORE_DAYS}.",
        )
    if snapshot.storage_tier != "archive":
        raise AwsError("IncorrectState", f"Snapshot {snapshot.id} is not archived")
    now = call.world.clock.now()
    operation = "permanent-restore" if permanent else "temporary-restore"
    snapshot.tiering = Tiering(f"{operation}-in-progress", now, 0)
    snapshot.restore_expires_at = None if days is None else now + timedelta(days=days)
    call.world.later(
        0.0,
        f"restoring {snapshot.id}",
        _end_tiering,
        snapshot,
        call.world,
        operation,
        "standard" if permanent else "archive",
    )
    return {
        "SnapshotId": snapshot.id,
        "RestoreStartTime": now,
        "RestoreDuration": days,
        "IsPermanentRestore": permanent,
    }


def _tier_view(snapshot: Snapshot) -> dict[str, Any]:
    tiering = snapshot.tiering
    archived = tiering is not None and tiering.operation == "archival-completed"
    return {
        "SnapshotId": snapshot.id,
        "VolumeId": snapshot.volume_id,
        "Status": snapshot.state,
        "OwnerId": snapshot.owner_id,
        "Tags": tag_set(snapshot.tags),
        "StorageTier": snapshot.storage_tier,
        "LastTieringStartTime": tiering and tiering.started_at,
        "LastTieringProgress": tiering and tiering.progress_percent,
        "LastTieringOperationStatus": tiering and tiering.operation,
        "ArchivalCompleteTime": tiering.completed_at if tiering and archived else None,
        "RestoreExpiryTime": snapshot.restore_expires_at,
    }


TIER_FILTERS: Mapping[str, Field[Snapshot]] = {
    "last-tiering-operation": lambda _, snapshot: (
        snapshot.tiering.operation if snapshot.tiering else None
    ),
    "snapshot-id": lambda _, snapshot: snapshot.id,
    "volume-id": lambda _, snapshot: snapshot.volume_id,
}


def describe_snapshot_tier_status(
    call: Call, params: aws.DescribeSnapshotTierStatusRequestTypeDef
) -> dict[str, Any]:
    """Tell in which tier snapshots are."""
    region = call.region
    rows = select(region, SNAPSHOT.rows(region), params.get("Filters"), TIER_FILTERS, taggable=True)
    shown, token = page_of_rows(call.operation.name, rows, params, call.operation.page_limits)
    answer: dict[str, Any] = {"SnapshotTierStatuses": [_tier_view(row) for row in shown]}
    if token is not None:
        answer["NextToken"] = token
    return answer


def _lock_state(lock: SnapshotLock, now: datetime) -> str:
    if lock.expires_at <= now:
        return "expired"
    if lock.cool_off_expires_at is not None and lock.cool_off_expires_at > now:
        return "compliance-cooloff"
    return lock.mode


def _lock_view(lock: SnapshotLock, now: datetime) -> dict[str, Any]:
    return {
        "LockState": _lock_state(lock, now),
        "LockDuration": lock.duration_days,
        "CoolOffPeriod": lock.cool_off_hours,
        "CoolOffPeriodExpiresOn": lock.cool_off_expires_at,
        "LockCreatedOn": lock.created_at,
        "LockDurationStartTime": lock.started_at,
        "LockExpiresOn": lock.expires_at,
    }


def _new_lock(params: aws.LockSnapshotRequestTypeDef, now: datetime) -> SnapshotLock:
    days, expires_at = params.get("LockDuration"), params.get("ExpirationDate")
    if (days is None) == (expires_at is None):
        raise AwsError(
            "InvalidParameterCombination",
            "Specify either the parameter LockDuration or ExpirationDate",
        )
    hours = params.get("CoolOffPeriod")
    if hours is not None and params["LockMode"] == "governance":
        raise AwsError(
            "InvalidParameterCombination", "CoolOffPeriod is for locks in compliance mode only"
        )
    if hours is not None and not 1 <= hours <= MAX_COOL_OFF_HOURS:
        raise AwsError(
            "InvalidParameterValue",
            f"CoolOffPeriod must be between 1 and {MAX_COOL_OFF_HOURS} hours",
        )
    if isinstance(expires_at, datetime):
        days = (expires_at - now).days
    if days is None or not 1 <= days <= MAX_LOCK_DAYS:
        raise AwsError("InvalidParameterValue", f"A lock lasts between 1 and {MAX_LOCK_DAYS} days")
    return SnapshotLock(
        mode=params["LockMode"],
        duration_days=days,
        created_at=now,
        started_at=now,
        expires_at=expires_at if isinstance(expires_at, datetime) else now + timedelta(days=days),
        cool_off_hours=hours,
        cool_off_expires_at=None if hours is None else now + timedelta(hours=hours),
    )


def lock_snapshot(call: Call, params: aws.LockSnapshotRequestTypeDef) -> dict[str, Any]:
    """Keep a snapshot from being deleted. Source: API_LockSnapshot."""
    snapshot = SNAPSHOT.find(call.region, params["SnapshotId"])
    now = call.world.clock.now()
    lock, before = _new_lock(params, now), snapshot.lock
    if (
        before is not None
        and _lock_state(before, now) == "compliance"
        and (lock.mode != "compliance" or lock.expires_at < before.expires_at)
    ):
        raise AwsError(
            "OperationNotPermitted",
            f"The lock of {snapshot.id} in compliance mode can only be extended",
        )
    snapshot.lock = lock
    return {"SnapshotId": snapshot.id, **_lock_view(lock, now)}


def unlock_snapshot(call: Call, params: aws.UnlockSnapshotRequestTypeDef) -> dict[str, Any]:
    """Take a lock away, where its mode allows it. Source: API_UnlockSnapshot."""
    snapshot = SNAPSHOT.find(call.region, params["SnapshotId"])
    now = call.world.clock.now()
    if snapshot.lock is None or not locked(snapshot, now):
        raise AwsError("SnapshotNotLocked", f"The snapshot {snapshot.id} is not locked")
    if _lock_state(snapshot.lock, now) == "compliance":
        raise AwsError(
            "OperationNotPermitted",
            f"The snapshot {snapshot.id} is locked in compliance mode and can't be unlocked",
        )
    snapshot.lock = None
    return {"SnapshotId": snapshot.id}


def describe_locked_snapshots(
    call: Call, params: aws.DescribeLockedSnapshotsRequestTypeDef
) -> dict[str, Any]:
    """List locked snapshots."""
    region, ids, now = call.region, params.get("SnapshotIds"), call.world.clock.now()
    rows = SNAPSHOT.find_all(region, ids) if ids else SNAPSHOT.rows(region)
    filters: Mapping[str, Field[Snapshot]] = {
        "lock-state": lambda _, snapshot: (
            None if snapshot.lock is None else _lock_state(snapshot.lock, now)
        )
    }
    held = [snapshot for snapshot in rows if snapshot.lock is not None]
    held = select(region, held, params.get("Filters"), filters, taggable=False)
    shown, token = page_of_rows(call.operation.name, held, params, call.operation.page_limits)
    answer: dict[str, Any] = {
        "Snapshots": [
            {
                "SnapshotId": snapshot.id,
                "OwnerId": snapshot.owner_id,
                **_lock_view(snapshot.lock, now),
            }
            for snapshot in shown
            if snapshot.lock is not None
        ]
    }
    if token is not None:
        answer["NextToken"] = token
    return answer


OPERATIONS: Mapping[str, Handler] = {
    "DescribeLockedSnapshots": describe_locked_snapshots,
    "DescribeSnapshotTierStatus": describe_snapshot_tier_status,
    "LockSnapshot": lock_snapshot,
    "ModifySnapshotTier": modify_snapshot_tier,
    "RestoreSnapshotTier": restore_snapshot_tier,
    "UnlockSnapshot": unlock_snapshot,
}
