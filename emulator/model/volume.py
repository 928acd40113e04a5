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
        more_instance_ids: the further instances of a Multi-Attach volume.
        more_attachments: its place in each of these, in the same order.
        initialization_rate_mibps: how fast it is filled from its snapshot, where that was asked.
        source_volume_id: the volume it is a copy of.
        vm_manager: the manager that keeps its data; empty: it has none yet.
    """

    PREFIX: ClassVar[str] = "vol"
    RESOURCE_TYPE: ClassVar[str] = "volume"
    INDEXES: ClassVar[tuple[str, ...]] = ("instance_id", "more_instance_ids")
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
    more_instance_ids: tuple[str, ...] = ()
    more_attachments: tuple[VolumeAttachment, ...] = ()
    auto_enable_io: bool = False
    initialization_rate_mibps: int | None = None
    source_volume_id: str | None = None
    vm_manager: str = ""


@attrs.frozen
class VolumeSettings:
    """What ModifyVolume changes."""

    size_gib: int
    volume_type: str
    iops: int | None
    throughput_mibps: int | None
    multi_attach_enabled: bool


@record
class VolumeModification(Stateful):
    """The latest change of a volume; its id is the volume's.

    Attributes:
        original: the volume's settings before.
        target: the settings asked for.
    """

    MOVES: ClassVar[Mapping[str, frozenset[str]]] = moves(
        modifying="optimizing completed failed",
        optimizing="completed failed",
        completed="",
        failed="",
    )

    original: VolumeSettings
    target: VolumeSettings
    started_at: datetime
    progress_percent: int = 0
    ended_at: datetime | None = None


@attrs.frozen
class Tiering:
    """The latest move of a snapshot between storage tiers.

    Attributes:
        operation: such as ``archival-completed``.
    """

    operation: str
    started_at: datetime
    progress_percent: int = 100
    completed_at: datetime | None = None


@attrs.frozen
class SnapshotLock:
    """A lock that keeps a snapshot from being deleted.

    Attributes:
        mode: ``governance`` or ``compliance``.
        cool_off_hours: how long a compliance lock may still be taken back.
    """

    mode: str
    duration_days: int
    created_at: datetime
    started_at: datetime
    expires_at: datetime
    cool_off_hours: int | None = None
    cool_off_expires_at: datetime | None = None


@record
class Snapshot(Stateful):
    """An EBS snapshot; which AMIs hold it stands in Image.

    Attributes:
        volume_id: what it was made from; a copy has the id that AWS gives to all copies.
        storage_tier: ``standard`` or ``archive``.
        create_permission_users: the accounts that may restore it.
        create_permission_all: whether everybody may.
        transfer_type: of copies: ``standard`` or ``time-based``.
        vm_manager: the manager that keeps its data; empty: it has none.
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
    tiering: Tiering | None = None
    create_permission_users: tuple[str, ...] = ()
    create_permission_all: bool = False
    completed_at: datetime | None = None
    data_encryption_key_id: str | None = None
    transfer_type: str | None = None
    completion_duration_minutes: int | None = None
    lock: SnapshotLock | None = None
    vm_manager: str = ""
