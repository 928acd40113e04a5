"""Amazon Machine Images and key pairs: what an instance is launched from."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar

import attrs

from emulator.model.row import Row, Stateful, moves, record


@attrs.frozen
class BlockDevice:
    """One entry of a block device mapping.

    Attributes:
        device_name: such as ``/dev/xvda``.
        virtual_name: such as ``ephemeral0``; set instead of the EBS fields.
        no_device: suppress the device of that name.
    """

    device_name: str
    size_gib: int | None = None
    volume_type: str = "gp2"
    snapshot_id: str | None = None
    delete_on_termination: bool = True
    encrypted: bool = False
    iops: int | None = None
    throughput_mibps: int | None = None
    kms_key_id: str | None = None
    virtual_name: str | None = None
    no_device: bool = False


@record
class Image(Stateful):
    """An AMI, stock or the account's own.

    Attributes:
        owner_id: the account that made it; stock images belong to their publishers.
        reference: what the machine manager launches it from, such as a Docker image's name;
            None for a record without anything behind it.
        vm_manager: the manager that ``reference`` is for; empty: none.
        login_user: the user one logs in as.
        snapshot_ids: the snapshots of its block devices.
        state_reason: code and message of why it failed.
    """

    PREFIX: ClassVar[str] = "ami"
    RESOURCE_TYPE: ClassVar[str] = "image"
    INDEXES: ClassVar[tuple[str, ...]] = ("name", "snapshot_ids")
    MOVES: ClassVar[Mapping[str, frozenset[str]]] = moves(
        pending="available failed deregistered",
        available="deregistered disabled",
        disabled="available deregistered",
        failed="deregistered",
        deregistered="",
    )

    name: str
    owner_id: str
    created_at: datetime
    description: str | None = None
    architecture: str = "x86_64"
    root_device_name: str = "/dev/xvda"
    root_device_type: str = "ebs"
    block_devices: tuple[BlockDevice, ...] = ()
    snapshot_ids: tuple[str, ...] = ()
    virtualization_type: str = "hvm"
    hypervisor: str = "xen"
    image_type: str = "machine"
    platform: str | None = None
    platform_details: str = "Linux/UNIX"
    usage_operation: str = "RunInstances"
    owner_alias: str | None = None
    image_location: str = ""
    ena_support: bool = True
    sriov_net_support: str | None = "simple"
    boot_mode: str | None = None
    imds_support: str | None = None
    tpm_support: str | None = None
    kernel_id: str | None = None
    ramdisk_id: str | None = None
    public: bool = False
    launch_users: tuple[str, ...] = ()
    launch_groups: tuple[str, ...] = ()
    launch_organizations: tuple[str, ...] = ()
    launch_organizational_units: tuple[str, ...] = ()
    deprecated_at: datetime | None = None
    deregistration_protection: str = "disabled"
    deregistration_protected_until: datetime | None = None
    product_codes: tuple[str, ...] = ()
    uefi_data: str | None = None
    source_instance_id: str | None = None
    source_image_id: str | None = None
    source_image_region: str | None = None
    reference: str | None = None
    vm_manager: str = ""
    login_user: str = "root"
    last_launched_at: datetime | None = None
    state_reason: tuple[str, str] | None = None


@record
class KeyPair(Row):
    """A key pair; the private half is never kept.

    Attributes:
        id: ``key-…``.
        public_key: in OpenSSH's format.
    """

    PREFIX: ClassVar[str] = "key"
    RESOURCE_TYPE: ClassVar[str] = "key-pair"
    INDEXES: ClassVar[tuple[str, ...]] = ("name",)

    name: str
    key_type: str
    fingerprint: str
    public_key: str
    created_at: datetime
