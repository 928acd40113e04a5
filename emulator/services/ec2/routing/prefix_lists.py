"""Managed prefix lists, with every version of their entries.

Source: "Managed prefix lists": a change of the entries makes a new version; the entries of
old versions can be read and restored; lists owned by AWS can be used but not changed.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs

from emulator.catalog.prefix_lists import managed_prefix_lists
from emulator.catalog.regions import REGIONS
from emulator.core.errors import AwsError
from emulator.model.prefix_list import PrefixList, PrefixListEntry
from emulator.model.security_group import SecurityGroupRule
from emulator.model.transit_gateway import TransitGatewayPrefixListReference
from emulator.model.vpc import RouteTable
from emulator.services.call import Call, Handler
from emulator.services.ec2.kind import Kind, tag_set
from emulator.services.ec2.tags import tags_on_create
from emulator.services.filters import Field, select
from emulator.services.pages import page, page_of_rows
from emulator.state.store import Region

if TYPE_CHECKING:
    from mypy_boto3_ec2 import type_defs as aws

AWS = "AWS"
MAX_NAME_LENGTH = 255
MAX_DESCRIPTION_LENGTH = 255
MAX_ENTRIES = 1000
MAX_ENTRIES_OF_REQUEST = 100
MAX_VERSIONS = 1000
RESERVED_NAME = "com.amazonaws"

Entries = tuple[PrefixListEntry, ...]


def _view(_: Region, prefix_list: PrefixList) -> Mapping[str, Any]:
    return {
        "PrefixListId": prefix_list.id,
        "AddressFamily": prefix_list.address_family,
        "State": prefix_list.state,
        "PrefixListArn": prefix_list.arn,
        "PrefixListName": prefix_list.name,
        "MaxEntries": prefix_list.max_entries,
        "Version": prefix_list.version,
        "Tags": tag_set(prefix_list.tags),
        "OwnerId": prefix_list.owner_id,
    }


_FILTERS: Mapping[str, Field[PrefixList]] = {
    "owner-id": lambda _, prefix_list: prefix_list.owner_id,
    "prefix-list-id": lambda _, prefix_list: prefix_list.id,
    "prefix-list-name": lambda _, prefix_list: prefix_list.name,
}

PREFIX_LIST = Kind(row=PrefixList, shape="ManagedPrefixList", view=_view, filters=_FILTERS)


def seed_prefix_lists(region: Region) -> None:
    """Add the lists that AWS manages in a region."""
    for known in managed_prefix_lists(region.name):
        region[PrefixList].add(
            PrefixList(
                id=known.id,
                state="create-complete",
                name=known.name,
                address_family=known.address_family,
                owner_id=known.owner_id,
                arn=known.arn,
                versions={0: tuple(PrefixListEntry(cidr) for cidr in known.cidrs)},
            )
        )


def references(region: Region, prefix_list: PrefixList) -> list[str]:
    """Return the ids of the security groups and all route tables that name a list."""
    groups = {
        rule.group_id: None
        for rule in region[SecurityGroupRule].where(prefix_list_id=prefix_list.id)
    }
    tables = [
        table.id
        for table in region[RouteTable]
        if any(route.destination_prefix_list_id == prefix_list.id for route in table.routes)
    ]
    transit = [
        row.route_table_id
        for row in region[TransitGatewayPrefixListReference].where(prefix_list_id=prefix_list.id)
    ]
    return [*groups, *tables, *transit]


def _invalid(message: str) -> AwsError:
    return AwsError("InvalidParameterValue", message)


def _checked_name(name: str) -> str:
    if len(name) > MAX_NAME_LENGTH:
        raise _invalid(f"A prefix list's name has at most {MAX_NAME_LENGTH} characters")
    if name.lower().startswith(RESERVED_NAME):
        raise _invalid(f"The prefix list name cannot start with {RESERVED_NAME}.")
    return name


def _checked_max_entries(wanted: int) -> int:
    if not 1 <= wanted <= MAX_ENTRIES:
        raise _invalid(
            f"Value ({wanted}) for parameter MaxEntries is invalid. "
            f"Expecting a value between 1 and {MAX_ENTRIES}."
        )
    return wanted


def _canonical(cidr: str, family: str) -> str:
    kind = ipaddress.IPv4Network if family == "IPv4" else ipaddress.IPv6Network
    try:
        return str(kind(cidr if "/" in cidr else "?", strict=False))
    except ValueError:
        raise _invalid(f"The CIDR '{cidr[:64]}' is not a valid {family} CIDR block.") from None


def _added(given: Sequence[Mapping[str, Any]], family: str) -> dict[str, PrefixListEntry]:
    _check_count(given)
    added: dict[str, PrefixListEntry] = {}
    for item in given:
        cidr, description = _canonical(item["Cidr"], family), item.get("Description")
        if description is not None and len(description) > MAX_DESCRIPTION_LENGTH:
            raise _invalid(f"A description has at most {MAX_DESCRIPTION_LENGTH} characters")
        if cidr in added:
            raise _invalid(f"Request cannot contain duplicate Cidr {cidr} in AddPrefixListEntries.")
        added[cidr] = PrefixListEntry(cidr, description)
    return added


def _removed(given: Sequence[Mapping[str, Any]], family: str, present: Entries) -> set[str]:
    _check_count(given)
    removed = {_canonical(item["Cidr"], family) for item in given}
    missing = removed - {entry.cidr for entry in present}
    if missing:
        raise AwsError(
            "InvalidPrefixListModification",
            f"The prefix list has no entry for {', '.join(sorted(missing))}.",
        )
    return removed


def _check_count(given: Sequence[Any]) -> None:
    if len(given) > MAX_ENTRIES_OF_REQUEST:
        raise AwsError(
            "RequestLimitExceeded",
            f"A request has at most {MAX_ENTRIES_OF_REQUEST} prefix list entries.",
        )


def _check_fits(entries: Iterable[Any], max_entries: int | None) -> None:
    count = len(tuple(entries))
    if max_entries is not None and count > max_entries:
        raise AwsError(
            "PrefixListMaxEntriesExceeded",
            f"The prefix list would have {count} entries; at most {max_entries} are allowed.",
        )


def create_managed_prefix_list(
    call: Call, params: aws.CreateManagedPrefixListRequestTypeDef
) -> dict[str, Any]:
    """Create a list. Source: API_CreateManagedPrefixList."""
    family, region = params["AddressFamily"], call.region
    if family not in ("IPv4", "IPv6"):
        raise _invalid(f"Invalid AddressFamily: {family[:64]}. Valid values: IPv4, IPv6")
    name = _checked_name(params["PrefixListName"])
    max_entries = _checked_max_entries(params["MaxEntries"])
    entries = tuple(_added(params.get("Entries", ()), family).values())
    _check_fits(entries, max_entries)
    list_id = call.new_id(PrefixList)
    partition = REGIONS[region.name].partition
    prefix_list = PrefixList(
        id=list_id,
        state="create-in-progress",
        name=name,
        address_family=family,
        owner_id=region.account,
        arn=f"arn:{partition}:ec2:{region.name}:{region.account}:prefix-list/{list_id}",
        max_entries=max_entries,
        version=1,
        versions={1: entries},
        tags=tags_on_create(params, "prefix-list"),
    )
    region[PrefixList].add(prefix_list)
    call.world.settle(prefix_list, "create-complete")
    return {"PrefixList": PREFIX_LIST.show(region, prefix_list)}


def _own(region: Region, list_id: str) -> PrefixList:
    """Return a list that the caller may change now.

    Raises:
        AwsError: not found; UnauthorizedOperation for AWS's own; IncorrectState.
    """
    prefix_list = PREFIX_LIST.find(region, list_id)
    if prefix_list.owner_id == AWS:
        raise AwsError(
            "UnauthorizedOperation", "You are not authorized to perform this operation.", 403
        )
    if prefix_list.state.endswith("-in-progress"):
        raise AwsError(
            "IncorrectState",
            f"The request cannot be completed because the prefix list ({list_id}) is in the "
            f"current state ({prefix_list.state}).",
        )
    return prefix_list


def _check_version(prefix_list: PrefixList, current: int | None) -> None:
    if current is None:
        raise AwsError("MissingParameter", "The request must contain the parameter CurrentVersion")
    if current != prefix_list.version:
        raise AwsError(
            "PrefixListVersionMismatch", "The prefix list has the incorrect version number."
        )


def _add_version(prefix_list: PrefixList, entries: Entries) -> None:
    version = (prefix_list.version or 0) + 1
    versions = {**prefix_list.versions, version: entries}
    while len(versions) > MAX_VERSIONS:
        del versions[min(versions)]
    prefix_list.versions = versions
    prefix_list.version = version


def modify_managed_prefix_list(
    call: Call, params: aws.ModifyManagedPrefixListRequestTypeDef
) -> dict[str, Any]:
    """Rename a list, or change its size or its entries. Source: API_ModifyManagedPrefixList."""
    region = call.region
    prefix_list = _own(region, params["PrefixListId"])
    max_entries, name = params.get("MaxEntries"), params.get("PrefixListName")
    adding, removing = params.get("AddEntries", ()), params.get("RemoveEntries", ())
    if max_entries is not None and (adding or removing):
        raise AwsError(
            "InvalidParameterCombination",
            "You cannot modify the entries and the maximum entries for the prefix list in the "
            "same request.",
        )
    if name is not None:
        _checked_name(name)
    if max_entries is not None:
        _check_fits(prefix_list.entries, _checked_max_entries(max_entries))
    if params.get("CurrentVersion") is not None or adding or removing:
        _check_version(prefix_list, params.get("CurrentVersion"))
    entries = None
    if adding or removing:
        entries = _changed(prefix_list, adding, removing)

    if name is not None:
        prefix_list.name = name
    if max_entries is not None:
        prefix_list.max_entries = max_entries
    if entries is not None:
        _add_version(prefix_list, entries)
    prefix_list.move("modify-in-progress")
    call.world.settle(prefix_list, "modify-complete")
    return {"PrefixList": PREFIX_LIST.show(region, prefix_list)}


def _changed(prefix_list: PrefixList, adding: Sequence[Any], removing: Sequence[Any]) -> Entries:
    added = _added(adding, prefix_list.address_family)
    removed = _removed(removing, prefix_list.address_family, prefix_list.entries)
    for cidr in removed & added.keys():
        raise _invalid(
            f"Request cannot contain Cidr {cidr} in both AddPrefixListEntries and "
            "RemovePrefixListEntries"
        )
    entries = {
        entry.cidr: added.pop(entry.cidr, entry)
        for entry in prefix_list.entries
        if entry.cidr not in removed
    }
    entries.update(added)
    _check_fits(entries, prefix_list.max_entries)
    return tuple(entries.values())


def restore_managed_prefix_list_version(
    call: Call, params: aws.RestoreManagedPrefixListVersionRequestTypeDef
) -> dict[str, Any]:
    """Make a new version with the entries of an old one."""
    prefix_list = _own(call.region, params["PrefixListId"])
    _check_version(prefix_list, params["CurrentVersion"])
    entries = _entries_of(prefix_list, params["PreviousVersion"])
    _check_fits(entries, prefix_list.max_entries)
    _add_version(prefix_list, entries)
    prefix_list.move("restore-in-progress")
    call.world.settle(prefix_list, "restore-complete")
    return {"PrefixList": PREFIX_LIST.show(call.region, prefix_list)}


def delete_managed_prefix_list(
    call: Call, params: aws.DeleteManagedPrefixListRequestTypeDef
) -> dict[str, Any]:
    """Delete a list that nothing refers to."""
    region = call.region
    prefix_list = _own(region, params["PrefixListId"])
    used_by = references(region, prefix_list)
    if used_by:
        raise AwsError(
            "DependencyViolation",
            f"The prefix list '{prefix_list.id}' is referenced by {', '.join(used_by[:10])} "
            "and cannot be deleted.",
        )
    prefix_list.move("delete-in-progress")
    call.world.expire(region, prefix_list, 0)
    return {"PrefixList": PREFIX_LIST.show(region, prefix_list)}


def describe_managed_prefix_lists(
    call: Call, params: aws.DescribeManagedPrefixListsRequestTypeDef
) -> dict[str, Any]:
    """List the account's lists and those of AWS."""
    return PREFIX_LIST.describe(call, params, ids="PrefixListIds", result="PrefixLists")


def _entries_of(prefix_list: PrefixList, version: int | None) -> Entries:
    if version is None:
        return prefix_list.entries
    entries = prefix_list.versions.get(version) if prefix_list.version is not None else None
    if entries is None:
        raise AwsError(
            "InvalidPrefixListVersion.NotFound",
            f"The prefix list '{prefix_list.id}' has no version {version}.",
        )
    return entries


def _numbered_page(
    call: Call, params: Mapping[str, Any], result: str, items: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    numbered = list(enumerate(items, start=1))
    shown, token = page(
        call.operation.name, numbered, params, call.operation.page_limits, lambda item: item[0]
    )
    answer: dict[str, Any] = {result: [item for _, item in shown]}
    if token is not None:
        answer["NextToken"] = token
    return answer


def get_managed_prefix_list_entries(
    call: Call, params: aws.GetManagedPrefixListEntriesRequestTypeDef
) -> dict[str, Any]:
    """List the entries of one version, the present one unless another is named."""
    prefix_list = PREFIX_LIST.find(call.region, params["PrefixListId"])
    entries = _entries_of(prefix_list, params.get("TargetVersion"))
    items = [{"Cidr": entry.cidr, "Description": entry.description} for entry in entries]
    return _numbered_page(call, params, "Entries", items)


def get_managed_prefix_list_associations(
    call: Call, params: aws.GetManagedPrefixListAssociationsRequestTypeDef
) -> dict[str, Any]:
    """List what refers to a list of the account's own."""
    prefix_list = PREFIX_LIST.find(call.region, params["PrefixListId"])
    if prefix_list.owner_id == AWS:
        raise AwsError(
            "UnauthorizedOperation", "You are not authorized to perform this operation.", 403
        )
    items = [
        {"ResourceId": resource_id, "ResourceOwner": call.account}
        for resource_id in references(call.region, prefix_list)
    ]
    return _numbered_page(call, params, "PrefixListAssociations", items)


def describe_prefix_lists(
    call: Call, params: aws.DescribePrefixListsRequestTypeDef
) -> dict[str, Any]:
    """List AWS's own lists with their ranges.

    It spells its not-found code otherwise than the calls about managed prefix lists.
    """
    region, ids = call.region, params.get("PrefixListIds")
    rows = region[PrefixList].where(owner_id=AWS)
    if ids:
        known = {row.id: row for row in rows}
        missing = [list_id for list_id in ids if list_id not in known]
        if missing:
            noun = attrs.evolve(PREFIX_LIST.noun, not_found="InvalidPrefixListId.NotFound")
            raise noun.missing(missing)
        rows = [row for row in rows if row.id in set(ids)]
    chosen = select(region, rows, params.get("Filters"), _FILTERS, taggable=False)
    shown, token = page_of_rows(call.operation.name, chosen, params, call.operation.page_limits)
    answer: dict[str, Any] = {
        "PrefixLists": [
            {
                "PrefixListId": row.id,
                "PrefixListName": row.name,
                "Cidrs": [entry.cidr for entry in row.entries],
            }
            for row in shown
        ]
    }
    if token is not None:
        answer["NextToken"] = token
    return answer


OPERATIONS: Mapping[str, Handler] = {
    "CreateManagedPrefixList": create_managed_prefix_list,
    "DeleteManagedPrefixList": delete_managed_prefix_list,
    "DescribeManagedPrefixLists": describe_managed_prefix_lists,
    "DescribePrefixLists": describe_prefix_lists,
    "GetManagedPrefixListAssociations": get_managed_prefix_list_associations,
    "GetManagedPrefixListEntries": get_managed_prefix_list_entries,
    "ModifyManagedPrefixList": modify_managed_prefix_list,
    "RestoreManagedPrefixListVersion": restore_managed_prefix_list_version,
}
