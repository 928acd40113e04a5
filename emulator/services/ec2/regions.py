"""Regions, their zones, and what the account is in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import attrs

from emulator.catalog import regions as catalog
from emulator.core.errors import AwsError
from emulator.model.row import Row
from emulator.services.call import Call, Handler
from emulator.services.ec2.vpcs.subnets import ZONE_GROUPS_SETTING
from emulator.services.ec2.vpcs.vpcs import default_vpc
from emulator.services.filters import Field, select
from emulator.state.store import Region
from emulator.wire.service import load

if TYPE_CHECKING:
    from mypy_boto3_ec2 import type_defs as aws

NOT_OPTED_IN = "not-opted-in"
# "Amazon EC2 service quotas" and API_DescribeAccountAttributes.
_ATTRIBUTES: Mapping[str, str] = {
    "supported-platforms": "VPC",
    "default-vpc": "none",
    "max-instances": "20",
    "vpc-max-security-groups-per-interface": "5",
    "max-elastic-ips": "5",
    "vpc-max-elastic-ips": "5",
}


class _Region(Row):
    """A region, filtered like a record; it never changes, so its XML is made once."""

    __slots__ = ("facts", "xml")

    def __init__(self, facts: catalog.Region) -> None:
        super().__init__(id=facts.name)
        self.facts = facts
        self.xml = load("ec2").structure_writer("Region")(
            {
                "RegionName": facts.name,
                "Endpoint": facts.endpoint,
                "OptInStatus": facts.opt_in_status,
            }
        )


class _Zone(Row):
    """A zone, filtered like a record."""

    __slots__ = ("facts", "parent")

    def __init__(self, facts: catalog.Zone, parent: catalog.Zone | None) -> None:
        super().__init__(id=facts.name)
        self.facts, self.parent = facts, parent


@cache
def _regions() -> Mapping[str, _Region]:
    return {name: _Region(facts) for name, facts in sorted(catalog.REGIONS.items())}


@cache
def _listed(partition: str, *, every: bool) -> list[_Region]:
    return [
        row
        for row in _regions().values()
        if row.facts.partition == partition and (every or row.facts.opt_in_status != NOT_OPTED_IN)
    ]


@cache
def _listed_xml(partition: str, *, every: bool) -> list[bytes]:
    return [row.xml for row in _listed(partition, every=every)]


_REGION_FILTERS: Mapping[str, Field[_Region]] = {
    "endpoint": lambda _, row: row.facts.endpoint,
    "opt-in-status": lambda _, row: row.facts.opt_in_status,
    "region-name": lambda _, row: row.facts.name,
}
_ZONE_FILTERS: Mapping[str, Field[_Zone]] = {
    "group-long-name": lambda _, row: row.facts.group_long_name,
    "group-name": lambda _, row: row.facts.group_name,
    "message": lambda _, __: None,
    "opt-in-status": lambda _, row: row.facts.opt_in_status,
    "parent-zone-id": lambda _, row: row.parent.id if row.parent else None,
    "parent-zone-name": lambda _, row: row.parent.name if row.parent else None,
    # Not documented any more, but old clients send it.
    "parentZoneName": lambda _, row: row.parent.name if row.parent else None,
    "region-name": lambda _, row: row.facts.region,
    "state": lambda _, row: row.facts.state,
    "zone-id": lambda _, row: row.facts.id,
    "zone-name": lambda _, row: row.facts.name,
    "zone-type": lambda _, row: row.facts.type,
}


def describe_regions(call: Call, params: aws.DescribeRegionsRequestTypeDef) -> dict[str, Any]:
    """List regions, with AllRegions also those that are not enabled."""
    known, here = _regions(), catalog.REGIONS[call.region.name].partition
    names = params.get("RegionNames")
    if names:
        missing = [name for name in names if name not in known]
        if missing:
            raise AwsError("InvalidParameterValue", f"Invalid region: [{', '.join(missing)}]")
        rows = [known[name] for name in dict.fromkeys(names)]
    else:
        every = bool(params.get("AllRegions"))
        if not params.get("Filters"):
            return {"Regions": _listed_xml(here, every=every)}
        rows = _listed(here, every=every)
    rows = select(call.region, rows, params.get("Filters"), _REGION_FILTERS, taggable=False)
    return {"Regions": [row.xml for row in rows]}


def _zones(region: Region) -> list[_Zone]:
    """Return the region's zones, each with the account's choice for its group."""
    chosen: Mapping[str, str] = region.settings.get(ZONE_GROUPS_SETTING, {})
    facts = catalog.zones(region.name)
    parent = facts[0] if facts else None
    rows = []
    for zone in facts:
        status = chosen.get(zone.group_name)
        rows.append(
            _Zone(
                attrs.evolve(zone, opt_in_status=status) if status else zone,
                None if zone.type == "availability-zone" else parent,
            )
        )
    return rows


def _named(rows: Sequence[_Zone], wanted: Sequence[str], field: str) -> list[_Zone]:
    by_name = {getattr(row.facts, field): row for row in rows}
    missing = [name for name in wanted if name not in by_name]
    if missing:
        raise AwsError(
            "InvalidParameterValue", f"Invalid availability zone: [{', '.join(missing)}]"
        )
    return [by_name[name] for name in dict.fromkeys(wanted)]


def _zone_view(row: _Zone) -> dict[str, Any]:
    zone, parent = row.facts, row.parent
    return {
        "OptInStatus": zone.opt_in_status,
        "Messages": [],
        "RegionName": zone.region,
        "ZoneName": zone.name,
        "ZoneId": zone.id,
        "GroupName": zone.group_name,
        "NetworkBorderGroup": zone.network_border_group,
        "ZoneType": zone.type,
        "ParentZoneName": parent.name if parent else None,
        "ParentZoneId": parent.id if parent else None,
        "GroupLongName": zone.group_long_name,
        "State": zone.state,
    }


def describe_availability_zones(
    call: Call, params: aws.DescribeAvailabilityZonesRequestTypeDef
) -> dict[str, Any]:
    """List the region's zones, with AllAvailabilityZones also those not opted in to."""
    rows = _zones(call.region)
    names, ids = params.get("ZoneNames"), params.get("ZoneIds")
    if names and ids:
        raise AwsError(
            "InvalidParameterCombination",
            "The parameters ZoneNames and ZoneIds may not be specified together",
        )
    if names:
        rows = _named(rows, names, "name")
    elif ids:
        rows = _named(rows, ids, "id")
    elif not params.get("AllAvailabilityZones"):
        rows = [row for row in rows if row.facts.opt_in_status != NOT_OPTED_IN]
    rows = select(call.region, rows, params.get("Filters"), _ZONE_FILTERS, taggable=False)
    return {"AvailabilityZones": [_zone_view(row) for row in rows]}


def modify_availability_zone_group(
    call: Call, params: aws.ModifyAvailabilityZoneGroupRequestTypeDef
) -> dict[str, Any]:
    """Opt in to a group of Local or Wavelength Zones.

    Raises:
        AwsError: an unknown group, one that everybody has, or opting out, which AWS does
            only through its support.
    """
    group, status = params["GroupName"], params["OptInStatus"]
    members = [zone for zone in catalog.zones(call.region.name) if zone.group_name == group]
    if not members:
        raise AwsError("InvalidParameterValue", f"Invalid availability zone group: [{group}]")
    if members[0].type == "availability-zone":
        raise AwsError(
            "InvalidParameterValue", f"The zone group {group} needs no opting in and allows none"
        )
    chosen: Mapping[str, str] = call.region.settings.get(ZONE_GROUPS_SETTING, {})
    if status == NOT_OPTED_IN:
        if chosen.get(group) == "opted-in":
            raise AwsError(
                "OptInStatusChangeNotSupported",
                f"Contact AWS Support to opt out of the zone group {group}.",
            )
        return {"Return": True}
    call.region.settings[ZONE_GROUPS_SETTING] = {**chosen, group: "opted-in"}
    return {"Return": True}


def describe_account_attributes(
    call: Call, params: aws.DescribeAccountAttributesRequestTypeDef
) -> dict[str, Any]:
    """Tell what the account is in the region. Source: API_DescribeAccountAttributes."""
    names: Sequence[str] = params.get("AttributeNames") or tuple(_ATTRIBUTES)
    vpc = default_vpc(call.region)
    values = dict(_ATTRIBUTES)
    if vpc is not None:
        values["default-vpc"] = vpc.id
    for name in names:
        if name not in _ATTRIBUTES:
            raise AwsError(
                "InvalidParameterValue", f"Invalid value '{name[:64]}' for AttributeName."
            )
    return {
        "AccountAttributes": [
            {"AttributeName": name, "AttributeValues": [{"AttributeValue": values[name]}]}
            for name in dict.fromkeys(names)
            if name in values
        ]
    }


OPERATIONS: Mapping[str, Handler] = {
    "DescribeAccountAttributes": describe_account_attributes,
    "DescribeAvailabilityZones": describe_availability_zones,
    "DescribeRegions": describe_regions,
    "ModifyAvailabilityZoneGroup": modify_availability_zone_group,
}
