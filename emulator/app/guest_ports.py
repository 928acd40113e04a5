"""What plugs virtual machines into their VPCs, put together from settings."""

from __future__ import annotations

import re
import socket
import struct
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import attrs

from emulator.config import Config
from emulator.core.background import Background
from emulator.core.clock import Clock
from emulator.core.threads import NoThreads, Threads
from emulator.net.enforce import Enforcement
from emulator.net.flow_logs import FlowLogs
from emulator.net.guest_port import VpcPorts
from emulator.net.guest_way import GuestWay
from emulator.net.kernel_routes import routed
from emulator.net.namespace import InstanceNamespaces
from emulator.net.port_plan import bridge_name
from emulator.net.truth import Truth
from emulator.services.ec2.vpcs.subnets import zone_id
from emulator.state.store import State
from emulator.vm.interface import GuestKey, GuestPorts
from emulator.vm.libvirt.host import hypervisors
from emulator.vm.libvirt.manager import LibvirtManager
from emulator.vm.libvirt.names import DEFAULT_NETWORK
from emulator.vm.libvirt.networks import Networks
from emulator.vm.libvirt.no_ports import NoPorts

# The system's own daemon on this machine: a user's own may not have links.
_HERE = re.compile(r"qemu(\+unix)?:///system(\?.*)?")
_ROUTES = Path("/proc/net/route")
# Of the one daemon, or of that for QEMU.
_DAEMONS = ("/run/libvirt/libvirt-sock", "/run/libvirt/virtqemud-sock")


def distance(config: Config) -> str | None:
    """Return why guests' links cannot be made from here, as far as settings say; None: they can."""
    if config.ec2_libvirt_network:
        return f"EC2_LIBVIRT_NETWORK={config.ec2_libvirt_network}: that network has all instances"
    try:
        uris = set(hypervisors(config.ec2_hypervisor_uri).values())
    except ValueError as error:
        return str(error)
    if len(uris) > 1 or not all(map(_HERE.fullmatch, uris)):
        return "only the system's libvirt on this very machine lets the emulator join instances"
    return daemon_distance()


def daemon_distance() -> str | None:
    """Return why libvirt's daemon does not see the links of this process; None: it does.

    In a container with the daemon's socket, the daemon is in another network namespace.
    """
    for path in _DAEMONS:
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stream:
                stream.connect(path)
                credentials = stream.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        except OSError:
            continue  # it is not there, or says itself why it may not be asked
        (pid,) = struct.unpack_from("=i", credentials)
        try:
            theirs, ours = (Path(f"/proc/{each}/ns/net").stat().st_ino for each in (pid, "self"))
        except OSError:
            return "libvirt's daemon is no process that is seen from here, as from a container"
        if theirs != ours:
            return "libvirt's daemon is in another network namespace, as from a container"
        return None
    return None


def enforcement(config: Config) -> Truth:
    """Return whether guests get packet filters; that is tried, which takes a moment."""
    way = GuestWay(NoThreads(), distance(config))
    obstacle = way.obstacle()
    if obstacle is not None:
        network = config.ec2_libvirt_network or DEFAULT_NETWORK
        reason = (
            f"{obstacle}; instances are on libvirt's network {network}, without metadata service"
        )
        return Truth(is_enforced=False, reason=reason)
    if config.ec2_network_enforcement == "off":
        return Truth(is_enforced=False, reason="EC2_NETWORK_ENFORCEMENT=off")
    obstacle = way.filter_obstacle()
    if obstacle is not None:
        return Truth(is_enforced=False, reason=obstacle)
    what = "with network ACLs and routes" if config.ec2_network_enforcement == "full" else "alone"
    return Truth(is_enforced=True, reason=f"{what}, by a packet filter in front of each instance")


@attrs.frozen
class Plugged:
    """What plugs guests in, and what belongs to it.

    Attributes:
        ports: what the manager asks.
        namespaces: enters the guests' network namespaces; None where there are none.
        join: gives the manager what it makes networks with.
        hear: is told of guests that ask for their addresses; None: none do.
    """

    ports: GuestPorts
    namespaces: InstanceNamespaces | None = None
    join: Callable[[LibvirtManager], None] = lambda _: None
    hear: Callable[[GuestKey], None] | None = None


def guest_ports(
    config: Config,
    truth: Truth,
    threads: Threads,
    state: State,
    clock: Clock,
    background: Background,
) -> Plugged:
    """Return what plugs guests in, or what says why nothing does."""
    way = GuestWay(threads, distance(config))
    filters = Enforcement(
        state,
        way,
        clock,
        background,
        host_ssh=config.ec2_host_ssh,
        subnets=config.ec2_network_enforcement == "full",
        filters=truth.is_enforced,
    )
    flows = FlowLogs(
        state, way, clock, background, threads, config.emulator_data_dir / "flow-logs", zone_id
    )
    namespaces = InstanceNamespaces(state, way, filters, flows if truth.is_enforced else None)
    ports = VpcPorts(state, way, namespaces, config.emulator_namespace)
    # It is tried here and now, where nobody waits for an answer yet.
    obstacle = ports.obstacle()
    if obstacle is not None:
        return Plugged(NoPorts(obstacle))

    def join(manager: LibvirtManager) -> None:
        networks = Networks(
            manager.hosts.all[0], partial(bridge_name, config.emulator_namespace), routed_ranges
        )
        ports.wires = way.plugs = manager.networks = networks

    return Plugged(ports, namespaces, join, ports.hear)


def routed_ranges() -> Iterator[str]:
    """Yield the IPv4 ranges that this machine routes to; it blocks for a moment."""
    for _, cidr in routed(_ROUTES.read_text(encoding="ascii")):
        yield cidr
