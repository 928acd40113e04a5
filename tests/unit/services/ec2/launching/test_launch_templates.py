from __future__ import annotations

from typing import Any

import pytest

from tests.fakes.launcher import TYPE, Launcher

MISSING = "lt-0123456789abcdef0"


@pytest.fixture
def client() -> Launcher:
    return Launcher()


def create(client: Launcher, name: str = "web", **data: Any) -> str:
    answer = client.call(
        "CreateLaunchTemplate",
        LaunchTemplateName=name,
        LaunchTemplateData=data or {"InstanceType": TYPE},
    )
    return str(answer["LaunchTemplate"]["LaunchTemplateId"])


def add(client: Launcher, template: str, **data: Any) -> int:
    answer = client.call(
        "CreateLaunchTemplateVersion", LaunchTemplateId=template, LaunchTemplateData=data
    )
    return int(answer["LaunchTemplateVersion"]["VersionNumber"])


def versions(client: Launcher, template: str, **params: Any) -> list[dict[str, Any]]:
    answer = client.call("DescribeLaunchTemplateVersions", LaunchTemplateId=template, **params)
    found: list[dict[str, Any]] = answer["LaunchTemplateVersions"]
    return found


def numbers(client: Launcher, template: str, **params: Any) -> list[int]:
    return [version["VersionNumber"] for version in versions(client, template, **params)]


WHOLE: dict[str, Any] = {
    "EbsOptimized": False,
    "IamInstanceProfile": {"Name": "web"},
    "BlockDeviceMappings": [
        {
            "DeviceName": "/dev/xvdb",
            "Ebs": {"VolumeSize": 9, "VolumeType": "gp3", "DeleteOnTermination": True},
        }
    ],
    "NetworkInterfaces": [{"DeviceIndex": 0, "AssociatePublicIpAddress": True, "Groups": ["sg-1"]}],
    "ImageId": "ami-0123456789abcdef0",
    "InstanceType": "t3.micro",
    "KeyName": "me",
    "Monitoring": {"Enabled": True},
    "Placement": {"AvailabilityZone": "us-east-1a", "Tenancy": "default"},
    "RamDiskId": "ari-1",
    "DisableApiTermination": True,
    "InstanceInitiatedShutdownBehavior": "terminate",
    "UserData": "aGVsbG8=",
    "TagSpecifications": [
        {"ResourceType": "instance", "Tags": [{"Key": "role", "Value": "web"}]},
        {"ResourceType": "volume", "Tags": [{"Key": "disk", "Value": "yes"}]},
    ],
    "InstanceMarketOptions": {"MarketType": "spot", "SpotOptions": {"MaxPrice": "0.05"}},
    "CreditSpecification": {"CpuCredits": "standard"},
    "CpuOptions": {"CoreCount": 1, "ThreadsPerCore": 2},
    "MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 2},
    "MaintenanceOptions": {"AutoRecovery": "disabled"},
}


def test_template_data_is_read_back_as_it_was_given(client: Launcher) -> None:
    template = create(client, **WHOLE)

    (version,) = versions(client, template, Versions=["1"])

    assert version["LaunchTemplateData"] == WHOLE
    assert version["DefaultVersion"] is True
    assert version["LaunchTemplateName"] == "web"
    assert version["CreatedBy"].startswith("arn:aws:")


def test_a_template_shows_its_numbers_and_tags(client: Launcher) -> None:
    answer = client.call(
        "CreateLaunchTemplate",
        LaunchTemplateName="web",
        VersionDescription="first",
        LaunchTemplateData={"InstanceType": TYPE},
        TagSpecifications=[
            {"ResourceType": "launch-template", "Tags": [{"Key": "a", "Value": "b"}]}
        ],
    )["LaunchTemplate"]
    template = answer["LaunchTemplateId"]

    (shown,) = client.call("DescribeLaunchTemplates", LaunchTemplateNames=["web"])[
        "LaunchTemplates"
    ]

    assert shown == answer
    assert (shown["DefaultVersionNumber"], shown["LatestVersionNumber"]) == (1, 1)
    assert shown["Tags"] == [{"Key": "a", "Value": "b"}]
    assert versions(client, template)[0]["VersionDescription"] == "first"


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"LaunchTemplateIds": [MISSING]}, "InvalidLaunchTemplateId.NotFound"),
        ({"LaunchTemplateIds": ["web"]}, "InvalidLaunchTemplateId.Malformed"),
        ({"LaunchTemplateNames": ["gone"]}, "InvalidLaunchTemplateName.NotFoundException"),
    ],
)
def test_missing_templates_have_codes_of_their_own(
    client: Launcher, params: dict[str, Any], code: str
) -> None:
    assert client.code_of("DescribeLaunchTemplates", **params) == code


def test_names_are_unique_and_of_a_certain_form(client: Launcher) -> None:
    create(client)

    def code(name: str) -> str:
        return client.code_of(
            "CreateLaunchTemplate",
            LaunchTemplateName=name,
            LaunchTemplateData={"InstanceType": TYPE},
        )

    assert code("web") == "InvalidLaunchTemplateName.AlreadyExistsException"
    assert code("a b c") == "InvalidLaunchTemplateName.MalformedException"


def test_a_template_is_named_by_exactly_one_of_id_and_name(client: Launcher) -> None:
    template = create(client)

    both = client.code_of(
        "ModifyLaunchTemplate", LaunchTemplateId=template, LaunchTemplateName="web"
    )

    assert both == "InvalidParameterCombination"
    assert client.code_of("ModifyLaunchTemplate", DefaultVersion="1") == "MissingParameter"


def test_data_that_no_launch_could_use_is_refused(client: Launcher) -> None:
    def code(**data: Any) -> str:
        return client.code_of(
            "CreateLaunchTemplate", LaunchTemplateName="bad", LaunchTemplateData=data
        )

    assert code(ImageId="nonsense") == "InvalidAMIID.Malformed"
    tags = [{"ResourceType": "vpc", "Tags": [{"Key": "a", "Value": "b"}]}]
    assert code(TagSpecifications=tags) == "InvalidParameterValue"
    requirements = {"VCpuCount": {"Min": 1}, "MemoryMiB": {"Min": 1}}
    combined = code(InstanceType=TYPE, InstanceRequirements=requirements)
    assert combined == "InvalidParameterCombination"
    assert client.call("DescribeLaunchTemplates")["LaunchTemplates"] == []


def test_a_new_version_stands_on_its_source_member_by_member(client: Launcher) -> None:
    device = {"DeviceName": "/dev/xvdb", "Ebs": {"SnapshotId": "snap-1", "VolumeSize": 9}}
    template = create(client, InstanceType=TYPE, KeyName="me", BlockDeviceMappings=[device])

    client.call(
        "CreateLaunchTemplateVersion",
        LaunchTemplateId=template,
        SourceVersion="1",
        LaunchTemplateData={"InstanceType": "t3.small"},
    )
    plain = add(client, template, KeyName="you")

    (second,) = versions(client, template, Versions=["2"])
    assert second["LaunchTemplateData"] == {
        "InstanceType": "t3.small",
        "KeyName": "me",
        "BlockDeviceMappings": [{"DeviceName": "/dev/xvdb", "Ebs": {"VolumeSize": 9}}],
    }
    (third,) = versions(client, template, Versions=[str(plain)])
    assert third["LaunchTemplateData"] == {"KeyName": "you"}


def test_versions_are_chosen_by_number_word_and_range(client: Launcher) -> None:
    template = create(client)
    for key in ("b", "c", "d"):
        add(client, template, KeyName=key)
    client.call("ModifyLaunchTemplate", LaunchTemplateId=template, DefaultVersion="2")

    assert numbers(client, template) == [4, 3, 2, 1]
    assert numbers(client, template, Versions=["$Latest"]) == [4]
    assert numbers(client, template, Versions=["$Default", "1"]) == [2, 1]
    assert numbers(client, template, MinVersion="2", MaxVersion="3") == [3, 2]
    of_default = [{"Name": "is-default-version", "Values": ["true"]}]
    assert numbers(client, template, Filters=of_default) == [2]


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ("7", "InvalidLaunchTemplateId.VersionNotFound"),
        ("newest", "InvalidParameterValue"),
        ("9" * 60, "InvalidParameterValue"),
    ],
)
def test_versions_that_do_not_exist_are_refused(client: Launcher, wanted: str, code: str) -> None:
    template = create(client)

    for operation in ("DescribeLaunchTemplateVersions", "ModifyLaunchTemplate"):
        named = (
            {"Versions": [wanted]}
            if operation.startswith("Describe")
            else {"DefaultVersion": wanted}
        )
        assert client.code_of(operation, LaunchTemplateId=template, **named) == code


def test_latest_and_default_versions_of_all_templates_are_listed_together(client: Launcher) -> None:
    first, second = create(client, "first"), create(client, "second")
    add(client, second, KeyName="b")

    answer = client.call("DescribeLaunchTemplateVersions", Versions=["$Latest", "$Default"])

    found = [
        (version["LaunchTemplateId"], version["VersionNumber"])
        for version in answer["LaunchTemplateVersions"]
    ]
    assert found == [(first, 1), (second, 2), (second, 1)]
    code = client.code_of("DescribeLaunchTemplateVersions", Versions=["1"])
    assert code == "MissingParameter"


def test_pages_of_versions_join_to_the_whole_list(client: Launcher) -> None:
    template = create(client)
    for key in ("b", "c", "d", "e"):
        add(client, template, KeyName=key)

    first = client.call("DescribeLaunchTemplateVersions", LaunchTemplateId=template, MaxResults=3)
    rest = client.call(
        "DescribeLaunchTemplateVersions", LaunchTemplateId=template, NextToken=first["NextToken"]
    )

    joined = first["LaunchTemplateVersions"] + rest["LaunchTemplateVersions"]
    assert [version["VersionNumber"] for version in joined] == [5, 4, 3, 2, 1]


def test_choosing_the_default_shows_in_template_and_versions(client: Launcher) -> None:
    template = create(client)
    add(client, template, KeyName="b")
    assert [version["DefaultVersion"] for version in versions(client, template)] == [False, True]

    answer = client.call("ModifyLaunchTemplate", LaunchTemplateName="web", DefaultVersion="$Latest")

    assert answer["LaunchTemplate"]["DefaultVersionNumber"] == 2
    assert [version["DefaultVersion"] for version in versions(client, template)] == [True, False]


def test_deleted_version_numbers_are_not_used_again(client: Launcher) -> None:
    template = create(client)
    add(client, template, KeyName="b")

    answer = client.call(
        "DeleteLaunchTemplateVersions", LaunchTemplateId=template, Versions=["1", "2", "8"]
    )

    (deleted,) = answer["SuccessfullyDeletedLaunchTemplateVersions"]
    assert deleted["VersionNumber"] == 2
    reasons = {
        item["VersionNumber"]: item["ResponseError"]["Code"]
        for item in answer["UnsuccessfullyDeletedLaunchTemplateVersions"]
    }
    assert reasons == {1: "unexpectedError", 8: "launchTemplateVersionDoesNotExist"}
    (shown,) = client.call("DescribeLaunchTemplates")["LaunchTemplates"]
    assert shown["LatestVersionNumber"] == 1
    assert add(client, template, KeyName="c") == 3


def test_a_deleted_template_is_gone_with_its_versions_and_frees_its_name(client: Launcher) -> None:
    template = create(client)

    client.call("DeleteLaunchTemplate", LaunchTemplateName="web")

    code = "InvalidLaunchTemplateId.NotFound"
    assert client.code_of("DescribeLaunchTemplates", LaunchTemplateIds=[template]) == code
    assert client.code_of("DescribeLaunchTemplateVersions", LaunchTemplateId=template) == code
    assert client.code_of("DeleteLaunchTemplate", LaunchTemplateId=template) == code
    assert create(client) != template


def test_a_template_launches_instances_and_marks_them(client: Launcher) -> None:
    template = create(
        client,
        ImageId=client.image(),
        InstanceType="t3.small",
        DisableApiTermination=False,
        UserData="aGVsbG8=",
        TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "a", "Value": "below"}]}],
    )
    add(client, template, ImageId=client.image(), InstanceType="t3.nano")

    by_default = client.call(
        "RunInstances", MinCount=1, MaxCount=1, LaunchTemplate={"LaunchTemplateId": template}
    )["Instances"][0]
    latest = client.call(
        "RunInstances",
        MinCount=1,
        MaxCount=1,
        LaunchTemplate={"LaunchTemplateName": "web", "Version": "$Latest"},
    )["Instances"][0]

    assert (by_default["InstanceType"], latest["InstanceType"]) == ("t3.small", "t3.nano")
    filters = [
        {"Name": "resource-id", "Values": [by_default["InstanceId"]]},
        {"Name": "key", "Values": ["aws:ec2launchtemplate:*"]},
    ]
    tags = {
        tag["Key"]: tag["Value"] for tag in client.call("DescribeTags", Filters=filters)["Tags"]
    }
    assert tags == {"aws:ec2launchtemplate:id": template, "aws:ec2launchtemplate:version": "1"}
    assert {"Key": "a", "Value": "below"} in by_default["Tags"]
    assert {"Key": "aws:ec2launchtemplate:version", "Value": "2"} in latest["Tags"]


def test_a_request_s_own_parameters_win_over_its_template(client: Launcher) -> None:
    tags = [
        {
            "ResourceType": "instance",
            "Tags": [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "1"}],
        }
    ]
    template = create(
        client, ImageId=client.image(), InstanceType="t3.small", TagSpecifications=tags
    )

    instance = client.call(
        "RunInstances",
        MinCount=1,
        MaxCount=1,
        InstanceType="t3.nano",
        LaunchTemplate={"LaunchTemplateId": template},
        TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "a", "Value": "2"}]}],
    )["Instances"][0]

    assert instance["InstanceType"] == "t3.nano"
    own = {tag["Key"]: tag["Value"] for tag in instance["Tags"] if tag["Key"] in "ab"}
    assert own == {"a": "2", "b": "1"}


def test_an_image_may_be_named_by_a_public_parameter(client: Launcher) -> None:
    name = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
    template = create(client, ImageId=f"resolve:ssm:{name}", InstanceType=TYPE)

    (plain,) = versions(client, template)
    (resolved,) = versions(client, template, ResolveAlias=True)
    instance = client.call(
        "RunInstances", MinCount=1, MaxCount=1, LaunchTemplate={"LaunchTemplateId": template}
    )["Instances"][0]

    assert plain["LaunchTemplateData"]["ImageId"] == f"resolve:ssm:{name}"
    assert resolved["LaunchTemplateData"]["ImageId"] == instance["ImageId"]
    assert instance["ImageId"].startswith("ami-")


def test_launches_from_missing_templates_and_versions_are_refused(client: Launcher) -> None:
    template = create(client)

    def code(**specification: str) -> str:
        return client.code_of("RunInstances", MinCount=1, MaxCount=1, LaunchTemplate=specification)

    assert code(LaunchTemplateId=MISSING) == "InvalidLaunchTemplateId.NotFound"
    assert code(LaunchTemplateName="gone") == "InvalidLaunchTemplateName.NotFoundException"
    version = code(LaunchTemplateId=template, Version="3")
    assert version == "InvalidLaunchTemplateId.VersionNotFound"


def test_an_instance_s_data_makes_a_template_that_launches_its_like(client: Launcher) -> None:
    first = client.run(
        UserData="aGVsbG8=",
        TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "a", "Value": "b"}]}],
    )["Instances"][0]

    data = client.call("GetLaunchTemplateData", InstanceId=first["InstanceId"])[
        "LaunchTemplateData"
    ]

    assert (data["ImageId"], data["InstanceType"]) == (first["ImageId"], TYPE)
    assert data["UserData"] == "aGVsbG8="
    assert data["TagSpecifications"][0]["Tags"] == [{"Key": "a", "Value": "b"}]
    data["NetworkInterfaces"][0].pop("PrivateIpAddresses")
    data["MetadataOptions"].pop("State")
    template = create(client, "like", **data)
    second = client.call(
        "RunInstances", MinCount=1, MaxCount=1, LaunchTemplate={"LaunchTemplateId": template}
    )["Instances"][0]
    assert second["SubnetId"] == first["SubnetId"]
    assert second["SecurityGroups"] == first["SecurityGroups"]


def test_the_marks_of_a_template_take_no_place_among_the_tags(client: Launcher) -> None:
    template = create(client, ImageId=client.image(), InstanceType=TYPE)
    instance = client.call(
        "RunInstances", MinCount=1, MaxCount=1, LaunchTemplate={"LaunchTemplateId": template}
    )["Instances"][0]["InstanceId"]
    tags = [{"Key": f"k{number}", "Value": ""} for number in range(50)]

    client.call("CreateTags", Resources=[instance], Tags=tags)

    one_more = client.code_of(
        "CreateTags", Resources=[instance], Tags=[{"Key": "more", "Value": ""}]
    )
    assert one_more == "TagLimitExceeded"
    assert len(client.instance(instance)["Tags"]) == 52
