"""Connections of endpoints to an account's service, and who hears of them.

Nothing publishes to Amazon SNS here: notifications are kept and shown.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from emulator.core.errors import AwsError
from emulator.model.row import Row
from emulator.model.vpc_endpoint import (
    ConnectionNotification,
    EndpointServiceConfiguration,
    VpcEndpoint,
)
from emulator.services.call import Call, Handler
from emulator.services.ec2.endpoints.endpoint_services import ENDPOINT_SERVICE, connected
from emulator.services.ec2.endpoints.vpc_endpoint_parts import invalid
from emulator.services.ec2.endpoints.vpc_endpoint_views import VPC_ENDPOINT, dns_entries
from emulator.services.ec2.kind import Kind
from emulator.services.ec2.unsuccessful import unsuccessful
from emulator.services.filters import Field, select
from emulator.services.pages import page_by
from emulator.state.store import Region

if TYPE_CHECKING:
    from mypy_boto3_ec2 import type_defs as aws

EVENTS = ("Accept", "Connect", "Delete", "Reject")
_TOPIC = re.compile(r"arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_.-]{1,256}")


class _Connection(Row):
    """One line of DescribeVpcEndpointConnections: an endpoint and where it is."""

    __slots__ = ("endpoint", "place", "service")

    def __init__(
        self, place: Region, endpoint: VpcEndpoint, service: EndpointServiceConfiguration
    ) -> None:
        super().__init__(id=endpoint.id)
        self.place, self.endpoint, self.service = place, endpoint, service

    @property
    def position(self) -> str:
        """Where the line stands among all, whichever others come and go."""
        service, endpoint = self.service.sequence, self.endpoint.sequence
        return f"{service:016}/{self.place.account}/{self.place.name}/{endpoint:016}"


_FIELDS: Mapping[str, Field[_Connection]] = {
    "ip-address-type": lambda _, line: line.endpoint.ip_address_type,
    "service-id": lambda _, line: line.service.id,
    "transit-gateway-attachment-id": lambda _, __: None,
    "vpc-endpoint-id": lambda _, line: line.endpoint.id,
    "vpc-endpoint-owner": lambda _, line: line.place.account,
    "vpc-endpoint-region": lambda _, line: line.place.name,
    "vpc-endpoint-state": lambda _, line: line.endpoint.state,
}


def _shown(line: _Connection) -> dict[str, Any]:
    endpoint, service = line.endpoint, line.service
    arns = list(service.load_balancer_arns)
    return {
        "ServiceId": service.id,
        "VpcEndpointId": endpoint.id,
        "VpcEndpointOwner": line.place.account,
        "VpcEndpointState": endpoint.state,
        "VpcEndpointRegion": line.place.name,
        "CreationTimestamp": endpoint.created_at,
        "DnsEntries": list(dns_entries(line.place, endpoint)),
        "NetworkLoadBalancerArns": [] if service.is_gateway else arns,
        "GatewayLoadBalancerArns": arns if service.is_gateway else [],
        "IpAddressType": endpoint.ip_address_type,
        "VpcEndpointConnectionId": endpoint.connection_id,
        "Tags": [],
    }


def describe_vpc_endpoint_connections(
    call: Call, params: aws.DescribeVpcEndpointConnectionsRequestTypeDef
) -> dict[str, Any]:
    """List the endpoints, of any account, that lead to the account's services."""
    lines = [
        _Connection(place, endpoint, service)
        for service in call.region[EndpointServiceConfiguration]
        for place, endpoint in connected(call.state, service.id)
    ]
    chosen = select(call.region, lines, params.get("Filters"), _FIELDS, taggable=False)
    chosen.sort(key=lambda line: line.position)
    shown, token = page_by(
        call.operation.name,
        chosen,
        params,
        call.operation.page_limits,
        lambda line: line.position,
        str,
    )
    answer: dict[str, Any] = {"VpcEndpointConnections": [_shown(line) for line in shown]}
    if token is not None:
        answer["NextToken"] = token
    return answer


def _decide(
    call: Call, params: Mapping[str, Any], state: str, settled: str | None
) -> dict[str, Any]:
    """Move the endpoints of a service that may be moved, and tell of the others."""
    service = ENDPOINT_SERVICE.find(call.region, params["ServiceId"])
    known = {endpoint.id: endpoint for _, endpoint in connected(call.state, service.id)}
    failed = []
    for endpoint_id in dict.fromkeys(params["VpcEndpointIds"]):
        endpoint = known.get(endpoint_id)
        if endpoint is None:
            failed.append(unsuccessful(endpoint_id, VPC_ENDPOINT.noun.missing([endpoint_id])))
        elif not endpoint.may(state):
            error = AwsError(
                "InvalidState",
                f"Operation not permitted. Endpoint {endpoint_id} is in state {endpoint.state}",
            )
            failed.append(unsuccessful(endpoint_id, error))
        else:
            endpoint.move(state)
            if settled is not None:
                call.world.settle(endpoint, settled)
    return {"Unsuccessful": failed}


def accept_vpc_endpoint_connections(
    call: Call, params: aws.AcceptVpcEndpointConnectionsRequestTypeDef
) -> dict[str, Any]:
    """Let waiting or rejected endpoints connect."""
    return _decide(call, params, "pending", "available")


def reject_vpc_endpoint_connections(
    call: Call, params: aws.RejectVpcEndpointConnectionsRequestTypeDef
) -> dict[str, Any]:
    """Turn endpoints away, also those that are connected."""
    return _decide(call, params, "rejected", None)


NOTIFICATION = Kind(
    row=ConnectionNotification,
    shape="ConnectionNotification",
    view=lambda region, row: {
        "ConnectionNotificationId": row.id,
        "ServiceId": row.service_id,
        "VpcEndpointId": row.endpoint_id,
        "ConnectionNotificationType": "Topic",
        "ConnectionNotificationArn": row.topic_arn,
        "ConnectionEvents": list(row.events),
        "ConnectionNotificationState": "Enabled",
        "ServiceRegion": region.name,
    },
    filters={
        "connection-notification-arn": lambda _, row: row.topic_arn,
        "connection-notification-id": lambda _, row: row.id,
        "connection-notification-state": lambda _, __: "Enabled",
        "connection-notification-type": lambda _, __: "Topic",
        "service-id": lambda _, row: row.service_id,
        "vpc-endpoint-id": lambda _, row: row.endpoint_id,
    },
)


def _checked_topic(arn: str) -> str:
    if _TOPIC.fullmatch(arn) is None:
        raise invalid(f"The topic ARN '{arn[:256]}' is not valid")
    return arn


def _checked_events(events: Sequence[str]) -> tuple[str, ...]:
    for event in events:
        if event not in EVENTS:
            raise invalid(f"The event '{event[:64]}' is not one of {', '.join(EVENTS)}")
    if not events:
        raise invalid("At least one event has to be specified")
    return tuple(dict.fromkeys(events))


def create_vpc_endpoint_connection_notification(
    call: Call, params: aws.CreateVpcEndpointConnectionNotificationRequestTypeDef
) -> dict[str, Any]:
    """Announce events of a service or an endpoint on a topic."""
    region = call.region
    service_id, endpoint_id = params.get("ServiceId"), params.get("VpcEndpointId")
    if (service_id is None) == (endpoint_id is None):
        raise AwsError(
            "MissingParameter" if service_id is None else "InvalidParameterCombination",
            "Either ServiceId or VpcEndpointId has to be specified",
        )
    if service_id is not None:
        ENDPOINT_SERVICE.find(region, service_id)
    if endpoint_id is not None:
        VPC_ENDPOINT.find(region, endpoint_id)
    notification = ConnectionNotification(
        id=call.new_id(ConnectionNotification),
        topic_arn=_checked_topic(params["ConnectionNotificationArn"]),
        events=_checked_events(params["ConnectionEvents"]),
        service_id=service_id,
        endpoint_id=endpoint_id,
    )
    region[ConnectionNotification].add(notification)
    return {
        "ConnectionNotification": NOTIFICATION.show(region, notification),
        "ClientToken": params.get("ClientToken"),
    }


def describe_vpc_endpoint_connection_notifications(
    call: Call, params: aws.DescribeVpcEndpointConnectionNotificationsRequestTypeDef
) -> dict[str, Any]:
    """List notifications; the call takes one id."""
    wanted = params.get("ConnectionNotificationId")
    given = {**params, "Ids": [wanted] if wanted else None}
    return NOTIFICATION.describe(call, given, ids="Ids", result="ConnectionNotificationSet")


def modify_vpc_endpoint_connection_notification(
    call: Call, params: aws.ModifyVpcEndpointConnectionNotificationRequestTypeDef
) -> dict[str, Any]:
    """Change a notification's topic or events."""
    notification = NOTIFICATION.find(call.region, params["ConnectionNotificationId"])
    topic, events = params.get("ConnectionNotificationArn"), params.get("ConnectionEvents")
    checked_topic = notification.topic_arn if topic is None else _checked_topic(topic)
    checked_events = notification.events if events is None else _checked_events(events)
    notification.topic_arn, notification.events = checked_topic, checked_events
    return {"ReturnValue": True}


def delete_vpc_endpoint_connection_notifications(
    call: Call, params: aws.DeleteVpcEndpointConnectionNotificationsRequestTypeDef
) -> dict[str, Any]:
    """Delete those that exist, and tell of the others."""
    failed, table = [], call.region[ConnectionNotification]
    for notification_id in dict.fromkeys(params["ConnectionNotificationIds"]):
        notification = table.get(notification_id)
        if notification is None:
            error = NOTIFICATION.noun.missing([notification_id])
            failed.append(unsuccessful(notification_id, error))
        else:
            table.remove(notification)
    return {"Unsuccessful": failed}


OPERATIONS: Mapping[str, Handler] = {
    "AcceptVpcEndpointConnections": accept_vpc_endpoint_connections,
    "CreateVpcEndpointConnectionNotification": create_vpc_endpoint_connection_notification,
    "DeleteVpcEndpointConnectionNotifications": delete_vpc_endpoint_connection_notifications,
    "DescribeVpcEndpointConnectionNotifications": describe_vpc_endpoint_connection_notifications,
    "DescribeVpcEndpointConnections": describe_vpc_endpoint_connections,
    "ModifyVpcEndpointConnectionNotification": modify_vpc_endpoint_connection_notification,
    "RejectVpcEndpointConnections": reject_vpc_endpoint_connections,
}
