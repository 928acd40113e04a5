"""From what EC2 asks for to the container that Docker is to make; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from emulator.vm.docker import names
from emulator.vm.docker.files import entrypoint
from emulator.vm.docker.flags import DockerFlags
from emulator.vm.docker.tools import MOUNT_POINT
from emulator.vm.interface import LaunchSpec

EBS_DIRECTORY = "/ebs-dev"
DOCKER_SOCKET = "/var/run/docker.sock"
SSH_PORT = "22/tcp"
# Source: the seed documents, "Networking": more would exhaust the host's ports.
MAX_PORTS = 32
# What mounting a file as a file system needs; less than --privileged, which not every engine
# may give.
_LOOP_DEVICES: Mapping[str, Any] = {
    "CapAdd": ["SYS_ADMIN"],
    "SecurityOpt": ["apparmor=unconfined"],
    "DeviceCgroupRules": ["b 7:* rmw"],
    "Devices": [
        {
            "PathOnHost": "/dev/loop-control",
            "PathInContainer": "/dev/loop-control",
            "CgroupPermissions": "rwm",
        }
    ],
}
# What the image's systemd needs to be PID 1 in a container.
_SYSTEMD_TMPFS = {"/run": "", "/run/lock": ""}
_CGROUPS = "/sys/fs/cgroup"


@attrs.frozen
class ContainerSettings:
    """What every container of this emulator has alike.

    Attributes:
        names: of this emulator.
        flags: EC2_DOCKER_FLAGS.
        init: whether Docker's own init is PID 1.
        docker_socket: the engine's socket on its own machine, which guests get; None: none.
        limit_resources: whether the instance type limits processors and memory.
        block_devices: whether guests get files as block devices, and the rights to use them.
        environment: variables that guests' processes find, unless the flags give others.
        processors: how many the engine has.
        cgroup_version: of the engine's machine.
    """

    names: names.Names = attrs.field(factory=names.Names)
    flags: DockerFlags = attrs.field(factory=DockerFlags)
    init: bool = True
    docker_socket: str | None = DOCKER_SOCKET
    limit_resources: bool = True
    block_devices: bool = False
    environment: Mapping[str, str] = attrs.field(factory=dict)
    processors: int = 1
    cgroup_version: int = 1


@attrs.frozen
class Place:
    """Where a new container goes.

    Attributes:
        network: the Docker network.
        address: its address there; None lets Docker choose.
        ports: port in the guest, such as ``22/tcp`` → port on the host.
        tools_volume: the Docker volume with the guest tools.
        init: the path of the image's own init, where it asks for it.
    """

    network: str
    address: str | None
    ports: Mapping[str, int]
    tools_volume: str
    init: str | None = None


def stop_signal(init: str | None) -> str:
    """Return what Docker stops a guest with: a shutdown for its systemd, or for our boot.

    SIGTERM would be taken for busybox's ``reboot``, which sends that to process 1.
    """
    return "SIGRTMIN+3" if init else "SIGPWR"


def published_ports(ports: Sequence[str]) -> tuple[str, ...]:
    """Return which ports of a guest are published: SSH's always, and so many of the others."""
    return tuple(dict.fromkeys((SSH_PORT, *ports)))[:MAX_PORTS]


def container_config(
    spec: LaunchSpec, place: Place, settings: ContainerSettings
) -> Mapping[str, Any]:
    """Return the body of Docker's ContainerCreate."""
    host_name, _, domain = spec.hostname.partition(".")
    config: dict[str, Any] = {
        "Image": spec.image_reference,
        "Hostname": host_name,
        "Domainname": domain,
        # Never the image's own: that may do anything, and end at once.
        "Entrypoint": entrypoint(spec.instance_id),
        "Cmd": [],
        "User": "0:0",
        "WorkingDir": "/",
        "StopSignal": stop_signal(place.init),
        # A systemd writes to its console only where that is a terminal.
        "Tty": place.init is not None,
        "Healthcheck": {"Test": ["NONE"]},
        "Env": [],
        "Labels": {**_labels(spec), **settings.names.label()},
        "ExposedPorts": {port: {} for port in place.ports},
        "NetworkingConfig": {"EndpointsConfig": {place.network: _endpoint(spec, place)}},
    }
    if spec.mac_address:
        # Engines before 25 read it here, later ones where the network is.
        config["MacAddress"] = spec.mac_address
    flags = settings.flags
    for member in ("Labels", "ExposedPorts"):
        config[member] = {**flags.config.get(member, {}), **config[member]}
    config["Env"] = [
        *(f"{name}={value}" for name, value in settings.environment.items()),
        *flags.config.get("Env", ()),
    ]
    config["User"] = flags.config.get("User", config["User"])
    config["HostConfig"] = _merged(_host_config(spec, place, settings), flags.host_config)
    return config


def _labels(spec: LaunchSpec) -> dict[str, str]:
    labels = {
        names.INSTANCE_ID: spec.key.instance_id,
        names.ACCOUNT: spec.key.account,
        names.REGION: spec.key.region,
        names.IMAGE_ID: spec.image_id,
        names.MEMENTO: spec.memento,
    }
    if spec.network is not None:
        labels[names.VPC_ID] = spec.network.vpc_id
    return labels


def _endpoint(spec: LaunchSpec, place: Place) -> dict[str, Any]:
    endpoint: dict[str, Any] = {}
    if place.address is not None:
        endpoint["IPAMConfig"] = {"IPv4Address": place.address}
    if spec.mac_address:
        endpoint["MacAddress"] = spec.mac_address
    return endpoint


def _host_config(spec: LaunchSpec, place: Place, settings: ContainerSettings) -> dict[str, Any]:
    binds = [f"{place.tools_volume}:{MOUNT_POINT}:ro"]
    host: dict[str, Any] = {
        "NetworkMode": place.network,
        "PortBindings": {
            port: [{"HostIp": "", "HostPort": str(on_host)}]
            for port, on_host in place.ports.items()
        },
        # Without it the metadata service's IPv6 address cannot be given to a guest.
        "Sysctls": {"net.ipv6.conf.all.disable_ipv6": "0"},
    }
    if settings.docker_socket is not None:
        binds.append(f"{settings.docker_socket}:{DOCKER_SOCKET}")
    if settings.block_devices:
        binds.append(f"{settings.names.volume(spec.instance_id)}:{EBS_DIRECTORY}")
        host |= _LOOP_DEVICES
    if settings.limit_resources:
        host["NanoCpus"] = min(spec.vcpus, settings.processors) * 10**9
        host["Memory"] = host["MemorySwap"] = spec.memory_mib * 1024**2
    if place.init:
        host["Tmpfs"] = _SYSTEMD_TMPFS
        if settings.cgroup_version == 1:
            binds.append(f"{_CGROUPS}:{_CGROUPS}:ro")
        else:
            # A systemd must write to the one hierarchy there is, below the container's own.
            host["CgroupnsMode"] = "host"
            binds.append(f"{_CGROUPS}:{_CGROUPS}:rw")
    else:
        host["Init"] = settings.init
    host["Binds"] = binds
    return host


def _merged(own: Mapping[str, Any], added: Mapping[str, Any]) -> dict[str, Any]:
    """Return HostConfig with what the flags add; a single value of the flags wins."""
    merged = dict(own)
    for name, value in added.items():
        mine = merged.get(name)
        if isinstance(mine, list):
            merged[name] = [*mine, *value]
        elif isinstance(mine, dict):
            merged[name] = {**mine, **value}
        else:
            merged[name] = value
    if "Memory" in added:
        merged["MemorySwap"] = added["Memory"]
    return merged
