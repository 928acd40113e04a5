"""Pages: MaxResults and NextToken over rows in their order of creation.

A token names the last item of the page before, so pages stay right while items come and go.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from emulator.core.errors import AwsError
from emulator.model.row import Row

R = TypeVar("R", bound=Row)
T = TypeVar("T")
P = TypeVar("P", int, str)

DEFAULT_LIMITS = (5, 1000)


def _token(operation: str, position: int | str) -> str:
    return base64.urlsafe_b64encode(f"{operation}:{position}".encode()).decode()


def place(text: str) -> int:
    """Return the number that a token names.

    Raises:
        ValueError: it is none that this program wrote.
    """
    if len(text) < 20:
        return int(text)
    raise ValueError(text)


def _position(operation: str, token: str, parsed: Callable[[str], P], code: str) -> P:
    try:
        name, _, position = base64.urlsafe_b64decode(token.encode()).decode().partition(":")
        if name == operation:
            return parsed(position)
    except (ValueError, binascii.Error):
        pass
    raise AwsError(code, "Unable to parse pagination token")


def page_by(
    operation: str,
    items: Sequence[T],
    params: Mapping[str, Any],
    limits: tuple[int, int] | None,
    position: Callable[[T], P],
    parsed: Callable[[str], P],
    refusal: str = "InvalidParameterValue",
) -> tuple[Sequence[T], str | None]:
    """Return one page of ``items`` and the token of the next.

    Args:
        operation: tokens of one operation mean nothing to another.
        items: all of them, ``position`` growing.
        params: the request's, with MaxResults and NextToken.
        limits: least and most that MaxResults may be; None for AWS's usual 5 to 1000.
        position: an item's place, which never changes while it exists.
        parsed: turns a place written as text into what ``position`` returns.
        refusal: the service's error for a foreign token.

    Raises:
        AwsError: InvalidParameterValue for a number out of range or a foreign token.
    """
    token, size = params.get("NextToken"), params.get("MaxResults")
    if token is None and size is None:
        return items, None
    least, most = limits or DEFAULT_LIMITS
    if size is not None and not least <= size <= most:
        raise AwsError(
            "InvalidParameterValue",
            f"Value ( {size} ) for parameter maxResults is invalid. "
            f"Expecting a value between {least} and {most}.",
        )
    if token is not None:
        after = _position(operation, token, parsed, refusal)
        items = [item for item in items if position(item) > after]
    if size is None or len(items) <= size:
        return items, None
    chosen = items[:size]
    return chosen, _token(operation, position(chosen[-1]))


def page(
    operation: str,
    items: Sequence[T],
    params: Mapping[str, Any],
    limits: tuple[int, int] | None,
    position: Callable[[T], int],
    refusal: str = "InvalidParameterValue",
) -> tuple[Sequence[T], str | None]:
    """Return one page of items whose places are numbers; see ``page_by``."""
    return page_by(operation, items, params, limits, position, place, refusal)


def page_of_rows(
    operation: str, rows: Sequence[R], params: Mapping[str, Any], limits: tuple[int, int] | None
) -> tuple[Sequence[R], str | None]:
    """Return one page of rows, placed by their sequence."""
    return page(operation, rows, params, limits, lambda row: row.sequence)
