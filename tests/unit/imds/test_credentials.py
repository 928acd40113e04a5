"""Credentials of instances."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.imds.credentials import trusts_ec2
from tests.fakes.client import Client
from tests.fakes.inmate import Inmate, metadata_of
from tests.fakes.launcher import Launcher

AMI = "ami-df5de72bdb3b"
PATH = "iam/security-credentials/app"


def employed(region: str = "us-east-1", **settings: Any) -> tuple[Launcher, Inmate]:
    """Return an instance with a role."""
    client = Launcher(region=region)
    client.profile("app")
    instance_id = client.launch(ImageId=AMI, IamInstanceProfile={"Name": "app"})
    return client, Inmate(client, instance_id, metadata_of(client, **settings))


def caller(client: Client, credentials: dict[str, str]) -> dict[str, Any]:
    access_key = credentials["AccessKeyId"]
    answer = Client("sts", like=client, access_key=access_key).call("GetCallerIdentity")
    del answer["ResponseMetadata"]
    return answer


def test_a_role_has_credentials_that_sts_knows() -> None:
    client, inmate = employed()
    shown = inmate.document(PATH)

    assert set(shown) == {
        "Code", "LastUpdated", "Type", "AccessKeyId", "SecretAccessKey", "Token", "Expiration",
    }  # fmt: skip
    assert (shown["Code"], shown["Type"]) == ("Success", "AWS-HMAC")
    assert shown["LastUpdated"] == "2026-01-02T03:04:05Z"
    assert shown["Expiration"] == "2026-01-02T09:04:05Z"
    role_id = Client("iam", like=client).call("GetRole", RoleName="app")["Role"]["RoleId"]
    assert caller(client, shown) == {
        "Account": "000000000000",
        "Arn": f"arn:aws:sts::000000000000:assumed-role/app/{inmate.instance_id}",
        "UserId": f"{role_id}:{inmate.instance_id}",
    }


def test_the_listing_is_the_roles_name_and_nothing_is_made_by_listing() -> None:
    client, inmate = employed()
    from emulator.model.session import Session

    assert inmate.meta("iam/security-credentials/") == "app"
    inmate.meta("")
    inmate.meta("iam/")
    inmate.meta("identity-credentials/ec2/security-credentials/")
    assert len(client.api.state.everywhere("000000000000")[Session]) == 0


def test_credentials_stay_until_a_sixth_of_their_life_is_left_and_then_are_new() -> None:
    client, inmate = employed(credentials_seconds=600)
    first = inmate.document(PATH)
    client.turn(499)
    assert inmate.document(PATH) == first
    client.turn(1)
    second = inmate.document(PATH)
    assert second["AccessKeyId"] != first["AccessKeyId"]
    assert second["Expiration"] == "2026-01-02T03:22:25Z"
    assert caller(client, first)["Arn"] == caller(client, second)["Arn"]
    client.turn(101)
    assert caller(client, first)["Arn"] == "arn:aws:iam::000000000000:root"
    assert caller(client, second)["Arn"].endswith(inmate.instance_id)


def test_what_is_shown_never_ends_sooner_than_a_sixth_of_a_life() -> None:
    client, inmate = employed(credentials_seconds=600)
    for _ in range(30):
        client.turn(60)
        ends = datetime.fromisoformat(inmate.document(PATH)["Expiration"])
        left = (ends - client.api.world.clock.now()).total_seconds()
        assert 100 <= left <= 600


def test_two_instances_of_one_role_have_credentials_of_their_own() -> None:
    client, first = employed()
    instance_id = client.launch(ImageId=AMI, IamInstanceProfile={"Name": "app"})
    second = Inmate(client, instance_id, first.metadata)

    assert first.document(PATH)["AccessKeyId"] != second.document(PATH)["AccessKeyId"]
    assert caller(client, second.document(PATH))["Arn"].endswith(instance_id)


def test_newer_sdks_are_told_the_account_too() -> None:
    _, inmate = employed()
    extended = inmate.document("iam/security-credentials-extended/app")

    assert extended.pop("AccountId") == "000000000000"
    assert extended == inmate.document(PATH)
    assert "extended" not in (inmate.meta("iam/") or "")


def test_a_replaced_profile_changes_the_role_at_once() -> None:
    client, inmate = employed()
    before = inmate.document(PATH)
    arn = client.profile("other")
    (association,) = client.call("DescribeIamInstanceProfileAssociations")[
        "IamInstanceProfileAssociations"
    ]
    client.call(
        "ReplaceIamInstanceProfileAssociation",
        AssociationId=association["AssociationId"],
        IamInstanceProfile={"Arn": arn},
    )

    assert inmate.meta(PATH) is None
    assert inmate.meta("iam/security-credentials/") == "other"
    after = inmate.document("iam/security-credentials/other")
    assert after["AccessKeyId"] != before["AccessKeyId"]


def test_a_reset_of_the_records_leaves_no_credentials_that_sts_forgot() -> None:
    client, inmate = employed()
    first = inmate.document(PATH)
    from emulator.model.session import Session

    sessions = client.api.state.everywhere("000000000000")[Session]
    sessions.remove(sessions[first["AccessKeyId"]])

    assert inmate.document(PATH)["AccessKeyId"] != first["AccessKeyId"]


def test_a_profile_that_is_gone_is_said_to_be() -> None:
    client, inmate = employed()
    iam = Client("iam", like=client)
    iam.call("RemoveRoleFromInstanceProfile", InstanceProfileName="app", RoleName="app")
    assert inmate.meta("iam/security-credentials/") is None
    assert inmate.document("iam/info")["Code"] == "Success"
    iam.call("DeleteInstanceProfile", InstanceProfileName="app")
    assert inmate.document("iam/info")["Code"] == "InstanceProfileNotFound"


def test_a_role_that_ec2_may_not_assume_has_no_credentials() -> None:
    client, inmate = employed()
    trust = {
        "Version": "2012-10-17",
        "Statement": {
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
        },
    }
    Client("iam", like=client).call(
        "UpdateAssumeRolePolicy", RoleName="app", PolicyDocument=json.dumps(trust)
    )
    for path in (PATH, "iam/info"):
        shown = inmate.document(path)
        assert shown["Code"] == "AssumeRoleUnauthorizedAccess"
        assert "AccessKeyId" not in shown


def test_information_about_the_profile_names_it() -> None:
    client, inmate = employed()
    profile = client.instance(inmate.instance_id)["IamInstanceProfile"]

    assert inmate.document("iam/info") == {
        "Code": "Success",
        "LastUpdated": "2026-01-02T03:04:05Z",
        "InstanceProfileArn": profile["Arn"],
        "InstanceProfileId": profile["Id"],
    }


def test_the_instance_itself_has_credentials_without_a_profile() -> None:
    client = Launcher()
    inmate = Inmate(client, client.launch(ImageId=AMI))
    folder = "identity-credentials/ec2/"

    assert inmate.document(f"{folder}info")["AccountId"] == "000000000000"
    assert inmate.meta(f"{folder}security-credentials/") == "ec2-instance"
    arn = caller(client, inmate.document(f"{folder}security-credentials/ec2-instance"))["Arn"]
    assert arn == (f"arn:aws:sts::000000000000:assumed-role/aws:ec2-instance/{inmate.instance_id}")


def test_the_partition_is_in_the_arn() -> None:
    client, inmate = employed(region="cn-north-1")

    assert caller(client, inmate.document(PATH))["Arn"].startswith("arn:aws-cn:sts::")


def statement(**members: Any) -> dict[str, Any]:
    plain = {
        "Effect": "Allow",
        "Principal": {"Service": "ec2.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    return {**plain, **members}


@pytest.mark.parametrize(
    ("statements", "trusted"),
    [
        (statement(), True),
        ([statement()], True),
        (statement(Action=["sts:TagSession", "sts:AssumeRole"]), True),
        (statement(Action="sts:*"), True),
        (statement(Principal="*"), True),
        (statement(Principal={"Service": ["ssm.amazonaws.com", "ec2.amazonaws.com"]}), True),
        (statement(Principal={"Service": "ec2.amazonaws.com.cn"}), True),
        (statement(Principal={"Service": "ssm.amazonaws.com"}), False),
        (statement(Principal={"AWS": "*"}), False),
        (statement(Action="sts:TagSession"), False),
        ([statement(), statement(Effect="Deny")], False),
        ([], False),
    ],
)
def test_a_trust_policy_lets_ec2_in_or_not(statements: Any, trusted: bool) -> None:
    policy = {"Version": "2012-10-17", "Statement": statements}

    assert trusts_ec2(json.dumps(policy)) is trusted


@given(
    st.recursive(
        st.none() | st.booleans() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["Statement", "Effect", "Principal", "Service", "Action"]), inner
            )
        ),
        max_leaves=8,
    )
)
def test_no_policy_confuses_the_judge(policy: Any) -> None:
    assert trusts_ec2(json.dumps(policy)) in (True, False)
