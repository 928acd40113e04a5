"""VPC endpoints, and the endpoint services that accounts offer each other."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

from emulator.model.row import Row, Stateful, moves, record


@record
class VpcEndpoint(Stateful):
    """A way from a VPC to a service.

    Attributes:
        endpoint_type: ``Gateway``, ``Interface`` or ``GatewayLoadBalancer``.
        service_id: the endpoint service's id where another account or this one offers it.
        policy: JSON text; None where the type has none.
        interface_ids: the network interface in each of ``subnet_ids``, in the same order.
        dns_label: what the endpoint's own DNS names begin with.
        dns_options: as AWS shows them.
        private_names: the service's own names, which private DNS leads to the endpoint.
        connection_id: of its connection to an account's endpoint service.
    """

    PREFIX: ClassVar[str] = "vpce"
    RESOURCE_TYPE: ClassVar[str] = "vpc-endpoint"
    INDEXES: ClassVar[tuple[str, ...]] = ("vpc_id", "service_id")
    MOVES: ClassVar[Mapping[str, frozenset[str]]] = moves(
        pending="available deleting",
        pendingAcceptance="pending rejected deleting",
        available="rejected deleting",
        rejected="pending deleting",
        deleting="deleted",
        deleted="",
    )

    endpoint_type: str
    vpc_id: str
    service_name: str
    created_at: datetime
    dns_label: str
    service_id: str | None = None
    service_region: str | None = None
    policy: str | None = None
    route_table_ids: tuple[str, ...] = ()
    subnet_ids: tuple[str, ...] = ()
    interface_ids: tuple[str, ...] = ()
    group_ids: tuple[str, ...] = ()
    private_names: tuple[str, ...] = ()
    private_dns_enabled: bool = False
    ip_address_type: str = "ipv4"
    dns_options: Mapping[str, Any] | None = None
    connection_id: str | None = None


@record
class EndpointServiceConfiguration(Stateful):
    """A service that an account offers through its load balancers.

    Attributes:
        state: ``Pending``, ``Available`` or ``Deleting``; AWS capitalises these.
        load_balancer_arns: network or gateway load balancers, never both.
        is_gateway: whether they are gateway load balancers.
        private_dns_name: the name under which consumers may reach it.
        private_dns_state: ``pendingVerification`` or ``verified``.
        private_dns_value: what a TXT record has to say to prove the name.
    """

    PREFIX: ClassVar[str] = "vpce-svc"
    RESOURCE_TYPE: ClassVar[str] = "vpc-endpoint-service"
    MOVES: ClassVar[Mapping[str, frozenset[str]]] = moves(
        Pending="Available Deleting", Available="Deleting", Deleting="Deleted", Deleted=""
    )

    load_balancer_arns: tuple[str, ...]
    is_gateway: bool
    acceptance_required: bool
    ip_address_types: tuple[str, ...] = ("ipv4",)
    supported_regions: tuple[str, ...] = ()
    private_dns_name: str | None = None
    private_dns_state: str = "pendingVerification"
    private_dns_value: str = ""


@record
class EndpointServicePermission(Row):
    """Who may make endpoints for a service.

    Attributes:
        principal: an ARN, or ``*`` for everybody.
    """

    PREFIX: ClassVar[str] = "vpce-svc-perm"
    RESOURCE_TYPE: ClassVar[str] = "vpc-endpoint-service-permission"
    INDEXES: ClassVar[tuple[str, ...]] = ("service_id",)

    service_id: str
    principal: str
    principal_type: str


@record
class ConnectionNotification(Row):
    """Where events of an endpoint or a service are announced.

    Attributes:
        topic_arn: an Amazon SNS topic.
        events: of Accept, Connect, Delete and Reject.
    """

    PREFIX: ClassVar[str] = "vpce-nfn"
    INDEXES: ClassVar[tuple[str, ...]] = ("service_id", "endpoint_id")

    topic_arn: str
    events: tuple[str, ...]
    service_id: str | None = None
    endpoint_id: str | None = None
