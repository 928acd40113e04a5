"""EBS volumes and snapshots."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar

import attrs

from emulator.model.row import Stateful, moves, record


@attrs.frozen
class VolumeAttachment:
    """A volume's place in an instance.

    Attributes:
        device: such as ``/dev/sdf``.
        state: attaching, attached, detaching, detached or busy.
    """

    device: str
    attached_at: datetime
    state: str = "attached"
    delete_on_termination: bool = False


@record
class Volume(Stateful):
    """An EBS volume.

    Attributes:
        instance_id: whose it is while ``attachment`` is set.
    """

    PREFIX: ClassVar[str] = "vol"
    RESOURCE_TYPE: ClassVar[str] = "volume"
    INDEXES: ClassVar[tuple[str, ...]] = ("instance_id", "snapshot_id")
    MOVES: ClassVar[Mapping[str, frozenset[str]]] = moves(
        creating="available in-use error deleting",
        available="in-use deleting",
        in_use="available deleting",
        deleting="deleted",
        deleted="",
        error="deleting",
    )

    size_gib: int
    volume_type: str
    availability_zone: str
    created_at: datetime
    iops: int | None = None
    throughput_mibps: int | None = None
    encrypted: bool = False
    kms_key_id: str | None = None
    snapshot_id: str | None = None
    multi_attach_enabled: bool = False
    instance_id: str | None = None
    attachment: VolumeAttachment | None = None
    auto_enable_io: bool = False


@record
class Snapshot(Stateful):
    """An EBS snapshot.

    Attributes:
        image_id: the AMI that holds it, if one does.
    """

    PREFIX: ClassVar[str] = "snap"
    RESOURCE_TYPE: ClassVar[str] = "snapshot"
    INDEXES: ClassVar[tuple[str, ...]] = ("volume_id",)
    MOVES: ClassVar[Mapping[str, frozenset[str]]] = moves(
        pending="completed error", completed="", error=""
    )

    volume_id: str
    volume_size_gib: int
    started_at: datetime
    owner_id: str
    description: str = ""
    encrypted: bool = False
    kms_key_id: str | None = None
    storage_tier: str = "standard"
    restore_expires_at: datetime | None = None
    create_permission_users: tuple[str, ...] = ()
    create_permission_all: bool = False
