"""The docker manager of a run, put together from settings; imported where it is chosen."""

from __future__ import annotations

import secrets
import shlex
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any

from twisted.python.threadpool import ThreadPool

from emulator.app.machines import DEFAULT_IMAGES, LivePorts, Machines
from emulator.app.start_error import StartError
from emulator.catalog.images import stock_image
from emulator.catalog.regions import DEFAULT_REGION
from emulator.config import Config
from emulator.core.background import Background
from emulator.core.clock import Clock
from emulator.core.threads import NoThreads, PooledThreads
from emulator.net.bridge_guard import BridgeGuard
from emulator.net.enforce import Enforcement
from emulator.net.flow_logs import FlowLogs
from emulator.net.forwarders import open_forwarder
from emulator.net.helper_way import HelperWay
from emulator.net.host_ports import LiveHostPorts, leads_to
from emulator.net.kernel_routes import routed
from emulator.net.namespace import DirectWay, InstanceNamespaces, nft_obstacle
from emulator.net.ports import API_URL
from emulator.net.routers import BY_ROUTERS, VpcRouters, blocking_routing_trial
from emulator.net.truth import Routed, Truth
from emulator.services.ec2.vpcs.subnets import zone_id
from emulator.state.store import State
from emulator.vm.docker.assembly import DockerOptions, docker_manager
from emulator.vm.docker.blocking import EngineAddress
from emulator.vm.docker.connection import Connection
from emulator.vm.docker.containers import HOST_PORTS
from emulator.vm.docker.flags import FlagsError, parse_flags
from emulator.vm.docker.helpers import OwnImageHelpers
from emulator.vm.docker.manager import DefaultImage
from emulator.vm.docker.names import Names
from emulator.vm.docker.own_container import own_container_id
from emulator.vm.docker.probe import DEFAULT_SOCKET, socket_path

# Twenty launches at once, each with one call to the engine under way.
ENGINE_THREADS = 24
# As many as Run Command starts at once by default, and some for logins.
COMMAND_THREADS = 64
_ROUTES = Path("/proc/net/route")


class _CommandThread(Thread):
    """A thread that the program's end does not wait for."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, daemon=True, **kwargs)


class _CommandPool(ThreadPool):
    """Threads that may be at work when the program ends."""

    threadFactory = _CommandThread  # noqa: N815 - Twisted's name


def enforcement(config: Config) -> Truth:
    """Return whether guests get packet filters; that is tried, which takes a moment."""
    if config.ec2_network_enforcement == "off":
        return Truth(is_enforced=False, reason="EC2_NETWORK_ENFORCEMENT=off")
    in_container = own_container_id() is not None
    obstacle = nft_obstacle() if in_container else DirectWay(NoThreads()).filter_obstacle()
    if obstacle is not None:
        return Truth(is_enforced=False, reason=obstacle)
    what = "with network ACLs and routes" if config.ec2_network_enforcement == "full" else "alone"
    return Truth(is_enforced=True, reason=f"{what}, by a packet filter in each instance's network")


def docker_machines(
    config: Config,
    truth: Truth,
    reactor: Any,
    state: State,
    clock: Clock,
    background: Background,
) -> Machines:
    """Return the manager with what belongs to it.

    Raises:
        StartError: EC2_DOCKER_FLAGS has a flag that is unknown.
    """
    try:
        flags = parse_flags(config.ec2_docker_flags)
    except FlagsError as error:
        raise StartError(
            f"EC2_DOCKER_FLAGS={shlex.quote(config.ec2_docker_flags)}: {error}"
        ) from None
    pool = ThreadPool(0, ENGINE_THREADS, name="engine")
    threads = PooledThreads(reactor, pool)
    own = Names(config.emulator_namespace, secrets.token_hex(8))
    connection = Connection(EngineAddress(config.docker_environment), threads)
    container = own_container_id()
    way: DirectWay | HelperWay = DirectWay(threads)
    if container is not None:
        way = HelperWay(
            OwnImageHelpers(connection, threads, own, container),
            threads,
            background,
            # On a volume of the emulator's container, which its helpers see as well.
            config.emulator_data_dir / "helpers",
            lambda: secrets.token_hex(8),
        )
    filters = Enforcement(
        state,
        way,
        clock,
        background,
        host_ssh=config.ec2_host_ssh,
        subnets=config.ec2_network_enforcement == "full",
        filters=truth.is_enforced,
        are_routed=lambda: routers.routed.is_real,
    )
    flows = FlowLogs(
        state,
        way,
        clock,
        background,
        threads,
        config.emulator_data_dir / "flow-logs",
        zone_id,
    )
    on_this_machine = socket_path(config.docker_environment)
    routers = VpcRouters(
        state,
        way,
        clock,
        background,
        lambda: secrets.token_hex(4),
        _routing_obstacle(config, truth, on_this_machine),
    )
    namespaces = InstanceNamespaces(
        state, way, filters, flows if truth.is_enforced else None, routers
    )
    live_ports = _live_ports(in_container=container is not None, engine_socket=on_this_machine)
    options = DockerOptions(
        flags=flags,
        init=config.ec2_docker_init,
        docker_socket=(
            (config.docker_sock or on_this_machine or DEFAULT_SOCKET)
            if config.ec2_mount_docker_socket
            else None
        ),
        limit_resources=config.ec2_docker_limits,
        block_devices=config.ec2_mount_block_devices,
        environment_of_guests=(
            {"AWS_ENDPOINT_URL": API_URL}
            if config.ec2_inject_endpoint and namespaces.obstacle() is None
            else {}
        ),
        largest_disk_mib=config.ec2_ebs_max_volume_size,
        stop_for_real=config.ec2_docker_stop_mode == "stop",
        keep_terminated=config.ec2_remove_containers is False,
        remove_at_end=config.ec2_remove_containers is True,
        defaults=_default_images() if config.ec2_download_default_images else (),
    )
    command_pool = _CommandPool(0, COMMAND_THREADS, name="commands")
    manager = docker_manager(
        options,
        connection,
        own,
        threads=threads,
        command_threads=PooledThreads(reactor, command_pool),
        clock=clock,
        background=background,
        namespaces=namespaces,
        host_ports=LiveHostPorts(
            state, clock, partial(open_forwarder, reactor), HOST_PORTS, is_on_this_machine
        )
        if live_ports.are_forwarded
        else None,
        # In a container the routes are those of the container, not of the engine's machine.
        host_ranges=host_ranges if container is None else lambda: (),
        guard=None if way.obstacle() or nft_obstacle() else BridgeGuard(way, routers),
        in_reactor=reactor.callFromThread,
    )
    return Machines(
        manager,
        truth,
        namespaces,
        pool,
        command_pool,
        live_ports,
        routed=lambda: routers.routed,
    )


def routing(config: Config) -> Routed:
    """Return whether routes and public addresses are real; that is tried, as at a start."""
    socket = socket_path(config.docker_environment)
    obstacle = _routing_obstacle(config, enforcement(config), socket)
    if obstacle is None and own_container_id() is not None:
        return Routed(is_real=False, reason="what is so in a container, /_localstack/info says")
    obstacle = obstacle or blocking_routing_trial(secrets.token_hex(4))
    return Routed(obstacle is None, obstacle or BY_ROUTERS)


def _routing_obstacle(config: Config, truth: Truth, engine_socket: str | None) -> str | None:
    """Return why VPCs have no routers, as far as that is known before the engine is asked."""
    if config.ec2_network_enforcement != "full":
        return f"EC2_NETWORK_ENFORCEMENT={config.ec2_network_enforcement}"
    if not truth.is_enforced:
        return truth.reason
    return None if engine_socket is not None else "the engine is on another machine"


def _live_ports(*, in_container: bool, engine_socket: str | None) -> LivePorts:
    """Return whether ports that groups open later lead anywhere."""
    if in_container:
        return LivePorts(
            are_forwarded=False,
            reason="the emulator's container publishes no more ports once it runs; those open at "
            "an instance's launch are published by the engine",
        )
    if engine_socket is None:
        return LivePorts(are_forwarded=False, reason="the engine is on another machine")
    return LivePorts(are_forwarded=True, reason="by the emulator, at 127.0.0.1")


def is_on_this_machine(address: str) -> bool:
    """Tell whether this machine has a network of its own with an address."""
    try:
        return leads_to(_ROUTES.read_text(encoding="ascii"), address)
    except OSError:
        return False


def _default_images() -> Sequence[DefaultImage]:
    found = (
        (image_id, name, stock_image(DEFAULT_REGION, image_id))
        for image_id, name in DEFAULT_IMAGES.items()
    )
    return [
        DefaultImage(image_id, name, stock.docker_image)
        for image_id, name, stock in found
        if stock is not None and stock.docker_image is not None
    ]


def host_ranges() -> Iterator[str]:
    """Yield the IPv4 ranges that this machine routes to, but for those of Docker's bridges.

    Those are the engine's to keep apart, and one of them may be the very network in question.
    """
    try:
        table = _ROUTES.read_text(encoding="ascii")
    except OSError:
        return
    for link, cidr in routed(table):
        if link != "docker0" and not link.startswith("br-"):
            yield cidr
