"""What was created is what is read, each time, with all that clients take for granted.

Terraform compares what it reads with what it asked for, and crashes on absent structures
that it does not expect to be absent.
"""

from __future__ import annotations

import functools
import re
from typing import Any
from xml.etree import ElementTree as ET

import botocore.serialize
import pytest

from emulator.services.registry import SERVICES
from tests.fakes.client import Client, model
from tests.fakes.creations import CREATIONS, Made, furnish

ANSWERED = SERVICES["ec2"]


@functools.cache
def furnished() -> tuple[Client, Made]:
    client = Client()
    return client, furnish(client.call)


def body(client: Client, operation: str) -> bytes:
    operation_model = model("ec2").operation_model(operation)
    serializer = botocore.serialize.create_serializer("ec2", False)
    answer = client.send(serializer.serialize_to_request({}, operation_model))["body"]
    return re.sub(rb"<(requestId|RequestID)>[^<]*</\1>", b"", answer)


@pytest.mark.parametrize("operation", sorted(n for n in ANSWERED if n.startswith("Describe")))
def test_nothing_changes_by_being_read(operation: str) -> None:
    client, _ = furnished()
    client.turn(seconds=60)

    assert body(client, operation) == body(client, operation)


# Where a created thing is found again: the operation, its parameter of ids, its result.
READ = {
    "acl": ("DescribeNetworkAcls", "NetworkAclIds", "NetworkAcls"),
    "cgw": ("DescribeCustomerGateways", "CustomerGatewayIds", "CustomerGateways"),
    "dhcp": ("DescribeDhcpOptions", "DhcpOptionsIds", "DhcpOptions"),
    "eigw": (
        "DescribeEgressOnlyInternetGateways",
        "EgressOnlyInternetGatewayIds",
        "EgressOnlyInternetGateways",
    ),
    "endpoint": ("DescribeVpcEndpoints", "VpcEndpointIds", "VpcEndpoints"),
    "eni": ("DescribeNetworkInterfaces", "NetworkInterfaceIds", "NetworkInterfaces"),
    "igw": ("DescribeInternetGateways", "InternetGatewayIds", "InternetGateways"),
    "instance": ("DescribeInstances", "InstanceIds", "Reservations"),
    "nat": ("DescribeNatGateways", "NatGatewayIds", "NatGateways"),
    "peering": (
        "DescribeVpcPeeringConnections",
        "VpcPeeringConnectionIds",
        "VpcPeeringConnections",
    ),
    "placement": ("DescribePlacementGroups", "GroupIds", "PlacementGroups"),
    "prefixes": ("DescribeManagedPrefixLists", "PrefixListIds", "PrefixLists"),
    "rule": ("DescribeSecurityGroupRules", "SecurityGroupRuleIds", "SecurityGroupRules"),
    "snapshot": ("DescribeSnapshots", "SnapshotIds", "Snapshots"),
    "spot": (
        "DescribeSpotInstanceRequests",
        "SpotInstanceRequestIds",
        "SpotInstanceRequests",
    ),
    "subnet": ("DescribeSubnets", "SubnetIds", "Subnets"),
    "table": ("DescribeRouteTables", "RouteTableIds", "RouteTables"),
    "template": ("DescribeLaunchTemplates", "LaunchTemplateIds", "LaunchTemplates"),
    "tgw": ("DescribeTransitGateways", "TransitGatewayIds", "TransitGateways"),
    "tgw attachment": (
        "DescribeTransitGatewayVpcAttachments",
        "TransitGatewayAttachmentIds",
        "TransitGatewayVpcAttachments",
    ),
    "tgw table": (
        "DescribeTransitGatewayRouteTables",
        "TransitGatewayRouteTableIds",
        "TransitGatewayRouteTables",
    ),
    "vgw": ("DescribeVpnGateways", "VpnGatewayIds", "VpnGateways"),
    "volume": ("DescribeVolumes", "VolumeIds", "Volumes"),
    "vpc": ("DescribeVpcs", "VpcIds", "Vpcs"),
    "vpn": ("DescribeVpnConnections", "VpnConnectionIds", "VpnConnections"),
}
# What the passing of time changes, and what only one of the two answers has.
CHANGES = {
    *("State", "Status", "StateReason", "StateTransitionReason", "Progress", "ClientToken"),
    *("ResponseMetadata", "PublicDnsName", "PublicIpAddress", "BlockDeviceMappings"),
    *("CompletionTime", "NetworkInterfaces", "MetadataOptions"),
}


def created(name: str) -> bool:
    return any(c.name == name and c.operation in ANSWERED for c in CREATIONS)


@pytest.mark.parametrize("name", sorted(filter(created, READ)))
def test_what_was_answered_is_what_is_read(name: str) -> None:
    client = Client()
    answers: dict[str, dict[str, Any]] = {}

    def call(operation: str, **params: Any) -> dict[str, Any]:
        answer = client.call(operation, **params)
        answers[f"{operation} {sorted(params.items(), key=str)}"] = answer
        return answer

    made = furnish(call, until=name)
    creation = next(creation for creation in CREATIONS if creation.name == name)
    answer: Any = list(answers.values())[-1]
    for step in creation.path.split(".")[:-1]:
        answer = answer[int(step)] if step.isdigit() else answer[step]
    operation, ids, result = READ[name]
    client.turn(seconds=5)
    read: Any = client.call(operation, **{ids: [made[name]]})[result][0]
    read = read.get("Instances", [read])[0]

    assert {k: v for k, v in answer.items() if k not in CHANGES} == {
        k: read.get(k) for k in answer if k not in CHANGES
    }


# ---- what the Terraform provider dereferences without asking (absent, it crashes)


def shown(name: str) -> dict[str, Any]:
    client, made = furnished()
    operation, ids, result = READ[name]
    read: dict[str, Any] = client.call(operation, **{ids: [made[name]]})[result][0]
    return dict(read.get("Instances", [read])[0])


TAKEN_FOR_GRANTED = {
    "instance": ("State", "Placement", "Monitoring", "MetadataOptions", "NetworkInterfaces"),
    "eni": ("Groups", "PrivateIpAddresses"),
    "spot": ("Status", "LaunchSpecification"),
    "tgw": ("Options",),
    "tgw attachment": ("Options",),
    "peering": ("AccepterVpcInfo", "RequesterVpcInfo", "Status"),
    "vpn": ("CustomerGatewayConfiguration", "Options"),
    "subnet": ("Ipv6CidrBlockAssociationSet",),
    "volume": ("Attachments",),
}


@pytest.mark.parametrize("name", sorted(filter(created, TAKEN_FOR_GRANTED)))
def test_structures_that_clients_take_for_granted_are_there(name: str) -> None:
    read = shown(name)

    assert [member for member in TAKEN_FOR_GRANTED[name] if member not in read] == []


def test_an_instances_attributes_have_values() -> None:
    client, made = furnished()
    for attribute, member in (
        ("disableApiStop", "DisableApiStop"),
        ("disableApiTermination", "DisableApiTermination"),
        ("instanceInitiatedShutdownBehavior", "InstanceInitiatedShutdownBehavior"),
    ):
        answer = client.call(
            "DescribeInstanceAttribute", InstanceId=made["instance"], Attribute=attribute
        )
        assert "Value" in answer[member]
    for interface in shown("instance")["NetworkInterfaces"]:
        assert interface["Attachment"]["DeviceIndex"] == 0


def test_every_images_disks_are_told_in_full() -> None:
    client, _ = furnished()
    wanted = {"DeleteOnTermination", "Encrypted", "VolumeSize", "VolumeType"}
    for image in client.call("DescribeImages")["Images"]:
        assert image["RootDeviceName"] in [m["DeviceName"] for m in image["BlockDeviceMappings"]]
        for mapping in image["BlockDeviceMappings"]:
            assert "Ebs" not in mapping or wanted <= mapping["Ebs"].keys(), image["ImageId"]
        assert image["CreationDate"]


def test_every_instance_type_is_told_in_full() -> None:
    client, _ = furnished()
    wanted = {"VCpuInfo", "MemoryInfo", "EbsInfo", "NetworkInfo", "ProcessorInfo"} | {
        "PlacementGroupInfo"
    }
    token: dict[str, str] = {}
    while True:
        answer = client.call("DescribeInstanceTypes", **token)
        assert [t["InstanceType"] for t in answer["InstanceTypes"] if not wanted <= t.keys()] == []
        if not answer.get("NextToken"):
            return
        token = {"NextToken": answer["NextToken"]}


@pytest.mark.skipif("CreateVpnConnection" not in ANSWERED, reason="VPNs are not emulated yet")
def test_a_vpns_configuration_has_two_tunnels() -> None:
    tree = ET.fromstring(shown("vpn")["CustomerGatewayConfiguration"])

    tunnels = tree.findall("ipsec_tunnel")
    assert len(tunnels) == 2
    for tunnel in tunnels:
        for path in (
            "ike/pre_shared_key",
            "vpn_gateway/tunnel_outside_address/ip_address",
            "vpn_gateway/tunnel_inside_address/ip_address",
            "customer_gateway/tunnel_inside_address/ip_address",
        ):
            assert tunnel.findtext(path), path


def test_new_rules_tell_their_ids() -> None:
    client, made = furnished()
    for operation in ("AuthorizeSecurityGroupIngress", "AuthorizeSecurityGroupEgress"):
        answer = client.call(
            operation,
            GroupId=made["group"],
            IpPermissions=[
                {
                    "IpProtocol": "udp",
                    "FromPort": 53,
                    "ToPort": 53,
                    "IpRanges": [{"CidrIp": "192.0.2.0/24"}],
                }
            ],
        )
        assert answer["SecurityGroupRules"][0]["SecurityGroupRuleId"].startswith("sgr-")
