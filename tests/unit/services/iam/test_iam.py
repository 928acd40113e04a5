from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

import pytest
from botocore.exceptions import ClientError

from tests.fakes.client import Client
from tests.fakes.launcher import Launcher

TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "ec2.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
)
READ = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": {"Effect": "Allow", "Action": ["s3:Get*"], "Resource": "*"},
    }
)
ADMIN = "arn:aws:iam::aws:policy/AdministratorAccess"


@pytest.fixture
def client() -> Client:
    return Client("iam")


def role(client: Client, name: str = "web", **params: Any) -> dict[str, Any]:
    answer = client.call("CreateRole", RoleName=name, AssumeRolePolicyDocument=TRUST, **params)
    created: dict[str, Any] = answer["Role"]
    return created


def status_of(client: Client, operation: str, **params: Any) -> tuple[str, int]:
    with pytest.raises(ClientError) as caught:
        client.call(operation, **params)
    response = caught.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


def test_a_role_reads_back_what_it_was_given(client: Client) -> None:
    created = role(
        client,
        Path="/app/",
        Description="for the web",
        MaxSessionDuration=7200,
        PermissionsBoundary=ADMIN,
        Tags=[{"Key": "a", "Value": "b"}],
    )

    shown = client.call("GetRole", RoleName="web")["Role"]

    assert shown == created
    assert shown["Arn"] == "arn:aws:iam::000000000000:role/app/web"
    assert shown["RoleId"].startswith("AROA")
    assert unquote(shown["AssumeRolePolicyDocument"]) == TRUST
    assert "%7B" in shown["AssumeRolePolicyDocument"]
    assert (shown["Description"], shown["MaxSessionDuration"]) == ("for the web", 7200)
    assert shown["PermissionsBoundary"]["PermissionsBoundaryArn"] == ADMIN
    assert shown["Tags"] == [{"Key": "a", "Value": "b"}]


def test_roles_are_the_same_in_every_region_and_other_accounts_have_their_own(
    client: Client,
) -> None:
    role(client)

    elsewhere = Client("iam", region="eu-west-1", like=client)
    other = Client("iam", access_key="111111111111", like=client)

    assert elsewhere.call("GetRole", RoleName="web")["Role"]["RoleName"] == "web"
    assert other.code_of("GetRole", RoleName="web") == "NoSuchEntity"


def test_missing_and_taken_names_have_codes_and_statuses_of_their_own(client: Client) -> None:
    role(client)

    assert status_of(client, "GetRole", RoleName="gone") == ("NoSuchEntity", 404)
    taken = status_of(client, "CreateRole", RoleName="WEB", AssumeRolePolicyDocument=TRUST)
    assert taken == ("EntityAlreadyExists", 409)


@pytest.mark.parametrize(
    "document",
    [
        "not json",
        "[]",
        "[" * 5000,
        "{}",
        '{"Statement": []}',
        '{"Statement": [7]}',
        '{"Version": "2020-01-01", "Statement": {"Effect": "Allow"}}',
        READ,
        TRUST.replace("Allow", "Maybe"),
        TRUST.replace('"Action"', '"Deed"'),
        TRUST.replace('"sts:AssumeRole"', "7"),
    ],
)
def test_text_that_is_no_trust_policy_is_refused(client: Client, document: str) -> None:
    code = client.code_of("CreateRole", RoleName="web", AssumeRolePolicyDocument=document)

    assert code == "MalformedPolicyDocument"
    assert client.call("ListRoles")["Roles"] == []


def test_a_role_is_deleted_only_when_nothing_hangs_on_it(client: Client) -> None:
    role(client)
    client.call("PutRolePolicy", RoleName="web", PolicyName="read", PolicyDocument=READ)
    client.call("AttachRolePolicy", RoleName="web", PolicyArn=ADMIN)
    client.call("CreateInstanceProfile", InstanceProfileName="web")
    client.call("AddRoleToInstanceProfile", InstanceProfileName="web", RoleName="web")

    def refused() -> bool:
        return status_of(client, "DeleteRole", RoleName="web") == ("DeleteConflict", 409)

    assert refused()
    client.call("DetachRolePolicy", RoleName="web", PolicyArn=ADMIN)
    assert refused()
    client.call("DeleteRolePolicy", RoleName="web", PolicyName="read")
    assert refused()
    profiles = client.call("ListInstanceProfilesForRole", RoleName="web")["InstanceProfiles"]
    assert [profile["InstanceProfileName"] for profile in profiles] == ["web"]
    client.call("RemoveRoleFromInstanceProfile", InstanceProfileName="web", RoleName="web")
    client.call("DeleteRole", RoleName="web")
    assert client.code_of("GetRole", RoleName="web") == "NoSuchEntity"


def test_a_role_s_settings_change(client: Client) -> None:
    role(client)
    other = TRUST.replace("ec2", "ecs-tasks")

    client.call("UpdateRole", RoleName="web", Description="new", MaxSessionDuration=3700)
    client.call("UpdateAssumeRolePolicy", RoleName="web", PolicyDocument=other)
    client.call("TagRole", RoleName="web", Tags=[{"Key": "a", "Value": "b"}])

    shown = client.call("GetRole", RoleName="web")["Role"]
    assert (shown["Description"], shown["MaxSessionDuration"]) == ("new", 3700)
    assert unquote(shown["AssumeRolePolicyDocument"]) == other
    assert client.call("ListRoleTags", RoleName="web")["Tags"] == [{"Key": "a", "Value": "b"}]
    client.call("UntagRole", RoleName="web", TagKeys=["a"])
    assert client.call("ListRoleTags", RoleName="web")["Tags"] == []
    described = client.call("UpdateRoleDescription", RoleName="web", Description="newer")
    assert described["Role"]["Description"] == "newer"


def test_inline_policies_are_written_read_and_deleted(client: Client) -> None:
    role(client)
    client.call("PutRolePolicy", RoleName="web", PolicyName="read", PolicyDocument=READ)

    shown = client.call("GetRolePolicy", RoleName="web", PolicyName="read")

    assert unquote(shown["PolicyDocument"]) == READ
    assert client.call("ListRolePolicies", RoleName="web")["PolicyNames"] == ["read"]
    wrong = client.code_of("PutRolePolicy", RoleName="web", PolicyName="x", PolicyDocument=TRUST)
    assert wrong == "MalformedPolicyDocument"
    client.call("DeleteRolePolicy", RoleName="web", PolicyName="read")
    missing = status_of(client, "GetRolePolicy", RoleName="web", PolicyName="read")
    assert missing == ("NoSuchEntity", 404)


def test_managed_policies_are_attached_and_counted(client: Client) -> None:
    role(client)
    created = client.call("CreatePolicy", PolicyName="read", PolicyDocument=READ)["Policy"]

    for _ in range(2):
        client.call("AttachRolePolicy", RoleName="web", PolicyArn=created["Arn"])
    client.call("AttachRolePolicy", RoleName="web", PolicyArn=ADMIN)

    attached = client.call("ListAttachedRolePolicies", RoleName="web")["AttachedPolicies"]
    assert attached == [
        {"PolicyName": "AdministratorAccess", "PolicyArn": ADMIN},
        {"PolicyName": "read", "PolicyArn": created["Arn"]},
    ]
    policy = client.call("GetPolicy", PolicyArn=created["Arn"])["Policy"]
    assert (policy["AttachmentCount"], policy["DefaultVersionId"]) == (1, "v1")
    conflict = status_of(client, "DeletePolicy", PolicyArn=created["Arn"])
    assert conflict == ("DeleteConflict", 409)
    missing = created["Arn"] + "s"
    assert client.code_of("AttachRolePolicy", RoleName="web", PolicyArn=missing) == "NoSuchEntity"
    local = client.call("ListPolicies", Scope="Local")["Policies"]
    assert [item["PolicyName"] for item in local] == ["read"]


def test_a_policy_has_versions_of_which_one_is_the_default(client: Client) -> None:
    arn = client.call("CreatePolicy", PolicyName="read", PolicyDocument=READ)["Policy"]["Arn"]
    other = READ.replace("Get", "List")

    client.call("CreatePolicyVersion", PolicyArn=arn, PolicyDocument=other, SetAsDefault=True)

    shown = client.call("GetPolicyVersion", PolicyArn=arn, VersionId="v2")["PolicyVersion"]
    assert (unquote(shown["Document"]), shown["IsDefaultVersion"]) == (other, True)
    versions = client.call("ListPolicyVersions", PolicyArn=arn)["Versions"]
    assert [version["VersionId"] for version in versions] == ["v2", "v1"]
    default = client.code_of("DeletePolicyVersion", PolicyArn=arn, VersionId="v2")
    assert default == "DeleteConflict"
    assert client.code_of("DeletePolicy", PolicyArn=arn) == "DeleteConflict"
    client.call("DeletePolicyVersion", PolicyArn=arn, VersionId="v1")
    client.call("DeletePolicy", PolicyArn=arn)
    assert client.code_of("GetPolicy", PolicyArn=arn) == "NoSuchEntity"


def test_lists_come_in_pages_by_name_and_path(client: Client) -> None:
    for name in ("d", "b", "a", "c"):
        role(client, name, Path="/x/" if name in "ab" else "/")

    first = client.call("ListRoles", MaxItems=3)
    rest = client.call("ListRoles", Marker=first["Marker"])

    assert (first["IsTruncated"], rest["IsTruncated"]) == (True, False)
    assert [item["RoleName"] for item in first["Roles"] + rest["Roles"]] == ["a", "b", "c", "d"]
    below = client.call("ListRoles", PathPrefix="/x/")["Roles"]
    assert [item["RoleName"] for item in below] == ["a", "b"]
    assert client.code_of("ListRoles", Marker="?") == "ValidationError"


def test_a_profile_holds_one_role_and_goes_only_without_it(client: Client) -> None:
    role(client), role(client, "other")
    created = client.call(
        "CreateInstanceProfile", InstanceProfileName="web", Tags=[{"Key": "a", "Value": "b"}]
    )["InstanceProfile"]
    client.call("AddRoleToInstanceProfile", InstanceProfileName="web", RoleName="web")

    shown = client.call("GetInstanceProfile", InstanceProfileName="web")["InstanceProfile"]

    assert created["Roles"] == []
    assert shown["InstanceProfileId"].startswith("AIPA")
    assert [item["RoleName"] for item in shown["Roles"]] == ["web"]
    assert shown["Tags"] == [{"Key": "a", "Value": "b"}]
    second = status_of(
        client, "AddRoleToInstanceProfile", InstanceProfileName="web", RoleName="other"
    )
    assert second == ("LimitExceeded", 409)
    held = status_of(client, "DeleteInstanceProfile", InstanceProfileName="web")
    assert held == ("DeleteConflict", 409)
    client.call("RemoveRoleFromInstanceProfile", InstanceProfileName="web", RoleName="web")
    client.call("DeleteInstanceProfile", InstanceProfileName="web")
    assert client.code_of("GetInstanceProfile", InstanceProfileName="web") == "NoSuchEntity"


def test_an_instance_is_launched_only_with_a_profile_that_has_a_role(client: Client) -> None:
    launcher = Launcher(like=client)
    request = launcher.request(IamInstanceProfile={"Name": "web"})

    assert launcher.code_of("RunInstances", **request) == "InvalidParameterValue"
    profile = client.call("CreateInstanceProfile", InstanceProfileName="web")["InstanceProfile"]
    assert launcher.code_of("RunInstances", **request) == "InvalidParameterValue"
    role(client)
    client.call("AddRoleToInstanceProfile", InstanceProfileName="web", RoleName="web")

    instance = launcher.instance(launcher.launch(IamInstanceProfile={"Arn": profile["Arn"]}))

    assert instance["IamInstanceProfile"] == {
        "Arn": profile["Arn"],
        "Id": profile["InstanceProfileId"],
    }


def test_assuming_a_kept_role_shows_its_id_and_unknown_roles_may_be_assumed(client: Client) -> None:
    created = role(client)
    sts = Client("sts", like=client)

    known = sts.call("AssumeRole", RoleArn=created["Arn"], RoleSessionName="me")
    unknown = sts.call(
        "AssumeRole", RoleArn="arn:aws:iam::000000000000:role/none", RoleSessionName="me"
    )

    assert known["AssumedRoleUser"]["AssumedRoleId"] == f"{created['RoleId']}:me"
    assert unknown["AssumedRoleUser"]["AssumedRoleId"].startswith("AROA")


def test_the_caller_is_the_root_user(client: Client) -> None:
    assert client.call("GetUser")["User"]["Arn"] == "arn:aws:iam::000000000000:root"
    assert client.code_of("GetUser", UserName="me") == "NoSuchEntity"
    assert client.call("ListAccountAliases")["AccountAliases"] == []
