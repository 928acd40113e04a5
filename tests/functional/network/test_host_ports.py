"""Ports that groups open while an instance runs, at 127.0.0.1 of the machine."""

from __future__ import annotations

import contextlib
import hashlib
import socket
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import attrs
import pytest

from tests.functional.docker.cloud import Cloud
from tests.functional.docker.engine import Engine
from tests.functional.docker.waiting import until
from tests.functional.network.place import Place

HOST = Place()
PATIENCE_SECONDS = 5
MANY_BYTES = 30_000_000


@attrs.frozen
class Stage:
    """An instance that serves some ports, of which its group opens none at its launch."""

    cloud: Cloud
    instance_id: str
    group_id: str
    place: Place

    def change(self, verb: str, port: int, protocol: str = "tcp") -> None:
        permission = {
            "IpProtocol": protocol,
            "FromPort": port,
            "ToPort": port,
            "IpRanges": [{"CidrIp": "0.0.0.0/0"}],
        }
        getattr(self.cloud.ec2, f"{verb}_security_group_ingress")(
            GroupId=self.group_id, IpPermissions=[permission]
        )

    def ports(self) -> dict[str, int]:
        (shown,) = (
            each
            for each in self.cloud.page("/_localstack/ec2/instances")["instances"]
            if each["InstanceId"] == self.instance_id
        )
        return dict(shown["PortMappings"])

    def until_open(self, port: str) -> int:
        return until(self.ports, lambda seen: port in seen, PATIENCE_SECONDS)[port]


@pytest.fixture
def stage(cloud: Cloud, amis: Mapping[str, str]) -> Iterator[Stage]:
    (group,) = cloud.ec2.describe_security_groups(
        Filters=[{"Name": "group-name", "Values": ["default"]}]
    )["SecurityGroups"]
    instance_id = cloud.run(amis["busybox"])
    place = Place(cloud.container(instance_id)["State"]["Pid"])
    with place.serving(8000, 9000):
        yield Stage(cloud, instance_id, group["GroupId"], place)
    cloud.terminate(instance_id)


def test_a_port_follows_the_group(stage: Stage) -> None:
    assert list(stage.ports()) == ["22/tcp"]
    stage.change("authorize", 8000)
    port = stage.until_open("8000/tcp")
    stage.cloud.logged(
        rf"Instance {stage.instance_id} port mappings \(container -> host\): .*'8000/tcp': {port}"
    )

    assert until(lambda: HOST.tcp("127.0.0.1", port), bool, PATIENCE_SECONDS)
    with HOST.connected("127.0.0.1", port) as stream:
        assert stream.recv(2) == b"hi"
        stage.change("revoke", 8000)
        until(stage.ports, lambda seen: "8000/tcp" not in seen, PATIENCE_SECONDS)
        stream.sendall(b"still there")

        # A tracked connection outlives its rule, as on AWS, and so does its way here.
        assert until(lambda: refused(port), bool, PATIENCE_SECONDS)


def refused(port: int) -> bool:
    with contextlib.suppress(ConnectionRefusedError), HOST.connected("127.0.0.1", port):
        return False
    return True


def test_datagrams_are_answered(stage: Stage) -> None:
    stage.change("authorize", 9000, "udp")
    port = stage.until_open("9000/udp")

    assert until(lambda: HOST.udp("127.0.0.1", port), bool, PATIENCE_SECONDS)
    stage.change("revoke", 9000, "udp")
    until(stage.ports, lambda seen: "9000/udp" not in seen, PATIENCE_SECONDS)
    assert not HOST.udp("127.0.0.1", port)


def test_much_goes_through_whole_and_each_side_may_end_first(stage: Stage) -> None:
    door = stage.place.do(lambda: socket.create_server(("", 7000)))
    sums: list[Any] = []

    def swallow() -> None:
        stream, _ = door.accept()
        digest = hashlib.sha256()
        with stream:
            while data := stream.recv(65536):
                digest.update(data)
            stream.sendall(digest.digest())
            sums.append(digest.digest())

    server = threading.Thread(target=swallow, daemon=True)
    server.start()
    stage.change("authorize", 7000)
    port = stage.until_open("7000/tcp")
    data = bytes(range(256)) * (MANY_BYTES // 256)
    with socket.create_connection(("127.0.0.1", port), timeout=30) as stream:
        stream.sendall(data)
        stream.shutdown(socket.SHUT_WR)
        answer = stream.recv(100)
    server.join(10)
    door.close()
    stage.change("revoke", 7000)

    assert answer == hashlib.sha256(data).digest()
    assert sums == [answer]


def wait_for_a_byte(port: int) -> None:
    with HOST.connected("127.0.0.1", port) as stream:
        stream.settimeout(PATIENCE_SECONDS)
        stream.recv(1)


def test_nobody_at_the_other_end_is_a_connection_that_ends(stage: Stage) -> None:
    stage.change("authorize", 7777)
    port = stage.until_open("7777/tcp")
    with pytest.raises(ConnectionResetError):
        wait_for_a_byte(port)
    stage.change("revoke", 7777)


def test_ports_are_there_again_after_the_emulator_was_killed(
    engine: Engine, amis: Mapping[str, str]
) -> None:
    cloud = Cloud(engine)
    (group,) = cloud.ec2.describe_security_groups(
        Filters=[{"Name": "group-name", "Values": ["default"]}]
    )["SecurityGroups"]
    instance_id = cloud.run(amis["busybox"])
    stage = Stage(
        cloud,
        instance_id,
        group["GroupId"],
        Place(cloud.container(instance_id)["State"]["Pid"]),
    )
    stage.change("authorize", 8000)
    port = stage.until_open("8000/tcp")
    cloud.restart(kill=True)
    # Groups are records, and those begin anew; the default group has the same id again.
    stage.change("authorize", 8000)
    again = stage.until_open("8000/tcp")
    with stage.place.serving(8000):
        reached = until(lambda: HOST.tcp("127.0.0.1", again), bool, PATIENCE_SECONDS)
    cloud.close()

    assert reached
    assert again == port
