"""What a request must be like to be answered; pure, and knows no socket.

Sources: "Use the Instance Metadata Service to access instance metadata" (errors of IMDSv2),
"Configure the Instance Metadata Service options", API_InstanceMetadataOptionsRequest.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Collection, Mapping
from typing import Any

from emulator.imds.tokens import MAX_TTL_SECONDS, MIN_TTL_SECONDS
from emulator.wire.message import HttpRequest

TOKEN_PATH = "/latest/api/token"  # noqa: S105 - where tokens are had
TOKEN_HEADER = "x-aws-ec2-metadata-token"  # noqa: S105 - a header's name
TTL_HEADER = "x-aws-ec2-metadata-token-ttl-seconds"
FORWARDED_HEADER = "x-forwarded-for"
IPV4_ADDRESS = "169.254.169.254"
IPV6_ADDRESS = "fd00:ec2::254"
_MAX_TTL_DIGITS = 10
_READING = ("GET", "HEAD")


class Refusal(enum.Enum):
    """Why a request is not answered: status and what the page says."""

    BAD_REQUEST = (400, "Bad Request")
    UNAUTHORIZED = (401, "Unauthorized")
    FORBIDDEN = (403, "Forbidden")
    NOT_FOUND = (404, "Not Found")
    METHOD_NOT_ALLOWED = (405, "Method Not Allowed")

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.value[0]

    @property
    def page(self) -> bytes:
        """The body, XHTML as AWS's."""
        title = f"{self.value[0]} - {self.value[1]}"
        return _PAGE.format(title=title).encode()


_PAGE = """<?xml version="1.0" encoding="iso-8859-1"?>
<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN"
\t"http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">
<html xmlns="http://www.w3.org/1999/xhtml" xml:lang="en" lang="en">
 <head>
  <title>{title}</title>
 </head>
 <body>
  <h1>{title}</h1>
 </body>
</html>
"""


def is_for_token(request: HttpRequest) -> bool:
    """Tell whether a request is about tokens."""
    return request.path == TOKEN_PATH


def may_knock(request: HttpRequest, options: Mapping[str, Any]) -> Refusal | None:
    """Refuse what the instance's options close, whatever it asks.

    Args:
        request: its peer's address tells the family it came over.
        options: the instance's metadata options, in AWS's shape.
    """
    if options.get("HttpEndpoint") == "disabled":
        return Refusal.FORBIDDEN
    if ":" in request.peer[0] and options.get("HttpProtocolIpv6") != "enabled":
        return Refusal.FORBIDDEN
    return None


def wanted_ttl(request: HttpRequest) -> int | Refusal:
    """Return for how many seconds a request wants a token, or why it gets none.

    What was forwarded is refused, because a proxy open to strangers must not fetch tokens.
    """
    if request.method != "PUT":
        return Refusal.METHOD_NOT_ALLOWED
    if FORWARDED_HEADER in request.headers:
        return Refusal.FORBIDDEN
    text = request.headers.get(TTL_HEADER, "").strip()
    if not (text.isascii() and text.isdecimal() and len(text) <= _MAX_TTL_DIGITS):
        return Refusal.BAD_REQUEST
    seconds = int(text)
    return seconds if MIN_TTL_SECONDS <= seconds <= MAX_TTL_SECONDS else Refusal.BAD_REQUEST


def may_read(
    request: HttpRequest,
    options: Mapping[str, Any],
    seconds_left: Callable[[str], float],
) -> float | Refusal:
    """Return how long the request's token is still good, 0 without one, or a refusal.

    A wrong token is refused even where none is needed: whoever sends one means it.

    Args:
        request: the request.
        options: the instance's metadata options.
        seconds_left: how long a token is good for this instance.
    """
    if request.method not in _READING:
        return Refusal.METHOD_NOT_ALLOWED
    token = request.headers.get(TOKEN_HEADER)
    if token is None:
        return Refusal.UNAUTHORIZED if options.get("HttpTokens") == "required" else 0.0
    left = seconds_left(token)
    return left if left > 0 else Refusal.UNAUTHORIZED


def token_hops(limit: int, peer: str, own_addresses: Collection[str]) -> int:
    """Return how many hops a token's answer may still travel: its IP TTL.

    AWS's answer reaches the instance with the limit as its TTL, and a container in the
    instance with one less. The listener here is in the instance already, where a router to
    such a container takes nothing off, so that hop is counted beforehand. 0 means that the
    answer must not be sent at all.

    Args:
        limit: HttpPutResponseHopLimit.
        peer: the client's address.
        own_addresses: the instance's addresses; from them, and from those of the service
            itself, only the instance speaks.
    """
    is_instance = (
        peer in (IPV4_ADDRESS, IPV6_ADDRESS, "::1", "")
        or peer.startswith("127.")
        or peer in own_addresses
    )
    return limit if is_instance else limit - 1
