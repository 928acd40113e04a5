"""The health of volumes, which is always good, and what they do when it is not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from emulator.model.volume import Volume
from emulator.services.call import Call, Handler
from emulator.services.ec2.storage.volumes import VOLUME, attachments, zone_id_of
from emulator.services.filters import Field, select
from emulator.services.pages import page_of_rows
from emulator.state.store import Region

if TYPE_CHECKING:
    from mypy_boto3_ec2 import type_defs as aws

PROVISIONED_TYPES = ("io1", "io2", "gp3")


def _performance(volume: Volume) -> str:
    """Return the state of the I/O performance check, which exists for provisioned IOPS."""
    watched = volume.volume_type in PROVISIONED_TYPES and volume.attachment is not None
    return "normal" if watched else "not-applicable"


def _view(region: Region, volume: Volume) -> dict[str, Any]:
    performance = _performance(volume)
    return {
        "VolumeId": volume.id,
        "AvailabilityZone": volume.availability_zone,
        "AvailabilityZoneId": zone_id_of(region, volume),
        "VolumeStatus": {
            "Status": "ok",
            "Details": [
                {"Name": "io-enabled", "Status": "passed"},
                {"Name": "io-performance", "Status": performance},
            ],
        },
        "Actions": [],
        "Events": [],
        "AttachmentStatuses": [
            {"InstanceId": instance_id, "IoPerformance": performance}
            for instance_id, _ in attachments(volume)
        ],
        "Operator": {"Managed": False},
    }


# Nothing ever happens to these volumes, so nothing matches the filters of what happens.
_EVENT_FILTERS = (
    "action.code",
    "action.description",
    "action.event-id",
    "event.description",
    "event.event-id",
    "event.event-type",
    "event.not-after",
    "event.not-before",
    "operator.principal",
)

FILTERS: Mapping[str, Field[Volume]] = {
    **{name: lambda _region, _volume: None for name in _EVENT_FILTERS},
    "attachment-status.instance-id": lambda _, volume: tuple(
        instance_id for instance_id, _ in attachments(volume)
    ),
    "attachment-status.io-performance": lambda _, volume: (
        _performance(volume) if volume.attachment is not None else None
    ),
    "availability-zone": lambda _, volume: volume.availability_zone,
    "availability-zone-id": zone_id_of,
    "operator.managed": lambda _region, _volume: False,
    "volume-status.details-name": lambda _region, _volume: ("io-enabled", "io-performance"),
    "volume-status.details-status": lambda _, volume: ("passed", _performance(volume)),
    "volume-status.status": lambda _region, _volume: "ok",
}


def describe_volume_status(
    call: Call, params: aws.DescribeVolumeStatusRequestTypeDef
) -> dict[str, Any]:
    """Tell how volumes are."""
    region, ids = call.region, params.get("VolumeIds")
    rows = VOLUME.find_all(region, ids) if ids else VOLUME.rows(region)
    rows = select(region, rows, params.get("Filters"), FILTERS, taggable=False)
    shown, token = page_of_rows(call.operation.name, rows, params, call.operation.page_limits)
    answer: dict[str, Any] = {"VolumeStatuses": [_view(region, volume) for volume in shown]}
    if token is not None:
        answer["NextToken"] = token
    return answer


def describe_volume_attribute(
    call: Call, params: aws.DescribeVolumeAttributeRequestTypeDef
) -> dict[str, Any]:
    """Tell one attribute of a volume."""
    volume = VOLUME.find(call.region, params["VolumeId"])
    if params["Attribute"] == "autoEnableIO":
        return {"VolumeId": volume.id, "AutoEnableIO": {"Value": volume.auto_enable_io}}
    return {"VolumeId": volume.id, "ProductCodes": []}


def modify_volume_attribute(
    call: Call, params: aws.ModifyVolumeAttributeRequestTypeDef
) -> dict[str, Any]:
    """Set whether a volume that may be inconsistent goes on with I/O by itself."""
    volume = VOLUME.find(call.region, params["VolumeId"])
    wanted = params.get("AutoEnableIO", {}).get("Value")
    if wanted is not None:
        volume.auto_enable_io = wanted
    return {}


def enable_volume_io(call: Call, params: aws.EnableVolumeIORequestTypeDef) -> dict[str, Any]:
    """Go on with a volume's I/O, which never stops here."""
    VOLUME.find(call.region, params["VolumeId"])
    return {}


OPERATIONS: Mapping[str, Handler] = {
    "DescribeVolumeAttribute": describe_volume_attribute,
    "DescribeVolumeStatus": describe_volume_status,
    "EnableVolumeIO": enable_volume_io,
    "ModifyVolumeAttribute": modify_volume_attribute,
}
