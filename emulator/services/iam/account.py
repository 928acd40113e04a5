"""The account itself: its root user and its aliases. It has no other users."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from emulator.services.call import Call, Handler
from emulator.services.iam import entities


def get_user(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """Show the caller, which is the account's root user."""
    name = params.get("UserName")
    if name:
        raise entities.no_such(f"The user with name {name} cannot be found.")
    return {
        "User": {
            "UserId": call.account,
            "Arn": f"arn:aws:iam::{call.account}:root",
            "CreateDate": call.world.clock.epoch.replace(microsecond=0),
        }
    }


def list_account_aliases(_call: Call, _params: Mapping[str, Any]) -> dict[str, Any]:
    """List aliases, of which an account has none unless somebody makes one."""
    return {"AccountAliases": [], "IsTruncated": False}


OPERATIONS: Mapping[str, Handler] = {
    "GetUser": get_user,
    "ListAccountAliases": list_account_aliases,
}
