"""AWS Security Token Service: who is calling, and temporary credentials.

Signatures are not verified, so credentials prove nothing here; what they do is carry an
account and an identity, which is what software under test looks at.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from emulator.core.errors import AwsError
from emulator.model.iam import AccessKey, Role, User
from emulator.model.session import Session
from emulator.services.access_keys import TEMPORARY, access_key_id, account_of
from emulator.services.call import Call, Handler, World
from emulator.state.store import State

ROLE_ARN = re.compile(r"arn:(aws[a-z-]*):iam::([0-9]{12}):role/([\w+=,.@/-]{1,512})")
SESSION_SECONDS = 12 * 3600
ROLE_SECONDS = 3600
FEDERATION_SECONDS = 12 * 3600
_SECRET_BYTES = 30
_TOKEN_BYTES = 180


def identity(call: Call) -> tuple[str, str]:
    """Return the caller's ARN and unique id."""
    records = call.state.everywhere(call.account)
    session = records[Session].get(call.access_key)
    if session is not None:
        return session.arn, session.user_id
    key = records[AccessKey].get(call.access_key)
    for user in records[User].where(unique_id=key.user_id) if key else ():
        return user.arn, user.unique_id
    return f"arn:aws:iam::{call.account}:root", call.account


def new_session(
    world: World, state: State, account: str, arn: str, user_id: str, seconds: float
) -> dict[str, Any]:
    """Return fresh temporary credentials, in STS's shape.

    Args:
        world: time and randomness.
        state: all accounts.
        account: whose credentials.
        arn: whom GetCallerIdentity takes the bearer for.
        user_id: that identity's unique id.
        seconds: how long they are good.
    """
    sessions = state.everywhere(account)
    session = Session(
        id=access_key_id(TEMPORARY, account, world.ids.random),
        arn=arn,
        user_id=user_id,
        expires_at=world.clock.now() + timedelta(seconds=seconds),
    )
    sessions[Session].add(session)
    world.expire(sessions, session, seconds)
    return {
        "AccessKeyId": session.id,
        "SecretAccessKey": secrets.token_urlsafe(_SECRET_BYTES),
        "SessionToken": secrets.token_urlsafe(_TOKEN_BYTES),
        "Expiration": session.expires_at,
    }


def get_caller_identity(call: Call, _params: Mapping[str, Any]) -> dict[str, Any]:
    """Tell who signed the request; the account itself unless STS or IAM gave the key out."""
    arn, user_id = identity(call)
    return {"Account": call.account, "Arn": arn, "UserId": user_id}


def assume_role(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """Give out credentials for a role, in the role's own account.

    Any well-formed role ARN is accepted, whether or not IAM has the role, so that software
    whose roles live elsewhere runs unchanged; a role that IAM has gives its own unique id.
    """
    found = ROLE_ARN.fullmatch(params["RoleArn"])
    if found is None:
        raise AwsError("ValidationError", f"{params['RoleArn']} is invalid")
    partition, account, path = found.groups()
    name, session_name = path.rpartition("/")[2], params["RoleSessionName"]
    role = call.state.everywhere(account)[Role].get(name.lower())
    role_id = role.unique_id if role else f"AROA{call.world.ids.digits(17).upper()}"
    arn = f"arn:{partition}:sts::{account}:assumed-role/{name}/{session_name}"
    user_id = f"{role_id}:{session_name}"
    seconds = params.get("DurationSeconds") or ROLE_SECONDS
    answer: dict[str, Any] = {
        "Credentials": new_session(call.world, call.state, account, arn, user_id, seconds),
        "AssumedRoleUser": {"AssumedRoleId": user_id, "Arn": arn},
        "SourceIdentity": params.get("SourceIdentity"),
    }
    if params.get("Policy") or params.get("PolicyArns"):
        answer["PackedPolicySize"] = 1 + len(params.get("Policy") or "") * 100 // 2048
    return answer


def get_session_token(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """Give out temporary credentials for the caller's own identity."""
    arn, user_id = identity(call)
    seconds = params.get("DurationSeconds") or SESSION_SECONDS
    return {"Credentials": new_session(call.world, call.state, call.account, arn, user_id, seconds)}


def get_federation_token(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """Give out credentials for a federated user."""
    name = params["Name"]
    arn = f"arn:aws:sts::{call.account}:federated-user/{name}"
    user_id = f"{call.account}:{name}"
    seconds = params.get("DurationSeconds") or FEDERATION_SECONDS
    return {
        "Credentials": new_session(call.world, call.state, call.account, arn, user_id, seconds),
        "FederatedUser": {"FederatedUserId": user_id, "Arn": arn},
        "PackedPolicySize": 0,
    }


def get_access_key_info(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """Tell which account an access key belongs to, as the API itself would take it."""
    key = params["AccessKeyId"]
    if len(key) == len(call.account) and key.isdigit():
        return {"Account": key}
    return {"Account": account_of(key) or call.account}


OPERATIONS: Mapping[str, Handler] = {
    "AssumeRole": assume_role,
    "GetAccessKeyInfo": get_access_key_info,
    "GetCallerIdentity": get_caller_identity,
    "GetFederationToken": get_federation_token,
    "GetSessionToken": get_session_token,
}
