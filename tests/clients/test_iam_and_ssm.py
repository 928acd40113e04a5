"""Every paginator and waiter that boto3 has for what is answered of IAM and SSM."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import botocore.loaders
import pytest
from botocore import xform_name
from botocore.exceptions import ClientError

from emulator.services.registry import SERVICES
from tests.clients.conftest import KEYS
from tests.clients.emulator_process import EmulatorProcess

ALLOW = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": {"Effect": "Allow", "Action": "ec2:*", "Resource": "*"},
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
POLICY = "arn:aws:iam::000000000000:policy/p0"
NAMES = [f"n{number}" for number in range(6)]


def paginators(service: str) -> dict[str, Any]:
    loaded = botocore.loaders.Loader().load_service_model(service, "paginators-1")
    return {
        name: facts for name, facts in loaded["pagination"].items() if name in SERVICES[service]
    }


PAGINATORS = [
    (service, name, facts)
    for service in ("iam", "ssm")
    for name, facts in sorted(paginators(service).items())
]
# What a list cannot be asked for without.
PARAMS: dict[str, dict[str, Any]] = {
    "GetGroup": {"GroupName": "n0"},
    "GetParameterHistory": {"Name": "/p/n0"},
    "GetParametersByPath": {"Path": "/", "Recursive": True},
    "ListAttachedGroupPolicies": {"GroupName": "n0"},
    "ListAttachedRolePolicies": {"RoleName": "n0"},
    "ListAttachedUserPolicies": {"UserName": "n0"},
    "ListEntitiesForPolicy": {"PolicyArn": POLICY},
    "ListAccessKeys": {"UserName": "n0"},
    "ListGroupPolicies": {"GroupName": "n0"},
    "ListGroupsForUser": {"UserName": "n0"},
    "ListInstanceProfileTags": {"InstanceProfileName": "n0"},
    "ListInstanceProfilesForRole": {"RoleName": "n0"},
    "ListOpenIDConnectProviderTags": {
        "OpenIDConnectProviderArn": "arn:aws:iam::000000000000:oidc-provider/example.org"
    },
    "ListPolicyTags": {"PolicyArn": POLICY},
    "ListPolicyVersions": {"PolicyArn": POLICY},
    "ListRolePolicies": {"RoleName": "n0"},
    "ListRoleTags": {"RoleName": "n0"},
    "ListUserPolicies": {"UserName": "n0"},
    "ListUserTags": {"UserName": "n0"},
}
# The account has one of these, or none, and the least page holds them.
SHORT = {
    "DescribeInstanceInformation": 5,
    "ListAccountAliases": 1,
    "ListCommandInvocations": 1,
    "ListCommands": 1,
    "ListMFADevices": 1,
    "ListSSHPublicKeys": 1,
    "ListServiceSpecificCredentials": 1,
    "ListSigningCertificates": 1,
    "ListVirtualMFADevices": 1,
}


@pytest.fixture(scope="module")
def clients(emulator: EmulatorProcess) -> dict[str, Any]:
    return {
        service: boto3.client(service, endpoint_url=emulator.url, **KEYS)
        for service in ("iam", "ssm")
    }


@pytest.fixture(scope="module")
def furnished(clients: dict[str, Any]) -> dict[str, Any]:
    """An account with six of everything."""
    iam, ssm = clients["iam"], clients["ssm"]
    tags = [{"Key": name, "Value": "v"} for name in NAMES]
    for number, name in enumerate(NAMES):
        iam.create_policy(PolicyName=f"p{number}", PolicyDocument=ALLOW, Tags=tags)
        iam.create_user(UserName=name, Tags=tags)
        iam.create_group(GroupName=name)
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST, Tags=tags)
        iam.create_instance_profile(InstanceProfileName=name, Tags=tags)
        iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName="n0")
        ssm.put_parameter(Name=f"/p/{name}", Value="v", Type="String", Tags=tags)
        ssm.put_parameter(Name="/p/n0", Value=name, Overwrite=True)
    iam.create_open_id_connect_provider(Url="https://example.org", Tags=tags)
    iam.create_access_key(UserName="n0"), iam.create_access_key(UserName="n0")
    for _ in range(4):
        iam.create_policy_version(PolicyArn=POLICY, PolicyDocument=ALLOW)
    for number, name in enumerate(NAMES):
        iam.add_user_to_group(GroupName="n0", UserName=name)
        iam.add_user_to_group(GroupName=name, UserName="n0")
        arn = f"arn:aws:iam::000000000000:policy/p{number}"
        iam.attach_user_policy(UserName=name, PolicyArn=POLICY)
        iam.attach_user_policy(UserName="n0", PolicyArn=arn)
        iam.attach_role_policy(RoleName="n0", PolicyArn=arn)
        iam.attach_group_policy(GroupName="n0", PolicyArn=arn)
        document = {"PolicyName": name, "PolicyDocument": ALLOW}
        iam.put_user_policy(UserName="n0", **document)
        iam.put_group_policy(GroupName="n0", **document)
        iam.put_role_policy(RoleName="n0", **document)
    return clients


def paged(client: Any, name: str, facts: dict[str, Any], size: int | None) -> Iterator[list[str]]:
    keys = facts["result_key"]
    keys = keys if isinstance(keys, list) else [keys]
    pages = client.get_paginator(xform_name(name)).paginate(
        **PARAMS.get(name, {}), PaginationConfig={"PageSize": size} if size else {}
    )
    for page in pages:
        yield [
            json.dumps([key, item], default=str, sort_keys=True)
            for key in keys
            for item in page.get(key, [])
        ]


@pytest.mark.parametrize(
    ("service", "name", "facts"), PAGINATORS, ids=[f"{each[0]}-{each[1]}" for each in PAGINATORS]
)
def test_small_pages_hold_everything_once(
    furnished: dict[str, Any], service: str, name: str, facts: dict[str, Any]
) -> None:
    least = SHORT.get(name, 1)
    whole = [item for page in paged(furnished[service], name, facts, None) for item in page]

    pages = list(paged(furnished[service], name, facts, least))

    assert sorted(item for page in pages for item in page) == sorted(whole)
    assert len(set(whole)) == len(whole)
    assert max(map(len, pages)) <= least
    if name not in SHORT:
        assert len(pages) > 1


def test_a_token_nobody_gave_is_refused(furnished: dict[str, Any]) -> None:
    with pytest.raises(ClientError) as refused:
        furnished["ssm"].describe_parameters(NextToken="garbage")
    assert refused.value.response["Error"]["Code"] == "InvalidNextToken"

    with pytest.raises(ClientError) as refused:
        furnished["iam"].list_roles(Marker="?")
    assert refused.value.response["Error"]["Code"] == "ValidationError"


@pytest.mark.parametrize(
    ("waiter", "params"),
    [
        ("InstanceProfileExists", {"InstanceProfileName": "n0"}),
        ("PolicyExists", {"PolicyArn": POLICY}),
        ("RoleExists", {"RoleName": "n0"}),
        ("UserExists", {"UserName": "n0"}),
    ],
)
def test_a_waiter_of_iam_need_not_wait(
    furnished: dict[str, Any], waiter: str, params: dict[str, Any]
) -> None:
    furnished["iam"].get_waiter(xform_name(waiter)).wait(
        **params, WaiterConfig={"Delay": 0, "MaxAttempts": 1}
    )


def test_every_waiter_of_iam_is_known() -> None:
    loaded = botocore.loaders.Loader().load_service_model("iam", "waiters-2")

    assert set(loaded["waiters"]) == {
        "InstanceProfileExists",
        "PolicyExists",
        "RoleExists",
        "UserExists",
    }
