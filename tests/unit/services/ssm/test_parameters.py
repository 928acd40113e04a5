from __future__ import annotations

import base64
import json
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.fakes.client import EPOCH, Client
from tests.fakes.launcher import Launcher

ACCOUNT = "000000000000"
AL2023 = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"


@pytest.fixture
def client() -> Client:
    return Client("ssm")


def put(client: Client, name: str = "/app/url", value: str = "x", **params: Any) -> dict[str, Any]:
    params.setdefault("Type", "String")
    return client.call("PutParameter", Name=name, Value=value, **params)


def get(client: Client, name: str, **params: Any) -> dict[str, Any]:
    found: dict[str, Any] = client.call("GetParameter", Name=name, **params)["Parameter"]
    return found


def error(client: Client, operation: str, **params: Any) -> dict[str, Any]:
    with pytest.raises(ClientError) as caught:
        client.call(operation, **params)
    answer: dict[str, Any] = caught.value.response
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 400
    return answer["Error"]


def refused(client: Client, name: str, value: str = "x", **params: Any) -> str:
    params.setdefault("Type", "String")
    return client.code_of("PutParameter", Name=name, Value=value, **params)


def test_a_parameter_reads_back_by_name_and_by_arn(client: Client) -> None:
    made = put(client, "/app/url", "https://example.org")

    shown = get(client, "/app/url")

    assert (made["Version"], made["Tier"]) == (1, "Standard")
    arn = f"arn:aws:ssm:us-east-1:{ACCOUNT}:parameter/app/url"
    assert shown == {
        "Name": "/app/url",
        "Type": "String",
        "Value": "https://example.org",
        "Version": 1,
        "LastModifiedDate": shown["LastModifiedDate"],
        "ARN": arn,
        "DataType": "text",
    }
    assert shown["LastModifiedDate"].timestamp() == EPOCH.timestamp()
    assert get(client, arn) == shown
    put(client, "plain")
    assert get(client, f"arn:aws:ssm:us-east-1:{ACCOUNT}:parameter/plain")["Name"] == "plain"
    missing = error(client, "GetParameter", Name=arn.replace("east", "west"))
    assert missing["Code"] == "ParameterNotFound"
    elsewhere = Client("ssm", region="eu-west-1", like=client)
    assert elsewhere.code_of("GetParameter", Name="/app/url") == "ParameterNotFound"


def test_a_parameter_is_overwritten_only_when_asked(client: Client) -> None:
    put(client)

    again = error(client, "PutParameter", Name="/app/url", Value="y", Type="String")
    made = client.call("PutParameter", Name="/app/url", Value="y", Overwrite=True)

    assert again["Code"] == "ParameterAlreadyExists"
    assert made["Version"] == 2
    assert get(client, "/app/url")["Value"] == "y"
    old = get(client, "/app/url:1")
    assert (old["Value"], old["Selector"]) == ("x", ":1")
    assert client.code_of("GetParameter", Name="/app/url:3") == "ParameterVersionNotFound"
    assert client.code_of("GetParameter", Name="/app/url:prod") == "ParameterVersionNotFound"
    assert client.code_of("PutParameter", Name="/new", Value="y") == "ValidationException"
    tagged = {"Overwrite": True, "Tags": [{"Key": "a", "Value": "b"}]}
    assert refused(client, "/app/url", **tagged) == "ValidationException"


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("app/url", "ValidationException"),
        ("/app/", "ValidationException"),
        ("/a b", "ValidationException"),
        ("/a//b", "ValidationException"),
        ("/a:1", "ValidationException"),
        ("aws-x", "ValidationException"),
        ("/SSM/x", "ValidationException"),
        ("/aws/service/x", "AccessDeniedException"),
        ("/" + "/".join("abcdefghijklmnop"), "HierarchyLevelLimitExceededException"),
        ("/" + "x" * 1011, "ValidationException"),
    ],
)
def test_a_name_that_may_not_be_is_refused(client: Client, name: str, code: str) -> None:
    assert refused(client, name) == code


def test_fifteen_levels_are_not_too_many(client: Client) -> None:
    put(client, "/" + "/".join("abcdefghijklmno"))


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"value": ""}, "ValidationException"),
        ({"value": "x" * 4097}, "ValidationException"),
        ({"value": "x" * 8193, "Tier": "Advanced"}, "ValidationException"),
        ({"value": "{{ssm:other}}"}, "ValidationException"),
        ({"value": "a,,b", "Type": "StringList"}, "ValidationException"),
        ({"value": "abc", "AllowedPattern": r"\d+"}, "ParameterPatternMismatchException"),
        ({"value": "abc", "AllowedPattern": "("}, "InvalidAllowedPatternException"),
        ({"KeyId": "alias/mine"}, "ValidationException"),
        ({"DataType": "number"}, "ValidationException"),
        ({"DataType": "aws:ec2:image"}, "ValidationException"),
        ({"value": "ami-0123456789abcdef0", "DataType": "aws:ec2:image"}, "ValidationException"),
        ({"Tags": [{"Key": "aws:x", "Value": ""}]}, "ValidationException"),
    ],
)
def test_a_value_that_may_not_be_is_refused(
    client: Client, params: dict[str, Any], code: str
) -> None:
    assert refused(client, "/p", **params) == code
    assert client.call("DescribeParameters")["Parameters"] == []


def test_a_pattern_that_would_take_for_ever_is_given_up(client: Client) -> None:
    code = refused(client, "/p", "a" * 60 + "!", AllowedPattern="(a|aa)+(a|a)+(a+)+")

    assert code in {"InvalidAllowedPatternException", "ParameterPatternMismatchException"}


def test_a_pattern_lets_pass_what_it_describes(client: Client) -> None:
    put(client, "/list", "12,34", Type="StringList", AllowedPattern=r"\d+")


def test_a_parameter_for_an_image_takes_one_that_launches_here(client: Client) -> None:
    image = Launcher(like=client).image()

    put(client, "/golden", image, DataType="aws:ec2:image")

    assert get(client, "/golden")["DataType"] == "aws:ec2:image"


def test_a_secure_string_is_shown_in_the_clear_only_when_asked(client: Client) -> None:
    put(client, "/password", "sesame", Type="SecureString")

    hidden, again = get(client, "/password"), get(client, "/password")
    shown = get(client, "/password", WithDecryption=True)

    assert hidden == again
    assert "sesame" not in hidden["Value"]
    assert len(base64.b64decode(hidden["Value"])) > 100
    assert (hidden["Type"], shown["Value"]) == ("SecureString", "sesame")
    (described,) = client.call("DescribeParameters")["Parameters"]
    assert described["KeyId"] == "alias/aws/ssm"
    history = client.call("GetParameterHistory", Name="/password")["Parameters"]
    assert [version["Value"] for version in history] == [hidden["Value"]]


def test_a_long_value_needs_the_advanced_tier_from_which_no_way_leads_back(client: Client) -> None:
    made = put(client, "/a", "x" * 5000, Tier="Intelligent-Tiering")
    small = put(client, "/b", "x", Tier="Intelligent-Tiering")

    assert (made["Tier"], small["Tier"]) == ("Advanced", "Standard")
    assert refused(client, "/a", Overwrite=True, Tier="Standard") == "ValidationException"
    assert put(client, "/a", "y", Overwrite=True)["Tier"] == "Advanced"


def test_several_are_read_and_deleted_and_unknown_ones_named(client: Client) -> None:
    put(client, "/a"), put(client, "/b")

    read = client.call("GetParameters", Names=["/a", "/b:1", "/c", "/a:9"])
    deleted = client.call("DeleteParameters", Names=["/a", "/c"])

    assert [item["Name"] for item in read["Parameters"]] == ["/a", "/b"]
    assert read["InvalidParameters"] == ["/c", "/a:9"]
    assert (deleted["DeletedParameters"], deleted["InvalidParameters"]) == (["/a"], ["/c"])
    client.call("DeleteParameter", Name="/b")
    assert error(client, "DeleteParameter", Name="/b")["Code"] == "ParameterNotFound"


def test_of_a_hundred_versions_the_oldest_goes_unless_it_has_a_label(client: Client) -> None:
    for number in range(101):
        put(client, "/p", str(number), Overwrite=True)

    history = client.get_all("GetParameterHistory", "Parameters", Name="/p")
    assert [version["Version"] for version in history] == list(range(2, 102))
    client.call("LabelParameterVersion", Name="/p", ParameterVersion=2, Labels=["keep"])
    assert refused(client, "/p", Overwrite=True) == "ParameterMaxVersionLimitExceeded"


def test_a_label_names_one_version_at_a_time(client: Client) -> None:
    put(client, "/p", "one"), put(client, "/p", "two", Overwrite=True)

    client.call("LabelParameterVersion", Name="/p", ParameterVersion=1, Labels=["prod"])
    before = get(client, "/p:prod")["Value"]
    moved = client.call("LabelParameterVersion", Name="/p", Labels=["prod", "1x", "awsome"])

    assert (before, get(client, "/p:prod")["Value"]) == ("one", "two")
    assert (moved["InvalidLabels"], moved["ParameterVersion"]) == (["1x", "awsome"], 2)
    history = client.call("GetParameterHistory", Name="/p")["Parameters"]
    assert [version["Labels"] for version in history] == [[], ["prod"]]
    gone = client.call(
        "UnlabelParameterVersion", Name="/p", ParameterVersion=2, Labels=["prod", "test"]
    )
    assert (gone["RemovedLabels"], gone["InvalidLabels"]) == (["prod"], ["test"])
    many = [f"l{number}" for number in range(11)]
    client.call("LabelParameterVersion", Name="/p", Labels=many[:10])
    over = client.code_of("LabelParameterVersion", Name="/p", Labels=many[10:])
    assert over == "ParameterVersionLabelLimitExceeded"
    wrong = client.code_of("LabelParameterVersion", Name="/p", ParameterVersion=9, Labels=["prod"])
    assert wrong == "ParameterVersionNotFound"


def names(answer: dict[str, Any]) -> list[str]:
    return [item["Name"] for item in answer["Parameters"]]


def test_a_path_lists_what_lies_under_it(client: Client) -> None:
    for name in ("/a/1", "/a/b/2", "/a/b/c/3", "/ab", "plain"):
        put(client, name, Type="SecureString" if name == "/a/1" else "String")

    def under(path: str, **params: Any) -> list[str]:
        return names(client.call("GetParametersByPath", Path=path, **params))

    assert under("/a") == under("/a/") == ["/a/1"]
    assert under("/a", Recursive=True) == ["/a/1", "/a/b/2", "/a/b/c/3"]
    assert under("/") == ["/ab", "plain"]
    secure = [{"Key": "Type", "Values": ["SecureString"]}]
    assert under("/a", Recursive=True, ParameterFilters=secure) == ["/a/1"]
    client.call("LabelParameterVersion", Name="/a/b/2", Labels=["prod"])
    labelled = [{"Key": "Label", "Option": "Equals", "Values": ["prod"]}]
    assert under("/a", Recursive=True, ParameterFilters=labelled) == ["/a/b/2"]
    named = [{"Key": "Name", "Values": ["x"]}]
    code = client.code_of("GetParametersByPath", Path="/a", ParameterFilters=named)
    assert code == "InvalidFilterKey"
    assert client.code_of("GetParametersByPath", Path="a") == "ValidationException"


def test_lists_come_in_pages_and_foreign_tokens_are_refused(client: Client) -> None:
    for number in range(12):
        put(client, f"/p/{number:02}")

    first = client.call("GetParametersByPath", Path="/p")
    rest = client.call("GetParametersByPath", Path="/p", NextToken=first["NextToken"])

    assert (len(first["Parameters"]), len(rest["Parameters"])) == (10, 2)
    assert "NextToken" not in rest
    assert names(first) + names(rest) == [f"/p/{number:02}" for number in range(12)]
    wrong = client.code_of("DescribeParameters", NextToken=first["NextToken"])
    assert wrong == "InvalidNextToken"
    assert client.code_of("DescribeParameters", MaxResults=51) == "ValidationException"


def test_parameters_are_described_by_filters(client: Client) -> None:
    put(client, "/a/one", Description="first", Tags=[{"Key": "env", "Value": "prod"}])
    put(client, "/a/b/two", "1,2", Type="StringList")
    put(client, "secret", Type="SecureString", KeyId="alias/mine", Tier="Advanced")

    def found(key: str, *values: str, option: str | None = None) -> list[str]:
        wanted: dict[str, Any] = {"Key": key}
        if values:
            wanted["Values"] = list(values)
        if option:
            wanted["Option"] = option
        return names(client.call("DescribeParameters", ParameterFilters=[wanted]))

    assert found("Name", "secret", "/a/one") == ["/a/one", "secret"]
    assert found("Name", "/a", option="BeginsWith") == ["/a/b/two", "/a/one"]
    assert found("Name", "two", option="Contains") == ["/a/b/two"]
    assert found("Path", "/a") == ["/a/one"]
    assert found("Path", "/a", option="Recursive") == ["/a/b/two", "/a/one"]
    assert found("Type", "StringList") == ["/a/b/two"]
    assert found("KeyId", "alias/", option="BeginsWith") == ["secret"]
    assert found("Tier", "Advanced") == ["secret"]
    assert found("tag:env", "prod") == found("tag:env") == ["/a/one"]
    legacy = client.call("DescribeParameters", Filters=[{"Key": "Name", "Values": ["sec"]}])
    assert names(legacy) == ["secret"]
    (one,) = client.call(
        "DescribeParameters", ParameterFilters=[{"Key": "Name", "Values": ["/a/one"]}]
    )["Parameters"]
    assert (one["Description"], one["LastModifiedUser"]) == (
        "first",
        f"arn:aws:iam::{ACCOUNT}:root",
    )
    assert (one["Version"], one["Tier"], one["Policies"]) == (1, "Standard", [])


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ([{"Key": "Label", "Values": ["x"]}], "InvalidFilterKey"),
        ([{"Key": "Name", "Values": ["x"]}] * 2, "InvalidFilterKey"),
        ([{"Key": "Type", "Option": "Contains", "Values": ["x"]}], "InvalidFilterOption"),
        ([{"Key": "Name"}], "InvalidFilterValue"),
        ([{"Key": "Path", "Values": ["x"]}], "InvalidFilterValue"),
        ([{"Key": "Color", "Values": ["x"]}], "ValidationException"),
    ],
)
def test_a_filter_that_may_not_be_is_refused(client: Client, wanted: Any, code: str) -> None:
    assert client.code_of("DescribeParameters", ParameterFilters=wanted) == code


def test_tags_of_parameters_are_added_listed_and_removed(client: Client) -> None:
    put(client, "/p", Tags=[{"Key": "a", "Value": "1"}])
    me = {"ResourceType": "Parameter", "ResourceId": "/p"}

    client.call(
        "AddTagsToResource", **me, Tags=[{"Key": "a", "Value": "2"}, {"Key": "b", "Value": ""}]
    )
    client.call("RemoveTagsFromResource", **me, TagKeys=["b", "c"])

    assert client.call("ListTagsForResource", **me)["TagList"] == [{"Key": "a", "Value": "2"}]
    missing = client.code_of("ListTagsForResource", ResourceType="Parameter", ResourceId="/q")
    assert missing == "InvalidResourceId"
    many = [{"Key": f"k{number}", "Value": ""} for number in range(51)]
    assert client.code_of("AddTagsToResource", **me, Tags=many) == "TooManyTagsError"


def test_an_expired_parameter_is_gone(client: Client) -> None:
    ends_at = (EPOCH + timedelta(hours=1)).isoformat()
    policy = {"Type": "Expiration", "Version": "1.0", "Attributes": {"Timestamp": ends_at}}
    put(client, "/p", Tier="Advanced", Policies=json.dumps([policy]))
    put(client, "/q", Tier="Advanced", Policies=json.dumps([policy]))
    (shown, _) = client.call("DescribeParameters")["Parameters"]
    put(client, "/q", Overwrite=True, Policies="[]")

    client.turn(3599)
    before = names(client.call("DescribeParameters"))
    client.turn(2)

    assert (shown["Policies"][0]["PolicyType"], before) == ("Expiration", ["/p", "/q"])
    assert names(client.call("DescribeParameters")) == ["/q"]


@pytest.mark.parametrize(
    ("policies", "code"),
    [
        ("x", "InvalidPolicyAttributeException"),
        ([{"Type": "Other"}], "InvalidPolicyTypeException"),
        ([{"Type": "Expiration", "Version": "1.0"}], "InvalidPolicyAttributeException"),
        (
            [
                {
                    "Type": "ExpirationNotification",
                    "Version": "1.0",
                    "Attributes": {"Before": "15", "Unit": "Days"},
                }
            ],
            "IncompatiblePolicyException",
        ),
    ],
)
def test_a_policy_that_may_not_be_is_refused(client: Client, policies: Any, code: str) -> None:
    text = policies if isinstance(policies, str) else json.dumps(policies)
    assert refused(client, "/p", Tier="Advanced", Policies=text) == code


# ---- what AWS publishes


@pytest.mark.parametrize(
    "name",
    [
        AL2023,
        "/aws/service/canonical/ubuntu/server/22.04/stable/current/amd64/hvm/ebs-gp2/ami-id",
        "/aws/service/debian/release/12/latest/amd64",
        "/aws/service/ecs/optimized-ami/amazon-linux-2/recommended/image_id",
    ],
)
@pytest.mark.parametrize("region", ["us-east-1", "eu-west-1"])
def test_a_public_parameter_names_an_image_that_launches_here(name: str, region: str) -> None:
    client = Client("ssm", region=region)
    shown = get(client, name)
    launcher = Launcher(like=client, region=region)

    instance = launcher.instance(launcher.launch(ImageId=shown["Value"]))

    assert instance["ImageId"] == shown["Value"]
    assert shown["ARN"] == f"arn:aws:ssm:{region}::parameter{name}"
    assert get(client, shown["ARN"]) == shown


def test_public_parameters_are_found_by_path_and_not_among_one_s_own(client: Client) -> None:
    path = "/aws/service/ami-amazon-linux-latest"
    found = client.get_all("GetParametersByPath", "Parameters", Path=path)

    assert AL2023 in [item["Name"] for item in found]
    assert {item["DataType"] for item in found} == {"aws:ec2:image"}
    assert client.call("DescribeParameters")["Parameters"] == []
    whole = client.get_all("GetParametersByPath", "Parameters", Path="/aws/", Recursive=True)
    assert len(whole) > 300


def test_regions_and_zones_are_public_parameters(client: Client) -> None:
    path = "/aws/service/global-infrastructure"
    regions = client.get_all("GetParametersByPath", "Parameters", Path=f"{path}/regions")

    assert {"us-east-1", "eu-central-1"} <= {item["Value"] for item in regions}
    long_name = get(client, f"{path}/regions/eu-west-1/longName")["Value"]
    assert long_name == "Europe (Ireland)"
    zones = client.get_all(
        "GetParametersByPath", "Parameters", Path=f"{path}/regions/us-east-1/availability-zones"
    )
    assert sorted(item["Value"] for item in zones) == [f"use1-az{n}" for n in range(1, 7)]
    assert get(client, f"{path}/current-region")["Value"] == "us-east-1"


# ---- launches that name parameters


def test_an_instance_is_launched_from_a_parameter(client: Client) -> None:
    launcher = Launcher(like=client)
    image, other = launcher.image(), launcher.image("arm64")
    put(client, "/golden", image, DataType="aws:ec2:image")
    client.call("LabelParameterVersion", Name="/golden", Labels=["stable"])
    put(client, "/golden", other, Overwrite=True, DataType="aws:ec2:image")
    arn = get(client, "/golden")["ARN"]

    for reference in (AL2023, "/golden:1", "/golden:stable", f"{arn}:1"):
        launched = launcher.instance(launcher.launch(ImageId=f"resolve:ssm:{reference}"))
        assert launched["ImageId"].startswith("ami-")
        assert "/golden" not in reference or launched["ImageId"] == image

    params = {"ImageId": "resolve:ssm:/none", "InstanceType": "t3.micro"}
    code = launcher.code_of("RunInstances", MinCount=1, MaxCount=1, **params)
    assert code == "InvalidParameterValue"


def test_a_template_follows_the_parameter_that_it_names(client: Client) -> None:
    launcher = Launcher(like=client)
    image = launcher.image()
    put(client, "/golden", image)
    data = {"ImageId": "resolve:ssm:/golden", "InstanceType": "t3.micro"}
    launcher.call("CreateLaunchTemplate", LaunchTemplateName="web", LaunchTemplateData=data)
    template = {"LaunchTemplateName": "web"}

    run = launcher.call("RunInstances", LaunchTemplate=template, MinCount=1, MaxCount=1)
    resolved = launcher.call(
        "DescribeLaunchTemplateVersions", **template, Versions=["$Latest"], ResolveAlias=True
    )

    assert run["Instances"][0]["ImageId"] == image
    shown = resolved["LaunchTemplateVersions"][0]["LaunchTemplateData"]
    assert shown["ImageId"] == image
