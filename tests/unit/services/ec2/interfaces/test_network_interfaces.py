"""Network interfaces, as clients use them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fakes.client import Client
from tests.fakes.network import ACCOUNT, new_instance, new_subnet, new_vpc, region_of

INSTANCE = "i-11111111111111111"


class Network:
    """A subnet with one running instance."""

    def __init__(self, **instance: Any) -> None:
        self.client = Client()
        self.vpc_id = new_vpc(self.client)
        self.subnet_id = new_subnet(self.client, self.vpc_id)
        self.primary = new_instance(self.client, self.subnet_id, INSTANCE, **instance).id

    def create(self, **params: Any) -> dict[str, Any]:
        interface: dict[str, Any] = self.client.call(
            "CreateNetworkInterface", SubnetId=self.subnet_id, **params
        )["NetworkInterface"]
        return interface

    def new(self, **params: Any) -> str:
        return str(self.create(**params)["NetworkInterfaceId"])

    def show(self, interface_id: str) -> dict[str, Any]:
        answer = self.client.call("DescribeNetworkInterfaces", NetworkInterfaceIds=[interface_id])
        interface: dict[str, Any] = answer["NetworkInterfaces"][0]
        return interface

    def find(self, name: str, *values: str) -> list[dict[str, Any]]:
        answer = self.client.call(
            "DescribeNetworkInterfaces", Filters=[{"Name": name, "Values": list(values)}]
        )
        found: list[dict[str, Any]] = answer["NetworkInterfaces"]
        return found

    def attach(self, interface_id: str, device_index: int = 1) -> str:
        answer = self.client.call(
            "AttachNetworkInterface",
            NetworkInterfaceId=interface_id,
            InstanceId=INSTANCE,
            DeviceIndex=device_index,
        )
        return str(answer["AttachmentId"])

    def modify(self, interface_id: str, **params: Any) -> None:
        self.client.call(
            "ModifyNetworkInterfaceAttribute", NetworkInterfaceId=interface_id, **params
        )

    def free(self) -> int:
        answer = self.client.call("DescribeSubnets", SubnetIds=[self.subnet_id])
        return int(answer["Subnets"][0]["AvailableIpAddressCount"])


@pytest.fixture
def network() -> Network:
    return Network()


def test_a_new_interface_is_pending_and_then_available(network: Network) -> None:
    created = network.create(
        Description="mine",
        PrivateIpAddress="10.9.1.20",
        TagSpecifications=[
            {"ResourceType": "network-interface", "Tags": [{"Key": "Name", "Value": "a"}]}
        ],
    )
    shown = network.show(created["NetworkInterfaceId"])

    assert (created["Status"], shown["Status"]) == ("pending", "available")
    assert shown["Description"] == "mine"
    assert shown["PrivateIpAddress"] == "10.9.1.20"
    assert shown["PrivateIpAddresses"] == [{"PrivateIpAddress": "10.9.1.20", "Primary": True}]
    assert [group["GroupName"] for group in shown["Groups"]] == ["default"]
    assert shown["SourceDestCheck"] is True
    assert shown["TagSet"] == [{"Key": "Name", "Value": "a"}]
    assert (shown["VpcId"], shown["SubnetId"]) == (network.vpc_id, network.subnet_id)
    assert shown["AvailabilityZone"] == "us-east-1a"
    assert shown["OwnerId"] == ACCOUNT
    assert "Attachment" not in shown


def test_names_follow_the_vpcs_dns_attributes(network: Network) -> None:
    interface = network.new(PrivateIpAddress="10.9.1.20")

    network.client.call(
        "ModifyVpcAttribute", VpcId=network.vpc_id, EnableDnsHostnames={"Value": True}
    )

    assert network.show(interface)["PrivateDnsName"] == "ip-10-9-1-20.ec2.internal"


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"SubnetId": "subnet-99999999999999999"}, "InvalidSubnetID.NotFound"),
        ({"Groups": ["sg-99999999999999999"]}, "InvalidGroup.NotFound"),
        ({"PrivateIpAddress": "10.8.0.1"}, "InvalidParameterValue"),
        ({"PrivateIpAddress": "10.9.1.2"}, "InvalidParameterValue"),
        ({"Ipv6Addresses": [{"Ipv6Address": "2001:db8:9::1"}]}, "InvalidParameterValue"),
        ({"SecondaryPrivateIpAddressCount": -1}, "InvalidParameterValue"),
        ({"SecondaryPrivateIpAddressCount": 10**6}, "PrivateIpAddressLimitExceeded"),
        ({"Ipv4Prefixes": [{"Ipv4Prefix": "10.9.1.32/27"}]}, "InvalidParameterValue"),
        ({"ConnectionTrackingSpecification": {"UdpTimeout": 1}}, "InvalidParameterValue"),
        (
            {
                "PrivateIpAddress": "10.9.1.20",
                "PrivateIpAddresses": [{"PrivateIpAddress": "10.9.1.21", "Primary": True}],
            },
            "InvalidParameterValue",
        ),
    ],
)
def test_a_bad_request_takes_nothing(network: Network, params: Any, code: str) -> None:
    before = network.free()

    assert (
        network.client.code_of(
            "CreateNetworkInterface", **{"SubnetId": network.subnet_id, **params}
        )
        == code
    )
    assert network.free() == before


def test_addresses_and_prefixes_are_given_back(network: Network) -> None:
    before = network.free()
    interface = network.create(
        PrivateIpAddresses=[
            {"PrivateIpAddress": "10.9.1.20", "Primary": True},
            {"PrivateIpAddress": "10.9.1.21", "Primary": False},
        ],
        Ipv4PrefixCount=1,
        Ipv6AddressCount=2,
        Ipv6PrefixCount=1,
    )

    assert [item["PrivateIpAddress"] for item in interface["PrivateIpAddresses"]] == [
        "10.9.1.20",
        "10.9.1.21",
    ]
    assert interface["Ipv4Prefixes"][0]["Ipv4Prefix"].endswith("/28")
    assert interface["Ipv6Prefixes"][0]["Ipv6Prefix"].endswith("/80")
    assert len({item["Ipv6Address"] for item in interface["Ipv6Addresses"]}) == 2
    assert network.free() == before - 18

    network.client.call(
        "DeleteNetworkInterface", NetworkInterfaceId=interface["NetworkInterfaceId"]
    )

    assert network.free() == before


def test_terraforms_life_of_an_interface(network: Network) -> None:
    interface = network.new()
    attachment = network.attach(interface)

    attached = network.find("attachment.attachment-id", attachment)[0]["Attachment"]
    assert (attached["Status"], attached["InstanceId"]) == ("attached", INSTANCE)
    assert (attached["DeviceIndex"], attached["DeleteOnTermination"]) == (1, False)
    assert network.show(interface)["Status"] == "in-use"
    assert (
        network.client.code_of("DeleteNetworkInterface", NetworkInterfaceId=interface)
        == "InvalidParameterValue"
    )

    network.client.call("DetachNetworkInterface", AttachmentId=attachment)

    detached = network.find("attachment.attachment-id", attachment)[0]["Attachment"]
    assert detached["Status"] == "detached"
    assert network.show(interface)["Status"] == "available"
    assert "Attachment" not in network.show(interface)

    network.client.turn(seconds=60)
    assert network.find("attachment.attachment-id", attachment) == []

    network.client.call("DeleteNetworkInterface", NetworkInterfaceId=interface)
    assert (
        network.client.code_of("DescribeNetworkInterfaces", NetworkInterfaceIds=[interface])
        == "InvalidNetworkInterfaceID.NotFound"
    )


def test_an_interface_is_attached_where_there_is_room(network: Network) -> None:
    first, second = network.new(), network.new()
    away = network.client.call(
        "CreateNetworkInterface",
        SubnetId=new_subnet(
            network.client,
            network.vpc_id,
            "subnet-22222222222222222",
            cidr="10.9.2.0/24",
            zone="b",
        ),
    )["NetworkInterface"]["NetworkInterfaceId"]

    def code(interface: str, device_index: int, instance: str = INSTANCE) -> str:
        return network.client.code_of(
            "AttachNetworkInterface",
            NetworkInterfaceId=interface,
            InstanceId=instance,
            DeviceIndex=device_index,
        )

    assert code(first, 0) == "InvalidParameterValue"
    assert code(first, 1, "i-99999999999999999") == "InvalidInstanceID.NotFound"
    assert code(away, 1) == "InvalidParameterCombination"
    network.attach(first)
    assert code(first, 2) == "InvalidNetworkInterface.InUse"
    # A t3.micro has two interfaces.
    assert code(second, 2) == "AttachmentLimitExceeded"


def test_the_primary_interface_stays(network: Network) -> None:
    attachment = network.show(network.primary)["Attachment"]["AttachmentId"]

    assert (
        network.client.code_of("DetachNetworkInterface", AttachmentId=attachment)
        == "OperationNotPermitted"
    )
    assert (
        network.client.code_of("DetachNetworkInterface", AttachmentId="eni-attach-1")
        == "InvalidAttachmentID.NotFound"
    )


def test_attributes_are_modified_one_at_a_time(network: Network) -> None:
    interface = network.primary
    group = network.client.call(
        "CreateSecurityGroup", GroupName="g", Description="x", VpcId=network.vpc_id
    )["GroupId"]
    attachment = network.show(interface)["Attachment"]["AttachmentId"]

    network.modify(interface, Description={"Value": "new"})
    network.modify(interface, SourceDestCheck={"Value": False})
    network.modify(interface, Groups=[group])
    network.modify(interface, Attachment={"AttachmentId": attachment, "DeleteOnTermination": False})

    shown = network.show(interface)
    assert shown["Description"] == "new"
    assert shown["SourceDestCheck"] is False
    assert shown["Groups"] == [{"GroupId": group, "GroupName": "g"}]
    assert shown["Attachment"]["DeleteOnTermination"] is False
    network.modify(interface, Description={"Value": ""})
    assert network.show(interface)["Description"] == ""
    network.client.call(
        "ResetNetworkInterfaceAttribute", NetworkInterfaceId=interface, SourceDestCheck="x"
    )
    assert network.show(interface)["SourceDestCheck"] is True


def test_bad_modifications_are_refused(network: Network) -> None:
    def code(**params: Any) -> str:
        return network.client.code_of(
            "ModifyNetworkInterfaceAttribute", NetworkInterfaceId=network.primary, **params
        )

    stranger = network.client.call(
        "CreateSecurityGroup",
        GroupName="g",
        Description="x",
        VpcId=new_vpc(network.client, "vpc-22222222222222222"),
    )["GroupId"]
    assert code() == "InvalidParameterCombination"
    assert (
        code(Description={"Value": "x"}, SourceDestCheck={"Value": True})
        == "InvalidParameterCombination"
    )
    assert code(Groups=[stranger]) == "InvalidGroup.NotFound"
    assert code(Attachment={"AttachmentId": "eni-attach-1", "DeleteOnTermination": True}) == (
        "InvalidAttachmentID.NotFound"
    )


def test_one_attribute_is_described(network: Network) -> None:
    def attribute(name: str) -> dict[str, Any]:
        return network.client.call(
            "DescribeNetworkInterfaceAttribute",
            NetworkInterfaceId=network.primary,
            Attribute=name,
        )

    assert attribute("sourceDestCheck")["SourceDestCheck"] == {"Value": True}
    assert attribute("description")["Description"] == {"Value": ""}
    assert attribute("groupSet")["Groups"][0]["GroupName"] == "default"
    assert attribute("attachment")["Attachment"]["DeviceIndex"] == 0
    assert attribute("associatePublicIpAddress")["AssociatePublicIpAddress"] is False
    assert (
        network.client.code_of(
            "DescribeNetworkInterfaceAttribute", NetworkInterfaceId=network.primary
        )
        == "InvalidParameterCombination"
    )


def test_secondary_addresses_come_and_go(network: Network) -> None:
    interface = network.new(PrivateIpAddress="10.9.1.20")
    before = network.free()

    answer = network.client.call(
        "AssignPrivateIpAddresses",
        NetworkInterfaceId=interface,
        PrivateIpAddresses=["10.9.1.21", "10.9.1.22"],
    )
    network.client.call(
        "UnassignPrivateIpAddresses",
        NetworkInterfaceId=interface,
        PrivateIpAddresses=["10.9.1.21"],
    )

    assert [item["PrivateIpAddress"] for item in answer["AssignedPrivateIpAddresses"]] == [
        "10.9.1.21",
        "10.9.1.22",
    ]
    shown = network.show(interface)["PrivateIpAddresses"]
    assert [item["PrivateIpAddress"] for item in shown] == ["10.9.1.20", "10.9.1.22"]
    assert network.free() == before - 1
    for address in ("10.9.1.20", "10.9.1.99"):
        assert (
            network.client.code_of(
                "UnassignPrivateIpAddresses",
                NetworkInterfaceId=interface,
                PrivateIpAddresses=[address],
            )
            == "InvalidParameterValue"
        )


def test_an_address_moves_only_when_told_to(network: Network) -> None:
    holder = network.new(
        PrivateIpAddresses=[
            {"PrivateIpAddress": "10.9.1.20", "Primary": True},
            {"PrivateIpAddress": "10.9.1.21"},
        ]
    )
    other = network.new()
    assign = {"NetworkInterfaceId": other, "PrivateIpAddresses": ["10.9.1.21"]}
    before = network.free()

    assert network.client.code_of("AssignPrivateIpAddresses", **assign) == "InvalidIPAddress.InUse"
    network.client.call("AssignPrivateIpAddresses", **assign, AllowReassignment=True)

    assert len(network.show(holder)["PrivateIpAddresses"]) == 1
    assert network.show(other)["PrivateIpAddresses"][1]["PrivateIpAddress"] == "10.9.1.21"
    assert network.free() == before
    assert (
        network.client.code_of(
            "AssignPrivateIpAddresses",
            NetworkInterfaceId=other,
            PrivateIpAddresses=["10.9.1.20"],
            AllowReassignment=True,
        )
        == "InvalidParameterValue"
    )


def test_an_instance_type_limits_addresses(network: Network) -> None:
    # A t3.micro has two IPv4 addresses on each interface.
    network.client.call(
        "AssignPrivateIpAddresses",
        NetworkInterfaceId=network.primary,
        SecondaryPrivateIpAddressCount=1,
    )

    assert (
        network.client.code_of(
            "AssignPrivateIpAddresses",
            NetworkInterfaceId=network.primary,
            SecondaryPrivateIpAddressCount=1,
        )
        == "PrivateIpAddressLimitExceeded"
    )


def test_ipv6_addresses_and_prefixes_come_and_go(network: Network) -> None:
    interface = network.new()

    assigned = network.client.call(
        "AssignIpv6Addresses",
        NetworkInterfaceId=interface,
        Ipv6Addresses=["2001:DB8:1:2:0::9"],
    )
    prefix = network.client.call(
        "AssignIpv6Addresses", NetworkInterfaceId=interface, Ipv6PrefixCount=1
    )["AssignedIpv6Prefixes"]

    assert assigned["AssignedIpv6Addresses"] == ["2001:db8:1:2::9"]
    assert network.show(interface)["Ipv6Prefixes"] == [{"Ipv6Prefix": prefix[0]}]
    assert (
        network.client.code_of(
            "AssignIpv6Addresses",
            NetworkInterfaceId=network.primary,
            Ipv6Addresses=["2001:db8:1:2::9"],
        )
        == "InvalidIPAddress.InUse"
    )
    network.client.call(
        "UnassignIpv6Addresses", NetworkInterfaceId=interface, Ipv6Addresses=["2001:db8:1:2::9"]
    )
    assert network.show(interface)["Ipv6Addresses"] == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("addresses.primary", "true"),
        ("addresses.private-ip-address", "10.9.1.20"),
        ("private-ip-address", "10.9.1.2?"),
        ("availability-zone", "us-east-1a"),
        ("description", "mine"),
        ("group-name", "default"),
        ("interface-type", "interface"),
        ("owner-id", ACCOUNT),
        ("requester-managed", "false"),
        ("source-dest-check", "true"),
        ("status", "available"),
        ("tag:Name", "a"),
        ("mac-address", "0a:*"),
    ],
)
def test_filters_find_the_interface(network: Network, name: str, value: str) -> None:
    interface = network.new(
        Description="mine",
        PrivateIpAddress="10.9.1.20",
        TagSpecifications=[
            {"ResourceType": "network-interface", "Tags": [{"Key": "Name", "Value": "a"}]}
        ],
    )

    found = [item["NetworkInterfaceId"] for item in network.find(name, value)]

    assert interface in found
    assert network.find(name, "other") == []


def test_filters_find_what_is_attached(network: Network) -> None:
    network.new()

    for name, value in (
        ("attachment.instance-id", INSTANCE),
        ("attachment.device-index", "0"),
        ("attachment.status", "attached"),
        ("attachment.delete-on-termination", "true"),
        ("attachment.attach-time", "2026-01-02T*"),
    ):
        found = [item["NetworkInterfaceId"] for item in network.find(name, value)]
        assert found == [network.primary], name


def test_an_unknown_filter_is_refused(network: Network) -> None:
    code = network.client.code_of(
        "DescribeNetworkInterfaces", Filters=[{"Name": "colour", "Values": ["red"]}]
    )

    assert code == "InvalidParameterValue"


def test_a_renamed_group_shows_on_its_interfaces_at_once(network: Network) -> None:
    from emulator.model.security_group import SecurityGroup

    group_id = network.show(network.primary)["Groups"][0]["GroupId"]
    region_of(network.client)[SecurityGroup][group_id].name = "renamed"

    assert network.show(network.primary)["Groups"][0]["GroupName"] == "renamed"


def test_a_permission_is_granted_listed_and_revoked(network: Network) -> None:
    client = network.client
    grant = {
        "NetworkInterfaceId": network.primary,
        "AwsAccountId": "111111111111",
        "Permission": "INSTANCE-ATTACH",
    }

    made = client.call("CreateNetworkInterfacePermission", **grant)["InterfacePermission"]

    assert made["PermissionState"] == {"State": "granted"}
    assert client.code_of("CreateNetworkInterfacePermission", **grant) == (
        "InvalidPermission.Duplicate"
    )
    permission_id = made["NetworkInterfacePermissionId"]
    listed = client.call(
        "DescribeNetworkInterfacePermissions", NetworkInterfacePermissionIds=[permission_id]
    )
    assert listed["NetworkInterfacePermissions"] == [made]
    client.call("DeleteNetworkInterfacePermission", NetworkInterfacePermissionId=permission_id)
    assert (
        client.code_of(
            "DescribeNetworkInterfacePermissions", NetworkInterfacePermissionIds=[permission_id]
        )
        == "InvalidPermissionID.NotFound"
    )


def test_an_interface_with_too_many_addresses_for_the_type_is_not_attached(
    network: Network,
) -> None:
    interface = network.new(SecondaryPrivateIpAddressCount=9)

    code = network.client.code_of(
        "AttachNetworkInterface",
        NetworkInterfaceId=interface,
        InstanceId=INSTANCE,
        DeviceIndex=1,
    )

    assert code == "PrivateIpAddressLimitExceeded"
    assert network.show(interface)["Status"] == "available"
