"""Tags: given on create, changed later, listed for any resource.

Source: "Tag your Amazon EC2 resources": at most 50 tags, keys of 1 to 128 and values of up
to 256 characters, keys that start with ``aws:`` are AWS's own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from emulator.core.errors import AwsError
from emulator.model.image import Image
from emulator.model.instance import Instance
from emulator.model.row import NO_TAGS, Row
from emulator.services.call import Call, Handler
from emulator.services.ec2.images.images import MANAGER_TAG, stocked
from emulator.services.ec2.instances.manager_tag import hidden_from
from emulator.services.ec2.nouns import noun_of
from emulator.services.filters import Field, select
from emulator.services.pages import page_by
from emulator.state.store import Region

if TYPE_CHECKING:
    from mypy_boto3_ec2 import type_defs as aws

MAX_TAGS = 50
MAX_KEY_LENGTH = 128
MAX_VALUE_LENGTH = 256
MAX_RESOURCES = 1000
RESERVED = "aws:"


def checked_tags(given: Iterable[Mapping[str, Any]]) -> Mapping[str, str]:
    """Return tags as a map.

    Raises:
        AwsError: a key or value that AWS would refuse, a key given twice, too many.
    """
    tags: dict[str, str] = {}
    for item in given:
        key, value = item.get("Key") or "", item.get("Value") or ""
        if not key:
            raise AwsError("InvalidParameterValue", "Tag key must not be empty")
        if key.lower().startswith(RESERVED):
            raise AwsError(
                "InvalidParameterValue",
                "Tag keys starting with 'aws:' are reserved for internal use",
            )
        if len(key) > MAX_KEY_LENGTH:
            raise AwsError(
                "InvalidParameterValue",
                f"Tag key exceeds the maximum length of {MAX_KEY_LENGTH} characters",
            )
        if len(value) > MAX_VALUE_LENGTH:
            raise AwsError(
                "InvalidParameterValue",
                f"Tag value exceeds the maximum length of {MAX_VALUE_LENGTH} characters",
            )
        if key in tags:
            raise AwsError("InvalidParameterValue", f"Duplicate tag key '{key}' specified.")
        tags[key] = value
    if len(tags) > MAX_TAGS:
        raise AwsError("TagLimitExceeded", f"More than {MAX_TAGS} tags specified")
    return tags or NO_TAGS


def tags_by_type(
    params: Mapping[str, Any], allowed: Sequence[str]
) -> Mapping[str, Mapping[str, str]]:
    """Return the tags of a request's TagSpecifications for each resource type.

    Args:
        params: the request's.
        allowed: the resource types this operation creates.

    Raises:
        AwsError: InvalidParameterValue for a type that it does not create.
    """
    found: dict[str, list[Mapping[str, Any]]] = {}
    for specification in params.get("TagSpecifications") or ():
        resource_type = specification.get("ResourceType")
        if resource_type not in allowed:
            raise AwsError(
                "InvalidParameterValue",
                f"'{resource_type}' is not a valid taggable resource type for this operation.",
            )
        found.setdefault(resource_type, []).extend(specification.get("Tags") or ())
    return {resource_type: checked_tags(tags) for resource_type, tags in found.items()}


def tags_on_create(params: Mapping[str, Any], resource_type: str) -> Mapping[str, str]:
    """Return the tags for an operation that creates one type of resource."""
    if not params.get("TagSpecifications"):
        return NO_TAGS
    return tags_by_type(params, (resource_type,)).get(resource_type, NO_TAGS)


def _taggable(region: Region, resource_id: str) -> Row:
    if resource_id.startswith(f"{Image.PREFIX}-"):
        # Stock images come into their table when they are first asked for.
        stocked(region)
    for kind, table in region.tables():
        if kind.RESOURCE_TYPE:
            row: Row | None = table.get(resource_id)
            if row is not None:
                return row
    noun = noun_of(resource_id)
    if noun is None:
        raise AwsError("InvalidID", f"The ID '{resource_id}' is not valid")
    noun.check_form(resource_id)
    raise noun.missing([resource_id])


def _resources(call: Call, ids: Sequence[str]) -> list[Row]:
    if len(ids) > MAX_RESOURCES:
        raise AwsError(
            "InvalidParameterValue", f"At most {MAX_RESOURCES} resources can be tagged at once"
        )
    return [_taggable(call.region, resource_id) for resource_id in ids]


def create_tags(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """Add or overwrite tags of any resources. Source: API_CreateTags."""
    tags = checked_tags(params["Tags"])
    rows = _resources(call, params["Resources"])
    for row in rows:
        # AWS's own tags do not count.
        if sum(not key.startswith(RESERVED) for key in {**row.tags, **tags}) > MAX_TAGS:
            raise AwsError(
                "TagLimitExceeded",
                f"The maximum number of {MAX_TAGS} tags for {row.id} would be exceeded",
            )
    for row in rows:
        row.tags = {**row.tags, **tags}
    return {}


def delete_tags(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """Remove tags: by key and value where a value is given, all of them where none is given."""
    rows = _resources(call, params["Resources"])
    wanted = params.get("Tags")
    for row in rows:
        if wanted is None:
            row.tags = {key: tag for key, tag in row.tags.items() if key.startswith(RESERVED)}
            continue
        kept = dict(row.tags)
        for item in wanted:
            key, value = item.get("Key", ""), item.get("Value")
            if key in kept and (value is None or kept[key] == value):
                del kept[key]
        row.tags = kept
    return {}


class _Tag(Row):
    """One line of DescribeTags: a tag of a resource, filtered like a record."""

    __slots__ = ("key", "owner", "value")

    def __init__(self, owner: Row, key: str, value: str) -> None:
        super().__init__(id=owner.id)
        self.owner, self.key, self.value = owner, key, value

    @property
    def place(self) -> str:
        """Where the line stands among all, whatever else is tagged or untagged meanwhile."""
        return f"{self.owner.id}\0{self.key}"


_FIELDS: Mapping[str, Field[_Tag]] = {
    "key": lambda _, tag: tag.key,
    "value": lambda _, tag: tag.value,
    "resource-id": lambda _, tag: tag.owner.id,
    "resource-type": lambda _, tag: tag.owner.RESOURCE_TYPE,
}


def _tag_field(key: str) -> Field[_Tag]:
    return lambda _, tag: tag.value if tag.key == key else None


def describe_tags(call: Call, params: aws.DescribeTagsRequestTypeDef) -> dict[str, Any]:
    """List the tags of all resources, by resource id and key."""
    region, hides = call.region, hidden_from(call)
    lines = [
        _Tag(row, key, value)
        for kind, table in region.tables()
        if kind.RESOURCE_TYPE
        for row in table
        for key, value in row.tags.items()
        if not (hides and key == MANAGER_TAG and kind is Instance)
    ]
    lines.sort(key=lambda tag: tag.place)
    fields = dict(_FIELDS)
    for item in params.get("Filters") or ():
        name = item.get("Name", "")
        if name.startswith("tag:"):
            fields[name] = _tag_field(name.removeprefix("tag:"))
    chosen = select(region, lines, params.get("Filters"), fields, taggable=False)
    shown, token = page_by(
        call.operation.name,
        chosen,
        params,
        call.operation.page_limits,
        lambda line: line.place,
        str,
    )
    answer: dict[str, Any] = {
        "Tags": [
            {
                "ResourceId": line.owner.id,
                "ResourceType": line.owner.RESOURCE_TYPE,
                "Key": line.key,
                "Value": line.value,
            }
            for line in shown
        ]
    }
    if token is not None:
        answer["NextToken"] = token
    return answer


OPERATIONS: Mapping[str, Handler] = {
    "CreateTags": create_tags,
    "DeleteTags": delete_tags,
    "DescribeTags": describe_tags,
}
