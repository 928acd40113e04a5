from __future__ import annotations

from typing import Any

import pytest

from emulator.services.ec2.storage import volumes
from tests.fakes.client import Client
from tests.fakes.instances import ACCOUNT, running_instance, volumes_of

KEY = "arn:aws:kms:us-east-1:000000000000:key/1234abcd-12ab-34cd-56ef-1234567890ab"


def make(client: Client, **params: Any) -> str:
    settings = {"AvailabilityZone": "us-east-1a", "Size": 10, **params}
    if settings["Size"] is None:
        del settings["Size"]
    return str(client.call("CreateVolume", **settings)["VolumeId"])


def show(client: Client, volume_id: str) -> dict[str, Any]:
    (volume,) = client.call("DescribeVolumes", VolumeIds=[volume_id])["Volumes"]
    return dict(volume)


def find(client: Client, **filters: str) -> list[str]:
    wanted = [
        {"Name": name.replace("__", ".").replace("_", "-"), "Values": [value]}
        for name, value in filters.items()
    ]
    found = client.call("DescribeVolumes", Filters=wanted)["Volumes"]
    return [volume["VolumeId"] for volume in found]


def test_a_volume_is_creating_in_the_answer_and_available_in_the_next() -> None:
    client = Client()
    made = client.call(
        "CreateVolume",
        AvailabilityZone="us-east-1a",
        Size=40,
        VolumeType="io2",
        Iops=500,
        Encrypted=True,
        KmsKeyId="1234abcd-12ab-34cd-56ef-1234567890ab",
        MultiAttachEnabled=True,
        TagSpecifications=[{"ResourceType": "volume", "Tags": [{"Key": "Name", "Value": "data"}]}],
    )
    assert made["State"] == "creating"

    shown = show(client, made["VolumeId"])
    assert {**made, "State": "available", "ResponseMetadata": None} == {
        **shown,
        "ResponseMetadata": None,
    }
    assert shown["Iops"] == 500
    assert shown["KmsKeyId"] == KEY
    assert shown["MultiAttachEnabled"] is True
    assert shown["AvailabilityZoneId"] == "use1-az6"
    assert shown["Tags"] == [{"Key": "Name", "Value": "data"}]


@pytest.mark.parametrize(
    ("params", "iops", "throughput"),
    [
        ({"Size": 10}, 100, None),
        ({"Size": 100}, 300, None),
        ({"Size": 8000}, 16000, None),
        ({"Size": 10, "VolumeType": "gp3"}, 3000, 125),
        ({"Size": 10, "VolumeType": "gp3", "Iops": 4000, "Throughput": 250}, 4000, 250),
        ({"Size": 10, "VolumeType": "io1", "Iops": 200}, 200, None),
        ({"Size": 125, "VolumeType": "st1"}, None, None),
        ({"Size": 1, "VolumeType": "standard"}, None, None),
    ],
)
def test_performance_follows_from_the_type(
    params: dict[str, Any], iops: int | None, throughput: int | None
) -> None:
    client = Client()
    volume = show(client, make(client, **params))
    assert (volume.get("Iops"), volume.get("Throughput")) == (iops, throughput)


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"Size": None}, "MissingParameter"),
        ({"AvailabilityZone": "us-east-1z"}, "InvalidZone.NotFound"),
        ({"AvailabilityZone": "eu-west-1a"}, "InvalidZone.NotFound"),
        ({"SnapshotId": "snap-0123456789abcdef0"}, "InvalidSnapshot.NotFound"),
        ({"Size": 20000}, "InvalidParameterValue"),
        ({"Size": 100, "VolumeType": "sc1"}, "InvalidParameterValue"),
        ({"Size": 1025, "VolumeType": "standard"}, "InvalidParameterValue"),
        ({"VolumeType": "io1"}, "InvalidParameterCombination"),
        ({"VolumeType": "io1", "Iops": 501}, "InvalidParameterValue"),
        ({"VolumeType": "io1", "Iops": 99}, "InvalidParameterValue"),
        ({"VolumeType": "gp2", "Iops": 100}, "InvalidParameterCombination"),
        ({"VolumeType": "gp3", "Iops": 6000}, "InvalidParameterValue"),
        ({"VolumeType": "gp3", "Throughput": 800}, "InvalidParameterValue"),
        ({"VolumeType": "gp2", "Throughput": 125}, "InvalidParameterCombination"),
        ({"MultiAttachEnabled": True}, "InvalidParameterCombination"),
        ({"KmsKeyId": KEY}, "InvalidParameterDependency"),
        ({"KmsKeyId": "no key", "Encrypted": True}, "InvalidParameterValue"),
        ({"VolumeInitializationRate": 200}, "InvalidParameterCombination"),
    ],
)
def test_what_aws_does_not_make_is_refused(params: dict[str, Any], code: str) -> None:
    client = Client()
    settings = {"AvailabilityZone": "us-east-1a", "Size": 10, **params}
    if settings["Size"] is None:
        del settings["Size"]
    assert client.code_of("CreateVolume", **settings) == code
    assert client.call("DescribeVolumes")["Volumes"] == []


def test_a_volume_may_not_be_smaller_than_its_snapshot() -> None:
    client = Client()
    snapshot_id = client.call("CreateSnapshot", VolumeId=make(client))["SnapshotId"]
    assert show(client, make(client, Size=None, SnapshotId=snapshot_id))["Size"] == 10
    assert show(client, make(client, Size=11, SnapshotId=snapshot_id))["SnapshotId"] == snapshot_id
    with pytest.raises(Exception, match="smaller than snapshot"):
        make(client, Size=9, SnapshotId=snapshot_id)


def test_a_repeated_client_token_makes_one_volume() -> None:
    client = Client()
    first, second = (make(client, ClientToken="same") for _ in range(2))
    assert first == second
    assert len(client.call("DescribeVolumes")["Volumes"]) == 1


def test_terraform_attaches_and_detaches() -> None:
    client = Client()
    instance, volume_id = running_instance(client), make(client)
    poll = {
        "VolumeIds": [volume_id],
        "Filters": [
            {"Name": "attachment.device", "Values": ["/dev/sdf"]},
            {"Name": "attachment.instance-id", "Values": [instance.id]},
        ],
    }
    assert client.call("DescribeVolumes", **poll)["Volumes"] == []

    attached = client.call(
        "AttachVolume", VolumeId=volume_id, InstanceId=instance.id, Device="/dev/sdf"
    )
    assert attached["State"] == "attaching"
    (volume,) = client.call("DescribeVolumes", **poll)["Volumes"]
    (attachment,) = volume["Attachments"]
    assert volume["State"] == "in-use"
    assert attachment["State"] == "attached"
    assert attachment["DeleteOnTermination"] is False
    assert client.code_of("DeleteVolume", VolumeId=volume_id) == "VolumeInUse"

    detached = client.call("DetachVolume", VolumeId=volume_id, InstanceId=instance.id)
    assert detached["State"] == "detaching"
    assert client.call("DescribeVolumes", **poll)["Volumes"] == []
    assert show(client, volume_id)["State"] == "available"

    client.call("DeleteVolume", VolumeId=volume_id)
    assert client.code_of("DescribeVolumes", VolumeIds=[volume_id]) == "InvalidVolume.NotFound"
    assert client.code_of("DeleteVolume", VolumeId=volume_id) == "InvalidVolume.NotFound"


def test_attaching_is_refused_where_aws_refuses_it() -> None:
    client = Client()
    instance, volume_id = running_instance(client), make(client)

    def code(**changed: str) -> str:
        asked = {"VolumeId": volume_id, "InstanceId": instance.id, "Device": "/dev/sdf", **changed}
        return client.code_of("AttachVolume", **asked)

    assert code(VolumeId="vol-0123456789abcdef0") == "InvalidVolume.NotFound"
    assert code(InstanceId="i-0123456789abcdef0") == "InvalidInstanceID.NotFound"
    assert code(Device="the second disk") == "InvalidParameterValue"
    assert code(Device="/dev/xvda") == "InvalidParameterValue"
    assert code(VolumeId=make(client, AvailabilityZone="us-east-1b")) == (
        "InvalidVolume.ZoneMismatch"
    )
    assert code(InstanceId=running_instance(client, state="pending").id) == "IncorrectState"
    assert show(client, volume_id)["Attachments"] == []

    client.call("AttachVolume", VolumeId=volume_id, InstanceId=instance.id, Device="/dev/sdf")
    other = running_instance(client)
    assert code(InstanceId=other.id) == "VolumeInUse"


def test_detaching_is_refused_where_aws_refuses_it() -> None:
    client = Client()
    instance, volume_id = running_instance(client), make(client)
    (root,) = volumes_of(client, instance)
    assert client.code_of("DetachVolume", VolumeId=volume_id) == "IncorrectState"
    assert client.code_of("DetachVolume", VolumeId=root.id) == "OperationNotPermitted"
    other = running_instance(client)
    assert (
        client.code_of("DetachVolume", VolumeId=root.id, InstanceId=other.id)
        == "InvalidAttachment.NotFound"
    )
    instance.move("stopping")
    instance.move("stopped")
    assert client.call("DetachVolume", VolumeId=root.id)["State"] == "detaching"


def test_a_multi_attach_volume_is_shared() -> None:
    client = Client()
    first, second = running_instance(client), running_instance(client)
    volume_id = make(client, VolumeType="io2", Iops=100, MultiAttachEnabled=True)
    for instance in (first, second):
        client.call("AttachVolume", VolumeId=volume_id, InstanceId=instance.id, Device="/dev/sdf")
    holders = [a["InstanceId"] for a in show(client, volume_id)["Attachments"]]
    assert holders == [first.id, second.id]
    assert volume_id in find(client, attachment__instance_id=second.id)
    taken = client.call("CreateSnapshots", InstanceSpecification={"InstanceId": second.id})
    assert volume_id in [snapshot["VolumeId"] for snapshot in taken["Snapshots"]]
    assert client.code_of("DetachVolume", VolumeId=volume_id) == "InvalidParameterCombination"
    assert (
        client.code_of("AttachVolume", VolumeId=volume_id, InstanceId=second.id, Device="/dev/sdg")
        == "VolumeInUse"
    )

    client.call("DetachVolume", VolumeId=volume_id, InstanceId=first.id)
    volume = show(client, volume_id)
    assert [a["InstanceId"] for a in volume["Attachments"]] == [second.id]
    assert [a["State"] for a in volume["Attachments"]] == ["attached"]
    assert volume["State"] == "in-use"

    region = client.api.state.region(ACCOUNT, "us-east-1")
    volumes.release_from_instance(client.api.world, region, second.id)
    assert show(client, volume_id)["State"] == "available"


def test_an_instance_takes_with_it_only_the_volumes_marked_so() -> None:
    client = Client()
    instance = running_instance(client, data=("/dev/sdf",))
    root, data = volumes_of(client, instance)
    region = client.api.state.region(ACCOUNT, "us-east-1")
    volumes.release_from_instance(client.api.world, region, instance.id)
    assert client.code_of("DescribeVolumes", VolumeIds=[root.id]) == "InvalidVolume.NotFound"
    assert show(client, data.id)["State"] == "available"


def test_filters_find_volumes() -> None:
    client = Client()
    instance = running_instance(client)
    (root,) = volumes_of(client, instance)
    plain = make(client, VolumeType="st1", Size=125, AvailabilityZone="us-east-1b", Encrypted=True)
    assert find(client, status="available") == [plain]
    assert find(client, attachment__instance_id=instance.id) == [root.id]
    assert find(client, attachment__delete_on_termination="true") == [root.id]
    assert find(client, attachment__status="attached") == [root.id]
    assert find(client, attachment__device="/dev/xvd*") == [root.id]
    assert find(client, availability_zone="us-east-1b") == [plain]
    assert find(client, encrypted="true") == [plain]
    assert find(client, size="125", volume_type="st1") == [plain]
    assert find(client, snapshot_id="snap-1") == [root.id]
    assert find(client, volume_id=plain) == [plain]
    assert find(client, create_time="2026-01-02T03:04:05.000Z") == [root.id, plain]
    assert (
        client.code_of("DescribeVolumes", Filters=[{"Name": "colour", "Values": ["blue"]}])
        == "InvalidParameterValue"
    )


def test_volumes_are_encrypted_by_default_once_that_is_enabled() -> None:
    client = Client()
    assert client.call("GetEbsEncryptionByDefault")["EbsEncryptionByDefault"] is False
    assert client.call("GetEbsDefaultKmsKeyId")["KmsKeyId"] == "alias/aws/ebs"
    assert client.call("EnableEbsEncryptionByDefault")["EbsEncryptionByDefault"] is True
    managed = show(client, make(client))
    assert managed["Encrypted"] is True
    assert managed["KmsKeyId"].startswith("arn:aws:kms:us-east-1:000000000000:key/")

    assert client.call("ModifyEbsDefaultKmsKeyId", KmsKeyId=KEY)["KmsKeyId"] == KEY
    assert client.call("GetEbsDefaultKmsKeyId")["KmsKeyId"] == KEY
    assert show(client, make(client))["KmsKeyId"] == KEY
    assert client.call("ResetEbsDefaultKmsKeyId")["KmsKeyId"] == "alias/aws/ebs"
    assert client.code_of("ModifyEbsDefaultKmsKeyId", KmsKeyId="?") == "InvalidParameterValue"

    client.call("DisableEbsEncryptionByDefault")
    assert show(client, make(client))["Encrypted"] is False


def test_a_modification_settles_and_is_remembered() -> None:
    client = Client()
    volume_id = make(client, Size=10)
    assert (
        client.code_of("DescribeVolumesModifications", VolumeIds=[volume_id])
        == "InvalidVolumeModification.NotFound"
    )
    made = client.call("ModifyVolume", VolumeId=volume_id, Size=20, VolumeType="gp3", Iops=4000)
    modification = made["VolumeModification"]
    assert modification["ModificationState"] == "modifying"
    assert (modification["OriginalSize"], modification["TargetSize"]) == (10, 20)
    assert (modification["OriginalIops"], modification["TargetIops"]) == (100, 4000)
    assert modification["TargetThroughput"] == 125

    def state() -> str:
        found = client.call("DescribeVolumesModifications", VolumeIds=[volume_id])
        return str(found["VolumesModifications"][0]["ModificationState"])

    assert state() == "optimizing"
    assert (
        client.code_of("ModifyVolume", VolumeId=volume_id, Size=30) == "IncorrectModificationState"
    )
    client.turn(2)
    assert state() == "completed"
    volume = show(client, volume_id)
    assert (volume["Size"], volume["VolumeType"], volume["Iops"]) == (20, "gp3", 4000)

    assert client.code_of("ModifyVolume", VolumeId=volume_id, Size=19) == "InvalidParameterValue"
    client.call("ModifyVolume", VolumeId=volume_id, VolumeType="gp2")
    assert show(client, volume_id)["Iops"] == 100
    assert "Throughput" not in show(client, volume_id)
    client.call("DeleteVolume", VolumeId=volume_id)
    assert client.call("DescribeVolumesModifications")["VolumesModifications"] == []


def test_volumes_are_well() -> None:
    client = Client()
    instance = running_instance(client)
    volume_id = make(client)
    (status,) = client.call(
        "DescribeVolumeStatus",
        Filters=[{"Name": "attachment-status.instance-id", "Values": [instance.id]}],
    )["VolumeStatuses"]
    assert status["VolumeStatus"]["Status"] == "ok"
    assert status["AttachmentStatuses"] == [{"InstanceId": instance.id, "IoPerformance": "normal"}]

    client.call("ModifyVolumeAttribute", VolumeId=volume_id, AutoEnableIO={"Value": True})
    assert client.call("DescribeVolumeAttribute", VolumeId=volume_id, Attribute="autoEnableIO")[
        "AutoEnableIO"
    ] == {"Value": True}
    client.call("EnableVolumeIO", VolumeId=volume_id)
    assert client.code_of("EnableVolumeIO", VolumeId="vol-1") == "InvalidParameterValue"
