"""IAM's roles, instance profiles and managed policies; they live in no region."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import ClassVar

import attrs

from emulator.model.row import Row, record


@record
class Entity(Row):
    """What all IAM entities have; ``id`` is the name in lower case, which makes it unique.

    Attributes:
        unique_id: such as ``AROA…``, which no later entity of the same name has again.
    """

    name: str
    path: str
    arn: str
    unique_id: str
    created_at: datetime


@record
class Role(Entity):
    """A role.

    Attributes:
        trust_policy: the JSON of who may assume it, as given.
        inline_policies: name → JSON.
        attached_arns: managed policies.
        boundary_arn: the permissions boundary's policy.
    """

    INDEXES: ClassVar[tuple[str, ...]] = ("attached_arns", "boundary_arn")

    trust_policy: str
    description: str | None = None
    max_session_seconds: int = 3600
    inline_policies: Mapping[str, str] = MappingProxyType({})
    attached_arns: tuple[str, ...] = ()
    boundary_arn: str | None = None


@record
class InstanceProfile(Entity):
    """An instance profile, which holds at most one role.

    Attributes:
        role_id: the role's ``id``.
    """

    INDEXES: ClassVar[tuple[str, ...]] = ("role_id",)

    role_id: str | None = None


@attrs.frozen
class PolicyVersion:
    """One version of a managed policy."""

    number: int
    document: str
    created_at: datetime


@record
class ManagedPolicy(Entity):
    """A customer managed policy; its versions in the order they came."""

    versions: tuple[PolicyVersion, ...]
    default_number: int = 1
    last_number: int = 1
    description: str | None = None
    updated_at: datetime
