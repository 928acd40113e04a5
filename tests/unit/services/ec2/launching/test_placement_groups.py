"""Placement groups, as boto3 and Terraform see them."""

from __future__ import annotations

import pytest

from emulator.model.instance import Instance, LaunchOptions
from tests.fakes.client import EPOCH, Client


@pytest.fixture
def client() -> Client:
    return Client()


def _described(client: Client, **params: object) -> list[str]:
    answer = client.call("DescribePlacementGroups", **params)
    return [group["GroupName"] for group in answer["PlacementGroups"]]


def _put_instance(client: Client, group_name: str, state: str) -> Instance:
    region = client.api.state.region("000000000000", client.region)
    return region[Instance].add(
        Instance(
            id="i-0123456789abcdef0",
            state=state,
            reservation_id="r-1",
            launch_index=0,
            image_id="ami-1",
            instance_type="c5.large",
            vpc_id=None,
            subnet_id=None,
            availability_zone="us-east-1a",
            launched_at=EPOCH,
            architecture="x86_64",
            root_device_name="/dev/xvda",
            options=LaunchOptions(
                metadata={},
                cpu={},
                private_dns_name={},
                maintenance={},
                placement={"GroupName": group_name},
            ),
        )
    )


def test_a_group_is_read_back_as_it_was_made(client: Client) -> None:
    created = client.call(
        "CreatePlacementGroup",
        GroupName="wide",
        Strategy="partition",
        PartitionCount=5,
        TagSpecifications=[
            {"ResourceType": "placement-group", "Tags": [{"Key": "team", "Value": "db"}]}
        ],
    )["PlacementGroup"]
    (shown,) = client.call("DescribePlacementGroups", GroupNames=["wide"])["PlacementGroups"]

    assert created["State"] == "pending"
    assert shown == {**created, "State": "available"}
    assert shown["PartitionCount"] == 5
    assert shown["GroupId"].startswith("pg-")
    assert shown["GroupArn"] == "arn:aws:ec2:us-east-1:000000000000:placement-group/wide"
    assert shown["Tags"] == [{"Key": "team", "Value": "db"}]
    assert "SpreadLevel" not in shown


def test_each_strategy_has_its_defaults(client: Client) -> None:
    shown = {
        strategy: client.call("CreatePlacementGroup", GroupName=strategy, Strategy=strategy)[
            "PlacementGroup"
        ]
        for strategy in ("cluster", "partition", "spread")
    }

    assert shown["partition"]["PartitionCount"] == 2
    assert shown["spread"]["SpreadLevel"] == "rack"
    assert "PartitionCount" not in shown["cluster"]


@pytest.mark.parametrize(
    ("params", "code"),
    [
        (
            {"GroupName": "a", "Strategy": "cluster", "PartitionCount": 2},
            "InvalidParameterCombination",
        ),
        (
            {"GroupName": "a", "Strategy": "cluster", "SpreadLevel": "rack"},
            "InvalidParameterCombination",
        ),
        ({"GroupName": "a", "Strategy": "partition", "PartitionCount": 8}, "InvalidParameterValue"),
        ({"GroupName": "a" * 256, "Strategy": "cluster"}, "InvalidParameterValue"),
        ({"GroupName": "é", "Strategy": "cluster"}, "InvalidParameterValue"),
        ({"Strategy": "cluster"}, "MissingParameter"),
    ],
)
def test_what_does_not_fit_the_strategy_is_refused(
    client: Client, params: dict[str, object], code: str
) -> None:
    assert client.code_of("CreatePlacementGroup", **params) == code
    assert _described(client) == []


def test_names_are_unique(client: Client) -> None:
    client.call("CreatePlacementGroup", GroupName="one", Strategy="cluster")

    code = client.code_of("CreatePlacementGroup", GroupName="one", Strategy="spread")

    assert code == "InvalidPlacementGroup.Duplicate"


def test_groups_are_found_by_name_id_and_filter(client: Client) -> None:
    made = {
        name: client.call("CreatePlacementGroup", GroupName=name, Strategy=strategy)[
            "PlacementGroup"
        ]
        for name, strategy in (("a", "cluster"), ("b", "spread"), ("c", "spread"))
    }

    def matching(name: str, value: str) -> list[str]:
        return _described(client, Filters=[{"Name": name, "Values": [value]}])

    assert _described(client, GroupNames=["b", "a"]) == ["a", "b"]
    assert _described(client, GroupIds=[made["c"]["GroupId"]]) == ["c"]
    assert matching("strategy", "spread") == ["b", "c"]
    assert matching("spread-level", "rack") == ["b", "c"]
    assert matching("group-name", "a") == ["a"]
    assert matching("group-arn", "*/b") == ["b"]
    assert matching("state", "available") == ["a", "b", "c"]


def test_a_group_that_instances_are_in_stays(client: Client) -> None:
    client.call("CreatePlacementGroup", GroupName="used", Strategy="cluster")
    instance = _put_instance(client, "used", "running")

    refused = client.code_of("DeletePlacementGroup", GroupName="used")
    instance.move("terminated")
    client.call("DeletePlacementGroup", GroupName="used")

    assert refused == "InvalidPlacementGroup.InUse"


def test_a_deleted_group_is_unknown(client: Client) -> None:
    client.call("CreatePlacementGroup", GroupName="gone", Strategy="cluster")
    client.call("DeletePlacementGroup", GroupName="gone")

    describe = client.code_of("DescribePlacementGroups", GroupNames=["gone"])

    assert describe == "InvalidPlacementGroup.Unknown"
    assert client.code_of("DeletePlacementGroup", GroupName="gone") == describe
