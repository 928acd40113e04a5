"""An emulator per module, and boto3 as its client."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config

from tests.clients.emulator_process import EmulatorProcess

KEYS = {
    "aws_access_key_id": "test",
    "aws_secret_access_key": "test",
    "region_name": "us-east-1",
}


@pytest.fixture(scope="module")
def emulator() -> Iterator[EmulatorProcess]:
    """A process that must end well and must never have logged a fault of its own."""
    process = EmulatorProcess()
    yield process
    assert process.stop() == 0
    assert not [line for line in process.lines if "Traceback" in line or " ERROR " in line]


@pytest.fixture(scope="module")
def ec2(emulator: EmulatorProcess) -> Any:
    """boto3's client, which tries once and sends what it is given."""
    config = Config(parameter_validation=False, retries={"total_max_attempts": 1})
    return boto3.client("ec2", endpoint_url=emulator.url, config=config, **KEYS)


@pytest.fixture(scope="module")
def resources(emulator: EmulatorProcess) -> Any:
    """boto3's resource interface."""
    return boto3.resource("ec2", endpoint_url=emulator.url, **KEYS)
