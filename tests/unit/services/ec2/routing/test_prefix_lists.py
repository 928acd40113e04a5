"""Managed prefix lists: versions, sizes, references, and AWS's own."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fakes.client import Client


@pytest.fixture
def client() -> Client:
    return Client()


def _create(client: Client, *cidrs: str, **params: Any) -> dict[str, Any]:
    request: dict[str, Any] = {
        "PrefixListName": "offices",
        "AddressFamily": "IPv4",
        "MaxEntries": 3,
        "Entries": [{"Cidr": cidr, "Description": f"about {cidr}"} for cidr in cidrs],
        **params,
    }
    created: dict[str, Any] = client.call("CreateManagedPrefixList", **request)["PrefixList"]
    return created


def _modify(client: Client, list_id: str, **params: Any) -> dict[str, Any]:
    answer = client.call("ModifyManagedPrefixList", PrefixListId=list_id, **params)
    modified: dict[str, Any] = answer["PrefixList"]
    return modified


def _entries(client: Client, list_id: str, **params: Any) -> list[str]:
    answer = client.call("GetManagedPrefixListEntries", PrefixListId=list_id, **params)
    return [entry["Cidr"] for entry in answer["Entries"]]


def _shown(client: Client, list_id: str) -> dict[str, Any]:
    (shown,) = client.call("DescribeManagedPrefixLists", PrefixListIds=[list_id])["PrefixLists"]
    assert isinstance(shown, dict)
    return shown


def test_a_list_is_read_back_as_it_was_made(client: Client) -> None:
    created = _create(
        client,
        "10.0.0.0/8",
        TagSpecifications=[{"ResourceType": "prefix-list", "Tags": [{"Key": "a", "Value": "b"}]}],
    )
    list_id = created["PrefixListId"]

    answer = client.call("GetManagedPrefixListEntries", PrefixListId=list_id)

    assert created["State"] == "create-in-progress"
    assert _shown(client, list_id) == {**created, "State": "create-complete"}
    assert created["Version"] == 1
    assert created["MaxEntries"] == 3
    assert created["OwnerId"] == "000000000000"
    assert created["PrefixListArn"] == (f"arn:aws:ec2:us-east-1:000000000000:prefix-list/{list_id}")
    assert answer["Entries"] == [{"Cidr": "10.0.0.0/8", "Description": "about 10.0.0.0/8"}]


def test_each_change_of_the_entries_is_a_version_of_its_own(client: Client) -> None:
    list_id = _create(client, "10.0.0.0/8", "11.0.0.0/8")["PrefixListId"]

    modified = _modify(
        client,
        list_id,
        CurrentVersion=1,
        AddEntries=[{"Cidr": "12.0.0.0/8"}],
        RemoveEntries=[{"Cidr": "10.0.0.0/8"}],
    )

    assert modified["State"] == "modify-in-progress"
    assert _shown(client, list_id)["State"] == "modify-complete"
    assert _shown(client, list_id)["Version"] == 2
    assert _entries(client, list_id) == ["11.0.0.0/8", "12.0.0.0/8"]
    assert _entries(client, list_id, TargetVersion=1) == ["10.0.0.0/8", "11.0.0.0/8"]


def test_a_new_name_is_no_new_version(client: Client) -> None:
    list_id = _create(client)["PrefixListId"]

    modified = _modify(client, list_id, PrefixListName="homes")

    assert modified["PrefixListName"] == "homes"
    assert modified["Version"] == 1


def test_an_old_version_can_be_restored(client: Client) -> None:
    list_id = _create(client, "10.0.0.0/8")["PrefixListId"]
    _modify(client, list_id, CurrentVersion=1, RemoveEntries=[{"Cidr": "10.0.0.0/8"}])

    restored = client.call(
        "RestoreManagedPrefixListVersion",
        PrefixListId=list_id,
        PreviousVersion=1,
        CurrentVersion=2,
    )["PrefixList"]

    assert restored["State"] == "restore-in-progress"
    assert _shown(client, list_id)["State"] == "restore-complete"
    assert _shown(client, list_id)["Version"] == 3
    assert _entries(client, list_id) == ["10.0.0.0/8"]


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"CurrentVersion": 2, "AddEntries": [{"Cidr": "1.0.0.0/8"}]}, "PrefixListVersionMismatch"),
        ({"AddEntries": [{"Cidr": "1.0.0.0/8"}]}, "MissingParameter"),
        (
            {"CurrentVersion": 1, "MaxEntries": 5, "AddEntries": [{"Cidr": "1.0.0.0/8"}]},
            "InvalidParameterCombination",
        ),
        ({"MaxEntries": 1}, "PrefixListMaxEntriesExceeded"),
        (
            {
                "CurrentVersion": 1,
                "AddEntries": [{"Cidr": f"{number}.0.0.0/8"} for number in (1, 2)],
            },
            "PrefixListMaxEntriesExceeded",
        ),
        (
            {"CurrentVersion": 1, "RemoveEntries": [{"Cidr": "99.0.0.0/8"}]},
            "InvalidPrefixListModification",
        ),
        (
            {
                "CurrentVersion": 1,
                "AddEntries": [{"Cidr": "10.0.0.0/8"}],
                "RemoveEntries": [{"Cidr": "10.0.0.0/8"}],
            },
            "InvalidParameterValue",
        ),
        ({"PrefixListName": "com.amazonaws.mine"}, "InvalidParameterValue"),
    ],
)
def test_a_change_that_cannot_be_leaves_the_list_alone(
    client: Client, params: dict[str, Any], code: str
) -> None:
    list_id = _create(client, "10.0.0.0/8", "11.0.0.0/8")["PrefixListId"]
    before = _shown(client, list_id)

    assert client.code_of("ModifyManagedPrefixList", PrefixListId=list_id, **params) == code
    assert _shown(client, list_id) == before


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"AddressFamily": "IPX"}, "InvalidParameterValue"),
        ({"MaxEntries": 0}, "InvalidParameterValue"),
        ({"MaxEntries": 1001}, "InvalidParameterValue"),
        ({"Entries": [{"Cidr": "fd00::/8"}]}, "InvalidParameterValue"),
        ({"Entries": [{"Cidr": "10.0.0.0"}]}, "InvalidParameterValue"),
        ({"Entries": [{"Cidr": "1.0.0.0/8"}] * 2}, "InvalidParameterValue"),
        (
            {"Entries": [{"Cidr": f"{number}.0.0.0/8"} for number in range(1, 5)]},
            "PrefixListMaxEntriesExceeded",
        ),
    ],
)
def test_a_list_that_cannot_be_is_refused(
    client: Client, params: dict[str, Any], code: str
) -> None:
    request = {"PrefixListName": "x", "AddressFamily": "IPv4", "MaxEntries": 3, **params}

    assert client.code_of("CreateManagedPrefixList", **request) == code


def test_a_list_of_ipv6_ranges_takes_those(client: Client) -> None:
    list_id = _create(client, AddressFamily="IPv6", Entries=[{"Cidr": "2001:0db8::/32"}])[
        "PrefixListId"
    ]

    assert _entries(client, list_id) == ["2001:db8::/32"]


def test_entries_come_in_pages(client: Client) -> None:
    list_id = _create(client, "1.0.0.0/8", "2.0.0.0/8", "3.0.0.0/8")["PrefixListId"]

    first = client.call("GetManagedPrefixListEntries", PrefixListId=list_id, MaxResults=2)
    rest = _entries(client, list_id, MaxResults=2, NextToken=first["NextToken"])

    assert [entry["Cidr"] for entry in first["Entries"]] == ["1.0.0.0/8", "2.0.0.0/8"]
    assert rest == ["3.0.0.0/8"]


def test_a_list_that_rules_and_routes_name_stays(client: Client) -> None:
    list_id = _create(client, "10.0.0.0/8")["PrefixListId"]
    vpc_id = client.call("CreateVpc", CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    group_id = client.call("CreateSecurityGroup", GroupName="g", Description="d", VpcId=vpc_id)[
        "GroupId"
    ]
    permission = {"IpProtocol": "-1", "PrefixListIds": [{"PrefixListId": list_id}]}
    client.call("AuthorizeSecurityGroupIngress", GroupId=group_id, IpPermissions=[permission])

    associations = client.call("GetManagedPrefixListAssociations", PrefixListId=list_id)
    refused = client.code_of("DeleteManagedPrefixList", PrefixListId=list_id)
    client.call("RevokeSecurityGroupIngress", GroupId=group_id, IpPermissions=[permission])
    deleted = client.call("DeleteManagedPrefixList", PrefixListId=list_id)["PrefixList"]

    assert associations["PrefixListAssociations"] == [
        {"ResourceId": group_id, "ResourceOwner": "000000000000"}
    ]
    assert refused == "DependencyViolation"
    assert deleted["State"] == "delete-in-progress"


def test_a_deleted_list_is_not_found(client: Client) -> None:
    list_id = _create(client)["PrefixListId"]
    client.call("DeleteManagedPrefixList", PrefixListId=list_id)

    for operation, params in (
        ("DescribeManagedPrefixLists", {"PrefixListIds": [list_id]}),
        ("GetManagedPrefixListEntries", {"PrefixListId": list_id}),
        ("ModifyManagedPrefixList", {"PrefixListId": list_id}),
        ("DeleteManagedPrefixList", {"PrefixListId": list_id}),
    ):
        assert client.code_of(operation, **params) == "InvalidPrefixListID.NotFound"
    assert (
        client.code_of("DescribePrefixLists", PrefixListIds=[list_id])
        == "InvalidPrefixListId.NotFound"
    )


def test_lists_of_aws_are_there_to_be_used_and_not_changed(client: Client) -> None:
    name = "com.amazonaws.us-east-1.s3"
    by_name = [{"Name": "prefix-list-name", "Values": [name]}]

    (managed,) = client.call("DescribeManagedPrefixLists", Filters=by_name)["PrefixLists"]
    (plain,) = client.call("DescribePrefixLists", Filters=by_name)["PrefixLists"]
    list_id = managed["PrefixListId"]

    assert managed["OwnerId"] == "AWS"
    assert "Version" not in managed
    assert plain["PrefixListId"] == list_id
    assert plain["Cidrs"] == _entries(client, list_id)
    for operation in ("ModifyManagedPrefixList", "DeleteManagedPrefixList"):
        assert client.code_of(operation, PrefixListId=list_id) == "UnauthorizedOperation"


def test_lists_of_the_account_are_not_services(client: Client) -> None:
    list_id = _create(client)["PrefixListId"]

    listed = client.call("DescribePrefixLists")["PrefixLists"]
    own = client.call(
        "DescribeManagedPrefixLists",
        Filters=[{"Name": "owner-id", "Values": ["000000000000"]}],
    )["PrefixLists"]

    assert list_id not in {item["PrefixListId"] for item in listed}
    assert [item["PrefixListId"] for item in own] == [list_id]
