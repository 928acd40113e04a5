"""The IAM policies that AWS manages and people attach most often, with their documents."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType

import attrs

from emulator.catalog import files

_ARN = "arn:aws:iam::aws:policy"


@attrs.frozen
class ManagedPolicy:
    """One of AWS's own policies.

    Attributes:
        path: such as ``/service-role/``.
        version: the default version's id, such as ``v3``.
        document: that version's JSON.
    """

    name: str
    path: str
    version: str
    created_at: datetime
    updated_at: datetime
    document: str

    @property
    def arn(self) -> str:
        """The policy's ARN, the same in every account."""
        return f"{_ARN}{self.path}{self.name}"


@functools.cache
def managed_policies() -> Mapping[str, ManagedPolicy]:
    """Return ARN → policy, by ARN."""
    policies = [
        ManagedPolicy(
            name=facts["name"],
            path=facts["path"],
            version=facts["version"],
            created_at=datetime.fromisoformat(facts["created"]),
            updated_at=datetime.fromisoformat(facts["updated"]),
            document=json.dumps(facts["document"]),
        )
        for facts in files.read("managed_policies.json.gz")
    ]
    return MappingProxyType({policy.arn: policy for policy in sorted(policies, key=_by_arn)})


def _by_arn(policy: ManagedPolicy) -> str:
    return policy.arn
