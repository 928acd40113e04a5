"""Network interfaces and Elastic IP addresses."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

import attrs

from emulator.model.row import Row, Stateful, moves, record


@attrs.frozen
class Attachment:
    """An interface's place in an instance.

    Attributes:
        id: ``eni-attach-…`` (or ``ela-attach-…`` for a service's own).
        status: ``attaching``, ``attached``, ``detaching`` or ``detached``.
        ena_srd: EnaSrdSpecification, in AWS's shape.
    """

    id: str
    device_index: int
    attached_at: datetime
    status: str = "attached"
    delete_on_termination: bool = False
    network_card_index: int = 0
    instance_owner_id: str | None = None
    ena_srd: Mapping[str, Any] | None = None
    ena_queue_count: int | None = None


@record
class NetworkInterface(Stateful):
    """An elastic network interface.

    Attributes:
        state: shown as Status: pending, available, attaching, in-use, detaching.
        private_ips: every private IPv4 address, the primary first.
        ipv6_addresses: canonical spelling.
        primary_ipv6: whether the first IPv6 address stays while the interface exists.
        instance_id: whose interface it is while ``attachment`` is set.
        former: the last attachment and its instance, kept for a while after it ended.
        public_ip: an auto-assigned public address; Elastic IPs stand in Address.
        auto_public_ip: whether it is to have one whenever no Elastic IP takes its place.
        connection_tracking: timeouts in seconds, in AWS's shape.
    """

    PREFIX: ClassVar[str] = "eni"
    RESOURCE_TYPE: ClassVar[str] = "network-interface"
    INDEXES: ClassVar[tuple[str, ...]] = (
        "instance_id",
        "subnet_id",
        "vpc_id",
        "group_ids",
        "public_ip",
    )
    MOVES: ClassVar[Mapping[str, frozenset[str]]] = moves(
        pending="available in-use",
        available="attaching in-use",
        attaching="in-use available",
        in_use="detaching available",
        detaching="available",
    )

    vpc_id: str
    subnet_id: str
    availability_zone: str
    mac_address: str
    private_ips: tuple[str, ...]
    group_ids: tuple[str, ...]
    description: str = ""
    interface_type: str = "interface"
    source_dest_check: bool = True
    requester_managed: bool = False
    requester_id: str | None = None
    ipv6_addresses: tuple[str, ...] = ()
    ipv4_prefixes: tuple[str, ...] = ()
    ipv6_prefixes: tuple[str, ...] = ()
    primary_ipv6: bool = False
    instance_id: str | None = None
    attachment: Attachment | None = None
    former: tuple[Attachment, str] | None = None
    public_ip: str | None = None
    auto_public_ip: bool = False
    connection_tracking: Mapping[str, int] | None = None


@record
class Address(Row):
    """An Elastic IP address; its id is the allocation id.

    Attributes:
        association_id: ``eipassoc-…`` while it is associated.
        network_interface_id: the interface it maps to.
        private_ip: the private address it maps to.
        service_managed_by: a NAT gateway's id while that holds the address.
        domain_name: reverse DNS name set by ModifyAddressAttribute.
    """

    PREFIX: ClassVar[str] = "eipalloc"
    RESOURCE_TYPE: ClassVar[str] = "elastic-ip"
    INDEXES: ClassVar[tuple[str, ...]] = ("public_ip", "association_id", "network_interface_id")

    public_ip: str
    network_border_group: str
    public_ipv4_pool: str = "amazon"
    association_id: str | None = None
    network_interface_id: str | None = None
    private_ip: str | None = None
    service_managed_by: str | None = None
    domain_name: str | None = None


@record
class NetworkInterfacePermission(Row):
    """Leave for an account or a service to attach an interface or give it addresses."""

    PREFIX: ClassVar[str] = "eni-perm"
    INDEXES: ClassVar[tuple[str, ...]] = ("network_interface_id",)

    network_interface_id: str
    permission: str
    account_id: str | None = None
    service: str | None = None
