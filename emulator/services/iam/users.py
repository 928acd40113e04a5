"""Users: people and programs with credentials of their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from emulator.core.errors import AwsError
from emulator.model.iam import AccessKey, User
from emulator.services.call import Call, Handler
from emulator.services.iam import entities
from emulator.services.iam.policies import check_attachable

# "IAM and AWS STS quotas".
MAX_USERS = 5000


def find_user(call: Call, name: str) -> User:
    """Return a user.

    Raises:
        AwsError: NoSuchEntity.
    """
    return entities.find(call, User, name, f"The user with name {name} cannot be found.")


def calling_user(call: Call) -> User | None:
    """Return the user whose access key signed the request; None for anybody else."""
    region = entities.records(call)
    key = region[AccessKey].get(call.access_key)
    found = region[User].where(unique_id=key.user_id) if key else ()
    return found[0] if found else None


def user_or_caller(call: Call, params: Mapping[str, Any]) -> User:
    """Return the user that a request names, or else the one who calls.

    Raises:
        AwsError: NoSuchEntity, or ValidationError where no name is given and no user calls.
    """
    name = params.get("UserName")
    user = find_user(call, name) if name else calling_user(call)
    if user is None:
        raise AwsError(
            "ValidationError", "Must specify userName when calling with non-User credentials"
        )
    return user


def summary(user: User) -> dict[str, Any]:
    """Return a user as lists show it."""
    return {
        "Path": user.path,
        "UserName": user.name,
        "UserId": user.unique_id,
        "Arn": user.arn,
        "CreateDate": user.created_at,
    }


def _whole(user: User) -> dict[str, Any]:
    return {
        **summary(user),
        "PermissionsBoundary": entities.boundary(user.boundary_arn),
        "Tags": entities.pairs(user.tags) or None,
    }


def create_user(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """Create a user. Source: API_CreateUser."""
    table, name = entities.records(call)[User], params["UserName"]
    _check_free(call, name)
    if len(table) >= MAX_USERS:
        raise entities.over_quota("UsersPerAccount", MAX_USERS)
    boundary = params.get("PermissionsBoundary")
    if boundary:
        check_attachable(call, boundary)
    path = params.get("Path") or "/"
    user = User(
        id=name.lower(),
        tags=entities.checked_tags(params.get("Tags")),
        name=name,
        path=path,
        arn=entities.arn(call, "user", path, name),
        unique_id=entities.unique_id(call, "AIDA"),
        created_at=entities.now(call),
        boundary_arn=boundary,
    )
    table.add(user)
    return {"User": _whole(user)}


def _check_free(call: Call, name: str) -> None:
    if name.lower() in entities.records(call)[User]:
        raise entities.exists(f"User with name {name} already exists.")


def get_user(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """Show one user; without a name the caller, who is the account's root unless a user."""
    name = params.get("UserName")
    user = find_user(call, name) if name else calling_user(call)
    if user is not None:
        return {"User": _whole(user)}
    return {
        "User": {
            "Path": "/",
            "UserId": call.account,
            "Arn": f"arn:aws:iam::{call.account}:root",
            "CreateDate": call.world.clock.epoch.replace(microsecond=0),
        }
    }


def list_users(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """List users under a path."""
    rows = entities.below(entities.records(call)[User], params)
    return entities.listed("Users", rows, params, lambda user: user.name, summary)


def update_user(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """Change a user's name or path; its unique id, and so all it has, stays."""
    table, user = entities.records(call)[User], find_user(call, params["UserName"])
    name = params.get("NewUserName") or user.name
    if name.lower() != user.id:
        _check_free(call, name)
    path = params.get("NewPath") or user.path
    table.remove(user)
    arn = entities.arn(call, "user", path, name)
    user.update(id=name.lower(), name=name, path=path, arn=arn)
    table.add(user)
    return {}


def delete_user(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """Delete a user that has nothing left. Source: API_DeleteUser."""
    region, user = entities.records(call), find_user(call, params["UserName"])
    if user.attached_arns:
        raise entities.conflict("must detach all policies first.")
    if user.inline_policies:
        raise entities.conflict("must delete policies first.")
    if user.group_ids:
        raise entities.conflict("must remove users from group first.")
    if user.login is not None:
        raise entities.conflict("must delete login profile first.")
    if region[AccessKey].has(user_id=user.unique_id):
        raise entities.conflict("must delete access keys first.")
    region[User].remove(user)
    return {}


def put_user_permissions_boundary(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """Give a user a permissions boundary."""
    user = find_user(call, params["UserName"])
    check_attachable(call, params["PermissionsBoundary"])
    user.boundary_arn = params["PermissionsBoundary"]
    return {}


def delete_user_permissions_boundary(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """Take a user's permissions boundary away."""
    user = find_user(call, params["UserName"])
    if user.boundary_arn is None:
        raise entities.no_such("The user has no permissions boundary.")
    user.boundary_arn = None
    return {}


def tag_user(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """Tag a user."""
    return entities.tag(find_user(call, params["UserName"]), params["Tags"])


def untag_user(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """Untag a user."""
    return entities.untag(find_user(call, params["UserName"]), params["TagKeys"])


def list_user_tags(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """List a user's tags."""
    tags = entities.pairs(find_user(call, params["UserName"]).tags)
    return entities.listed("Tags", tags, params, lambda pair: pair["Key"], dict)


OPERATIONS: Mapping[str, Handler] = {
    "CreateUser": create_user,
    "DeleteUser": delete_user,
    "DeleteUserPermissionsBoundary": delete_user_permissions_boundary,
    "GetUser": get_user,
    "ListUserTags": list_user_tags,
    "ListUsers": list_users,
    "PutUserPermissionsBoundary": put_user_permissions_boundary,
    "TagUser": tag_user,
    "UntagUser": untag_user,
    "UpdateUser": update_user,
}
