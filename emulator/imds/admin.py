"""What the administration offers of the metadata service: events, and the certificate.

Bodies are JSON. Nothing here is AWS's; the words of events are AWS FIS's and the field's
metadata mock's.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import parse_qs

from emulator.imds.documents import moment
from emulator.imds.events import DEFAULT_CODE, NOTICE_SECONDS, EventError, Events
from emulator.imds.identity import Identity
from emulator.model.instance_event import (
    LIFECYCLE_STATE,
    MAINTENANCE,
    REBALANCE,
    SPOT_INTERRUPTION,
    InstanceEvent,
)
from emulator.wire.message import HttpRequest, HttpResponse, json_response

Page = Mapping[str, Callable[[HttpRequest], HttpResponse]]
"""For each method, who answers."""

EVENTS_PATH: Final = "ec2/events"
CERTIFICATE_PATH: Final = "ec2/instance-identity/certificate"


def pages(events: Events, identity: Identity) -> Mapping[str, Page]:
    """Return pages by their path below ``/_localstack/``."""

    def listed(_: HttpRequest) -> HttpResponse:
        return json_response(200, {"events": [_shown(event) for event in events.listed()]})

    def made(request: HttpRequest) -> HttpResponse:
        return _attempted(201, lambda: _make(events, _body(request)))

    def cancelled(request: HttpRequest) -> HttpResponse:
        return _attempted(200, lambda: events.cancel(_asked_id(request)))

    def certificate(_: HttpRequest) -> HttpResponse:
        return HttpResponse(
            200, (identity.key.certificate_pem,), (("Content-Type", "application/x-pem-file"),)
        )

    return {
        EVENTS_PATH: {"GET": listed, "POST": made, "DELETE": cancelled},
        CERTIFICATE_PATH: {"GET": certificate},
    }


def _make(events: Events, asked: Mapping[str, Any]) -> InstanceEvent:
    kind, instance_id = _text(asked, "kind"), _text(asked, "instance_id")
    if kind == SPOT_INTERRUPTION:
        seconds = _seconds(asked, NOTICE_SECONDS)
        return events.interrupt_spot(instance_id, seconds, _text(asked, "action", None))
    if kind == REBALANCE:
        return events.recommend_rebalance(instance_id, _seconds(asked))
    if kind == MAINTENANCE:
        code, description = _text(asked, "code", DEFAULT_CODE), _text(asked, "description", None)
        return events.schedule(instance_id, _seconds(asked), code or DEFAULT_CODE, description)
    if kind == LIFECYCLE_STATE:
        return events.set_lifecycle_state(instance_id, _text(asked, "state"), _seconds(asked))
    raise EventError(
        f"kind is one of {SPOT_INTERRUPTION}, {REBALANCE}, {MAINTENANCE}, {LIFECYCLE_STATE}"
    )


_REQUIRED: Final = "\0"


def _text(asked: Mapping[str, Any], name: str, default: str | None = _REQUIRED) -> Any:
    value = asked.get(name, default)
    if value is None:
        return None
    if not isinstance(value, str) or value == _REQUIRED:
        raise EventError(f"{name} must be given as a string")
    return value


def _seconds(asked: Mapping[str, Any], default: float = 0.0) -> float:
    value = asked.get("in_seconds", default)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise EventError("in_seconds must be a number")
    return value


def _body(request: HttpRequest) -> Mapping[str, Any]:
    try:
        asked = json.loads(request.body)
    except (ValueError, RecursionError):
        asked = None
    if not isinstance(asked, dict):
        raise EventError("the body must be a JSON object")
    return asked


def _asked_id(request: HttpRequest) -> str:
    return parse_qs(request.query, max_num_fields=8).get("id", [""])[0]


def _attempted(status: int, attempt: Callable[[], InstanceEvent]) -> HttpResponse:
    try:
        return json_response(status, _shown(attempt()))
    except ValueError as error:
        return json_response(400, {"error": str(error)})


def _shown(event: InstanceEvent) -> dict[str, str]:
    return {
        "id": event.id,
        "kind": event.kind,
        "instance_id": event.instance_id,
        "value": event.value,
        "state": event.state,
        "noticed_at": moment(event.noticed_at),
        "not_before": moment(event.not_before),
    }
