"""Groups across peering connections and VPCs, and prefix lists in rules."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fakes.client import Client
from tests.fakes.network import ACCOUNT


class Peers:
    """Two peered VPCs of one account with a group in each."""

    def __init__(self) -> None:
        self.client = Client()
        self.near = self.vpc("10.1.0.0/16")
        self.far = self.vpc("10.2.0.0/16")
        self.web = self.group(self.near, "web")
        self.db = self.group(self.far, "db")
        self.connection = self.client.call(
            "CreateVpcPeeringConnection", VpcId=self.near, PeerVpcId=self.far
        )["VpcPeeringConnection"]["VpcPeeringConnectionId"]

    def vpc(self, cidr: str) -> str:
        return str(self.client.call("CreateVpc", CidrBlock=cidr)["Vpc"]["VpcId"])

    def group(self, vpc_id: str, name: str) -> str:
        answer = self.client.call(
            "CreateSecurityGroup", GroupName=name, Description="x", VpcId=vpc_id
        )
        return str(answer["GroupId"])

    def accept(self) -> None:
        self.client.call("AcceptVpcPeeringConnection", VpcPeeringConnectionId=self.connection)

    def rule(self) -> dict[str, Any]:
        return {
            "GroupId": self.web,
            "IpPermissions": [{"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": self.db}]}],
        }

    def pair(self) -> dict[str, Any]:
        groups = self.client.call("DescribeSecurityGroups", GroupIds=[self.web])
        pair: dict[str, Any] = groups["SecurityGroups"][0]["IpPermissions"][0]["UserIdGroupPairs"][
            0
        ]
        return pair


@pytest.fixture
def peers() -> Peers:
    return Peers()


def test_a_peered_group_can_be_named_once_the_connection_is_active(peers: Peers) -> None:
    code = peers.client.code_of("AuthorizeSecurityGroupIngress", **peers.rule())
    peers.accept()
    peers.client.call("AuthorizeSecurityGroupIngress", **peers.rule())

    assert code == "InvalidGroup.NotFound"
    assert peers.pair() == {
        "GroupId": peers.db,
        "UserId": ACCOUNT,
        "VpcId": peers.far,
        "VpcPeeringConnectionId": peers.connection,
        "PeeringStatus": "active",
    }
    references = peers.client.call("DescribeSecurityGroupReferences", GroupId=[peers.db])
    assert references["SecurityGroupReferenceSet"] == [
        {
            "GroupId": peers.db,
            "ReferencingVpcId": peers.near,
            "VpcPeeringConnectionId": peers.connection,
        }
    ]


def test_a_rule_goes_stale_with_its_connection(peers: Peers) -> None:
    peers.accept()
    peers.client.call("AuthorizeSecurityGroupIngress", **peers.rule())
    fresh = peers.client.call("DescribeStaleSecurityGroups", VpcId=peers.near)

    peers.client.call("DeleteVpcPeeringConnection", VpcPeeringConnectionId=peers.connection)

    stale = peers.client.call("DescribeStaleSecurityGroups", VpcId=peers.near)
    assert fresh["StaleSecurityGroupSet"] == []
    (group,) = stale["StaleSecurityGroupSet"]
    assert group["GroupId"] == peers.web
    assert group["StaleIpPermissions"][0]["UserIdGroupPairs"][0]["GroupId"] == peers.db
    assert peers.pair()["PeeringStatus"] != "active"
    peers.client.call("RevokeSecurityGroupIngress", **peers.rule())


def test_a_group_that_a_peer_names_can_be_deleted(peers: Peers) -> None:
    peers.accept()
    peers.client.call("AuthorizeSecurityGroupIngress", **peers.rule())

    peers.client.call("DeleteSecurityGroup", GroupId=peers.db)

    stale = peers.client.call("DescribeStaleSecurityGroups", VpcId=peers.near)
    assert [group["GroupId"] for group in stale["StaleSecurityGroupSet"]] == [peers.web]


def test_a_rule_names_prefix_lists_that_exist_and_counts_their_size(peers: Peers) -> None:
    made = peers.client.call(
        "CreateManagedPrefixList", PrefixListName="p", MaxEntries=59, AddressFamily="IPv4"
    )["PrefixList"]["PrefixListId"]

    def rule(list_id: str) -> dict[str, Any]:
        permission = {"IpProtocol": "-1", "PrefixListIds": [{"PrefixListId": list_id}]}
        return {"GroupId": peers.web, "IpPermissions": [permission]}

    def ranges(count: int) -> dict[str, Any]:
        permission = {
            "IpProtocol": "-1",
            "IpRanges": [{"CidrIp": f"10.0.{number}.0/24"} for number in range(count)],
        }
        return {"GroupId": peers.web, "IpPermissions": [permission]}

    authorize = "AuthorizeSecurityGroupIngress"
    assert peers.client.code_of(authorize, **rule("pl-99999999999999999")) == (
        "InvalidPrefixListID.NotFound"
    )
    (shown,) = peers.client.call(authorize, **rule(made))["SecurityGroupRules"]
    assert shown["PrefixListId"] == made
    assert peers.client.code_of(authorize, **ranges(2)) == "RulesPerSecurityGroupLimitExceeded"
    peers.client.call(authorize, **ranges(1))


def test_a_group_of_another_account_needs_its_owner_and_a_connection(peers: Peers) -> None:
    other = Client(access_key="111111111111", like=peers.client)
    vpc_id = other.call("CreateVpc", CidrBlock="10.3.0.0/16")["Vpc"]["VpcId"]
    theirs = other.call("CreateSecurityGroup", GroupName="g", Description="x", VpcId=vpc_id)[
        "GroupId"
    ]
    connection = peers.client.call(
        "CreateVpcPeeringConnection",
        VpcId=peers.near,
        PeerVpcId=vpc_id,
        PeerOwnerId="111111111111",
    )["VpcPeeringConnection"]["VpcPeeringConnectionId"]
    other.call("AcceptVpcPeeringConnection", VpcPeeringConnectionId=connection)

    def rule(owner: str) -> dict[str, Any]:
        pair = {"GroupId": theirs, "UserId": owner}
        permission = {"IpProtocol": "-1", "UserIdGroupPairs": [pair]}
        return {"GroupId": peers.web, "IpPermissions": [permission]}

    authorize = "AuthorizeSecurityGroupIngress"
    assert peers.client.code_of(authorize, **rule(ACCOUNT)) == "InvalidGroup.NotFound"
    assert peers.client.code_of(authorize, **rule("222222222222")) == "InvalidGroup.NotFound"
    peers.client.call(authorize, **rule("111111111111"))
    assert peers.pair()["UserId"] == "111111111111"
    assert all(region.account != "222222222222" for region in peers.client.api.state)


def test_an_associated_group_serves_another_vpc(peers: Peers) -> None:
    client = peers.client
    subnet = client.call("CreateSubnet", VpcId=peers.far, CidrBlock="10.2.1.0/24")["Subnet"]
    make = {"SubnetId": subnet["SubnetId"], "Groups": [peers.web]}
    pair = {"GroupId": peers.web, "VpcId": peers.far}

    assert client.code_of("CreateNetworkInterface", **make) == "InvalidParameter"
    assert client.call("AssociateSecurityGroupVpc", **pair)["State"] == "associating"
    interface = client.call("CreateNetworkInterface", **make)["NetworkInterface"]

    (shown,) = client.call(
        "DescribeSecurityGroupVpcAssociations",
        Filters=[{"Name": "group-id", "Values": [peers.web]}],
    )["SecurityGroupVpcAssociations"]
    assert (shown["State"], shown["VpcId"]) == ("associated", peers.far)
    usable = client.call("GetSecurityGroupsForVpc", VpcId=peers.far)["SecurityGroupForVpcs"]
    assert peers.web in {group["GroupId"] for group in usable}
    assert client.code_of("DisassociateSecurityGroupVpc", **pair) == "DependencyViolation"
    client.call("DeleteNetworkInterface", NetworkInterfaceId=interface["NetworkInterfaceId"])
    assert client.code_of("DeleteSecurityGroup", GroupId=peers.web) == "DependencyViolation"
    assert client.call("DisassociateSecurityGroupVpc", **pair)["State"] == "disassociating"
    assert client.call("DescribeSecurityGroupVpcAssociations")["SecurityGroupVpcAssociations"] == []
    client.call("DeleteSecurityGroup", GroupId=peers.web)
