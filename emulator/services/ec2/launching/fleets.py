"""EC2 Fleets: made, described, resized and deleted.

A fleet of type ``maintain`` is brought to its target when it is made or resized; instances
that end later are not replaced.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from emulator.core.errors import AwsError
from emulator.model.fleet import Fleet, FleetLaunch
from emulator.model.instance import Instance
from emulator.model.row import NO_TAGS
from emulator.services.call import Call, Handler
from emulator.services.ec2.instances.kind import INSTANCE
from emulator.services.ec2.instances.lifecycle import terminate_instances
from emulator.services.ec2.instances.plan import MAX_INSTANCES
from emulator.services.ec2.kind import Kind, tag_set
from emulator.services.ec2.launching.fleet_launches import (
    SPOT,
    Candidate,
    candidates,
    capacities,
    fill,
)
from emulator.services.ec2.tags import tags_by_type
from emulator.services.filters import select
from emulator.services.pages import page, page_of_rows
from emulator.state.store import Region

if TYPE_CHECKING:
    from mypy_boto3_ec2 import type_defs as aws

# How long a deleted fleet can still be described.
VISIBLE_SECONDS = 3600.0
_ALIVE = ("pending", "running", "stopping", "stopped")
_TAGGABLE = ("fleet",)
_TAGGABLE_INSTANT = ("fleet", "instance", "volume", "network-interface")
_ECHOED = (
    "ExcessCapacityTerminationPolicy",
    "TerminateInstancesWithExpiration",
    "ValidFrom",
    "ValidUntil",
    "ReplaceUnhealthyInstances",
    "LaunchTemplateConfigs",
    "ClientToken",
    "Context",
)


def _live(region: Region, launch: FleetLaunch) -> list[Instance]:
    rows = (region[Instance].get(instance_id) for instance_id in launch.instance_ids)
    return [row for row in rows if row is not None and row.state in _ALIVE]


def _fulfilled(region: Region, fleet: Fleet) -> dict[str, float]:
    """Return the capacity of the instances that live, of each kind."""
    found = {SPOT: 0.0, "on-demand": 0.0}
    for launch in fleet.launches:
        found[launch.lifecycle] += launch.weight * len(_live(region, launch))
    return found


def _state(region: Region, fleet: Fleet) -> str:
    over = fleet.state == "deleted_terminating" and not any(_fulfilled(region, fleet).values())
    return "deleted" if over else fleet.state


def _activity(region: Region, fleet: Fleet) -> str | None:
    if fleet.type == "instant":
        return None
    state = _state(region, fleet)
    if state != "active":
        return "pending_termination" if state == "deleted_terminating" else None
    if sum(_fulfilled(region, fleet).values()) >= fleet.target["TotalTargetCapacity"]:
        return "fulfilled"
    return "error" if any(launch.error for launch in fleet.launches) else "pending_fulfillment"


def _instances(launches: Iterable[FleetLaunch]) -> list[dict[str, Any]]:
    return [
        {
            "LaunchTemplateAndOverrides": launch.template,
            "Lifecycle": launch.lifecycle,
            "InstanceIds": list(launch.instance_ids),
            "InstanceType": launch.instance_type,
            "Platform": launch.platform,
        }
        for launch in launches
        if launch.instance_ids
    ]


def _errors(launches: Iterable[FleetLaunch]) -> list[dict[str, Any]]:
    return [
        {
            "LaunchTemplateAndOverrides": launch.template,
            "Lifecycle": launch.lifecycle,
            "ErrorCode": launch.error[0],
            "ErrorMessage": launch.error[1],
        }
        for launch in launches
        if launch.error is not None
    ]


def _view(region: Region, fleet: Fleet) -> Mapping[str, Any]:
    fulfilled = _fulfilled(region, fleet)
    instant = fleet.type == "instant"
    return {
        **{name: fleet.request.get(name) for name in _ECHOED},
        "ActivityStatus": _activity(region, fleet),
        "CreateTime": fleet.created_at,
        "FleetId": fleet.id,
        "FleetState": _state(region, fleet),
        "FulfilledCapacity": sum(fulfilled.values()),
        "FulfilledOnDemandCapacity": fulfilled["on-demand"],
        "TargetCapacitySpecification": fleet.target,
        "Type": fleet.type,
        "SpotOptions": fleet.request["SpotOptions"],
        "OnDemandOptions": fleet.request["OnDemandOptions"],
        "Tags": tag_set(fleet.tags),
        "Errors": _errors(fleet.launches) if instant else None,
        "Instances": _instances(fleet.launches) if instant else None,
    }


def _both_spellings(text: str | None) -> tuple[str, ...]:
    return (text, text.replace("_", "-")) if text else ()


FLEET = Kind(
    row=Fleet,
    shape="FleetData",
    view=_view,
    filters={
        "activity-status": lambda region, row: _both_spellings(_activity(region, row)),
        "excess-capacity-termination-policy": lambda _, row: row.request.get(
            "ExcessCapacityTerminationPolicy"
        ),
        "fleet-state": lambda region, row: _both_spellings(_state(region, row)),
        "replace-unhealthy-instances": lambda _, row: row.request.get("ReplaceUnhealthyInstances"),
        "type": lambda _, row: row.type,
    },
)


def _checked_target(specification: Mapping[str, Any]) -> dict[str, Any]:
    """Return a target with all its parts."""
    parts = capacities(specification)
    if specification["TotalTargetCapacity"] > MAX_INSTANCES:
        raise AwsError(
            "FleetCapacityLimitExceeded", f"A fleet may have a capacity of up to {MAX_INSTANCES}"
        )
    if specification.get("TargetCapacityUnitType") not in (None, "units"):
        raise AwsError(
            "UnsupportedOperation", "Capacities other than units need instance requirements"
        )
    return {
        **specification,
        "OnDemandTargetCapacity": int(parts["on-demand"]),
        "SpotTargetCapacity": int(parts[SPOT]),
        "DefaultTargetCapacityType": specification.get("DefaultTargetCapacityType") or "on-demand",
    }


def _request(params: Mapping[str, Any], fleet_type: str) -> dict[str, Any]:
    """Return what a fleet keeps of its request, with AWS's defaults."""
    if params.get("ReservedCapacityOptions"):
        raise AwsError("UnsupportedOperation", "ReservedCapacityOptions are not supported")
    spot, on_demand = params.get("SpotOptions") or {}, params.get("OnDemandOptions") or {}
    for options in (spot, on_demand):
        if options.get("MinTargetCapacity"):
            raise AwsError("UnsupportedOperation", "MinTargetCapacity is not supported")
    kept = {name: params[name] for name in _ECHOED if params.get(name) is not None}
    return {
        "TerminateInstancesWithExpiration": False,
        "ReplaceUnhealthyInstances": False,
        **({} if fleet_type == "instant" else {"ExcessCapacityTerminationPolicy": "termination"}),
        **kept,
        "SpotOptions": {
            "AllocationStrategy": "lowest-price",
            "InstanceInterruptionBehavior": "terminate",
            **({} if spot.get("AllocationStrategy") else {"InstancePoolsToUseCount": 1}),
            **spot,
        },
        "OnDemandOptions": {"AllocationStrategy": "lowest-price", **on_demand},
        "InstanceTags": [
            item
            for item in params.get("TagSpecifications") or ()
            if item.get("ResourceType") != "fleet"
        ],
    }


def create_fleet(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """Make a fleet; an instant one launches now, others once this is answered.

    Source: API_CreateFleet.
    """
    fleet_type = params.get("Type") or "maintain"
    instant = fleet_type == "instant"
    tags = tags_by_type(params, _TAGGABLE_INSTANT if instant else _TAGGABLE)
    ways = candidates(call, params["LaunchTemplateConfigs"])
    fleet = Fleet(
        id=f"{Fleet.PREFIX}-{call.world.ids.uuid()}",
        tags=tags.get("fleet", NO_TAGS),
        state="active",
        type=fleet_type,
        created_at=call.world.clock.now(),
        request=_request(params, fleet_type),
        target=_checked_target(params["TargetCapacitySpecification"]),
    )
    call.region[Fleet].add(fleet)
    if not instant:
        call.world.later(0, f"filling {fleet.id}", _fill, call, fleet, ways)
        return {"FleetId": fleet.id}
    _fill(call, fleet, ways)
    return {
        "FleetId": fleet.id,
        "Errors": _errors(fleet.launches),
        "Instances": _instances(fleet.launches),
    }


def _fill(call: Call, fleet: Fleet, ways: list[Candidate]) -> None:
    if fleet.watcher is None or fleet.state != "active":
        return
    have = _fulfilled(call.region, fleet)
    missing = {kind: part - have[kind] for kind, part in capacities(fleet.target).items()}
    fleet.launches = (*fleet.launches, *fill(call, fleet, ways, missing))


def describe_fleets(call: Call, params: aws.DescribeFleetsRequestTypeDef) -> dict[str, Any]:
    """List fleets; instant ones are shown only when they are named."""
    region, ids = call.region, params.get("FleetIds")
    if ids:
        rows = FLEET.find_all(region, ids)
    else:
        rows = [row for row in FLEET.rows(region) if row.type != "instant"]
    rows = select(region, rows, params.get("Filters"), FLEET.filters, taggable=False)
    shown, token = page_of_rows(call.operation.name, rows, params, call.operation.page_limits)
    answer: dict[str, Any] = {"Fleets": [FLEET.show(region, row) for row in shown]}
    return answer | ({"NextToken": token} if token else {})


def describe_fleet_instances(
    call: Call, params: aws.DescribeFleetInstancesRequestTypeDef
) -> dict[str, Any]:
    """List the instances of a fleet that live."""
    region, fleet = call.region, FLEET.find(call.region, params["FleetId"])
    rows = [row for launch in fleet.launches for row in _live(region, launch)]
    if filters := params.get("Filters"):
        only = {"instance-type": INSTANCE.filters["instance-type"]}
        rows = select(region, rows, filters, only, taggable=False)
    limits = call.operation.page_limits
    shown, token = page(call.operation.name, rows, params, limits, lambda row: row.sequence)
    answer: dict[str, Any] = {
        "FleetId": fleet.id,
        "ActiveInstances": [
            {
                "InstanceId": row.id,
                "InstanceType": row.instance_type,
                "SpotInstanceRequestId": row.spot_request_id,
                "InstanceHealth": "healthy",
            }
            for row in shown
        ],
    }
    return answer | ({"NextToken": token} if token else {})


def _terminate(call: Call, rows: Iterable[Instance]) -> None:
    """End instances of a fleet, but for those that are protected."""
    ids = [row.id for row in rows if not row.disable_api_termination]
    if ids:
        terminate_instances(call, {"InstanceIds": ids})


def modify_fleet(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """Resize a fleet of type maintain, or change what it launches from."""
    fleet = FLEET.find(call.region, params["FleetId"])
    if fleet.type != "maintain" or fleet.state != "active":
        raise AwsError(
            "UnsupportedOperation", "Only active fleets of type 'maintain' can be modified"
        )
    request = dict(fleet.request)
    for name in ("LaunchTemplateConfigs", "ExcessCapacityTerminationPolicy", "Context"):
        if params.get(name):
            request[name] = params[name]
    ways = candidates(call, request["LaunchTemplateConfigs"])
    target = fleet.target
    if params.get("TargetCapacitySpecification"):
        target = _checked_target(params["TargetCapacitySpecification"])
    fleet.request, fleet.target = request, target
    if request["ExcessCapacityTerminationPolicy"] == "termination":
        _shrink(call, fleet)
    call.world.later(0, f"filling {fleet.id}", _fill, call, fleet, ways)
    return {"Return": True}


def _shrink(call: Call, fleet: Fleet) -> None:
    """End the newest instances beyond the target."""
    wanted, gone = capacities(fleet.target), []
    have = _fulfilled(call.region, fleet)
    for launch in reversed(fleet.launches):
        for row in reversed(_live(call.region, launch)):
            if have[launch.lifecycle] - launch.weight >= wanted[launch.lifecycle]:
                have[launch.lifecycle] -= launch.weight
                gone.append(row)
    _terminate(call, gone)


def delete_fleets(call: Call, params: aws.DeleteFleetsRequestTypeDef) -> dict[str, Any]:
    """Delete fleets, with their instances where that is asked for."""
    region, terminate = call.region, params["TerminateInstances"]
    deleted, kept = [], []
    for fleet_id in dict.fromkeys(params["FleetIds"]):
        fleet = region[Fleet].get(fleet_id)
        refusal = _refusal(fleet, terminate=terminate)
        if fleet is None or refusal is not None:
            code, message = refusal or ("unexpectedError", "")
            kept.append({"FleetId": fleet_id, "Error": {"Code": code, "Message": message}})
            continue
        before = fleet.state
        fleet.state = "deleted_terminating" if terminate else "deleted_running"
        if terminate:
            _terminate(call, (row for launch in fleet.launches for row in _live(region, launch)))
        call.world.expire(region, fleet, VISIBLE_SECONDS)
        deleted.append(
            {
                "FleetId": fleet_id,
                "CurrentFleetState": fleet.state,
                "PreviousFleetState": before,
            }
        )
    return {"SuccessfulFleetDeletions": deleted, "UnsuccessfulFleetDeletions": kept}


def _refusal(fleet: Fleet | None, *, terminate: bool) -> tuple[str, str] | None:
    if fleet is None:
        return "fleetIdDoesNotExist", "The fleet ID does not exist."
    if fleet.state != "active":
        return "fleetNotInDeletableState", "The fleet is deleted already."
    if fleet.type == "instant" and not terminate:
        return (
            "fleetNotInDeletableState",
            "The instances of a fleet of type 'instant' must be terminated with it.",
        )
    return None


OPERATIONS: Mapping[str, Handler] = {
    "CreateFleet": create_fleet,
    "DeleteFleets": delete_fleets,
    "DescribeFleetInstances": describe_fleet_instances,
    "DescribeFleets": describe_fleets,
    "ModifyFleet": modify_fleet,
}
