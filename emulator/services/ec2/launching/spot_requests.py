"""Spot Instances: requested, described and cancelled, and what there is of a market."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import attrs

from emulator.core.errors import AwsError
from emulator.model.spot import SpotDatafeed, SpotRequest
from emulator.services.call import Call, Handler
from emulator.services.ec2.instances.launch import launch
from emulator.services.ec2.instances.plan import MAX_INSTANCES, LaunchPlan, launch_plan
from emulator.services.ec2.instances.spot import end, open_request
from emulator.services.ec2.kind import Kind, tag_set
from emulator.services.ec2.vpcs.subnets import zone_id
from emulator.services.filters import Field, select
from emulator.services.pages import page
from emulator.state.store import Region
from emulator.wire.scalar import iso8601

if TYPE_CHECKING:
    from mypy_boto3_ec2 import type_defs as aws

PRICES_A_PAGE = (1, 1000)
NOT_YET = ("not-scheduled-yet", "Your Spot request will not be evaluated until the scheduled date.")
EXPIRED = (
    "schedule-expired",
    "Your Spot request expired because it was not fulfilled before the specified date.",
)
CANCELLED_RUNNING = (
    "request-canceled-and-instance-running",
    "Your Spot request is canceled, but your instance is still running.",
)
CANCELLED = (
    "canceled-before-fulfillment",
    "Your Spot request is canceled before it was fulfilled.",
)
_MARKET_OPTIONS = {
    "SpotPrice": "MaxPrice",
    "Type": "SpotInstanceType",
    "ValidFrom": "ValidFrom",
    "ValidUntil": "ValidUntil",
    "BlockDurationMinutes": "BlockDurationMinutes",
    "InstanceInterruptionBehavior": "InstanceInterruptionBehavior",
}


def _view(region: Region, request: SpotRequest) -> Mapping[str, Any]:
    code, message = request.status
    fault = request.fault
    return {
        "AvailabilityZoneGroup": request.availability_zone_group,
        "CreateTime": request.created_at,
        "Fault": {"Code": fault[0], "Message": fault[1]} if fault else None,
        "InstanceId": request.instance_id,
        "LaunchGroup": request.launch_group,
        "LaunchSpecification": request.specification,
        "LaunchedAvailabilityZone": request.launched_zone,
        "LaunchedAvailabilityZoneId": _launched_zone_id(region, request),
        "ProductDescription": request.product_description,
        "SpotInstanceRequestId": request.id,
        "SpotPrice": request.price,
        "State": request.state,
        "Status": {"Code": code, "Message": message, "UpdateTime": request.status_at},
        "Tags": tag_set(request.tags),
        "Type": "persistent" if request.persistent else "one-time",
        "ValidFrom": request.valid_from,
        "ValidUntil": request.valid_until,
        "InstanceInterruptionBehavior": request.interruption_behavior,
    }


def _launched_zone_id(region: Region, request: SpotRequest) -> str | None:
    return zone_id(region, request.launched_zone) if request.launched_zone else None


def _launch(*path: str) -> Field[SpotRequest]:
    """Return a filter by something in the launch specification, through all its lists."""

    def walk(found: Any, rest: tuple[str, ...]) -> Iterable[str]:
        if isinstance(found, list | tuple):
            for item in found:
                yield from walk(item, rest)
        elif rest:
            if isinstance(found, Mapping):
                yield from walk(found.get(rest[0]), rest[1:])
        elif found is not None:
            yield str(found).lower() if isinstance(found, bool) else str(found)

    return lambda _, request: tuple(walk(request.specification, path))


SPOT_REQUEST = Kind(
    row=SpotRequest,
    shape="SpotInstanceRequest",
    view=_view,
    filters={
        "availability-zone-group": lambda _, row: row.availability_zone_group,
        "create-time": lambda _, row: iso8601(row.created_at),
        "fault-code": lambda _, row: row.fault[0] if row.fault else None,
        "fault-message": lambda _, row: row.fault[1] if row.fault else None,
        "instance-id": lambda _, row: row.instance_id,
        "launch-group": lambda _, row: row.launch_group,
        "launch.block-device-mapping.delete-on-termination": _launch(
            "BlockDeviceMappings", "Ebs", "DeleteOnTermination"
        ),
        "launch.block-device-mapping.device-name": _launch("BlockDeviceMappings", "DeviceName"),
        "launch.block-device-mapping.snapshot-id": _launch(
            "BlockDeviceMappings", "Ebs", "SnapshotId"
        ),
        "launch.block-device-mapping.volume-size": _launch(
            "BlockDeviceMappings", "Ebs", "VolumeSize"
        ),
        "launch.block-device-mapping.volume-type": _launch(
            "BlockDeviceMappings", "Ebs", "VolumeType"
        ),
        "launch.group-id": _launch("SecurityGroups", "GroupId"),
        "launch.group-name": _launch("SecurityGroups", "GroupName"),
        "launch.image-id": _launch("ImageId"),
        "launch.instance-type": _launch("InstanceType"),
        "launch.kernel-id": _launch("KernelId"),
        "launch.key-name": _launch("KeyName"),
        "launch.monitoring-enabled": _launch("Monitoring", "Enabled"),
        "launch.ramdisk-id": _launch("RamdiskId"),
        "launched-availability-zone": lambda _, row: row.launched_zone,
        "launched-availability-zone-id": _launched_zone_id,
        "network-interface.addresses.primary": _launch(
            "NetworkInterfaces", "PrivateIpAddresses", "Primary"
        ),
        "network-interface.delete-on-termination": _launch(
            "NetworkInterfaces", "DeleteOnTermination"
        ),
        "network-interface.description": _launch("NetworkInterfaces", "Description"),
        "network-interface.device-index": _launch("NetworkInterfaces", "DeviceIndex"),
        "network-interface.group-id": _launch("NetworkInterfaces", "Groups"),
        "network-interface.network-interface-id": _launch(
            "NetworkInterfaces", "NetworkInterfaceId"
        ),
        "network-interface.private-ip-address": _launch("NetworkInterfaces", "PrivateIpAddress"),
        "network-interface.subnet-id": _launch("NetworkInterfaces", "SubnetId"),
        "product-description": lambda _, row: row.product_description,
        "spot-instance-request-id": lambda _, row: row.id,
        "spot-price": lambda _, row: row.price,
        "state": lambda _, row: row.state,
        "status-code": lambda _, row: row.status[0],
        "status-message": lambda _, row: row.status[1],
        "type": lambda _, row: "persistent" if row.persistent else "one-time",
        "valid-from": lambda _, row: iso8601(row.valid_from) if row.valid_from else None,
        "valid-until": lambda _, row: iso8601(row.valid_until) if row.valid_until else None,
    },
)


def _launch_params(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the request in the shape of RunInstances' parameters."""
    for specification in params.get("TagSpecifications") or ():
        if specification.get("ResourceType") != "spot-instances-request":
            raise AwsError(
                "InvalidParameterValue",
                f"'{specification.get('ResourceType')}' is not a valid taggable resource type "
                "for this operation.",
            )
    options = {
        theirs: params[ours]
        for ours, theirs in _MARKET_OPTIONS.items()
        if params.get(ours) is not None
    }
    return {
        **(params.get("LaunchSpecification") or {}),
        "MinCount": 1,
        "MaxCount": 1,
        "ClientToken": call.params.get("ClientToken"),
        "TagSpecifications": params.get("TagSpecifications"),
        "InstanceMarketOptions": {"MarketType": "spot", "SpotOptions": options},
    }


def request_spot_instances(
    call: Call, params: aws.RequestSpotInstancesRequestTypeDef
) -> dict[str, Any]:
    """Ask for Spot Instances; each request is fulfilled once this one is answered.

    Source: API_RequestSpotInstances.
    """
    count = params.get("InstanceCount", 1)
    if not 1 <= count <= MAX_INSTANCES:
        raise AwsError(
            "InvalidParameterValue", f"Value ({count}) for parameter instanceCount is invalid."
        )
    plan = launch_plan(call, _launch_params(call, params))
    if plan.spot is None:
        raise AssertionError("a Spot request plans a Spot launch")
    order = attrs.evolve(
        plan.spot,
        launch_group=params.get("LaunchGroup"),
        availability_zone_group=params.get("AvailabilityZoneGroup"),
    )
    delay = 0.0
    if order.valid_from is not None:
        delay = max(0.0, (order.valid_from - call.world.clock.now()).total_seconds())
    requests = [open_request(call, order) for _ in range(count)]
    for request in requests:
        if delay:
            request.status = NOT_YET
        call.world.later(
            delay,
            f"fulfilling {request.id}",
            _fulfil,
            call,
            attrs.evolve(plan, spot=attrs.evolve(order, request=request)),
            request,
        )
        if order.valid_until is not None:
            until = (order.valid_until - call.world.clock.now()).total_seconds()
            call.world.later(until, f"expiring {request.id}", _expire, call, request)
    return {"SpotInstanceRequests": [SPOT_REQUEST.show(call.region, row) for row in requests]}


def _fulfil(call: Call, plan: LaunchPlan, request: SpotRequest) -> None:
    if request.watcher is None or request.state != "open":
        return
    try:
        launch(call, plan)
    except AwsError as error:
        request.fault = (error.code, error.message)
        end(call.world, call.region, request, "failed", ("bad-parameters", error.message))


def _expire(call: Call, request: SpotRequest) -> None:
    if request.watcher is not None and request.state == "open":
        end(call.world, call.region, request, "closed", EXPIRED)


def describe_spot_instance_requests(
    call: Call, params: aws.DescribeSpotInstanceRequestsRequestTypeDef
) -> dict[str, Any]:
    """List requests."""
    return SPOT_REQUEST.describe(
        call, params, ids="SpotInstanceRequestIds", result="SpotInstanceRequests"
    )


def cancel_spot_instance_requests(
    call: Call, params: aws.CancelSpotInstanceRequestsRequestTypeDef
) -> dict[str, Any]:
    """Cancel requests; their instances go on running."""
    rows = SPOT_REQUEST.find_all(call.region, params["SpotInstanceRequestIds"])
    for request in rows:
        if request.may("cancelled"):
            status = CANCELLED if request.state == "open" else CANCELLED_RUNNING
            end(call.world, call.region, request, "cancelled", status)
    return {
        "CancelledSpotInstanceRequests": [
            {"SpotInstanceRequestId": row.id, "State": row.state} for row in rows
        ]
    }


# Known, so that others are refused; there is never a price to look into.
_PRICE_FILTERS: Mapping[str, Field[SpotRequest]] = dict.fromkeys(
    (
        "availability-zone",
        "availability-zone-id",
        "instance-type",
        "product-description",
        "spot-price",
        "timestamp",
    ),
    lambda *_: None,
)


def describe_spot_price_history(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """Tell of no prices: there is no market here, and invented prices would mislead."""
    start, stop = params.get("StartTime"), params.get("EndTime")
    if start is not None and stop is not None and stop < start:
        raise AwsError("InvalidParameterValue", "EndTime must not lie before StartTime")
    prices: tuple[int, ...] = ()
    none: tuple[SpotRequest, ...] = ()
    select(call.region, none, params.get("Filters"), _PRICE_FILTERS, taggable=False)
    shown, _ = page(call.operation.name, prices, params, PRICES_A_PAGE, int)
    return {"SpotPriceHistory": shown}


def _datafeed(region: Region, feed: SpotDatafeed) -> dict[str, Any]:
    return {
        "Bucket": feed.bucket,
        "Prefix": feed.prefix,
        "OwnerId": region.account,
        "State": "Active",
    }


def create_spot_datafeed_subscription(
    call: Call, params: aws.CreateSpotDatafeedSubscriptionRequestTypeDef
) -> dict[str, Any]:
    """Keep where usage should be logged, in place of what was kept before.

    Nothing is ever written to the bucket.
    """
    for feed in call.region[SpotDatafeed]:
        call.region[SpotDatafeed].remove(feed)
    feed = SpotDatafeed(id=call.account, bucket=params["Bucket"], prefix=params.get("Prefix"))
    call.region[SpotDatafeed].add(feed)
    return {"SpotDatafeedSubscription": _datafeed(call.region, feed)}


def describe_spot_datafeed_subscription(
    call: Call, _params: aws.DescribeSpotDatafeedSubscriptionRequestTypeDef
) -> dict[str, Any]:
    """Show the data feed."""
    feed = call.region[SpotDatafeed].get(call.account)
    if feed is None:
        raise AwsError("InvalidSpotDatafeed.NotFound", "Spot datafeed subscription does not exist.")
    return {"SpotDatafeedSubscription": _datafeed(call.region, feed)}


def delete_spot_datafeed_subscription(
    call: Call, _params: aws.DeleteSpotDatafeedSubscriptionRequestTypeDef
) -> dict[str, Any]:
    """Forget the data feed, if there is one."""
    feed = call.region[SpotDatafeed].get(call.account)
    if feed is not None:
        call.region[SpotDatafeed].remove(feed)
    return {}


OPERATIONS: Mapping[str, Handler] = {
    "CancelSpotInstanceRequests": cancel_spot_instance_requests,
    "CreateSpotDatafeedSubscription": create_spot_datafeed_subscription,
    "DeleteSpotDatafeedSubscription": delete_spot_datafeed_subscription,
    "DescribeSpotDatafeedSubscription": describe_spot_datafeed_subscription,
    "DescribeSpotInstanceRequests": describe_spot_instance_requests,
    "DescribeSpotPriceHistory": describe_spot_price_history,
    "RequestSpotInstances": request_spot_instances,
}
