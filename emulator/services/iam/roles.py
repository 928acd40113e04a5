"""Roles: who may be what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from emulator.core.errors import AwsError
from emulator.model.iam import InstanceProfile, Role
from emulator.services.call import Call, Handler
from emulator.services.iam import entities
from emulator.services.iam.documents import check_document, encoded, size
from emulator.services.iam.policies import check_attachable

# "IAM and AWS STS quotas".
MAX_ROLES = 1000
MAX_TRUST_SIZE = 2048
DEFAULT_SESSION_SECONDS = 3600


def find_role(call: Call, name: str) -> Role:
    """Return a role.

    Raises:
        AwsError: NoSuchEntity.
    """
    return entities.find(call, Role, name, f"The role with name {name} cannot be found.")


def changeable_role(call: Call, name: str) -> Role:
    """Return a role that is not a service's own.

    Raises:
        AwsError: NoSuchEntity, or UnmodifiableEntity for a service-linked role.
    """
    role = find_role(call, name)
    if role.service is not None:
        raise AwsError(
            "UnmodifiableEntity",
            f"Cannot perform the operation on the protected role '{name}' - this role is only "
            "modifiable by AWS",
        )
    return role


def summary(role: Role) -> dict[str, Any]:
    """Return a role as lists and instance profiles show it."""
    return {
        "Path": role.path,
        "RoleName": role.name,
        "RoleId": role.unique_id,
        "Arn": role.arn,
        "CreateDate": role.created_at,
        "AssumeRolePolicyDocument": encoded(role.trust_policy),
        "Description": role.description,
        "MaxSessionDuration": role.max_session_seconds,
    }


def _whole(role: Role) -> dict[str, Any]:
    return {
        **summary(role),
        "PermissionsBoundary": entities.boundary(role.boundary_arn),
        "Tags": entities.pairs(role.tags) or None,
        "RoleLastUsed": {},
    }


def _check_trust(document: str) -> None:
    check_document(document, "trust")
    if size(document) > MAX_TRUST_SIZE:
        raise entities.over_quota("ACLSizePerRole", MAX_TRUST_SIZE)


def create_role(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """Create a role. Source: API_CreateRole."""
    table, name = entities.records(call)[Role], params["RoleName"]
    if name.lower() in table:
        raise entities.exists(f"Role with name {name} already exists.")
    if len(table) >= MAX_ROLES:
        raise entities.over_quota("RolesPerAccount", MAX_ROLES)
    document = params["AssumeRolePolicyDocument"]
    _check_trust(document)
    boundary = params.get("PermissionsBoundary")
    if boundary:
        check_attachable(call, boundary)
    path = params.get("Path") or "/"
    role = Role(
        id=name.lower(),
        tags=entities.checked_tags(params.get("Tags")),
        name=name,
        path=path,
        arn=entities.arn(call, "role", path, name),
        unique_id=entities.unique_id(call, "AROA"),
        created_at=entities.now(call),
        trust_policy=document,
        description=params.get("Description"),
        max_session_seconds=params.get("MaxSessionDuration") or DEFAULT_SESSION_SECONDS,
        boundary_arn=boundary,
    )
    table.add(role)
    return {"Role": _whole(role)}


def get_role(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """Show one role."""
    return {"Role": _whole(find_role(call, params["RoleName"]))}


def list_roles(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """List roles under a path."""
    rows = entities.below(entities.records(call)[Role], params)
    return entities.listed("Roles", rows, params, lambda role: role.name, summary)


def update_role(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """Change a role's description and longest session."""
    role = find_role(call, params["RoleName"])
    if "Description" in params:
        role.description = params["Description"]
    role.max_session_seconds = params.get("MaxSessionDuration") or DEFAULT_SESSION_SECONDS
    return {}


def update_role_description(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """Change a role's description."""
    role = find_role(call, params["RoleName"])
    role.description = params["Description"]
    return {"Role": _whole(role)}


def update_assume_role_policy(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """Change who may assume a role."""
    role = changeable_role(call, params["RoleName"])
    _check_trust(params["PolicyDocument"])
    role.trust_policy = params["PolicyDocument"]
    return {}


def delete_role(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """Delete a role that has no policies and stands in no instance profile."""
    role = changeable_role(call, params["RoleName"])
    if role.attached_arns:
        raise entities.conflict("must detach all policies first.")
    if role.inline_policies:
        raise entities.conflict("must delete policies first.")
    if entities.records(call)[InstanceProfile].where(role_id=role.id):
        raise entities.conflict("must remove roles from instance profile first.")
    entities.records(call)[Role].remove(role)
    return {}


def put_role_permissions_boundary(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """Give a role a permissions boundary."""
    role = changeable_role(call, params["RoleName"])
    check_attachable(call, params["PermissionsBoundary"])
    role.boundary_arn = params["PermissionsBoundary"]
    return {}


def delete_role_permissions_boundary(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """Take a role's permissions boundary away."""
    role = changeable_role(call, params["RoleName"])
    if role.boundary_arn is None:
        raise AwsError("NoSuchEntity", "The role has no permissions boundary.", 404)
    role.boundary_arn = None
    return {}


def tag_role(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """Tag a role."""
    return entities.tag(find_role(call, params["RoleName"]), params["Tags"])


def untag_role(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """Untag a role."""
    return entities.untag(find_role(call, params["RoleName"]), params["TagKeys"])


def list_role_tags(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """List a role's tags."""
    tags = entities.pairs(find_role(call, params["RoleName"]).tags)
    return entities.listed("Tags", tags, params, lambda pair: pair["Key"], dict)


OPERATIONS: Mapping[str, Handler] = {
    "CreateRole": create_role,
    "DeleteRole": delete_role,
    "DeleteRolePermissionsBoundary": delete_role_permissions_boundary,
    "GetRole": get_role,
    "ListRoleTags": list_role_tags,
    "ListRoles": list_roles,
    "PutRolePermissionsBoundary": put_role_permissions_boundary,
    "TagRole": tag_role,
    "UntagRole": untag_role,
    "UpdateAssumeRolePolicy": update_assume_role_policy,
    "UpdateRole": update_role,
    "UpdateRoleDescription": update_role_description,
}
