"""Endpoint services between two accounts: offered, allowed, accepted, withdrawn."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fakes.client import Client
from tests.unit.services.ec2.endpoints.test_vpc_endpoints import Network, network

CONSUMER = "222222222222"
LOAD_BALANCERS = "arn:aws:elasticloadbalancing:us-east-1:000000000000:loadbalancer"
NETWORK_LB = f"{LOAD_BALANCERS}/net/one/0123456789abcdef"
OTHER_LB = f"{LOAD_BALANCERS}/net/two/0123456789abcdef"
GATEWAY_LB = f"{LOAD_BALANCERS}/gwy/one/0123456789abcdef"
TOPIC = "arn:aws:sns:us-east-1:000000000000:events"


@pytest.fixture
def client() -> Client:
    """The account that offers services."""
    return Client()


@pytest.fixture
def consumer(client: Client) -> Network:
    """A VPC of the account that uses them."""
    return network(Client(access_key=CONSUMER, like=client))


def _offer(client: Client, **params: Any) -> dict[str, Any]:
    request = {"NetworkLoadBalancerArns": [NETWORK_LB], **params}
    offered: dict[str, Any] = client.call("CreateVpcEndpointServiceConfiguration", **request)[
        "ServiceConfiguration"
    ]
    return offered


def _allow(client: Client, service_id: str, *principals: str) -> list[dict[str, Any]]:
    added: list[dict[str, Any]] = client.call(
        "ModifyVpcEndpointServicePermissions",
        ServiceId=service_id,
        AddAllowedPrincipals=list(principals),
    )["AddedPrincipals"]
    return added


def _shown(client: Client, service_id: str) -> dict[str, Any]:
    (shown,) = client.call("DescribeVpcEndpointServiceConfigurations", ServiceIds=[service_id])[
        "ServiceConfigurations"
    ]
    assert isinstance(shown, dict)
    return shown


def _connect(consumer: Network, offered: dict[str, Any], **params: Any) -> str:
    endpoint_id: str = consumer.endpoint(
        VpcEndpointType="Interface",
        ServiceName=offered["ServiceName"],
        SubnetIds=list(consumer.subnet_ids),
        **params,
    )["VpcEndpointId"]
    return endpoint_id


def test_a_service_is_read_back_as_it_was_made(client: Client) -> None:
    offered = _offer(
        client,
        PrivateDnsName="api.example.com",
        TagSpecifications=[
            {"ResourceType": "vpc-endpoint-service", "Tags": [{"Key": "a", "Value": "b"}]}
        ],
    )
    service_id = offered["ServiceId"]
    shown = _shown(client, service_id)

    assert offered["ServiceState"] == "Pending"
    assert shown == {**offered, "ServiceState": "Available"}
    assert shown["ServiceName"] == f"com.amazonaws.vpce.us-east-1.{service_id}"
    assert shown["ServiceType"] == [{"ServiceType": "Interface"}]
    assert shown["AcceptanceRequired"] is True
    assert shown["NetworkLoadBalancerArns"] == [NETWORK_LB]
    assert shown["BaseEndpointDnsNames"] == [f"{service_id}.us-east-1.vpce.amazonaws.com"]
    assert shown["SupportedIpAddressTypes"] == ["ipv4"]
    assert shown["PrivateDnsNameConfiguration"]["State"] == "pendingVerification"
    assert shown["Tags"] == [{"Key": "a", "Value": "b"}]


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"NetworkLoadBalancerArns": []}, "MissingParameter"),
        ({"GatewayLoadBalancerArns": [GATEWAY_LB]}, "InvalidParameterCombination"),
        ({"NetworkLoadBalancerArns": ["arn:aws:s3:::x"]}, "InvalidParameter"),
        ({"NetworkLoadBalancerArns": [GATEWAY_LB]}, "InvalidParameter"),
        ({"SupportedIpAddressTypes": ["ipx"]}, "InvalidParameter"),
        ({"PrivateDnsName": "no name"}, "InvalidParameter"),
        ({"SupportedRegions": ["mars-1"]}, "InvalidParameter"),
    ],
)
def test_a_service_that_cannot_be_is_refused(
    client: Client, params: dict[str, Any], code: str
) -> None:
    request = {"NetworkLoadBalancerArns": [NETWORK_LB], **params}

    assert client.code_of("CreateVpcEndpointServiceConfiguration", **request) == code


def test_a_service_keeps_one_load_balancer(client: Client) -> None:
    service_id = _offer(client)["ServiceId"]
    modify = "ModifyVpcEndpointServiceConfiguration"

    client.call(modify, ServiceId=service_id, AddNetworkLoadBalancerArns=[OTHER_LB])
    client.call(
        modify,
        ServiceId=service_id,
        RemoveNetworkLoadBalancerArns=[NETWORK_LB],
        AcceptanceRequired=False,
    )
    last = client.code_of(modify, ServiceId=service_id, RemoveNetworkLoadBalancerArns=[OTHER_LB])
    wrong = client.code_of(modify, ServiceId=service_id, AddGatewayLoadBalancerArns=[GATEWAY_LB])

    assert _shown(client, service_id)["NetworkLoadBalancerArns"] == [OTHER_LB]
    assert _shown(client, service_id)["AcceptanceRequired"] is False
    assert last == wrong == "InvalidParameter"


def test_strangers_see_and_use_a_service_once_they_are_allowed(
    client: Client, consumer: Network
) -> None:
    offered = _offer(client, AcceptanceRequired=False)
    name, service_id = offered["ServiceName"], offered["ServiceId"]
    request = {"VpcEndpointType": "Interface", "ServiceName": name}

    before = consumer.refusal(**request)
    unseen = consumer.client.code_of("DescribeVpcEndpointServices", ServiceNames=[name])
    (added,) = _allow(client, service_id, f"arn:aws:iam::{CONSUMER}:root")
    (seen,) = consumer.client.call("DescribeVpcEndpointServices", ServiceNames=[name])[
        "ServiceDetails"
    ]
    endpoint_id = _connect(consumer, offered)

    assert before == unseen == "InvalidServiceName"
    assert added["PrincipalType"] == "Account"
    assert seen["Owner"] == "000000000000"
    assert consumer.shown(endpoint_id)["State"] == "available"
    assert service_id in consumer.shown(endpoint_id)["DnsEntries"][0]["DnsName"]


def test_permissions_are_listed_filtered_and_withdrawn(client: Client) -> None:
    service_id = _offer(client)["ServiceId"]
    role = f"arn:aws:iam::{CONSUMER}:role/r"
    first = _allow(client, service_id, "*", role)
    second = _allow(client, service_id, "*")
    describe = "DescribeVpcEndpointServicePermissions"

    (roles,) = client.call(
        describe,
        ServiceId=service_id,
        Filters=[{"Name": "principal-type", "Values": ["Role"]}],
    )["AllowedPrincipals"]
    client.call(
        "ModifyVpcEndpointServicePermissions",
        ServiceId=service_id,
        RemoveAllowedPrincipals=["*"],
    )
    left = client.call(describe, ServiceId=service_id)["AllowedPrincipals"]
    bad = client.code_of(
        "ModifyVpcEndpointServicePermissions",
        ServiceId=service_id,
        AddAllowedPrincipals=["nobody"],
    )

    assert [item["PrincipalType"] for item in first] == ["All", "Role"]
    assert second == []
    assert roles["Principal"] == role
    assert left == [roles]
    assert bad == "InvalidPrincipal"


def test_connections_wait_for_the_owner_s_word(client: Client, consumer: Network) -> None:
    offered = _offer(client)
    service_id = offered["ServiceId"]
    _allow(client, service_id, "*")
    endpoint_id = _connect(consumer, offered)
    waiting = consumer.shown(endpoint_id)["State"]
    (connection,) = client.call(
        "DescribeVpcEndpointConnections",
        Filters=[{"Name": "service-id", "Values": [service_id]}],
    )["VpcEndpointConnections"]
    decision = {"ServiceId": service_id, "VpcEndpointIds": [endpoint_id]}

    client.call("AcceptVpcEndpointConnections", **decision)
    accepted = consumer.shown(endpoint_id)["State"]
    (again,) = client.call("AcceptVpcEndpointConnections", **decision)["Unsuccessful"]
    client.call("RejectVpcEndpointConnections", **decision)
    rejected = consumer.shown(endpoint_id)["State"]
    (unknown,) = client.call(
        "AcceptVpcEndpointConnections", ServiceId=service_id, VpcEndpointIds=["vpce-none"]
    )["Unsuccessful"]

    assert waiting == "pendingAcceptance"
    assert connection["VpcEndpointId"] == endpoint_id
    assert connection["VpcEndpointOwner"] == CONSUMER
    assert connection["VpcEndpointState"] == "pendingAcceptance"
    assert connection["NetworkLoadBalancerArns"] == [NETWORK_LB]
    assert accepted == "available"
    assert again["Error"]["Code"] == "InvalidState"
    assert rejected == "rejected"
    assert unknown["Error"]["Code"] == "InvalidVpcEndpointId.NotFound"


def test_pages_of_connections_stay_whole_while_endpoints_go(
    client: Client, consumer: Network
) -> None:
    offered = _offer(client, AcceptanceRequired=False)
    _allow(client, offered["ServiceId"], "*")
    made = [_connect(consumer, offered) for _ in range(7)]
    first = client.call("DescribeVpcEndpointConnections", MaxResults=5)
    consumer.client.call("DeleteVpcEndpoints", VpcEndpointIds=made[:2])

    rest = client.call("DescribeVpcEndpointConnections", NextToken=first["NextToken"])

    assert [line["VpcEndpointId"] for line in rest["VpcEndpointConnections"]] == made[5:]


def test_a_service_with_connections_stays(client: Client, consumer: Network) -> None:
    offered = _offer(client, AcceptanceRequired=False)
    service_id = offered["ServiceId"]
    _allow(client, service_id, "*")
    endpoint_id = _connect(consumer, offered)
    delete = "DeleteVpcEndpointServiceConfigurations"

    (held,) = client.call(delete, ServiceIds=[service_id])["Unsuccessful"]
    consumer.client.call("DeleteVpcEndpoints", VpcEndpointIds=[endpoint_id])
    gone = client.call(delete, ServiceIds=[service_id])["Unsuccessful"]
    (again,) = client.call(delete, ServiceIds=[service_id])["Unsuccessful"]

    assert held["Error"]["Code"] == "ExistingVpcEndpointConnections"
    assert gone == []
    assert again["Error"]["Code"] == "InvalidVpcEndpointService.NotFound"
    for operation, params in (
        ("DescribeVpcEndpointServiceConfigurations", {"ServiceIds": [service_id]}),
        ("DescribeVpcEndpointServicePermissions", {"ServiceId": service_id}),
    ):
        assert client.code_of(operation, **params) == "InvalidVpcEndpointServiceId.NotFound"


def test_a_private_name_works_once_it_is_verified(client: Client, consumer: Network) -> None:
    offered = _offer(client, AcceptanceRequired=False, PrivateDnsName="api.example.com")
    service_id = offered["ServiceId"]
    _allow(client, service_id, "*")
    consumer.client.call(
        "ModifyVpcAttribute", VpcId=consumer.vpc_id, EnableDnsHostnames={"Value": True}
    )
    endpoint_id = _connect(consumer, offered)
    enable = {"VpcEndpointId": endpoint_id, "PrivateDnsEnabled": True}

    early = consumer.client.code_of("ModifyVpcEndpoint", **enable)
    client.call("StartVpcEndpointServicePrivateDnsVerification", ServiceId=service_id)
    consumer.client.call("ModifyVpcEndpoint", **enable)

    assert early == "InvalidParameter"
    names = [entry["DnsName"] for entry in consumer.shown(endpoint_id)["DnsEntries"]]
    assert names[-1] == "api.example.com"
    proof = _shown(client, service_id)["PrivateDnsNameConfiguration"]
    assert proof["State"] == "verified"


def test_a_gateway_load_balancer_endpoint_that_routes_use_stays(client: Client) -> None:
    offered = _offer(
        client,
        NetworkLoadBalancerArns=[],
        GatewayLoadBalancerArns=[GATEWAY_LB],
        AcceptanceRequired=False,
    )
    net = network(client)
    request = {"VpcEndpointType": "GatewayLoadBalancer", "ServiceName": offered["ServiceName"]}
    two = net.refusal(**request, SubnetIds=list(net.subnet_ids))
    endpoint_id = net.endpoint(**request, SubnetIds=[net.subnet_ids[0]])["VpcEndpointId"]
    route = {"RouteTableId": net.table_id, "DestinationCidrBlock": "0.0.0.0/0"}
    client.call("CreateRoute", **route, VpcEndpointId=endpoint_id)

    (held,) = client.call("DeleteVpcEndpoints", VpcEndpointIds=[endpoint_id])["Unsuccessful"]
    client.call("DeleteRoute", **route)
    gone = client.call("DeleteVpcEndpoints", VpcEndpointIds=[endpoint_id])["Unsuccessful"]

    assert two == "InvalidParameter"
    assert held["Error"]["Code"] == "InvalidParameter"
    assert gone == []


def test_services_are_found_by_filters(client: Client) -> None:
    one = _offer(client)
    _offer(client, NetworkLoadBalancerArns=[OTHER_LB], SupportedIpAddressTypes=["ipv6"])

    def matching(name: str, value: str) -> list[str]:
        answer = client.call(
            "DescribeVpcEndpointServiceConfigurations",
            Filters=[{"Name": name, "Values": [value]}],
        )
        return [item["ServiceId"] for item in answer["ServiceConfigurations"]]

    assert matching("service-id", one["ServiceId"]) == [one["ServiceId"]]
    assert matching("service-name", one["ServiceName"]) == [one["ServiceId"]]
    assert matching("supported-ip-address-types", "ipv4") == [one["ServiceId"]]
    assert len(matching("service-state", "Available")) == 2


def test_a_notification_is_made_changed_and_deleted(client: Client) -> None:
    service_id = _offer(client)["ServiceId"]
    made = client.call(
        "CreateVpcEndpointConnectionNotification",
        ServiceId=service_id,
        ConnectionNotificationArn=TOPIC,
        ConnectionEvents=["Accept", "Reject"],
    )["ConnectionNotification"]
    by_id = {"ConnectionNotificationId": made["ConnectionNotificationId"]}
    describe = "DescribeVpcEndpointConnectionNotifications"

    client.call("ModifyVpcEndpointConnectionNotification", **by_id, ConnectionEvents=["Connect"])
    (changed,) = client.call(describe, **by_id)["ConnectionNotificationSet"]
    delete = "DeleteVpcEndpointConnectionNotifications"
    ids = [made["ConnectionNotificationId"]]
    first = client.call(delete, ConnectionNotificationIds=ids)["Unsuccessful"]
    (second,) = client.call(delete, ConnectionNotificationIds=ids)["Unsuccessful"]

    assert made["ConnectionNotificationState"] == "Enabled"
    assert made["ConnectionNotificationType"] == "Topic"
    assert changed == {**made, "ConnectionEvents": ["Connect"]}
    assert first == []
    assert second["Error"]["Code"] == "InvalidConnectionNotification"
    assert client.code_of(describe, **by_id) == "InvalidConnectionNotification"


def test_a_notification_needs_a_topic_an_event_and_one_source(client: Client) -> None:
    service_id = _offer(client)["ServiceId"]
    good = {
        "ServiceId": service_id,
        "ConnectionNotificationArn": TOPIC,
        "ConnectionEvents": ["Accept"],
    }

    def code(**params: Any) -> str:
        return client.code_of("CreateVpcEndpointConnectionNotification", **{**good, **params})

    assert code(ServiceId="") == "MissingParameter"
    assert code(VpcEndpointId="vpce-1") == "InvalidParameterCombination"
    assert code(ServiceId="vpce-svc-1") == "InvalidVpcEndpointServiceId.NotFound"
    assert code(ConnectionNotificationArn="x") == "InvalidParameter"
    assert code(ConnectionEvents=["Explode"]) == "InvalidParameter"
