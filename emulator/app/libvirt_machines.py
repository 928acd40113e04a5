"""The libvirt manager of a run, put together from settings; imported where it is chosen."""

from __future__ import annotations

from typing import Any

from twisted.python.threadpool import ThreadPool

from emulator.app.machines import LivePorts, Machines
from emulator.app.start_error import StartError
from emulator.config import Config
from emulator.core.background import Background
from emulator.core.clock import Clock
from emulator.core.threads import PooledThreads
from emulator.net.truth import Truth
from emulator.vm.interface import GuestPorts
from emulator.vm.libvirt.assembly import libvirt_manager
from emulator.vm.libvirt.host import hypervisors
from emulator.vm.libvirt.names import DEFAULT_NETWORK, Place
from emulator.vm.libvirt.no_ports import NoPorts

# Copies that go on at once; more would only share the disk.
SLOW_THREADS = 4
LIVE_PORTS = LivePorts(reason="virtual machines are reached at their own addresses")


def enforcement(config: Config) -> Truth:
    """Return whether guests get packet filters."""
    return Truth(is_enforced=False, reason=str(ports(config).obstacle()))


def ports(config: Config) -> GuestPorts:
    """Return what plugs guests into their VPCs."""
    if config.ec2_libvirt_network:
        network = config.ec2_libvirt_network
        return NoPorts(f"EC2_LIBVIRT_NETWORK={network}: that network has all instances")
    return NoPorts(f"all instances are on libvirt's network {DEFAULT_NETWORK}")


def libvirt_machines(
    config: Config, truth: Truth, reactor: Any, clock: Clock, background: Background
) -> Machines:
    """Return the manager with what belongs to it.

    Raises:
        StartError: EC2_HYPERVISOR_URI means nothing.
    """
    try:
        uris = hypervisors(config.ec2_hypervisor_uri)
    except ValueError as error:
        raise StartError(f"EC2_HYPERVISOR_URI: {error}") from None
    pools: list[ThreadPool] = []

    def threads(name: str, most: int) -> PooledThreads:
        pools.append(ThreadPool(0, most, name=name))
        return PooledThreads(reactor, pools[-1])

    places = {
        zone: Place(
            uri=uri,
            pool=config.ec2_libvirt_pool,
            network=config.ec2_libvirt_network or DEFAULT_NETWORK,
            namespace=config.emulator_namespace,
            reference_domain=config.ec2_reference_domain,
        )
        for zone, uri in uris.items()
    }
    manager = libvirt_manager(
        places,
        thread=lambda uri: threads(uri, 1),
        slow_threads=threads("libvirt, slowly", SLOW_THREADS),
        clock=clock,
        background=background,
        ports=ports(config),
        stop_seconds=config.ec2_libvirt_stop_seconds,
        in_reactor=reactor.callFromThread,
    )
    return Machines(manager, truth, live_ports=LIVE_PORTS, pools=tuple(pools))
