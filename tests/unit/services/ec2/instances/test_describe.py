"""DescribeInstances and DescribeInstanceStatus: filters, pages, kept answers."""

from __future__ import annotations

import pytest

from emulator.services.ec2.instances.filters import FILTERS
from tests.fakes.launcher import Launcher


def named(client: Launcher, name: str, **params: object) -> str:
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": name}]}]
    return client.launch(TagSpecifications=tags, **params)


def test_no_filter_is_ignored_and_no_filter_crashes() -> None:
    client = Launcher()
    client.launch()
    for name in FILTERS:
        assert client.described(**{name: "nothing-has-this-value"}) == [], name
    unknown = client.code_of("DescribeInstances", Filters=[{"Name": "x", "Values": ["y"]}])
    assert unknown == "InvalidParameterValue"


def test_filters_find_what_they_name() -> None:
    client = Launcher()
    group = client.call("CreateSecurityGroup", GroupName="g", Description="d")["GroupId"]
    wanted = named(client, "a", SecurityGroupIds=[group], InstanceType="t3.small")
    other = named(client, "b")
    client.stop(other)
    shown = client.instance(wanted)
    interface = shown["NetworkInterfaces"][0]
    for name, value in {
        "instance-id": wanted,
        "instance-type": "t3.small",
        "instance-state-name": "running",
        "instance-state-code": "16",
        "tag:Name": "a",
        "instance.group-id": group,
        "instance.group-name": "g",
        "network-interface.group-id": group,
        "private-ip-address": shown["PrivateIpAddress"],
        "private-dns-name": shown["PrivateDnsName"],
        "ip-address": shown["PublicIpAddress"],
        "dns-name": shown["PublicDnsName"],
        "network-interface.network-interface-id": interface["NetworkInterfaceId"],
        "network-interface.mac-address": interface["MacAddress"],
        "network-interface.addresses.private-ip-address": shown["PrivateIpAddress"],
        "network-interface.attachment.attachment-id": interface["Attachment"]["AttachmentId"],
        "block-device-mapping.volume-id": shown["BlockDeviceMappings"][0]["Ebs"]["VolumeId"],
        "client-token": shown["ClientToken"],
        "reservation-id": client.call("DescribeInstances", InstanceIds=[wanted])["Reservations"][0][
            "ReservationId"
        ],
    }.items():
        assert client.described(**{name: value}) == [wanted], name
    assert client.described(**{"state-reason-code": "Client.UserInitiatedShutdown"}) == [other]
    both = {
        "tag-key": "Name",
        "vpc-id": shown["VpcId"],
        "owner-id": "000000000000",
        "network-interface.attachment.device-index": "0",
        "block-device-mapping.delete-on-termination": "true",
        "network-interface.addresses.primary": "true",
        "metadata-options.http-endpoint": "enabled",
        "launch-time": "2026-01-02T03:04:05*",
        "availability-zone": shown["Placement"]["AvailabilityZone"],
        "availability-zone-id": shown["Placement"]["AvailabilityZoneId"],
    }
    for name, value in both.items():
        assert client.described(**{name: value}) == [wanted, other], name
    assert client.described(**{"instance-type": "t3.small", "tag:Name": "b"}) == []


def test_pages_cover_everything_once() -> None:
    client = Launcher()
    ids = [client.launch() for _ in range(7)]
    seen: list[str] = []
    params: dict[str, object] = {"MaxResults": 5}
    while True:
        answer = client.call("DescribeInstances", **params)
        seen += [r["Instances"][0]["InstanceId"] for r in answer["Reservations"]]
        if "NextToken" not in answer:
            break
        params["NextToken"] = answer["NextToken"]
    assert seen == ids
    combined = client.code_of("DescribeInstances", InstanceIds=ids, MaxResults=5)
    assert combined == "InvalidParameterCombination"


def test_a_filter_shows_part_of_a_reservation() -> None:
    client = Launcher()
    first, second = client.run(MinCount=2, MaxCount=2)["Instances"]
    client.stop(first["InstanceId"])
    assert client.described(**{"instance-state-name": "running"}) == [second["InstanceId"]]
    (reservation,) = client.call("DescribeInstances")["Reservations"]
    states = [instance["State"]["Name"] for instance in reservation["Instances"]]
    assert states == ["stopped", "running"]


@pytest.mark.parametrize("count", [1, 2])
def test_what_is_kept_follows_every_change_it_shows(count: int) -> None:
    client = Launcher()
    group = client.call("CreateSecurityGroup", GroupName="g", Description="d")["GroupId"]
    instances = client.run(MinCount=count, MaxCount=count)["Instances"]
    instance_id = instances[0]["InstanceId"]
    client.instance(instance_id)
    client.call("CreateTags", Resources=[instance_id], Tags=[{"Key": "k", "Value": "v"}])
    assert client.instance(instance_id)["Tags"] == [{"Key": "k", "Value": "v"}]
    client.call("ModifyInstanceAttribute", InstanceId=instance_id, Groups=[group])
    assert client.instance(instance_id)["SecurityGroups"][0]["GroupName"] == "g"
    client.call(
        "ModifyVpcAttribute",
        VpcId=client.instance(instance_id)["VpcId"],
        EnableDnsHostnames={"Value": False},
    )
    assert client.instance(instance_id)["PublicDnsName"] == ""
    client.stop(instance_id)
    assert client.state(instance_id) == "stopped"


def test_an_elastic_address_takes_the_place_of_the_automatic_one() -> None:
    client = Launcher()
    instance_id = client.launch()
    client.instance(instance_id)
    address = client.call("AllocateAddress", Domain="vpc")
    association = client.call(
        "AssociateAddress", AllocationId=address["AllocationId"], InstanceId=instance_id
    )
    shown = client.instance(instance_id)
    assert shown["PublicIpAddress"] == address["PublicIp"]
    owner = shown["NetworkInterfaces"][0]["Association"]["IpOwnerId"]
    assert owner == "000000000000"
    client.stop(instance_id)
    assert client.instance(instance_id)["PublicIpAddress"] == address["PublicIp"]
    client.call("StartInstances", InstanceIds=[instance_id])
    client.call("DisassociateAddress", AssociationId=association["AssociationId"])
    assert client.instance(instance_id)["PublicIpAddress"] != address["PublicIp"]


def test_status_is_that_of_running_instances_unless_all_are_wanted() -> None:
    client = Launcher()
    running, stopped = client.launch(), client.launch()
    client.stop(stopped)
    (status,) = client.call("DescribeInstanceStatus")["InstanceStatuses"]
    assert status["InstanceId"] == running
    assert status["InstanceStatus"]["Status"] == "ok"
    assert status["SystemStatus"]["Details"] == [{"Name": "reachability", "Status": "passed"}]
    everything = client.call("DescribeInstanceStatus", IncludeAllInstances=True)
    states = {
        each["InstanceId"]: each["InstanceStatus"]["Status"]
        for each in everything["InstanceStatuses"]
    }
    assert states == {running: "ok", stopped: "not-applicable"}
    ok = client.call(
        "DescribeInstanceStatus",
        IncludeAllInstances=True,
        Filters=[{"Name": "instance-status.status", "Values": ["ok"]}],
    )
    assert [each["InstanceId"] for each in ok["InstanceStatuses"]] == [running]
    missing = client.code_of("DescribeInstanceStatus", InstanceIds=["i-0123456789abcdef0"])
    assert missing == "InvalidInstanceID.NotFound"
