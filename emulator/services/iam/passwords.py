"""Users' passwords for the console, and the account's rules for them.

There is no console, so that a user has a password is all that is kept of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from emulator.core.errors import AwsError
from emulator.model.iam import LoginProfile, User
from emulator.services.call import Call, Handler
from emulator.services.iam import entities
from emulator.services.iam.users import find_user, user_or_caller

_SETTING = "password policy"
# "Default password policy": a policy of one's own begins at other values than none at all.
_WITHOUT_POLICY = {"MinimumPasswordLength": 8}
_MIXED_CLASSES = 3
_DEFAULTS: Mapping[str, Any] = {
    "MinimumPasswordLength": 6,
    "RequireSymbols": False,
    "RequireNumbers": False,
    "RequireUppercaseCharacters": False,
    "RequireLowercaseCharacters": False,
    "AllowUsersToChangePassword": False,
}
_SYMBOLS = "!@#$%^&*()_+-=[]{}|'"
_CLASSES = {
    "RequireSymbols": ("symbol", _SYMBOLS.__contains__),
    "RequireNumbers": ("number", str.isdigit),
    "RequireUppercaseCharacters": ("uppercase letter", str.isupper),
    "RequireLowercaseCharacters": ("lowercase letter", str.islower),
}


def _check_password(call: Call, password: str) -> None:
    """Refuse a password that breaks the account's rules, or AWS's where it has none."""
    policy = entities.records(call).settings.get(_SETTING)
    rules = policy or _WITHOUT_POLICY
    if len(password) < rules["MinimumPasswordLength"]:
        raise _violation(f"minimum length {rules['MinimumPasswordLength']}")
    absent = [name for name, (_, test) in _CLASSES.items() if not any(map(test, password))]
    if policy is None:
        if len(_CLASSES) - len(absent) < _MIXED_CLASSES:
            raise _violation("three of uppercase, lowercase, numbers and symbols")
        return
    for name in absent:
        if policy[name]:
            raise _violation(f"at least one {_CLASSES[name][0]}")


def _violation(rule: str) -> AwsError:
    return AwsError(
        "PasswordPolicyViolation",
        f"Password does not conform to the account password policy: {rule}.",
    )


def _view(user: User, login: LoginProfile) -> dict[str, Any]:
    return {
        "LoginProfile": {
            "UserName": user.name,
            "CreateDate": login.created_at,
            "PasswordResetRequired": login.reset_required,
        }
    }


def _login(user: User) -> LoginProfile:
    if user.login is None:
        raise entities.no_such(f"Login Profile for User {user.name} cannot be found.")
    return user.login


def create_login_profile(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """Give a user a password. Source: API_CreateLoginProfile."""
    user = user_or_caller(call, params)
    if user.login is not None:
        raise entities.exists(f"Login Profile for user {user.name} already exists.")
    if "Password" in params:
        _check_password(call, params["Password"])
    user.login = LoginProfile(entities.now(call), bool(params.get("PasswordResetRequired")))
    return _view(user, user.login)


def get_login_profile(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """Show that a user has a password."""
    user = user_or_caller(call, params)
    return _view(user, _login(user))


def update_login_profile(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """Change a user's password, or whether it must be changed."""
    user = find_user(call, params["UserName"])
    login = _login(user)
    if "Password" in params:
        _check_password(call, params["Password"])
    if "PasswordResetRequired" in params:
        user.login = LoginProfile(login.created_at, params["PasswordResetRequired"])
    return {}


def delete_login_profile(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """Take a user's password away."""
    user = user_or_caller(call, params)
    _login(user)
    user.login = None
    return {}


def _no_policy(call: Call) -> AwsError:
    return entities.no_such(f"The Password Policy with domain name {call.account} cannot be found.")


def update_account_password_policy(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """Set the account's rules; what is not given gets its default again."""
    policy = {**_DEFAULTS, **params}
    policy["ExpirePasswords"] = bool(policy.get("MaxPasswordAge"))
    entities.records(call).settings[_SETTING] = policy
    return {}


def get_account_password_policy(call: Call, _params: Mapping[str, Any]) -> dict[str, Any]:
    """Show the account's rules."""
    policy = entities.records(call).settings.get(_SETTING)
    if policy is None:
        raise _no_policy(call)
    return {"PasswordPolicy": policy}


def delete_account_password_policy(call: Call, _params: Mapping[str, Any]) -> dict[str, Any]:
    """Go back to AWS's rules."""
    if entities.records(call).settings.pop(_SETTING, None) is None:
        raise _no_policy(call)
    return {}


OPERATIONS: Mapping[str, Handler] = {
    "CreateLoginProfile": create_login_profile,
    "DeleteAccountPasswordPolicy": delete_account_password_policy,
    "DeleteLoginProfile": delete_login_profile,
    "GetAccountPasswordPolicy": get_account_password_policy,
    "GetLoginProfile": get_login_profile,
    "UpdateAccountPasswordPolicy": update_account_password_policy,
    "UpdateLoginProfile": update_login_profile,
}
