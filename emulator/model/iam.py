"""IAM's users, groups, roles, instance profiles and policies; they live in no region."""

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
class Principal(Entity):
    """What policies are written into and attached to: a user, a group or a role.

    Attributes:
        inline_policies: name → JSON.
        attached_arns: managed policies.
    """

    INDEXES: ClassVar[tuple[str, ...]] = ("attached_arns",)

    inline_policies: Mapping[str, str] = MappingProxyType({})
    attached_arns: tuple[str, ...] = ()


@record
class Role(Principal):
    """A role.

    Attributes:
        trust_policy: the JSON of who may assume it, as given.
        boundary_arn: the permissions boundary's policy.
        service: whose service-linked role it is, such as ``ec2.amazonaws.com``.
    """

    INDEXES: ClassVar[tuple[str, ...]] = ("attached_arns", "boundary_arn")

    trust_policy: str
    description: str | None = None
    max_session_seconds: int = 3600
    boundary_arn: str | None = None
    service: str | None = None


@record
class Group(Principal):
    """A group, found by ``unique_id`` from its members: it may be renamed."""


@attrs.frozen
class LoginProfile:
    """That a user may sign in to the console; the password itself is not kept."""

    created_at: datetime
    reset_required: bool


@record
class User(Principal):
    """A user.

    Attributes:
        group_ids: the unique ids of its groups.
        boundary_arn: the permissions boundary's policy.
        login: None where the user has no password.
    """

    INDEXES: ClassVar[tuple[str, ...]] = (
        "attached_arns",
        "boundary_arn",
        "group_ids",
        "unique_id",
    )

    group_ids: tuple[str, ...] = ()
    boundary_arn: str | None = None
    login: LoginProfile | None = None


@attrs.frozen
class KeyUse:
    """When, in which region and for which service an access key was last used."""

    at: datetime
    region: str
    service: str


@record
class AccessKey(Row):
    """A user's access key; its id is the key's. The secret is given out once and not kept.

    Attributes:
        user_id: the user's unique id.
        status: ``Active`` or ``Inactive``.
    """

    INDEXES: ClassVar[tuple[str, ...]] = ("user_id",)

    user_id: str
    status: str = "Active"
    created_at: datetime
    last_use: KeyUse | None = None


@record
class OpenIdProvider(Row):
    """An OpenID Connect identity provider; its id is its ARN.

    Attributes:
        url: without ``https://``.
    """

    url: str
    client_ids: tuple[str, ...] = ()
    thumbprints: tuple[str, ...] = ()
    created_at: datetime


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
