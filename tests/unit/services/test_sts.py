from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.fakes.client import EPOCH, Client

ROLE = "arn:aws:iam::123456789012:role/path/admin"


@pytest.fixture
def sts() -> Client:
    return Client("sts")


def with_key(sts: Client, key: str) -> Client:
    return Client("sts", like=sts, access_key=key)


def test_any_key_is_the_default_account(sts: Client) -> None:
    who = sts.call("GetCallerIdentity")

    assert who["Account"] == "000000000000"
    assert who["Arn"] == "arn:aws:iam::000000000000:root"


def test_twelve_digits_are_their_own_account(sts: Client) -> None:
    who = with_key(sts, "111122223333").call("GetCallerIdentity")

    assert who["Arn"] == "arn:aws:iam::111122223333:root"


def test_a_real_accounts_key_is_never_taken_for_one_of_ours(sts: Client) -> None:
    who = with_key(sts, "ASIAIOSFODNN7EXAMPLE").call("GetCallerIdentity")

    assert who["Account"] == "000000000000"


def test_an_assumed_role_speaks_for_its_own_account(sts: Client) -> None:
    answer = sts.call("AssumeRole", RoleArn=ROLE, RoleSessionName="me")
    key = answer["Credentials"]["AccessKeyId"]

    who = with_key(sts, key).call("GetCallerIdentity")

    assert who["Account"] == "123456789012"
    assert who["Arn"] == "arn:aws:sts::123456789012:assumed-role/admin/me"
    assert who["Arn"] == answer["AssumedRoleUser"]["Arn"]
    assert who["UserId"] == answer["AssumedRoleUser"]["AssumedRoleId"]


def test_an_assumed_roles_key_reaches_its_accounts_resources(sts: Client) -> None:
    key = sts.call("AssumeRole", RoleArn=ROLE, RoleSessionName="me")["Credentials"]["AccessKeyId"]
    configurations = [{"Key": "domain-name", "Values": ["x"]}]
    Client(like=sts, access_key="123456789012").call(
        "CreateDhcpOptions", DhcpConfigurations=configurations
    )

    found = Client(like=sts, access_key=key).call(
        "DescribeDhcpOptions", Filters=[{"Name": "value", "Values": ["x"]}]
    )

    assert len(found["DhcpOptions"]) == 1


def test_credentials_end_when_they_say(sts: Client) -> None:
    credentials = sts.call("AssumeRole", RoleArn=ROLE, RoleSessionName="me", DurationSeconds=900)[
        "Credentials"
    ]
    assert credentials["Expiration"].astimezone(UTC) == EPOCH + timedelta(seconds=900)

    sts.turn(901)
    who = with_key(sts, credentials["AccessKeyId"]).call("GetCallerIdentity")

    assert who["Arn"] == "arn:aws:iam::123456789012:root"


def test_a_session_token_keeps_the_callers_identity(sts: Client) -> None:
    credentials = sts.call("GetSessionToken")["Credentials"]

    assert credentials["Expiration"].astimezone(UTC) > datetime(2026, 1, 2, 15, tzinfo=UTC)
    who = with_key(sts, credentials["AccessKeyId"]).call("GetCallerIdentity")
    assert who["Arn"] == "arn:aws:iam::000000000000:root"


def test_a_federated_user_has_a_name(sts: Client) -> None:
    answer = sts.call("GetFederationToken", Name="bob")

    who = with_key(sts, answer["Credentials"]["AccessKeyId"]).call("GetCallerIdentity")
    assert who["Arn"] == "arn:aws:sts::000000000000:federated-user/bob"


def test_a_key_tells_its_account(sts: Client) -> None:
    key = sts.call("AssumeRole", RoleArn=ROLE, RoleSessionName="me")["Credentials"]["AccessKeyId"]

    assert sts.call("GetAccessKeyInfo", AccessKeyId=key)["Account"] == "123456789012"
    assert (
        sts.call("GetAccessKeyInfo", AccessKeyId="AKIAIOSFODNN7EXAMPLE")["Account"]
        == "000000000000"
    )


@pytest.mark.parametrize(
    "params",
    [
        {"RoleArn": "arn:aws:iam::123456789012:user/bob/of/a/kind", "RoleSessionName": "me"},
        {"RoleArn": ROLE, "RoleSessionName": "spaces are wrong"},
        {"RoleArn": ROLE, "RoleSessionName": "me", "DurationSeconds": 60},
    ],
)
def test_a_role_that_cannot_be_assumed_is_a_validation_error(
    sts: Client, params: dict[str, object]
) -> None:
    assert sts.code_of("AssumeRole", **params) == "ValidationError"
