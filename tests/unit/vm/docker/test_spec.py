from __future__ import annotations

from typing import Any

import attrs
import pytest

from emulator.vm.docker import names
from emulator.vm.docker.flags import parse_flags
from emulator.vm.docker.names import Names
from emulator.vm.docker.spec import ContainerSettings, Place, container_config, published_ports
from tests.contracts.vm_manager import SPEC

PLACE = Place("localstack-ec2.vpc-1", "172.31.0.10", {"22/tcp": 12862, "80/tcp": 12863}, "tools")
SYSTEMD = attrs.evolve(PLACE, init="/sbin/init")


def config(place: Place = PLACE, spec: Any = SPEC, **settings: Any) -> dict[str, Any]:
    return dict(container_config(spec, place, ContainerSettings(processors=4, **settings)))


def host_config(place: Place = PLACE, spec: Any = SPEC, **settings: Any) -> dict[str, Any]:
    found: dict[str, Any] = config(place, spec, **settings)["HostConfig"]
    return found


def with_flags(text: str, place: Place = PLACE) -> dict[str, Any]:
    return config(place, flags=parse_flags(text))


# Ports


def test_ssh_is_always_published_and_first() -> None:
    assert published_ports(()) == ("22/tcp",)
    assert published_ports(("80/tcp", "22/tcp")) == ("22/tcp", "80/tcp")


def test_no_more_than_32_ports_are_published() -> None:
    ports = published_ports([f"{port}/tcp" for port in range(8000, 8100)])

    assert len(ports) == 32
    assert ports[:2] == ("22/tcp", "8000/tcp")


def test_published_ports_are_exposed_and_bound() -> None:
    made = config()

    assert made["ExposedPorts"] == {"22/tcp": {}, "80/tcp": {}}
    assert made["HostConfig"]["PortBindings"] == {
        "22/tcp": [{"HostIp": "", "HostPort": "12862"}],
        "80/tcp": [{"HostIp": "", "HostPort": "12863"}],
    }


# Identity and start


def test_a_container_boots_as_the_instance_and_never_as_its_image_says() -> None:
    made = config()

    assert made["Entrypoint"] == [
        "/.ec2-emulator/busybox",
        "sh",
        "/.ec2-emulator/boot",
        SPEC.instance_id,
    ]
    assert (made["Cmd"], made["User"], made["WorkingDir"]) == ([], "0:0", "/")
    assert made["Healthcheck"] == {"Test": ["NONE"]}


def test_a_container_has_the_hostname_with_its_domain_apart() -> None:
    made = config()

    assert (made["Hostname"], made["Domainname"]) == ("ip-172-31-0-10", "ec2.internal")


def test_a_container_says_whose_it_is_and_what_it_can_be_made_of_again() -> None:
    assert config(names=Names("ci"))["Labels"] == {
        names.NAMESPACE: "ci",
        names.INSTANCE_ID: SPEC.instance_id,
        names.ACCOUNT: "000000000000",
        names.REGION: "us-east-1",
        names.IMAGE_ID: SPEC.image_id,
        names.VPC_ID: "vpc-0123456789abcdef0",
        names.MEMENTO: SPEC.memento,
    }


# Network


def test_a_container_is_on_the_vpcs_network_with_its_address_and_mac() -> None:
    made = config(spec=attrs.evolve(SPEC, mac_address="02:00:00:00:00:01"))

    assert made["HostConfig"]["NetworkMode"] == "localstack-ec2.vpc-1"
    assert made["MacAddress"] == "02:00:00:00:00:01"
    assert made["NetworkingConfig"]["EndpointsConfig"] == {
        "localstack-ec2.vpc-1": {
            "IPAMConfig": {"IPv4Address": "172.31.0.10"},
            "MacAddress": "02:00:00:00:00:01",
        }
    }


def test_an_address_that_the_network_does_not_have_is_not_asked_for() -> None:
    made = config(attrs.evolve(PLACE, address=None))

    assert made["NetworkingConfig"]["EndpointsConfig"] == {"localstack-ec2.vpc-1": {}}
    assert "MacAddress" not in made


def test_ipv6_is_allowed_for_the_metadata_service() -> None:
    assert host_config()["Sysctls"] == {"net.ipv6.conf.all.disable_ipv6": "0"}


# Limits


def test_the_instance_type_limits_processors_and_memory() -> None:
    made = host_config()

    assert made["NanoCpus"] == 2 * 10**9
    assert made["Memory"] == made["MemorySwap"] == 1024 * 1024**2


def test_no_more_processors_are_asked_for_than_there_are() -> None:
    assert host_config(spec=attrs.evolve(SPEC, vcpus=96))["NanoCpus"] == 4 * 10**9


def test_limits_can_be_switched_off() -> None:
    assert not {"NanoCpus", "Memory", "MemorySwap"} & set(host_config(limit_resources=False))


# Mounts and rights


def test_the_tools_can_only_be_read_and_the_socket_is_where_docker_looks() -> None:
    assert host_config()["Binds"] == [
        "tools:/.ec2-emulator:ro",
        "/var/run/docker.sock:/var/run/docker.sock",
    ]


def test_the_socket_can_be_kept_from_guests_or_be_elsewhere() -> None:
    assert host_config(docker_socket=None)["Binds"] == ["tools:/.ec2-emulator:ro"]
    assert (
        "/run/user/1000/docker.sock:/var/run/docker.sock"
        in (host_config(docker_socket="/run/user/1000/docker.sock")["Binds"])
    )


def test_block_devices_are_a_volume_of_the_guests_own_and_what_mounting_takes() -> None:
    made = host_config(block_devices=True, names=Names("ci"))

    assert f"localstack-ec2.ci.{SPEC.instance_id}:/ebs-dev" in made["Binds"]
    assert made["CapAdd"] == ["SYS_ADMIN"]
    assert made["DeviceCgroupRules"] == ["b 7:* rmw"]
    assert "Privileged" not in made


def test_what_one_container_is_given_leaves_the_next_alone() -> None:
    flags = parse_flags("--cap-add NET_ADMIN --device /dev/kvm")
    for _ in range(2):
        made = host_config(block_devices=True, flags=flags)

        assert made["CapAdd"] == ["SYS_ADMIN", "NET_ADMIN"]
        assert len(made["Devices"]) == 2


# Inits


@pytest.mark.parametrize("init", [True, False])
def test_dockers_own_init_can_be_switched_off(init: bool) -> None:
    made = config(init=init)

    assert made["HostConfig"]["Init"] is init
    assert made["StopSignal"] == "SIGPWR"


@pytest.mark.parametrize(("version", "namespace", "access"), [(1, None, "ro"), (2, "host", "rw")])
def test_the_images_systemd_gets_what_it_needs_and_no_other_init(
    version: int, namespace: str | None, access: str
) -> None:
    made = config(SYSTEMD, cgroup_version=version)
    host = made["HostConfig"]

    assert made["StopSignal"] == "SIGRTMIN+3"
    assert host.get("CgroupnsMode") == namespace
    assert set(host["Tmpfs"]) == {"/run", "/run/lock"}
    assert f"/sys/fs/cgroup:/sys/fs/cgroup:{access}" in host["Binds"]
    assert not {"Init", "Privileged"} & set(host)


# EC2_DOCKER_FLAGS


def test_the_flags_lists_are_added() -> None:
    made = with_flags("-v /a:/b -p 8080:8080 -e A=1 --sysctl net.core.somaxconn=9 -l team=web")

    assert made["Env"] == ["A=1"]
    assert made["HostConfig"]["Binds"][-1] == "/a:/b"
    assert set(made["HostConfig"]["PortBindings"]) == {"22/tcp", "80/tcp", "8080/tcp"}
    assert set(made["ExposedPorts"]) == {"22/tcp", "80/tcp", "8080/tcp"}
    assert len(made["HostConfig"]["Sysctls"]) == 2
    assert made["Labels"]["team"] == "web"


def test_a_single_value_of_the_flags_wins() -> None:
    made = with_flags("--memory 64m --cpus 0.5 --privileged -u 1000 -p 8022:22")

    assert made["HostConfig"]["Memory"] == made["HostConfig"]["MemorySwap"] == 64 * 1024**2
    assert made["HostConfig"]["NanoCpus"] == 500_000_000
    assert made["HostConfig"]["Privileged"] is True
    assert made["HostConfig"]["PortBindings"]["22/tcp"] == [{"HostIp": "", "HostPort": "8022"}]
    assert made["User"] == "1000"


def test_the_flags_cannot_make_a_container_another_instances() -> None:
    made = with_flags(f"-l {names.INSTANCE_ID}=i-1 -l {names.NAMESPACE}=x")

    assert made["Labels"][names.INSTANCE_ID] == SPEC.instance_id
    assert made["Labels"][names.NAMESPACE] == "default"


def test_the_flags_add_to_what_systemd_needs() -> None:
    made = with_flags("--tmpfs /scratch --cgroupns private", SYSTEMD)["HostConfig"]

    assert set(made["Tmpfs"]) == {"/run", "/run/lock", "/scratch"}
    assert made["CgroupnsMode"] == "private"
