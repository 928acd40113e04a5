from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

import pytest
from botocore.exceptions import ClientError

from tests.fakes.client import EPOCH, Client

ACCOUNT = "000000000000"
READ = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": {"Effect": "Allow", "Action": ["s3:Get*"], "Resource": "*"},
    }
)
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": {
            "Effect": "Allow",
            "Principal": {"Service": "ec2.amazonaws.com"},
            "Action": "sts:AssumeRole",
        },
    }
)
ADMIN = "arn:aws:iam::aws:policy/AdministratorAccess"


@pytest.fixture
def client() -> Client:
    return Client("iam")


def user(client: Client, name: str = "ann", **params: Any) -> dict[str, Any]:
    created: dict[str, Any] = client.call("CreateUser", UserName=name, **params)["User"]
    return created


def refusal(client: Client, operation: str, **params: Any) -> tuple[str, int]:
    with pytest.raises(ClientError) as caught:
        client.call(operation, **params)
    response = caught.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


def test_a_user_reads_back_what_it_was_given(client: Client) -> None:
    created = user(
        client, Path="/dev/", PermissionsBoundary=ADMIN, Tags=[{"Key": "a", "Value": "b"}]
    )

    shown = client.call("GetUser", UserName="ann")["User"]

    assert shown == created
    assert shown["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/dev/ann"
    assert shown["UserId"].startswith("AIDA")
    assert len(shown["UserId"]) == 21
    assert shown["CreateDate"] == EPOCH
    assert shown["PermissionsBoundary"] == {
        "PermissionsBoundaryType": "Policy",
        "PermissionsBoundaryArn": ADMIN,
    }
    assert client.call("ListUserTags", UserName="ann")["Tags"] == [{"Key": "a", "Value": "b"}]
    assert refusal(client, "CreateUser", UserName="ANN") == ("EntityAlreadyExists", 409)
    assert refusal(client, "GetUser", UserName="Ann") == ("NoSuchEntity", 404)


def test_users_are_listed_by_name_under_a_path_in_pages(client: Client) -> None:
    for name in ("d", "b", "a", "c"):
        user(client, name, Path="/x/" if name in "ab" else "/")

    first = client.call("ListUsers", MaxItems=3)
    rest = client.call("ListUsers", Marker=first["Marker"])

    assert [item["UserName"] for item in first["Users"] + rest["Users"]] == ["a", "b", "c", "d"]
    below = client.call("ListUsers", PathPrefix="/x/")["Users"]
    assert [item["UserName"] for item in below] == ["a", "b"]


def test_a_renamed_user_keeps_its_id_its_keys_and_its_groups(client: Client) -> None:
    created = user(client)
    user(client, "bob")
    client.call("CreateGroup", GroupName="devs")
    client.call("AddUserToGroup", GroupName="devs", UserName="ann")
    key = client.call("CreateAccessKey", UserName="ann")["AccessKey"]["AccessKeyId"]

    taken = refusal(client, "UpdateUser", UserName="ann", NewUserName="bob")
    client.call("UpdateUser", UserName="ann", NewUserName="anna", NewPath="/x/")

    assert taken == ("EntityAlreadyExists", 409)
    shown = client.call("GetUser", UserName="anna")["User"]
    assert (shown["UserId"], shown["Path"]) == (created["UserId"], "/x/")
    assert shown["Arn"].endswith(":user/x/anna")
    assert client.code_of("GetUser", UserName="ann") == "NoSuchEntity"
    groups = client.call("ListGroupsForUser", UserName="anna")["Groups"]
    assert [group["GroupName"] for group in groups] == ["devs"]
    keys = client.call("ListAccessKeys", UserName="anna")["AccessKeyMetadata"]
    assert [item["AccessKeyId"] for item in keys] == [key]


def test_a_user_goes_only_when_it_has_nothing_left(client: Client) -> None:
    user(client)
    client.call("CreateGroup", GroupName="devs")
    key = client.call("CreateAccessKey", UserName="ann")["AccessKey"]["AccessKeyId"]
    client.call("AddUserToGroup", GroupName="devs", UserName="ann")
    client.call("AttachUserPolicy", UserName="ann", PolicyArn=ADMIN)
    client.call("PutUserPolicy", UserName="ann", PolicyName="p", PolicyDocument=READ)
    client.call("CreateLoginProfile", UserName="ann", Password="Sesame-opens-1")

    for operation, params in (
        ("DetachUserPolicy", {"PolicyArn": ADMIN}),
        ("DeleteUserPolicy", {"PolicyName": "p"}),
        ("RemoveUserFromGroup", {"GroupName": "devs"}),
        ("DeleteLoginProfile", {}),
        ("DeleteAccessKey", {"AccessKeyId": key}),
    ):
        assert refusal(client, "DeleteUser", UserName="ann") == ("DeleteConflict", 409)
        client.call(operation, UserName="ann", **params)
    client.call("DeleteUser", UserName="ann")

    assert client.call("ListUsers")["Users"] == []


def test_a_created_key_speaks_for_its_user(client: Client) -> None:
    created = user(client, Path="/ci/")
    key = client.call("CreateAccessKey", UserName="ann")["AccessKey"]
    unused = client.call("GetAccessKeyLastUsed", AccessKeyId=key["AccessKeyId"])

    sts = Client("sts", like=client, access_key=key["AccessKeyId"], region="eu-west-1")
    identity = sts.call("GetCallerIdentity")

    assert (key["UserName"], key["Status"], len(key["SecretAccessKey"])) == ("ann", "Active", 40)
    assert identity["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/ci/ann"
    assert (identity["Account"], identity["UserId"]) == (ACCOUNT, created["UserId"])
    own = Client("iam", like=client, access_key=key["AccessKeyId"])
    assert own.call("GetUser")["User"]["UserName"] == "ann"
    assert own.call("ListAccessKeys")["AccessKeyMetadata"][0]["UserName"] == "ann"
    assert unused["AccessKeyLastUsed"]["Region"] == "N/A"
    used = client.call("GetAccessKeyLastUsed", AccessKeyId=key["AccessKeyId"])
    assert (used["UserName"], used["AccessKeyLastUsed"]["ServiceName"]) == ("ann", "iam")
    assert used["AccessKeyLastUsed"]["LastUsedDate"] == EPOCH


def test_a_session_of_a_user_is_still_the_user(client: Client) -> None:
    user(client)
    key = client.call("CreateAccessKey", UserName="ann")["AccessKey"]["AccessKeyId"]

    token = Client("sts", like=client, access_key=key).call("GetSessionToken")["Credentials"]

    session = Client("sts", like=client, access_key=token["AccessKeyId"])
    assert session.call("GetCallerIdentity")["Arn"].endswith(":user/ann")


def test_a_user_has_two_keys_at_most_and_each_may_be_inactive(client: Client) -> None:
    user(client)
    user(client, "bob")
    first, second = (
        client.call("CreateAccessKey", UserName="ann")["AccessKey"]["AccessKeyId"] for _ in range(2)
    )

    assert refusal(client, "CreateAccessKey", UserName="ann") == ("LimitExceeded", 409)
    client.call("UpdateAccessKey", UserName="ann", AccessKeyId=first, Status="Inactive")
    keys = client.call("ListAccessKeys", UserName="ann")["AccessKeyMetadata"]
    assert {key["AccessKeyId"]: key["Status"] for key in keys} == {
        first: "Inactive",
        second: "Active",
    }
    others = refusal(client, "DeleteAccessKey", UserName="bob", AccessKeyId=first)
    assert others == ("NoSuchEntity", 404)


def test_without_a_name_and_without_a_user_s_key_nobody_is_meant(client: Client) -> None:
    for operation in ("CreateAccessKey", "ListAccessKeys", "GetLoginProfile"):
        assert refusal(client, operation) == ("ValidationError", 400)


def test_a_group_has_members_and_goes_without_them(client: Client) -> None:
    user(client)
    made = client.call("CreateGroup", GroupName="devs", Path="/x/")["Group"]
    for _ in range(2):
        client.call("AddUserToGroup", GroupName="devs", UserName="ann")

    shown = client.call("GetGroup", GroupName="devs")

    assert made["GroupId"].startswith("AGPA")
    assert shown["Group"] == made
    assert [member["UserName"] for member in shown["Users"]] == ["ann"]
    assert refusal(client, "DeleteGroup", GroupName="devs") == ("DeleteConflict", 409)
    client.call("UpdateGroup", GroupName="devs", NewGroupName="engineers")
    groups = client.call("ListGroupsForUser", UserName="ann")["Groups"]
    assert [(group["GroupName"], group["Arn"].split(":")[-1]) for group in groups] == [
        ("engineers", "group/x/engineers")
    ]
    client.call("RemoveUserFromGroup", GroupName="engineers", UserName="ann")
    client.call("DeleteGroup", GroupName="engineers")
    assert client.call("ListGroups")["Groups"] == []
    missing = refusal(client, "AddUserToGroup", GroupName="engineers", UserName="ann")
    assert missing == ("NoSuchEntity", 404)


@pytest.mark.parametrize("noun", ["User", "Group", "Role"])
def test_policies_are_written_into_and_attached_to_every_principal(
    client: Client, noun: str
) -> None:
    trust = {"AssumeRolePolicyDocument": TRUST} if noun == "Role" else {}
    me = {f"{noun}Name": "me"}
    client.call(f"Create{noun}", **me, **trust)

    client.call(f"Put{noun}Policy", **me, PolicyName="read", PolicyDocument=READ)
    client.call(f"Attach{noun}Policy", **me, PolicyArn=ADMIN)

    inline = client.call(f"Get{noun}Policy", **me, PolicyName="read")
    assert (inline[f"{noun}Name"], unquote(inline["PolicyDocument"])) == ("me", READ)
    assert "%7B" in inline["PolicyDocument"]
    assert client.call(f"List{noun}Policies", **me)["PolicyNames"] == ["read"]
    attached = client.call(f"ListAttached{noun}Policies", **me)["AttachedPolicies"]
    assert attached == [{"PolicyName": "AdministratorAccess", "PolicyArn": ADMIN}]
    holders = client.call("ListEntitiesForPolicy", PolicyArn=ADMIN)
    assert [item[f"{noun}Name"] for item in holders[f"Policy{noun}s"]] == ["me"]
    assert refusal(client, f"Delete{noun}", **me) == ("DeleteConflict", 409)
    client.call(f"Detach{noun}Policy", **me, PolicyArn=ADMIN)
    gone = refusal(client, f"Detach{noun}Policy", **me, PolicyArn=ADMIN)
    client.call(f"Delete{noun}Policy", **me, PolicyName="read")
    missing = refusal(client, f"Get{noun}Policy", **me, PolicyName="read")
    assert gone == missing == ("NoSuchEntity", 404)
    client.call(f"Delete{noun}", **me)


def test_a_principal_s_policies_have_a_size_and_a_number(client: Client) -> None:
    user(client)
    long = READ.replace("s3:Get*", "s3:" + "G" * 1900)
    client.call("PutUserPolicy", UserName="ann", PolicyName="a", PolicyDocument=long)

    over = refusal(client, "PutUserPolicy", UserName="ann", PolicyName="b", PolicyDocument=READ)
    for number in range(10):
        arn = f"arn:aws:iam::aws:policy/P{number}"
        client.call("AttachUserPolicy", UserName="ann", PolicyArn=arn)

    assert over == ("LimitExceeded", 409)
    eleventh = refusal(client, "AttachUserPolicy", UserName="ann", PolicyArn=ADMIN)
    assert eleventh == ("LimitExceeded", 409)


def test_a_policy_is_counted_wherever_it_is_attached(client: Client) -> None:
    user(client)
    client.call("CreateGroup", GroupName="devs")
    arn = client.call("CreatePolicy", PolicyName="read", PolicyDocument=READ)["Policy"]["Arn"]
    client.call("AttachUserPolicy", UserName="ann", PolicyArn=arn)
    client.call("AttachGroupPolicy", GroupName="devs", PolicyArn=arn)
    client.call("PutUserPermissionsBoundary", UserName="ann", PermissionsBoundary=arn)

    policy = client.call("GetPolicy", PolicyArn=arn)["Policy"]

    assert (policy["AttachmentCount"], policy["PermissionsBoundaryUsageCount"]) == (2, 1)
    bounded = client.call(
        "ListEntitiesForPolicy", PolicyArn=arn, PolicyUsageFilter="PermissionsBoundary"
    )
    assert [item["UserName"] for item in bounded["PolicyUsers"]] == ["ann"]
    assert bounded["PolicyGroups"] == []
    assert refusal(client, "DeletePolicy", PolicyArn=arn) == ("DeleteConflict", 409)
    client.call("DeleteUserPermissionsBoundary", UserName="ann")
    none = refusal(client, "DeleteUserPermissionsBoundary", UserName="ann")
    assert none == ("NoSuchEntity", 404)


def test_aws_s_policies_have_the_documents_that_aws_published(client: Client) -> None:
    arn = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"
    policy = client.call("GetPolicy", PolicyArn=arn)["Policy"]

    shown = client.call("GetPolicyVersion", PolicyArn=arn, VersionId=policy["DefaultVersionId"])

    document = json.loads(unquote(shown["PolicyVersion"]["Document"]))
    assert "ssm:UpdateInstanceInformation" in document["Statement"][0]["Action"]
    versions = client.call("ListPolicyVersions", PolicyArn=arn)["Versions"]
    assert [version["VersionId"] for version in versions] == [policy["DefaultVersionId"]]
    listed = client.call("ListPolicies", Scope="AWS", MaxItems=1000)["Policies"]
    assert {"AdministratorAccess", "ReadOnlyAccess"} <= {item["PolicyName"] for item in listed}
    wrong = refusal(client, "GetPolicyVersion", PolicyArn=arn, VersionId="v99")
    assert wrong == ("NoSuchEntity", 404)


def test_a_password_follows_the_account_s_rules_and_is_never_shown(client: Client) -> None:
    user(client)

    weak = refusal(client, "CreateLoginProfile", UserName="ann", Password="sesame")
    made = client.call(
        "CreateLoginProfile", UserName="ann", Password="Sesame-1", PasswordResetRequired=True
    )["LoginProfile"]

    assert weak == ("PasswordPolicyViolation", 400)
    assert made == {"UserName": "ann", "CreateDate": EPOCH, "PasswordResetRequired": True}
    assert client.call("GetLoginProfile", UserName="ann")["LoginProfile"] == made
    again = refusal(client, "CreateLoginProfile", UserName="ann", Password="Sesame-1")
    assert again == ("EntityAlreadyExists", 409)
    client.call("UpdateAccountPasswordPolicy", MinimumPasswordLength=12, RequireSymbols=True)
    short = refusal(client, "UpdateLoginProfile", UserName="ann", Password="Sesame-1")
    plain = refusal(client, "UpdateLoginProfile", UserName="ann", Password="sesamesesame")
    assert short == plain == ("PasswordPolicyViolation", 400)
    client.call("UpdateLoginProfile", UserName="ann", Password="sesame-sesame")


def test_the_account_s_password_policy_is_set_shown_and_deleted(client: Client) -> None:
    assert refusal(client, "GetAccountPasswordPolicy") == ("NoSuchEntity", 404)

    client.call("UpdateAccountPasswordPolicy", MaxPasswordAge=90)

    policy = client.call("GetAccountPasswordPolicy")["PasswordPolicy"]
    assert (policy["MinimumPasswordLength"], policy["ExpirePasswords"]) == (6, True)
    client.call("DeleteAccountPasswordPolicy")
    assert refusal(client, "DeleteAccountPasswordPolicy") == ("NoSuchEntity", 404)


def test_an_account_has_one_alias_that_no_other_has(client: Client) -> None:
    other = Client("iam", like=client, access_key="111122223333")
    client.call("CreateAccountAlias", AccountAlias="acme")

    taken = refusal(other, "CreateAccountAlias", AccountAlias="acme")
    client.call("CreateAccountAlias", AccountAlias="acme-dev")

    assert taken == ("EntityAlreadyExists", 409)
    assert client.call("ListAccountAliases")["AccountAliases"] == ["acme-dev"]
    assert refusal(client, "DeleteAccountAlias", AccountAlias="acme") == ("NoSuchEntity", 404)
    client.call("DeleteAccountAlias", AccountAlias="acme-dev")
    assert client.call("ListAccountAliases")["AccountAliases"] == []


def test_the_summary_counts_and_the_details_show_everything(client: Client) -> None:
    user(client)
    client.call("CreateGroup", GroupName="devs")
    client.call("AddUserToGroup", GroupName="devs", UserName="ann")
    client.call("CreateRole", RoleName="web", AssumeRolePolicyDocument=TRUST)
    client.call("CreateInstanceProfile", InstanceProfileName="web")
    client.call("AddRoleToInstanceProfile", InstanceProfileName="web", RoleName="web")
    client.call("CreatePolicy", PolicyName="read", PolicyDocument=READ)
    client.call("AttachRolePolicy", RoleName="web", PolicyArn=ADMIN)
    client.call("PutUserPolicy", UserName="ann", PolicyName="p", PolicyDocument=READ)

    counts = client.call("GetAccountSummary")["SummaryMap"]
    details = client.call("GetAccountAuthorizationDetails")

    assert [counts[kind] for kind in ("Users", "Groups", "Roles", "Policies")] == [1, 1, 1, 1]
    (ann,) = details["UserDetailList"]
    assert (ann["GroupList"], ann["UserPolicyList"][0]["PolicyName"]) == (["devs"], "p")
    (role,) = details["RoleDetailList"]
    assert role["InstanceProfileList"][0]["InstanceProfileName"] == "web"
    assert role["AttachedManagedPolicies"][0]["PolicyArn"] == ADMIN
    names = [policy["PolicyName"] for policy in details["Policies"]]
    assert sorted(names) == ["AdministratorAccess", "read"]
    assert all(policy["PolicyVersionList"] for policy in details["Policies"])
    only = client.call("GetAccountAuthorizationDetails", Filter=["Group"])
    assert (len(only["GroupDetailList"]), only["UserDetailList"]) == (1, [])


def test_details_come_in_pages_of_all_kinds_together(client: Client) -> None:
    for name in "abc":
        user(client, name)
    client.call("CreateGroup", GroupName="devs")

    names, marker = [], {}
    while True:
        page = client.call("GetAccountAuthorizationDetails", MaxItems=2, **marker)
        names += [item["GroupName"] for item in page["GroupDetailList"]]
        names += [item["UserName"] for item in page["UserDetailList"]]
        if not page["IsTruncated"]:
            break
        marker = {"Marker": page["Marker"]}

    assert sorted(names) == ["a", "b", "c", "devs"]


def test_a_service_s_role_is_changed_by_nobody_else(client: Client) -> None:
    made = client.call("CreateServiceLinkedRole", AWSServiceName="spot.amazonaws.com")["Role"]
    name = made["RoleName"]

    assert name == "AWSServiceRoleForEC2Spot"
    assert made["Arn"].endswith(f":role/aws-service-role/spot.amazonaws.com/{name}")
    assert client.call("GetRole", RoleName=name)["Role"]["RoleId"] == made["RoleId"]
    again = refusal(client, "CreateServiceLinkedRole", AWSServiceName="spot.amazonaws.com")
    assert again == ("InvalidInput", 400)
    protected = refusal(client, "AttachRolePolicy", RoleName=name, PolicyArn=ADMIN)
    assert protected == refusal(client, "DeleteRole", RoleName=name) == ("UnmodifiableEntity", 400)
    task = client.call("DeleteServiceLinkedRole", RoleName=name)["DeletionTaskId"]
    status = client.call("GetServiceLinkedRoleDeletionStatus", DeletionTaskId=task)
    assert status["Status"] == "SUCCEEDED"
    assert client.code_of("GetRole", RoleName=name) == "NoSuchEntity"


def test_an_identity_provider_keeps_its_audiences_and_thumbprints(client: Client) -> None:
    arn = client.call(
        "CreateOpenIDConnectProvider",
        Url="https://token.example.org/x",
        ClientIDList=["sts.amazonaws.com"],
        ThumbprintList=["a" * 40],
    )["OpenIDConnectProviderArn"]
    me = {"OpenIDConnectProviderArn": arn}

    client.call("AddClientIDToOpenIDConnectProvider", **me, ClientID="other")
    client.call("UpdateOpenIDConnectProviderThumbprint", **me, ThumbprintList=["b" * 40])

    assert arn == f"arn:aws:iam::{ACCOUNT}:oidc-provider/token.example.org/x"
    shown = client.call("GetOpenIDConnectProvider", **me)
    assert shown["ClientIDList"] == ["sts.amazonaws.com", "other"]
    assert (shown["Url"], shown["ThumbprintList"]) == ("token.example.org/x", ["b" * 40])
    assert client.call("ListOpenIDConnectProviders")["OpenIDConnectProviderList"] == [{"Arn": arn}]
    client.call("DeleteOpenIDConnectProvider", **me)
    assert refusal(client, "GetOpenIDConnectProvider", **me) == ("NoSuchEntity", 404)


def test_of_other_credentials_a_user_has_none(client: Client) -> None:
    user(client)
    for operation in ("ListMFADevices", "ListSSHPublicKeys", "ListSigningCertificates"):
        assert client.call(operation, UserName="ann")["IsTruncated"] is False
        assert client.code_of(operation, UserName="bob") == "NoSuchEntity"
