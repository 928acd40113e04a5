"""Credentials of instances: made when first asked for, and new ones well before they end.

Sources: "Retrieve security credentials from instance metadata", "Troubleshoot IAM and
Amazon EC2". What a session is, and how its keys look, is for STS to know (``NewSession``).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import attrs

from emulator.imds.documents import moment
from emulator.imds.facts import Facts
from emulator.model.iam import Role
from emulator.model.session import Session
from emulator.state.store import State

DEFAULT_SECONDS = 6 * 3600
# Of the credentials' life; new ones are ready when no more than this is left of the old.
ROTATED_WITH_LEFT = 1 / 6
SERVICE = "ec2.amazonaws.com"
OWN_ROLE = "aws:ec2-instance"
_ASSUME = frozenset({"sts:assumerole", "sts:*", "*"})

NewSession = Callable[[str, str, str, float], Mapping[str, Any]]
"""Account, ARN of the assumed role, its user id and seconds to STS's Credentials."""


@attrs.frozen
class _Issued:
    """Credentials that were given out.

    Attributes:
        shown: as the tree shows them.
        renewed_at: the epoch second from which others take their place.
    """

    shown: Mapping[str, str]
    renewed_at: float


@attrs.define(eq=False)
class Credentials:
    """Keeps the present credentials of every instance that asked.

    Args:
        new_session: makes temporary credentials.
        lifetime_seconds: how long each are good for.
    """

    _new_session: NewSession
    _lifetime_seconds: float = DEFAULT_SECONDS
    _issued: dict[tuple[str, str], _Issued] = attrs.field(factory=dict, init=False)

    def of_role(self, facts: Facts, role: Role) -> Mapping[str, str]:
        """Return the credentials of an instance profile's role, or why there are none."""
        if not trusts_ec2(role.trust_policy):
            return _refused(facts.now, role)
        return self._present(facts, role.name, role.unique_id)

    def of_instance(self, facts: Facts) -> Mapping[str, str]:
        """Return the credentials that AWS itself uses on an instance."""
        return self._present(facts, OWN_ROLE, facts.region.account)

    def forget(self, key: str) -> None:
        """Let go what an instance had; ``key`` is as in ``Facts``."""
        for of_whom in [each for each in self._issued if each[0] == key]:
            del self._issued[of_whom]

    def _present(self, facts: Facts, role_name: str, role_id: str) -> Mapping[str, str]:
        of_whom = (facts.key, role_id)
        issued = self._issued.get(of_whom)
        now = facts.now.timestamp()
        if issued is None or now >= issued.renewed_at or not _is_known(facts.state, facts, issued):
            issued = self._issued[of_whom] = self._issue(facts, role_name, role_id, now)
        return issued.shown

    def _issue(self, facts: Facts, role_name: str, role_id: str, now: float) -> _Issued:
        seconds, account = self._lifetime_seconds, facts.region.account
        partition, session_name = facts.known_region.partition, facts.instance.id
        arn = f"arn:{partition}:sts::{account}:assumed-role/{role_name}/{session_name}"
        made = self._new_session(account, arn, f"{role_id}:{session_name}", seconds)
        shown = {
            "Code": "Success",
            "LastUpdated": moment(facts.now),
            "Type": "AWS-HMAC",
            "AccessKeyId": made["AccessKeyId"],
            "SecretAccessKey": made["SecretAccessKey"],
            "Token": made["SessionToken"],
            "Expiration": moment(made["Expiration"]),
        }
        return _Issued(shown, now + seconds * (1 - ROTATED_WITH_LEFT))


def _is_known(state: State, facts: Facts, issued: _Issued) -> bool:
    """Tell whether STS still knows the session; a reset forgets all."""
    sessions = state.everywhere(facts.region.account)[Session]
    return sessions.get(issued.shown["AccessKeyId"]) is not None


def trusts_ec2(trust_policy: str) -> bool:
    """Tell whether a role lets EC2 assume it. Conditions are not looked at.

    Args:
        trust_policy: JSON, as IAM took it.
    """
    policy = json.loads(trust_policy)
    statements = _listed(policy.get("Statement") if isinstance(policy, dict) else None)
    concerned = [
        statement.get("Effect")
        for statement in statements
        if isinstance(statement, dict)
        and _names_ec2(statement.get("Principal"))
        and any(str(each).lower() in _ASSUME for each in _listed(statement.get("Action")))
    ]
    return "Allow" in concerned and "Deny" not in concerned


def _names_ec2(principal: Any) -> bool:
    if principal == "*":
        return True
    services = _listed(principal.get("Service")) if isinstance(principal, dict) else []
    # In China the service's name has the partition's domain.
    return any(service in (SERVICE, f"{SERVICE}.cn") for service in services)


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def profile_info(facts: Facts) -> dict[str, str] | None:
    """Return what ``iam/info`` says, or None for an instance without a profile."""
    instance = facts.instance
    if instance.profile_arn is None or instance.profile_id is None:
        return None
    if facts.profile is None:
        return {
            "Code": "InstanceProfileNotFound",
            "Message": f"Instance Profile {instance.profile_arn} cannot be found.",
            "LastUpdated": moment(facts.now),
        }
    role = facts.role
    if role is not None and not trusts_ec2(role.trust_policy):
        return _refused(facts.now, role)
    return {
        "Code": "Success",
        "LastUpdated": moment(facts.associated_at),
        "InstanceProfileArn": instance.profile_arn,
        "InstanceProfileId": instance.profile_id,
    }


def _refused(now: datetime, role: Role) -> dict[str, str]:
    return {
        "Code": "AssumeRoleUnauthorizedAccess",
        "Message": f"EC2 cannot assume the role {role.name}. Its trust policy must let "
        f"{SERVICE} call sts:AssumeRole.",
        "LastUpdated": moment(now),
    }
