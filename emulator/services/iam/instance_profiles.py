"""Instance profiles: how an instance comes by a role."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from emulator.model.iam import InstanceProfile, Role
from emulator.services.call import Call, Handler
from emulator.services.iam import entities
from emulator.services.iam.roles import find_role, summary
from emulator.state.store import Region

MAX_PROFILES = 1000


def view(region: Region, profile: InstanceProfile) -> dict[str, Any]:
    """Return a profile in AWS's shape."""
    role = region[Role].get(profile.role_id)
    return {
        "Path": profile.path,
        "InstanceProfileName": profile.name,
        "InstanceProfileId": profile.unique_id,
        "Arn": profile.arn,
        "CreateDate": profile.created_at,
        "Roles": [summary(role)] if role else [],
        "Tags": entities.pairs(profile.tags) or None,
    }


def _find(call: Call, params: Mapping[str, Any]) -> InstanceProfile:
    name = params["InstanceProfileName"]
    return entities.find(call, InstanceProfile, name, f"Instance Profile {name} cannot be found.")


def create_instance_profile(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """Create a profile without a role. Source: API_CreateInstanceProfile."""
    region, name = entities.records(call), params["InstanceProfileName"]
    table = region[InstanceProfile]
    if name.lower() in table:
        raise entities.exists(f"Instance Profile {name} already exists.")
    if len(table) >= MAX_PROFILES:
        raise entities.over_quota("InstanceProfilesPerAccount", MAX_PROFILES)
    path = params.get("Path") or "/"
    profile = InstanceProfile(
        id=name.lower(),
        tags=entities.checked_tags(params.get("Tags")),
        name=name,
        path=path,
        arn=entities.arn(call, "instance-profile", path, name),
        unique_id=entities.unique_id(call, "AIPA"),
        created_at=entities.now(call),
    )
    table.add(profile)
    return {"InstanceProfile": view(region, profile)}


def get_instance_profile(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """Show one profile with its role."""
    return {"InstanceProfile": view(entities.records(call), _find(call, params))}


def list_instance_profiles(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """List profiles under a path."""
    region = entities.records(call)
    rows = entities.below(region[InstanceProfile], params)
    return entities.listed(
        "InstanceProfiles", rows, params, lambda row: row.name, lambda row: view(region, row)
    )


def list_instance_profiles_for_role(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """List the profiles a role is in."""
    region, role = entities.records(call), find_role(call, params["RoleName"])
    rows = region[InstanceProfile].where(role_id=role.id)
    return entities.listed(
        "InstanceProfiles", rows, params, lambda row: row.name, lambda row: view(region, row)
    )


def add_role_to_instance_profile(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """Put a role into a profile, which has room for one."""
    profile, role = _find(call, params), find_role(call, params["RoleName"])
    if profile.role_id is not None:
        raise entities.over_quota("InstanceSessionsPerInstanceProfile", 1)
    profile.role_id = role.id
    return {}


def remove_role_from_instance_profile(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """Take a role out of a profile."""
    profile, role = _find(call, params), find_role(call, params["RoleName"])
    if profile.role_id != role.id:
        raise entities.no_such(
            f"The role with name {role.name} cannot be found in the instance profile."
        )
    profile.role_id = None
    return {}


def delete_instance_profile(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """Delete a profile without a role."""
    profile = _find(call, params)
    if profile.role_id is not None:
        raise entities.conflict("must remove roles from instance profile first.")
    entities.records(call)[InstanceProfile].remove(profile)
    return {}


def tag_instance_profile(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """Tag a profile."""
    return entities.tag(_find(call, params), params["Tags"])


def untag_instance_profile(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """Untag a profile."""
    return entities.untag(_find(call, params), params["TagKeys"])


def list_instance_profile_tags(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """List a profile's tags."""
    tags = entities.pairs(_find(call, params).tags)
    return entities.listed("Tags", tags, params, lambda pair: pair["Key"], dict)


OPERATIONS: Mapping[str, Handler] = {
    "AddRoleToInstanceProfile": add_role_to_instance_profile,
    "CreateInstanceProfile": create_instance_profile,
    "DeleteInstanceProfile": delete_instance_profile,
    "GetInstanceProfile": get_instance_profile,
    "ListInstanceProfileTags": list_instance_profile_tags,
    "ListInstanceProfiles": list_instance_profiles,
    "ListInstanceProfilesForRole": list_instance_profiles_for_role,
    "RemoveRoleFromInstanceProfile": remove_role_from_instance_profile,
    "TagInstanceProfile": tag_instance_profile,
    "UntagInstanceProfile": untag_instance_profile,
}
