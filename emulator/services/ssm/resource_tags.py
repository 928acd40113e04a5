"""Tags of parameters. Of what else Systems Manager tags, nothing is emulated."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from emulator.core.errors import AwsError
from emulator.model.parameter import Parameter
from emulator.model.row import NO_TAGS
from emulator.services.call import Call, Handler
from emulator.services.ssm.parameter_names import own

MAX_TAGS = 50


def checked_tags(given: Iterable[Mapping[str, Any]]) -> Mapping[str, str]:
    """Return tags as a map.

    Raises:
        AwsError: ValidationException for AWS's own keys, TooManyTagsError for more than 50.
    """
    tags = {item["Key"]: item["Value"] for item in given}
    for key in tags:
        if key.lower().startswith("aws:"):
            raise AwsError("ValidationException", "Tag keys can't be prefixed with aws:.")
    _check_count(tags)
    return tags or NO_TAGS


def _check_count(tags: Mapping[str, str]) -> None:
    if len(tags) > MAX_TAGS:
        raise AwsError("TooManyTagsError", f"A resource may have at most {MAX_TAGS} tags.")


def _find(call: Call, params: Mapping[str, Any]) -> Parameter:
    try:
        if params["ResourceType"] == "Parameter":
            return own(call.region, params["ResourceId"])
    except AwsError:
        pass
    raise AwsError(
        "InvalidResourceId",
        "The resource ID is not valid. Verify that you entered the correct ID and try again.",
    )


def add_tags_to_resource(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """Add or overwrite tags."""
    parameter = _find(call, params)
    tags = {**parameter.tags, **checked_tags(params["Tags"])}
    _check_count(tags)
    parameter.tags = tags
    return {}


def remove_tags_from_resource(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """Remove tags by their keys."""
    parameter = _find(call, params)
    gone = set(params["TagKeys"])
    parameter.tags = {key: value for key, value in parameter.tags.items() if key not in gone}
    return {}


def list_tags_for_resource(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """List tags; this list has no pages."""
    tags = _find(call, params).tags
    return {"TagList": [{"Key": key, "Value": value} for key, value in tags.items()]}


OPERATIONS: Mapping[str, Handler] = {
    "AddTagsToResource": add_tags_to_resource,
    "ListTagsForResource": list_tags_for_resource,
    "RemoveTagsFromResource": remove_tags_from_resource,
}
