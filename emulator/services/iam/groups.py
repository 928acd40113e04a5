"""Groups of users."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from emulator.model.iam import Group, User
from emulator.services.call import Call, Handler
from emulator.services.iam import entities, users
from emulator.services.iam.users import find_user

# "IAM and AWS STS quotas".
MAX_GROUPS = 300
MAX_GROUPS_OF_USER = 10


def find_group(call: Call, name: str) -> Group:
    """Return a group.

    Raises:
        AwsError: NoSuchEntity.
    """
    return entities.find(call, Group, name, f"The group with name {name} cannot be found.")


def summary(group: Group) -> dict[str, Any]:
    """Return a group in AWS's shape."""
    return {
        "Path": group.path,
        "GroupName": group.name,
        "GroupId": group.unique_id,
        "Arn": group.arn,
        "CreateDate": group.created_at,
    }


def groups_of(call: Call, user: User) -> list[Group]:
    """Return the groups a user is in."""
    return [group for group in entities.records(call)[Group] if group.unique_id in user.group_ids]


def create_group(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """Create a group. Source: API_CreateGroup."""
    table, name = entities.records(call)[Group], params["GroupName"]
    _check_free(call, name)
    if len(table) >= MAX_GROUPS:
        raise entities.over_quota("GroupsPerAccount", MAX_GROUPS)
    path = params.get("Path") or "/"
    group = Group(
        id=name.lower(),
        name=name,
        path=path,
        arn=entities.arn(call, "group", path, name),
        unique_id=entities.unique_id(call, "AGPA"),
        created_at=entities.now(call),
    )
    table.add(group)
    return {"Group": summary(group)}


def _check_free(call: Call, name: str) -> None:
    if name.lower() in entities.records(call)[Group]:
        raise entities.exists(f"Group with name {name} already exists.")


def get_group(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """Show a group with its users, a page at a time."""
    group = find_group(call, params["GroupName"])
    members = entities.records(call)[User].where(group_ids=group.unique_id)
    page = entities.listed("Users", members, params, lambda user: user.name, users.summary)
    return {"Group": summary(group), **page}


def list_groups(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """List groups under a path."""
    rows = entities.below(entities.records(call)[Group], params)
    return entities.listed("Groups", rows, params, lambda group: group.name, summary)


def list_groups_for_user(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """List the groups a user is in."""
    rows = groups_of(call, find_user(call, params["UserName"]))
    return entities.listed("Groups", rows, params, lambda group: group.name, summary)


def update_group(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """Change a group's name or path; its members stay in it."""
    table, group = entities.records(call)[Group], find_group(call, params["GroupName"])
    name = params.get("NewGroupName") or group.name
    if name.lower() != group.id:
        _check_free(call, name)
    path = params.get("NewPath") or group.path
    table.remove(group)
    arn = entities.arn(call, "group", path, name)
    group.update(id=name.lower(), name=name, path=path, arn=arn)
    table.add(group)
    return {}


def delete_group(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """Delete a group without members and policies."""
    region, group = entities.records(call), find_group(call, params["GroupName"])
    if region[User].has(group_ids=group.unique_id):
        raise entities.conflict("must remove users from group first.")
    if group.attached_arns:
        raise entities.conflict("must detach all policies first.")
    if group.inline_policies:
        raise entities.conflict("must delete policies first.")
    region[Group].remove(group)
    return {}


def add_user_to_group(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """Make a user a member; one that is a member stays one."""
    group, user = find_group(call, params["GroupName"]), find_user(call, params["UserName"])
    if group.unique_id in user.group_ids:
        return {}
    if len(user.group_ids) >= MAX_GROUPS_OF_USER:
        raise entities.over_quota("GroupsPerUser", MAX_GROUPS_OF_USER)
    user.group_ids = (*user.group_ids, group.unique_id)
    return {}


def remove_user_from_group(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """End a membership; a user who is no member is no error."""
    group, user = find_group(call, params["GroupName"]), find_user(call, params["UserName"])
    user.group_ids = tuple(other for other in user.group_ids if other != group.unique_id)
    return {}


OPERATIONS: Mapping[str, Handler] = {
    "AddUserToGroup": add_user_to_group,
    "CreateGroup": create_group,
    "DeleteGroup": delete_group,
    "GetGroup": get_group,
    "ListGroups": list_groups,
    "ListGroupsForUser": list_groups_for_user,
    "RemoveUserFromGroup": remove_user_from_group,
    "UpdateGroup": update_group,
}
