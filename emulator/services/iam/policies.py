"""Managed policies: the account's own with their versions, and AWS's by their ARNs."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from typing import Any

from emulator.catalog import managed_policies as catalog
from emulator.core.errors import AwsError
from emulator.model.iam import Group, ManagedPolicy, PolicyVersion, Principal, Role, User
from emulator.services.call import Call, Handler
from emulator.services.iam import entities
from emulator.services.iam.documents import check_document, encoded, size

# "IAM and AWS STS quotas".
MAX_POLICIES = 1500
MAX_POLICY_SIZE = 6144
MAX_VERSIONS = 5
_ARN = re.compile(
    r"arn:aws[a-z-]*:iam::([0-9]{12}|aws):policy(/(?:[\x21-\x7e]{1,510}/)?)([\w+=,.@-]{1,128})"
)


def _missing(arn: str) -> AwsError:
    return entities.no_such(f"Policy {arn} does not exist or is not attachable.")


def _parts(arn: str) -> re.Match[str]:
    match = _ARN.fullmatch(arn)
    if match is None:
        raise AwsError("ValidationError", f"ARN {arn[:256]} is not valid.")
    return match


def name_of(arn: str) -> str:
    """Return the name in a policy's ARN."""
    return arn.rpartition("/")[2]


def path_of(arn: str) -> str:
    """Return the path in a policy's ARN."""
    return _parts(arn)[2]


def _own(call: Call, arn: str) -> ManagedPolicy | None:
    """Return the account's own policy, None for one of AWS's.

    Raises:
        AwsError: ValidationError or NoSuchEntity.
    """
    owner, _, name = _parts(arn).groups()
    if owner == "aws":
        return None
    policy = entities.records(call)[ManagedPolicy].get(name.lower())
    if policy is None or policy.arn != arn:
        raise _missing(arn)
    return policy


def _changeable(call: Call, params: Mapping[str, Any]) -> ManagedPolicy:
    policy = _own(call, params["PolicyArn"])
    if policy is None:
        raise AwsError("AccessDenied", "AWS managed policies cannot be changed", 403)
    return policy


def check_attachable(call: Call, arn: str) -> None:
    """Refuse an ARN that names no policy; of AWS's own, every well-formed name is one."""
    _own(call, arn)


def attached_to(call: Call, arn: str) -> list[Principal]:
    """Return the users, groups and roles that a policy is attached to."""
    region = entities.records(call)
    found: list[Principal] = [*region[User].where(attached_arns=arn)]
    found += region[Group].where(attached_arns=arn)
    return [*found, *region[Role].where(attached_arns=arn)]


def bounded_by(call: Call, arn: str) -> list[Principal]:
    """Return the users and roles whose permissions boundary a policy is."""
    region = entities.records(call)
    return [*region[User].where(boundary_arn=arn), *region[Role].where(boundary_arn=arn)]


def _uses(call: Call, arn: str) -> tuple[int, int]:
    return len(attached_to(call, arn)), len(bounded_by(call, arn))


def in_use_of_aws(call: Call) -> list[str]:
    """Return the ARNs of AWS's own policies that are attached to anything."""
    region = entities.records(call)
    principals: list[Principal] = [*region[User], *region[Group], *region[Role]]
    arns = {arn for principal in principals for arn in principal.attached_arns}
    return sorted(arn for arn in arns if arn.startswith("arn:aws:iam::aws:"))


def own_view(call: Call, policy: ManagedPolicy) -> dict[str, Any]:
    """Return one of the account's own policies in AWS's shape."""
    attached, bounding = _uses(call, policy.arn)
    return {
        "PolicyName": policy.name,
        "PolicyId": policy.unique_id,
        "Arn": policy.arn,
        "Path": policy.path,
        "DefaultVersionId": f"v{policy.default_number}",
        "AttachmentCount": attached,
        "PermissionsBoundaryUsageCount": bounding,
        "IsAttachable": True,
        "Description": policy.description,
        "CreateDate": policy.created_at,
        "UpdateDate": policy.updated_at,
    }


def aws_view(call: Call, arn: str) -> dict[str, Any]:
    """Return one of AWS's policies in AWS's shape."""
    attached, bounding = _uses(call, arn)
    digest = base64.b32encode(hashlib.sha256(arn.encode()).digest()).decode()
    known = catalog.managed_policies().get(arn)
    moment = call.world.clock.epoch.replace(microsecond=0)
    return {
        "PolicyName": name_of(arn),
        "PolicyId": f"ANPA{digest[:17]}",
        "Arn": arn,
        "Path": path_of(arn),
        "DefaultVersionId": known.version if known else "v1",
        "AttachmentCount": attached,
        "PermissionsBoundaryUsageCount": bounding,
        "IsAttachable": True,
        "CreateDate": known.created_at if known else moment,
        "UpdateDate": known.updated_at if known else moment,
    }


def create_policy(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """Create a policy with its first version. Source: API_CreatePolicy."""
    table, name = entities.records(call)[ManagedPolicy], params["PolicyName"]
    if name.lower() in table:
        raise entities.exists(
            f"A policy called {name} already exists. Duplicate names are not allowed."
        )
    if len(table) >= MAX_POLICIES:
        raise entities.over_quota("PoliciesPerAccount", MAX_POLICIES)
    _check(params["PolicyDocument"])
    now = entities.now(call)
    path = params.get("Path") or "/"
    policy = ManagedPolicy(
        id=name.lower(),
        tags=entities.checked_tags(params.get("Tags")),
        name=name,
        path=path,
        arn=entities.arn(call, "policy", path, name),
        unique_id=entities.unique_id(call, "ANPA"),
        created_at=now,
        updated_at=now,
        versions=(PolicyVersion(1, params["PolicyDocument"], now),),
        description=params.get("Description"),
    )
    table.add(policy)
    return {"Policy": {**own_view(call, policy), "Tags": entities.pairs(policy.tags) or None}}


def _check(document: str) -> None:
    check_document(document, "identity")
    if size(document) > MAX_POLICY_SIZE:
        raise entities.over_quota("PolicySize", MAX_POLICY_SIZE)


def get_policy(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """Show a policy."""
    policy = _own(call, params["PolicyArn"])
    if policy is None:
        return {"Policy": aws_view(call, params["PolicyArn"])}
    return {"Policy": {**own_view(call, policy), "Tags": entities.pairs(policy.tags) or None}}


def list_policies(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """List the account's policies and the best known of AWS's."""
    scope, prefix = params.get("Scope") or "All", params.get("PathPrefix") or "/"
    shown = []
    if scope in ("All", "Local"):
        shown += [own_view(call, policy) for policy in entities.records(call)[ManagedPolicy]]
    if scope in ("All", "AWS"):
        known = {*catalog.managed_policies(), *in_use_of_aws(call)}
        shown += [aws_view(call, arn) for arn in known]
    shown = [item for item in shown if item["Path"].startswith(prefix)]
    usage = params.get("PolicyUsageFilter")
    if params.get("OnlyAttached") or usage == "PermissionsPolicy":
        shown = [item for item in shown if item["AttachmentCount"]]
    if usage == "PermissionsBoundary":
        shown = [item for item in shown if item["PermissionsBoundaryUsageCount"]]
    return entities.listed("Policies", shown, params, lambda item: str(item["Arn"]), dict)


def delete_policy(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """Delete a policy that is attached nowhere and has no version but its default."""
    policy = _changeable(call, params)
    if any(_uses(call, policy.arn)):
        raise AwsError("DeleteConflict", "Cannot delete a policy attached to entities.", 409)
    if len(policy.versions) > 1:
        raise AwsError(
            "DeleteConflict",
            "This policy has more than one version. Before you delete a policy, you must delete "
            "the policy's versions. The default version is deleted with the policy.",
            409,
        )
    entities.records(call)[ManagedPolicy].remove(policy)
    return {}


def version_view(policy: ManagedPolicy, version: PolicyVersion) -> dict[str, Any]:
    """Return a version without its document in AWS's shape."""
    return {
        "VersionId": f"v{version.number}",
        "IsDefaultVersion": version.number == policy.default_number,
        "CreateDate": version.created_at,
    }


def _version(policy: ManagedPolicy, version_id: str) -> PolicyVersion:
    for version in policy.versions:
        if f"v{version.number}" == version_id:
            return version
    raise _no_version(policy.arn, version_id)


def _no_version(arn: str, version_id: str) -> AwsError:
    return entities.no_such(
        f"Policy {arn} version {version_id} does not exist or is not attachable."
    )


def create_policy_version(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """Add a version to a policy."""
    policy, document = _changeable(call, params), params["PolicyDocument"]
    _check(document)
    if len(policy.versions) >= MAX_VERSIONS:
        raise AwsError(
            "LimitExceeded",
            f"A managed policy can have up to {MAX_VERSIONS} versions. Before you create a new "
            "version, you must delete an existing version.",
            409,
        )
    now = entities.now(call)
    policy.last_number += 1
    version = PolicyVersion(policy.last_number, document, now)
    policy.versions = (*policy.versions, version)
    policy.updated_at = now
    if params.get("SetAsDefault"):
        policy.default_number = version.number
    return {"PolicyVersion": version_view(policy, version)}


def get_policy_version(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """Show a version with its document; of AWS's policies the newest of the well-known ones."""
    policy = _own(call, params["PolicyArn"])
    if policy is None:
        return {"PolicyVersion": _aws_version(params["PolicyArn"], params["VersionId"])}
    version = _version(policy, params["VersionId"])
    shown = {**version_view(policy, version), "Document": encoded(version.document)}
    return {"PolicyVersion": shown}


def _aws_version(arn: str, version_id: str) -> dict[str, Any]:
    for version in aws_versions(arn):
        if version["VersionId"] == version_id:
            return version
    if arn in catalog.managed_policies():
        raise _no_version(arn, version_id)
    raise entities.no_such(f"The emulator does not know the document of {arn}.")


def aws_versions(arn: str) -> list[dict[str, Any]]:
    """Return what is known of a policy of AWS's: its newest version, or nothing."""
    known = catalog.managed_policies().get(arn)
    if known is None:
        return []
    return [
        {
            "VersionId": known.version,
            "IsDefaultVersion": True,
            "CreateDate": known.updated_at,
            "Document": encoded(known.document),
        }
    ]


def list_policy_versions(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """List a policy's versions, the newest first."""
    policy = _own(call, params["PolicyArn"])
    if policy is None:
        versions = aws_versions(params["PolicyArn"])
        for version in versions:
            del version["Document"]
        return {"Versions": versions, "IsTruncated": False}
    return entities.listed(
        "Versions",
        policy.versions,
        params,
        lambda version: f"{10**9 - version.number}",
        lambda version: version_view(policy, version),
    )


def set_default_policy_version(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """Choose the version that counts."""
    policy = _changeable(call, params)
    policy.default_number = _version(policy, params["VersionId"]).number
    return {}


def delete_policy_version(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """Delete a version that is not the default."""
    policy = _changeable(call, params)
    version = _version(policy, params["VersionId"])
    if version.number == policy.default_number:
        raise AwsError("DeleteConflict", "Cannot delete the default version of a policy.", 409)
    policy.versions = tuple(other for other in policy.versions if other != version)
    return {}


def tag_policy(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """Tag a policy."""
    return entities.tag(_changeable(call, params), params["Tags"])


def untag_policy(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """Untag a policy."""
    return entities.untag(_changeable(call, params), params["TagKeys"])


def list_policy_tags(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """List a policy's tags."""
    policy = _own(call, params["PolicyArn"])
    tags = entities.pairs(policy.tags) if policy else []
    return entities.listed("Tags", tags, params, lambda pair: pair["Key"], dict)


OPERATIONS: Mapping[str, Handler] = {
    "CreatePolicy": create_policy,
    "CreatePolicyVersion": create_policy_version,
    "DeletePolicy": delete_policy,
    "DeletePolicyVersion": delete_policy_version,
    "GetPolicy": get_policy,
    "GetPolicyVersion": get_policy_version,
    "ListPolicies": list_policies,
    "ListPolicyTags": list_policy_tags,
    "ListPolicyVersions": list_policy_versions,
    "SetDefaultPolicyVersion": set_default_policy_version,
    "TagPolicy": tag_policy,
    "UntagPolicy": untag_policy,
}
