"""DescribeInstances and DescribeInstanceStatus."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from emulator.core.errors import AwsError
from emulator.model.instance import Instance
from emulator.model.instance_event import MAINTENANCE, InstanceEvent
from emulator.services.call import Call, Handler
from emulator.services.ec2.instances.kind import INSTANCE
from emulator.services.ec2.instances.manager_tag import visible_to
from emulator.services.ec2.instances.views import STATE_CODES, STATES, shown
from emulator.services.ec2.kind import Kind
from emulator.services.ec2.vpcs.subnets import zone_id
from emulator.services.filters import Field, Value
from emulator.services.pages import page_of_rows
from emulator.state.store import Region
from emulator.vm.interface import IMPAIRED, INITIALIZING
from emulator.wire.scalar import iso8601

if TYPE_CHECKING:
    from mypy_boto3_ec2 import type_defs as aws

_OK = {"Status": "ok", "Details": [{"Name": "reachability", "Status": "passed"}]}
_INITIALIZING = {
    "Status": "initializing",
    "Details": [{"Name": "reachability", "Status": "initializing"}],
}
_NOT_APPLICABLE = {"Status": "not-applicable"}


def _check_exclusive(params: Mapping[str, Any]) -> None:
    if params.get("InstanceIds") and params.get("MaxResults") is not None:
        raise AwsError(
            "InvalidParameterCombination",
            "The parameter instancesSet cannot be used with the parameter maxResults",
        )


def _answer(member: str, rows: Any, token: str | None) -> dict[str, Any]:
    return {member: rows} if token is None else {member: rows, "NextToken": token}


def describe_instances(call: Call, params: aws.DescribeInstancesRequestTypeDef) -> dict[str, Any]:
    """List instances by reservation. Source: API_DescribeInstances."""
    _check_exclusive(params)
    rows = INSTANCE.selected(call.region, params, params.get("InstanceIds"))
    chosen, token = page_of_rows(call.operation.name, rows, params, call.operation.page_limits)
    return _answer("Reservations", visible_to(call, shown(call.region, chosen)), token)


def _check(instance: Instance) -> Mapping[str, Any]:
    """Return what the instance's own check says: whether its system is heard of."""
    if instance.state == "running" and instance.health == IMPAIRED:
        since = instance.impaired_at
        failed = {"Name": "reachability", "Status": "failed", "ImpairedSince": since}
        return {"Status": "impaired", "Details": [failed]}
    return _system_check(instance)


def _system_check(instance: Instance) -> Mapping[str, Any]:
    """Return what the check says of the machine below the instance, which does not break."""
    if instance.state == "running":
        return _INITIALIZING if instance.health == INITIALIZING else _OK
    return _INITIALIZING if instance.state == "pending" else _NOT_APPLICABLE


def _reachability(_: Region, instance: Instance) -> Value:
    details = _check(instance).get("Details")
    return details[0]["Status"] if details else None


def _status(_: Region, instance: Instance) -> Value:
    return str(_check(instance)["Status"])


def _system_reachability(_: Region, instance: Instance) -> Value:
    details = _system_check(instance).get("Details")
    return details[0]["Status"] if details else None


def _system_status(_: Region, instance: Instance) -> Value:
    return str(_system_check(instance)["Status"])


def _status_view(region: Region, instance: Instance) -> Mapping[str, Any]:
    below = _system_check(instance)
    return {
        "AvailabilityZone": instance.availability_zone,
        "AvailabilityZoneId": zone_id(region, instance.availability_zone),
        "Operator": {"Managed": False},
        "InstanceId": instance.id,
        "InstanceState": STATES[instance.state],
        "InstanceStatus": _check(instance),
        "SystemStatus": below,
        "AttachedEbsStatus": below,
        "Events": [_event_view(event) for event in _scheduled(region, instance)] or None,
    }


def _scheduled(region: Region, instance: Instance) -> list[InstanceEvent]:
    """Return an instance's scheduled events, those that are over included."""
    table = region[InstanceEvent]
    found = table.where(instance_id=instance.id) if len(table) else []
    return [event for event in found if event.kind == MAINTENANCE]


def _event_view(event: InstanceEvent) -> Mapping[str, Any]:
    note = "" if event.state == "active" else f"[{event.state.capitalize()}] "
    return {
        "InstanceEventId": event.id,
        "Code": event.value,
        "Description": note + event.description,
        "NotAfter": event.not_after,
        "NotBefore": event.not_before,
    }


def _of_events(read: Callable[[InstanceEvent], str | None]) -> Field[Instance]:
    """Return a filter field over an instance's scheduled events."""
    return lambda region, row: [read(event) for event in _scheduled(region, row)]


def _nothing(_: Region, __: Instance) -> Value:
    return None


_STATUS_FILTERS: Mapping[str, Field[Instance]] = {
    "availability-zone": lambda _, row: row.availability_zone,
    "availability-zone-id": lambda region, row: zone_id(region, row.availability_zone),
    "event.code": _of_events(lambda event: event.value),
    "event.description": _of_events(lambda event: _event_view(event)["Description"]),
    "event.instance-event-id": _of_events(lambda event: event.id),
    "event.not-after": _of_events(
        lambda event: iso8601(event.not_after) if event.not_after else None
    ),
    "event.not-before": _of_events(lambda event: iso8601(event.not_before)),
    "event.not-before-deadline": _nothing,
    "instance-state-code": lambda _, row: STATE_CODES[row.state],
    "instance-state-name": lambda _, row: row.state,
    "instance-status.reachability": _reachability,
    "instance-status.status": _status,
    "operator.managed": lambda _, __: False,
    "operator.principal": _nothing,
    "system-status.reachability": _system_reachability,
    "system-status.status": _system_status,
    "attached-ebs-status.status": _system_status,
    "application-status.status": _nothing,
}

_STATUS = Kind(row=Instance, shape="InstanceStatus", view=_status_view, filters=_STATUS_FILTERS)


def describe_instance_status(
    call: Call, params: aws.DescribeInstanceStatusRequestTypeDef
) -> dict[str, Any]:
    """List the health of running instances, or of all. Source: API_DescribeInstanceStatus."""
    _check_exclusive(params)
    rows = _STATUS.selected(call.region, params, params.get("InstanceIds"))
    if not params.get("IncludeAllInstances"):
        rows = [row for row in rows if row.state == "running"]
    chosen, token = page_of_rows(call.operation.name, rows, params, call.operation.page_limits)
    # Not kept: an instance's kept XML is that of DescribeInstances.
    return _answer("InstanceStatuses", [_status_view(call.region, row) for row in chosen], token)


OPERATIONS: Mapping[str, Handler] = {
    "DescribeInstanceStatus": describe_instance_status,
    "DescribeInstances": describe_instances,
}
