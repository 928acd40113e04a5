"""A caller who sends whatever the model allows, and some of what it does not.

Values are drawn by a seeded generator: often ids of records that exist, so that requests
get past the first check, and often nonsense. The same seed draws the same requests.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Self

import botocore.parsers
import botocore.serialize
from botocore.model import OperationModel, Shape
from twisted.logger import LogLevel, globalLogPublisher

from emulator.services.ec2.kind import Kind
from emulator.services.registry import SERVICES, imports
from emulator.state.store import Region
from tests.fakes.client import Client, model
from tests.fakes.command_manager import CommandManager
from tests.fakes.creations import CHANGES, CREATIONS, PUBLIC_KEY, furnish

NUMBERS = (-1, 0, 1, 1, 2, 3, 5, 8, 10, 22, 80, 100, 255, 1000, 32767, 64512, 65536, 2**31 - 1)
TEXTS = (
    *("", "a", "Name", "default", "web", "10.0.0.0/16", "10.0.1.0/24", "10.0.1.9", "0.0.0.0/0"),
    *("172.31.99.0/24", "172.31.64.0/20", "2001:db8::/56", "::/0", "::1", "300.1.1.1", "10.0.0.0"),
    *("10.0.0.0/99", "-1", "0", "1", "6", "tcp", "icmp", "icmpv6", "all", "443", "99999", "1-2"),
    *("us-east-1a", "us-east-1", "eu-west-1b", "us-nowhere-1z", "use1-az1", "Amazon", "self"),
    *("amazon", "000000000000", "111122223333", "ami-df5de72bdb3b", "t3.micro", "m5.large"),
    *("/dev/sda1", "/dev/xvda", "/dev/sdf", "ephemeral0", "gp2", "gp3", "io1", "standard"),
    *("com.amazonaws.us-east-1.s3", "arn:aws:iam::000000000000:role/r", "arn:x", "$Latest"),
    *(
        "true",
        "false",
        "tag:Name",
        "*",
        "?",
        "\\",
        "state",
        "vpc-id",
        "e\u0301\u4e2d",
        "\U0001f600",
    ),
    *("<a>&\"'", "a b\tc", "2026-01-02T03:04:05Z", "aGVsbG8=", "not base64!", "x" * 300, "aws:x"),
    *("vpc-0123456789abcdef0", "i-0123456789abcdef0", "sg-1", "subnet-", "-", "i--1", "eipalloc-1"),
    *("ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQ==", "pl-63a5400a", "65000", "2", "standard-op-in"),
)
# What requests seldom work without, and what hardly any of them works with.
LIKELY = ("CidrIp", "IpProtocol", "FromPort", "ToPort", "IpPermissions", "GroupId")
UNLIKELY = ("Ipam", "Outpost", "Kms", "TagSpecifications", "LocalZone", "NextToken", "Ipv6Pool")
ENDING = ("Delete", "Terminate", "Deregister", "Disassociate", "Detach", "Release", "Cancel")
# Values under which requests find what other requests made.
ALLOW = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ec2:*","Resource":"*"}]}'
TRUST = (
    '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole",'
    '"Principal":{"Service":"ec2.amazonaws.com"}}]}'
)
USUAL = {
    "AssumeRolePolicyDocument": TRUST,
    "GroupName": "web",
    "InstanceProfileName": "worker",
    "Ipv6CidrBlock": "2600:1f10::/64",
    "KeyName": "made",
    "PermissionsBoundary": "arn:aws:iam::000000000000:policy/reader",
    "PolicyArn": "arn:aws:iam::000000000000:policy/reader",
    "PolicyDocument": ALLOW,
    "PolicyName": "reader",
    "RoleArn": "arn:aws:iam::000000000000:role/worker",
    "RoleName": "worker",
    "RoleSessionName": "session",
    "SourceRegion": "us-east-1",
    "VersionId": "v1",
}
USUAL_OF_SHAPE = {
    "CommandId": "01234567-89ab-cdef-0123-456789abcdef",
    "DocumentARN": "AWS-RunShellScript",
    "PSParameterName": "/app/url",
    "ResourceId": "/app/url",
    "existingUserNameType": "ann",
    "openIDConnectProviderArnType": "arn:aws:iam::000000000000:oidc-provider/example.org",
    "userNameType": "ann",
}
MOMENTS = (
    datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    datetime(1970, 1, 1, tzinfo=UTC),
    datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC),
    datetime(2031, 1, 1, tzinfo=UTC),
)


def implemented() -> list[tuple[str, str]]:
    """Return every operation that is answered, with its service."""
    return [(service, name) for service, handlers in SERVICES.items() for name in sorted(handlers)]


class Failures:
    """Collects what the emulator logs as a fault of its own."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def __call__(self, event: Mapping[str, Any]) -> None:
        if event.get("log_level") in {LogLevel.critical, LogLevel.error}:
            failure = event.get("log_failure")
            self.texts.append(failure.getTraceback() if failure else str(event))

    def __enter__(self) -> Self:
        globalLogPublisher.addObserver(self)  # type: ignore[arg-type]
        return self

    def __exit__(self, *_: object) -> None:
        globalLogPublisher.removeObserver(self)  # type: ignore[arg-type]


class WildCaller:
    """Draws requests and sends them; ``failures`` must stay empty.

    Args:
        seed: draws the same requests again.
        like: a client whose emulator is spoken to, or a new one.
    """

    def __init__(self, seed: str, like: Client | None = None) -> None:
        self.random = random.Random(seed)
        self.clients: dict[str, Client] = {"ec2": like or Client(machines=CommandManager())}
        for service in SERVICES:
            self.clients.setdefault(service, Client(service, like=self.clients["ec2"]))
        self.region: Region = self.clients["ec2"].api.state.region("000000000000", "us-east-1")
        self._modest = True
        self._made = furnish(self.clients["ec2"].call)
        self._operations = implemented()
        ending = self.random.choice((0.1, 1.0))
        self._weights = [ending if name.startswith(ENDING) else 1.0 for _, name in self._operations]

    def ids(self, prefix: str) -> list[str]:
        """Return the ids of existing records of one kind, newest last."""
        for kind, table in self.region.tables():
            if prefix == kind.PREFIX:
                return [row.id for row in table]
        return []

    # ---- values

    def operation(self) -> tuple[str, str]:
        """Draw an operation; in half of the lives what takes things away comes seldom."""
        ((service, name),) = self.random.choices(self._operations, self._weights)
        return service, name

    def params(self, operation: OperationModel) -> dict[str, Any]:
        """Draw parameters; most requests are modest, some use everything there is."""
        shape = operation.input_shape
        if shape is None:
            return {}
        self._modest = self.random.random() < 0.7
        params = self._structure(shape, 0)
        if self.random.random() < 0.6:
            params = self._nearly_good(operation.name, params)
        if self.random.random() < 0.97:
            params.pop("DryRun", None)
        return params

    def _nearly_good(self, operation: str, params: dict[str, Any]) -> dict[str, Any]:
        """Return a request that works, with a few of ``params`` in place of its own."""
        good = [each.params for each in CREATIONS if each.operation == operation]
        if operation in CHANGES:
            good.append(CHANGES[operation])
        try:
            chosen = self.random.choice(good)(self._made)
        except (IndexError, KeyError):  # no such example, or not of what is emulated
            return params
        some = self.random.sample(sorted(params), min(len(params), self.random.randint(0, 2)))
        return chosen | {name: params[name] for name in some}

    def _structure(self, shape: Shape, depth: int) -> dict[str, Any]:
        draw = self.random.random
        chance = draw() * (0.3 if self._modest else 0.8)
        if self._modest and depth == 0:
            chance = min(0.3, 1.5 / (len(shape.members) or 1))
        members = {}
        for name, member in shape.members.items():
            required = name in shape.required_members and (self._modest or draw() < 0.95)
            likely = any(word in name for word in LIKELY) and draw() < 0.7
            unlikely = self._modest and any(word in name for word in UNLIKELY)
            if required or (depth < 6 and not unlikely and (likely or draw() < chance)):
                members[name] = self._value(name, member, depth + 1)
        return members

    def _value(self, name: str, shape: Shape, depth: int) -> Any:
        draw = self.random
        kind = shape.type_name
        if kind == "structure":
            return self._structure(shape, depth)
        if kind == "list":
            least, most = (1, 2) if self._modest else (0, 3 if depth < 4 else 1)
            return [
                self._value(name, shape.member, depth + 1) for _ in range(draw.randint(least, most))
            ]
        if kind == "map":
            return {
                self._text("Key", shape.key): self._value("Value", shape.value, depth + 1)
                for _ in range(draw.randint(0, 2))
            }
        if kind == "string":
            return self._text(name, shape)
        if kind == "blob":
            return draw.choice((b"", b"\x00\xff", b"ssh-rsa AAAA", b"#!/bin/sh\n", PUBLIC_KEY))
        if kind == "boolean":
            return draw.random() < 0.5
        if kind == "timestamp":
            return draw.choice(MOMENTS)
        if name in {"MinCount", "MaxCount"} and draw.random() < 0.9:
            return 1
        number = draw.choice(NUMBERS)
        return float(number) if kind in {"float", "double"} else number

    def _text(self, name: str, shape: Shape) -> str:
        draw = self.random
        if shape.enum and draw.random() < 0.95:
            return str(draw.choice(shape.enum))
        if name in USUAL and draw.random() < 0.8:
            return USUAL[name]
        if shape.name in USUAL_OF_SHAPE and draw.random() < 0.8:
            return USUAL_OF_SHAPE[shape.name]
        ids = self._ids_like(name, shape.name)
        if ids and draw.random() < 0.85:
            return draw.choice(ids[:2] + ids[-3:])
        if "cidr" in name.lower() and draw.random() < 0.8:
            return (
                f"10.{draw.randint(0, 2)}.{draw.randint(0, 3) * 64}.0/{draw.choice((16, 18, 24))}"
            )
        if "Zone" in name and draw.random() < 0.8:
            return draw.choice(("us-east-1a", "us-east-1b"))
        if name == "Name" and shape.name == "String" and draw.random() < 0.5:
            return draw.choice(self._filter_names())
        if draw.random() < 0.2:
            kinds = [kind.PREFIX for kind, _ in self.region.tables()]
            return draw.choice(self.ids(draw.choice(kinds)) or [""])
        return draw.choice(TEXTS)

    def _ids_like(self, name: str, shape_name: str) -> list[str]:
        """Return ids of the kind of record that a parameter's name speaks of."""
        words = (name.lower() + shape_name.lower()).replace("ids", "id")
        found: list[str] = []
        for kind, table in self.region.tables():
            noun = kind.__name__.lower()
            if noun in words and ("id" in words or "name" in words):
                found += [row.id for row in table]
        if "groupid" in words or "securitygroup" in words:
            found = self.ids("sg")
        if "allocationid" in words:
            found = self.ids("eipalloc")
        if name in {"Resources", "ResourceId", "ResourceIds"}:
            tables = [table for _, table in self.region.tables()]
            found = [row.id for row in self.random.choice(tables)]
        if "imageid" in words:
            found = [*found[-3:], "ami-df5de72bdb3b"]
        return found

    def _filter_names(self) -> list[str]:
        kind = self.random.choice(KINDS)
        return [*kind.filters, "tag:Name", "tag-key"]

    # ---- requests

    def send(self, service: str, operation: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Send one request and return botocore's parsed answer, an error or not."""
        return self._sent(service, operation, self._serialised(service, operation, params))

    def send_damaged(
        self, service: str, operation: str, params: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Send one request after changing some of its parameters on the wire."""
        request = self._serialised(service, operation, params)
        draw = self.random
        if not isinstance(request["body"], dict):
            cut = draw.randrange(len(request["body"]) + 1)
            request["body"] = request["body"][:cut] + draw.choice((b"", b"}", b'"', b"\x00"))
            return self._sent(service, operation, request)
        body = dict(request["body"])
        for _ in range(draw.randint(1, 3)):
            names = [name for name in body if name not in {"Action", "Version"}]
            if not names:
                break
            name = draw.choice(names)
            value = body.pop(name)
            what = draw.randrange(4)
            if what == 0:
                body[name] = draw.choice(TEXTS)
            elif what == 1:
                body[draw.choice((name + ".1", name + ".Value", name.lower(), "1." + name))] = value
            elif what == 2:
                body[name] = draw.choice(list(body.values()))
        request["body"] = body
        return self._sent(service, operation, request)

    def _serialised(
        self, service: str, operation: str, params: Mapping[str, Any]
    ) -> dict[str, Any]:
        service_model = model(service)
        operation_model = service_model.operation_model(operation)
        serializer = botocore.serialize.create_serializer(service_model.metadata["protocol"], False)
        return serializer.serialize_to_request(dict(params), operation_model)

    def _sent(self, service: str, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        service_model = model(service)
        response = self.clients[service].send(request)
        assert response["status_code"] < 500, (operation, request["body"], response["body"])
        parser = botocore.parsers.create_parser(service_model.metadata["protocol"])
        return parser.parse(response, service_model.operation_model(operation).output_shape)


def count_of_rows(client: Client) -> dict[str, int]:
    """Return how many records there are, everywhere."""
    return {
        f"{region.account} {region.name} {kind.__name__}": len(table)
        for region in client.api.state
        for kind, table in region.tables()
        if len(table)
    }


def _kinds() -> list[Kind[Any]]:
    """Return the kinds of every family, whichever of its modules declares them."""
    found: list[Kind[Any]] = []
    for load in imports():
        load()
    for name, module in list(sys.modules.items()):
        if name.startswith("emulator.services."):
            for value in vars(module).values():
                if isinstance(value, Kind) and value not in found:
                    found.append(value)
    return found


KINDS = _kinds()
