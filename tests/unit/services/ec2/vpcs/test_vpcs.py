from __future__ import annotations

from typing import Any

import pytest

from tests.fakes.client import Client


@pytest.fixture
def client() -> Client:
    return Client()


def new_vpc(client: Client, **params: Any) -> dict[str, Any]:
    vpc: dict[str, Any] = client.call("CreateVpc", **{"CidrBlock": "10.0.0.0/16", **params})["Vpc"]
    return vpc


def vpcs(client: Client, **filters: str) -> list[str]:
    wanted = [
        {"Name": name.replace("__", ".").replace("_", "-"), "Values": [value]}
        for name, value in filters.items()
    ]
    return [vpc["VpcId"] for vpc in client.call("DescribeVpcs", Filters=wanted)["Vpcs"]]


def one(client: Client, vpc_id: str) -> dict[str, Any]:
    (vpc,) = client.call("DescribeVpcs", VpcIds=[vpc_id])["Vpcs"]
    return vpc


def in_vpc(vpc_id: str, **more: str) -> list[dict[str, Any]]:
    names = {"vpc-id": vpc_id, **{name.replace("_", "."): value for name, value in more.items()}}
    return [{"Name": name, "Values": [value]} for name, value in names.items()]


def test_a_vpc_is_pending_in_the_answer_that_makes_it_and_then_available(client: Client) -> None:
    vpc = new_vpc(client)

    assert vpc["State"] == "pending"
    assert one(client, vpc["VpcId"])["State"] == "available"


def test_a_vpc_shows_every_field_it_was_made_with(client: Client) -> None:
    tags = [{"Key": "Name", "Value": "v"}]
    vpc_id = new_vpc(
        client,
        CidrBlock="10.7.0.9/16",
        InstanceTenancy="dedicated",
        TagSpecifications=[{"ResourceType": "vpc", "Tags": tags}],
    )["VpcId"]
    vpc = one(client, vpc_id)
    (association,) = vpc["CidrBlockAssociationSet"]
    (options,) = client.call("DescribeDhcpOptions")["DhcpOptions"]

    assert vpc["CidrBlock"] == "10.7.0.0/16"
    assert vpc["InstanceTenancy"] == "dedicated"
    assert vpc["Tags"] == tags
    assert vpc["OwnerId"] == "000000000000"
    assert vpc["IsDefault"] is False
    assert vpc["DhcpOptionsId"] == options["DhcpOptionsId"]
    assert association["CidrBlock"] == "10.7.0.0/16"
    assert association["CidrBlockState"] == {"State": "associated"}


def test_a_vpc_is_born_with_a_table_an_acl_and_a_group(client: Client) -> None:
    vpc_id = new_vpc(client)["VpcId"]
    (table,) = client.call("DescribeRouteTables", Filters=in_vpc(vpc_id))["RouteTables"]
    (acl,) = client.call("DescribeNetworkAcls", Filters=in_vpc(vpc_id))["NetworkAcls"]
    (group,) = client.call("DescribeSecurityGroups", Filters=in_vpc(vpc_id))["SecurityGroups"]

    assert table["Routes"] == [
        {
            "DestinationCidrBlock": "10.0.0.0/16",
            "GatewayId": "local",
            "Origin": "CreateRouteTable",
            "State": "active",
        }
    ]
    assert [item["Main"] for item in table["Associations"]] == [True]
    assert acl["IsDefault"] is True
    assert sorted((entry["Egress"], entry["RuleNumber"]) for entry in acl["Entries"]) == [
        (False, 100),
        (False, 32767),
        (True, 100),
        (True, 32767),
    ]
    assert group["GroupName"] == "default"


def test_an_ipv6_vpc_has_ipv6_in_its_parts(client: Client) -> None:
    vpc_id = new_vpc(client, AmazonProvidedIpv6CidrBlock=True)["VpcId"]
    (association,) = one(client, vpc_id)["Ipv6CidrBlockAssociationSet"]
    (table,) = client.call("DescribeRouteTables", Filters=in_vpc(vpc_id))["RouteTables"]
    (acl,) = client.call("DescribeNetworkAcls", Filters=in_vpc(vpc_id))["NetworkAcls"]

    assert association["Ipv6CidrBlock"].endswith("/56")
    assert association["Ipv6CidrBlockState"] == {"State": "associated"}
    assert association["NetworkBorderGroup"] == "us-east-1"
    assert association["Ipv6Pool"] == "Amazon"
    assert [route.get("DestinationIpv6CidrBlock") for route in table["Routes"]] == [
        None,
        association["Ipv6CidrBlock"],
    ]
    assert [entry["RuleNumber"] for entry in acl["Entries"]] == [100, 101, 32767, 32768] * 2


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({}, "MissingParameter"),
        ({"CidrBlock": "ten"}, "InvalidParameterValue"),
        ({"CidrBlock": "10.0.0.0/8"}, "InvalidVpc.Range"),
        ({"CidrBlock": "10.0.0.0/29"}, "InvalidVpc.Range"),
        ({"CidrBlock": "10.0.0.0/16", "InstanceTenancy": "host"}, "InvalidParameterValue"),
        ({"CidrBlock": "10.0.0.0/16", "InstanceTenancy": "mine"}, "InvalidParameterValue"),
        ({"Ipv4IpamPoolId": "ipam-pool-1"}, "InvalidIpamPoolId.NotFound"),
        ({"CidrBlock": "10.0.0.0/16", "Ipv4NetmaskLength": 20}, "InvalidParameterCombination"),
        ({"CidrBlock": "10.0.0.0/16", "Ipv6Pool": "mine"}, "InvalidParameterValue"),
        (
            {
                "CidrBlock": "10.0.0.0/16",
                "TagSpecifications": [{"ResourceType": "subnet", "Tags": []}],
            },
            "InvalidParameterValue",
        ),
    ],
)
def test_a_refused_vpc_leaves_nothing(client: Client, params: dict[str, Any], code: str) -> None:
    before = len(vpcs(client))

    assert client.code_of("CreateVpc", **params) == code
    assert len(vpcs(client)) == before
    assert len(client.call("DescribeRouteTables")["RouteTables"]) == before


def test_deleting_a_vpc_removes_what_it_was_born_with_and_nothing_else(client: Client) -> None:
    def parts() -> list[list[Any]]:
        return [
            client.call(f"Describe{name}")[name]
            for name in ("Vpcs", "RouteTables", "NetworkAcls", "SecurityGroups", "DhcpOptions")
        ]

    before = parts()
    vpc_id = new_vpc(client)["VpcId"]
    client.call("DeleteVpc", VpcId=vpc_id)

    assert parts() == before
    assert client.code_of("DescribeVpcs", VpcIds=[vpc_id]) == "InvalidVpcID.NotFound"
    assert client.code_of("DeleteVpc", VpcId=vpc_id) == "InvalidVpcID.NotFound"


def test_whatever_stands_in_a_vpc_holds_it(client: Client) -> None:
    vpc_id = new_vpc(client)["VpcId"]
    subnet = client.call("CreateSubnet", VpcId=vpc_id, CidrBlock="10.0.0.0/24")["Subnet"]
    gateway = client.call("CreateInternetGateway")["InternetGateway"]["InternetGatewayId"]
    client.call("AttachInternetGateway", InternetGatewayId=gateway, VpcId=vpc_id)
    egress = client.call("CreateEgressOnlyInternetGateway", VpcId=vpc_id)
    table = client.call("CreateRouteTable", VpcId=vpc_id)["RouteTable"]["RouteTableId"]
    acl = client.call("CreateNetworkAcl", VpcId=vpc_id)["NetworkAcl"]["NetworkAclId"]
    group = client.call("CreateSecurityGroup", VpcId=vpc_id, GroupName="g", Description="d")
    egress_id = egress["EgressOnlyInternetGateway"]["EgressOnlyInternetGatewayId"]
    ways_out: list[tuple[str, dict[str, str]]] = [
        ("DeleteSubnet", {"SubnetId": subnet["SubnetId"]}),
        ("DetachInternetGateway", {"InternetGatewayId": gateway, "VpcId": vpc_id}),
        ("DeleteEgressOnlyInternetGateway", {"EgressOnlyInternetGatewayId": egress_id}),
        ("DeleteRouteTable", {"RouteTableId": table}),
        ("DeleteNetworkAcl", {"NetworkAclId": acl}),
        ("DeleteSecurityGroup", {"GroupId": group["GroupId"]}),
    ]
    for operation, params in ways_out:
        assert client.code_of("DeleteVpc", VpcId=vpc_id) == "DependencyViolation"
        client.call(operation, **params)
    client.call("DeleteVpc", VpcId=vpc_id)

    assert vpc_id not in vpcs(client)


def test_a_vpc_goes_with_the_table_that_became_its_main_one(client: Client) -> None:
    vpc_id = new_vpc(client)["VpcId"]
    (born,) = client.call("DescribeRouteTables", Filters=in_vpc(vpc_id))["RouteTables"]
    table = client.call("CreateRouteTable", VpcId=vpc_id)["RouteTable"]["RouteTableId"]
    client.call(
        "ReplaceRouteTableAssociation",
        AssociationId=born["Associations"][0]["RouteTableAssociationId"],
        RouteTableId=table,
    )

    assert client.code_of("DeleteVpc", VpcId=vpc_id) == "DependencyViolation"
    client.call("DeleteRouteTable", RouteTableId=born["RouteTableId"])
    client.call("DeleteVpc", VpcId=vpc_id)
    assert not client.call("DescribeRouteTables", Filters=in_vpc(vpc_id))["RouteTables"]


def test_a_terminated_instance_does_not_hold_a_vpc(client: Client) -> None:
    vpc_id = new_vpc(client)["VpcId"]
    subnet = client.call("CreateSubnet", VpcId=vpc_id, CidrBlock="10.0.0.0/24")["Subnet"]
    image = client.call("DescribeImages", Owners=["amazon"])["Images"][0]["ImageId"]
    (instance,) = client.call(
        "RunInstances", ImageId=image, MinCount=1, MaxCount=1, SubnetId=subnet["SubnetId"]
    )["Instances"]
    assert client.code_of("DeleteSubnet", SubnetId=subnet["SubnetId"]) == "DependencyViolation"
    client.call("TerminateInstances", InstanceIds=[instance["InstanceId"]])
    client.call("DeleteSubnet", SubnetId=subnet["SubnetId"])
    client.call("DeleteVpc", VpcId=vpc_id)

    assert vpc_id not in vpcs(client)


def test_vpcs_are_filtered(client: Client) -> None:
    default = vpcs(client, is_default="true")
    vpc = new_vpc(client, AmazonProvidedIpv6CidrBlock=True)
    vpc_id = vpc["VpcId"]
    (association,) = vpc["CidrBlockAssociationSet"]
    (ipv6,) = vpc["Ipv6CidrBlockAssociationSet"]

    assert len(default) == 1
    assert vpcs(client, isDefault="false") == [vpc_id]
    assert vpcs(client, cidr="10.0.0.0/16") == [vpc_id]
    assert vpcs(client, cidr="10.*") == [vpc_id]
    assert vpcs(client, vpc_id=vpc_id) == [vpc_id]
    assert vpcs(client, state="pending") == []
    assert vpcs(client, owner_id="000000000000") == [*default, vpc_id]
    assert vpcs(client, dhcp_options_id=vpc["DhcpOptionsId"]) == [*default, vpc_id]
    assert vpcs(client, cidr_block_association__cidr_block="10.0.0.0/16") == [vpc_id]
    assert vpcs(client, cidr_block_association__state="associated") == [*default, vpc_id]
    assert vpcs(client, cidr_block_association__association_id=association["AssociationId"]) == [
        vpc_id
    ]
    assert vpcs(client, ipv6_cidr_block_association__association_id=ipv6["AssociationId"]) == [
        vpc_id
    ]
    assert vpcs(client, ipv6_cidr_block_association__ipv6_cidr_block=ipv6["Ipv6CidrBlock"]) == [
        vpc_id
    ]
    assert vpcs(client, ipv6_cidr_block_association__ipv6_pool="Amazon") == [vpc_id]
    assert vpcs(client, ipv6_cidr_block_association__state="associated") == [vpc_id]
    assert (
        client.code_of("DescribeVpcs", Filters=[{"Name": "colour", "Values": ["red"]}])
        == "InvalidParameterValue"
    )


def test_dns_attributes_change_one_at_a_time(client: Client) -> None:
    vpc_id = new_vpc(client)["VpcId"]

    def attribute(name: str) -> Any:
        answer = client.call("DescribeVpcAttribute", VpcId=vpc_id, Attribute=name)
        assert answer["VpcId"] == vpc_id
        return answer[name[0].upper() + name[1:]]["Value"]

    assert attribute("enableDnsSupport") is True
    assert attribute("enableDnsHostnames") is False
    assert attribute("enableNetworkAddressUsageMetrics") is False
    client.call("ModifyVpcAttribute", VpcId=vpc_id, EnableDnsHostnames={"Value": True})
    client.call(
        "ModifyVpcAttribute", VpcId=vpc_id, EnableNetworkAddressUsageMetrics={"Value": True}
    )
    assert attribute("enableDnsHostnames") is True
    assert attribute("enableNetworkAddressUsageMetrics") is True
    assert (
        client.code_of(
            "ModifyVpcAttribute",
            VpcId=vpc_id,
            EnableDnsHostnames={"Value": False},
            EnableDnsSupport={"Value": False},
        )
        == "InvalidParameterCombination"
    )
    assert client.code_of("ModifyVpcAttribute", VpcId=vpc_id) == "MissingParameter"
    assert (
        client.code_of("DescribeVpcAttribute", VpcId="vpc-0", Attribute="enableDnsSupport")
        == "InvalidVpcID.NotFound"
    )


def test_dns_hostnames_need_dns_support(client: Client) -> None:
    vpc_id = new_vpc(client)["VpcId"]
    client.call("ModifyVpcAttribute", VpcId=vpc_id, EnableDnsSupport={"Value": False})

    assert (
        client.code_of("ModifyVpcAttribute", VpcId=vpc_id, EnableDnsHostnames={"Value": True})
        == "InvalidParameterValue"
    )


def test_dedicated_tenancy_can_be_given_up(client: Client) -> None:
    vpc_id = new_vpc(client, InstanceTenancy="dedicated")["VpcId"]
    answer = client.call("ModifyVpcTenancy", VpcId=vpc_id, InstanceTenancy="default")

    assert answer["ReturnValue"] is True
    assert one(client, vpc_id)["InstanceTenancy"] == "default"


def test_a_second_range_joins_and_leaves(client: Client) -> None:
    vpc_id = new_vpc(client)["VpcId"]
    answer = client.call("AssociateVpcCidrBlock", VpcId=vpc_id, CidrBlock="10.1.0.0/16")
    association = answer["CidrBlockAssociation"]
    (table,) = client.call("DescribeRouteTables", Filters=in_vpc(vpc_id))["RouteTables"]
    subnet = client.call("CreateSubnet", VpcId=vpc_id, CidrBlock="10.1.0.0/24")["Subnet"]

    assert association["CidrBlockState"] == {"State": "associating"}
    assert [
        item["CidrBlockState"]["State"] for item in one(client, vpc_id)["CidrBlockAssociationSet"]
    ] == ["associated", "associated"]
    assert [route["DestinationCidrBlock"] for route in table["Routes"]] == [
        "10.0.0.0/16",
        "10.1.0.0/16",
    ]
    association_id = association["AssociationId"]
    assert (
        client.code_of("DisassociateVpcCidrBlock", AssociationId=association_id)
        == "InvalidCidrBlock.InUse"
    )
    client.call("DeleteSubnet", SubnetId=subnet["SubnetId"])
    left = client.call("DisassociateVpcCidrBlock", AssociationId=association_id)
    assert left["CidrBlockAssociation"]["CidrBlockState"] == {"State": "disassociating"}
    assert len(one(client, vpc_id)["CidrBlockAssociationSet"]) == 1
    assert (
        client.code_of("DisassociateVpcCidrBlock", AssociationId=association_id)
        == "InvalidVpcCidrBlockAssociationID.NotFound"
    )


def test_the_primary_range_stays(client: Client) -> None:
    (association,) = new_vpc(client)["CidrBlockAssociationSet"]

    assert (
        client.code_of("DisassociateVpcCidrBlock", AssociationId=association["AssociationId"])
        == "OperationNotPermitted"
    )


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({}, "MissingParameter"),
        ({"CidrBlock": "10.0.1.0/24"}, "CidrConflict"),
        ({"CidrBlock": "192.168.0.0/16"}, "InvalidVpc.Range"),
        ({"CidrBlock": "10.0.0.0/8"}, "InvalidVpc.Range"),
        (
            {"CidrBlock": "10.1.0.0/16", "AmazonProvidedIpv6CidrBlock": True},
            "InvalidParameterCombination",
        ),
    ],
)
def test_a_range_that_may_not_join_is_refused(
    client: Client, params: dict[str, Any], code: str
) -> None:
    vpc_id = new_vpc(client)["VpcId"]

    assert client.code_of("AssociateVpcCidrBlock", VpcId=vpc_id, **params) == code


def test_a_vpc_has_five_ranges_at_most(client: Client) -> None:
    vpc_id = new_vpc(client)["VpcId"]
    for number in range(1, 5):
        client.call("AssociateVpcCidrBlock", VpcId=vpc_id, CidrBlock=f"10.{number}.0.0/16")

    assert (
        client.code_of("AssociateVpcCidrBlock", VpcId=vpc_id, CidrBlock="10.9.0.0/16")
        == "CidrLimitExceeded"
    )


def test_ipv6_joins_with_its_rules_in_an_untouched_acl(client: Client) -> None:
    vpc_id = new_vpc(client)["VpcId"]
    answer = client.call("AssociateVpcCidrBlock", VpcId=vpc_id, AmazonProvidedIpv6CidrBlock=True)
    association = answer["Ipv6CidrBlockAssociation"]
    (acl,) = client.call("DescribeNetworkAcls", Filters=in_vpc(vpc_id))["NetworkAcls"]

    assert association["Ipv6CidrBlockState"] == {"State": "associating"}
    assert {entry["RuleNumber"] for entry in acl["Entries"]} == {100, 101, 32767, 32768}
    client.call("DisassociateVpcCidrBlock", AssociationId=association["AssociationId"])
    assert one(client, vpc_id)["Ipv6CidrBlockAssociationSet"] == []


def test_a_changed_acl_gets_no_ipv6_rules(client: Client) -> None:
    vpc_id = new_vpc(client)["VpcId"]
    (acl,) = client.call("DescribeNetworkAcls", Filters=in_vpc(vpc_id))["NetworkAcls"]
    client.call(
        "DeleteNetworkAclEntry", NetworkAclId=acl["NetworkAclId"], RuleNumber=100, Egress=True
    )
    client.call("AssociateVpcCidrBlock", VpcId=vpc_id, AmazonProvidedIpv6CidrBlock=True)
    (acl,) = client.call("DescribeNetworkAcls", Filters=in_vpc(vpc_id))["NetworkAcls"]

    assert {entry["RuleNumber"] for entry in acl["Entries"]} == {100, 32767, 32768}


def test_classic_link_is_off_and_stays_off(client: Client) -> None:
    vpc_id = new_vpc(client)["VpcId"]
    link = client.call("DescribeVpcClassicLink", VpcIds=[vpc_id])["Vpcs"]
    dns = client.call("DescribeVpcClassicLinkDnsSupport", VpcIds=[vpc_id])["Vpcs"]

    assert link == [{"VpcId": vpc_id, "ClassicLinkEnabled": False, "Tags": []}]
    assert dns == [{"VpcId": vpc_id, "ClassicLinkDnsSupported": False}]
    assert client.code_of("EnableVpcClassicLink", VpcId=vpc_id) == "UnsupportedOperation"
    assert client.code_of("DescribeVpcClassicLink", VpcIds=["vpc-0"]) == "InvalidVpcID.NotFound"


def test_there_are_no_ipam_pools(client: Client) -> None:
    assert (
        client.code_of("GetIpamPoolAllocations", IpamPoolId="ipam-pool-0a1b2c3d4e5f60718")
        == "InvalidIpamPoolId.NotFound"
    )


def test_what_terraform_does_to_a_vpc(client: Client) -> None:
    vpc_id = new_vpc(client, AmazonProvidedIpv6CidrBlock=False, InstanceTenancy="default")["VpcId"]
    client.call("CreateTags", Resources=[vpc_id], Tags=[{"Key": "Name", "Value": "v"}])
    tables = client.call("DescribeRouteTables", Filters=in_vpc(vpc_id, association_main="true"))
    acls = client.call("DescribeNetworkAcls", Filters=in_vpc(vpc_id, default="true"))
    groups = client.call(
        "DescribeSecurityGroups",
        Filters=[*in_vpc(vpc_id), {"Name": "group-name", "Values": ["default"]}],
    )

    assert one(client, vpc_id)["Tags"] == [{"Key": "Name", "Value": "v"}]
    assert len(tables["RouteTables"]) == 1
    assert len(acls["NetworkAcls"]) == 1
    assert len(groups["SecurityGroups"]) == 1
    client.call("DeleteVpc", VpcId=vpc_id)
    assert client.code_of("DescribeVpcs", VpcIds=[vpc_id]) == "InvalidVpcID.NotFound"
