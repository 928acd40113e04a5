"""The account at a glance: every principal with its policies, and whom a policy belongs to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from emulator.model.iam import (
    Entity,
    Group,
    InstanceProfile,
    ManagedPolicy,
    Principal,
    Role,
    User,
)
from emulator.services.call import Call, Handler
from emulator.services.iam import entities, groups, instance_profiles, policies, roles, users
from emulator.services.iam.documents import encoded
from emulator.services.iam.principal_policies import attached_view

# A result's member, what an item is sorted by among all of them, and the item.
_Item = tuple[str, str, Any]


def _pages(
    members: tuple[str, ...], items: Iterator[_Item], params: Mapping[str, Any]
) -> dict[str, Any]:
    """Return one page of several lists in one order; all lists are in every answer."""
    page = entities.listed("Items", items, params, lambda item: f"{item[0]} {item[1]}", tuple)
    found: dict[str, list[Any]] = {member: [] for member in members}
    for member, _, item in page.pop("Items"):
        found[member].append(item)
    return found | page


def _policies_of(principal: Principal, noun: str) -> dict[str, Any]:
    return {
        f"{noun}PolicyList": [
            {"PolicyName": name, "PolicyDocument": encoded(document)}
            for name, document in sorted(principal.inline_policies.items())
        ],
        "AttachedManagedPolicies": [attached_view(arn) for arn in principal.attached_arns],
    }


def _user_detail(call: Call, user: User) -> dict[str, Any]:
    return {
        **users.summary(user),
        **_policies_of(user, "User"),
        "GroupList": sorted(group.name for group in groups.groups_of(call, user)),
        "PermissionsBoundary": entities.boundary(user.boundary_arn),
        "Tags": entities.pairs(user.tags),
    }


def _group_detail(_: Call, group: Group) -> dict[str, Any]:
    return {**groups.summary(group), **_policies_of(group, "Group")}


def _role_detail(call: Call, role: Role) -> dict[str, Any]:
    region = entities.records(call)
    shown = roles.summary(role)
    del shown["Description"], shown["MaxSessionDuration"]
    return {
        **shown,
        **_policies_of(role, "Role"),
        "InstanceProfileList": [
            instance_profiles.view(region, profile)
            for profile in region[InstanceProfile].where(role_id=role.id)
        ],
        "PermissionsBoundary": entities.boundary(role.boundary_arn),
        "Tags": entities.pairs(role.tags),
        "RoleLastUsed": {},
    }


def _own_policy_detail(call: Call, policy: ManagedPolicy) -> dict[str, Any]:
    versions = [
        {**policies.version_view(policy, version), "Document": encoded(version.document)}
        for version in policy.versions
    ]
    return {**policies.own_view(call, policy), "PolicyVersionList": versions}


def _aws_policy_detail(call: Call, arn: str) -> dict[str, Any]:
    return {**policies.aws_view(call, arn), "PolicyVersionList": policies.aws_versions(arn)}


# The filter's word, the record, the result's member, and the view.
_DETAILS: tuple[tuple[str, type[Entity], str, Callable[[Call, Any], dict[str, Any]]], ...] = (
    ("User", User, "UserDetailList", _user_detail),
    ("Group", Group, "GroupDetailList", _group_detail),
    ("Role", Role, "RoleDetailList", _role_detail),
    ("LocalManagedPolicy", ManagedPolicy, "Policies", _own_policy_detail),
)


def get_account_authorization_details(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """Show every user, group and role, and every policy in use."""
    wanted = params.get("Filter")

    def items() -> Iterator[_Item]:
        for word, kind, member, view in _DETAILS:
            if not wanted or word in wanted:
                for row in entities.records(call)[kind]:
                    yield member, row.name, view(call, row)
        if not wanted or "AWSManagedPolicy" in wanted:
            for arn in policies.in_use_of_aws(call):
                yield "Policies", arn, _aws_policy_detail(call, arn)

    members = ("UserDetailList", "GroupDetailList", "RoleDetailList", "Policies")
    return _pages(members, items(), params)


# Whom a policy can belong to: the filter's word and the result's member.
_HOLDERS: Mapping[type[Entity], tuple[str, str]] = {
    User: ("User", "PolicyUsers"),
    Group: ("Group", "PolicyGroups"),
    Role: ("Role", "PolicyRoles"),
}


def list_entities_for_policy(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """List whom a policy is attached to, or whose boundary it is."""
    arn, word = params["PolicyArn"], params.get("EntityFilter")
    policies.check_attachable(call, arn)
    usage = params.get("PolicyUsageFilter")
    found: list[Principal] = []
    if usage != "PermissionsBoundary":
        found += policies.attached_to(call, arn)
    if usage != "PermissionsPolicy":
        found += (row for row in policies.bounded_by(call, arn) if row not in found)

    def items() -> Iterator[_Item]:
        for row in entities.below(found, params):
            noun, member = _HOLDERS[type(row)]
            if not word or word == noun:
                yield member, row.name, {f"{noun}Name": row.name, f"{noun}Id": row.unique_id}

    return _pages(tuple(member for _, member in _HOLDERS.values()), items(), params)


OPERATIONS: Mapping[str, Handler] = {
    "GetAccountAuthorizationDetails": get_account_authorization_details,
    "ListEntitiesForPolicy": list_entities_for_policy,
}
