from __future__ import annotations

from typing import Any

import pytest
from lxml import etree

from tests.fakes.client import Client

PUBLIC_IP = "203.0.113.9"


@pytest.fixture
def client() -> Client:
    return Client()


def new_customer(client: Client, **more: Any) -> str:
    made = client.call(
        "CreateCustomerGateway", Type="ipsec.1", **{"PublicIp": PUBLIC_IP, "BgpAsn": 65010, **more}
    )
    return str(made["CustomerGateway"]["CustomerGatewayId"])


def new_gateway(client: Client) -> str:
    return str(client.call("CreateVpnGateway", Type="ipsec.1")["VpnGateway"]["VpnGatewayId"])


def connect(client: Client, **more: Any) -> dict[str, Any]:
    request = {"CustomerGatewayId": new_customer(client), "Type": "ipsec.1", **more}
    if "TransitGatewayId" not in more and "VpnGatewayId" not in more:
        request["VpnGatewayId"] = new_gateway(client)
    return dict(client.call("CreateVpnConnection", **request)["VpnConnection"])


def connection(client: Client, connection_id: str) -> dict[str, Any]:
    (found,) = client.call("DescribeVpnConnections", VpnConnectionIds=[connection_id])[
        "VpnConnections"
    ]
    return dict(found)


def new_transit(client: Client) -> str:
    made = client.call("CreateTransitGateway")["TransitGateway"]
    return str(made["TransitGatewayId"])


def test_a_vpn_gateway_is_attached_detached_and_deleted(client: Client) -> None:
    vpc_id = client.call("CreateVpc", CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    made = client.call(
        "CreateVpnGateway",
        Type="ipsec.1",
        AmazonSideAsn=65000,
        AvailabilityZone="us-east-1a",
        TagSpecifications=[
            {"ResourceType": "vpn-gateway", "Tags": [{"Key": "Name", "Value": "edge"}]}
        ],
    )["VpnGateway"]
    gateway_id = made["VpnGatewayId"]
    both = {"VpnGatewayId": gateway_id, "VpcId": vpc_id}
    attached = client.call("AttachVpnGateway", **both)["VpcAttachment"]

    assert attached == {"VpcId": vpc_id, "State": "attaching"}
    (shown,) = client.call(
        "DescribeVpnGateways",
        Filters=[
            {"Name": "attachment.vpc-id", "Values": [vpc_id]},
            {"Name": "amazon-side-asn", "Values": ["65000"]},
            {"Name": "tag:Name", "Values": ["edge"]},
        ],
    )["VpnGateways"]
    assert shown == {
        "VpnGatewayId": gateway_id,
        "State": "available",
        "Type": "ipsec.1",
        "AvailabilityZone": "us-east-1a",
        "AmazonSideAsn": 65000,
        "VpcAttachments": [{"VpcId": vpc_id, "State": "attached"}],
        "Tags": [{"Key": "Name", "Value": "edge"}],
    }
    assert client.code_of("DeleteVpnGateway", VpnGatewayId=gateway_id) == "IncorrectState"
    assert client.code_of("DeleteVpc", VpcId=vpc_id) == "DependencyViolation"
    client.call("DetachVpnGateway", **both)
    assert client.code_of("DetachVpnGateway", **both) == "InvalidVpnGatewayAttachment.NotFound"
    client.call("DeleteVpc", VpcId=vpc_id)
    client.call("DeleteVpnGateway", VpnGatewayId=gateway_id)
    (gone,) = client.call("DescribeVpnGateways", VpnGatewayIds=[gateway_id])["VpnGateways"]
    assert gone["State"] == "deleted"
    code = client.code_of("DeleteVpnGateway", VpnGatewayId=gateway_id)
    assert code == "InvalidVpnGatewayID.NotFound"


def test_a_vpc_and_a_vpn_gateway_have_one_another_only(client: Client) -> None:
    first = client.call("CreateVpc", CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    second = client.call("CreateVpc", CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    gateway_id, other = new_gateway(client), new_gateway(client)
    client.call("AttachVpnGateway", VpnGatewayId=gateway_id, VpcId=first)
    again = client.call("AttachVpnGateway", VpnGatewayId=gateway_id, VpcId=first)
    assert again["VpcAttachment"]["State"] == "attached"
    for pair in ((gateway_id, second), (other, first)):
        code = client.code_of("AttachVpnGateway", VpnGatewayId=pair[0], VpcId=pair[1])
        assert code == "VpnGatewayAttachmentLimitExceeded"


def test_a_route_table_learns_from_an_attached_gateway_until_it_is_detached(
    client: Client,
) -> None:
    vpc_id = client.call("CreateVpc", CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    table_id = client.call("CreateRouteTable", VpcId=vpc_id)["RouteTable"]["RouteTableId"]
    gateway_id = new_gateway(client)
    both = {"RouteTableId": table_id, "GatewayId": gateway_id}
    assert client.code_of("EnableVgwRoutePropagation", **both) == "Gateway.NotAttached"
    client.call("AttachVpnGateway", VpnGatewayId=gateway_id, VpcId=vpc_id)
    client.call("EnableVgwRoutePropagation", **both)
    client.call(
        "CreateRoute",
        RouteTableId=table_id,
        GatewayId=gateway_id,
        DestinationCidrBlock="10.9.0.0/16",
    )

    def table() -> dict[str, Any]:
        (found,) = client.call("DescribeRouteTables", RouteTableIds=[table_id])["RouteTables"]
        return dict(found)

    assert table()["PropagatingVgws"] == [{"GatewayId": gateway_id}]
    assert [route["State"] for route in table()["Routes"]] == ["active", "active"]
    client.call("DetachVpnGateway", VpnGatewayId=gateway_id, VpcId=vpc_id)
    assert table()["PropagatingVgws"] == []
    assert [route["State"] for route in table()["Routes"]] == ["active", "blackhole"]


def test_the_same_customer_gateway_is_made_once(client: Client) -> None:
    made = client.call(
        "CreateCustomerGateway",
        Type="ipsec.1",
        IpAddress=PUBLIC_IP,
        BgpAsn=65010,
        DeviceName="left",
    )["CustomerGateway"]
    assert made["State"] == "pending"
    gateway_id = made["CustomerGatewayId"]
    assert new_customer(client, DeviceName="left") == gateway_id
    assert new_customer(client, DeviceName="right") != gateway_id
    (shown,) = client.call("DescribeCustomerGateways", CustomerGatewayIds=[gateway_id])[
        "CustomerGateways"
    ]
    assert shown == {
        "CustomerGatewayId": gateway_id,
        "State": "available",
        "Type": "ipsec.1",
        "IpAddress": PUBLIC_IP,
        "BgpAsn": "65010",
        "DeviceName": "left",
        "Tags": [],
    }
    client.call("DeleteCustomerGateway", CustomerGatewayId=gateway_id)
    code = client.code_of("DeleteCustomerGateway", CustomerGatewayId=gateway_id)
    assert code == "InvalidCustomerGatewayID.NotFound"
    assert new_customer(client, DeviceName="left") != gateway_id


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"BgpAsn": 0}, "InvalidParameterValue"),
        ({"BgpAsn": 7224}, "InvalidParameterValue"),
        ({"BgpAsn": 65000, "BgpAsnExtended": 4200000000}, "InvalidParameterCombination"),
        ({"BgpAsnExtended": 65000}, "InvalidParameterValue"),
        ({"PublicIp": "nonsense"}, "InvalidParameterValue"),
        ({"PublicIp": "300.1.1.1"}, "InvalidParameterValue"),
        ({"PublicIp": ""}, "MissingParameter"),
    ],
)
def test_customer_gateways_are_checked(client: Client, params: dict[str, Any], code: str) -> None:
    request = {"Type": "ipsec.1", "PublicIp": PUBLIC_IP, **params}
    assert client.code_of("CreateCustomerGateway", **request) == code


def test_a_long_asn_is_shown_as_extended(client: Client) -> None:
    made = client.call(
        "CreateCustomerGateway", Type="ipsec.1", PublicIp=PUBLIC_IP, BgpAsnExtended=4200000000
    )["CustomerGateway"]
    assert made["BgpAsnExtended"] == "4200000000"


def test_a_connection_has_two_tunnels_and_tells_how_to_configure_them(client: Client) -> None:
    made = connect(
        client,
        Options={
            "TunnelOptions": [
                {"PreSharedKey": "1234.abc_", "TunnelInsideCidr": "169.254.8.4/30"},
                {"DPDTimeoutSeconds": 45, "IKEVersions": [{"Value": "ikev2"}]},
            ]
        },
    )
    assert made["State"] == "pending"
    shown = connection(client, made["VpnConnectionId"])
    assert shown["State"] == "available"
    assert (shown["Category"], shown["GatewayAssociationState"]) == ("VPN", "associated")
    options = shown["Options"]
    first, second = options["TunnelOptions"]
    assert (first["PreSharedKey"], first["TunnelInsideCidr"]) == ("1234.abc_", "169.254.8.4/30")
    assert len(second["PreSharedKey"]) == 32
    assert second["DpdTimeoutSeconds"] == 45
    assert second["IkeVersions"] == [{"Value": "ikev2"}]
    assert not options["StaticRoutesOnly"]
    assert options["LocalIpv4NetworkCidr"] == "0.0.0.0/0"
    assert options["TunnelInsideIpVersion"] == "ipv4"
    addresses = [first["OutsideIpAddress"], second["OutsideIpAddress"]]
    assert [item["OutsideIpAddress"] for item in shown["VgwTelemetry"]] == addresses
    assert {item["Status"] for item in shown["VgwTelemetry"]} == {"DOWN"}

    root = etree.fromstring(shown["CustomerGatewayConfiguration"].encode())
    assert root.get("id") == made["VpnConnectionId"]
    tunnels = root.findall("ipsec_tunnel")
    assert len(tunnels) == 2
    assert tunnels[0].findtext("ike/pre_shared_key") == "1234.abc_"
    assert [
        tunnel.findtext("vpn_gateway/tunnel_outside_address/ip_address") for tunnel in tunnels
    ] == addresses
    assert tunnels[0].findtext("vpn_gateway/tunnel_inside_address/ip_address") == "169.254.8.5"
    assert tunnels[0].findtext("customer_gateway/tunnel_inside_address/ip_address") == "169.254.8.6"
    assert tunnels[0].findtext("customer_gateway/tunnel_outside_address/ip_address") == PUBLIC_IP
    assert tunnels[0].findtext("vpn_gateway/bgp/asn") == "64512"
    assert tunnels[0].findtext("customer_gateway/bgp/asn") == "65010"
    assert tunnels[0].findtext("vpn_gateway/bgp/hold_time") == "30"


def test_creating_a_connection_again_returns_it(client: Client) -> None:
    gateway_id = new_gateway(client)
    first = connect(client, VpnGatewayId=gateway_id)
    again = connect(client, VpnGatewayId=gateway_id)
    assert again["VpnConnectionId"] == first["VpnConnectionId"]
    other = new_customer(client, DeviceName="other")
    code = client.code_of(
        "CreateVpnConnection", Type="ipsec.1", CustomerGatewayId=other, VpnGatewayId=gateway_id
    )
    assert code == "InvalidCustomerGateway.DuplicateIpAddress"


@pytest.mark.parametrize(
    "tunnel",
    [
        {"PreSharedKey": "short"},
        {"PreSharedKey": "0startswithzero"},
        {"PreSharedKey": "has spaces in it"},
        {"TunnelInsideCidr": "169.254.1.0/30"},
        {"TunnelInsideCidr": "169.254.169.252/30"},
        {"TunnelInsideCidr": "169.254.8.0/29"},
        {"TunnelInsideCidr": "10.0.0.0/30"},
        {"Phase1LifetimeSeconds": 899},
        {"Phase2LifetimeSeconds": 3601},
        {"Phase1LifetimeSeconds": 900, "Phase2LifetimeSeconds": 900},
        {"RekeyMarginTimeSeconds": 59},
        {"RekeyFuzzPercentage": 101},
        {"ReplayWindowSize": 63},
        {"DPDTimeoutSeconds": 29},
        {"DPDTimeoutAction": "explode"},
        {"StartupAction": "stop"},
        {"Phase1DHGroupNumbers": [{"Value": 5}]},
        {"Phase1EncryptionAlgorithms": [{"Value": "ROT13"}]},
        {"IKEVersions": [{"Value": "ikev3"}]},
    ],
)
def test_tunnel_options_are_checked(client: Client, tunnel: dict[str, Any]) -> None:
    code = client.code_of(
        "CreateVpnConnection",
        Type="ipsec.1",
        CustomerGatewayId=new_customer(client),
        VpnGatewayId=new_gateway(client),
        Options={"TunnelOptions": [tunnel]},
    )
    assert code == "InvalidParameterValue"
    assert client.call("DescribeVpnConnections")["VpnConnections"] == []


def test_two_tunnels_of_a_gateway_never_share_an_inside_range(client: Client) -> None:
    tunnel = {"TunnelInsideCidr": "169.254.8.0/30"}
    gateway_id = new_gateway(client)
    request = {"Type": "ipsec.1", "VpnGatewayId": gateway_id}
    customer_id = new_customer(client)
    code = client.code_of(
        "CreateVpnConnection",
        CustomerGatewayId=customer_id,
        Options={"TunnelOptions": [tunnel, tunnel]},
        **request,
    )
    assert code == "InvalidParameterValue"
    connect(client, VpnGatewayId=gateway_id, Options={"TunnelOptions": [tunnel]})
    code = client.code_of(
        "CreateVpnConnection",
        CustomerGatewayId=new_customer(client, PublicIp="203.0.113.10"),
        Options={"TunnelOptions": [tunnel]},
        **request,
    )
    assert code == "InvalidParameterValue"


def test_static_routes_need_a_connection_that_has_them(client: Client) -> None:
    dynamic = connect(client)["VpnConnectionId"]
    route = {"DestinationCidrBlock": "192.168.10.1/24"}
    code = client.code_of("CreateVpnConnectionRoute", VpnConnectionId=dynamic, **route)
    assert code == "InvalidVpnConnection.InvalidType"
    made = connect(client, Options={"StaticRoutesOnly": True})
    static = made["VpnConnectionId"]
    root = etree.fromstring(made["CustomerGatewayConfiguration"].encode())
    assert root.findtext("vpn_connection_attributes") == "NoBGPVPNConnection"
    assert root.find("ipsec_tunnel/vpn_gateway/bgp") is None

    client.call("CreateVpnConnectionRoute", VpnConnectionId=static, **route)
    client.call("CreateVpnConnectionRoute", VpnConnectionId=static, **route)
    (found,) = client.call(
        "DescribeVpnConnections",
        Filters=[{"Name": "route.destination-cidr-block", "Values": ["192.168.10.0/24"]}],
    )["VpnConnections"]
    assert found["Routes"] == [
        {"DestinationCidrBlock": "192.168.10.0/24", "Source": "Static", "State": "available"}
    ]
    client.call("DeleteVpnConnectionRoute", VpnConnectionId=static, **route)
    assert connection(client, static)["Routes"] == []
    code = client.code_of("DeleteVpnConnectionRoute", VpnConnectionId=static, **route)
    assert code == "InvalidRoute.NotFound"


def test_gateways_are_held_by_their_connection(client: Client) -> None:
    gateway_id = new_gateway(client)
    made = connect(client, VpnGatewayId=gateway_id)
    connection_id, customer_id = made["VpnConnectionId"], made["CustomerGatewayId"]
    assert client.code_of("DeleteVpnGateway", VpnGatewayId=gateway_id) == "IncorrectState"
    code = client.code_of("DeleteCustomerGateway", CustomerGatewayId=customer_id)
    assert code == "IncorrectState"

    client.call("DeleteVpnConnection", VpnConnectionId=connection_id)
    shown = connection(client, connection_id)
    assert shown["State"] == "deleted"
    assert "CustomerGatewayConfiguration" not in shown
    client.call("DeleteVpnGateway", VpnGatewayId=gateway_id)
    client.call("DeleteCustomerGateway", CustomerGatewayId=customer_id)
    code = client.code_of("DeleteVpnConnection", VpnConnectionId=connection_id)
    assert code == "InvalidVpnConnectionID.NotFound"
    client.turn(3601)
    code = client.code_of("DescribeVpnConnections", VpnConnectionIds=[connection_id])
    assert code == "InvalidVpnConnectionID.NotFound"


def test_a_connection_on_a_transit_gateway_is_an_attachment(client: Client) -> None:
    transit_id = new_transit(client)
    made = connect(client, TransitGatewayId=transit_id, Options={"EnableAcceleration": True})
    connection_id = made["VpnConnectionId"]
    ask = {
        "Filters": [
            {"Name": "resource-type", "Values": ["vpn"]},
            {"Name": "resource-id", "Values": [connection_id]},
        ]
    }
    (attachment,) = client.call("DescribeTransitGatewayAttachments", **ask)[
        "TransitGatewayAttachments"
    ]
    assert attachment["State"] == "available"
    assert attachment["Association"]["State"] == "associated"
    assert client.code_of("DeleteTransitGateway", TransitGatewayId=transit_id) == "IncorrectState"
    code = client.code_of(
        "ModifyTransitGateway", TransitGatewayId=transit_id, Options={"AmazonSideAsn": 64600}
    )
    assert code == "IncorrectState"

    gateway_id = new_gateway(client)
    changed = client.call(
        "ModifyVpnConnection", VpnConnectionId=connection_id, VpnGatewayId=gateway_id
    )["VpnConnection"]
    assert changed["VpnGatewayId"] == gateway_id
    assert "TransitGatewayId" not in changed
    (attachment,) = client.call("DescribeTransitGatewayAttachments", **ask)[
        "TransitGatewayAttachments"
    ]
    assert attachment["State"] == "deleted"
    client.call("DeleteTransitGateway", TransitGatewayId=transit_id)


def test_ipv6_tunnels_need_a_transit_gateway(client: Client) -> None:
    options = {"TunnelInsideIpVersion": "ipv6"}
    code = client.code_of(
        "CreateVpnConnection",
        Type="ipsec.1",
        CustomerGatewayId=new_customer(client),
        VpnGatewayId=new_gateway(client),
        Options=options,
    )
    assert code == "InvalidParameterCombination"
    made = connect(client, TransitGatewayId=new_transit(client), Options=options)
    assert made["Options"]["LocalIpv6NetworkCidr"] == "::/0"
    assert made["Options"]["TunnelOptions"][0]["TunnelInsideIpv6Cidr"].startswith("fd")


def test_both_gateways_at_once_are_refused(client: Client) -> None:
    code = client.code_of(
        "CreateVpnConnection",
        Type="ipsec.1",
        CustomerGatewayId=new_customer(client),
        VpnGatewayId=new_gateway(client),
        TransitGatewayId=new_transit(client),
    )
    assert code == "InvalidParameterCombination"


def test_a_connection_changes_its_networks_customer_and_tunnels(client: Client) -> None:
    made = connect(client)
    connection_id = made["VpnConnectionId"]
    client.call(
        "ModifyVpnConnectionOptions",
        VpnConnectionId=connection_id,
        LocalIpv4NetworkCidr="10.0.0.0/8",
    )
    customer_id = new_customer(client, PublicIp="203.0.113.10")
    client.call("ModifyVpnConnection", VpnConnectionId=connection_id, CustomerGatewayId=customer_id)
    first, second = made["Options"]["TunnelOptions"]
    to_second = {
        "VpnConnectionId": connection_id,
        "VpnTunnelOutsideIpAddress": second["OutsideIpAddress"],
    }
    client.call(
        "ModifyVpnTunnelOptions",
        TunnelOptions={"PreSharedKey": "another_key", "StartupAction": "start"},
        **to_second,
    )
    shown = connection(client, connection_id)
    assert shown["Options"]["LocalIpv4NetworkCidr"] == "10.0.0.0/8"
    assert shown["CustomerGatewayId"] == customer_id
    assert shown["Options"]["TunnelOptions"][0] == first
    changed = shown["Options"]["TunnelOptions"][1]
    assert (changed["PreSharedKey"], changed["StartupAction"]) == ("another_key", "start")
    assert changed["TunnelInsideCidr"] == second["TunnelInsideCidr"]
    root = etree.fromstring(shown["CustomerGatewayConfiguration"].encode())
    outside = "customer_gateway/tunnel_outside_address/ip_address"
    assert root.findtext(f"ipsec_tunnel/{outside}") == "203.0.113.10"
    assert root.findall("ipsec_tunnel")[1].findtext("ike/pre_shared_key") == "another_key"
    for options in (
        {"TunnelInsideCidr": first["TunnelInsideCidr"]},
        {"PreSharedKey": "0zero0zero"},
    ):
        code = client.code_of("ModifyVpnTunnelOptions", TunnelOptions=options, **to_second)
        assert code == "InvalidParameterValue"
    to_second["VpnTunnelOutsideIpAddress"] = "192.0.2.255"
    options = {"PreSharedKey": "another_key"}
    code = client.code_of("ModifyVpnTunnelOptions", TunnelOptions=options, **to_second)
    assert code == "InvalidParameterValue"


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("customer-gateway-id", "CustomerGatewayId"),
        ("vpn-gateway-id", "VpnGatewayId"),
        ("vpn-connection-id", "VpnConnectionId"),
    ],
)
def test_connections_are_filtered(client: Client, name: str, field: str) -> None:
    made = connect(client)
    connect(client, CustomerGatewayId=new_customer(client, PublicIp="203.0.113.77"))
    found = client.call(
        "DescribeVpnConnections", Filters=[{"Name": name, "Values": [made[field]]}]
    )["VpnConnections"]
    assert [item["VpnConnectionId"] for item in found] == [made["VpnConnectionId"]]
