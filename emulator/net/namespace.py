"""The one way into an instance's network namespace.

What is to be in a namespace is worked out from records and done in one short visit. The
emulator enters by itself where it is root beside the engine; in a container it sends a
short-lived helper container of its own image, which passes the sockets back.
"""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import socket
import threading
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

import attrs

from emulator.core.process import CommandFailed, run_blocking
from emulator.core.threads import Threads
from emulator.net.cidrs import known_network
from emulator.net.dns_zone import resolver_addresses
from emulator.net.flow_logs import CountsFlows, FlowLogs
from emulator.net.flow_visit import FlowVisit, perform_flows
from emulator.net.interfaces import interfaces_of
from emulator.net.nft import script
from emulator.net.ports import API_PORT, DNS_PORT, METADATA_IPV4, METADATA_PORT
from emulator.net.router_visit import RouterVisit, perform_errands
from emulator.net.ruleset import Allowed, InterfaceRules, Ruleset
from emulator.net.traffic import TCP, Traffic
from emulator.net.truth import Routed
from emulator.net.visit import (
    Listening,
    Visit,
    definitions,
    filter_host,
    load_filter,
    perform,
    redirects_to,
)
from emulator.state.store import Region, State
from emulator.vm.interface import GuestKey, GuestLink, Namespaces, VMError

T = TypeVar("T")

# "Access instance metadata": the same two addresses in every instance. The guest waits for
# the IPv4 listener, so that one comes last.
# Where it really listens: above what Linux gives to outgoing connections.
_METADATA_BEHIND = 61080
METADATA = tuple(
    Listening(address, METADATA_PORT, _METADATA_BEHIND)
    for address in ("fd00:ec2::254", METADATA_IPV4)
)
API = (Listening(METADATA_IPV4, API_PORT, 61566),)
# The VPC's resolver has another address in each VPC besides.
_DNS_BEHIND = 61053
_PUBLIC = {each.behind: each.port for each in (*API, *METADATA)} | {_DNS_BEHIND: DNS_PORT}
_CLONE_NEWNET = 0x40000000
_STATUS = Path("/proc/self/status")
# The kernel numbers them, see capabilities(7).
_NEEDED = {"CAP_NET_ADMIN": 12, "CAP_NET_RAW": 13, "CAP_SYS_ADMIN": 21}


def visit_of(region: Region, instance_id: str) -> Visit:
    """Return what the namespace of an instance is to hold."""
    dns = [
        Listening(address, DNS_PORT, _DNS_BEHIND, is_datagram)
        for address in resolver_addresses(region, instance_id)
        for is_datagram in (True, False)
    ]
    return Visit(interfaces_of(region, instance_id), listening=(*API, *dns, *METADATA))


class InstanceListeners(Protocol):
    """Who answers what arrives at one port of an instance's metadata addresses."""

    @abstractmethod
    def adopt(self, key: tuple[str, str, str], sockets: Sequence[socket.socket]) -> None:
        """Serve these listening sockets as the instance's; earlier ones are closed."""

    @abstractmethod
    def close(self, key: tuple[str, str, str]) -> None:
        """Stop serving an instance."""

    @abstractmethod
    def close_all(self) -> None:
        """Stop serving anybody."""


class PacketFilters(Protocol):
    """Who filters what instances send and get, and keeps that true while they run."""

    @abstractmethod
    async def begin(
        self, key: GuestKey, container: str, pid: int, visit: Visit
    ) -> list[socket.socket]:
        """Do a guest's first visit with its filter in it, and return the sockets it opened.

        Raises:
            VMError: as ``Way.visit``; then the guest has no business running.
        """

    @abstractmethod
    def forget(self, key: GuestKey) -> None:
        """The guest's namespace is gone, or is about to go."""


class Routers(Protocol):
    """Who gives VPCs their routers, and keeps them true.

    Attributes:
        routed: whether there are any, and why.
    """

    routed: Routed

    @abstractmethod
    async def begin(self, obstacle: str | None) -> None:
        """Make what they have in common; see ``Namespaces.begin``."""

    @abstractmethod
    async def ensure(self, key: GuestKey, link: GuestLink) -> None:
        """Make the router of a guest's VPC, unless it is there.

        Raises:
            VMError: it cannot be made.
        """


class Way(Protocol):
    """How a namespace is entered."""

    @abstractmethod
    def obstacle(self) -> str | None:
        """Return why namespaces cannot be entered this way; None: they can."""

    @abstractmethod
    def filter_obstacle(self) -> str | None:
        """Return why packets cannot be filtered in namespaces entered this way."""

    @abstractmethod
    async def visit(self, container: str, pid: int, visit: Visit) -> list[socket.socket]:
        """Do a visit in a guest's namespace and return the sockets it opened.

        Args:
            container: the guest's container.
            pid: a process in it, as the engine's machine numbers processes.
            visit: what is done.

        Raises:
            VMError: the guest is gone, or a command failed.
        """

    @abstractmethod
    def can_run_inside(self) -> bool:
        """Tell whether ``run_inside`` works this way."""

    @abstractmethod
    async def run_inside(
        self, container: str, pid: int, arguments: Sequence[str], stdin: bytes
    ) -> None:
        """Run a program of a container's, with the container's files, to its end.

        Raises:
            VMError: the container is gone, or the program failed.
        """

    @abstractmethod
    async def filter_host(self, script: str) -> None:
        """Load a script for nft in the network namespace of the engine's machine.

        Raises:
            VMError: it could not be loaded.
        """

    @abstractmethod
    async def route(self, visit: RouterVisit, namespaces: Sequence[int]) -> list[int]:
        """Do errands in the namespaces of routers, and return those that were made.

        Args:
            visit: the errands.
            namespaces: descriptors, which stay the caller's.

        Raises:
            VMError: not all of it was done.
        """


@attrs.define(eq=False)
class InstanceNamespaces(Namespaces):
    """Makes namespaces what the records of their instances say.

    Args:
        state: every account's records.
        way: how a namespace is entered.
        filters: who filters packets; None: nobody.
        flows: who counts their flows; None: nobody.
        routers: who gives VPCs their routers; None: nobody.

    Attributes:
        listeners: who answers instances, by port; given once they are there, before the
            first launch.
    """

    _state: State
    _way: Way
    _filters: PacketFilters | None = None
    _flows: FlowLogs | None = None
    _routers: Routers | None = None
    listeners: Mapping[int, InstanceListeners] = attrs.field(factory=dict, init=False)

    def obstacle(self) -> str | None:
        """Return why namespaces cannot be entered from here."""
        return self._way.obstacle()

    async def begin(self, obstacle: str | None) -> None:
        """Make what routers have in common."""
        if self._routers is not None:
            await self._routers.begin(obstacle)

    async def foresee(self, key: GuestKey, link: GuestLink) -> None:
        """Make the router of a guest's VPC."""
        if self._routers is not None and link.network_id and link.gateway:
            await self._routers.ensure(key, link)

    def are_public(self) -> bool:
        """Tell whether routers make public addresses real."""
        return self._routers is not None and self._routers.routed.is_real

    async def prepare(
        self, key: GuestKey, container: str, pid: int, link: GuestLink | None = None
    ) -> None:
        """Give the namespace its addresses, then open the metadata service in it."""
        if self._routers is not None and link is not None:
            await self._routers.ensure(key, link)
        visit = visit_of(self._state.region(key.account, key.region), key.instance_id)
        if self._filters is None:
            sockets = await self._way.visit(container, pid, visit)
        else:
            sockets = await self._filters.begin(key, container, pid, visit)
        if self._flows is not None:
            self._flows.begin(key, container, pid)
        by_port: dict[int, list[socket.socket]] = {}
        for each in sockets:
            port = each.getsockname()[1]
            by_port.setdefault(_PUBLIC.get(port, port), []).append(each)
        try:
            for port, listeners in self.listeners.items():
                listeners.adopt(_identity(key), by_port.pop(port, ()))
        except OSError as error:
            raise VMError(f"{key} cannot be answered: {error}") from error
        finally:
            for unheard in by_port.values():
                for each in unheard:
                    each.close()

    def can_run_inside(self) -> bool:
        """Tell whether containers can be entered whole."""
        return self._way.can_run_inside()

    async def run_inside(
        self, container: str, pid: int, arguments: Sequence[str], stdin: bytes
    ) -> None:
        """Run a program of the container's in it."""
        await self._way.run_inside(container, pid, arguments, stdin)

    def forget(self, key: GuestKey) -> None:
        """Stop serving the instance."""
        if self._filters is not None:
            self._filters.forget(key)
        if self._flows is not None:
            self._flows.forget(key)
        for listeners in self.listeners.values():
            listeners.close(_identity(key))


def _identity(key: GuestKey) -> tuple[str, str, str]:
    return key.account, key.region, key.instance_id


@attrs.frozen
class DirectWay(Way, CountsFlows):
    """Enters by ``setns``: as root, in the engine's own process namespace."""

    _threads: Threads

    def obstacle(self) -> str | None:
        """Return what is missing."""
        if os.geteuid() != 0:
            return "only root may enter the network namespaces of containers"
        missing = missing_capabilities(_STATUS.read_text(encoding="ascii", errors="replace"))
        if missing:
            return f"root is here without {' and '.join(missing)}"
        if shutil.which("ip") is None:
            return "the command ip is missing (on Debian and Ubuntu: apt-get install iproute2)"
        return None

    def filter_obstacle(self) -> str | None:
        """Return what is missing: a filter is tried in a namespace made for this alone."""
        return self.obstacle() or nft_obstacle() or blocking_filter_trial()

    async def visit(self, container: str, pid: int, visit: Visit) -> list[socket.socket]:
        """Visit in a thread that exists for this alone: it is of no use afterwards."""
        return await self._threads.run(blocking_visit, container, pid, visit)

    async def visit_flows(self, container: str, pid: int, visit: FlowVisit) -> str:
        """Visit in a thread of its own, likewise."""
        return await self._threads.run(_blocking_flows, container, pid, visit)

    def can_run_inside(self) -> bool:
        """Tell whether nsenter is there, and may be used."""
        return self.obstacle() is None and shutil.which("nsenter") is not None

    async def run_inside(
        self, container: str, pid: int, arguments: Sequence[str], stdin: bytes
    ) -> None:
        """Run it with nsenter: no path is looked up outside the container's own root."""
        await self._threads.run(_blocking_run_inside, container, pid, arguments, stdin)

    async def filter_host(self, script: str) -> None:
        """Load a script here: this is the engine's machine."""
        await self._threads.run(_blocking_filter, script)

    async def route(self, visit: RouterVisit, namespaces: Sequence[int]) -> list[int]:
        """Do errands from here: this is the engine's machine."""
        return await self._threads.run(_blocking_route, visit, tuple(namespaces))


def _blocking_route(visit: RouterVisit, namespaces: Sequence[int]) -> list[int]:
    try:
        return perform_errands(visit, namespaces)
    except (OSError, CommandFailed) as error:
        raise VMError(f"the routers: {error}") from error


def missing_capabilities(status: str) -> list[str]:
    """Return what visits to namespaces need and a process does not have; pure.

    Args:
        status: the kernel's word on the process, ``/proc/self/status``; without the line in
            question nothing is known to be missing.
    """
    for line in status.splitlines():
        name, _, value = line.partition(":")
        if name == "CapEff":
            return [each for each, bit in _NEEDED.items() if not int(value, 16) >> bit & 1]
    return []


def _blocking_filter(script: str) -> None:
    try:
        filter_host(script)
    except (OSError, CommandFailed) as error:
        raise VMError(f"a packet filter on this machine: {error}") from error


def nft_obstacle() -> str | None:
    """Return whether the command is missing that loads packet filters."""
    if shutil.which("nft") is None:
        return "the command nft is missing (on Debian and Ubuntu: apt-get install nftables)"
    return None


def blocking_filter_trial() -> str | None:
    """Return what the kernel says to a packet filter, or None if it takes it."""
    sample = InterfaceRules(
        (known_network("192.0.2.1/32"), known_network("2001:db8::1/128")),
        (Allowed(Traffic(TCP, (22, 80)), (known_network("192.0.2.0/24"),)),),
        (Allowed(Traffic(None), (known_network("0.0.0.0/0"), known_network("::/0"))),),
    )
    text = definitions([1], []) + script(Ruleset((sample, sample))) + redirects_to(METADATA)
    try:
        apart(_leave, lambda: load_filter(text))
    except (OSError, CommandFailed) as error:
        return str(error)
    return None


def blocking_visit(container: str, pid: int, visit: Visit) -> list[socket.socket]:
    """Do a visit in the network namespace of a container's process.

    Raises:
        VMError: the process is gone, or a command failed.
    """
    try:
        return apart(lambda: _enter(container, pid), lambda: perform(visit))
    except (OSError, CommandFailed) as error:
        raise VMError(f"the network namespace of process {pid}: {error}") from error


def _blocking_flows(container: str, pid: int, visit: FlowVisit) -> str:
    try:
        return apart(lambda: _enter(container, pid), lambda: perform_flows(visit))
    except (OSError, CommandFailed) as error:
        raise VMError(f"the network namespace of process {pid}: {error}") from error


def apart(enter: Callable[[], None], work: Callable[[], T]) -> T:
    """Return what ``work`` returns in a thread that is in another namespace than the others."""
    results: list[T] = []
    errors: list[Exception] = []

    def visit() -> None:
        try:
            enter()
            results.append(work())
        except Exception as error:  # noqa: BLE001 - raised again where somebody waits
            errors.append(error)

    thread = threading.Thread(target=visit, name="in another network namespace", daemon=True)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]


def _blocking_run_inside(container: str, pid: int, arguments: Sequence[str], stdin: bytes) -> None:
    try:
        _process_of(container, pid)
        nsenter = ("nsenter", "--target", str(pid), "--mount", "--root", "--wd=/", "--")
        run_blocking((*nsenter, *arguments), stdin=stdin)
    except (OSError, CommandFailed) as error:
        raise VMError(f"the files of process {pid}: {error}") from error


def _process_of(container: str, pid: int) -> Path:
    """Return the folder of a process that is in a container and nowhere else.

    The engine may be on another machine, where its process numbers mean other processes; a
    filter in the wrong namespace would cut somebody off.
    """
    process = Path(f"/proc/{pid}")
    # The engine mounts files from the container's folder, which has its name.
    if container not in (process / "mountinfo").read_text(encoding="utf-8", errors="replace"):
        raise OSError(errno.ESRCH, f"it is not in the container {container}")
    return process


def _enter(container: str, pid: int) -> None:
    """Enter the network namespace of a container's process."""
    process = _process_of(container, pid)
    path = process / "ns/net"
    if path.stat().st_ino == Path("/proc/self/ns/net").stat().st_ino:
        raise OSError(errno.EINVAL, "it has no network namespace of its own")
    libc = ctypes.CDLL(None, use_errno=True)
    with path.open("rb") as namespace:
        if libc.setns(namespace.fileno(), _CLONE_NEWNET) != 0:
            raise _last_error()


def _leave() -> None:
    """Leave for a new namespace, which ends with the thread."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNET) != 0:
        raise _last_error()


def _last_error() -> OSError:
    code = ctypes.get_errno()
    return OSError(code, os.strerror(code))
