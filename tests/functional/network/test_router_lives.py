"""What becomes of routers when the emulator or its VPCs end, and beside another emulator."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping

import pytest

from tests.functional.docker.cloud import Cloud
from tests.functional.docker.conftest import with_key
from tests.functional.docker.engine import Engine
from tests.functional.docker.keys import Key, SshAddress
from tests.functional.docker.waiting import until
from tests.functional.network.place import Place

HOST = Place()


@pytest.fixture
def second_cloud(engine: Engine, key: Key) -> Iterator[Cloud]:
    started = with_key(Cloud(engine), key)
    yield started
    started.close()


def links() -> set[str]:
    shown = subprocess.run(["ip", "-o", "link"], capture_output=True, text=True, check=True).stdout
    return {line.split(": ")[1].partition("@")[0] for line in shown.splitlines()}


def ways() -> Mapping[str, str]:
    """Return the public addresses that the machine has a way to, with the links of these."""
    shown = subprocess.run(["ip", "route"], capture_output=True, text=True, check=True).stdout
    words = [line.split() for line in shown.splitlines() if line.startswith("198.1")]
    return {each[0]: each[each.index("dev") + 1] for each in words}


def ssh_works(address: str) -> bool:
    return bool(SshAddress(address, 22).host_keys())


def test_a_killed_emulator_leaves_nothing_and_the_next_one_routes_again(
    cloud: Cloud, amis: Mapping[str, str], key: Key
) -> None:
    instance_id = cloud.run(amis["busybox"])
    address = cloud.instance(instance_id)["PublicIpAddress"]
    before, link = ssh_works(address), ways()[address]
    cloud.emulator.kill()
    gone = until(lambda: address in ways(), lambda there: not there)
    until(links, lambda left: link not in left)
    cloud.restart()
    after = until(lambda: cloud.instance(instance_id).get("PublicIpAddress"), bool)
    again = until(lambda: ssh_works(address), bool)
    cloud.terminate(instance_id)
    until(lambda: address in ways(), lambda there: not there)

    assert (before, gone) == (True, False)
    assert (after, again) == (address, True)


def test_two_emulators_have_routers_of_their_own(
    cloud: Cloud, second_cloud: Cloud, amis: Mapping[str, str], key: Key
) -> None:
    clouds = (cloud, second_cloud)
    ids = [each.run(amis["busybox"]) for each in clouds]
    addresses = [
        each.instance(instance_id)["PublicIpAddress"]
        for each, instance_id in zip(clouds, ids, strict=True)
    ]
    both = [ssh_works(address) for address in addresses]
    second_cloud.terminate(ids[1])
    second_cloud.emulator.stop()
    until(lambda: addresses[1] in ways(), lambda there: not there)
    first = ssh_works(addresses[0])
    second_cloud.restart()
    cloud.terminate(ids[0])

    assert (both, first) == ([True, True], True)


def test_what_is_real_is_said(cloud: Cloud) -> None:
    told = cloud.page("/_localstack/info")["routes_and_public_addresses"]
    done = cloud.command("doctor")

    assert told == {"real": True, "reason": "by a router for each VPC on the engine's machine"}
    assert "routes and public addresses: real, by a router" in done.stdout
    assert cloud.logged("routes and public addresses: real")


@pytest.mark.parametrize("mode", ["security-groups", "off"])
def test_without_routes_public_addresses_are_those_of_the_machines_network(
    engine: Engine, amis: Mapping[str, str], key: Key, mode: str
) -> None:
    plain = with_key(Cloud(engine, EC2_NETWORK_ENFORCEMENT=mode), key)
    try:
        instance_id = plain.run(amis["busybox"])
        shown = plain.instance(instance_id)
        told = plain.page("/_localstack/info")["routes_and_public_addresses"]
        assert ssh_works(shown["PublicIpAddress"])
        assert shown["PublicIpAddress"] == plain.logged(r"SSH at: \S+, (\S+):22")[1]
        assert told == {"real": False, "reason": f"EC2_NETWORK_ENFORCEMENT={mode}"}
    finally:
        plain.close()
