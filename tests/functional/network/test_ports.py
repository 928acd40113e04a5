"""What the emulator listens on in an instance leaves the instance its ports."""

from __future__ import annotations

import http.client
from collections.abc import Mapping

from tests.functional.docker.cloud import Cloud
from tests.functional.docker.engine import Engine
from tests.functional.network.place import Place


def instance_id_from(place: Place) -> str:
    """Return what the metadata service says there."""

    def ask() -> str:
        connection = http.client.HTTPConnection("169.254.169.254", timeout=5)
        connection.request(
            "PUT", "/latest/api/token", headers={"x-aws-ec2-metadata-token-ttl-seconds": "60"}
        )
        token = connection.getresponse().read().decode()
        headers = {"x-aws-ec2-metadata-token": token}
        connection.request("GET", "/latest/meta-data/instance-id", headers=headers)
        return connection.getresponse().read().decode()

    return place.do(ask)


def test_a_server_may_have_port_80_beside_the_metadata_service(
    cloud: Cloud, amis: Mapping[str, str]
) -> None:
    instance_id = cloud.run(amis["busybox"])
    place = Place(cloud.container(instance_id)["State"]["Pid"])
    with place.serving(80, 4566):
        assert place.tcp(cloud.instance(instance_id)["PrivateIpAddress"], 80)
        assert instance_id_from(place) == instance_id
    cloud.terminate(instance_id)


def test_nothing_is_filtered_where_that_is_switched_off(
    engine: Engine, amis: Mapping[str, str]
) -> None:
    free = Cloud(engine, EC2_NETWORK_ENFORCEMENT="off")
    instance_id = free.run(amis["busybox"])
    place = Place(free.container(instance_id)["State"]["Pid"])
    info = free.page("/_localstack/info")["network_enforcement"]
    with place.serving(80, 8000):
        reached = Place().tcp(free.instance(instance_id)["PublicIpAddress"], 8000)
        known = instance_id_from(place)
    free.close()

    assert reached
    assert known == instance_id
    assert info == {"enforced": False, "reason": "EC2_NETWORK_ENFORCEMENT=off"}
