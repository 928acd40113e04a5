from __future__ import annotations

from typing import Any

from tests.fakes.client import Client
from tests.fakes.instances import ACCOUNT, running_instance, volumes_of

OTHER = "111122223333"


def a_volume(client: Client, **params: Any) -> str:
    made = client.call("CreateVolume", AvailabilityZone="us-east-1a", Size=10, **params)
    return str(made["VolumeId"])


def snap(client: Client, volume_id: str | None = None, **params: Any) -> str:
    made = client.call("CreateSnapshot", VolumeId=volume_id or a_volume(client), **params)
    return str(made["SnapshotId"])


def show(client: Client, snapshot_id: str) -> dict[str, Any]:
    (snapshot,) = client.call("DescribeSnapshots", SnapshotIds=[snapshot_id])["Snapshots"]
    return dict(snapshot)


def listed(client: Client, **params: Any) -> list[str]:
    found = client.call("DescribeSnapshots", **params)["Snapshots"]
    return [snapshot["SnapshotId"] for snapshot in found]


def test_a_snapshot_is_pending_in_the_answer_and_completed_in_the_next() -> None:
    client = Client()
    volume_id = a_volume(client, Encrypted=True)
    made = client.call(
        "CreateSnapshot",
        VolumeId=volume_id,
        Description="before the upgrade",
        TagSpecifications=[{"ResourceType": "snapshot", "Tags": [{"Key": "a", "Value": "b"}]}],
    )
    assert (made["State"], made["Progress"]) == ("pending", "0%")
    shown = show(client, made["SnapshotId"])
    assert (shown["State"], shown["Progress"]) == ("completed", "100%")
    assert shown["VolumeId"] == volume_id
    assert shown["VolumeSize"] == 10
    assert shown["OwnerId"] == ACCOUNT
    assert shown["Description"] == "before the upgrade"
    assert shown["Encrypted"] is True
    assert shown["KmsKeyId"].startswith("arn:aws:kms:")
    assert shown["StorageTier"] == "standard"
    assert shown["Tags"] == [{"Key": "a", "Value": "b"}]
    again = show(client, snap(client, volume_id))
    assert shown["DataEncryptionKeyId"] == again["DataEncryptionKeyId"]


def test_a_deleted_snapshot_is_not_found() -> None:
    client = Client()
    snapshot_id = snap(client)
    client.call("DeleteSnapshot", SnapshotId=snapshot_id)
    for operation, params in (
        ("DescribeSnapshots", {"SnapshotIds": [snapshot_id]}),
        ("DeleteSnapshot", {"SnapshotId": snapshot_id}),
        ("CreateVolume", {"AvailabilityZone": "us-east-1a", "SnapshotId": snapshot_id}),
        ("CopySnapshot", {"SourceRegion": "us-east-1", "SourceSnapshotId": snapshot_id}),
    ):
        assert client.code_of(operation, **params) == "InvalidSnapshot.NotFound"
    assert client.code_of("CreateSnapshot", VolumeId="vol-1") == "InvalidParameterValue"


def test_all_volumes_of_an_instance_are_taken_at_once() -> None:
    client = Client()
    instance = running_instance(client, data=("/dev/sdf", "/dev/sdg"))
    root, first, second = volumes_of(client, instance)
    client.call("CreateTags", Resources=[first.id], Tags=[{"Key": "disk", "Value": "first"}])

    def taken(**specification: Any) -> list[dict[str, Any]]:
        made = client.call(
            "CreateSnapshots",
            InstanceSpecification={"InstanceId": instance.id, **specification},
            CopyTagsFromSource="volume",
        )
        return list(made["Snapshots"])

    assert [s["VolumeId"] for s in taken()] == [root.id, first.id, second.id]
    (only,) = taken(ExcludeBootVolume=True, ExcludeDataVolumeIds=[second.id])
    assert only["VolumeId"] == first.id
    assert only["Tags"] == [{"Key": "disk", "Value": "first"}]
    for excluded in (root.id, "vol-0123456789abcdef0"):
        assert (
            client.code_of(
                "CreateSnapshots",
                InstanceSpecification={
                    "InstanceId": instance.id,
                    "ExcludeDataVolumeIds": [excluded],
                },
            )
            == "InvalidParameterValue"
        )


def test_a_snapshot_is_copied_to_another_region() -> None:
    client = Client()
    far = Client(like=client, region="eu-west-1")
    source_id = snap(client)
    copy_id = far.call(
        "CopySnapshot",
        SourceRegion="us-east-1",
        SourceSnapshotId=source_id,
        Description="the copy",
        Encrypted=True,
        KmsKeyId="alias/mine",
    )["SnapshotId"]
    copy = show(far, copy_id)
    assert copy["VolumeSize"] == 10
    assert copy["VolumeId"] == "vol-ffffffff"
    assert copy["Description"] == "the copy"
    assert copy["KmsKeyId"].startswith("arn:aws:kms:eu-west-1:")
    assert copy["TransferType"] == "standard"
    again_id = client.call(
        "CopySnapshot",
        SourceRegion="eu-west-1",
        SourceSnapshotId=copy_id,
        CompletionDurationMinutes=30,
    )["SnapshotId"]
    again = show(client, again_id)
    assert again["Encrypted"] is True
    assert (again["TransferType"], again["CompletionDurationMinutes"]) == ("time-based", 30)
    refused = {"SourceRegion": "us-east-1", "SourceSnapshotId": source_id}
    assert far.code_of("CopySnapshot", **refused, CompletionDurationMinutes=20) == (
        "InvalidParameterValue"
    )
    assert far.code_of("CopySnapshot", **refused, KmsKeyId="alias/mine") == (
        "InvalidParameterDependency"
    )


def test_a_snapshot_is_private_until_it_is_shared() -> None:
    client = Client()
    other = Client(like=client, access_key=OTHER)
    snapshot_id = snap(client)
    assert listed(other) == []
    assert other.code_of("DescribeSnapshots", SnapshotIds=[snapshot_id]) == (
        "InvalidSnapshot.NotFound"
    )
    client.call(
        "ModifySnapshotAttribute",
        SnapshotId=snapshot_id,
        Attribute="createVolumePermission",
        OperationType="add",
        UserIds=[OTHER],
    )
    assert listed(other) == [snapshot_id]
    assert listed(other, OwnerIds=["self"]) == []
    assert listed(other, OwnerIds=[ACCOUNT]) == [snapshot_id]
    assert listed(other, RestorableByUserIds=["self"]) == [snapshot_id]
    made = other.call("CreateVolume", AvailabilityZone="us-east-1a", SnapshotId=snapshot_id)
    assert made["Size"] == 10
    assert other.code_of("DeleteSnapshot", SnapshotId=snapshot_id) == "InvalidSnapshot.NotFound"
    shown = client.call(
        "DescribeSnapshotAttribute", SnapshotId=snapshot_id, Attribute="createVolumePermission"
    )
    assert shown["CreateVolumePermissions"] == [{"UserId": OTHER}]
    assert (
        other.code_of(
            "DescribeSnapshotAttribute", SnapshotId=snapshot_id, Attribute="createVolumePermission"
        )
        == "AuthFailure"
    )
    client.call(
        "ResetSnapshotAttribute", SnapshotId=snapshot_id, Attribute="createVolumePermission"
    )
    assert listed(other) == []


def test_sharing_with_everybody_can_be_blocked() -> None:
    client = Client()
    other = Client(like=client, access_key=OTHER)
    snapshot_id = snap(client)
    public = {
        "SnapshotId": snapshot_id,
        "CreateVolumePermission": {"Add": [{"Group": "all"}]},
    }
    client.call("ModifySnapshotAttribute", **public)
    assert listed(other, RestorableByUserIds=["all"]) == [snapshot_id]
    client.call("EnableSnapshotBlockPublicAccess", State="block-all-sharing")
    assert client.call("GetSnapshotBlockPublicAccessState")["State"] == "block-all-sharing"
    assert listed(other) == []
    assert client.code_of("ModifySnapshotAttribute", **public) == "OperationNotPermitted"
    assert client.call("DisableSnapshotBlockPublicAccess")["State"] == "unblocked"
    client.call("ModifySnapshotAttribute", **public)
    assert listed(other) == [snapshot_id]


def test_what_may_not_be_shared() -> None:
    client = Client()
    plain, encrypted = snap(client), snap(client, a_volume(client, Encrypted=True))

    def code(snapshot_id: str, *permissions: dict[str, str]) -> str:
        return client.code_of(
            "ModifySnapshotAttribute",
            SnapshotId=snapshot_id,
            CreateVolumePermission={"Add": list(permissions)},
        )

    assert code(plain) == "InvalidParameterCombination"
    assert code(plain, {"UserId": "bob"}) == "InvalidUserID.Malformed"
    assert code(encrypted, {"UserId": OTHER}) == "InvalidParameterValue"
    assert code(encrypted, {"Group": "all"}) == "InvalidParameterValue"


def test_a_snapshot_is_archived_and_restored() -> None:
    client = Client()
    snapshot_id = snap(client)

    def tier() -> dict[str, Any]:
        (status,) = client.call(
            "DescribeSnapshotTierStatus",
            Filters=[{"Name": "snapshot-id", "Values": [snapshot_id]}],
        )["SnapshotTierStatuses"]
        return dict(status)

    assert tier()["StorageTier"] == "standard"
    assert client.code_of("RestoreSnapshotTier", SnapshotId=snapshot_id, PermanentRestore=True) == (
        "IncorrectState"
    )
    client.call("ModifySnapshotTier", SnapshotId=snapshot_id, StorageTier="archive")
    assert tier()["StorageTier"] == "archive"
    assert tier()["LastTieringOperationStatus"] == "archival-completed"
    assert show(client, snapshot_id)["StorageTier"] == "archive"
    volume = {"AvailabilityZone": "us-east-1a", "SnapshotId": snapshot_id}
    assert client.code_of("CreateVolume", **volume) == "IncorrectState"
    assert client.code_of("RestoreSnapshotTier", SnapshotId=snapshot_id) == (
        "InvalidParameterCombination"
    )

    client.call("RestoreSnapshotTier", SnapshotId=snapshot_id, TemporaryRestoreDays=2)
    assert "RestoreExpiryTime" in show(client, snapshot_id)
    client.call("CreateVolume", **volume)
    client.turn(3 * 86400)
    assert client.code_of("CreateVolume", **volume) == "IncorrectState"
    client.call("RestoreSnapshotTier", SnapshotId=snapshot_id, PermanentRestore=True)
    assert tier()["StorageTier"] == "standard"
    client.call("CreateVolume", **volume)


def test_a_locked_snapshot_is_not_deleted() -> None:
    client = Client()
    snapshot_id = snap(client)
    lock = {"SnapshotId": snapshot_id, "LockMode": "governance"}
    assert client.code_of("LockSnapshot", **lock) == "InvalidParameterCombination"
    assert client.call("LockSnapshot", **lock, LockDuration=2)["LockState"] == "governance"
    assert client.code_of("DeleteSnapshot", SnapshotId=snapshot_id) == "OperationNotPermitted"
    (held,) = client.call("DescribeLockedSnapshots")["Snapshots"]
    assert held["SnapshotId"] == snapshot_id
    client.call("UnlockSnapshot", SnapshotId=snapshot_id)

    lock["LockMode"] = "compliance"
    cooling = client.call("LockSnapshot", **lock, LockDuration=2, CoolOffPeriod=1)
    assert cooling["LockState"] == "compliance-cooloff"
    client.turn(3601)
    assert client.code_of("UnlockSnapshot", SnapshotId=snapshot_id) == "OperationNotPermitted"
    assert client.code_of("LockSnapshot", **lock, LockDuration=1) == "OperationNotPermitted"
    client.turn(2 * 86400)
    client.call("DeleteSnapshot", SnapshotId=snapshot_id)


def test_filters_find_snapshots() -> None:
    client = Client()
    volume_id = a_volume(client, Encrypted=True)
    snapshot_id = snap(client, volume_id, Description="nightly")
    snap(client)
    for name, value in {
        "description": "night*",
        "encrypted": "true",
        "snapshot-id": snapshot_id,
        "volume-id": volume_id,
    }.items():
        filters = [{"Name": name, "Values": [value]}]
        assert listed(client, Filters=filters) == [snapshot_id], name
    for name, value in {
        "owner-id": ACCOUNT,
        "progress": "100%",
        "status": "completed",
        "storage-tier": "standard",
        "volume-size": "10",
        "start-time": "2026-01-02T03:04:05.000Z",
    }.items():
        assert len(listed(client, Filters=[{"Name": name, "Values": [value]}])) == 2, name
    assert listed(client, Filters=[{"Name": "owner-alias", "Values": ["amazon"]}]) == []
