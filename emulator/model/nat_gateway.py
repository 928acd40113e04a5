"""NAT gateways."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar

import attrs

from emulator.model.row import Stateful, moves, record


@attrs.frozen
class NatAddress:
    """One address of a NAT gateway; what is None it does not have, or not any more.

    Attributes:
        status: associating, disassociating, assigning, unassigning, succeeded or failed.
    """

    private_ip: str | None = None
    network_interface_id: str | None = None
    allocation_id: str | None = None
    public_ip: str | None = None
    association_id: str | None = None
    is_primary: bool = False
    status: str = "succeeded"


@record
class NatGateway(Stateful):
    """A NAT gateway in one subnet.

    Attributes:
        connectivity_type: ``public`` or ``private``.
        addresses: the primary first.
        failure: code and message of why it could not be made.
    """

    PREFIX: ClassVar[str] = "nat"
    RESOURCE_TYPE: ClassVar[str] = "natgateway"
    INDEXES: ClassVar[tuple[str, ...]] = ("vpc_id", "subnet_id")
    MOVES: ClassVar[Mapping[str, frozenset[str]]] = moves(
        pending="available failed deleting",
        failed="deleting",
        available="deleting",
        deleting="deleted",
        deleted="",
    )

    vpc_id: str
    subnet_id: str
    connectivity_type: str
    created_at: datetime
    addresses: tuple[NatAddress, ...] = ()
    failure: tuple[str, str] | None = None
    deleted_at: datetime | None = None
