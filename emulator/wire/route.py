"""Which service, operation, region and caller a request is for; nothing is verified."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

import attrs

from emulator.core.errors import AwsError
from emulator.wire.query import parameters
from emulator.wire.service import SERVICES

if TYPE_CHECKING:
    from emulator.wire.message import HttpRequest

# The part of X-Amz-Target before the dot, where a request is for a JSON service.
_TARGETS = {"AmazonSSM": "ssm", "AmazonEC2ContainerServiceV20141113": "ecs"}
_JSON_SERVICES = frozenset(_TARGETS.values())
# Versions that are not EC2's; every other date is one of EC2's many API versions.
_VERSIONS = {"2011-06-15": "sts", "2010-05-08": "iam"}

_LONGEST_NAME = 128


@attrs.frozen
class Target:
    """Where a request goes.

    Attributes:
        service: one of ``SERVICES``.
        operation: as the request spells it; whether it exists is the service's to say.
        region: from the credential scope; None for unsigned requests.
        access_key: the caller's access key id, if the request names one.
        signed: whether a signature's credential could be read.
    """

    service: str
    operation: str
    region: str | None
    access_key: str | None
    signed: bool


@attrs.frozen(eq=False)  # found by identity in the cache of targets
class _Scope:
    access_key: str | None = None
    region: str | None = None
    service: str | None = None


_UNSIGNED = _Scope()


def route(request: HttpRequest) -> Target:
    """Read from a request whom it is for.

    The service is that of the SigV4 credential scope, in the Authorization header or
    a presigned query; without one, that of X-Amz-Target or of the API version.

    Raises:
        AwsError: no service or no action can be read; always status 400.
    """
    headers = request.headers
    authorization = headers.get("authorization")
    scope = _header_scope(authorization) if authorization is not None else _UNSIGNED
    if scope is _UNSIGNED and request.query:
        scope = _query_scope(request.query)
    target = headers.get("x-amz-target")
    if target is not None:
        prefix, _, action = target[:_LONGEST_NAME].rpartition(".")
        service = scope.service or _TARGETS.get(prefix)
        if service is None:
            raise AwsError("UnknownOperationException", "The target names no known service")
        return _target(scope, service, action)
    if scope.service in _JSON_SERVICES:
        raise AwsError("UnknownOperationException", "The request names no operation")
    leading = _leading_action(request)
    if leading is not None and scope.service is not None:
        return _target(scope, scope.service, leading)
    return _form_target(request, scope)


@lru_cache(maxsize=1024)
def _target(scope: _Scope, service: str, action: str) -> Target:
    return Target(service, action, scope.region, scope.access_key, scope.access_key is not None)


def _leading_action(request: HttpRequest) -> str | None:
    """Return the action where it stands first in the body, as SDKs send it."""
    body = request.body
    if not body.startswith(b"Action=") or request.query:
        return None
    end = body.find(b"&", 7, 7 + _LONGEST_NAME)
    name = body[7:end] if end >= 0 else body[7:]
    if not name.isalnum() or len(name) > _LONGEST_NAME:
        return None
    return name.decode("ascii")


def _form_target(request: HttpRequest, scope: _Scope) -> Target:
    found = dict(parameters(request))
    action = found.get("Action", "")[:_LONGEST_NAME]
    if not action:
        raise AwsError("MissingAction", "The request must contain the parameter Action")
    if not scope.access_key and found.get("AWSAccessKeyId"):
        # Signature version 2 has no scope.
        scope = _bare_scope(found["AWSAccessKeyId"][:_LONGEST_NAME])
    service = scope.service or _VERSIONS.get(found.get("Version", ""), "ec2")
    return _target(scope, service, action)


def _header_scope(authorization: str) -> _Scope:
    start = authorization.find("Credential=")
    if start < 0:
        return _UNSIGNED
    end = authorization.find(",", start)
    return _scope(authorization[start + 11 : end if end >= 0 else None][:512].strip())


def _query_scope(query: str) -> _Scope:
    for pair in query.split("&"):
        key, _, value = pair.partition("=")
        if key.lower() == "x-amz-credential":
            return _scope(unquote_plus(value[:1024], errors="replace"))
    return _UNSIGNED


@lru_cache(maxsize=1024)
def _scope(credential: str) -> _Scope:
    """Read ``<access key>/<date>/<region>/<service>/aws4_request``.

    Signature version 4A signs for several regions and leaves the region out.
    """
    parts = credential.split("/")
    if len(parts) < 4 or not parts[0]:
        return _UNSIGNED
    region = parts[-3] if len(parts) > 4 else None
    service = parts[-2] if parts[-2] in SERVICES else None
    return _Scope(parts[0], region or None, service)


@lru_cache(maxsize=1024)
def _bare_scope(access_key: str) -> _Scope:
    return _Scope(access_key)
