"""Users' access keys. A key signs for its user at once; its secret proves nothing here."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from emulator.model.iam import AccessKey, User
from emulator.services import access_keys
from emulator.services.call import Call, Handler
from emulator.services.iam import entities
from emulator.services.iam.users import find_user, user_or_caller

MAX_KEYS_OF_USER = 2
_SECRET_BYTES = 30
_NEVER = "N/A"


def _find(call: Call, key_id: str, user: User | None = None) -> AccessKey:
    key = entities.records(call)[AccessKey].get(key_id)
    if key is None or (user is not None and key.user_id != user.unique_id):
        raise entities.no_such(f"The Access Key with id {key_id} cannot be found.")
    return key


def create_access_key(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """Make a key; the answer alone has its secret. Source: API_CreateAccessKey."""
    user, table = user_or_caller(call, params), entities.records(call)[AccessKey]
    if len(table.where(user_id=user.unique_id)) >= MAX_KEYS_OF_USER:
        raise entities.over_quota("AccessKeysPerUser", MAX_KEYS_OF_USER)
    random = call.world.ids.random
    key = AccessKey(
        id=access_keys.access_key_id(access_keys.PERMANENT, call.account, random),
        user_id=user.unique_id,
        created_at=entities.now(call),
    )
    table.add(key)
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    return {"AccessKey": {**_view(user, key), "SecretAccessKey": secret}}


def _view(user: User, key: AccessKey) -> dict[str, Any]:
    return {
        "UserName": user.name,
        "AccessKeyId": key.id,
        "Status": key.status,
        "CreateDate": key.created_at,
    }


def list_access_keys(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """List a user's keys."""
    user = user_or_caller(call, params)
    keys = entities.records(call)[AccessKey].where(user_id=user.unique_id)
    return entities.listed(
        "AccessKeyMetadata", keys, params, lambda key: key.id, lambda key: _view(user, key)
    )


def update_access_key(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """Make a key active or inactive."""
    user = user_or_caller(call, params)
    _find(call, params["AccessKeyId"], user).status = params["Status"]
    return {}


def delete_access_key(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """Delete a key."""
    key = _find(call, params["AccessKeyId"], user_or_caller(call, params))
    entities.records(call)[AccessKey].remove(key)
    return {}


def get_access_key_last_used(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """Tell when a key was last used, and for what."""
    key = _find(call, params["AccessKeyId"])
    (user,) = entities.records(call)[User].where(unique_id=key.user_id)
    used = key.last_use
    return {
        "UserName": user.name,
        "AccessKeyLastUsed": {
            "LastUsedDate": used.at if used else None,
            "ServiceName": used.service if used else _NEVER,
            "Region": used.region if used else _NEVER,
        },
    }


def _none_of(member: str) -> Handler:
    """Return the list of a kind of credentials that users never have here."""

    def listed(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
        if params.get("UserName"):
            find_user(call, params["UserName"])
        return entities.listed(member, (), params, str, str)

    return listed


# Terraform looks through all of these before it deletes a user.
OPERATIONS: Mapping[str, Handler] = {
    "CreateAccessKey": create_access_key,
    "DeleteAccessKey": delete_access_key,
    "GetAccessKeyLastUsed": get_access_key_last_used,
    "ListAccessKeys": list_access_keys,
    "ListMFADevices": _none_of("MFADevices"),
    "ListSSHPublicKeys": _none_of("SSHPublicKeys"),
    "ListServiceSpecificCredentials": _none_of("ServiceSpecificCredentials"),
    "ListSigningCertificates": _none_of("Certificates"),
    "ListVirtualMFADevices": _none_of("VirtualMFADevices"),
    "UpdateAccessKey": update_access_key,
}
