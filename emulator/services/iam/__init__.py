"""AWS Identity and Access Management: roles and what instances need of them.

Policies are kept and checked for their grammar; nothing is ever denied because of them.
"""

from __future__ import annotations

from emulator.services.operations import Operations

OPERATIONS = Operations(
    "emulator.services.iam",
    {
        "account": "GetUser ListAccountAliases",
        "instance_profiles": (
            "AddRoleToInstanceProfile CreateInstanceProfile DeleteInstanceProfile "
            "GetInstanceProfile ListInstanceProfileTags ListInstanceProfiles "
            "ListInstanceProfilesForRole RemoveRoleFromInstanceProfile TagInstanceProfile "
            "UntagInstanceProfile"
        ),
        "policies": (
            "CreatePolicy CreatePolicyVersion DeletePolicy DeletePolicyVersion GetPolicy "
            "GetPolicyVersion ListPolicies ListPolicyTags ListPolicyVersions "
            "SetDefaultPolicyVersion TagPolicy UntagPolicy"
        ),
        "role_policies": (
            "AttachRolePolicy DeleteRolePolicy DetachRolePolicy GetRolePolicy "
            "ListAttachedRolePolicies ListRolePolicies PutRolePolicy"
        ),
        "roles": (
            "CreateRole DeleteRole DeleteRolePermissionsBoundary GetRole ListRoleTags ListRoles "
            "PutRolePermissionsBoundary TagRole UntagRole UpdateAssumeRolePolicy UpdateRole "
            "UpdateRoleDescription"
        ),
    },
)
