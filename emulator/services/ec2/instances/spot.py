"""Spot requests beside the instances that fulfil them: opened, fulfilled, ended together.

There is no market here: every request finds capacity at once and none is interrupted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import attrs

from emulator.core.errors import AwsError
from emulator.model.instance import Instance
from emulator.model.row import NO_TAGS
from emulator.model.security_group import SecurityGroup
from emulator.model.spot import SpotRequest
from emulator.services.call import Call, World
from emulator.state.store import Region

# How long a request that is over can still be described.
VISIBLE_SECONDS = 3600.0
PENDING = (
    "pending-evaluation",
    "Your Spot request has been submitted for review, and is pending evaluation.",
)
FULFILLED = ("fulfilled", "Your spot request is fulfilled.")
ENDED = (
    "instance-terminated-by-user",
    "Spot Instance terminated due to user-initiated termination.",
)
STOPPED = ("instance-stopped-by-user", "Your Spot instance was stopped because you stopped it.")
NO_CAPACITY = (
    "capacity-not-available",
    "There is no Spot capacity available that matches your request.",
)
_PRICE = re.compile(r"[0-9]{1,7}(?:\.[0-9]{1,9})?", re.ASCII)
# Members of RunInstances' request that a LaunchSpecification has under the same name.
_SAME = (
    "UserData",
    "BlockDeviceMappings",
    "EbsOptimized",
    "IamInstanceProfile",
    "ImageId",
    "InstanceType",
    "KernelId",
    "KeyName",
    "NetworkInterfaces",
    "RamdiskId",
    "SubnetId",
    "AddressingType",
)
_PLACEMENT = ("AvailabilityZone", "GroupName", "Tenancy", "AvailabilityZoneId")


@attrs.frozen
class SpotOrder:
    """What one is ready to have and pay, the same for each instance of a launch.

    Attributes:
        specification: LaunchSpecification, as the request shows it.
        tags: the request's own.
        request: the request to fulfil; None to make one with the launch.
    """

    persistent: bool
    specification: Mapping[str, Any]
    price: str | None = None
    interruption_behavior: str = "terminate"
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    launch_group: str | None = None
    availability_zone_group: str | None = None
    tags: Mapping[str, str] = NO_TAGS
    request: SpotRequest | None = None


def checked_price(price: str | None) -> str | None:
    """Refuse a price that is none.

    Raises:
        AwsError: InvalidParameterValue.
    """
    if price is not None and (_PRICE.fullmatch(price) is None or float(price) <= 0):
        raise AwsError("InvalidParameterValue", f"Invalid value '{price[:64]}' for spotPrice.")
    return price


def spot_order(
    call: Call,
    options: Mapping[str, Any],
    specification: Mapping[str, Any],
    tags: Mapping[str, str],
) -> SpotOrder:
    """Return an order.

    Args:
        call: the request.
        options: in the shape of RunInstances' SpotMarketOptions.
        specification: LaunchSpecification.
        tags: for the Spot request.

    Raises:
        AwsError: options that AWS refuses.
    """
    if options.get("BlockDurationMinutes") is not None:
        raise AwsError(
            "UnsupportedOperation",
            "Spot Instances with a defined duration (BlockDurationMinutes) are no longer available",
        )
    persistent = options.get("SpotInstanceType") == "persistent"
    behavior = options.get("InstanceInterruptionBehavior") or "terminate"
    if behavior != "terminate" and not persistent:
        raise AwsError(
            "InvalidParameterCombination",
            f"The interruption behavior '{behavior}' is supported only by persistent Spot requests",
        )
    start, end = options.get("ValidFrom"), options.get("ValidUntil")
    if end is not None and end <= max(filter(None, (start, call.world.clock.now()))):
        raise AwsError(
            "InvalidParameterValue", "ValidUntil must lie in the future and after ValidFrom"
        )
    return SpotOrder(
        persistent=persistent,
        specification=specification,
        price=checked_price(options.get("MaxPrice")),
        interruption_behavior=behavior,
        valid_from=start,
        valid_until=end,
        launch_group=options.get("LaunchGroup"),
        availability_zone_group=options.get("AvailabilityZoneGroup"),
        tags=tags,
    )


def launch_specification(region: Region, params: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return RunInstances' parameters as a Spot request shows them."""
    shown: dict[str, Any] = {name: params[name] for name in _SAME if params.get(name) is not None}
    placement = params.get("Placement") or {}
    shown["Placement"] = {
        name: placement[name] for name in _PLACEMENT if placement.get(name)
    } or None
    shown["Monitoring"] = {"Enabled": bool((params.get("Monitoring") or {}).get("Enabled"))}
    groups = []
    for group_id in params.get("SecurityGroupIds") or ():
        group = region[SecurityGroup].get(group_id)
        groups.append({"GroupId": group_id, "GroupName": group.name if group else None})
    groups += [{"GroupName": name} for name in params.get("SecurityGroups") or ()]
    shown["SecurityGroups"] = groups
    return shown


def open_request(call: Call, order: SpotOrder) -> SpotRequest:
    """Add a request that waits for its instance."""
    now = call.world.clock.now()
    return call.region[SpotRequest].add(
        SpotRequest(
            id=call.new_id(SpotRequest),
            tags=order.tags,
            state="open",
            created_at=now,
            persistent=order.persistent,
            specification=order.specification,
            status=PENDING,
            status_at=now,
            price=order.price,
            interruption_behavior=order.interruption_behavior,
            valid_from=order.valid_from,
            valid_until=order.valid_until,
            launch_group=order.launch_group,
            availability_zone_group=order.availability_zone_group,
        )
    )


def fulfil(world: World, request: SpotRequest, instance: Instance) -> None:
    """Note which instance a request got."""
    request.instance_id = instance.id
    request.launched_zone = instance.availability_zone
    request.product_description = "Windows" if instance.platform else "Linux/UNIX"
    to(world, request, "active", FULFILLED)


def to(world: World, request: SpotRequest, state: str, status: tuple[str, str]) -> None:
    """Move a request on, with the reason why."""
    request.status, request.status_at = status, world.clock.now()
    request.move(state)


def end(
    world: World, region: Region, request: SpotRequest, state: str, why: tuple[str, str]
) -> None:
    """Bring a request to a state that it never leaves; it stays visible for a while."""
    to(world, request, state, why)
    world.expire(region, request, VISIBLE_SECONDS)


def request_of(region: Region, instance: Instance) -> SpotRequest | None:
    """Return the request that an instance fulfils."""
    return region[SpotRequest].get(instance.spot_request_id)


def instance_ended(world: World, region: Region, instance: Instance) -> None:
    """Follow an instance that terminated.

    A persistent request is open again. Nothing fulfils it a second time, which it says.
    """
    request = request_of(region, instance)
    if request is None or not request.may("closed"):
        return
    if request.persistent:
        to(world, request, "open", NO_CAPACITY)
    else:
        end(world, region, request, "closed", ENDED)


def instance_stopped(world: World, region: Region, instance: Instance) -> None:
    """Follow an instance that its owner stops, which only persistent requests allow."""
    request = request_of(region, instance)
    if request is not None and request.may("disabled"):
        to(world, request, "disabled", STOPPED)


def instance_started(world: World, region: Region, instance: Instance) -> None:
    """Follow an instance that its owner starts again."""
    request = request_of(region, instance)
    if request is not None and request.state == "disabled":
        to(world, request, "active", FULFILLED)


def may_stop(region: Region, instance: Instance) -> bool:
    """Tell whether an instance may be stopped as far as its Spot request goes."""
    if instance.lifecycle != "spot":
        return True
    request = request_of(region, instance)
    return request is not None and request.persistent
