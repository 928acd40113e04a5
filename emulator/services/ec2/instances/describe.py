"""DescribeInstances and DescribeInstanceStatus."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from emulator.core.errors import AwsError
from emulator.model.instance import Instance
from emulator.services.call import Call, Handler
from emulator.services.ec2.instances.kind import INSTANCE
from emulator.services.ec2.instances.manager_tag import visible_to
from emulator.services.ec2.instances.views import STATE_CODES, STATES, shown
from emulator.services.ec2.kind import Kind
from emulator.services.ec2.vpcs.subnets import zone_id
from emulator.services.filters import Field, Value
from emulator.services.pages import page_of_rows
from emulator.state.store import Region

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
    if instance.state == "running":
        return _OK
    return _INITIALIZING if instance.state == "pending" else _NOT_APPLICABLE


def _reachability(_: Region, instance: Instance) -> Value:
    details = _check(instance).get("Details")
    return details[0]["Status"] if details else None


def _status(_: Region, instance: Instance) -> Value:
    return str(_check(instance)["Status"])


def _status_view(region: Region, instance: Instance) -> Mapping[str, Any]:
    check = _check(instance)
    return {
        "AvailabilityZone": instance.availability_zone,
        "AvailabilityZoneId": zone_id(region, instance.availability_zone),
        "Operator": {"Managed": False},
        "InstanceId": instance.id,
        "InstanceState": STATES[instance.state],
        "InstanceStatus": check,
        "SystemStatus": check,
        "AttachedEbsStatus": check,
    }


def _no_event(_: Region, __: Instance) -> Value:
    """Answer for scheduled events: a machine of the emulator is never retired."""
    return None


_STATUS_FILTERS: Mapping[str, Field[Instance]] = {
    "availability-zone": lambda _, row: row.availability_zone,
    "availability-zone-id": lambda region, row: zone_id(region, row.availability_zone),
    "event.code": _no_event,
    "event.description": _no_event,
    "event.instance-event-id": _no_event,
    "event.not-after": _no_event,
    "event.not-before": _no_event,
    "event.not-before-deadline": _no_event,
    "instance-state-code": lambda _, row: STATE_CODES[row.state],
    "instance-state-name": lambda _, row: row.state,
    "instance-status.reachability": _reachability,
    "instance-status.status": _status,
    "operator.managed": lambda _, __: False,
    "operator.principal": _no_event,
    "system-status.reachability": _reachability,
    "system-status.status": _status,
    "attached-ebs-status.status": _status,
    "application-status.status": _no_event,
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
