"""boto3's resources: objects with attributes, collections and waiters."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.fakes.creations import IMAGE


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """wait_until_* cannot be told to hurry; nothing here needs a pause."""
    monkeypatch.setattr("botocore.waiter.time.sleep", lambda _: None)


def code_of(refused: pytest.ExceptionInfo[ClientError]) -> str:
    return str(refused.value.response["Error"]["Code"])


def launch(resources: Any, count: int = 1, **params: Any) -> list[Any]:
    made: list[Any] = resources.create_instances(
        ImageId=IMAGE, InstanceType="t3.micro", MinCount=count, MaxCount=count, **params
    )
    return made


def test_an_instance_from_launch_to_end(resources: Any) -> None:
    (instance,) = launch(
        resources,
        TagSpecifications=[
            {"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "resource"}]}
        ],
    )
    assert instance.state["Name"] == "pending"
    assert instance.tags == [{"Key": "Name", "Value": "resource"}]

    instance.wait_until_exists()
    instance.wait_until_running()
    instance.reload()
    assert instance.state == {"Code": 16, "Name": "running"}
    assert instance.private_ip_address.startswith("172.31.")
    assert instance.public_ip_address
    assert instance.vpc.is_default
    assert instance.subnet.vpc_id == instance.vpc_id
    assert instance.image.id == IMAGE
    (volume,) = instance.volumes.all()
    assert volume.attachments[0]["InstanceId"] == instance.id
    assert instance.root_device_name == volume.attachments[0]["Device"]

    instance.stop()
    instance.wait_until_stopped()
    instance.modify_attribute(InstanceType={"Value": "t3.small"})
    instance.modify_attribute(DisableApiTermination={"Value": True})
    instance.start()
    instance.wait_until_running()
    instance.reload()
    assert instance.instance_type == "t3.small"
    with pytest.raises(ClientError) as refused:
        instance.terminate()
    assert code_of(refused) == "OperationNotPermitted"
    assert instance.describe_attribute(Attribute="disableApiTermination")[
        "DisableApiTermination"
    ] == {"Value": True}
    instance.modify_attribute(DisableApiTermination={"Value": False})
    instance.reboot()
    instance.monitor()
    instance.console_output()
    instance.terminate()
    instance.wait_until_terminated()
    instance.reload()
    assert instance.state["Name"] == "terminated"
    with pytest.raises(ClientError) as refused:
        volume.load()
    assert code_of(refused) == "InvalidVolume.NotFound"


def test_collections_filter_limit_and_page(resources: Any) -> None:
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "set", "Value": "seven"}]}]
    ids = [instance.id for instance in launch(resources, 7, TagSpecifications=tags)]
    # One reservation each, so that there is something to page through.
    ids += [launch(resources, TagSpecifications=tags)[0].id for _ in range(6)]
    ours = resources.instances.filter(Filters=[{"Name": "tag:set", "Values": ["seven"]}])

    assert sorted(instance.id for instance in ours) == sorted(ids)
    assert len(list(ours.limit(3))) == 3
    assert sorted(instance.id for instance in ours.page_size(5)) == sorted(ids)
    assert len(list(ours.pages())) == 1
    ours.stop()
    assert {instance.state["Name"] for instance in ours} == {"stopped"}
    ours.create_tags(Tags=[{"Key": "batch", "Value": "1"}])
    assert all({"Key": "batch", "Value": "1"} in instance.tags for instance in ours)
    ours.terminate()


def test_a_network_built_and_taken_down(resources: Any) -> None:
    vpc = resources.create_vpc(CidrBlock="10.30.0.0/16")
    vpc.wait_until_available()
    vpc.modify_attribute(EnableDnsHostnames={"Value": True})
    vpc.create_tags(Tags=[{"Key": "Name", "Value": "net"}])
    vpc.reload()
    assert vpc.tags == [{"Key": "Name", "Value": "net"}]
    assert vpc.describe_attribute(Attribute="enableDnsHostnames")["EnableDnsHostnames"]["Value"]
    gateway = resources.create_internet_gateway()
    gateway.attach_to_vpc(VpcId=vpc.id)
    assert [found.id for found in vpc.internet_gateways.all()] == [gateway.id]
    subnet = vpc.create_subnet(CidrBlock="10.30.1.0/24")
    table = vpc.create_route_table()
    route = table.create_route(DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway.id)
    association = table.associate_with_subnet(SubnetId=subnet.id)
    table.reload()
    assert sorted(r.destination_cidr_block for r in table.routes) == ["0.0.0.0/0", "10.30.0.0/16"]
    assert [a.id for a in table.associations] == [association.id]
    acl = vpc.create_network_acl()
    acl.create_entry(
        RuleNumber=10, Protocol="-1", RuleAction="allow", Egress=True, CidrBlock="0.0.0.0/0"
    )
    assert len(list(vpc.network_acls.all())) == 2
    group = vpc.create_security_group(GroupName="g", Description="d")
    group.authorize_ingress(IpProtocol="tcp", FromPort=80, ToPort=80, CidrIp="0.0.0.0/0")
    group.reload()
    assert group.ip_permissions[0]["FromPort"] == 80
    group.revoke_ingress(IpProtocol="tcp", FromPort=80, ToPort=80, CidrIp="0.0.0.0/0")
    interface = subnet.create_network_interface(Groups=[group.id], Description="n")
    assert [found.id for found in vpc.network_interfaces.all()] == [interface.id]
    address = resources.VpcAddress(
        resources.meta.client.allocate_address(Domain="vpc")["AllocationId"]
    )
    address.associate(NetworkInterfaceId=interface.id)
    address.reload()
    assert address.network_interface_id == interface.id
    with pytest.raises(ClientError) as refused:
        vpc.delete()
    assert code_of(refused) == "DependencyViolation"

    address.association.delete()
    address.release()
    interface.delete()
    group.delete()
    acl.delete()
    route.delete()
    association.delete()
    table.delete()
    subnet.delete()
    gateway.detach_from_vpc(VpcId=vpc.id)
    gateway.delete()
    vpc.delete()
    with pytest.raises(ClientError) as refused:
        vpc.load()
    assert code_of(refused) == "InvalidVpcID.NotFound"


def test_a_volume_its_snapshot_and_an_image(resources: Any) -> None:
    (instance,) = launch(resources)
    instance.wait_until_running()
    zone = resources.Instance(instance.id).placement["AvailabilityZone"]
    volume = resources.create_volume(AvailabilityZone=zone, Size=4, VolumeType="gp3")
    assert volume.state == "creating"
    resources.meta.client.get_waiter("volume_available").wait(VolumeIds=[volume.id])
    volume.attach_to_instance(InstanceId=instance.id, Device="/dev/sdg")
    volume.reload()
    assert volume.attachments[0]["Device"] == "/dev/sdg"
    assert len(list(instance.volumes.all())) == 2
    snapshot = volume.create_snapshot(Description="s")
    snapshot.wait_until_completed()
    snapshot.reload()
    assert (snapshot.volume_size, snapshot.state) == (4, "completed")
    assert [found.id for found in volume.snapshots.all()] == [snapshot.id]
    volume.detach_from_instance(InstanceId=instance.id)

    image = instance.create_image(Name="made here", NoReboot=True)
    image.wait_until_exists()
    image.reload()
    assert image.state == "available"
    root = next(m for m in image.block_device_mappings if m["DeviceName"] == image.root_device_name)
    assert {"DeleteOnTermination", "Encrypted", "VolumeSize", "VolumeType"} <= root["Ebs"].keys()
    assert "made here" in [found.name for found in resources.images.filter(Owners=["self"])]
    (again,) = resources.create_instances(
        ImageId=image.id, InstanceType="t3.micro", MinCount=1, MaxCount=1
    )
    again.wait_until_running()
    image.deregister()
    resources.Snapshot(root["Ebs"]["SnapshotId"]).delete()
    with pytest.raises(ClientError) as refused:
        image.modify_attribute(Description={"Value": "gone"})
    assert code_of(refused) in {"InvalidAMIID.NotFound", "InvalidAMIID.Unavailable"}
    volume.delete()
    snapshot.delete()


def test_key_pairs_and_tags(resources: Any) -> None:
    pair = resources.create_key_pair(KeyName="resource")
    assert pair.key_material.startswith("-----BEGIN RSA PRIVATE KEY-----")
    info = resources.KeyPair("resource")
    assert info.key_fingerprint == pair.key_fingerprint
    assert [found.name for found in resources.key_pairs.all()] == ["resource"]
    (instance,) = launch(resources, KeyName="resource")
    assert instance.key_pair.name == "resource"
    (tag,) = instance.create_tags(Tags=[{"Key": "a", "Value": "1"}])
    tag.reload()
    assert tag.value == "1"
    tag.delete()
    instance.reload()
    assert not instance.tags
    pair.delete()
    with pytest.raises(ClientError) as refused:
        resources.meta.client.describe_key_pairs(KeyNames=["resource"])
    assert code_of(refused) == "InvalidKeyPair.NotFound"


def test_what_every_account_is_born_with(resources: Any) -> None:
    (vpc,) = resources.vpcs.filter(Filters=[{"Name": "is-default", "Values": ["true"]}])
    assert vpc.cidr_block == "172.31.0.0/16"
    subnets = list(vpc.subnets.all())
    assert len(subnets) >= 3
    assert all(subnet.default_for_az for subnet in subnets)
    assert [group.group_name for group in vpc.security_groups.all()] == ["default"]
    assert len(list(vpc.internet_gateways.all())) == 1
    assert vpc.dhcp_options.dhcp_configurations
    (table,) = vpc.route_tables.all()
    assert {route.gateway_id[:3] for route in table.routes} == {"igw", "loc"}
