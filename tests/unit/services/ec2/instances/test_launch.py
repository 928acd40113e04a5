"""RunInstances, as clients call it."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from emulator.services.ec2.instances.templates import merged
from tests.fakes.launcher import Launcher


def tagged(resource_type: str, **tags: str) -> dict[str, Any]:
    return {
        "ResourceType": resource_type,
        "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
    }


def tags_of(item: dict[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in item.get("Tags") or item.get("TagSet") or ()}


def test_an_instance_is_pending_in_the_answer_and_running_in_the_next() -> None:
    client = Launcher()
    answer = client.run()
    (instance,) = answer["Instances"]
    assert instance["State"] == {"Code": 0, "Name": "pending"}
    assert answer["ReservationId"].startswith("r-")
    shown = client.instance(instance["InstanceId"])
    assert shown["State"] == {"Code": 16, "Name": "running"}
    assert shown["MetadataOptions"]["State"] == "applied"


def test_what_is_asked_for_is_read_back() -> None:
    client = Launcher()
    client.call("CreateKeyPair", KeyName="k")
    client.profile("web")
    user_data = base64.b64encode(b"#!/bin/sh\necho hi").decode()
    instance_id = client.launch(
        KeyName="k",
        UserData=user_data,
        EbsOptimized=True,
        DisableApiTermination=True,
        DisableApiStop=True,
        InstanceInitiatedShutdownBehavior="terminate",
        Monitoring={"Enabled": True},
        MetadataOptions={"HttpTokens": "required", "HttpPutResponseHopLimit": 3},
        PrivateDnsNameOptions={"HostnameType": "resource-name"},
        MaintenanceOptions={"AutoRecovery": "disabled"},
        CpuOptions={"CoreCount": 1, "ThreadsPerCore": 1},
        CreditSpecification={"CpuCredits": "standard"},
        IamInstanceProfile={"Name": "web"},
        TagSpecifications=[
            tagged("instance", Name="i"),
            tagged("volume", Name="v"),
            tagged("network-interface", Name="n"),
        ],
    )
    instance = client.instance(instance_id)
    assert instance["KeyName"] == "k"
    assert instance["EbsOptimized"] is True
    assert instance["Monitoring"]["State"] == "enabled"
    assert instance["MetadataOptions"]["HttpTokens"] == "required"
    assert instance["MetadataOptions"]["HttpPutResponseHopLimit"] == 3
    assert instance["PrivateDnsName"] == f"{instance_id}.ec2.internal"
    assert instance["MaintenanceOptions"]["AutoRecovery"] == "disabled"
    assert instance["CpuOptions"] == {"CoreCount": 1, "ThreadsPerCore": 1}
    arn = "arn:aws:iam::000000000000:instance-profile/web"
    assert instance["IamInstanceProfile"]["Arn"] == arn
    assert instance["Placement"]["Tenancy"] == "default"
    assert tags_of(instance) == {"Name": "i"}
    (volume,) = client.call("DescribeVolumes")["Volumes"]
    assert tags_of(volume) == {"Name": "v"}
    (interface,) = client.call("DescribeNetworkInterfaces")["NetworkInterfaces"]
    assert tags_of(interface) == {"Name": "n"}
    attributes = {
        name: client.call("DescribeInstanceAttribute", InstanceId=instance_id, Attribute=name)
        for name in (
            "userData",
            "disableApiTermination",
            "disableApiStop",
            "instanceInitiatedShutdownBehavior",
        )
    }
    assert attributes["userData"]["UserData"]["Value"] == user_data
    assert attributes["disableApiTermination"]["DisableApiTermination"]["Value"] is True
    assert attributes["disableApiStop"]["DisableApiStop"]["Value"] is True
    behavior = attributes["instanceInitiatedShutdownBehavior"]
    assert behavior["InstanceInitiatedShutdownBehavior"]["Value"] == "terminate"
    (credit,) = client.call("DescribeInstanceCreditSpecifications", InstanceIds=[instance_id])[
        "InstanceCreditSpecifications"
    ]
    assert credit == {"InstanceId": instance_id, "CpuCredits": "standard"}


def test_terraform_s_recorded_request_is_answered() -> None:
    client = Launcher()
    _, subnet = client.private_network()
    vpc = client.call("DescribeSubnets", SubnetIds=[subnet])["Subnets"][0]["VpcId"]
    group = client.call("CreateSecurityGroup", GroupName="g", Description="d", VpcId=vpc)["GroupId"]
    image = client.call("DescribeImages", ImageIds=[client.image()])["Images"][0]
    root = image["RootDeviceName"]
    instance_id = client.launch(
        BlockDeviceMappings=[
            {"DeviceName": root, "Ebs": {"DeleteOnTermination": True, "VolumeSize": 10}}
        ],
        DisableApiTermination=False,
        EbsOptimized=False,
        HibernationOptions={"Configured": False},
        IamInstanceProfile={"Name": ""},
        InstanceType="t2.micro",
        Monitoring={"Enabled": False},
        NetworkInterfaces=[{"DeviceIndex": 0, "SubnetId": subnet, "Groups": [group]}],
        Placement={"AvailabilityZone": "", "GroupName": ""},
        UserData="IyEvYmluL3NoCmVjaG8gaGk=",
    )
    instance = client.instance(instance_id)
    assert instance["SecurityGroups"] == [{"GroupId": group, "GroupName": "g"}]
    assert instance["NetworkInterfaces"][0]["Groups"] == instance["SecurityGroups"]
    assert instance["NetworkInterfaces"][0]["Attachment"]["DeviceIndex"] == 0
    assert "PublicIpAddress" not in instance
    assert "IamInstanceProfile" not in instance
    (mapping,) = instance["BlockDeviceMappings"]
    assert mapping["DeviceName"] == instance["RootDeviceName"] == root
    (volume,) = client.call("DescribeVolumes", VolumeIds=[mapping["Ebs"]["VolumeId"]])["Volumes"]
    assert volume["Size"] == 10
    assert volume["State"] == "in-use"


def test_the_same_token_launches_once() -> None:
    client = Launcher()
    request = client.request(ClientToken="once", MinCount=2, MaxCount=2)
    first = client.call("RunInstances", **request)
    again = client.call("RunInstances", **request)
    assert first["ReservationId"] == again["ReservationId"]
    ids = [each["InstanceId"] for each in first["Instances"]]
    assert ids == [each["InstanceId"] for each in again["Instances"]]
    assert client.described() == ids
    other = request | {"InstanceType": "t3.small"}
    assert client.code_of("RunInstances", **other) == "IdempotentParameterMismatch"
    client.call("TerminateInstances", InstanceIds=ids[:1])
    assert client.call("RunInstances", **request)["ReservationId"] == first["ReservationId"]
    client.call("TerminateInstances", InstanceIds=ids)
    assert client.code_of("RunInstances", **request) == "IdempotentInstanceTerminated"


def test_instances_of_one_launch_are_numbered_and_have_addresses_of_their_own() -> None:
    client = Launcher()
    instances = client.run(MinCount=3, MaxCount=3)["Instances"]
    assert [each["AmiLaunchIndex"] for each in instances] == [0, 1, 2]
    assert len({each["PrivateIpAddress"] for each in instances}) == 3
    assert len(client.call("DescribeInstances")["Reservations"]) == 1


def test_a_small_subnet_takes_as_many_as_it_has_addresses_for() -> None:
    client = Launcher()
    vpc, _ = client.private_network()
    subnet = client.call("CreateSubnet", VpcId=vpc, CidrBlock="10.0.2.0/28")["Subnet"]["SubnetId"]
    assert len(client.run(SubnetId=subnet, MinCount=1, MaxCount=50)["Instances"]) == 11
    request = client.request(SubnetId=subnet)
    assert client.code_of("RunInstances", **request) == "InsufficientFreeAddressesInSubnet"


def test_a_full_zone_of_the_default_vpc_gives_way_to_another() -> None:
    client = Launcher()
    greedy = {"DeviceIndex": 0, "SecondaryPrivateIpAddressCount": 49}
    zones = [
        client.run(InstanceType="c5.24xlarge", NetworkInterfaces=[greedy], MinCount=1, MaxCount=50)[
            "Instances"
        ][0]["Placement"]
        for _ in range(2)
    ]
    assert [zone["AvailabilityZone"] for zone in zones] == ["us-east-1a", "us-east-1b"]
    (small,) = client.run()["Instances"]
    assert small["Placement"]["AvailabilityZone"] == "us-east-1a"


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"ImageId": "ami-0123456789abcdef0"}, "InvalidAMIID.NotFound"),
        ({"InstanceType": "t4g.micro"}, "InvalidParameterValue"),
        ({"KeyName": "none"}, "InvalidKeyPair.NotFound"),
        ({"SubnetId": "subnet-0123456789abcdef0"}, "InvalidSubnetID.NotFound"),
        ({"SecurityGroupIds": ["sg-0123456789abcdef0"]}, "InvalidGroup.NotFound"),
        ({"SecurityGroups": ["none"]}, "InvalidGroup.NotFound"),
        ({"MinCount": 2}, "InvalidParameterValue"),
        ({"MinCount": 0}, "InvalidParameterValue"),
        ({"MinCount": 2000, "MaxCount": 2000}, "InstanceLimitExceeded"),
        ({"UserData": "not base64 at all!"}, "InvalidUserData.Malformed"),
        ({"UserData": base64.b64encode(bytes(16385)).decode()}, "InvalidParameterValue"),
        ({"Placement": {"AvailabilityZone": "us-east-1z"}}, "InvalidParameterValue"),
        ({"IamInstanceProfile": {"Name": "no spaces"}}, "InvalidParameterValue"),
        ({"IamInstanceProfile": {"Arn": "arn:aws:iam::1:role/x"}}, "InvalidParameterValue"),
        (
            {"IamInstanceProfile": {"Name": "a", "Arn": "arn:aws:iam::1:role/x"}},
            "InvalidParameterCombination",
        ),
        (
            {"NetworkInterfaces": [{"DeviceIndex": 0}], "SecurityGroupIds": ["sg-1"]},
            "InvalidParameterCombination",
        ),
        ({"NetworkInterfaces": [{"DeviceIndex": 1}]}, "InvalidParameterCombination"),
        ({"NetworkInterfaces": [{"Description": "x"}]}, "InvalidParameterValue"),
        ({"PrivateIpAddress": "10.0.0.4"}, "InvalidParameterValue"),
        ({"PrivateIpAddress": "ten"}, "InvalidParameterValue"),
        (
            {"PrivateIpAddress": "172.31.0.4", "MinCount": 2, "MaxCount": 2},
            "InvalidParameterCombination",
        ),
        ({"CpuOptions": {"CoreCount": 9, "ThreadsPerCore": 1}}, "InvalidParameterValue"),
        ({"CpuOptions": {"CoreCount": 1}}, "InvalidParameterCombination"),
        ({"CreditSpecification": {"CpuCredits": "much"}}, "InvalidParameterValue"),
        (
            {"InstanceType": "m5.large", "CreditSpecification": {"CpuCredits": "standard"}},
            "InvalidParameterCombination",
        ),
        ({"MetadataOptions": {"HttpPutResponseHopLimit": 65}}, "InvalidParameterValue"),
        ({"EnclaveOptions": {"Enabled": True}}, "InvalidParameterCombination"),
        ({"TagSpecifications": [tagged("vpc", a="b")]}, "InvalidParameterValue"),
        (
            {
                "MetadataOptions": {"InstanceMetadataTags": "enabled"},
                "TagSpecifications": [tagged("instance", **{"a/b": "c"})],
            },
            "InvalidParameterValue",
        ),
        ({"ElasticGpuSpecification": [{"Type": "eg1.medium"}]}, "UnsupportedOperation"),
        (
            {"LaunchTemplate": {"LaunchTemplateId": "lt-0123456789abcdef0"}},
            "InvalidLaunchTemplateId.NotFound",
        ),
        (
            {"LaunchTemplate": {"LaunchTemplateName": "none"}},
            "InvalidLaunchTemplateName.NotFoundException",
        ),
        ({"BlockDeviceMappings": [{"DeviceName": "/dev/sdf"}]}, "MissingParameter"),
        (
            {"BlockDeviceMappings": [{"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 0}}]},
            "InvalidParameterValue",
        ),
        (
            {
                "BlockDeviceMappings": [
                    {
                        "DeviceName": "/dev/sdf",
                        "Ebs": {"VolumeSize": 8, "VolumeType": "gp2", "Iops": 300},
                    }
                ]
            },
            "InvalidParameterCombination",
        ),
        (
            {
                "BlockDeviceMappings": [
                    {
                        "DeviceName": "/dev/sdf",
                        "Ebs": {"SnapshotId": "snap-0123456789abcdef0"},
                    }
                ]
            },
            "InvalidSnapshot.NotFound",
        ),
    ],
)
def test_a_refused_launch_leaves_nothing_behind(params: dict[str, Any], code: str) -> None:
    client = Launcher()
    before = client.resources()
    assert client.code_of("RunInstances", **client.request(**params)) == code
    assert client.resources() == before


def test_groups_must_be_of_the_subnet_s_vpc() -> None:
    client = Launcher()
    _, subnet = client.private_network()
    group = client.call("CreateSecurityGroup", GroupName="g", Description="d")["GroupId"]
    request = client.request(SubnetId=subnet, SecurityGroupIds=[group])
    assert client.code_of("RunInstances", **request) == "InvalidParameter"
    named = client.request(SubnetId=subnet, SecurityGroups=["g"])
    assert client.code_of("RunInstances", **named) == "InvalidParameterCombination"


def test_groups_of_the_default_vpc_may_be_named() -> None:
    client = Launcher()
    client.call("CreateSecurityGroup", GroupName="g", Description="d")
    groups = client.instance(client.launch(SecurityGroups=["g"]))["SecurityGroups"]
    assert [group["GroupName"] for group in groups] == ["g"]


def test_without_a_default_vpc_a_subnet_must_be_named() -> None:
    client = Launcher()
    for subnet in client.default_subnets():
        client.call("DeleteSubnet", SubnetId=subnet["SubnetId"])
    assert client.code_of("RunInstances", **client.request()) == "MissingInput"


def test_a_type_that_the_zone_does_not_have_is_unsupported() -> None:
    client = Launcher()
    offered = {
        offering["Location"]
        for offering in client.call(
            "DescribeInstanceTypeOfferings",
            LocationType="availability-zone",
            Filters=[{"Name": "instance-type", "Values": ["t3.micro"]}],
        )["InstanceTypeOfferings"]
    }
    zones = {subnet["AvailabilityZone"] for subnet in client.default_subnets()}
    (without,) = zones - offered
    request = client.request(Placement={"AvailabilityZone": without})
    assert client.code_of("RunInstances", **request) == "Unsupported"
    assert client.instance(client.launch())["Placement"]["AvailabilityZone"] in offered


def test_the_root_volume_may_grow_but_not_shrink() -> None:
    client = Launcher()
    image = client.call("DescribeImages", ImageIds=[client.image()])["Images"][0]
    root = image["RootDeviceName"]
    small = client.request(BlockDeviceMappings=[{"DeviceName": root, "Ebs": {"VolumeSize": 1}}])
    assert client.code_of("RunInstances", **small) == "InvalidBlockDeviceMapping"
    no_root = client.request(BlockDeviceMappings=[{"DeviceName": root, "NoDevice": ""}])
    assert client.code_of("RunInstances", **no_root) == "InvalidBlockDeviceMapping"


def test_further_volumes_are_made_as_asked() -> None:
    client = Launcher()
    instance_id = client.launch(
        BlockDeviceMappings=[
            {
                "DeviceName": "/dev/sdf",
                "Ebs": {
                    "VolumeSize": 20,
                    "VolumeType": "io1",
                    "Iops": 500,
                    "Encrypted": True,
                    "DeleteOnTermination": False,
                },
            },
            {"DeviceName": "/dev/sdb", "VirtualName": "ephemeral0"},
        ]
    )
    root, data = client.instance(instance_id)["BlockDeviceMappings"]
    assert root["Ebs"]["DeleteOnTermination"] is True
    assert data["DeviceName"] == "/dev/sdf"
    assert data["Ebs"]["DeleteOnTermination"] is False
    (volume,) = client.call("DescribeVolumes", VolumeIds=[data["Ebs"]["VolumeId"]])["Volumes"]
    assert (volume["Size"], volume["VolumeType"], volume["Iops"]) == (20, "io1", 500)
    assert volume["Encrypted"] is True
    client.call("TerminateInstances", InstanceIds=[instance_id])
    (left,) = client.call("DescribeVolumes")["Volumes"]
    assert (left["VolumeId"], left["State"]) == (volume["VolumeId"], "available")


def test_interfaces_may_be_several_and_may_exist_already() -> None:
    client = Launcher()
    _, subnet = client.private_network()
    mine = client.call("CreateNetworkInterface", SubnetId=subnet)["NetworkInterface"]
    instance_id = client.launch(
        NetworkInterfaces=[
            {"DeviceIndex": 1, "NetworkInterfaceId": mine["NetworkInterfaceId"]},
            {
                "DeviceIndex": 0,
                "SubnetId": subnet,
                "PrivateIpAddress": "10.0.1.50",
                "PrivateIpAddresses": [{"PrivateIpAddress": "10.0.1.51", "Primary": False}],
            },
        ]
    )
    first, second = client.instance(instance_id)["NetworkInterfaces"]
    ips = [each["PrivateIpAddress"] for each in first["PrivateIpAddresses"]]
    assert ips == ["10.0.1.50", "10.0.1.51"]
    assert second["NetworkInterfaceId"] == mine["NetworkInterfaceId"]
    assert second["Attachment"]["DeleteOnTermination"] is False
    request = client.request(
        NetworkInterfaces=[{"DeviceIndex": 0, "NetworkInterfaceId": mine["NetworkInterfaceId"]}]
    )
    assert client.code_of("RunInstances", **request) == "InvalidNetworkInterface.InUse"
    client.call("TerminateInstances", InstanceIds=[instance_id])
    (left,) = client.call("DescribeNetworkInterfaces")["NetworkInterfaces"]
    assert (left["NetworkInterfaceId"], left["Status"]) == (
        mine["NetworkInterfaceId"],
        "available",
    )


def test_what_was_made_goes_when_a_later_interface_cannot_be_had() -> None:
    client = Launcher()
    _, subnet = client.private_network()
    mine = client.call("CreateNetworkInterface", SubnetId=subnet)["NetworkInterface"]
    before = client.resources()
    address = {"SubnetId": subnet, "PrivateIpAddress": "10.0.1.60"}
    request = client.request(
        InstanceType="c5.large",
        NetworkInterfaces=[
            {"DeviceIndex": 0, "NetworkInterfaceId": mine["NetworkInterfaceId"]},
            {"DeviceIndex": 1, **address},
            {"DeviceIndex": 2, **address},
        ],
    )
    assert client.code_of("RunInstances", **request) == "InvalidIPAddress.InUse"
    assert client.resources() == before
    (left,) = client.call("DescribeNetworkInterfaces")["NetworkInterfaces"]
    assert left["Status"] == "available"
    free = client.call("DescribeSubnets", SubnetIds=[subnet])["Subnets"][0]
    assert free["AvailableIpAddressCount"] == 250


def test_a_public_address_follows_the_subnet_or_the_wish() -> None:
    client = Launcher()
    shown = client.instance(client.launch())
    ip = shown["PublicIpAddress"]
    assert shown["PublicDnsName"] == f"ec2-{ip.replace('.', '-')}.compute-1.amazonaws.com"
    association = shown["NetworkInterfaces"][0]["Association"]
    assert association["PublicIp"] == ip
    assert association["IpOwnerId"] == "amazon"
    wish = {"DeviceIndex": 0, "AssociatePublicIpAddress": False}
    assert "PublicIpAddress" not in client.instance(client.launch(NetworkInterfaces=[wish]))
    _, subnet = client.private_network()
    wish = {"DeviceIndex": 0, "SubnetId": subnet, "AssociatePublicIpAddress": True}
    public = client.instance(client.launch(NetworkInterfaces=[wish]))
    assert public["PublicIpAddress"] != ip
    # That VPC gives public addresses no names.
    assert public["PublicDnsName"] == ""


def test_names_hold_the_region_outside_of_us_east_1() -> None:
    client = Launcher(region="eu-west-1")
    shown = client.instance(client.launch())
    dashed = shown["PrivateIpAddress"].replace(".", "-")
    assert shown["PrivateDnsName"] == f"ip-{dashed}.eu-west-1.compute.internal"
    assert shown["PublicDnsName"].endswith(".eu-west-1.compute.amazonaws.com")


def test_account_wide_metadata_defaults_apply_to_new_instances() -> None:
    client = Launcher()
    assert client.call("GetInstanceMetadataDefaults")["AccountLevel"] == {"ManagedBy": "account"}
    client.call(
        "ModifyInstanceMetadataDefaults",
        HttpTokens="required",
        HttpPutResponseHopLimit=5,
        InstanceMetadataTags="enabled",
    )
    shown = client.instance(client.launch())["MetadataOptions"]
    assert shown["HttpTokens"] == "required"
    assert shown["HttpPutResponseHopLimit"] == 5
    assert shown["InstanceMetadataTags"] == "enabled"
    client.call(
        "ModifyInstanceMetadataDefaults",
        HttpTokens="no-preference",
        HttpPutResponseHopLimit=-1,
        InstanceMetadataTags="no-preference",
    )
    assert client.call("GetInstanceMetadataDefaults")["AccountLevel"] == {"ManagedBy": "account"}


def test_a_template_s_parameters_give_way_and_tags_are_joined() -> None:
    below = {
        "InstanceType": "t3.small",
        "KeyName": "k",
        "TagSpecifications": [tagged("instance", a="1", b="1")],
    }
    above = {"InstanceType": "t3.micro", "TagSpecifications": [tagged("instance", b="2", c="2")]}
    whole = merged(below, above)
    assert whole["InstanceType"] == "t3.micro"
    assert whole["KeyName"] == "k"
    assert tags_of(whole["TagSpecifications"][0]) == {"a": "1", "b": "2", "c": "2"}


def test_a_dry_run_launches_nothing() -> None:
    client = Launcher()
    assert client.code_of("RunInstances", **client.request(DryRun=True)) == "DryRunOperation"
    assert client.described() == []


def test_a_spot_instance_says_so() -> None:
    client = Launcher()
    instance_id = client.launch(InstanceMarketOptions={"MarketType": "spot"})
    shown = client.instance(instance_id)
    assert shown["InstanceLifecycle"] == "spot"
    assert shown["SpotInstanceRequestId"].startswith("sir-")
    assert client.code_of("StopInstances", InstanceIds=[instance_id]) == "UnsupportedOperation"


def test_a_placement_group_takes_only_the_types_that_support_it() -> None:
    client = Launcher()
    client.call("CreatePlacementGroup", GroupName="near", Strategy="cluster")
    placement = {"GroupName": "near"}
    request = client.request(InstanceType="t3.micro", Placement=placement)
    assert client.code_of("RunInstances", **request) == "InvalidParameterCombination"
    client.launch(InstanceType="c5.large", Placement=placement)


def test_a_type_takes_only_so_many_interfaces_and_addresses() -> None:
    client = Launcher()
    interfaces = [{"DeviceIndex": index} for index in range(3)]
    request = client.request(InstanceType="t3.micro", NetworkInterfaces=interfaces)
    assert client.code_of("RunInstances", **request) == "AttachmentLimitExceeded"
    crowded = {"DeviceIndex": 0, "SecondaryPrivateIpAddressCount": 2}
    request = client.request(InstanceType="t3.micro", NetworkInterfaces=[crowded])
    assert client.code_of("RunInstances", **request) == "PrivateIpAddressLimitExceeded"
    client.launch(InstanceType="t3.micro", NetworkInterfaces=interfaces[:2])


def test_a_snapshot_that_somebody_shares_may_be_mapped() -> None:
    client = Launcher()
    friend = Launcher(like=client, access_key="111122223333")
    volume = friend.call("CreateVolume", AvailabilityZone="us-east-1a", Size=3)["VolumeId"]
    snapshot_id = friend.call("CreateSnapshot", VolumeId=volume)["SnapshotId"]
    devices = [{"DeviceName": "/dev/sdf", "Ebs": {"SnapshotId": snapshot_id}}]
    request = client.request(BlockDeviceMappings=devices)
    assert client.code_of("RunInstances", **request) == "InvalidSnapshot.NotFound"
    friend.call(
        "ModifySnapshotAttribute",
        SnapshotId=snapshot_id,
        Attribute="createVolumePermission",
        OperationType="add",
        UserIds=["000000000000"],
    )
    assert (
        len(client.instance(client.launch(BlockDeviceMappings=devices))["BlockDeviceMappings"]) == 2
    )


def test_hibernation_wants_an_encrypted_root_volume() -> None:
    client = Launcher()
    wanted = {"HibernationOptions": {"Configured": True}}
    request = client.request(**wanted)
    assert client.code_of("RunInstances", **request) == "UnsupportedHibernationConfiguration"
    root = {"DeviceName": "/dev/xvda", "Ebs": {"Encrypted": True}}
    client.launch(**wanted, BlockDeviceMappings=[root])
    client.call("EnableEbsEncryptionByDefault")
    client.launch(**wanted)
