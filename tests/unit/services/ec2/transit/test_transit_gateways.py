from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.fakes.client import Client

OTHER = "222222222222"


@pytest.fixture
def client() -> Client:
    return Client()


def new_gateway(client: Client, **options: Any) -> str:
    made = (
        client.call("CreateTransitGateway", Options=options)
        if options
        else client.call("CreateTransitGateway")
    )
    return str(made["TransitGateway"]["TransitGatewayId"])


def new_vpc(client: Client, cidr: str = "10.0.0.0/16") -> tuple[str, str]:
    vpc_id = client.call("CreateVpc", CidrBlock=cidr)["Vpc"]["VpcId"]
    return vpc_id, new_subnet(client, vpc_id, cidr.replace(".0.0/16", ".1.0/24"))


def new_subnet(client: Client, vpc_id: str, cidr: str, zone: str = "a") -> str:
    made = client.call(
        "CreateSubnet", VpcId=vpc_id, CidrBlock=cidr, AvailabilityZone=client.region + zone
    )
    return str(made["Subnet"]["SubnetId"])


def attach(client: Client, gateway_id: str, vpc_id: str, subnet_id: str, **more: Any) -> str:
    made = client.call(
        "CreateTransitGatewayVpcAttachment",
        TransitGatewayId=gateway_id,
        VpcId=vpc_id,
        SubnetIds=[subnet_id],
        **more,
    )
    return str(made["TransitGatewayVpcAttachment"]["TransitGatewayAttachmentId"])


def gateway(client: Client, gateway_id: str) -> dict[str, Any]:
    (found,) = client.call("DescribeTransitGateways", TransitGatewayIds=[gateway_id])[
        "TransitGateways"
    ]
    return dict(found)


def vpc_attachment(client: Client, attachment_id: str) -> dict[str, Any]:
    (found,) = client.call(
        "DescribeTransitGatewayVpcAttachments", TransitGatewayAttachmentIds=[attachment_id]
    )["TransitGatewayVpcAttachments"]
    return dict(found)


def default_table(client: Client, gateway_id: str) -> str:
    return str(gateway(client, gateway_id)["Options"]["AssociationDefaultRouteTableId"])


def new_table(client: Client, gateway_id: str) -> str:
    made = client.call("CreateTransitGatewayRouteTable", TransitGatewayId=gateway_id)
    return str(made["TransitGatewayRouteTable"]["TransitGatewayRouteTableId"])


def search(client: Client, table_id: str, **filters: str) -> list[dict[str, Any]]:
    return list(
        client.call(
            "SearchTransitGatewayRoutes",
            TransitGatewayRouteTableId=table_id,
            Filters=[
                {"Name": name.replace("__", ".").replace("_", "-"), "Values": [value]}
                for name, value in (filters or {"type": "*"}).items()
            ],
        )["Routes"]
    )


def test_a_gateway_has_its_defaults_and_a_default_route_table(client: Client) -> None:
    made = client.call(
        "CreateTransitGateway",
        Description="core",
        TagSpecifications=[
            {"ResourceType": "transit-gateway", "Tags": [{"Key": "Name", "Value": "core"}]}
        ],
    )["TransitGateway"]

    assert made["State"] == "pending"
    shown = gateway(client, made["TransitGatewayId"])
    assert shown["State"] == "available"
    assert shown["Description"] == "core"
    assert shown["Tags"] == [{"Key": "Name", "Value": "core"}]
    assert shown["TransitGatewayArn"] == (
        f"arn:aws:ec2:us-east-1:000000000000:transit-gateway/{made['TransitGatewayId']}"
    )
    options = shown["Options"]
    table_id = options.pop("AssociationDefaultRouteTableId")
    assert options == {
        "AmazonSideAsn": 64512,
        "AutoAcceptSharedAttachments": "disable",
        "DefaultRouteTableAssociation": "enable",
        "DefaultRouteTablePropagation": "enable",
        "PropagationDefaultRouteTableId": table_id,
        "VpnEcmpSupport": "enable",
        "DnsSupport": "enable",
        "SecurityGroupReferencingSupport": "disable",
        "MulticastSupport": "disable",
        "EncryptionSupport": {"EncryptionState": "disabled"},
    }
    (table,) = client.call("DescribeTransitGatewayRouteTables")["TransitGatewayRouteTables"]
    assert table["TransitGatewayRouteTableId"] == table_id
    assert table["State"] == "available"
    assert table["DefaultAssociationRouteTable"]
    assert table["DefaultPropagationRouteTable"]


def test_a_gateway_without_defaults_has_no_table_until_it_wants_one(client: Client) -> None:
    gateway_id = new_gateway(
        client, DefaultRouteTableAssociation="disable", DefaultRouteTablePropagation="disable"
    )
    assert "AssociationDefaultRouteTableId" not in gateway(client, gateway_id)["Options"]
    assert client.call("DescribeTransitGatewayRouteTables")["TransitGatewayRouteTables"] == []

    changed = client.call(
        "ModifyTransitGateway",
        TransitGatewayId=gateway_id,
        Description="new",
        Options={"DefaultRouteTablePropagation": "enable", "DnsSupport": "disable"},
    )["TransitGateway"]

    assert changed["State"] == "modifying"
    shown = gateway(client, gateway_id)
    assert (shown["State"], shown["Description"]) == ("available", "new")
    assert shown["Options"]["DnsSupport"] == "disable"
    assert shown["Options"]["PropagationDefaultRouteTableId"].startswith("tgw-rtb-")
    (table,) = client.call("DescribeTransitGatewayRouteTables")["TransitGatewayRouteTables"]
    assert not table["DefaultAssociationRouteTable"]
    assert table["DefaultPropagationRouteTable"]


def test_cidr_blocks_are_added_and_removed(client: Client) -> None:
    gateway_id = new_gateway(client, TransitGatewayCidrBlocks=["10.1.0.5/24"])
    client.call(
        "ModifyTransitGateway",
        TransitGatewayId=gateway_id,
        Options={
            "AddTransitGatewayCidrBlocks": ["2001:db8::/64"],
            "RemoveTransitGatewayCidrBlocks": ["10.1.0.0/24"],
        },
    )
    assert gateway(client, gateway_id)["Options"]["TransitGatewayCidrBlocks"] == ["2001:db8::/64"]
    missing = {"RemoveTransitGatewayCidrBlocks": ["10.9.0.0/24"]}
    code = client.code_of("ModifyTransitGateway", TransitGatewayId=gateway_id, Options=missing)
    assert code == "InvalidParameterValue"


@pytest.mark.parametrize(
    "options",
    [
        {"AmazonSideAsn": 64511},
        {"AmazonSideAsn": 65535},
        {"AmazonSideAsn": 4294967295},
        {"TransitGatewayCidrBlocks": ["10.0.0.0/25"]},
        {"TransitGatewayCidrBlocks": ["169.254.0.0/24"]},
        {"TransitGatewayCidrBlocks": ["10.0.0.0/16", "10.0.1.0/24"]},
        {"TransitGatewayCidrBlocks": ["2001:db8::/65"]},
        {"TransitGatewayCidrBlocks": ["nonsense"]},
    ],
)
def test_numbers_and_ranges_are_checked(client: Client, options: dict[str, Any]) -> None:
    assert client.code_of("CreateTransitGateway", Options=options) == "InvalidParameterValue"
    assert client.call("DescribeTransitGateways")["TransitGateways"] == []


def test_gateways_are_filtered(client: Client) -> None:
    first = new_gateway(client, AmazonSideAsn=64513)
    new_gateway(client, DnsSupport="disable")
    for name, value in (
        ("options.amazon-side-asn", "64513"),
        ("options.dns-support", "enable"),
        ("transit-gateway-id", first),
        ("options.association-default-route-table-id", default_table(client, first)),
    ):
        found = client.call("DescribeTransitGateways", Filters=[{"Name": name, "Values": [value]}])
        assert [item["TransitGatewayId"] for item in found["TransitGateways"]] == [first], name
    assert (
        client.code_of("DescribeTransitGateways", Filters=[{"Name": "x", "Values": ["y"]}])
        == "InvalidParameterValue"
    )


def test_a_gateway_goes_with_its_tables_when_nothing_is_attached(client: Client) -> None:
    gateway_id = new_gateway(client)
    vpc_id, subnet_id = new_vpc(client)
    attachment_id = attach(client, gateway_id, vpc_id, subnet_id)

    assert client.code_of("DeleteTransitGateway", TransitGatewayId=gateway_id) == "IncorrectState"
    client.call("DeleteTransitGatewayVpcAttachment", TransitGatewayAttachmentId=attachment_id)
    gone = client.call("DeleteTransitGateway", TransitGatewayId=gateway_id)["TransitGateway"]

    assert gone["State"] == "deleting"
    assert gateway(client, gateway_id)["State"] == "deleted"
    (table,) = client.call("DescribeTransitGatewayRouteTables")["TransitGatewayRouteTables"]
    assert table["State"] == "deleted"
    code = client.code_of("DeleteTransitGateway", TransitGatewayId=gateway_id)
    assert code == "InvalidTransitGatewayID.NotFound"
    client.turn(3601)
    code = client.code_of("DescribeTransitGateways", TransitGatewayIds=[gateway_id])
    assert code == "InvalidTransitGatewayID.NotFound"


def test_an_attachment_joins_the_default_tables(client: Client) -> None:
    gateway_id = new_gateway(client)
    vpc_id, subnet_id = new_vpc(client)
    made = client.call(
        "CreateTransitGatewayVpcAttachment",
        TransitGatewayId=gateway_id,
        VpcId=vpc_id,
        SubnetIds=[subnet_id],
        Options={"ApplianceModeSupport": "enable"},
        TagSpecifications=[
            {"ResourceType": "transit-gateway-attachment", "Tags": [{"Key": "a", "Value": "b"}]}
        ],
    )["TransitGatewayVpcAttachment"]
    attachment_id = made["TransitGatewayAttachmentId"]

    assert made["State"] == "pending"
    shown = vpc_attachment(client, attachment_id)
    assert shown["State"] == "available"
    assert (shown["VpcId"], shown["SubnetIds"]) == (vpc_id, [subnet_id])
    assert shown["VpcOwnerId"] == "000000000000"
    assert shown["Tags"] == [{"Key": "a", "Value": "b"}]
    assert shown["Options"] == {
        "DnsSupport": "enable",
        "SecurityGroupReferencingSupport": "enable",
        "Ipv6Support": "disable",
        "ApplianceModeSupport": "enable",
    }
    table_id = default_table(client, gateway_id)
    (general,) = client.call("DescribeTransitGatewayAttachments")["TransitGatewayAttachments"]
    assert general["ResourceType"] == "vpc"
    assert general["ResourceId"] == vpc_id
    assert general["Tags"] == shown["Tags"]
    assert general["Association"] == {
        "TransitGatewayRouteTableId": table_id,
        "State": "associated",
    }
    (route,) = search(client, table_id, type="propagated")
    assert route["DestinationCidrBlock"] == "10.0.0.0/16"
    assert route["State"] == "active"
    assert route["TransitGatewayAttachments"][0]["TransitGatewayAttachmentId"] == attachment_id
    (interface,) = client.call(
        "DescribeNetworkInterfaces",
        Filters=[{"Name": "interface-type", "Values": ["transit_gateway"]}],
    )["NetworkInterfaces"]
    assert interface["SubnetId"] == subnet_id
    assert interface["RequesterManaged"]
    assert interface["Status"] == "in-use"


def test_what_holds_a_vpc_is_let_go_with_the_attachment(client: Client) -> None:
    gateway_id = new_gateway(client)
    vpc_id, subnet_id = new_vpc(client)
    attachment_id = attach(client, gateway_id, vpc_id, subnet_id)
    assert client.code_of("DeleteSubnet", SubnetId=subnet_id) == "DependencyViolation"

    gone = client.call(
        "DeleteTransitGatewayVpcAttachment", TransitGatewayAttachmentId=attachment_id
    )["TransitGatewayVpcAttachment"]

    assert gone["State"] == "deleting"
    assert vpc_attachment(client, attachment_id)["State"] == "deleted"
    client.call("DeleteSubnet", SubnetId=subnet_id)
    client.call("DeleteVpc", VpcId=vpc_id)
    assert search(client, default_table(client, gateway_id)) == []
    code = client.code_of(
        "DeleteTransitGatewayVpcAttachment", TransitGatewayAttachmentId=attachment_id
    )
    assert code == "InvalidTransitGatewayAttachmentID.NotFound"


def test_a_vpc_is_attached_once_and_in_each_zone_once(client: Client) -> None:
    gateway_id = new_gateway(client)
    vpc_id, subnet_id = new_vpc(client)
    same_zone = new_subnet(client, vpc_id, "10.0.2.0/24")
    other_zone = new_subnet(client, vpc_id, "10.0.3.0/24", "b")
    _, foreign = new_vpc(client, "10.5.0.0/16")
    request = {"TransitGatewayId": gateway_id, "VpcId": vpc_id}
    for subnet_ids, code in (
        ([subnet_id, same_zone], "DuplicateSubnetsInSameZone"),
        ([foreign], "InvalidSubnetID.NotFound"),
        (["subnet-00000000000000000"], "InvalidSubnetID.NotFound"),
    ):
        found = client.code_of("CreateTransitGatewayVpcAttachment", SubnetIds=subnet_ids, **request)
        assert found == code
    attachment_id = attach(client, gateway_id, vpc_id, subnet_id)
    found = client.code_of("CreateTransitGatewayVpcAttachment", SubnetIds=[subnet_id], **request)
    assert found == "DuplicateTransitGatewayAttachment"

    changed = client.call(
        "ModifyTransitGatewayVpcAttachment",
        TransitGatewayAttachmentId=attachment_id,
        AddSubnetIds=[other_zone],
        RemoveSubnetIds=[subnet_id],
        Options={"DnsSupport": "disable"},
    )["TransitGatewayVpcAttachment"]

    assert changed["State"] == "modifying"
    shown = vpc_attachment(client, attachment_id)
    assert (shown["State"], shown["SubnetIds"]) == ("available", [other_zone])
    assert shown["Options"]["DnsSupport"] == "disable"
    client.call("DeleteSubnet", SubnetId=subnet_id)
    code = client.code_of(
        "ModifyTransitGatewayVpcAttachment",
        TransitGatewayAttachmentId=attachment_id,
        RemoveSubnetIds=[other_zone],
    )
    assert code == "MissingParameter"


def test_ipv6_support_needs_and_propagates_ipv6_ranges(client: Client) -> None:
    gateway_id = new_gateway(client)
    vpc_id, subnet_id = new_vpc(client)
    code = client.code_of(
        "CreateTransitGatewayVpcAttachment",
        TransitGatewayId=gateway_id,
        VpcId=vpc_id,
        SubnetIds=[subnet_id],
        Options={"Ipv6Support": "enable"},
    )
    assert code == "InvalidParameterValue"
    client.call("AssociateVpcCidrBlock", VpcId=vpc_id, AmazonProvidedIpv6CidrBlock=True)
    (vpc,) = client.call("DescribeVpcs", VpcIds=[vpc_id])["Vpcs"]
    cidr = vpc["Ipv6CidrBlockAssociationSet"][0]["Ipv6CidrBlock"]
    client.call(
        "AssociateSubnetCidrBlock", SubnetId=subnet_id, Ipv6CidrBlock=cidr.replace("/56", "/64")
    )
    attach(client, gateway_id, vpc_id, subnet_id, Options={"Ipv6Support": "enable"})
    routes = search(client, default_table(client, gateway_id))
    assert [route["DestinationCidrBlock"] for route in routes] == ["10.0.0.0/16", cidr]


def test_another_accounts_vpc_waits_for_acceptance(client: Client) -> None:
    gateway_id = new_gateway(client)
    guest = Client(like=client, access_key=OTHER)
    vpc_id, subnet_id = new_vpc(guest)
    attachment_id = attach(guest, gateway_id, vpc_id, subnet_id)
    accept = "AcceptTransitGatewayVpcAttachment"

    assert vpc_attachment(guest, attachment_id)["State"] == "pendingAcceptance"
    assert vpc_attachment(client, attachment_id)["VpcOwnerId"] == OTHER
    code = guest.code_of(accept, TransitGatewayAttachmentId=attachment_id)
    assert code == "InvalidTransitGatewayAttachmentID.NotFound"
    client.call(accept, TransitGatewayAttachmentId=attachment_id)

    assert vpc_attachment(guest, attachment_id)["State"] == "available"
    assert vpc_attachment(client, attachment_id)["State"] == "available"
    (route,) = search(client, default_table(client, gateway_id))
    assert (route["DestinationCidrBlock"], route["State"]) == ("10.0.0.0/16", "active")
    (shared,) = guest.call("DescribeTransitGateways")["TransitGateways"]
    assert shared["OwnerId"] == "000000000000"
    code = client.code_of(accept, TransitGatewayAttachmentId=attachment_id)
    assert code == "IncorrectState"
    (table,) = guest.call("DescribeRouteTables", Filters=[{"Name": "vpc-id", "Values": [vpc_id]}])[
        "RouteTables"
    ]
    guest.call(
        "CreateRoute",
        RouteTableId=table["RouteTableId"],
        DestinationCidrBlock="10.8.0.0/16",
        TransitGatewayId=gateway_id,
    )
    client.call("DeleteTransitGatewayVpcAttachment", TransitGatewayAttachmentId=attachment_id)
    assert vpc_attachment(guest, attachment_id)["State"] == "deleted"
    (table,) = guest.call("DescribeRouteTables", RouteTableIds=[table["RouteTableId"]])[
        "RouteTables"
    ]
    states = {route["DestinationCidrBlock"]: route["State"] for route in table["Routes"]}
    assert states == {"10.0.0.0/16": "active", "10.8.0.0/16": "blackhole"}
    guest.call("DeleteSubnet", SubnetId=subnet_id)


def test_another_accounts_vpc_may_be_accepted_by_itself_or_rejected(client: Client) -> None:
    guest = Client(like=client, access_key=OTHER)
    vpc_id, subnet_id = new_vpc(guest)
    willing = new_gateway(client, AutoAcceptSharedAttachments="enable")
    attachment_id = attach(guest, willing, vpc_id, subnet_id)
    assert vpc_attachment(guest, attachment_id)["State"] == "available"

    reluctant = new_gateway(client)
    attachment_id = attach(guest, reluctant, vpc_id, subnet_id)
    client.call("RejectTransitGatewayVpcAttachment", TransitGatewayAttachmentId=attachment_id)
    assert vpc_attachment(guest, attachment_id)["State"] == "rejected"
    assert vpc_attachment(client, attachment_id)["State"] == "rejected"
    client.call("DeleteTransitGateway", TransitGatewayId=reluctant)


def test_a_vpc_routes_to_a_gateway_it_is_attached_to(client: Client) -> None:
    gateway_id = new_gateway(client)
    vpc_id, subnet_id = new_vpc(client)
    (table,) = client.call("DescribeRouteTables", Filters=[{"Name": "vpc-id", "Values": [vpc_id]}])[
        "RouteTables"
    ]
    route = {
        "RouteTableId": table["RouteTableId"],
        "DestinationCidrBlock": "10.8.0.0/16",
        "TransitGatewayId": gateway_id,
    }
    attach(client, gateway_id, *new_vpc(client, "10.5.0.0/16"))
    assert client.code_of("CreateRoute", **route) == "InvalidTransitGatewayID.NotFound"
    attach(client, gateway_id, vpc_id, subnet_id)
    client.call("CreateRoute", **route)
    (table,) = client.call("DescribeRouteTables", RouteTableIds=[table["RouteTableId"]])[
        "RouteTables"
    ]
    assert [item["State"] for item in table["Routes"]] == ["active", "active"]


def test_an_attachment_moves_from_one_table_to_another(client: Client) -> None:
    gateway_id = new_gateway(client)
    vpc_id, subnet_id = new_vpc(client)
    attachment_id = attach(client, gateway_id, vpc_id, subnet_id)
    first, second = default_table(client, gateway_id), new_table(client, gateway_id)
    to_first = {
        "TransitGatewayRouteTableId": first,
        "TransitGatewayAttachmentId": attachment_id,
    }
    to_second = {**to_first, "TransitGatewayRouteTableId": second}
    code = client.code_of("AssociateTransitGatewayRouteTable", **to_second)
    assert code == "Resource.AlreadyAssociated"

    ending = client.call("DisassociateTransitGatewayRouteTable", **to_first)["Association"]
    assert ending["State"] == "disassociating"
    code = client.code_of("DisassociateTransitGatewayRouteTable", **to_first)
    assert code == "InvalidAssociation.NotFound"
    begun = client.call("AssociateTransitGatewayRouteTable", **to_second)["Association"]
    assert begun == {
        **to_second,
        "ResourceId": vpc_id,
        "ResourceType": "vpc",
        "State": "associating",
    }
    for table_id, count in ((first, 0), (second, 1)):
        found = client.call(
            "GetTransitGatewayRouteTableAssociations",
            TransitGatewayRouteTableId=table_id,
            Filters=[{"Name": "resource-id", "Values": [vpc_id]}],
        )["Associations"]
        assert [item["State"] for item in found] == ["associated"] * count
    delete = "DeleteTransitGatewayRouteTable"
    assert client.code_of(delete, TransitGatewayRouteTableId=second) == "IncorrectState"
    assert client.code_of(delete, TransitGatewayRouteTableId=first) == "IncorrectState"
    client.call("DisassociateTransitGatewayRouteTable", **to_second)
    gone = client.call(delete, TransitGatewayRouteTableId=second)["TransitGatewayRouteTable"]
    assert gone["State"] == "deleting"
    code = client.code_of(delete, TransitGatewayRouteTableId=second)
    assert code == "InvalidRouteTableID.NotFound"


def test_propagation_is_switched_on_and_off(client: Client) -> None:
    gateway_id = new_gateway(client)
    vpc_id, subnet_id = new_vpc(client)
    attachment_id = attach(client, gateway_id, vpc_id, subnet_id)
    table_id = new_table(client, gateway_id)
    both = {"TransitGatewayRouteTableId": table_id, "TransitGatewayAttachmentId": attachment_id}
    enable = "EnableTransitGatewayRouteTablePropagation"
    assert client.call(enable, **both)["Propagation"]["State"] == "enabling"
    assert client.code_of(enable, **both) == "TransitGatewayRouteTablePropagation.Duplicate"
    (found,) = client.call(
        "GetTransitGatewayRouteTablePropagations", TransitGatewayRouteTableId=table_id
    )["TransitGatewayRouteTablePropagations"]
    assert (found["ResourceId"], found["State"]) == (vpc_id, "enabled")
    tables = client.call(
        "GetTransitGatewayAttachmentPropagations", TransitGatewayAttachmentId=attachment_id
    )["TransitGatewayAttachmentPropagations"]
    assert [item["TransitGatewayRouteTableId"] for item in tables] == [
        default_table(client, gateway_id),
        table_id,
    ]
    assert len(search(client, table_id)) == 1

    disable = "DisableTransitGatewayRouteTablePropagation"
    assert client.call(disable, **both)["Propagation"]["State"] == "disabling"
    assert client.code_of(disable, **both) == "TransitGatewayRouteTablePropagation.NotFound"
    assert search(client, table_id) == []


def test_overlapping_ranges_are_propagated_once(client: Client) -> None:
    gateway_id = new_gateway(client)
    first = attach(client, gateway_id, *new_vpc(client))
    attach(client, gateway_id, *new_vpc(client))
    (route,) = search(client, default_table(client, gateway_id))
    assert [item["TransitGatewayAttachmentId"] for item in route["TransitGatewayAttachments"]] == [
        first
    ]


def test_static_routes_are_made_replaced_and_deleted(client: Client) -> None:
    gateway_id = new_gateway(client)
    attachment_id = attach(client, gateway_id, *new_vpc(client))
    table_id = default_table(client, gateway_id)
    to = {"TransitGatewayRouteTableId": table_id, "DestinationCidrBlock": "10.7.1.1/16"}
    made = client.call("CreateTransitGatewayRoute", TransitGatewayAttachmentId=attachment_id, **to)
    assert made["Route"]["State"] == "active"
    assert made["Route"]["DestinationCidrBlock"] == "10.7.0.0/16"
    assert made["Route"]["Type"] == "static"
    create, replace = "CreateTransitGatewayRoute", "ReplaceTransitGatewayRoute"
    assert client.code_of(create, Blackhole=True, **to) == "RouteAlreadyExists"
    both = {"Blackhole": True, "TransitGatewayAttachmentId": attachment_id}
    assert client.code_of(replace, **both, **to) == "InvalidParameterCombination"
    assert client.code_of(replace, **to) == "MissingParameter"

    client.call(replace, Blackhole=True, **to)
    (route,) = search(client, table_id, route_search__exact_match="10.7.0.0/16")
    assert (route["State"], route.get("TransitGatewayAttachments", [])) == ("blackhole", [])
    gone = client.call("DeleteTransitGatewayRoute", **to)["Route"]
    assert gone["State"] == "deleted"
    assert client.code_of("DeleteTransitGatewayRoute", **to) == "InvalidRoute.NotFound"
    assert client.code_of(replace, Blackhole=True, **to) == "InvalidRoute.NotFound"


def test_a_route_to_a_deleted_attachment_is_a_black_hole(client: Client) -> None:
    gateway_id = new_gateway(client)
    attachment_id = attach(client, gateway_id, *new_vpc(client))
    table_id = default_table(client, gateway_id)
    client.call(
        "CreateTransitGatewayRoute",
        TransitGatewayRouteTableId=table_id,
        DestinationCidrBlock="0.0.0.0/0",
        TransitGatewayAttachmentId=attachment_id,
    )
    client.call("DeleteTransitGatewayVpcAttachment", TransitGatewayAttachmentId=attachment_id)
    (route,) = search(client, table_id, state="blackhole")
    assert route["DestinationCidrBlock"] == "0.0.0.0/0"


@pytest.mark.parametrize(
    ("search_name", "asked", "expected"),
    [
        ("route_search__exact_match", "10.1.0.0/16", ["10.1.0.0/16"]),
        ("route_search__longest_prefix_match", "10.1.1.9", ["10.1.1.0/24"]),
        ("route_search__longest_prefix_match", "10.2.0.0/16", ["10.0.0.0/8"]),
        ("route_search__subnet_of_match", "10.1.0.0/16", ["10.1.0.0/16", "10.1.1.0/24"]),
        ("route_search__supernet_of_match", "10.1.0.0/20", ["10.0.0.0/8", "10.1.0.0/16"]),
        ("route_search__exact_match", "2001:db8::/32", ["2001:db8::/32"]),
        ("type", "propagated", []),
    ],
)
def test_routes_are_searched(
    client: Client, search_name: str, asked: str, expected: list[str]
) -> None:
    table_id = default_table(client, new_gateway(client))
    for cidr in ("10.1.1.0/24", "10.0.0.0/8", "2001:db8::/32", "10.1.0.0/16"):
        client.call(
            "CreateTransitGatewayRoute",
            TransitGatewayRouteTableId=table_id,
            DestinationCidrBlock=cidr,
            Blackhole=True,
        )
    routes = search(client, table_id, **{search_name: asked})
    assert [route["DestinationCidrBlock"] for route in routes] == expected


def test_a_search_says_when_there_is_more(client: Client) -> None:
    table_id = default_table(client, new_gateway(client))
    for number in range(6):
        client.call(
            "CreateTransitGatewayRoute",
            TransitGatewayRouteTableId=table_id,
            DestinationCidrBlock=f"10.{number}.0.0/16",
            Blackhole=True,
        )
    ask = {
        "TransitGatewayRouteTableId": table_id,
        "Filters": [{"Name": "type", "Values": ["static"]}],
    }
    part = client.call("SearchTransitGatewayRoutes", MaxResults=5, **ask)
    assert len(part["Routes"]) == 5
    assert part["AdditionalRoutesAvailable"]
    rest = client.call("SearchTransitGatewayRoutes", NextToken=part["NextToken"], **ask)
    cidrs = [route["DestinationCidrBlock"] for route in (*part["Routes"], *rest["Routes"])]
    assert sorted(cidrs) == [f"10.{number}.0.0/16" for number in range(6)]
    assert client.code_of("SearchTransitGatewayRoutes", NextToken="mine", **ask) == (
        "InvalidParameterValue"
    )
    assert not client.call("SearchTransitGatewayRoutes", **ask)["AdditionalRoutesAvailable"]
    ask["Filters"] = [{"Name": "route-search.exact-match", "Values": ["nonsense"]}]
    assert client.code_of("SearchTransitGatewayRoutes", **ask) == "InvalidParameterValue"


def test_pages_of_a_search_stay_whole_while_routes_go(client: Client) -> None:
    table_id = default_table(client, new_gateway(client))
    cidrs = [f"10.{number}.0.0/16" for number in range(7)]
    for cidr in cidrs:
        client.call(
            "CreateTransitGatewayRoute",
            TransitGatewayRouteTableId=table_id,
            DestinationCidrBlock=cidr,
            Blackhole=True,
        )
    ask = {
        "TransitGatewayRouteTableId": table_id,
        "Filters": [{"Name": "type", "Values": ["static"]}],
    }
    part = client.call("SearchTransitGatewayRoutes", MaxResults=5, **ask)
    client.call(
        "DeleteTransitGatewayRoute",
        TransitGatewayRouteTableId=table_id,
        DestinationCidrBlock=cidrs[0],
    )

    rest = client.call("SearchTransitGatewayRoutes", NextToken=part["NextToken"], **ask)

    assert [route["DestinationCidrBlock"] for route in rest["Routes"]] == cidrs[5:]


def test_a_prefix_list_stands_for_routes(client: Client) -> None:
    table_id = default_table(client, new_gateway(client))
    list_id = client.call(
        "CreateManagedPrefixList",
        PrefixListName="mine",
        AddressFamily="IPv4",
        MaxEntries=2,
        Entries=[{"Cidr": "10.1.0.0/16"}, {"Cidr": "10.2.0.0/16"}],
    )["PrefixList"]["PrefixListId"]
    both = {"TransitGatewayRouteTableId": table_id, "PrefixListId": list_id}
    made = client.call("CreateTransitGatewayPrefixListReference", Blackhole=True, **both)
    assert made["TransitGatewayPrefixListReference"]["State"] == "pending"
    (found,) = client.call(
        "GetTransitGatewayPrefixListReferences",
        TransitGatewayRouteTableId=table_id,
        Filters=[{"Name": "is-blackhole", "Values": ["true"]}],
    )["TransitGatewayPrefixListReferences"]
    assert (found["State"], found["PrefixListOwnerId"]) == ("available", "000000000000")
    routes = search(client, table_id, prefix_list_id=list_id)
    assert [route["DestinationCidrBlock"] for route in routes] == ["10.1.0.0/16", "10.2.0.0/16"]
    client.call("ModifyTransitGatewayPrefixListReference", Blackhole=True, **both)
    client.call("DeleteTransitGatewayPrefixListReference", **both)
    assert search(client, table_id) == []
    code = client.code_of("DeleteTransitGatewayPrefixListReference", **both)
    assert code == "InvalidPrefixListReference.NotFound"


def peer(client: Client, gateway_id: str, other: Client, other_id: str, account: str) -> str:
    made = client.call(
        "CreateTransitGatewayPeeringAttachment",
        TransitGatewayId=gateway_id,
        PeerTransitGatewayId=other_id,
        PeerAccountId=account,
        PeerRegion=other.region,
        TagSpecifications=[
            {"ResourceType": "transit-gateway-attachment", "Tags": [{"Key": "a", "Value": "b"}]}
        ],
    )["TransitGatewayPeeringAttachment"]
    assert made["State"] == "initiatingRequest"
    return str(made["TransitGatewayAttachmentId"])


def peering(client: Client, attachment_id: str) -> dict[str, Any]:
    (found,) = client.call(
        "DescribeTransitGatewayPeeringAttachments", TransitGatewayAttachmentIds=[attachment_id]
    )["TransitGatewayPeeringAttachments"]
    return dict(found)


def test_gateways_peer_across_accounts_and_regions(client: Client) -> None:
    other = Client(like=client, access_key=OTHER, region="eu-west-1")
    mine, theirs = new_gateway(client), new_gateway(other)
    attachment_id = peer(client, mine, other, theirs, OTHER)
    accept = "AcceptTransitGatewayPeeringAttachment"

    shown = peering(client, attachment_id)
    assert shown["State"] == "pendingAcceptance"
    assert shown["Tags"] == [{"Key": "a", "Value": "b"}]
    assert shown["RequesterTgwInfo"] == {
        "TransitGatewayId": mine,
        "OwnerId": "000000000000",
        "Region": "us-east-1",
    }
    code = client.code_of(accept, TransitGatewayAttachmentId=attachment_id)
    assert code == "OperationNotPermitted"
    other.call(accept, TransitGatewayAttachmentId=attachment_id)
    assert peering(client, attachment_id)["State"] == "available"
    assert peering(other, attachment_id)["State"] == "available"
    (general,) = other.call("DescribeTransitGatewayAttachments")["TransitGatewayAttachments"]
    assert (general["ResourceType"], general["ResourceId"]) == ("peering", mine)
    assert general["Association"]["State"] == "associated"
    code = client.code_of(
        "EnableTransitGatewayRouteTablePropagation",
        TransitGatewayRouteTableId=new_table(client, mine),
        TransitGatewayAttachmentId=attachment_id,
    )
    assert code == "InvalidParameterValue"
    assert client.code_of("DeleteTransitGateway", TransitGatewayId=mine) == "IncorrectState"
    other.call("DeleteTransitGatewayPeeringAttachment", TransitGatewayAttachmentId=attachment_id)
    assert peering(client, attachment_id)["State"] == "deleted"
    assert peering(other, attachment_id)["State"] == "deleted"


def test_gateways_of_one_region_have_an_attachment_each(client: Client) -> None:
    mine, theirs = new_gateway(client), new_gateway(client)
    attachment_id = peer(client, mine, client, theirs, "000000000000")
    accepter_id = peering(client, attachment_id)["AccepterTransitGatewayAttachmentId"]
    assert accepter_id != attachment_id
    client.call("RejectTransitGatewayPeeringAttachment", TransitGatewayAttachmentId=accepter_id)
    for side in (attachment_id, accepter_id):
        assert peering(client, side)["State"] == "rejected"


def test_a_peer_that_does_not_exist_is_refused_here_and_fails_elsewhere(client: Client) -> None:
    mine = new_gateway(client)
    other = Client(like=client, region="eu-west-1")
    missing = "tgw-00000000000000000"
    attachment_id = peer(client, mine, other, missing, "000000000000")
    assert peering(client, attachment_id)["State"] == "failed"
    for peer_id, code in (
        (missing, "InvalidTransitGatewayID.NotFound"),
        (mine, "InvalidParameterValue"),
    ):
        found = client.code_of(
            "CreateTransitGatewayPeeringAttachment",
            TransitGatewayId=mine,
            PeerTransitGatewayId=peer_id,
            PeerAccountId="000000000000",
            PeerRegion="us-east-1",
        )
        assert found == code


def test_what_does_not_exist_is_named(client: Client) -> None:
    with pytest.raises(ClientError, match="tgw-rtb-00000000000000000 was deleted") as refused:
        search(client, "tgw-rtb-00000000000000000")
    assert refused.value.response["Error"]["Code"] == "InvalidRouteTableID.NotFound"
    code = client.code_of(
        "DescribeTransitGatewayAttachments",
        TransitGatewayAttachmentIds=["tgw-attach-00000000000000000"],
    )
    assert code == "InvalidTransitGatewayAttachmentID.NotFound"
