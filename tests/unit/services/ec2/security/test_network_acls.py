from __future__ import annotations

from typing import Any

import pytest

from tests.fakes.client import Client

ALLOW_SSH: dict[str, Any] = {
    "RuleNumber": 110,
    "Egress": False,
    "Protocol": "tcp",
    "RuleAction": "allow",
    "CidrBlock": "10.0.0.7/8",
    "PortRange": {"From": 22, "To": 22},
}


@pytest.fixture
def client() -> Client:
    return Client()


@pytest.fixture
def vpc_id(client: Client) -> str:
    return str(client.call("CreateVpc", CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"])


@pytest.fixture
def acl_id(client: Client, vpc_id: str) -> str:
    return str(client.call("CreateNetworkAcl", VpcId=vpc_id)["NetworkAcl"]["NetworkAclId"])


def one(client: Client, acl_id: str) -> dict[str, Any]:
    (acl,) = client.call("DescribeNetworkAcls", NetworkAclIds=[acl_id])["NetworkAcls"]
    return acl


def rules(client: Client, acl_id: str) -> list[dict[str, Any]]:
    """Return an ACL's rules without the last ones."""
    return [entry for entry in one(client, acl_id)["Entries"] if entry["RuleNumber"] < 32767]


def test_a_new_acl_lets_nothing_through(client: Client, acl_id: str, vpc_id: str) -> None:
    acl = one(client, acl_id)

    assert (acl["IsDefault"], acl["VpcId"], acl["Associations"]) == (False, vpc_id, [])
    assert [(entry["RuleNumber"], entry["RuleAction"]) for entry in acl["Entries"]] == [
        (32767, "deny"),
        (32767, "deny"),
    ]


def test_a_rule_is_read_back_with_its_protocol_as_a_number(client: Client, acl_id: str) -> None:
    client.call("CreateNetworkAclEntry", NetworkAclId=acl_id, **ALLOW_SSH)

    assert rules(client, acl_id) == [{**ALLOW_SSH, "Protocol": "6", "CidrBlock": "10.0.0.0/8"}]


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ({"Protocol": "udp"}, {"Protocol": "17", "PortRange": {"From": 22, "To": 22}}),
        ({"Protocol": "-1"}, {"Protocol": "-1"}),
        ({"Protocol": "all"}, {"Protocol": "-1"}),
        ({"Protocol": "50"}, {"Protocol": "50"}),
        (
            {"Protocol": "1", "IcmpTypeCode": {"Type": 8, "Code": -1}},
            {"Protocol": "1", "IcmpTypeCode": {"Type": 8, "Code": -1}},
        ),
    ],
)
def test_ports_and_types_are_kept_where_the_protocol_has_them(
    client: Client, acl_id: str, given: dict[str, Any], shown: dict[str, Any]
) -> None:
    client.call("CreateNetworkAclEntry", NetworkAclId=acl_id, **{**ALLOW_SSH, **given})
    (entry,) = rules(client, acl_id)

    assert {
        name: entry[name] for name in ("Protocol", "PortRange", "IcmpTypeCode") if name in entry
    } == shown


def test_an_icmpv6_rule_has_an_ipv6_range(client: Client, acl_id: str) -> None:
    entry = {
        "RuleNumber": 5,
        "Egress": True,
        "Protocol": "58",
        "RuleAction": "deny",
        "Ipv6CidrBlock": "2001:DB8::/32",
        "IcmpTypeCode": {"Type": 128, "Code": 0},
    }
    client.call("CreateNetworkAclEntry", NetworkAclId=acl_id, **entry)

    assert rules(client, acl_id) == [{**entry, "Ipv6CidrBlock": "2001:db8::/32"}]


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"RuleNumber": 0}, "InvalidParameterValue"),
        ({"RuleNumber": 32767}, "InvalidParameterValue"),
        ({"Protocol": "smoke"}, "InvalidParameterValue"),
        ({"Protocol": "256"}, "InvalidParameterValue"),
        ({"Protocol": "²"}, "InvalidParameterValue"),
        ({"RuleAction": "maybe"}, "InvalidParameterValue"),
        ({"CidrBlock": "10.0.0.0"}, "InvalidParameterValue"),
        ({"Ipv6CidrBlock": "::/0"}, "InvalidParameterCombination"),
        ({"PortRange": {"From": 22}}, "MissingParameter"),
        ({"PortRange": {"From": 22, "To": 21}}, "InvalidParameterValue"),
        ({"PortRange": {"From": 0, "To": 70000}}, "InvalidParameterValue"),
        ({"Protocol": "icmp"}, "MissingParameter"),
        (
            {"Protocol": "icmp", "IcmpTypeCode": {"Type": 300, "Code": 0}},
            "InvalidParameterValue",
        ),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(
    client: Client, acl_id: str, given: dict[str, Any], code: str
) -> None:
    entry = {**ALLOW_SSH, **given}

    assert client.code_of("CreateNetworkAclEntry", NetworkAclId=acl_id, **entry) == code
    assert rules(client, acl_id) == []


def test_a_rule_without_any_range_is_refused(client: Client, acl_id: str) -> None:
    entry = {name: value for name, value in ALLOW_SSH.items() if name != "CidrBlock"}

    assert client.code_of("CreateNetworkAclEntry", NetworkAclId=acl_id, **entry) == (
        "MissingParameter"
    )


def test_numbers_are_unique_in_one_direction(client: Client, acl_id: str) -> None:
    client.call("CreateNetworkAclEntry", NetworkAclId=acl_id, **ALLOW_SSH)
    client.call("CreateNetworkAclEntry", NetworkAclId=acl_id, **{**ALLOW_SSH, "Egress": True})

    assert (
        client.code_of("CreateNetworkAclEntry", NetworkAclId=acl_id, **ALLOW_SSH)
        == "NetworkAclEntryAlreadyExists"
    )
    assert [(entry["Egress"], entry["RuleNumber"]) for entry in rules(client, acl_id)] == [
        (True, 110),
        (False, 110),
    ]


def test_a_rule_is_replaced_and_deleted_by_number_and_direction(
    client: Client, acl_id: str
) -> None:
    client.call("CreateNetworkAclEntry", NetworkAclId=acl_id, **ALLOW_SSH)
    denied = {**ALLOW_SSH, "RuleAction": "deny"}
    client.call("ReplaceNetworkAclEntry", NetworkAclId=acl_id, **denied)

    assert [entry["RuleAction"] for entry in rules(client, acl_id)] == ["deny"]
    missing = "InvalidNetworkAclEntry.NotFound"
    other = {**ALLOW_SSH, "Egress": True}
    assert client.code_of("ReplaceNetworkAclEntry", NetworkAclId=acl_id, **other) == missing
    which: dict[str, Any] = {"NetworkAclId": acl_id, "RuleNumber": 110, "Egress": False}
    client.call("DeleteNetworkAclEntry", **which)
    assert rules(client, acl_id) == []
    assert client.code_of("DeleteNetworkAclEntry", **which) == missing
    assert (
        client.code_of("DeleteNetworkAclEntry", NetworkAclId=acl_id, RuleNumber=32767, Egress=True)
        == "InvalidParameterValue"
    )


def test_an_acl_has_forty_rules_in_each_direction(client: Client, acl_id: str) -> None:
    for number in range(1, 41):
        entry = {**ALLOW_SSH, "RuleNumber": number}
        client.call("CreateNetworkAclEntry", NetworkAclId=acl_id, **entry)

    assert (
        client.code_of("CreateNetworkAclEntry", NetworkAclId=acl_id, **ALLOW_SSH)
        == "NetworkAclEntryLimitExceeded"
    )
    client.call("CreateNetworkAclEntry", NetworkAclId=acl_id, **{**ALLOW_SSH, "Egress": True})


def test_a_subnet_moves_between_acls_under_new_association_ids(
    client: Client, vpc_id: str, acl_id: str
) -> None:
    subnet_id = client.call("CreateSubnet", VpcId=vpc_id, CidrBlock="10.0.0.0/24")["Subnet"][
        "SubnetId"
    ]
    of_subnet = [{"Name": "association.subnet-id", "Values": [subnet_id]}]
    (default,) = client.call("DescribeNetworkAcls", Filters=of_subnet)["NetworkAcls"]
    (association,) = default["Associations"]
    assert default["IsDefault"] is True
    old = association["NetworkAclAssociationId"]
    new = client.call("ReplaceNetworkAclAssociation", AssociationId=old, NetworkAclId=acl_id)[
        "NewAssociationId"
    ]

    assert new != old
    assert one(client, acl_id)["Associations"] == [
        {"NetworkAclAssociationId": new, "NetworkAclId": acl_id, "SubnetId": subnet_id}
    ]
    assert one(client, default["NetworkAclId"])["Associations"] == []
    assert client.code_of("DeleteNetworkAcl", NetworkAclId=acl_id) == "DependencyViolation"
    missing = "InvalidAssociationID.NotFound"
    assert (
        client.code_of("ReplaceNetworkAclAssociation", AssociationId=old, NetworkAclId=acl_id)
        == missing
    )
    client.call(
        "ReplaceNetworkAclAssociation", AssociationId=new, NetworkAclId=default["NetworkAclId"]
    )
    client.call("DeleteNetworkAcl", NetworkAclId=acl_id)
    assert (
        client.code_of("DescribeNetworkAcls", NetworkAclIds=[acl_id])
        == "InvalidNetworkAclID.NotFound"
    )


def test_an_acl_guards_subnets_of_its_own_vpc_only(client: Client, acl_id: str) -> None:
    (default, *_) = client.call("DescribeNetworkAcls")["NetworkAcls"]
    association_id = default["Associations"][0]["NetworkAclAssociationId"]

    assert (
        client.code_of(
            "ReplaceNetworkAclAssociation", AssociationId=association_id, NetworkAclId=acl_id
        )
        == "InvalidParameterValue"
    )


def test_a_default_acl_cannot_be_deleted(client: Client, vpc_id: str) -> None:
    wanted = [{"Name": "vpc-id", "Values": [vpc_id]}, {"Name": "default", "Values": ["true"]}]
    (acl,) = client.call("DescribeNetworkAcls", Filters=wanted)["NetworkAcls"]

    assert (
        client.code_of("DeleteNetworkAcl", NetworkAclId=acl["NetworkAclId"])
        == "InvalidParameterValue"
    )


@pytest.mark.parametrize("operation", ["CreateNetworkAclEntry", "ReplaceNetworkAclEntry"])
def test_rules_need_their_acl(client: Client, operation: str) -> None:
    code = client.code_of(operation, NetworkAclId="acl-0", **ALLOW_SSH)

    assert code == "InvalidNetworkAclID.NotFound"


def test_acls_are_filtered(client: Client, acl_id: str, vpc_id: str) -> None:
    client.call("CreateNetworkAclEntry", NetworkAclId=acl_id, **ALLOW_SSH)
    ping = {**ALLOW_SSH, "RuleNumber": 120, "Protocol": "icmp"}
    ping["IcmpTypeCode"] = {"Type": 8, "Code": 0}
    client.call("CreateNetworkAclEntry", NetworkAclId=acl_id, **ping)

    def found(name: str, value: str) -> list[str]:
        wanted = [{"Name": name, "Values": [value]}]
        answer = client.call("DescribeNetworkAcls", Filters=wanted)["NetworkAcls"]
        return [item["NetworkAclId"] for item in answer]

    for name, value in {
        "entry.cidr": "10.0.0.0/8",
        "entry.icmp.code": "0",
        "entry.icmp.type": "8",
        "entry.port-range.from": "22",
        "entry.port-range.to": "22",
        "entry.protocol": "tcp",
        "entry.rule-number": "110",
        "network-acl-id": acl_id,
    }.items():
        assert found(name, value) == [acl_id], name
    assert found("entry.protocol", "6") == [acl_id]
    assert found("entry.ipv6-cidr", "*") == []
    assert len(found("vpc-id", vpc_id)) == 2
    assert len(found("entry.rule-action", "deny")) == 3
    assert len(found("entry.egress", "true")) == 3
    assert len(found("owner-id", "000000000000")) == 3
    assert acl_id not in found("default", "true")
    (default,) = found("association.subnet-id", "subnet-*")
    assert found("association.network-acl-id", default) == [default]
    association_id = one(client, default)["Associations"][0]["NetworkAclAssociationId"]
    assert found("association.association-id", association_id) == [default]
