"""Policies of roles: written into them, or managed and attached."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from emulator.core.errors import AwsError
from emulator.services.call import Call, Handler
from emulator.services.iam import entities
from emulator.services.iam.documents import check_document, encoded, size
from emulator.services.iam.policies import check_attachable, name_of, path_of
from emulator.services.iam.roles import find_role

# "IAM and AWS STS quotas": all inline policies of a role together, and managed ones.
MAX_INLINE_SIZE = 10_240
MAX_ATTACHED = 10


def put_role_policy(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """Write a policy into a role, in place of one of the same name."""
    role, document = find_role(call, params["RoleName"]), params["PolicyDocument"]
    check_document(document, "identity")
    policies = {**role.inline_policies, params["PolicyName"]: document}
    if sum(map(size, policies.values())) > MAX_INLINE_SIZE:
        raise AwsError(
            "LimitExceeded",
            f"Maximum policy size of {MAX_INLINE_SIZE} bytes exceeded for role {role.name}",
            409,
        )
    role.inline_policies = policies
    return {}


def _no_inline(name: str) -> AwsError:
    return entities.no_such(f"The role policy with name {name} cannot be found.")


def get_role_policy(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """Show a policy that is written into a role."""
    role, name = find_role(call, params["RoleName"]), params["PolicyName"]
    document = role.inline_policies.get(name)
    if document is None:
        raise _no_inline(name)
    return {"RoleName": role.name, "PolicyName": name, "PolicyDocument": encoded(document)}


def list_role_policies(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """List the names of a role's inline policies."""
    role = find_role(call, params["RoleName"])
    return entities.listed("PolicyNames", role.inline_policies, params, str, str)


def delete_role_policy(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """Take an inline policy out of a role."""
    role, name = find_role(call, params["RoleName"]), params["PolicyName"]
    if name not in role.inline_policies:
        raise _no_inline(name)
    role.inline_policies = {
        key: document for key, document in role.inline_policies.items() if key != name
    }
    return {}


def attach_role_policy(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """Attach a managed policy; attaching it again does nothing."""
    role, arn = find_role(call, params["RoleName"]), params["PolicyArn"]
    check_attachable(call, arn)
    if arn in role.attached_arns:
        return {}
    if len(role.attached_arns) >= MAX_ATTACHED:
        raise entities.over_quota("PoliciesPerRole", MAX_ATTACHED)
    role.attached_arns = (*role.attached_arns, arn)
    return {}


def detach_role_policy(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """Detach a managed policy."""
    role, arn = find_role(call, params["RoleName"]), params["PolicyArn"]
    if arn not in role.attached_arns:
        raise entities.no_such(f"Policy {arn} was not found.")
    role.attached_arns = tuple(other for other in role.attached_arns if other != arn)
    return {}


def list_attached_role_policies(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """List the managed policies attached to a role."""
    role = find_role(call, params["RoleName"])
    prefix = params.get("PathPrefix") or "/"
    arns = [arn for arn in role.attached_arns if path_of(arn).startswith(prefix)]
    return entities.listed(
        "AttachedPolicies",
        arns,
        params,
        lambda arn: f"{name_of(arn)} {arn}",
        lambda arn: {"PolicyName": name_of(arn), "PolicyArn": arn},
    )


OPERATIONS: Mapping[str, Handler] = {
    "AttachRolePolicy": attach_role_policy,
    "DeleteRolePolicy": delete_role_policy,
    "DetachRolePolicy": detach_role_policy,
    "GetRolePolicy": get_role_policy,
    "ListAttachedRolePolicies": list_attached_role_policies,
    "ListRolePolicies": list_role_policies,
    "PutRolePolicy": put_role_policy,
}
