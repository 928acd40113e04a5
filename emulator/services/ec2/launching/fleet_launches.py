"""How an EC2 Fleet gets its instances: launch templates, overrides, weights.

There are no prices here, so strategies that go by price or free capacity take the overrides
in the order in which they are given; priorities are kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import ceil
from typing import Any

import attrs

from emulator.core.errors import AwsError
from emulator.model.fleet import Fleet, FleetLaunch
from emulator.services.call import Call
from emulator.services.ec2.instances.launch import launch
from emulator.services.ec2.instances.plan import launch_plan
from emulator.services.ec2.instances.templates import merged
from emulator.services.ec2.launching.launch_template_versions import (
    TEMPLATE_ID_TAG,
    TEMPLATE_VERSION_TAG,
    launch_parameters,
)

FLEET_TAG = "aws:ec2:fleet-id"
ON_DEMAND, SPOT = "on-demand", "spot"
_BY_PRIORITY = ("prioritized", "capacity-optimized-prioritized")
# Members of an override that take the place of the launch template's own.
_OVERRIDING = ("InstanceType", "ImageId", "BlockDeviceMappings")


@attrs.frozen
class Candidate:
    """One way of launching: a launch template with one of its overrides."""

    params: Mapping[str, Any]
    marks: Mapping[str, str]
    shown: Mapping[str, Any]
    weight: float
    priority: float
    max_price: str | None


def candidates(call: Call, configs: Any) -> list[Candidate]:
    """Return every way a fleet may launch, in the order given.

    Raises:
        AwsError: a template that does not exist, or requirements in place of a type.
    """
    found = []
    for config in configs:
        specification = config.get("LaunchTemplateSpecification")
        if not specification:
            raise AwsError(
                "MissingParameter",
                "The request must contain the parameter LaunchTemplateSpecification",
            )
        if not specification.get("Version"):
            raise AwsError(
                "MissingParameter", "The launch template specification must contain a version"
            )
        params, marks = launch_parameters(call, specification)
        if params.get("InstanceMarketOptions"):
            raise AwsError(
                "InvalidParameterValue",
                "A launch template with InstanceMarketOptions cannot be used with an EC2 Fleet",
            )
        overrides: Sequence[Mapping[str, Any]] = config.get("Overrides") or ({},)
        for override in overrides:
            if override.get("InstanceRequirements"):
                raise AwsError(
                    "UnsupportedOperation",
                    "InstanceRequirements in the overrides of a fleet are not supported",
                )
            found.append(_candidate(params, marks, override))
    return found


def _candidate(
    params: Mapping[str, Any], marks: Mapping[str, str], override: Mapping[str, Any]
) -> Candidate:
    whole = {**params, **{name: override[name] for name in _OVERRIDING if override.get(name)}}
    placement = {**(params.get("Placement") or {}), **(override.get("Placement") or {})}
    if override.get("AvailabilityZone"):
        placement["AvailabilityZone"] = override["AvailabilityZone"]
    if placement:
        whole["Placement"] = placement
    subnet = override.get("SubnetId")
    if subnet and whole.get("NetworkInterfaces"):
        first, *others = whole["NetworkInterfaces"]
        whole["NetworkInterfaces"] = [{**first, "SubnetId": subnet}, *others]
    elif subnet:
        whole["SubnetId"] = subnet
    shown = {
        "LaunchTemplateSpecification": {
            "LaunchTemplateId": marks[TEMPLATE_ID_TAG],
            "Version": marks[TEMPLATE_VERSION_TAG],
        },
        "Overrides": override or None,
    }
    weight = override.get("WeightedCapacity") or 1.0
    if weight <= 0:
        raise AwsError("InvalidParameterValue", "WeightedCapacity must be greater than 0")
    return Candidate(
        params=whole,
        marks=marks,
        shown=shown,
        weight=weight,
        priority=override.get("Priority", float("inf")),
        max_price=override.get("MaxPrice"),
    )


def capacities(target: Mapping[str, Any]) -> dict[str, float]:
    """Return how much of a target is Spot and how much On-Demand.

    Raises:
        AwsError: numbers that do not fit together.
    """
    total = target["TotalTargetCapacity"]
    parts = {
        ON_DEMAND: target.get("OnDemandTargetCapacity") or 0,
        SPOT: target.get("SpotTargetCapacity") or 0,
    }
    if total < 0 or min(parts.values()) < 0 or sum(parts.values()) > total:
        raise AwsError(
            "InvalidTargetCapacitySpecification",
            "The On-Demand and Spot capacities must not be negative or exceed the total",
        )
    default = target.get("DefaultTargetCapacityType") or ON_DEMAND
    if default not in parts:
        raise AwsError("UnsupportedOperation", f"The capacity type {default} is not supported")
    parts[default] += total - sum(parts.values())
    return {kind: float(part) for kind, part in parts.items()}


def fill(
    call: Call, fleet: Fleet, ways: list[Candidate], missing: Mapping[str, float]
) -> tuple[FleetLaunch, ...]:
    """Launch what a fleet lacks; each kind of capacity tries one way after the other."""
    return tuple(
        done
        for lifecycle, capacity in missing.items()
        if capacity > 0
        for done in _launches(call, fleet, ways, lifecycle, capacity)
    )


def _launches(
    call: Call, fleet: Fleet, ways: list[Candidate], lifecycle: str, capacity: float
) -> Iterator[FleetLaunch]:
    options = fleet.request["SpotOptions" if lifecycle == SPOT else "OnDemandOptions"]
    if options.get("AllocationStrategy") in _BY_PRIORITY:
        ways = sorted(ways, key=lambda way: way.priority)
    shares = _shares(ways, options, capacity)
    for way, share in shares:
        if capacity <= 0:
            return
        done = _launch(
            call, fleet, way, lifecycle, options, ceil(min(share, capacity) / way.weight)
        )
        capacity -= done.weight * len(done.instance_ids)
        yield done


def _shares(
    ways: list[Candidate], options: Mapping[str, Any], capacity: float
) -> list[tuple[Candidate, float]]:
    """Return how much each way is to give: all from the first, or spread over all."""
    if options.get("AllocationStrategy") != "diversified":
        return [(way, capacity) for way in ways]
    each = ceil(capacity / len(ways))
    return [(way, float(each)) for way in ways]


def _launch(
    call: Call,
    fleet: Fleet,
    way: Candidate,
    lifecycle: str,
    options: Mapping[str, Any],
    count: int,
) -> FleetLaunch:
    above: dict[str, Any] = {
        "MinCount": 1,
        "MaxCount": count,
        "TagSpecifications": fleet.request.get("InstanceTags"),
    }
    if lifecycle == SPOT:
        behavior = options.get("InstanceInterruptionBehavior") or "terminate"
        above["InstanceMarketOptions"] = {
            "MarketType": "spot",
            "SpotOptions": {
                "MaxPrice": way.max_price,
                "SpotInstanceType": "one-time" if behavior == "terminate" else "persistent",
                "InstanceInterruptionBehavior": behavior,
            },
        }
    done = FleetLaunch(template=way.shown, lifecycle=lifecycle, weight=way.weight)
    try:
        plan = launch_plan(call, merged(way.params, above), {**way.marks, FLEET_TAG: fleet.id})
        instances = launch(call, plan)
    except AwsError as error:
        return attrs.evolve(done, error=(error.code, error.message))
    return attrs.evolve(
        done,
        instance_type=instances[0].instance_type,
        platform="Windows" if instances[0].platform else None,
        instance_ids=tuple(instance.id for instance in instances),
    )
