"""VPC endpoints: gateways in route tables, interfaces in subnets."""

from __future__ import annotations

import json
from typing import Any

import attrs
import pytest

from tests.fakes.client import Client

S3 = "com.amazonaws.us-east-1.s3"
SQS = "com.amazonaws.us-east-1.sqs"


@attrs.frozen
class Network:
    """A VPC with two subnets in different zones."""

    client: Client
    vpc_id: str
    subnet_ids: tuple[str, ...]
    table_id: str

    def endpoint(self, **params: Any) -> dict[str, Any]:
        answer = self.client.call("CreateVpcEndpoint", VpcId=self.vpc_id, **params)
        created: dict[str, Any] = answer["VpcEndpoint"]
        return created

    def shown(self, endpoint_id: str) -> dict[str, Any]:
        (shown,) = self.client.call("DescribeVpcEndpoints", VpcEndpointIds=[endpoint_id])[
            "VpcEndpoints"
        ]
        assert isinstance(shown, dict)
        return shown

    def refusal(self, **params: Any) -> str:
        code = self.client.code_of("CreateVpcEndpoint", **{"VpcId": self.vpc_id, **params})
        assert self.client.call("DescribeVpcEndpoints")["VpcEndpoints"] == []
        assert self.interfaces() == []
        assert self.routes() == []
        return code

    def interfaces(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.client.call(
            "DescribeNetworkInterfaces", Filters=[{"Name": "vpc-id", "Values": [self.vpc_id]}]
        )["NetworkInterfaces"]
        return found

    def routes(self) -> list[dict[str, Any]]:
        (table,) = self.client.call("DescribeRouteTables", RouteTableIds=[self.table_id])[
            "RouteTables"
        ]
        return [route for route in table["Routes"] if "DestinationPrefixListId" in route]


def network(client: Client, cidr: str = "10.0") -> Network:
    vpc_id = client.call("CreateVpc", CidrBlock=f"{cidr}.0.0/16")["Vpc"]["VpcId"]
    subnet_ids = tuple(
        client.call(
            "CreateSubnet",
            VpcId=vpc_id,
            CidrBlock=f"{cidr}.{number}.0/24",
            AvailabilityZone=f"us-east-1{zone}",
        )["Subnet"]["SubnetId"]
        for number, zone in ((1, "a"), (2, "b"))
    )
    table = client.call("CreateRouteTable", VpcId=vpc_id)["RouteTable"]
    return Network(client, vpc_id, subnet_ids, table["RouteTableId"])


@pytest.fixture
def net() -> Network:
    return network(Client())


def test_a_gateway_puts_a_route_into_its_tables_and_takes_it_away(net: Network) -> None:
    created = net.endpoint(ServiceName=S3, RouteTableIds=[net.table_id])
    endpoint_id = created["VpcEndpointId"]
    (prefix_list,) = net.client.call(
        "DescribePrefixLists", Filters=[{"Name": "prefix-list-name", "Values": [S3]}]
    )["PrefixLists"]
    (route,) = net.routes()
    twice = net.client.code_of(
        "CreateVpcEndpoint", VpcId=net.vpc_id, ServiceName=S3, RouteTableIds=[net.table_id]
    )
    net.client.call(
        "ModifyVpcEndpoint", VpcEndpointId=endpoint_id, RemoveRouteTableIds=[net.table_id]
    )
    without = net.routes()
    net.client.call("ModifyVpcEndpoint", VpcEndpointId=endpoint_id, AddRouteTableIds=[net.table_id])
    again = net.routes()
    net.client.call("DeleteVpcEndpoints", VpcEndpointIds=[endpoint_id])

    assert created["State"] == "pending"
    assert created["VpcEndpointType"] == "Gateway"
    assert created["RouteTableIds"] == [net.table_id]
    assert json.loads(created["PolicyDocument"])["Statement"][0]["Effect"] == "Allow"
    assert route == {
        "DestinationPrefixListId": prefix_list["PrefixListId"],
        "GatewayId": endpoint_id,
        "Origin": "CreateRoute",
        "State": "active",
    }
    assert twice == "RouteAlreadyExists"
    assert without == []
    assert again == [route]
    assert net.routes() == []


def test_an_interface_endpoint_is_read_back_with_its_interfaces_and_names(net: Network) -> None:
    net.client.call("ModifyVpcAttribute", VpcId=net.vpc_id, EnableDnsHostnames={"Value": True})
    created = net.endpoint(
        VpcEndpointType="Interface",
        ServiceName=SQS,
        SubnetIds=list(net.subnet_ids),
        PrivateDnsEnabled=True,
        TagSpecifications=[{"ResourceType": "vpc-endpoint", "Tags": [{"Key": "a", "Value": "b"}]}],
    )
    shown = net.shown(created["VpcEndpointId"])
    interfaces = net.interfaces()
    names = [entry["DnsName"] for entry in shown["DnsEntries"]]

    assert shown == {**created, "State": "available"}
    assert shown["SubnetIds"] == list(net.subnet_ids)
    assert shown["NetworkInterfaceIds"] == [item["NetworkInterfaceId"] for item in interfaces]
    assert [group["GroupName"] for group in shown["Groups"]] == ["default"]
    assert shown["IpAddressType"] == "ipv4"
    assert shown["DnsOptions"]["DnsRecordIpType"] == "ipv4"
    assert shown["OwnerId"] == "000000000000"
    assert shown["Tags"] == [{"Key": "a", "Value": "b"}]
    assert {item["InterfaceType"] for item in interfaces} == {"vpc_endpoint"}
    assert {item["RequesterManaged"] for item in interfaces} == {True}
    assert all(name.startswith(shown["VpcEndpointId"]) for name in names[:3])
    assert names[0].endswith(".sqs.us-east-1.vpce.amazonaws.com")
    assert "-us-east-1a.sqs." in names[1]
    assert "sqs.us-east-1.amazonaws.com" in names[3:]


def test_a_deleted_endpoint_takes_its_interfaces_with_it(net: Network) -> None:
    endpoint_id = net.endpoint(
        VpcEndpointType="Interface", ServiceName=SQS, SubnetIds=list(net.subnet_ids)
    )["VpcEndpointId"]

    held = net.client.code_of("DeleteSubnet", SubnetId=net.subnet_ids[0])
    first = net.client.call("DeleteVpcEndpoints", VpcEndpointIds=[endpoint_id])
    (second,) = net.client.call("DeleteVpcEndpoints", VpcEndpointIds=[endpoint_id])["Unsuccessful"]
    describe = net.client.code_of("DescribeVpcEndpoints", VpcEndpointIds=[endpoint_id])
    net.client.call("DeleteSubnet", SubnetId=net.subnet_ids[0])

    assert held == "DependencyViolation"
    assert first["Unsuccessful"] == []
    assert second["Error"]["Code"] == "InvalidVpcEndpoint.NotFound"
    assert describe == "InvalidVpcEndpointId.NotFound"
    assert net.interfaces() == []


def test_an_interface_endpoint_changes_subnets_and_groups(net: Network) -> None:
    one, other = net.subnet_ids
    endpoint_id = net.endpoint(VpcEndpointType="Interface", ServiceName=SQS, SubnetIds=[one])[
        "VpcEndpointId"
    ]
    group_id = net.client.call(
        "CreateSecurityGroup", GroupName="g", Description="d", VpcId=net.vpc_id
    )["GroupId"]
    default_id = net.shown(endpoint_id)["Groups"][0]["GroupId"]

    net.client.call(
        "ModifyVpcEndpoint",
        VpcEndpointId=endpoint_id,
        AddSubnetIds=[other],
        AddSecurityGroupIds=[group_id],
        RemoveSecurityGroupIds=[default_id],
    )
    both = net.shown(endpoint_id)
    groups = [[group["GroupId"] for group in item["Groups"]] for item in net.interfaces()]
    net.client.call("ModifyVpcEndpoint", VpcEndpointId=endpoint_id, RemoveSubnetIds=[one])
    last = net.client.code_of(
        "ModifyVpcEndpoint", VpcEndpointId=endpoint_id, RemoveSecurityGroupIds=[group_id]
    )

    assert both["SubnetIds"] == [one, other]
    assert groups == [[group_id], [group_id]]
    assert net.shown(endpoint_id)["SubnetIds"] == [other]
    assert len(net.interfaces()) == 1
    assert last == "InvalidParameter"


def test_a_policy_is_set_and_reset(net: Network) -> None:
    endpoint_id = net.endpoint(ServiceName=S3)["VpcEndpointId"]
    default = net.shown(endpoint_id)["PolicyDocument"]
    policy = json.dumps({"Version": "2012-10-17", "Statement": []})

    net.client.call("ModifyVpcEndpoint", VpcEndpointId=endpoint_id, PolicyDocument=policy)
    own = net.shown(endpoint_id)["PolicyDocument"]
    net.client.call("ModifyVpcEndpoint", VpcEndpointId=endpoint_id, ResetPolicy=True)
    refused = net.client.code_of("ModifyVpcEndpoint", VpcEndpointId=endpoint_id, PolicyDocument="{")

    assert own == policy
    assert net.shown(endpoint_id)["PolicyDocument"] == default
    assert refused == "InvalidPolicyDocument"


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"ServiceName": "com.amazonaws.us-east-1.nothing"}, "InvalidServiceName"),
        ({"ServiceName": "com.amazonaws.vpce.us-east-1.vpce-svc-0"}, "InvalidServiceName"),
        ({}, "MissingParameter"),
        ({"ServiceName": SQS}, "InvalidParameter"),
        ({"ServiceName": S3, "RouteTableIds": ["rtb-none"]}, "InvalidRouteTableId.NotFound"),
        ({"ServiceName": S3, "SubnetIds": ["subnet-none"]}, "InvalidParameter"),
        ({"ServiceName": S3, "PolicyDocument": "[" * 5000}, "InvalidPolicyDocument"),
        (
            {"ServiceName": SQS, "VpcEndpointType": "Interface", "PrivateDnsEnabled": True},
            "InvalidParameter",
        ),
        (
            {"ServiceName": SQS, "VpcEndpointType": "Interface", "SubnetIds": ["subnet-none"]},
            "InvalidSubnetId.NotFound",
        ),
        (
            {"ServiceName": SQS, "VpcEndpointType": "Interface", "SecurityGroupIds": ["sg-1"]},
            "InvalidGroupId.Malformed",
        ),
        ({"ServiceName": SQS, "VpcEndpointType": "Resource"}, "UnsupportedOperation"),
        ({"ServiceName": S3, "VpcId": "vpc-none"}, "InvalidVpcId.NotFound"),
    ],
)
def test_what_does_not_fit_together_is_refused(
    net: Network, params: dict[str, Any], code: str
) -> None:
    assert net.refusal(**params) == code


def test_subnets_are_in_different_zones(net: Network) -> None:
    twin = net.client.call(
        "CreateSubnet",
        VpcId=net.vpc_id,
        CidrBlock="10.0.3.0/24",
        AvailabilityZone="us-east-1a",
    )["Subnet"]["SubnetId"]

    code = net.refusal(
        ServiceName=SQS, VpcEndpointType="Interface", SubnetIds=[net.subnet_ids[0], twin]
    )

    assert code == "DuplicateSubnetsInSameZone"


def test_one_private_name_leads_to_one_endpoint(net: Network) -> None:
    net.client.call("ModifyVpcAttribute", VpcId=net.vpc_id, EnableDnsHostnames={"Value": True})
    request = {"ServiceName": SQS, "VpcEndpointType": "Interface", "PrivateDnsEnabled": True}
    net.endpoint(**request)

    code = net.client.code_of("CreateVpcEndpoint", VpcId=net.vpc_id, **request)

    assert code == "InvalidParameter"


def test_a_fixed_address_is_taken(net: Network) -> None:
    net.endpoint(
        VpcEndpointType="Interface",
        ServiceName=SQS,
        SubnetIds=[net.subnet_ids[0]],
        SubnetConfigurations=[{"SubnetId": net.subnet_ids[0], "Ipv4": "10.0.1.77"}],
    )

    assert [item["PrivateIpAddress"] for item in net.interfaces()] == ["10.0.1.77"]


def test_endpoints_are_found_by_filters(net: Network) -> None:
    gateway = net.endpoint(ServiceName=S3)["VpcEndpointId"]
    interface = net.endpoint(ServiceName=SQS, VpcEndpointType="Interface")["VpcEndpointId"]

    def matching(name: str, value: str) -> list[str]:
        answer = net.client.call(
            "DescribeVpcEndpoints", Filters=[{"Name": name, "Values": [value]}]
        )
        return [item["VpcEndpointId"] for item in answer["VpcEndpoints"]]

    assert matching("service-name", S3) == [gateway]
    assert matching("vpc-endpoint-type", "Interface") == [interface]
    assert matching("vpc-id", net.vpc_id) == [gateway, interface]
    assert matching("vpc-endpoint-id", interface) == [interface]
    assert matching("vpc-endpoint-state", "available") == [gateway, interface]
    assert matching("ip-address-type", "ipv4") == [gateway, interface]
    assert matching("service-region", "us-east-1") == [gateway, interface]


def test_a_vpc_with_an_endpoint_stays(net: Network) -> None:
    net.endpoint(ServiceName=S3)

    assert net.client.code_of("DeleteVpc", VpcId=net.vpc_id) == "DependencyViolation"


def test_services_are_listed_by_name_and_type(net: Network) -> None:
    client = net.client
    answer = client.call("DescribeVpcEndpointServices", ServiceNames=[S3])
    gateways = client.call(
        "DescribeVpcEndpointServices",
        Filters=[{"Name": "service-type", "Values": ["Gateway"]}],
    )["ServiceDetails"]
    paged = client.call("DescribeVpcEndpointServices", MaxResults=5)

    assert answer["ServiceNames"] == [S3]
    assert [item["ServiceType"][0]["ServiceType"] for item in answer["ServiceDetails"]] == [
        "Gateway",
        "Interface",
    ]
    assert {item["Owner"] for item in gateways} == {"amazon"}
    assert S3 in {item["ServiceName"] for item in gateways}
    assert len(paged["ServiceDetails"]) == 5
    assert paged["NextToken"]
    assert (
        client.code_of("DescribeVpcEndpointServices", ServiceNames=["nope"]) == "InvalidServiceName"
    )


def test_an_interface_endpoint_of_s3_has_names_for_buckets(net: Network) -> None:
    made = net.endpoint(VpcEndpointType="Interface", ServiceName=S3, SubnetIds=[net.subnet_ids[0]])

    names = [entry["DnsName"] for entry in made["DnsEntries"]]

    assert len(names) == 2
    assert all(name.startswith(f"*.{made['VpcEndpointId']}-") for name in names)


def test_a_foreign_token_is_no_page_of_endpoint_associations() -> None:
    code = Client().code_of("DescribeVpcEndpointAssociations", NextToken="mine")

    assert code == "InvalidParameterValue"
