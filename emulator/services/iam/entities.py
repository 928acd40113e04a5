"""What IAM's entities share: names, ids, ARNs, tags, errors and pages."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from emulator.core.errors import AwsError
from emulator.model.iam import Entity
from emulator.model.row import NO_TAGS, Row
from emulator.services.call import Call
from emulator.state.store import Region

E = TypeVar("E", bound=Entity)
T = TypeVar("T")

MAX_TAGS = 50
DEFAULT_PAGE = 100
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_UNIQUE_LENGTH = 17


def no_such(message: str) -> AwsError:
    """Return the error for what does not exist."""
    return AwsError("NoSuchEntity", message, 404)


def exists(message: str) -> AwsError:
    """Return the error for a name that is taken."""
    return AwsError("EntityAlreadyExists", message, 409)


def conflict(message: str) -> AwsError:
    """Return the error for what others depend on."""
    return AwsError("DeleteConflict", f"Cannot delete entity, {message}", 409)


def over_quota(quota: str, most: int) -> AwsError:
    """Return the error for one more than AWS allows."""
    return AwsError("LimitExceeded", f"Cannot exceed quota for {quota}: {most}", 409)


def records(call: Call) -> Region:
    """Return the account's global tables."""
    return call.state.everywhere(call.account)


def now(call: Call) -> datetime:
    """Return the present moment as IAM shows moments, in whole seconds."""
    return call.world.clock.now().replace(microsecond=0)


def unique_id(call: Call, prefix: str) -> str:
    """Return an id such as ``AROA…``."""
    return prefix + "".join(call.world.ids.random.choices(_ALPHABET, k=_UNIQUE_LENGTH))


def arn(call: Call, kind: str, path: str, name: str) -> str:
    """Return the ARN of an account's own entity."""
    return f"arn:aws:iam::{call.account}:{kind}{path}{name}"


def find(call: Call, kind: type[E], name: str, message: str) -> E:
    """Return the entity with this name.

    Raises:
        AwsError: NoSuchEntity with ``message``.
    """
    row = records(call)[kind].get(name.lower())
    if row is None or row.name != name:
        raise no_such(message)
    return row


def pairs(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Return tags as AWS lists them."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def checked_tags(given: Iterable[Mapping[str, Any]] | None) -> Mapping[str, str]:
    """Return tags as a map.

    Raises:
        AwsError: InvalidInput for a key given twice or of AWS's own.
    """
    tags: dict[str, str] = {}
    seen: set[str] = set()
    for item in given or ():
        key = item.get("Key") or ""
        if key.lower() in seen:
            raise AwsError(
                "InvalidInput",
                "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
            )
        if key.lower().startswith("aws:"):
            raise AwsError("InvalidInput", "System tags cannot be added/updated by requester.")
        seen.add(key.lower())
        tags[key] = item.get("Value") or ""
    return tags or NO_TAGS


def tag(row: Row, given: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Add or overwrite an entity's tags."""
    tags = checked_tags(given)
    lowered = {key.lower() for key in tags}
    kept = {key: value for key, value in row.tags.items() if key.lower() not in lowered}
    if len(kept) + len(tags) > MAX_TAGS:
        raise over_quota("TagsPerResource", MAX_TAGS)
    row.tags = {**kept, **tags}
    return {}


def untag(row: Row, keys: Sequence[str]) -> dict[str, Any]:
    """Remove tags by their keys."""
    gone = {key.lower() for key in keys}
    row.tags = {key: value for key, value in row.tags.items() if key.lower() not in gone}
    return {}


def listed(
    member: str,
    items: Iterable[T],
    params: Mapping[str, Any],
    key: Callable[[T], str],
    show: Callable[[T], Any],
) -> dict[str, Any]:
    """Return one page of a list. Its marker names the last item of the page.

    Args:
        member: the result's, such as ``Roles``.
        items: all that are asked for, in any order.
        params: the request's, with Marker and MaxItems.
        key: what items are sorted by.
        show: an item in AWS's shape.

    Raises:
        AwsError: ValidationError for a marker that is none of ours.
    """
    chosen = sorted(items, key=key)
    if marker := params.get("Marker"):
        try:
            after = base64.b64decode(marker, validate=True).decode()
        except (ValueError, binascii.Error):
            raise AwsError("ValidationError", "Invalid Marker.") from None
        chosen = [item for item in chosen if key(item) > after]
    size = params.get("MaxItems") or DEFAULT_PAGE
    shown = chosen[:size]
    answer: dict[str, Any] = {
        member: [show(item) for item in shown],
        "IsTruncated": len(chosen) > size,
    }
    if len(chosen) > size:
        answer["Marker"] = base64.b64encode(key(shown[-1]).encode()).decode()
    return answer


def boundary(arn: str | None) -> dict[str, str] | None:
    """Return a permissions boundary in AWS's shape."""
    if arn is None:
        return None
    return {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": arn}


def below(rows: Iterable[E], params: Mapping[str, Any]) -> list[E]:
    """Return the entities under the request's PathPrefix."""
    prefix = params.get("PathPrefix") or "/"
    return [row for row in rows if row.path.startswith(prefix)]
