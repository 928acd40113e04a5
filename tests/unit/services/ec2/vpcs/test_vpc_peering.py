"""VPC peering connections, within an account and region and across them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fakes.client import Client

OTHER_ACCOUNT = "222222222222"
HOUR_SECONDS = 3600.0


@pytest.fixture
def client() -> Client:
    return Client()


def _vpc(client: Client, cidr: str) -> str:
    vpc_id: str = client.call("CreateVpc", CidrBlock=cidr)["Vpc"]["VpcId"]
    return vpc_id


def _request(client: Client, vpc_id: str, peer_id: str, **params: Any) -> str:
    connection = client.call(
        "CreateVpcPeeringConnection", VpcId=vpc_id, PeerVpcId=peer_id, **params
    )["VpcPeeringConnection"]
    found: str = connection["VpcPeeringConnectionId"]
    return found


def _shown(client: Client, connection_id: str) -> dict[str, Any]:
    (shown,) = client.call(
        "DescribeVpcPeeringConnections", VpcPeeringConnectionIds=[connection_id]
    )["VpcPeeringConnections"]
    assert isinstance(shown, dict)
    return shown


def _state(client: Client, connection_id: str) -> str:
    state: str = _shown(client, connection_id)["Status"]["Code"]
    return state


def _active(client: Client) -> str:
    connection_id = _request(client, _vpc(client, "10.1.0.0/16"), _vpc(client, "10.2.0.0/16"))
    client.call("AcceptVpcPeeringConnection", VpcPeeringConnectionId=connection_id)
    return connection_id


def test_a_request_waits_until_it_is_accepted(client: Client) -> None:
    vpc_id, peer_id = _vpc(client, "10.1.0.0/16"), _vpc(client, "10.2.0.0/16")
    created = client.call(
        "CreateVpcPeeringConnection",
        VpcId=vpc_id,
        PeerVpcId=peer_id,
        TagSpecifications=[
            {"ResourceType": "vpc-peering-connection", "Tags": [{"Key": "a", "Value": "b"}]}
        ],
    )["VpcPeeringConnection"]
    connection_id = created["VpcPeeringConnectionId"]
    pending = _shown(client, connection_id)
    accepted = client.call("AcceptVpcPeeringConnection", VpcPeeringConnectionId=connection_id)
    active = _shown(client, connection_id)

    assert created["Status"]["Code"] == "initiating-request"
    assert created["Tags"] == [{"Key": "a", "Value": "b"}]
    assert pending["Status"] == {
        "Code": "pending-acceptance",
        "Message": "Pending Acceptance by 000000000000",
    }
    assert pending["RequesterVpcInfo"]["CidrBlock"] == "10.1.0.0/16"
    assert pending["AccepterVpcInfo"] == {
        "OwnerId": "000000000000",
        "VpcId": peer_id,
        "Region": "us-east-1",
    }
    assert pending["ExpirationTime"] is not None
    assert accepted["VpcPeeringConnection"]["Status"]["Code"] == "provisioning"
    assert active["Status"] == {"Code": "active", "Message": "Active"}
    assert active["AccepterVpcInfo"]["CidrBlock"] == "10.2.0.0/16"
    assert active["AccepterVpcInfo"]["CidrBlockSet"] == [{"CidrBlock": "10.2.0.0/16"}]
    assert active["AccepterVpcInfo"]["PeeringOptions"]["AllowDnsResolutionFromRemoteVpc"] is False
    assert "ExpirationTime" not in active


def test_both_sides_of_two_accounts_and_regions_see_the_connection(client: Client) -> None:
    other = Client(region="eu-west-1", access_key=OTHER_ACCOUNT, like=client)
    peer_id = _vpc(other, "10.2.0.0/16")
    connection_id = _request(
        client,
        _vpc(client, "10.1.0.0/16"),
        peer_id,
        PeerOwnerId=OTHER_ACCOUNT,
        PeerRegion="eu-west-1",
    )

    refused = client.code_of("AcceptVpcPeeringConnection", VpcPeeringConnectionId=connection_id)
    other.call("AcceptVpcPeeringConnection", VpcPeeringConnectionId=connection_id)

    assert refused == "OperationNotPermitted"
    for side in (client, other):
        shown = _shown(side, connection_id)
        assert shown["Status"]["Code"] == "active"
        assert shown["AccepterVpcInfo"]["OwnerId"] == OTHER_ACCOUNT
        assert shown["AccepterVpcInfo"]["Region"] == "eu-west-1"
        assert shown["AccepterVpcInfo"]["CidrBlock"] == "10.2.0.0/16"


def test_tags_belong_to_one_side(client: Client) -> None:
    other = Client(access_key=OTHER_ACCOUNT, like=client)
    connection_id = _request(
        client,
        _vpc(client, "10.1.0.0/16"),
        _vpc(other, "10.2.0.0/16"),
        PeerOwnerId=OTHER_ACCOUNT,
    )
    other.call("CreateTags", Resources=[connection_id], Tags=[{"Key": "side", "Value": "them"}])

    assert _shown(client, connection_id)["Tags"] == []
    assert _shown(other, connection_id)["Tags"] == [{"Key": "side", "Value": "them"}]


def test_the_accepter_in_another_region_accepts_there(client: Client) -> None:
    other = Client(region="eu-west-1", like=client)
    connection_id = _request(
        client,
        _vpc(client, "10.1.0.0/16"),
        _vpc(other, "10.2.0.0/16"),
        PeerRegion="eu-west-1",
    )

    refused = client.code_of("AcceptVpcPeeringConnection", VpcPeeringConnectionId=connection_id)

    assert refused == "OperationNotPermitted"
    assert _state(other, connection_id) == "pending-acceptance"


def test_overlapping_ranges_fail(client: Client) -> None:
    connection_id = _request(client, _vpc(client, "10.0.0.0/16"), _vpc(client, "10.0.0.0/20"))

    assert _state(client, connection_id) == "failed"
    assert "overlapping CIDR" in _shown(client, connection_id)["Status"]["Message"]
    assert (
        client.code_of("DeleteVpcPeeringConnection", VpcPeeringConnectionId=connection_id)
        == "InvalidStateTransition"
    )


def test_a_stranger_s_vpc_that_does_not_exist_makes_it_fail(client: Client) -> None:
    connection_id = _request(
        client, _vpc(client, "10.0.0.0/16"), "vpc-0123456789abcdef0", PeerOwnerId=OTHER_ACCOUNT
    )

    assert _state(client, connection_id) == "failed"
    assert OTHER_ACCOUNT not in {region.account for region in client.api.state}


def test_what_cannot_be_asked_for_is_refused(client: Client) -> None:
    vpc_id = _vpc(client, "10.0.0.0/16")
    create = "CreateVpcPeeringConnection"

    assert client.code_of(create, VpcId="vpc-none", PeerVpcId=vpc_id) == "InvalidVpcID.NotFound"
    assert client.code_of(create, VpcId=vpc_id, PeerVpcId="vpc-none") == "InvalidVpcID.NotFound"
    assert client.code_of(create, VpcId=vpc_id) == "MissingParameter"
    assert client.code_of(create, VpcId=vpc_id, PeerVpcId=vpc_id) == "InvalidParameterValue"
    for wrong in ({"PeerRegion": "mars-1"}, {"PeerOwnerId": "me"}):
        code = client.code_of(create, VpcId=vpc_id, PeerVpcId="vpc-1", **wrong)
        assert code == "InvalidParameterValue"
    assert client.call("DescribeVpcPeeringConnections")["VpcPeeringConnections"] == []


def test_two_vpcs_have_one_live_connection(client: Client) -> None:
    vpc_id, peer_id = _vpc(client, "10.1.0.0/16"), _vpc(client, "10.2.0.0/16")
    first = _request(client, vpc_id, peer_id)

    refused = client.code_of("CreateVpcPeeringConnection", VpcId=peer_id, PeerVpcId=vpc_id)
    client.call("RejectVpcPeeringConnection", VpcPeeringConnectionId=first)
    second = _request(client, vpc_id, peer_id)

    assert refused == "VpcPeeringConnectionAlreadyExists"
    assert _state(client, first) == "rejected"
    assert _state(client, second) == "pending-acceptance"


def test_an_accepted_request_cannot_be_accepted_again_or_rejected(client: Client) -> None:
    connection_id = _active(client)

    for operation in ("AcceptVpcPeeringConnection", "RejectVpcPeeringConnection"):
        code = client.code_of(operation, VpcPeeringConnectionId=connection_id)
        assert code == "InvalidStateTransition"


def test_nobody_s_request_expires(client: Client) -> None:
    connection_id = _request(client, _vpc(client, "10.1.0.0/16"), _vpc(client, "10.2.0.0/16"))

    client.turn(7 * 24 * HOUR_SECONDS)
    expired = _state(client, connection_id)
    client.turn(48 * HOUR_SECONDS)

    assert expired == "expired"
    assert (
        client.code_of("DescribeVpcPeeringConnections", VpcPeeringConnectionIds=[connection_id])
        == "InvalidVpcPeeringConnectionID.NotFound"
    )


def test_options_are_for_active_connections(client: Client) -> None:
    vpc_id, peer_id = _vpc(client, "10.1.0.0/16"), _vpc(client, "10.2.0.0/16")
    connection_id = _request(client, vpc_id, peer_id)
    wanted = {
        "VpcPeeringConnectionId": connection_id,
        "AccepterPeeringConnectionOptions": {"AllowDnsResolutionFromRemoteVpc": True},
    }

    refused = client.code_of("ModifyVpcPeeringConnectionOptions", **wanted)
    client.call("AcceptVpcPeeringConnection", VpcPeeringConnectionId=connection_id)
    answer = client.call("ModifyVpcPeeringConnectionOptions", **wanted)
    shown = _shown(client, connection_id)

    assert refused == "OperationNotPermitted"
    assert answer["AccepterPeeringConnectionOptions"]["AllowDnsResolutionFromRemoteVpc"] is True
    assert "RequesterPeeringConnectionOptions" not in answer
    accepter, requester = shown["AccepterVpcInfo"], shown["RequesterVpcInfo"]
    assert accepter["PeeringOptions"]["AllowDnsResolutionFromRemoteVpc"] is True
    assert requester["PeeringOptions"]["AllowDnsResolutionFromRemoteVpc"] is False


def test_options_of_the_other_account_are_not_ours(client: Client) -> None:
    other = Client(access_key=OTHER_ACCOUNT, like=client)
    connection_id = _request(
        client,
        _vpc(client, "10.1.0.0/16"),
        _vpc(other, "10.2.0.0/16"),
        PeerOwnerId=OTHER_ACCOUNT,
    )
    other.call("AcceptVpcPeeringConnection", VpcPeeringConnectionId=connection_id)

    code = client.code_of(
        "ModifyVpcPeeringConnectionOptions",
        VpcPeeringConnectionId=connection_id,
        AccepterPeeringConnectionOptions={"AllowDnsResolutionFromRemoteVpc": True},
    )

    assert code == "OperationNotPermitted"


def test_ranges_added_later_are_shown_on_both_sides(client: Client) -> None:
    other = Client(region="eu-west-1", like=client)
    peer_id = _vpc(other, "10.2.0.0/16")
    connection_id = _request(client, _vpc(client, "10.1.0.0/16"), peer_id, PeerRegion="eu-west-1")
    other.call("AcceptVpcPeeringConnection", VpcPeeringConnectionId=connection_id)
    _shown(client, connection_id)

    other.call("AssociateVpcCidrBlock", VpcId=peer_id, CidrBlock="10.3.0.0/16")

    for side in (client, other):
        blocks = _shown(side, connection_id)["AccepterVpcInfo"]["CidrBlockSet"]
        assert [block["CidrBlock"] for block in blocks] == ["10.2.0.0/16", "10.3.0.0/16"]


def test_a_deleted_connection_stays_visible_for_hours(client: Client) -> None:
    connection_id = _active(client)

    client.call("DeleteVpcPeeringConnection", VpcPeeringConnectionId=connection_id)
    deleted = _shown(client, connection_id)["Status"]
    again = client.code_of("DeleteVpcPeeringConnection", VpcPeeringConnectionId=connection_id)
    client.turn(4 * HOUR_SECONDS)

    assert deleted == {"Code": "deleted", "Message": "Deleted by 000000000000"}
    assert again == "InvalidStateTransition"
    assert client.call("DescribeVpcPeeringConnections")["VpcPeeringConnections"] == []


def test_a_vpc_s_connections_end_with_it(client: Client) -> None:
    vpc_id, peer_id = _vpc(client, "10.1.0.0/16"), _vpc(client, "10.2.0.0/16")
    connection_id = _request(client, vpc_id, peer_id)
    client.call("AcceptVpcPeeringConnection", VpcPeeringConnectionId=connection_id)

    client.call("DeleteVpc", VpcId=peer_id)

    assert _state(client, connection_id) == "deleted"


def test_connections_are_found_by_either_side(client: Client) -> None:
    vpc_id, peer_id = _vpc(client, "10.1.0.0/16"), _vpc(client, "10.2.0.0/16")
    one = _request(client, vpc_id, peer_id)
    _request(client, peer_id, _vpc(client, "10.3.0.0/16"))

    def matching(name: str, value: str) -> list[str]:
        answer = client.call(
            "DescribeVpcPeeringConnections", Filters=[{"Name": name, "Values": [value]}]
        )
        return [item["VpcPeeringConnectionId"] for item in answer["VpcPeeringConnections"]]

    assert matching("requester-vpc-info.vpc-id", vpc_id) == [one]
    assert matching("accepter-vpc-info.vpc-id", peer_id) == [one]
    assert matching("requester-vpc-info.cidr-block", "10.1.0.0/16") == [one]
    assert matching("accepter-vpc-info.cidr-block", "10.2.0.0/16") == [one]
    assert len(matching("requester-vpc-info.owner-id", "000000000000")) == 2
    assert len(matching("accepter-vpc-info.owner-id", "000000000000")) == 2
    assert matching("status-code", "active") == []
    assert len(matching("status-message", "Pending *")) == 2
    assert matching("vpc-peering-connection-id", one) == [one]
    assert len(matching("expiration-time", "2026-01-09*")) == 2
