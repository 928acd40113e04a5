"""The libvirt manager put together from settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from emulator.core.background import Background
from emulator.core.clock import Clock
from emulator.core.threads import Threads
from emulator.vm.interface import GuestPorts
from emulator.vm.libvirt.boot_watch import BootWatch
from emulator.vm.libvirt.connection import Connection
from emulator.vm.libvirt.follow import Follower
from emulator.vm.libvirt.host import Host, Hosts
from emulator.vm.libvirt.manager import LibvirtManager
from emulator.vm.libvirt.names import Place


def libvirt_manager(
    places: Mapping[str, Place],
    *,
    thread: Callable[[str], Threads],
    slow_threads: Threads,
    clock: Clock,
    background: Background,
    ports: GuestPorts,
    stop_seconds: float,
    in_reactor: Callable[..., None],
) -> LibvirtManager:
    """Return the manager; nothing is asked of any hypervisor yet.

    Args:
        places: where guests live, by availability zone; one for all zones is under ``""``.
        thread: returns the thread for the connection to a hypervisor, by its URI.
        slow_threads: for what moves data.
        clock: for waiting until guests are down and hypervisors are back.
        background: owns what goes on beside requests.
        ports: plugs guests into their VPCs.
        stop_seconds: how long a guest has to shut down.
        in_reactor: runs a function in the reactor thread, from any thread.
    """
    hosts = Hosts(
        [
            Host(zone, Connection(place.uri, thread(place.uri), slow_threads), place)
            for zone, place in places.items()
        ]
    )
    boots = BootWatch(clock, background)
    manager = LibvirtManager(hosts, ports, clock, stop_seconds, boots)
    manager.follower = Follower(
        manager, in_reactor, clock, background, manager.guests, manager.images
    )
    boots.tell = manager.follower.guest_changed
    return manager
