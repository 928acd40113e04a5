"""Every category of metadata, against what the API says of the same instance."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.imds.tree import VERSIONS
from tests.fakes.inmate import Inmate
from tests.fakes.launcher import Launcher

AMI = "ami-df5de72bdb3b"
NETWORK = "network/interfaces/macs/{mac}/"


@attrs.frozen
class Furnished:
    """An instance that has of everything, and what the API says of it."""

    client: Launcher
    inmate: Inmate
    api: dict[str, Any]
    subnet: dict[str, Any]
    vpc: dict[str, Any]
    elastic_ip: str
    key: dict[str, Any]
    profile_arn: str

    @property
    def interface(self) -> dict[str, Any]:
        found: dict[str, Any] = self.api["NetworkInterfaces"][0]
        return found


def furnished() -> Furnished:
    client = Launcher()
    vpc = client.call("CreateVpc", CidrBlock="10.0.0.0/16", AmazonProvidedIpv6CidrBlock=True)["Vpc"]
    vpc_id = vpc["VpcId"]
    client.call("AssociateVpcCidrBlock", VpcId=vpc_id, CidrBlock="10.1.0.0/16")
    client.call("ModifyVpcAttribute", VpcId=vpc_id, EnableDnsHostnames={"Value": True})
    vpc = client.call("DescribeVpcs", VpcIds=[vpc_id])["Vpcs"][0]
    ipv6 = vpc["Ipv6CidrBlockAssociationSet"][0]["Ipv6CidrBlock"].replace("/56", "/64")
    gateway = client.call("CreateInternetGateway")["InternetGateway"]["InternetGatewayId"]
    client.call("AttachInternetGateway", InternetGatewayId=gateway, VpcId=vpc_id)
    subnet = client.call(
        "CreateSubnet", VpcId=vpc_id, CidrBlock="10.0.1.0/24", Ipv6CidrBlock=ipv6,
        AvailabilityZone="us-east-1b",
    )["Subnet"]  # fmt: skip
    groups = [
        client.call("CreateSecurityGroup", GroupName=name, Description=name, VpcId=vpc_id)
        for name in ("web", "ssh")
    ]
    client.call("CreateKeyPair", KeyName="mine")
    profile_arn = client.profile("app")
    client.call("CreatePlacementGroup", GroupName="spread", Strategy="partition", PartitionCount=3)
    instance_id = client.launch(
        ImageId=AMI,
        KeyName="mine",
        InstanceType="m5.large",
        UserData="IyEvYmluL3NoCg==",
        IamInstanceProfile={"Name": "app"},
        Placement={"GroupName": "spread", "PartitionNumber": 2},
        Monitoring={"Enabled": True},
        InstanceMarketOptions={"MarketType": "spot"},
        MetadataOptions={"InstanceMetadataTags": "enabled"},
        TagSpecifications=[
            {
                "ResourceType": "instance",
                "Tags": [{"Key": "Name", "Value": "web-1"}, {"Key": "a:b@c=d", "Value": ""}],
            }
        ],
        BlockDeviceMappings=[{"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 1}}],
        NetworkInterfaces=[
            {
                "DeviceIndex": 0,
                "SubnetId": subnet["SubnetId"],
                "Groups": [group["GroupId"] for group in groups],
                "SecondaryPrivateIpAddressCount": 1,
                "Ipv6AddressCount": 2,
            }
        ],
    )
    client.turn()
    eni = client.instance(instance_id)["NetworkInterfaces"][0]["NetworkInterfaceId"]
    client.call("AssignPrivateIpAddresses", NetworkInterfaceId=eni, Ipv4PrefixCount=1)
    client.call("AssignIpv6Addresses", NetworkInterfaceId=eni, Ipv6PrefixCount=1)
    address = client.call("AllocateAddress", Domain="vpc")
    client.call("AssociateAddress", AllocationId=address["AllocationId"], NetworkInterfaceId=eni)
    return Furnished(
        client,
        Inmate(client, instance_id),
        client.instance(instance_id),
        subnet,
        client.call("DescribeVpcs", VpcIds=[vpc_id])["Vpcs"][0],
        address["PublicIp"],
        client.call("DescribeKeyPairs", IncludePublicKey=True)["KeyPairs"][0],
        profile_arn,
    )


@pytest.fixture(scope="module")
def full() -> Furnished:
    return furnished()


def lines(values: Any) -> str:
    return "\n".join(values)


# Category → its value, from what the API says. Those that change by themselves, and events
# and credentials, have tests of their own below.
CATEGORIES: dict[str, Callable[[Furnished], str | None]] = {
    "ami-id": lambda full: full.api["ImageId"],
    "ami-launch-index": lambda full: str(full.api["AmiLaunchIndex"]),
    "ami-manifest-path": lambda _: "(unknown)",
    "ancestor-ami-ids": lambda _: None,
    "autoscaling/target-lifecycle-state": lambda _: None,
    "block-device-mapping/ami": lambda full: full.api["RootDeviceName"],
    "block-device-mapping/root": lambda full: full.api["RootDeviceName"],
    "block-device-mapping/ebs1": lambda _: "sdf",
    "block-device-mapping/ebs2": lambda _: None,
    "block-device-mapping/ephemeral0": lambda _: None,
    "block-device-mapping/swap": lambda _: None,
    "events/maintenance/history": lambda _: "[]",
    "events/maintenance/scheduled": lambda _: "[]",
    "events/recommendations/rebalance": lambda _: None,
    "hostname": lambda full: full.api["PrivateDnsName"],
    "instance-action": lambda _: "none",
    "instance-id": lambda full: full.api["InstanceId"],
    "instance-life-cycle": lambda full: full.api["InstanceLifecycle"],
    "instance-type": lambda full: full.api["InstanceType"],
    "ipv6": lambda full: full.interface["Ipv6Addresses"][0]["Ipv6Address"],
    "kernel-id": lambda full: full.api.get("KernelId"),
    "local-hostname": lambda full: full.api["PrivateDnsName"],
    "local-ipv4": lambda full: full.api["PrivateIpAddress"],
    "mac": lambda full: full.interface["MacAddress"],
    "metrics/vhostmd": lambda _: '<?xml version="1.0" encoding="UTF-8"?>',
    f"{NETWORK}device-number": lambda _: "0",
    f"{NETWORK}interface-id": lambda full: full.interface["NetworkInterfaceId"],
    f"{NETWORK}ipv4-associations/{{public_ip}}": lambda full: full.api["PrivateIpAddress"],
    f"{NETWORK}ipv4-prefix": lambda full: full.interface["Ipv4Prefixes"][0]["Ipv4Prefix"],
    f"{NETWORK}ipv6-prefix": lambda full: full.interface["Ipv6Prefixes"][0]["Ipv6Prefix"],
    f"{NETWORK}ipv6s": lambda full: lines(
        each["Ipv6Address"] for each in full.interface["Ipv6Addresses"]
    ),
    f"{NETWORK}local-hostname": lambda full: full.interface["PrivateDnsName"],
    f"{NETWORK}local-ipv4s": lambda full: lines(
        each["PrivateIpAddress"] for each in full.interface["PrivateIpAddresses"]
    ),
    f"{NETWORK}mac": lambda full: full.interface["MacAddress"],
    f"{NETWORK}network-card": lambda _: "0",
    f"{NETWORK}owner-id": lambda full: full.interface["OwnerId"],
    f"{NETWORK}public-hostname": lambda full: full.interface["Association"]["PublicDnsName"],
    f"{NETWORK}public-ipv4s": lambda full: full.interface["Association"]["PublicIp"],
    f"{NETWORK}security-group-ids": lambda full: lines(
        group["GroupId"] for group in full.interface["Groups"]
    ),
    f"{NETWORK}security-groups": lambda full: lines(
        group["GroupName"] for group in full.interface["Groups"]
    ),
    f"{NETWORK}subnet-id": lambda full: full.subnet["SubnetId"],
    f"{NETWORK}subnet-ipv4-cidr-block": lambda full: full.subnet["CidrBlock"],
    f"{NETWORK}subnet-ipv6-cidr-blocks": lambda full: full.subnet["Ipv6CidrBlockAssociationSet"][0][
        "Ipv6CidrBlock"
    ],
    f"{NETWORK}vpc-id": lambda full: full.vpc["VpcId"],
    f"{NETWORK}vpc-ipv4-cidr-block": lambda full: full.vpc["CidrBlock"],
    f"{NETWORK}vpc-ipv4-cidr-blocks": lambda full: lines(
        each["CidrBlock"] for each in full.vpc["CidrBlockAssociationSet"]
    ),
    f"{NETWORK}vpc-ipv6-cidr-blocks": lambda full: full.vpc["Ipv6CidrBlockAssociationSet"][0][
        "Ipv6CidrBlock"
    ],
    "placement/availability-zone": lambda full: full.api["Placement"]["AvailabilityZone"],
    "placement/availability-zone-id": lambda full: full.subnet["AvailabilityZoneId"],
    "placement/group-name": lambda full: full.api["Placement"]["GroupName"],
    "placement/host-id": lambda full: full.api["Placement"].get("HostId"),
    "placement/partition-number": lambda full: str(full.api["Placement"]["PartitionNumber"]),
    "placement/region": lambda full: full.client.region,
    "product-codes": lambda _: None,
    "public-hostname": lambda full: full.api["PublicDnsName"],
    "public-ipv4": lambda full: full.elastic_ip,
    "public-keys/": lambda _: "0=mine",
    "public-keys/0/": lambda _: "openssh-key",
    "public-keys/0/openssh-key": lambda full: full.key["PublicKey"].strip() + "\n",
    "ramdisk-id": lambda full: full.api.get("RamdiskId"),
    "reservation-id": lambda full: full.client.call("DescribeInstances")["Reservations"][0][
        "ReservationId"
    ],
    "security-groups": lambda full: lines(
        group["GroupName"] for group in full.api["SecurityGroups"]
    ),
    "services/domain": lambda _: "amazonaws.com",
    "services/partition": lambda _: "aws",
    "spot/instance-action": lambda _: None,
    "spot/termination-time": lambda _: None,
    "system": lambda _: "nitro",
    "tags/instance/Name": lambda _: "web-1",
    "tags/instance/a:b@c=d": lambda _: "",
    "tags/instance/": lambda _: "Name\na:b@c=d",
}


@pytest.mark.parametrize("category", CATEGORIES)
def test_a_category_says_what_the_api_says(category: str, full: Furnished) -> None:
    path = category.format(mac=full.interface["MacAddress"], public_ip=full.elastic_ip)

    assert CATEGORIES[category](full) == full.inmate.meta(path)


def test_listings_lead_to_every_category_and_to_nothing_else(full: Furnished) -> None:
    found = set(full.inmate.walk())
    of_others = {path for path in found if path.startswith(("iam/", "identity-credentials/"))}
    expected = {
        path.format(mac=full.interface["MacAddress"], public_ip=full.elastic_ip)
        for path, value in CATEGORIES.items()
        if not path.endswith("/") and value(full) is not None
    }

    assert expected == found - of_others


def test_user_data_is_given_back_as_bytes(full: Furnished) -> None:
    assert full.inmate.get("user-data") == "#!/bin/sh\n"
    (content_type, *_) = full.inmate.ask(
        "/latest/user-data", headers={"x-aws-ec2-metadata-token": full.inmate.token()}
    ).headers
    assert content_type == ("Content-Type", "application/octet-stream")


def test_monitoring_is_told(full: Furnished) -> None:
    assert full.inmate.get("dynamic/fws/instance-monitoring") == "enabled"


def test_the_root_lists_every_version_and_latest(full: Furnished) -> None:
    answer = full.inmate.ask("/")

    assert b"".join(answer.body).decode().split("\n") == [*VERSIONS, "latest"]


@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_has_the_oldest_categories(version: str, full: Furnished) -> None:
    assert full.inmate.meta("instance-id", version) == full.api["InstanceId"]
    listing = full.inmate.get("", version) or ""
    assert {"meta-data", "user-data"} <= {name.rstrip("/") for name in listing.split("\n")}


def test_an_old_version_has_nothing_of_what_came_later(full: Furnished) -> None:
    old = full.inmate.walk(version="2009-04-04")

    assert full.inmate.meta("placement/region", "2009-04-04") is None
    assert full.inmate.meta("iam/info", "2011-05-01") is None
    assert full.inmate.meta("tags/instance/Name", "2021-01-03") is None
    assert full.inmate.meta("tags/instance/Name", "2021-03-23") == "web-1"
    assert full.inmate.get("dynamic/fws/instance-monitoring", "2008-09-01") is None
    assert old["placement/availability-zone"] == "us-east-1b"
    assert not [path for path in old if path.startswith(("iam/", "tags/", "network/"))]


@pytest.mark.parametrize("version", ["2009-04-05", "1.1", "newest", "LATEST", "..", "api"])
def test_there_is_nothing_below_a_version_that_never_was(version: str, full: Furnished) -> None:
    assert full.inmate.meta("instance-id", version) is None


@pytest.mark.parametrize(
    "path",
    [
        "/latest/meta-data/placement",
        "/latest/meta-data/placement/",
        "//latest//meta-data///placement//",
        "/latest/meta-data/%70lacement/",
    ],
)
def test_slashes_and_escapes_do_not_matter(path: str, full: Furnished) -> None:
    answer = full.inmate.ask(path)

    assert answer.status == 200
    assert b"".join(answer.body).split(b"\n")[0] == b"availability-zone"


@pytest.mark.parametrize(
    "path", ["instance-id/x", "nothing", "placement/nothing", "public-keys/1/", "iam/roles/"]
)
def test_what_is_not_there_is_not_found(path: str, full: Furnished) -> None:
    answer = full.inmate.ask(f"/latest/meta-data/{path}")

    assert answer.status == 404
    assert answer.headers == [("Content-Type", "text/html")]
    assert b"404 - Not Found" in b"".join(answer.body)


ABSENT = [
    "iam/", "iam/info", "iam/security-credentials/", "ipv6", "public-keys/", "public-ipv4",
    "public-hostname", "spot/", "tags/", "autoscaling/", "placement/group-name",
    "block-device-mapping/ebs1", "events/recommendations/",
]  # fmt: skip


@pytest.fixture(scope="module")
def bare() -> Inmate:
    client = Launcher()
    _, subnet_id = client.private_network()
    return Inmate(client, client.launch(ImageId=AMI, SubnetId=subnet_id))


@pytest.mark.parametrize("path", ABSENT)
def test_an_instance_without_something_has_no_such_category(path: str, bare: Inmate) -> None:
    assert bare.meta(path) is None
    assert not [name for name in bare.walk() if name.startswith(path)]


def test_an_instance_without_user_data_does_not_list_it(bare: Inmate) -> None:
    assert bare.get("user-data") is None
    assert "user-data" not in (bare.get("") or "")
    assert bare.meta("instance-life-cycle") == "on-demand"


def test_changes_through_the_api_show_at_once() -> None:
    client = Launcher()
    instance_id = client.launch(ImageId=AMI)
    inmate = Inmate(client, instance_id)
    assert inmate.meta("tags/instance/Name") is None
    client.call("CreateTags", Resources=[instance_id], Tags=[{"Key": "Name", "Value": "a b"}])
    assert inmate.meta("tags/instance/Name") is None
    client.call(
        "ModifyInstanceMetadataOptions", InstanceId=instance_id, InstanceMetadataTags="enabled"
    )
    assert inmate.meta("tags/instance/Name") == "a b"
    client.call("DeleteTags", Resources=[instance_id], Tags=[{"Key": "Name"}])
    assert inmate.meta("tags/instance/Name") is None

    group = client.call("CreateSecurityGroup", GroupName="new", Description="new")["GroupId"]
    client.call("ModifyInstanceAttribute", InstanceId=instance_id, Groups=[group])
    assert inmate.meta("security-groups") == "new"

    before = inmate.meta("public-ipv4")
    address = client.call("AllocateAddress", Domain="vpc")
    client.call("AssociateAddress", AllocationId=address["AllocationId"], InstanceId=instance_id)
    assert inmate.meta("public-ipv4") == address["PublicIp"] != before
    assert address["PublicIp"].replace(".", "-") in (inmate.meta("public-hostname") or "")

    arn = client.profile("late")
    assert inmate.meta("iam/info") is None
    client.call(
        "AssociateIamInstanceProfile", InstanceId=instance_id, IamInstanceProfile={"Arn": arn}
    )
    assert inmate.document("iam/info")["InstanceProfileArn"] == arn

    client.stop(instance_id)
    client.call(
        "ModifyInstanceAttribute", InstanceId=instance_id, UserData={"Value": b"#!/bin/bash"}
    )
    client.call("StartInstances", InstanceIds=[instance_id])
    assert inmate.get("user-data") == "#!/bin/bash"


def test_a_volume_shows_from_the_next_start_on() -> None:
    client = Launcher()
    instance_id = client.launch(ImageId=AMI)
    inmate = Inmate(client, instance_id)
    client.turn(5)
    zone = client.instance(instance_id)["Placement"]["AvailabilityZone"]
    volume = client.call("CreateVolume", AvailabilityZone=zone, Size=1)["VolumeId"]
    client.call("AttachVolume", InstanceId=instance_id, VolumeId=volume, Device="/dev/sdg")
    client.turn(5)
    assert inmate.meta("block-device-mapping/ebs1") is None
    client.stop(instance_id)
    client.call("StartInstances", InstanceIds=[instance_id])
    assert inmate.meta("block-device-mapping/ebs1") == "sdg"


def test_the_key_stays_when_its_pair_is_deleted() -> None:
    client = Launcher()
    client.call("CreateKeyPair", KeyName="gone", KeyType="ed25519")
    inmate = Inmate(client, client.launch(ImageId=AMI, KeyName="gone"))
    client.call("DeleteKeyPair", KeyName="gone")

    key = inmate.meta("public-keys/0/openssh-key") or ""
    assert key.startswith("ssh-ed25519 ")
    assert key.endswith(" gone\n")


def test_a_second_interface_has_a_folder_of_its_own() -> None:
    client = Launcher()
    subnet = client.default_subnets()[0]
    instance_id = client.launch(ImageId=AMI, SubnetId=subnet["SubnetId"])
    inmate = Inmate(client, instance_id)
    eni = client.call("CreateNetworkInterface", SubnetId=subnet["SubnetId"])["NetworkInterface"]
    client.call(
        "AttachNetworkInterface",
        InstanceId=instance_id, NetworkInterfaceId=eni["NetworkInterfaceId"], DeviceIndex=1,
    )  # fmt: skip
    primary = client.instance(instance_id)["NetworkInterfaces"][0]["MacAddress"]
    folder = f"network/interfaces/macs/{eni['MacAddress']}"

    listed = (inmate.meta("network/interfaces/macs/") or "").split("\n")
    assert listed == [f"{primary}/", f"{eni['MacAddress']}/"]
    assert inmate.meta(f"{folder}/device-number") == "1"
    assert inmate.meta(f"{folder}/local-ipv4s") == eni["PrivateIpAddress"]
    assert inmate.meta(f"{folder}/local-hostname") == eni["PrivateDnsName"]
    assert inmate.meta(f"{folder}/ipv4-associations/") is None


def test_a_domain_in_the_dhcp_options_is_in_the_hostname() -> None:
    client = Launcher()
    vpc_id, subnet_id = client.private_network()
    options = client.call(
        "CreateDhcpOptions",
        DhcpConfigurations=[{"Key": "domain-name", "Values": ["corp.example"]}],
    )["DhcpOptions"]["DhcpOptionsId"]
    client.call("AssociateDhcpOptions", DhcpOptionsId=options, VpcId=vpc_id)
    instance_id = client.launch(ImageId=AMI, SubnetId=subnet_id)
    ip = client.instance(instance_id)["PrivateIpAddress"]

    assert Inmate(client, instance_id).meta("hostname") == (
        f"ip-{ip.replace('.', '-')}.corp.example"
    )


def test_regions_of_other_partitions_say_so() -> None:
    client = Launcher(region="cn-north-1")
    inmate = Inmate(client, client.launch(ImageId=AMI))

    assert inmate.meta("services/domain") == "amazonaws.com.cn"
    assert inmate.meta("services/partition") == "aws-cn"
    assert inmate.meta("placement/region") == "cn-north-1"


def test_two_instances_see_only_themselves() -> None:
    client = Launcher()
    run = client.run(ImageId=AMI, MinCount=2, MaxCount=2)["Instances"]
    first, second = (Inmate(client, each["InstanceId"]) for each in run)

    assert first.meta("instance-id") == run[0]["InstanceId"]
    assert second.meta("instance-id") == run[1]["InstanceId"]
    assert (first.meta("ami-launch-index"), second.meta("ami-launch-index")) == ("0", "1")


def test_an_instance_that_is_gone_finds_nothing() -> None:
    client = Launcher()
    inmate = Inmate(client, "i-00000000000000000")

    assert inmate.ask("/latest/meta-data/instance-id").status == 404


@given(st.text(max_size=60))
def test_no_path_brings_the_tree_down(path: str) -> None:
    answer = BARE.ask(f"/{path}")

    assert answer.status in (200, 404)


@given(
    st.lists(
        st.sampled_from(
            [
                "latest", "1.0", "meta-data", "dynamic", "user-data", "network", "interfaces",
                "macs", "%", "%00", "%2e%2e", "public-keys", "0", "0=mine", "tags", "instance",
                "iam", "security-credentials", "block-device-mapping", "ebs1", "", "api", "token",
            ]
        ),
        max_size=8,
    )
)  # fmt: skip
def test_no_mixture_of_true_names_brings_the_tree_down(names: list[str]) -> None:
    answer = BARE.ask("/" + "/".join(names))

    assert answer.status in (200, 404, 405)


def test_json_of_the_tree_is_json(full: Furnished) -> None:
    for path, value in full.inmate.walk().items():
        if value.startswith(("{", "[")):
            assert json.loads(value) is not None, path


BARE = furnished().inmate
