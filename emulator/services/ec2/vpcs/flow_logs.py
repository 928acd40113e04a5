"""Flow logs: made, shown and deleted; ``emulator.net.flow_logs`` counts and delivers.

Source: "Logging IP traffic using VPC Flow Logs".
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from emulator.core.errors import AwsError
from emulator.model.flow_log import FlowLog
from emulator.net.flow_records import fields_of, unknown_fields
from emulator.services.call import Call, Handler
from emulator.services.ec2.kind import Kind, tag_set
from emulator.services.ec2.nouns import NOUNS
from emulator.services.ec2.tags import tags_on_create
from emulator.services.ec2.unsuccessful import unsuccessful
from emulator.state.store import Region

if TYPE_CHECKING:
    from mypy_boto3_ec2 import type_defs as aws

CLOUD_WATCH, S3, FIREHOSE = "cloud-watch-logs", "s3", "kinesis-data-firehose"
INTERVALS_SECONDS = (60, 600)
MAX_RESOURCES = 1000
# "Flow log records": the fields of version 2, in their order.
DEFAULT_FORMAT = (
    "${version} ${account-id} ${interface-id} ${srcaddr} ${dstaddr} ${srcport} ${dstport} "
    "${protocol} ${packets} ${bytes} ${start} ${end} ${action} ${log-status}"
)
# "Transit Gateway Flow Log records": the default format.
TRANSIT_FORMAT = (
    "${version} ${resource-type} ${account-id} ${tgw-id} ${tgw-attachment-id} "
    "${tgw-src-vpc-account-id} ${tgw-dst-vpc-account-id} ${tgw-src-vpc-id} ${tgw-dst-vpc-id} "
    "${tgw-src-subnet-id} ${tgw-dst-subnet-id} ${tgw-src-eni} ${tgw-dst-eni} ${tgw-src-az-id} "
    "${tgw-dst-az-id} ${tgw-pair-attachment-id} ${srcaddr} ${dstaddr} ${srcport} ${dstport} "
    "${protocol} ${packets} ${bytes} ${start} ${end} ${log-status} ${type} "
    "${packets-lost-no-route} ${packets-lost-blackhole} ${packets-lost-mtu-exceeded} "
    "${packets-lost-ttl-expired} ${tcp-flags} ${region} ${flow-direction} "
    "${pkt-src-aws-service} ${pkt-dst-aws-service}"
)
_TRANSIT_FIELDS = fields_of(TRANSIT_FORMAT)
_FORMAT = re.compile(r"\$\{[a-z0-9-]+\}(?: \$\{[a-z0-9-]+\})*")
_LOG_GROUP_ARN = re.compile(r"arn:aws[a-z-]*:logs:[a-z0-9-]+:\d{12}:log-group:([^:*]{1,512})(:\*)?")
_DESTINATION_ARNS = {
    CLOUD_WATCH: _LOG_GROUP_ARN,
    S3: re.compile(r"arn:aws[a-z-]*:s3:::[^/]{3,63}(/.*)?"),
    FIREHOSE: re.compile(r"arn:aws[a-z-]*:firehose:[a-z0-9-]+:\d{12}:deliverystream[:/].+"),
}
# The id prefix of each resource type whose resources exist here.
_PREFIXES = {
    "VPC": "vpc",
    "Subnet": "subnet",
    "NetworkInterface": "eni",
    "TransitGateway": "tgw",
    "TransitGatewayAttachment": "tgw-attach",
    "RegionalNatGateway": "nat",
}
_TRANSIT = frozenset(("TransitGateway", "TransitGatewayAttachment"))


def _view(_: Region, log: FlowLog) -> Mapping[str, Any]:
    return {
        "FlowLogId": log.id,
        "CreationTime": log.created_at,
        "FlowLogStatus": "ACTIVE",
        "ResourceId": log.resource_id,
        "TrafficType": log.traffic_type,
        "LogDestinationType": log.destination_type,
        "LogDestination": log.destination,
        "LogGroupName": log.log_group_name,
        "LogFormat": log.log_format,
        "MaxAggregationInterval": log.max_aggregation_interval_seconds,
        "DeliverLogsStatus": log.deliver_status,
        "DeliverLogsErrorMessage": log.deliver_error,
        "DeliverLogsPermissionArn": log.permission_arn,
        "DeliverCrossAccountRole": log.cross_account_role,
        "DestinationOptions": log.destination_options,
        "TagFieldSpecifications": [
            {"ResourceType": kind, "TagKeys": list(keys)} for kind, keys in log.tag_fields
        ],
        "Tags": tag_set(log.tags),
    }


FLOW_LOG = Kind(
    row=FlowLog,
    shape="FlowLog",
    view=_view,
    filters={
        "deliver-log-status": lambda _, log: log.deliver_status,
        "flow-log-id": lambda _, log: log.id,
        "log-destination-type": lambda _, log: log.destination_type,
        "log-group-name": lambda _, log: log.log_group_name,
        "resource-id": lambda _, log: log.resource_id,
        "traffic-type": lambda _, log: log.traffic_type,
    },
)


def _invalid(message: str) -> AwsError:
    return AwsError("InvalidParameter", message)


def _destination(params: Mapping[str, Any]) -> tuple[str, str | None, str | None]:
    """Return the destination's type, its ARN and its log group's name.

    Raises:
        AwsError: InvalidParameter for one that is missing, of another type or given twice.
    """
    kind = params.get("LogDestinationType", CLOUD_WATCH)
    arn, group = params.get("LogDestination"), params.get("LogGroupName")
    if kind == CLOUD_WATCH:
        if arn is None and group is None:
            raise _invalid("LogDestination can't be empty if LogGroupName is not provided.")
        if arn is not None and group is not None:
            raise _invalid("Please only provide LogGroupName or only provide LogDestination.")
        if params.get("DeliverLogsPermissionArn") is None:
            raise _invalid(
                "DeliverLogsPermissionArn can't be empty if LogDestinationType is cloud-watch-logs."
            )
    else:
        if group is not None:
            raise _invalid("LogGroupName is only valid if LogDestinationType is cloud-watch-logs.")
        if arn is None:
            raise _invalid(f"LogDestination can't be empty if LogDestinationType is {kind}.")
    if arn is not None:
        match = _DESTINATION_ARNS[kind].fullmatch(arn)
        if match is None:
            raise _invalid(f"LogDestination is not a valid ARN for LogDestinationType {kind}.")
        if kind == CLOUD_WATCH:
            group = match[1]
    return kind, arn, group


def _destination_options(kind: str, given: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    if given is None:
        return None
    if kind != S3:
        raise _invalid("DestinationOptions can only be specified if LogDestinationType is s3.")
    return {
        "FileFormat": given.get("FileFormat", "plain-text"),
        "HiveCompatiblePartitions": bool(given.get("HiveCompatiblePartitions")),
        "PerHourPartition": bool(given.get("PerHourPartition")),
    }


def _interval(params: Mapping[str, Any], *, transit: bool) -> int:
    interval: int = params.get("MaxAggregationInterval") or (60 if transit else 600)
    if interval not in INTERVALS_SECONDS or (transit and interval != INTERVALS_SECONDS[0]):
        raise _invalid("Invalid Flow Log Max Aggregation Interval")
    return interval


def _tag_fields(given: Sequence[Mapping[str, Any]]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    if any(not item.get("ResourceType") or not item.get("TagKeys") for item in given):
        raise _invalid("TagFieldSpecifications need a ResourceType and TagKeys.")
    return tuple((item["ResourceType"], tuple(item["TagKeys"])) for item in given)


def _settings(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that all flow logs of a request share."""
    transit = params["ResourceType"] in _TRANSIT
    traffic_type = params.get("TrafficType")
    if transit and traffic_type is not None:
        raise _invalid(f"TrafficType is not supported for {params['ResourceType']}.")
    if not transit and traffic_type is None:
        raise AwsError("MissingParameter", "The request must contain the parameter TrafficType")
    kind, arn, group = _destination(params)
    log_format = params.get("LogFormat")
    if log_format is not None:
        _check_format(log_format, transit=transit)
    return {
        "traffic_type": traffic_type,
        "destination_type": kind,
        "destination": arn,
        "log_group_name": group,
        "log_format": log_format or (TRANSIT_FORMAT if transit else DEFAULT_FORMAT),
        "max_aggregation_interval_seconds": _interval(params, transit=transit),
        "permission_arn": params.get("DeliverLogsPermissionArn"),
        "cross_account_role": params.get("DeliverCrossAccountRole"),
        "destination_options": _destination_options(kind, params.get("DestinationOptions")),
        "tag_fields": _tag_fields(params.get("TagFieldSpecifications") or ()),
    }


def _check_format(text: str, *, transit: bool) -> None:
    if _FORMAT.fullmatch(text) is None:
        raise _invalid("Invalid Flow Log Format")
    unknown = set(fields_of(text)) - set(_TRANSIT_FIELDS) if transit else unknown_fields(text)
    if unknown:
        raise _invalid(f"Unknown fields provided: {', '.join(sorted(unknown)[:5])}")


def _exists(region: Region, resource_type: str, resource_id: str) -> bool:
    prefix = _PREFIXES.get(resource_type)
    return prefix is not None and any(
        resource_id in table for kind, table in region.tables() if prefix == kind.PREFIX
    )


def create_flow_logs(call: Call, params: aws.CreateFlowLogsRequestTypeDef) -> dict[str, Any]:
    """Create a flow log for each resource that exists. Source: API_CreateFlowLogs."""
    region, resource_type = call.region, params["ResourceType"]
    ids = tuple(dict.fromkeys(params["ResourceIds"]))
    if len(ids) > MAX_RESOURCES:
        raise _invalid(f"At most {MAX_RESOURCES} resources can be given.")
    settings, tags = _settings(params), tags_on_create(params, "vpc-flow-log")
    for resource_id in ids:
        _check_new(region, resource_id, settings)
    created, failed = [], []
    for resource_id in ids:
        if not _exists(region, resource_type, resource_id):
            noun = NOUNS.get(_PREFIXES.get(resource_type, ""))
            error = noun.missing([resource_id]) if noun else _invalid("Unknown resource")
            failed.append(unsuccessful(resource_id, error))
            continue
        log = FlowLog(
            id=call.new_id(FlowLog),
            resource_id=resource_id,
            created_at=call.world.clock.now(),
            tags=tags,
            **settings,
        )
        created.append(region[FlowLog].add(log).id)
    return {
        "ClientToken": params.get("ClientToken"),
        "FlowLogIds": created,
        "Unsuccessful": failed,
    }


def _check_new(region: Region, resource_id: str, settings: Mapping[str, Any]) -> None:
    compared = ("traffic_type", "destination_type", "destination", "log_group_name", "log_format")
    for log in region[FlowLog].where(resource_id=resource_id):
        if all(getattr(log, name) == settings[name] for name in compared):
            raise AwsError(
                "FlowLogAlreadyExists",
                "Error. There is an existing Flow Log with the same configuration and log "
                "destination.",
            )


def describe_flow_logs(call: Call, params: aws.DescribeFlowLogsRequestTypeDef) -> dict[str, Any]:
    """List flow logs; the call names its filters in the singular."""
    given = {**params, "Filters": params.get("Filter")}
    return FLOW_LOG.describe(call, given, ids="FlowLogIds", result="FlowLogs")


def delete_flow_logs(call: Call, params: aws.DeleteFlowLogsRequestTypeDef) -> dict[str, Any]:
    """Delete those that exist, and tell of the others."""
    failed = []
    for log_id in dict.fromkeys(params["FlowLogIds"]):
        log = call.region[FlowLog].get(log_id)
        if log is None:
            failed.append(unsuccessful(log_id, FLOW_LOG.noun.missing([log_id])))
        else:
            call.region[FlowLog].remove(log)
    return {"Unsuccessful": failed}


OPERATIONS: Mapping[str, Handler] = {
    "CreateFlowLogs": create_flow_logs,
    "DeleteFlowLogs": delete_flow_logs,
    "DescribeFlowLogs": describe_flow_logs,
}
