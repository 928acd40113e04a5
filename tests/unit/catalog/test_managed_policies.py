from __future__ import annotations

import json

from emulator.catalog.managed_policies import managed_policies


def test_every_policy_has_a_document_and_stands_under_its_arn() -> None:
    for arn, policy in managed_policies().items():
        assert arn == f"arn:aws:iam::aws:policy{policy.path}{policy.name}"
        assert policy.version.startswith("v")
        assert policy.created_at <= policy.updated_at
        statements = json.loads(policy.document)["Statement"]
        assert all(statement["Effect"] in {"Allow", "Deny"} for statement in statements)


def test_what_instances_are_given_most_is_there() -> None:
    names = {policy.name for policy in managed_policies().values()}

    assert {
        "AdministratorAccess",
        "AmazonEC2ContainerServiceforEC2Role",
        "AmazonEC2FullAccess",
        "AmazonSSMManagedInstanceCore",
        "CloudWatchAgentServerPolicy",
        "ReadOnlyAccess",
    } <= names
