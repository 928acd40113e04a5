"""The services we speak for, and the operations of each: parse a request, write a reply.

Nothing here knows what an operation means.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, final

from emulator.core.errors import AwsError
from emulator.wire import json
from emulator.wire.message import HttpRequest, HttpResponse
from emulator.wire.model import Model, Shape, read
from emulator.wire.query import FormParser
from emulator.wire.xml import Append, Write, XmlWriter

SERVICES = ("ec2", "sts", "iam", "ssm", "ecs")

XML_CONTENT_TYPE = "text/xml;charset=UTF-8"
XML_DECLARATION = b'<?xml version="1.0" encoding="UTF-8"?>\n'

_PARSED_BYTES = 1 << 20
_LONGEST_REMEMBERED = 2048
_TOKEN_NAMES = frozenset({"clienttoken", "clientrequesttoken"})
_PAGE_SIZE_NAMES = frozenset({"maxresults", "maxitems"})


@cache
def load(name: str) -> Service:
    """Return a service of ``SERVICES``, its model read once."""
    if name not in SERVICES:
        raise ValueError(f"no such service: {name}")
    return Service(read(name))


@final
class Service:
    """One AWS service on the wire.

    Attributes:
        name: as in a credential scope, such as ``ec2``.
        protocol: ``ec2``, ``query`` or ``json``.
        api_version: the date in the model.
        operation_names: every operation of the model, in its order.
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        self.name = model.name
        self.protocol: str = model.metadata["protocol"]
        self.api_version: str = model.metadata["apiVersion"]
        self.operation_names: Sequence[str] = tuple(model.operations)
        self._operations: dict[str, Operation] = {}
        self._wire: _XmlWire | _JsonWire
        self._wire = _JsonWire(model) if self.protocol == "json" else _XmlWire(model)
        self._parsed = _Parsed()

    @property
    def content_type(self) -> str:
        """The Content-Type of every answer of this service."""
        return self._wire.content_type

    @property
    def namespace(self) -> str:
        """The XML namespace of every answer; EC2's ends in a slash, unlike in its model."""
        return str(self.model.metadata.get("xmlNamespace", "")).rstrip("/") + "/"

    def operation(self, name: str) -> Operation:
        """Return an operation, compiled when it is first asked for.

        Raises:
            AwsError: the model has no such operation.
        """
        done = self._operations.get(name)
        if done is None:
            if name not in self.model.operations:
                code = "UnknownOperationException" if self.protocol == "json" else "InvalidAction"
                message = f"The action {name[:128]} is not valid for this web service."
                raise AwsError(code, message)
            done = self._operations[name] = Operation(name, self.model, self._wire, self._parsed)
        return done

    def structure_writer(self, shape_name: str) -> Callable[[Mapping[str, Any]], bytes]:
        """Return a function giving the inner XML of one structure, for kept fragments.

        Raises:
            ValueError: the service speaks JSON, or has no such structure.
        """
        if not isinstance(self._wire, _XmlWire) or not self.model.knows(shape_name):
            raise ValueError(f"no XML structure {shape_name} in {self.name}")
        write = self._wire.writer.inner(self.model.shape(shape_name))

        def render(value: Mapping[str, Any]) -> bytes:
            pieces: list[bytes] = []
            write(value, pieces.append)
            return b"".join(pieces)

        return render


@final
class Operation:
    """One operation on the wire, both ways.

    Attributes:
        name: such as ``RunInstances``.
        members: the names of its parameters.
        token_member: the parameter that makes repeating the request safe, if it has one.
        page_limits: smallest and largest page size, where the model declares them.
    """

    def __init__(
        self, name: str, model: Model, wire: _XmlWire | _JsonWire, parsed: _Parsed
    ) -> None:
        described = model.operations[name]
        shape = model.resolve(described["input"]) if "input" in described else None
        output = described.get("output")
        self.name = name
        self.members = frozenset(shape["members"] if shape is not None else ())
        self.token_member = _token_member(shape)
        self.page_limits = _page_limits(model, shape)
        self._parse = wire.parser.compile(shape)
        self._reply = wire.replier(name, output)
        self._parsed = parsed

    def parse(self, request: HttpRequest) -> dict[str, Any]:
        """Return the request's parameters as botocore would have been given them.

        The same dict is returned for the same request again: handlers never change it.

        Raises:
            AwsError: something in the request breaks the model's rules.
        """
        key = (self.name, request.query, request.body)
        params = self._parsed.get(key)
        if params is None:
            params = self._parse(request)
            self._parsed.put(key, params)
        return params

    def reply(self, result: Mapping[str, Any], request_id: str) -> HttpResponse:
        """Return the answer to a request that was carried out.

        Args:
            result: the output structure, in botocore's shape; None is as good as absent.
            request_id: what the client may quote.

        Raises:
            KeyError: the result has a member that the model does not.
        """
        return self._reply(result, request_id)


@final
class _XmlWire:
    """The ``ec2`` and ``query`` protocols."""

    content_type = XML_CONTENT_TYPE

    def __init__(self, model: Model) -> None:
        self._model = model
        self._is_ec2 = model.metadata["protocol"] == "ec2"
        self._namespace = str(model.metadata["xmlNamespace"]).rstrip("/") + "/"
        self.parser = FormParser(model)
        self.writer = XmlWriter(model)

    def replier(
        self, name: str, output: dict[str, Any] | None
    ) -> Callable[[Mapping[str, Any], str], HttpResponse]:
        start = XML_DECLARATION + f'<{name}Response xmlns="{self._namespace}">'.encode()
        end = f"</{name}Response>".encode()
        write = self._result_writer(output)
        log_name = f"{self._model.name}.{name}"
        if self._is_ec2:
            before, after = start + b"<requestId>%b</requestId>", end
        else:
            before = start
            metadata = b"<ResponseMetadata><RequestId>%b</RequestId></ResponseMetadata>"
            after = metadata + end

        def reply(result: Mapping[str, Any], request_id: str) -> HttpResponse:
            quoted = request_id.encode()
            pieces = [before % quoted if self._is_ec2 else before]
            write(result, pieces.append)
            pieces.append(after if self._is_ec2 else after % quoted)
            headers = (("Content-Type", XML_CONTENT_TYPE), ("x-amzn-RequestId", request_id))
            return HttpResponse(200, (b"".join(pieces),), headers, log_name)

        return reply

    def _result_writer(self, output: dict[str, Any] | None) -> Write:
        if output is None:
            # EC2 says so where it has nothing else to say; IAM's answer is then empty.
            nothing = b"<return>true</return>" if self._is_ec2 else b""

            def write_nothing(value: Any, append: Append) -> None:
                del value
                append(nothing)

            return write_nothing
        inner = self.writer.inner(self._model.resolve(output))
        wrapper = output.get("resultWrapper")
        if wrapper is None:
            return inner
        opening, closing = f"<{wrapper}>".encode(), f"</{wrapper}>".encode()

        def write(value: Any, append: Append) -> None:
            append(opening)
            inner(value, append)
            append(closing)

        return write


@final
class _JsonWire:
    """The ``json`` protocol."""

    def __init__(self, model: Model) -> None:
        self._model = model
        version = model.metadata.get("jsonVersion", "1.0")
        self.content_type = f"application/x-amz-json-{version}"
        self.parser = json.JsonParser(model)
        self._writer = json.JsonWriter(model)

    def replier(
        self, name: str, output: dict[str, Any] | None
    ) -> Callable[[Mapping[str, Any], str], HttpResponse]:
        log_name = f"{self._model.name}.{name}"
        render = self._writer.compile(self._model.resolve(output)) if output is not None else None

        def reply(result: Mapping[str, Any], request_id: str) -> HttpResponse:
            body = json.dumps(render(result) if render is not None else {})
            headers = (("Content-Type", self.content_type), ("x-amzn-RequestId", request_id))
            return HttpResponse(200, (body,), headers, log_name)

        return reply


@final
class _Parsed:
    """Parameters of recent short requests, least recently used given up first."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, str, bytes], dict[str, Any]] = OrderedDict()
        self._bytes = 0

    def get(self, key: tuple[str, str, bytes]) -> dict[str, Any] | None:
        params = self._kept.get(key)
        if params is not None:
            self._kept.move_to_end(key)
        return params

    def put(self, key: tuple[str, str, bytes], params: dict[str, Any]) -> None:
        size = len(key[1]) + len(key[2])
        if size > _LONGEST_REMEMBERED:
            return
        self._kept[key] = params
        self._bytes += size
        while self._bytes > _PARSED_BYTES:
            (_, query, body), _ = self._kept.popitem(last=False)
            self._bytes -= len(query) + len(body)


def _token_member(shape: Shape | None) -> str | None:
    members = shape["members"] if shape is not None else {}
    for name, reference in members.items():
        if reference.get("idempotencyToken"):
            return str(name)
    for name in members:
        if name.lower() in _TOKEN_NAMES:
            return str(name)
    return None


def _page_limits(model: Model, shape: Shape | None) -> tuple[int, int] | None:
    for name, reference in (shape["members"] if shape is not None else {}).items():
        if name.lower() in _PAGE_SIZE_NAMES:
            size = model.resolve(reference)
            if "min" in size and "max" in size:
                return int(size["min"]), int(size["max"])
    return None
