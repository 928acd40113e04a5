"""The account itself: its alias, and how much of everything it has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from emulator.model.iam import (
    Group,
    InstanceProfile,
    ManagedPolicy,
    OpenIdProvider,
    Role,
    User,
)
from emulator.services.call import Call, Handler
from emulator.services.iam import entities
from emulator.services.iam.access_keys import MAX_KEYS_OF_USER
from emulator.services.iam.groups import MAX_GROUPS, MAX_GROUPS_OF_USER
from emulator.services.iam.instance_profiles import MAX_PROFILES
from emulator.services.iam.policies import (
    MAX_POLICIES,
    MAX_POLICY_SIZE,
    MAX_VERSIONS,
    attached_to,
    in_use_of_aws,
)
from emulator.services.iam.principal_policies import MAX_ATTACHED, MAX_INLINE_SIZES
from emulator.services.iam.roles import MAX_ROLES, MAX_TRUST_SIZE
from emulator.services.iam.users import MAX_USERS

_ALIAS = "alias"


def create_account_alias(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """Give the account an alias in place of the one it has. No two accounts share one."""
    alias = params["AccountAlias"]
    if any(region.settings.get(_ALIAS) == alias for region in call.state):
        raise entities.exists(f"The account alias {alias} already exists.")
    entities.records(call).settings[_ALIAS] = alias
    return {}


def delete_account_alias(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """Take the account's alias away."""
    settings, alias = entities.records(call).settings, params["AccountAlias"]
    if settings.get(_ALIAS) != alias:
        raise entities.no_such(f"The account alias with name {alias} cannot be found.")
    del settings[_ALIAS]
    return {}


def list_account_aliases(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """List the account's one alias, if it has one."""
    alias = entities.records(call).settings.get(_ALIAS)
    return entities.listed("AccountAliases", [alias] if alias else [], params, str, str)


def get_account_summary(call: Call, _params: Mapping[str, Any]) -> dict[str, Any]:
    """Count what the account has, beside its quotas. Source: API_GetAccountSummary."""
    region = entities.records(call)
    policies = region[ManagedPolicy]
    in_use = [policy for policy in policies if attached_to(call, policy.arn)]
    return {
        "SummaryMap": {
            "AccessKeysPerUserQuota": MAX_KEYS_OF_USER,
            "AccountAccessKeysPresent": 0,
            "AccountMFAEnabled": 0,
            "AccountPasswordPresent": 0,
            "AccountSigningCertificatesPresent": 0,
            "AssumeRolePolicySizeQuota": MAX_TRUST_SIZE,
            "AttachedPoliciesPerGroupQuota": MAX_ATTACHED,
            "AttachedPoliciesPerRoleQuota": MAX_ATTACHED,
            "AttachedPoliciesPerUserQuota": MAX_ATTACHED,
            "GlobalEndpointTokenVersion": 1,
            "GroupPolicySizeQuota": MAX_INLINE_SIZES["Group"],
            "Groups": len(region[Group]),
            "GroupsPerUserQuota": MAX_GROUPS_OF_USER,
            "GroupsQuota": MAX_GROUPS,
            "InstanceProfiles": len(region[InstanceProfile]),
            "InstanceProfilesQuota": MAX_PROFILES,
            "MFADevices": 0,
            "MFADevicesInUse": 0,
            "Policies": len(policies),
            "PoliciesQuota": MAX_POLICIES,
            "PolicySizeQuota": MAX_POLICY_SIZE,
            "PolicyVersionsInUse": len(in_use) + len(in_use_of_aws(call)),
            "Providers": len(region[OpenIdProvider]),
            "RolePolicySizeQuota": MAX_INLINE_SIZES["Role"],
            "Roles": len(region[Role]),
            "RolesQuota": MAX_ROLES,
            "UserPolicySizeQuota": MAX_INLINE_SIZES["User"],
            "Users": len(region[User]),
            "UsersQuota": MAX_USERS,
            "VersionsPerPolicyQuota": MAX_VERSIONS,
        }
    }


OPERATIONS: Mapping[str, Handler] = {
    "CreateAccountAlias": create_account_alias,
    "DeleteAccountAlias": delete_account_alias,
    "GetAccountSummary": get_account_summary,
    "ListAccountAliases": list_account_aliases,
}
