"""Real botocore against the emulator in memory: no sockets, no sleeping.

``Client`` serialises every call with botocore, hands the HTTP request to the same front
door that the server uses, runs the reactor's clock on, and parses the answer with botocore.
"""

from __future__ import annotations

import functools
import random
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

import botocore.loaders
import botocore.model
import botocore.parsers
import botocore.serialize
from botocore.exceptions import ClientError
from botocore.model import ServiceModel
from twisted.internet.defer import ensureDeferred
from twisted.internet.task import Clock as FakeReactor

from emulator.app import build
from emulator.core.clock import Clock
from emulator.core.ids import Ids
from emulator.core.threads import NoThreads
from emulator.vm.interface import VMManager
from emulator.vm.managers import Managers
from emulator.vm.mock.manager import MockManager
from emulator.web.api import Api
from emulator.wire.message import HttpRequest

EPOCH = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@functools.cache
def model(service: str) -> ServiceModel:
    description = botocore.loaders.Loader().load_service_model(service, "service-2")
    return ServiceModel(description, service)


def new_api(
    seed: int = 1, machines: VMManager | None = None, **settings: Any
) -> tuple[Api, FakeReactor]:
    """Return a fresh emulator and the clock that drives it; ``settings`` are ``build``'s."""
    reactor = FakeReactor()
    api = build(
        clock=Clock.starting_at(reactor, EPOCH),
        ids=Ids(random.Random(seed)),
        threads=NoThreads(),
        machines=Managers([machines or MockManager()]),
        **settings,
    )
    return api, reactor


class Client:
    """One account in one region.

    ``client.call("RunInstances", ImageId=…)`` returns botocore's parsed result or raises
    its ClientError; ``client.code_of("…", …)`` returns the error's code and requires one.
    """

    def __init__(
        self,
        service: str = "ec2",
        *,
        region: str = "us-east-1",
        access_key: str = "test",
        like: Client | None = None,
        user_agent: str = "botocore",
        machines: VMManager | None = None,
    ) -> None:
        self.api, self.reactor = (like.api, like.reactor) if like else new_api(machines=machines)
        self.service, self.region = service, region
        self.access_key, self.user_agent = access_key, user_agent

    def call(
        self, operation: str, /, botocore_checks: bool = True, **params: Any
    ) -> dict[str, Any]:
        service_model = model(self.service)
        operation_model = service_model.operation_model(operation)
        protocol = service_model.metadata["protocol"]
        serializer = botocore.serialize.create_serializer(protocol, botocore_checks)
        request = serializer.serialize_to_request(
            _encoded(operation_model, params), operation_model
        )
        response = self.send(request)
        parsed: dict[str, Any] = botocore.parsers.create_parser(protocol).parse(
            response, operation_model.output_shape
        )
        if response["status_code"] >= 300:
            raise ClientError(parsed, operation)
        return parsed

    def send(self, request: dict[str, Any]) -> dict[str, Any]:
        """Send what botocore serialised and return what its parsers take."""
        body = request["body"]
        if isinstance(body, dict):
            body = urlencode(body).encode()
        headers = {name.lower(): str(value) for name, value in request["headers"].items()}
        headers["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={self.access_key}/20260102/{self.region}/"
            f"{self.service}/aws4_request, SignedHeaders=host, Signature=0"
        )
        headers["user-agent"] = self.user_agent
        answer = self.api.answer(
            HttpRequest(
                method=request["method"],
                path=urlsplit(request["url_path"]).path or "/",
                headers=headers,
                body=body if isinstance(body, bytes) else body.encode(),
            )
        )
        if not hasattr(answer, "status"):
            answer = _result_of(answer)
        self.turn()
        return {
            "status_code": answer.status,
            "headers": {name.lower(): value for name, value in answer.headers},
            "body": b"".join(answer.body),
        }

    def turn(self, seconds: float = 0.0) -> None:
        """Let the reactor do what is due, as it does before it reads the next request."""
        self.reactor.advance(seconds)
        for _ in range(5):
            self.reactor.advance(0)

    def get_all(self, operation: str, member: str, /, **params: Any) -> list[Any]:
        """Return a list from all its pages."""
        page = self.call(operation, **params)
        found = list(page[member])
        while token := page.get("NextToken"):
            page = self.call(operation, **params, NextToken=token)
            found += page[member]
        return found

    def code_of(self, operation: str, /, **params: Any) -> str:
        """Return the error's code; what botocore itself would refuse to send is sent."""
        try:
            self.call(operation, botocore_checks=False, **params)
        except ClientError as error:
            return str(error.response["Error"]["Code"])
        raise AssertionError(f"{operation} was not refused")


def _encoded(operation_model: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Do what boto3 does before serialising: fill in idempotency tokens."""
    shape = operation_model.input_shape
    for name in operation_model.idempotent_members if shape else ():
        params.setdefault(name, f"token-{random.getrandbits(64):x}")
    return params


def _result_of(awaitable: Any) -> Any:
    results: list[Any] = []
    ensureDeferred(awaitable).addBoth(results.append)
    assert results, "the answer waits for something that will not come"
    if hasattr(results[0], "raiseException"):
        results[0].raiseException()
    return results[0]
