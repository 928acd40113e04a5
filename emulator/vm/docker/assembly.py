"""The docker manager put together from settings."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence

import attrs

from emulator.core.background import Background
from emulator.core.clock import Clock
from emulator.core.threads import Threads
from emulator.vm.docker import tools
from emulator.vm.docker.connection import Connection
from emulator.vm.docker.ebs import EbsFiles
from emulator.vm.docker.flags import DockerFlags
from emulator.vm.docker.follow import Follower
from emulator.vm.docker.manager import DefaultImage, DockerManager
from emulator.vm.docker.names import Names
from emulator.vm.docker.networks import Guard, Networks
from emulator.vm.docker.spec import ContainerSettings
from emulator.vm.docker.tools_volume import SharedTools
from emulator.vm.interface import HostPorts, Namespaces


@attrs.frozen
class DockerOptions:
    """What a user can set of the docker manager.

    Attributes:
        flags: EC2_DOCKER_FLAGS.
        init: EC2_DOCKER_INIT.
        docker_socket: the engine's socket on its machine, for guests; None: they get none.
        limit_resources: EC2_DOCKER_LIMITS.
        block_devices: EC2_MOUNT_BLOCK_DEVICES.
        environment_of_guests: variables that guests' processes find.
        largest_disk_mib: EC2_EBS_MAX_VOLUME_SIZE.
        stop_for_real: EC2_DOCKER_STOP_MODE is ``stop``.
        keep_terminated: EC2_REMOVE_CONTAINERS is 0.
        remove_at_end: EC2_REMOVE_CONTAINERS is 1.
        defaults: images to have from the start.
    """

    flags: DockerFlags
    init: bool
    docker_socket: str | None
    limit_resources: bool
    block_devices: bool
    environment_of_guests: Mapping[str, str]
    largest_disk_mib: int
    stop_for_real: bool
    keep_terminated: bool
    remove_at_end: bool
    defaults: Sequence[DefaultImage]


def docker_manager(
    options: DockerOptions,
    connection: Connection,
    own: Names,
    *,
    threads: Threads,
    command_threads: Threads,
    clock: Clock,
    background: Background,
    namespaces: Namespaces,
    host_ports: HostPorts | None,
    host_ranges: Callable[[], Iterable[str]],
    guard: Guard | None,
    in_reactor: Callable[..., None],
) -> DockerManager:
    """Return the manager; nothing is asked of the engine yet.

    Args:
        options: the user's.
        connection: to the engine.
        own: what is called how.
        threads: where the engine's calls block; enough of them for many launches at once.
        command_threads: where commands in guests block, which may last for hours.
        clock: for waiting until the engine is back.
        background: owns what goes on beside requests.
        namespaces: makes containers' network namespaces ready.
        host_ports: opens ports of this machine while guests run; None: nobody does.
        host_ranges: the ranges that the engine's machine routes to.
        guard: filters at the bridges of networks.
        in_reactor: runs a function in the reactor thread, from any thread.
    """
    settings = ContainerSettings(
        names=own,
        flags=options.flags,
        init=options.init,
        docker_socket=options.docker_socket,
        limit_resources=options.limit_resources,
        block_devices=options.block_devices,
        environment=options.environment_of_guests,
    )
    shared_tools = SharedTools(threads, tools.load, own)
    manager = DockerManager(
        connection,
        threads,
        namespaces,
        Networks(own, threads, host_ranges, guard),
        shared_tools,
        settings,
        options.stop_for_real,
        options.keep_terminated,
        random.Random(),  # noqa: S311 - ports, not secrets
        clock.epoch_seconds,
        background=background,
        seconds=clock.seconds,
        command_threads=command_threads,
        defaults=options.defaults,
        remove_at_end=options.remove_at_end,
    )
    manager.host_ports = host_ports
    if options.block_devices:
        manager.ebs = manager.disks = EbsFiles(own, threads, shared_tools)
        manager.largest_disk = options.largest_disk_mib
    manager.follower = Follower(
        connection.address,
        own.namespace,
        threads,
        in_reactor,
        clock,
        background,
        manager.guests,
        manager.images,
    )
    return manager
