"""Placement groups. Source: "Placement groups for your Amazon EC2 instances"."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from emulator.catalog.regions import REGIONS
from emulator.core.errors import AwsError
from emulator.model.instance import Instance
from emulator.model.placement_group import PlacementGroup
from emulator.services.call import Call, Handler
from emulator.services.ec2.kind import Kind, tag_set
from emulator.services.ec2.tags import tags_on_create
from emulator.state.store import Region

if TYPE_CHECKING:
    from mypy_boto3_ec2 import type_defs as aws

MAX_NAME_LENGTH = 255
MAX_PARTITIONS = 7
DEFAULT_PARTITIONS = 2


def _arn(region: Region, group: PlacementGroup) -> str:
    partition = REGIONS[region.name].partition
    return f"arn:{partition}:ec2:{region.name}:{region.account}:placement-group/{group.name}"


def _view(region: Region, group: PlacementGroup) -> Mapping[str, Any]:
    return {
        "GroupName": group.name,
        "GroupId": group.id,
        "GroupArn": _arn(region, group),
        "State": group.state,
        "Strategy": group.strategy,
        "PartitionCount": group.partition_count,
        "SpreadLevel": group.spread_level,
        "Tags": tag_set(group.tags),
    }


PLACEMENT_GROUP = Kind(
    row=PlacementGroup,
    shape="PlacementGroup",
    view=_view,
    filters={
        "group-name": lambda _, group: group.name,
        "group-arn": _arn,
        "group-id": lambda _, group: group.id,
        "spread-level": lambda _, group: group.spread_level,
        "state": lambda _, group: group.state,
        "strategy": lambda _, group: group.strategy,
    },
)


def named_group(region: Region, name: str) -> PlacementGroup:
    """Return a group by name.

    Raises:
        AwsError: InvalidPlacementGroup.Unknown.
    """
    for group in region[PlacementGroup].where(name=name):
        return group
    raise PLACEMENT_GROUP.noun.missing([name])


def _checked_name(params: Mapping[str, Any]) -> str:
    name: str | None = params.get("GroupName")
    if name is None:
        raise AwsError("MissingParameter", "The request must contain the parameter groupName")
    if len(name) > MAX_NAME_LENGTH or not name.isascii():
        raise AwsError(
            "InvalidParameterValue",
            f"A placement group's name has at most {MAX_NAME_LENGTH} ASCII characters",
        )
    return name


def _partition_count(strategy: str, wanted: int | None) -> int | None:
    if strategy != "partition":
        if wanted is not None:
            raise AwsError(
                "InvalidParameterCombination",
                "The parameter PartitionCount is valid only with the strategy partition",
            )
        return None
    if wanted is None:
        return DEFAULT_PARTITIONS
    if not 1 <= wanted <= MAX_PARTITIONS:
        raise AwsError(
            "InvalidParameterValue",
            f"Value ({wanted}) for parameter PartitionCount is invalid. "
            f"Expecting a value between 1 and {MAX_PARTITIONS}.",
        )
    return wanted


def _spread_level(strategy: str, wanted: str | None) -> str | None:
    if strategy == "spread":
        return wanted or "rack"
    if wanted is not None:
        raise AwsError(
            "InvalidParameterCombination",
            "The parameter SpreadLevel is valid only with the strategy spread",
        )
    return None


def create_placement_group(
    call: Call, params: aws.CreatePlacementGroupRequestTypeDef
) -> dict[str, Any]:
    """Create a group. Source: API_CreatePlacementGroup."""
    name, strategy = _checked_name(params), params.get("Strategy", "cluster")
    if call.region[PlacementGroup].where(name=name):
        raise AwsError(
            "InvalidPlacementGroup.Duplicate", f"The Placement Group '{name}' already exists."
        )
    group = PlacementGroup(
        id=call.new_id(PlacementGroup),
        state="pending",
        name=name,
        strategy=strategy,
        partition_count=_partition_count(strategy, params.get("PartitionCount")),
        spread_level=_spread_level(strategy, params.get("SpreadLevel")),
        tags=tags_on_create(params, "placement-group"),
    )
    call.region[PlacementGroup].add(group)
    call.world.settle(group, "available")
    return {"PlacementGroup": PLACEMENT_GROUP.show(call.region, group)}


def describe_placement_groups(
    call: Call, params: aws.DescribePlacementGroupsRequestTypeDef
) -> dict[str, Any]:
    """List groups by id, name and filters; all of them have to exist. It has no pages."""
    region = call.region
    names, ids = params.get("GroupNames"), params.get("GroupIds")
    found = {group.id for group in PLACEMENT_GROUP.find_all(region, ids or ())}
    missing = []
    for name in names or ():
        groups = region[PlacementGroup].where(name=name)
        found.update(group.id for group in groups)
        if not groups:
            missing.append(name)
    if missing:
        raise PLACEMENT_GROUP.noun.missing(missing)
    rows = PLACEMENT_GROUP.selected(region, params, None)
    if names or ids:
        rows = [group for group in rows if group.id in found]
    return {"PlacementGroups": [PLACEMENT_GROUP.show(region, group) for group in rows]}


def delete_placement_group(
    call: Call, params: aws.DeletePlacementGroupRequestTypeDef
) -> dict[str, Any]:
    """Delete a group that no instance is in."""
    region = call.region
    group = named_group(region, params["GroupName"])
    for instance in region[Instance]:
        placement = instance.options.placement
        inside = placement.get("GroupId") == group.id or placement.get("GroupName") == group.name
        if inside and instance.state != "terminated":
            raise AwsError(
                "InvalidPlacementGroup.InUse",
                f"The placement group '{group.name}' is in use and may not be deleted.",
            )
    if group.state != "deleting":
        group.move("deleting")
        call.world.expire(region, group, 0)
    return {}


OPERATIONS: Mapping[str, Handler] = {
    "CreatePlacementGroup": create_placement_group,
    "DeletePlacementGroup": delete_placement_group,
    "DescribePlacementGroups": describe_placement_groups,
}
