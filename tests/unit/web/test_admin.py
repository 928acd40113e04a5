from __future__ import annotations

import json
from typing import Any

import pytest

from emulator.web.admin import Admin
from emulator.web.site import Site
from emulator.wire.message import HttpRequest
from tests.fakes.client import EPOCH, Client


@pytest.fixture
def ec2() -> Client:
    return Client()


def ask(ec2: Client, method: str, path: str) -> tuple[int, Any]:
    admin = Admin(ec2.api, "1.2.3", ("mock", "asked for"), EPOCH, managers=lambda: {"mock": True})
    answer: Any = Site(ec2.api, admin).answer(HttpRequest(method, path))
    return answer.status, json.loads(b"".join(answer.body))


def test_health_says_what_runs(ec2: Client) -> None:
    status, health = ask(ec2, "GET", "/_localstack/health")

    assert status == 200
    assert health["services"]["ec2"] == "running"
    assert health["services"]["ecs"] == "disabled"
    assert health["version"] == "1.2.3"
    assert ask(ec2, "HEAD", "/_localstack/health")[0] == 200


def test_info_says_what_is_behind_instances(ec2: Client) -> None:
    ec2.turn(90)
    _, info = ask(ec2, "GET", "/_localstack/info")

    assert info["vm_manager"] == {"name": "mock", "reason": "asked for"}
    assert info["vm_managers"] == [{"name": "mock", "ready": True}]
    assert info["network_enforcement"]["enforced"] is False
    assert info["uptime"] == 90


def test_reset_forgets_records_and_client_tokens(ec2: Client) -> None:
    ec2.call("CreateDhcpOptions", DhcpConfigurations=[{"Key": "domain-name", "Values": ["x"]}])
    mine = [{"Name": "value", "Values": ["x"]}]
    assert ec2.call("DescribeDhcpOptions", Filters=mine)["DhcpOptions"]

    assert ask(ec2, "POST", "/_localstack/state/reset") == (200, {"status": "reset"})
    assert ec2.call("DescribeDhcpOptions", Filters=mine)["DhcpOptions"] == []


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/_localstack/state/reset", 405),
        ("DELETE", "/_localstack/health", 405),
        ("GET", "/_localstack/nothing", 404),
    ],
)
def test_what_is_not_there_says_so(ec2: Client, method: str, path: str, status: int) -> None:
    assert ask(ec2, method, path)[0] == status
