"""AWS Identity and Access Management: users, groups, roles and what they may be.

Policies are kept and checked for their grammar; nothing is ever denied because of them.
"""

from __future__ import annotations

from emulator.services.operations import Operations

OPERATIONS = Operations(
    "emulator.services.iam",
    {
        "access_keys": (
            "CreateAccessKey DeleteAccessKey GetAccessKeyLastUsed ListAccessKeys ListMFADevices "
            "ListSSHPublicKeys ListServiceSpecificCredentials ListSigningCertificates "
            "ListVirtualMFADevices UpdateAccessKey"
        ),
        "account": "CreateAccountAlias DeleteAccountAlias GetAccountSummary ListAccountAliases",
        "authorization_details": "GetAccountAuthorizationDetails ListEntitiesForPolicy",
        "groups": (
            "AddUserToGroup CreateGroup DeleteGroup GetGroup ListGroups ListGroupsForUser "
            "RemoveUserFromGroup UpdateGroup"
        ),
        "instance_profiles": (
            "AddRoleToInstanceProfile CreateInstanceProfile DeleteInstanceProfile "
            "GetInstanceProfile ListInstanceProfileTags ListInstanceProfiles "
            "ListInstanceProfilesForRole RemoveRoleFromInstanceProfile TagInstanceProfile "
            "UntagInstanceProfile"
        ),
        "open_id_providers": (
            "AddClientIDToOpenIDConnectProvider CreateOpenIDConnectProvider "
            "DeleteOpenIDConnectProvider GetOpenIDConnectProvider ListOpenIDConnectProviderTags "
            "ListOpenIDConnectProviders RemoveClientIDFromOpenIDConnectProvider "
            "TagOpenIDConnectProvider UntagOpenIDConnectProvider "
            "UpdateOpenIDConnectProviderThumbprint"
        ),
        "passwords": (
            "CreateLoginProfile DeleteAccountPasswordPolicy DeleteLoginProfile "
            "GetAccountPasswordPolicy GetLoginProfile UpdateAccountPasswordPolicy "
            "UpdateLoginProfile"
        ),
        "policies": (
            "CreatePolicy CreatePolicyVersion DeletePolicy DeletePolicyVersion GetPolicy "
            "GetPolicyVersion ListPolicies ListPolicyTags ListPolicyVersions "
            "SetDefaultPolicyVersion TagPolicy UntagPolicy"
        ),
        "principal_policies": (
            "AttachGroupPolicy AttachRolePolicy AttachUserPolicy DeleteGroupPolicy "
            "DeleteRolePolicy DeleteUserPolicy DetachGroupPolicy DetachRolePolicy "
            "DetachUserPolicy GetGroupPolicy GetRolePolicy GetUserPolicy "
            "ListAttachedGroupPolicies ListAttachedRolePolicies ListAttachedUserPolicies "
            "ListGroupPolicies ListRolePolicies ListUserPolicies PutGroupPolicy PutRolePolicy "
            "PutUserPolicy"
        ),
        "roles": (
            "CreateRole DeleteRole DeleteRolePermissionsBoundary GetRole ListRoleTags ListRoles "
            "PutRolePermissionsBoundary TagRole UntagRole UpdateAssumeRolePolicy UpdateRole "
            "UpdateRoleDescription"
        ),
        "service_linked_roles": (
            "CreateServiceLinkedRole DeleteServiceLinkedRole GetServiceLinkedRoleDeletionStatus"
        ),
        "users": (
            "CreateUser DeleteUser DeleteUserPermissionsBoundary GetUser ListUserTags ListUsers "
            "PutUserPermissionsBoundary TagUser UntagUser UpdateUser"
        ),
    },
)
