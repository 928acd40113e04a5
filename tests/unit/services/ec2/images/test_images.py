from __future__ import annotations

from typing import Any

import pytest

from emulator.core.errors import AwsError
from emulator.services.ec2.images import images
from tests.fakes.client import Client
from tests.fakes.instances import ACCOUNT, running_instance

OTHER = "111122223333"


def a_snapshot(client: Client, size_gib: int = 8, **params: Any) -> str:
    volume = client.call("CreateVolume", AvailabilityZone="us-east-1a", Size=size_gib, **params)
    return str(client.call("CreateSnapshot", VolumeId=volume["VolumeId"])["SnapshotId"])


def register(client: Client, name: str = "mine", **params: Any) -> str:
    mapping = {"DeviceName": "/dev/sda1", "Ebs": {"SnapshotId": a_snapshot(client)}}
    settings = {
        "Name": name,
        "RootDeviceName": "/dev/sda1",
        "Architecture": "x86_64",
        "VirtualizationType": "hvm",
        "BlockDeviceMappings": [mapping],
        **params,
    }
    return str(client.call("RegisterImage", **settings)["ImageId"])


def show(client: Client, image_id: str) -> dict[str, Any]:
    (image,) = client.call("DescribeImages", ImageIds=[image_id])["Images"]
    return dict(image)


def listed(client: Client, **params: Any) -> list[str]:
    return [image["ImageId"] for image in client.call("DescribeImages", **params)["Images"]]


def where(**filters: str) -> list[dict[str, Any]]:
    return [
        {"Name": name.replace("__", ".").replace("_", "-"), "Values": [value]}
        for name, value in filters.items()
    ]


def test_stock_images_are_listed_with_all_that_terraform_takes_for_granted() -> None:
    for image in Client().call("DescribeImages", IncludeDeprecated=True)["Images"]:
        assert image["Public"] is True
        assert image["State"] == "available"
        assert image["CreationDate"].endswith("Z")
        assert image["RootDeviceType"] == "ebs"
        devices = {mapping["DeviceName"]: mapping for mapping in image["BlockDeviceMappings"]}
        assert image["RootDeviceName"] in devices
        for mapping in devices.values():
            ebs = mapping["Ebs"]
            needed = {"DeleteOnTermination", "Encrypted", "VolumeSize", "VolumeType", "SnapshotId"}
            assert needed <= ebs.keys()


def test_amazon_images_are_found_by_name() -> None:
    client = Client()
    found = client.call(
        "DescribeImages",
        Owners=["amazon"],
        Filters=where(name="amzn2-ami-minimal-hvm-*", root_device_type="ebs", architecture="arm64"),
    )["Images"]
    assert found
    assert all(image["Name"].startswith("amzn2-ami-minimal-hvm-") for image in found)
    assert all(image["ImageOwnerAlias"] == "amazon" for image in found)
    assert listed(client, Filters=where(name="no such name")) == []


def test_a_deprecated_image_is_shown_only_when_asked_for() -> None:
    client = Client(access_key=OTHER)
    deprecated = "ami-ff0fea8310f3"
    assert deprecated not in listed(client)
    assert deprecated in listed(client, IncludeDeprecated=True)
    assert listed(client, ImageIds=[deprecated]) == [deprecated]


def test_ids_are_malformed_or_unknown() -> None:
    client = Client()
    assert client.code_of("DescribeImages", ImageIds=["debian"]) == "InvalidAMIID.Malformed"
    assert client.code_of("DescribeImages", ImageIds=["ami-xyz"]) == "InvalidAMIID.Malformed"
    assert client.code_of("DescribeImages", ImageIds=["ami-000001"]) == "InvalidAMIID.NotFound"
    region = client.api.state.region(ACCOUNT, "us-east-1")
    assert images.launchable(region, "ami-df5de72bdb3b").name == "ubuntu-22.04-jammy-jellyfish"
    with pytest.raises(AwsError, match=r"InvalidAMIID\.Malformed"):
        images.launchable(region, "ami-")
    with pytest.raises(AwsError, match=r"InvalidAMIID\.NotFound"):
        images.launchable(region, "ami-000001")


def test_terraform_registers_reads_and_deregisters() -> None:
    client = Client()
    snapshot_id = a_snapshot(client, 20)
    image_id = register(
        client,
        "terraform-ami (1)",
        Description="made by hand",
        EnaSupport=True,
        SriovNetSupport="simple",
        BootMode="uefi",
        TpmSupport="v2.0",
        ImdsSupport="v2.0",
        TagSpecifications=[{"ResourceType": "image", "Tags": [{"Key": "a", "Value": "b"}]}],
        BlockDeviceMappings=[
            {"DeviceName": "/dev/sda1", "Ebs": {"SnapshotId": snapshot_id, "VolumeType": "gp3"}},
            {"DeviceName": "/dev/sdb", "Ebs": {"VolumeSize": 5, "DeleteOnTermination": False}},
            {"DeviceName": "/dev/sdc", "VirtualName": "ephemeral0"},
        ],
    )
    image = show(client, image_id)
    assert image["State"] == "available"
    assert image["OwnerId"] == ACCOUNT
    assert image["ImageLocation"] == f"{ACCOUNT}/terraform-ami (1)"
    assert image["CreationDate"] == "2026-01-02T03:04:05.000Z"
    assert (image["EnaSupport"], image["SriovNetSupport"]) == (True, "simple")
    assert (image["BootMode"], image["TpmSupport"], image["ImdsSupport"]) == (
        "uefi",
        "v2.0",
        "v2.0",
    )
    assert image["Tags"] == [{"Key": "a", "Value": "b"}]
    root, data, ephemeral = image["BlockDeviceMappings"]
    assert root["Ebs"] == {
        "SnapshotId": snapshot_id,
        "VolumeSize": 20,
        "VolumeType": "gp3",
        "Iops": 3000,
        "Throughput": 125,
        "DeleteOnTermination": True,
        "Encrypted": False,
    }
    assert data["Ebs"] == {
        "VolumeSize": 5,
        "VolumeType": "gp2",
        "DeleteOnTermination": False,
        "Encrypted": False,
    }
    assert ephemeral == {"DeviceName": "/dev/sdc", "VirtualName": "ephemeral0"}

    assert client.code_of("DeleteSnapshot", SnapshotId=snapshot_id) == "InvalidSnapshot.InUse"
    client.call("DeregisterImage", ImageId=image_id)
    assert client.code_of("DescribeImages", ImageIds=[image_id]) == "InvalidAMIID.NotFound"
    assert client.code_of("DeregisterImage", ImageId=image_id) == "InvalidAMIID.Unavailable"
    assert image_id not in listed(client, Owners=["self"])
    client.call("DeleteSnapshot", SnapshotId=snapshot_id)

    region = client.api.state.region(ACCOUNT, "us-east-1")
    with pytest.raises(AwsError, match=r"InvalidAMIID\.Unavailable"):
        images.launchable(region, image_id)
    client.turn(3601)
    assert client.code_of("DeregisterImage", ImageId=image_id) == "InvalidAMIID.NotFound"


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"Name": "what?!"}, "InvalidAMIName.Malformed"),
        ({"Name": "taken"}, "InvalidAMIName.Duplicate"),
        ({"Description": "x" * 256}, "InvalidParameterValue"),
        ({"BlockDeviceMappings": []}, "InvalidBlockDeviceMapping"),
        (
            {"BlockDeviceMappings": [{"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": 8}}]},
            "InvalidBlockDeviceMapping",
        ),
        (
            {"BlockDeviceMappings": [{"DeviceName": "/dev/sda1", "Ebs": {"SnapshotId": "snap-1"}}]},
            "InvalidParameterValue",
        ),
        (
            {"BlockDeviceMappings": [{"DeviceName": "/dev/sdb", "VirtualName": "ephemeral0"}] * 2},
            "InvalidBlockDeviceMapping",
        ),
        ({"BlockDeviceMappings": [{"Ebs": {"VolumeSize": 8}}]}, "MissingParameter"),
    ],
)
def test_images_that_aws_does_not_register(params: dict[str, Any], code: str) -> None:
    client = Client()
    register(client, "taken")
    before = listed(client, Owners=["self"])
    settings = {"Name": "mine", "RootDeviceName": "/dev/sda1", **params}
    if "BlockDeviceMappings" not in params:
        settings["BlockDeviceMappings"] = [
            {"DeviceName": "/dev/sda1", "Ebs": {"SnapshotId": a_snapshot(client)}}
        ]
    assert client.code_of("RegisterImage", **settings) == code
    assert listed(client, Owners=["self"]) == before


def test_packer_makes_an_image_of_an_instance() -> None:
    client = Client()
    instance = running_instance(client, data=("/dev/sdf",))
    assert listed(client, Filters=where(name="packer-demo")) == []
    image_id = client.call(
        "CreateImage",
        InstanceId=instance.id,
        Name="packer-demo",
        Description="built",
        BlockDeviceMappings=[
            {"DeviceName": "/dev/sdf", "Ebs": {"DeleteOnTermination": True, "VolumeSize": 9}},
            {"DeviceName": "/dev/sdg", "Ebs": {"VolumeSize": 4}},
        ],
        TagSpecifications=[
            {"ResourceType": "image", "Tags": [{"Key": "k", "Value": "image"}]},
            {"ResourceType": "snapshot", "Tags": [{"Key": "k", "Value": "snapshot"}]},
        ],
    )["ImageId"]

    image = show(client, image_id)
    assert image["State"] == "available"
    assert image["SourceInstanceId"] == instance.id
    assert image["SourceImageId"] == instance.image_id
    assert image["Tags"] == [{"Key": "k", "Value": "image"}]
    root, data, empty = image["BlockDeviceMappings"]
    assert root["DeviceName"] == image["RootDeviceName"] == "/dev/xvda"
    assert root["Ebs"]["DeleteOnTermination"] is True
    assert (data["Ebs"]["VolumeSize"], data["Ebs"]["DeleteOnTermination"]) == (9, True)
    assert "SnapshotId" not in empty["Ebs"]
    snapshot_ids = [root["Ebs"]["SnapshotId"], data["Ebs"]["SnapshotId"]]
    snapshots = client.call("DescribeSnapshots", SnapshotIds=snapshot_ids)["Snapshots"]
    for snapshot in snapshots:
        assert snapshot["State"] == "completed"
        assert snapshot["Tags"] == [{"Key": "k", "Value": "snapshot"}]
        assert instance.id in snapshot["Description"]
        assert image_id in snapshot["Description"]

    client.call("ModifyImageAttribute", ImageId=image_id, Description={"Value": "better"})
    client.call(
        "CreateTags",
        Resources=[image_id, *snapshot_ids],
        Tags=[{"Key": "Name", "Value": "demo"}],
    )
    image = show(client, image_id)
    assert image["Description"] == "better"
    assert {"Key": "Name", "Value": "demo"} in image["Tags"]
    assert (
        client.code_of("CreateImage", InstanceId=instance.id, Name="packer-demo")
        == "InvalidAMIName.Duplicate"
    )


def test_an_image_is_made_only_of_an_instance_that_runs_or_is_stopped() -> None:
    client = Client()
    pending = running_instance(client, state="pending")
    assert (
        client.code_of("CreateImage", InstanceId=pending.id, Name="too early")
        == "InvalidParameterValue"
    )
    assert (
        client.code_of("CreateImage", InstanceId="i-0123456789abcdef0", Name="none")
        == "InvalidInstanceID.NotFound"
    )
    running = running_instance(client)
    assert (
        client.code_of("CreateImage", InstanceId=running.id, Name="what?!")
        == "InvalidAMIName.Malformed"
    )
    assert client.call("DescribeSnapshots", OwnerIds=["self"])["Snapshots"] == []


def test_an_image_is_copied_to_another_region_with_its_snapshots() -> None:
    client = Client()
    source_id = register(
        client,
        TagSpecifications=[{"ResourceType": "image", "Tags": [{"Key": "a", "Value": "b"}]}],
    )
    far = Client(region="eu-west-1", like=client)
    copy_id = far.call(
        "CopyImage",
        Name="mine",
        SourceImageId=source_id,
        SourceRegion="us-east-1",
        CopyImageTags=True,
        Encrypted=True,
        ClientToken="once",
    )["ImageId"]
    copy = show(far, copy_id)
    assert (copy["SourceImageId"], copy["SourceImageRegion"]) == (source_id, "us-east-1")
    assert copy["Tags"] == [{"Key": "a", "Value": "b"}]
    ebs = copy["BlockDeviceMappings"][0]["Ebs"]
    assert ebs["Encrypted"] is True
    assert (
        ebs["SnapshotId"] != show(client, source_id)["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]
    )
    (snapshot,) = far.call("DescribeSnapshots", SnapshotIds=[ebs["SnapshotId"]])["Snapshots"]
    assert snapshot["KmsKeyId"].startswith("arn:aws:kms:eu-west-1:")
    for params, code in (
        ({"SourceImageId": "ami-000001"}, "InvalidAMIID.NotFound"),
        ({"SourceRegion": "mars-north-1"}, "InvalidRegion"),
        ({"KmsKeyId": "alias/mine"}, "InvalidParameterDependency"),
    ):
        asked = {
            "Name": "other",
            "SourceImageId": source_id,
            "SourceRegion": "us-east-1",
            **params,
        }
        assert far.code_of("CopyImage", **asked) == code
    assert len(listed(far, Owners=["self"], Filters=where(is_public="false"))) == 1


def test_a_stock_image_is_copied_too() -> None:
    client = Client()
    copy_id = client.call(
        "CopyImage", Name="own", SourceImageId="ami-df5de72bdb3b", SourceRegion="us-east-1"
    )["ImageId"]
    snapshot_id = show(client, copy_id)["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]
    (snapshot,) = client.call("DescribeSnapshots", SnapshotIds=[snapshot_id])["Snapshots"]
    assert "ami-df5de72bdb3b" in snapshot["Description"]


def test_an_image_is_private_until_it_is_shared() -> None:
    client = Client()
    other = Client(like=client, access_key=OTHER)
    image_id = register(
        client,
        TagSpecifications=[{"ResourceType": "image", "Tags": [{"Key": "mine", "Value": "alone"}]}],
    )
    assert other.code_of("DescribeImages", ImageIds=[image_id]) == "InvalidAMIID.NotFound"
    assert image_id not in listed(other)
    assert listed(other, Owners=[ACCOUNT], Filters=where(name="mine")) == []

    client.call(
        "ModifyImageAttribute",
        ImageId=image_id,
        LaunchPermission={"Add": [{"UserId": OTHER}]},
    )
    assert show(other, image_id).get("Tags", []) == []
    assert image_id in listed(other, ExecutableUsers=["self"])
    assert image_id in listed(other, Owners=[ACCOUNT])
    assert other.code_of("DeregisterImage", ImageId=image_id) == "AuthFailure"
    region = client.api.state.region(OTHER, "us-east-1")
    assert images.launchable(region, image_id, client.api.state).id == image_id
    assert client.call("DescribeImageAttribute", ImageId=image_id, Attribute="launchPermission")[
        "LaunchPermissions"
    ] == [{"UserId": OTHER}]

    client.call("ResetImageAttribute", ImageId=image_id, Attribute="launchPermission")
    assert other.code_of("DescribeImages", ImageIds=[image_id]) == "InvalidAMIID.NotFound"

    client.call("ModifyImageAttribute", ImageId=image_id, OperationType="add", UserGroups=["all"])
    assert show(other, image_id)["Public"] is True
    assert image_id in listed(other, ExecutableUsers=["all"])
    assert image_id in listed(other, Filters=where(name="mine", is_public="true"))
    client.call("DisableImage", ImageId=image_id)
    assert image_id not in listed(other)


def test_sharing_with_everybody_can_be_blocked() -> None:
    client = Client()
    image_id = register(client)
    state = "ImageBlockPublicAccessState"
    assert client.call("GetImageBlockPublicAccessState")[state] == "unblocked"
    client.call("EnableImageBlockPublicAccess", ImageBlockPublicAccessState="block-new-sharing")
    assert client.call("GetImageBlockPublicAccessState")[state] == "block-new-sharing"
    share = {"ImageId": image_id, "LaunchPermission": {"Add": [{"Group": "all"}]}}
    assert client.code_of("ModifyImageAttribute", **share) == "OperationNotPermitted"
    assert client.call("DisableImageBlockPublicAccess")[state] == "unblocked"
    client.call("ModifyImageAttribute", **share)
    assert show(client, image_id)["Public"] is True


def test_attributes_are_refused_where_they_make_no_sense() -> None:
    client = Client()
    image_id = register(client)
    modify = "ModifyImageAttribute"
    assert client.code_of(modify, ImageId=image_id) == "InvalidParameterCombination"
    assert (
        client.code_of(modify, ImageId=image_id, LaunchPermission={"Add": [{"UserId": "bob"}]})
        == "InvalidAMIAttributeItemValue"
    )
    assert (
        client.code_of("DescribeImageAttribute", ImageId=image_id, Attribute="colour")
        == "InvalidParameterValue"
    )
    amazon = listed(client, Owners=["amazon"])[0]
    assert (
        client.code_of(modify, ImageId=amazon, Description={"Value": "mine now"}) == "AuthFailure"
    )
    assert client.code_of("DeregisterImage", ImageId=amazon) == "AuthFailure"


def test_every_attribute_can_be_read() -> None:
    client = Client()
    image_id = register(client, Description="d", BootMode="uefi", KernelId="aki-12345678")

    def read(attribute: str) -> dict[str, Any]:
        return client.call("DescribeImageAttribute", ImageId=image_id, Attribute=attribute)

    assert read("description")["Description"] == {"Value": "d"}
    assert read("bootMode")["BootMode"] == {"Value": "uefi"}
    assert read("kernel")["KernelId"] == {"Value": "aki-12345678"}
    assert read("productCodes")["ProductCodes"] == []
    assert read("deregistrationProtection")["DeregistrationProtection"] == {"Value": "disabled"}
    assert read("blockDeviceMapping")["BlockDeviceMappings"][0]["DeviceName"] == "/dev/sda1"
    client.call("ModifyImageAttribute", ImageId=image_id, ImdsSupport={"Value": "v2.0"})
    assert read("imdsSupport")["ImdsSupport"] == {"Value": "v2.0"}


def test_a_disabled_image_is_hidden_and_comes_back() -> None:
    client = Client()
    image_id = register(client)
    client.call("DisableImage", ImageId=image_id)
    assert image_id not in listed(client, Owners=["self"])
    assert image_id in listed(client, Owners=["self"], IncludeDisabled=True)
    region = client.api.state.region(ACCOUNT, "us-east-1")
    with pytest.raises(AwsError, match="Unavailable"):
        images.launchable(region, image_id)
    client.call("EnableImage", ImageId=image_id)
    assert show(client, image_id)["State"] == "available"


def test_a_deprecation_is_set_and_taken_back() -> None:
    client = Client()
    image_id = register(client)
    refused = ("2025-01-01T00:00:00Z", "2037-01-01T00:00:00Z")
    for moment in refused:
        assert (
            client.code_of("EnableImageDeprecation", ImageId=image_id, DeprecateAt=moment)
            == "InvalidParameterValue"
        )
    client.call("EnableImageDeprecation", ImageId=image_id, DeprecateAt="2027-03-01T10:00:40Z")
    assert show(client, image_id)["DeprecationTime"] == "2027-03-01T10:01:00.000Z"
    client.call("DisableImageDeprecation", ImageId=image_id)
    assert "DeprecationTime" not in show(client, image_id)


def test_a_protected_image_is_not_deregistered() -> None:
    client = Client()
    image_id = register(client)
    client.call("EnableImageDeregistrationProtection", ImageId=image_id, WithCooldown=True)
    assert client.code_of("DeregisterImage", ImageId=image_id) == "OperationNotPermitted"
    client.call("DisableImageDeregistrationProtection", ImageId=image_id)
    assert client.code_of("DeregisterImage", ImageId=image_id) == "OperationNotPermitted"
    client.turn(24 * 3600 + 1)
    client.call("DeregisterImage", ImageId=image_id)


def test_deregistering_deletes_snapshots_that_no_other_image_needs() -> None:
    client = Client()
    shared, own = a_snapshot(client), a_snapshot(client)

    def mappings(*snapshot_ids: str) -> list[dict[str, Any]]:
        return [
            {"DeviceName": device, "Ebs": {"SnapshotId": snapshot_id}}
            for device, snapshot_id in zip(("/dev/sda1", "/dev/sdb"), snapshot_ids, strict=False)
        ]

    image_id = register(client, "one", BlockDeviceMappings=mappings(shared, own))
    register(client, "two", BlockDeviceMappings=mappings(shared))
    gone = client.call("DeregisterImage", ImageId=image_id, DeleteAssociatedSnapshots=True)
    assert gone["Return"] is True
    assert gone["DeleteSnapshotResults"] == [
        {"SnapshotId": shared, "ReturnCode": "skipped"},
        {"SnapshotId": own, "ReturnCode": "success"},
    ]
    assert client.code_of("DescribeSnapshots", SnapshotIds=[own]) == "InvalidSnapshot.NotFound"


def test_filters_find_images() -> None:
    client = Client()
    snapshot_id = a_snapshot(client, 33)
    image_id = register(
        client,
        "filtered",
        Description="find me",
        BlockDeviceMappings=[{"DeviceName": "/dev/sda1", "Ebs": {"SnapshotId": snapshot_id}}],
        TagSpecifications=[{"ResourceType": "image", "Tags": [{"Key": "env", "Value": "test"}]}],
    )
    for filters in (
        where(block_device_mapping__snapshot_id=snapshot_id),
        where(block_device_mapping__volume_size="33"),
        where(description="find*", is_public="false"),
        where(image_id=image_id, image_type="machine", state="available"),
        where(manifest_location=f"{ACCOUNT}/filtered"),
        where(creation_date="2026-01-02T*", root_device_name="/dev/sda1"),
        [{"Name": "tag:env", "Values": ["test"]}],
        [{"Name": "tag-key", "Values": ["env"]}],
    ):
        assert listed(client, Filters=filters) == [image_id], filters
    assert client.code_of("DescribeImages", Filters=where(colour="red")) == "InvalidParameterValue"


def test_images_come_in_pages_that_cover_all_accounts() -> None:
    client = Client()
    other = Client(like=client, access_key=OTHER)
    for number in range(3):
        client.call(
            "ModifyImageAttribute",
            ImageId=register(client, f"shared-{number}"),
            LaunchPermission={"Add": [{"UserId": OTHER}]},
        )
    for number in range(4):
        register(other, f"own-{number}")
    filters = [{"Name": "name", "Values": ["shared-*", "own-*"]}]
    whole = listed(other, Filters=filters)
    assert len(whole) == 7
    seen: list[str] = []
    token: dict[str, str] = {}
    while True:
        page = other.call("DescribeImages", Filters=filters, MaxResults=5, **token)
        seen += [image["ImageId"] for image in page["Images"]]
        if "NextToken" not in page:
            break
        token = {"NextToken": page["NextToken"]}
    assert seen == whole


@pytest.mark.parametrize("account", [ACCOUNT, OTHER])
def test_a_fresh_account_owns_no_image_and_may_launch_the_default_ones(account: str) -> None:
    client = Client(access_key=account)
    assert listed(client, Owners=["self"]) == []
    assert listed(client, ImageIds=["ami-024f768332f0"]) == ["ami-024f768332f0"]
    client.call("RunInstances", ImageId="ami-024f768332f0", MinCount=1, MaxCount=1)


def test_images_are_found_by_boot_mode_and_by_the_parameter_that_names_them() -> None:
    client = Client()
    image_id = register(client, BootMode="uefi")
    assert listed(client, Owners=["self"], Filters=where(boot_mode="uefi")) == [image_id]
    name = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-6.1-x86_64"
    (found,) = client.call("DescribeImages", Filters=where(public_ssm_parameter_name=name))[
        "Images"
    ]
    assert found["Name"].startswith("al2023-ami-")


def test_a_lent_image_is_copied_only_with_its_snapshots() -> None:
    client = Client()
    other = Client(like=client, access_key=OTHER)
    image_id = register(client)
    client.call(
        "ModifyImageAttribute", ImageId=image_id, LaunchPermission={"Add": [{"UserId": OTHER}]}
    )
    asked = {"Name": "copied", "SourceImageId": image_id, "SourceRegion": "us-east-1"}
    assert other.code_of("CopyImage", **asked) == "InvalidRequest"
    (device,) = show(client, image_id)["BlockDeviceMappings"]
    client.call(
        "ModifySnapshotAttribute",
        SnapshotId=device["Ebs"]["SnapshotId"],
        Attribute="createVolumePermission",
        OperationType="add",
        UserIds=[OTHER],
    )
    other.call("CopyImage", **asked)
