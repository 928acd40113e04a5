"""Refusals in the envelope of each protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.wire import json
from emulator.wire.message import HttpRequest, HttpResponse
from emulator.wire.service import XML_CONTENT_TYPE, XML_DECLARATION, Service
from emulator.wire.xml import escape

if TYPE_CHECKING:
    from emulator.core.errors import AwsError
    from emulator.wire.model import Model


def fault(
    service: Service | None,
    error: AwsError,
    request_id: str,
    request: HttpRequest | None = None,
) -> HttpResponse:
    """Return the answer that refuses a request.

    Args:
        service: whose protocol to speak; None while it is not known, then the
            envelope is EC2's, unless ``request`` looks like JSON.
        error: code, message and status.
        request_id: what the client may quote.
        request: what is being refused; only read when there is no service.
    """
    if service is not None and service.protocol == "json":
        return _json(error, request_id, service.content_type, service.model)
    if service is None and request is not None and looks_like_json(request):
        return _json(error, request_id, "application/x-amz-json-1.1", None)
    detail = b"<Code>%b</Code><Message>%b</Message>" % (escape(error.code), escape(error.message))
    quoted = escape(request_id)
    if service is not None and service.protocol == "query":
        body = (
            b'<ErrorResponse xmlns="%b"><Error><Type>%b</Type>%b</Error>'
            b"<RequestId>%b</RequestId></ErrorResponse>"
        ) % (
            service.namespace.encode(),
            b"Sender" if error.status < 500 else b"Receiver",
            detail,
            quoted,
        )
    else:
        body = (
            b"<Response><Errors><Error>%b</Error></Errors><RequestID>%b</RequestID></Response>"
        ) % (detail, quoted)
    headers = (("Content-Type", XML_CONTENT_TYPE), ("x-amzn-RequestId", request_id))
    return HttpResponse(error.status, (XML_DECLARATION + body,), headers)


def looks_like_json(request: HttpRequest) -> bool:
    """Say whether the caller expects an answer in JSON."""
    headers = request.headers
    return "x-amz-target" in headers or "json" in headers.get("content-type", "")


def _json(error: AwsError, request_id: str, content_type: str, model: Model | None) -> HttpResponse:
    body = json.dumps({"__type": error.code, _message_member(model, error.code): error.message})
    headers = (
        ("Content-Type", content_type),
        ("x-amzn-RequestId", request_id),
        ("x-amzn-errortype", error.code),
    )
    return HttpResponse(error.status, (body,), headers)


def _message_member(model: Model | None, code: str) -> str:
    # Generated SDKs look for the message under the spelling of the declared error.
    if model is not None and model.knows(code):
        members = model.shape(code).get("members", {})
        for name in members:
            if name.lower() == "message":
                return str(name)
    return "message"
