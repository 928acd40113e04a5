"""Who may use a snapshot, and whether the account shares any with everybody."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from emulator.core.errors import AwsError
from emulator.model.volume import Snapshot
from emulator.services.call import Call, Handler
from emulator.services.ec2.storage.ebs_settings import kms_key_arn
from emulator.services.ec2.storage.snapshots import SNAPSHOT, visible
from emulator.state.store import Region

if TYPE_CHECKING:
    from mypy_boto3_ec2 import type_defs as aws

BLOCK_PUBLIC_ACCESS = "snapshots.block_public_access"
UNBLOCKED = "unblocked"
MAX_USERS = 1000

ACCOUNT_ID = re.compile(r"[0-9]{12}")


def check_accounts(accounts: Iterable[str]) -> None:
    """Refuse text that is no account id.

    Raises:
        AwsError: InvalidUserID.Malformed.
    """
    for account in accounts:
        if ACCOUNT_ID.fullmatch(account) is None:
            raise AwsError("InvalidUserID.Malformed", f'Invalid user id: "{account[:256]}"')


def _owned(call: Call, snapshot_id: str) -> Snapshot:
    snapshot = visible(call, call.region, snapshot_id)
    if snapshot.owner_id != call.account:
        raise AwsError("AuthFailure", f"Not authorized for snapshot:{snapshot_id}")
    return snapshot


def describe_snapshot_attribute(
    call: Call, params: aws.DescribeSnapshotAttributeRequestTypeDef
) -> dict[str, Any]:
    """Tell one attribute of a snapshot."""
    snapshot = _owned(call, params["SnapshotId"])
    if params["Attribute"] == "productCodes":
        return {"SnapshotId": snapshot.id, "ProductCodes": []}
    permissions: list[dict[str, str]] = [
        {"UserId": user} for user in snapshot.create_permission_users
    ]
    if snapshot.create_permission_all:
        permissions.append({"Group": "all"})
    return {"SnapshotId": snapshot.id, "CreateVolumePermissions": permissions}


def _wanted(params: aws.ModifySnapshotAttributeRequestTypeDef) -> tuple[list[Any], list[Any]]:
    """Return the permissions to add and to remove, from either form of the request."""
    change = params.get("CreateVolumePermission") or {}
    added, removed = list(change.get("Add") or ()), list(change.get("Remove") or ())
    named: list[Any] = [{"UserId": user} for user in params.get("UserIds") or ()]
    named += [{"Group": group} for group in params.get("GroupNames") or ()]
    if named:
        (removed if params.get("OperationType") == "remove" else added).extend(named)
    return added, removed


def modify_snapshot_attribute(
    call: Call, params: aws.ModifySnapshotAttributeRequestTypeDef
) -> dict[str, Any]:
    """Let accounts use a snapshot, or no longer. Source: API_ModifySnapshotAttribute."""
    snapshot = _owned(call, params["SnapshotId"])
    added, removed = _wanted(params)
    if not added and not removed:
        raise AwsError("InvalidParameterCombination", "No attributes specified to modify")
    check_accounts(item["UserId"] for item in (*added, *removed) if item.get("UserId"))
    public = any(item.get("Group") for item in added)
    _check_sharing(call.region, snapshot, public=public, shared=bool(added))
    users = dict.fromkeys(snapshot.create_permission_users)
    users.update(dict.fromkeys(item["UserId"] for item in added if item.get("UserId")))
    for item in removed:
        users.pop(item.get("UserId"), None)
    if len(users) > MAX_USERS:
        raise AwsError(
            "ResourceLimitExceeded", f"A snapshot is shared with at most {MAX_USERS} accounts"
        )
    snapshot.create_permission_users = tuple(users)
    if public:
        snapshot.create_permission_all = True
    if any(item.get("Group") for item in removed):
        snapshot.create_permission_all = False
    return {}


def _check_sharing(region: Region, snapshot: Snapshot, *, public: bool, shared: bool) -> None:
    if public and region.settings.get(BLOCK_PUBLIC_ACCESS, UNBLOCKED) != UNBLOCKED:
        raise AwsError(
            "OperationNotPermitted",
            f"Snapshot {snapshot.id} can't be shared publicly: block public access for "
            "snapshots is enabled in this region",
        )
    if public and snapshot.encrypted:
        raise AwsError("InvalidParameterValue", "Encrypted snapshots can't be shared publicly")
    if shared and snapshot.kms_key_id == kms_key_arn(region, "alias/aws/ebs"):
        raise AwsError(
            "InvalidParameterValue",
            "Snapshots encrypted with the AWS Managed CMK can't be shared. "
            "Specify another snapshot.",
        )


def reset_snapshot_attribute(
    call: Call, params: aws.ResetSnapshotAttributeRequestTypeDef
) -> dict[str, Any]:
    """Share a snapshot with nobody any more."""
    snapshot = _owned(call, params["SnapshotId"])
    if params["Attribute"] != "createVolumePermission":
        raise AwsError(
            "InvalidParameterValue", "Only createVolumePermission of a snapshot can be reset"
        )
    snapshot.create_permission_users = ()
    snapshot.create_permission_all = False
    return {}


def enable_snapshot_block_public_access(
    call: Call, params: aws.EnableSnapshotBlockPublicAccessRequestTypeDef
) -> dict[str, Any]:
    """Let no snapshot of the region be shared with everybody; ``block-all-sharing`` ends it too."""
    state = params["State"]
    if state == UNBLOCKED:
        raise AwsError("InvalidParameterValue", f"Value ({state}) for parameter state is invalid")
    call.region.settings[BLOCK_PUBLIC_ACCESS] = state
    if state == "block-all-sharing":
        for snapshot in SNAPSHOT.rows(call.region):
            if snapshot.create_permission_all:
                snapshot.create_permission_all = False
    return {"State": state}


def disable_snapshot_block_public_access(
    call: Call, _: aws.DisableSnapshotBlockPublicAccessRequestTypeDef
) -> dict[str, Any]:
    """Let snapshots be shared with everybody again."""
    call.region.settings.pop(BLOCK_PUBLIC_ACCESS, None)
    return {"State": UNBLOCKED}


def get_snapshot_block_public_access_state(
    call: Call, _: aws.GetSnapshotBlockPublicAccessStateRequestTypeDef
) -> dict[str, Any]:
    """Tell whether sharing with everybody is blocked."""
    state = call.region.settings.get(BLOCK_PUBLIC_ACCESS, UNBLOCKED)
    return {"State": state, "ManagedBy": "account"}


OPERATIONS: Mapping[str, Handler] = {
    "DescribeSnapshotAttribute": describe_snapshot_attribute,
    "DisableSnapshotBlockPublicAccess": disable_snapshot_block_public_access,
    "EnableSnapshotBlockPublicAccess": enable_snapshot_block_public_access,
    "GetSnapshotBlockPublicAccessState": get_snapshot_block_public_access_state,
    "ModifySnapshotAttribute": modify_snapshot_attribute,
    "ResetSnapshotAttribute": reset_snapshot_attribute,
}
