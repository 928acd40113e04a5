"""Public addresses that interfaces get by themselves."""

from __future__ import annotations

from ipaddress import IPv4Network

import pytest

from emulator.net import public_addresses
from emulator.services.ec2.interfaces import network_interfaces
from tests.fakes.client import Client
from tests.fakes.network import new_instance, new_subnet, new_vpc


def test_what_one_region_has_no_other_one_gets(monkeypatch: pytest.MonkeyPatch) -> None:
    """They all meet on one machine, which has one way to each address."""
    monkeypatch.setattr(public_addresses, "AUTOMATIC", IPv4Network("198.18.0.0/30"))
    client = Client()
    world, state = client.api.world, client.api.state
    interface = new_instance(client, new_subnet(client, new_vpc(client)))
    interface.public_ip = "198.18.0.1"
    other = state.region("111111111111", "eu-west-1")

    for _ in range(8):
        assert network_interfaces.new_public_ips(world, other, 1) == ["198.18.0.2"]
    assert network_interfaces.public_ip_again(world, other, "198.18.0.1") == "198.18.0.2"
    assert network_interfaces.public_ip_again(world, other, "198.18.0.2") == "198.18.0.2"
