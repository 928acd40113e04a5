from __future__ import annotations

from typing import Any

import pytest

from emulator.catalog.images import stock_images
from tests.fakes.client import Client


@pytest.fixture
def ec2() -> Client:
    return Client()


def options(ec2: Client, **tags: str) -> str:
    created = ec2.call(
        "CreateDhcpOptions",
        DhcpConfigurations=[{"Key": "domain-name", "Values": ["x"]}],
        TagSpecifications=[
            {
                "ResourceType": "dhcp-options",
                "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
            }
        ]
        if tags
        else [],
    )
    return str(created["DhcpOptions"]["DhcpOptionsId"])


def tags_of(ec2: Client, resource_id: str) -> dict[str, str]:
    shown = ec2.call("DescribeDhcpOptions", DhcpOptionsIds=[resource_id])["DhcpOptions"][0]
    return {tag["Key"]: tag["Value"] for tag in shown["Tags"]}


def test_tags_are_given_on_create_and_changed_later(ec2: Client) -> None:
    resource_id = options(ec2, Name="a", Empty="")
    assert tags_of(ec2, resource_id) == {"Name": "a", "Empty": ""}

    ec2.call("CreateTags", Resources=[resource_id], Tags=[{"Key": "Name", "Value": "b"}])
    ec2.call("DeleteTags", Resources=[resource_id], Tags=[{"Key": "Empty"}])

    assert tags_of(ec2, resource_id) == {"Name": "b"}


def test_a_tag_is_deleted_only_with_the_value_that_was_named(ec2: Client) -> None:
    resource_id = options(ec2, Name="a", Env="prod")

    ec2.call(
        "DeleteTags",
        Resources=[resource_id],
        Tags=[{"Key": "Name", "Value": "other"}, {"Key": "Env", "Value": "prod"}],
    )

    assert tags_of(ec2, resource_id) == {"Name": "a"}


def test_an_empty_value_deletes_only_an_empty_tag(ec2: Client) -> None:
    resource_id = options(ec2, Name="a", Empty="")

    ec2.call(
        "DeleteTags",
        Resources=[resource_id],
        Tags=[{"Key": "Name", "Value": ""}, {"Key": "Empty", "Value": ""}],
    )

    assert tags_of(ec2, resource_id) == {"Name": "a"}


def test_all_tags_go_when_none_is_named(ec2: Client) -> None:
    resource_id = options(ec2, Name="a", Env="prod")

    ec2.call("DeleteTags", Resources=[resource_id])

    assert tags_of(ec2, resource_id) == {}


def test_describe_tags_lists_by_filter(ec2: Client) -> None:
    one, other = options(ec2, Name="a", Env="prod"), options(ec2, Name="b")

    def lines(*filters: dict[str, Any]) -> list[tuple[str, str, str]]:
        found = ec2.call("DescribeTags", Filters=list(filters))["Tags"]
        return sorted((tag["ResourceId"], tag["Key"], tag["Value"]) for tag in found)

    assert lines({"Name": "resource-id", "Values": [one]}) == sorted(
        [(one, "Name", "a"), (one, "Env", "prod")]
    )
    assert lines({"Name": "key", "Values": ["Name"]}) == sorted(
        [(one, "Name", "a"), (other, "Name", "b")]
    )
    assert lines({"Name": "tag:Env", "Values": ["p*"]}) == [(one, "Env", "prod")]
    assert lines({"Name": "resource-type", "Values": ["vpc"]}) == []


def test_describe_tags_pages(ec2: Client) -> None:
    for number in range(4):
        options(ec2, a=str(number), b="", c="")
    found, token = [], None
    while True:
        extra = {"NextToken": token} if token else {}
        answer = ec2.call("DescribeTags", MaxResults=5, **extra)
        found += [(tag["ResourceId"], tag["Key"]) for tag in answer["Tags"]]
        token = answer.get("NextToken")
        if not token:
            break

    assert len(found) == len(set(found)) == 12


def test_pages_of_tags_stay_whole_while_tags_come_and_go(ec2: Client) -> None:
    ids = sorted(options(ec2, k=str(number)) for number in range(10))
    first = ec2.call("DescribeTags", MaxResults=5)
    assert [tag["ResourceId"] for tag in first["Tags"]] == ids[:5]

    ec2.call("DeleteTags", Resources=ids[:3], Tags=[{"Key": "k"}])
    ec2.call("CreateTags", Resources=[ids[3]], Tags=[{"Key": "a", "Value": ""}])
    rest = ec2.call("DescribeTags", MaxResults=5, NextToken=first["NextToken"])

    assert [tag["ResourceId"] for tag in rest["Tags"]] == ids[5:]


def test_a_stock_image_can_be_tagged_before_it_was_described(ec2: Client) -> None:
    image = stock_images("us-east-1")[0].image_id

    ec2.call("CreateTags", Resources=[image], Tags=[{"Key": "k", "Value": "v"}])

    shown = ec2.call("DescribeImages", ImageIds=[image])["Images"][0]
    assert shown["Tags"] == [{"Key": "k", "Value": "v"}]


@pytest.mark.parametrize(
    ("tag", "code"),
    [
        ({"Key": "aws:x", "Value": "1"}, "InvalidParameterValue"),
        ({"Key": "k" * 129, "Value": "1"}, "InvalidParameterValue"),
        ({"Key": "k", "Value": "v" * 257}, "InvalidParameterValue"),
    ],
)
def test_tags_that_aws_refuses_change_nothing(ec2: Client, tag: dict[str, str], code: str) -> None:
    resource_id = options(ec2, Name="a")

    assert ec2.code_of("CreateTags", Resources=[resource_id], Tags=[tag]) == code
    assert tags_of(ec2, resource_id) == {"Name": "a"}


def test_fifty_tags_are_the_most(ec2: Client) -> None:
    resource_id = options(ec2, **{f"k{number}": "" for number in range(50)})

    code = ec2.code_of("CreateTags", Resources=[resource_id], Tags=[{"Key": "x", "Value": ""}])

    assert code == "TagLimitExceeded"
    assert len(tags_of(ec2, resource_id)) == 50


def test_one_missing_resource_leaves_the_others_alone(ec2: Client) -> None:
    resource_id = options(ec2)

    code = ec2.code_of(
        "CreateTags",
        Resources=[resource_id, "vpc-0123456789abcdef0"],
        Tags=[{"Key": "x", "Value": ""}],
    )

    assert code == "InvalidVpcID.NotFound"
    assert tags_of(ec2, resource_id) == {}


def test_what_is_no_id_is_not_tagged(ec2: Client) -> None:
    code = ec2.code_of("CreateTags", Resources=["nonsense"], Tags=[{"Key": "x", "Value": ""}])

    assert code == "InvalidID"


def test_a_foreign_type_in_tag_specifications_is_refused(ec2: Client) -> None:
    code = ec2.code_of(
        "CreateDhcpOptions",
        DhcpConfigurations=[{"Key": "domain-name", "Values": ["x"]}],
        TagSpecifications=[{"ResourceType": "vpc", "Tags": [{"Key": "a", "Value": "b"}]}],
    )

    assert code == "InvalidParameterValue"


def test_a_tag_key_is_given_once(ec2: Client) -> None:
    code = ec2.code_of(
        "CreateDhcpOptions",
        DhcpConfigurations=[{"Key": "domain-name", "Values": ["x"]}],
        TagSpecifications=[
            {
                "ResourceType": "dhcp-options",
                "Tags": [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}],
            }
        ],
    )

    assert code == "InvalidParameterValue"
