"""Instances and the reservations they are launched in."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

import attrs

from emulator.model.row import Row, Stateful, moves, record


@attrs.frozen(eq=False)
class LaunchOptions:
    """Settings that instances of one launch share and that seldom change.

    Compared by identity, so that renderings can be kept for each. Each map is in AWS's
    shape and never mutated; a change makes a new value.
    """

    metadata: Mapping[str, Any]
    cpu: Mapping[str, Any]
    private_dns_name: Mapping[str, Any]
    maintenance: Mapping[str, Any]
    placement: Mapping[str, Any]
    enclave_enabled: bool = False
    hibernation_configured: bool = False
    capacity_reservation: Mapping[str, Any] = attrs.field(factory=dict)
    licenses: tuple[str, ...] = ()
    network_performance: Mapping[str, Any] = attrs.field(factory=dict)


@record
class Reservation(Row):
    """What one RunInstances call launched.

    Attributes:
        size: how many instances that were.
    """

    PREFIX: ClassVar[str] = "r"

    size: int
    requester_id: str | None = None


@record
class Instance(Stateful):
    """An instance. Its addresses stand in NetworkInterface, its disks in Volume.

    Attributes:
        state: one of AWS's six instance states.
        image_id: the AMI it was launched from.
        user_data: base64, as given.
        credit_specification: ``standard`` or ``unlimited`` for burstable types.
        state_reason: code and message of the last change, when somebody asked for it.
        state_transition_reason: the same in words, such as ``User initiated (…)``.
        profile_id: the associated instance profile's, with its ARN.
        public_key: its key pair's at launch, in OpenSSH's format; the pair may go, this stays.
        password_data: that password, sealed, once somebody asked for it.
        health: while it runs, what its instance status check says: ``ok``, ``initializing`` or
            ``impaired``.
        impaired_at: since when it has been impaired, if it is.
        vm_manager: the manager that has its machine; empty: whichever takes any image.
    """

    PREFIX: ClassVar[str] = "i"
    RESOURCE_TYPE: ClassVar[str] = "instance"
    INDEXES: ClassVar[tuple[str, ...]] = ("reservation_id",)
    MOVES: ClassVar[Mapping[str, frozenset[str]]] = moves(
        pending="running shutting-down terminated stopping",
        running="stopping shutting-down stopped terminated",
        stopping="stopped shutting-down terminated running",
        stopped="pending shutting-down terminated",
        shutting_down="terminated",
        terminated="",
    )

    reservation_id: str
    launch_index: int
    image_id: str
    instance_type: str
    vpc_id: str | None
    subnet_id: str | None
    availability_zone: str
    launched_at: datetime
    architecture: str
    root_device_name: str
    root_device_type: str = "ebs"
    options: LaunchOptions
    key_name: str | None = None
    user_data: str | None = None
    ebs_optimized: bool = False
    ena_support: bool = True
    monitoring: str = "disabled"
    virtualization_type: str = "hvm"
    hypervisor: str = "xen"
    platform: str | None = None
    platform_details: str = "Linux/UNIX"
    usage_operation: str = "RunInstances"
    boot_mode: str | None = None
    current_boot_mode: str | None = None
    sriov_net_support: str | None = None
    kernel_id: str | None = None
    ramdisk_id: str | None = None
    tpm_support: str | None = None
    client_token: str | None = None
    shutdown_behavior: str = "stop"
    disable_api_termination: bool = False
    disable_api_stop: bool = False
    credit_specification: str | None = None
    lifecycle: str | None = None
    spot_request_id: str | None = None
    state_reason: tuple[str, str] | None = None
    state_transition_reason: str = ""
    profile_arn: str | None = None
    profile_id: str | None = None
    public_key: str | None = None
    password_data: str | None = None
    health: str = "ok"
    impaired_at: datetime | None = None
    vm_manager: str = ""


@record
class ProfileAssociation(Stateful):
    """Which instance profile an instance has; the instance shows it too."""

    PREFIX: ClassVar[str] = "iip-assoc"
    INDEXES: ClassVar[tuple[str, ...]] = ("instance_id",)
    MOVES: ClassVar[Mapping[str, frozenset[str]]] = moves(
        associating="associated disassociating", associated="disassociating", disassociating=""
    )

    instance_id: str
    profile_arn: str
    profile_id: str
    associated_at: datetime
