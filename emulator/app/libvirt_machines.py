"""The libvirt manager of a run, put together from settings; imported where it is chosen."""

from __future__ import annotations

from typing import Any

from twisted.python.threadpool import ThreadPool

from emulator.app.guest_ports import guest_ports
from emulator.app.machines import VIRTUAL_MACHINES, LivePorts, Machines
from emulator.app.start_error import StartError
from emulator.config import Config
from emulator.core.background import Background
from emulator.core.clock import Clock
from emulator.core.threads import PooledThreads
from emulator.net.truth import Truth
from emulator.state.store import State
from emulator.vm.libvirt.assembly import libvirt_manager
from emulator.vm.libvirt.host import hypervisors
from emulator.vm.libvirt.names import DEFAULT_NETWORK, Place

# Copies that go on at once; more would only share the disk.
SLOW_THREADS = 4
LIVE_PORTS = LivePorts(reason="virtual machines are reached at their own addresses")
# Twenty launches at once, each with a visit to a namespace under way.
NETWORK_THREADS = 12


def libvirt_machines(
    config: Config,
    truth: Truth,
    reactor: Any,
    state: State,
    clock: Clock,
    background: Background,
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
    plugged = guest_ports(
        config, truth, threads("guests' networks", NETWORK_THREADS), state, clock, background
    )
    manager = libvirt_manager(
        places,
        thread=lambda uri: threads(uri, 1),
        slow_threads=threads("libvirt, slowly", SLOW_THREADS),
        clock=clock,
        background=background,
        ports=plugged.ports,
        stop_seconds=config.ec2_libvirt_stop_seconds,
        in_reactor=reactor.callFromThread,
    )
    plugged.join(manager)
    return Machines(
        manager,
        truth,
        plugged.namespaces,
        live_ports=LIVE_PORTS,
        pools=tuple(pools),
        hear_dhcp=plugged.hear,
        facts=lambda: {"hypervisors": manager.hosts.facts()},
        routed=lambda: VIRTUAL_MACHINES,
    )
