"""The one way into an instance's network namespace: addresses, and who listens there.

What is to be in a namespace is worked out from records (``plan_of``, pure) and done in one
short visit by a thread that exists for it alone, since a thread that has entered a namespace
is of no use for anything else afterwards.
"""

from __future__ import annotations

import ctypes
import errno
import ipaddress
import json
import os
import shutil
import socket
import threading
from abc import abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

import attrs

from emulator.core.process import CommandFailed, run_blocking
from emulator.core.threads import Threads
from emulator.model.network_interface import NetworkInterface
from emulator.model.vpc import Vpc
from emulator.state.store import Region, State
from emulator.vm.interface import GuestKey, Namespaces, VMError

T = TypeVar("T")

# "Access instance metadata": the same two addresses in every instance.
METADATA_IPV4 = "169.254.169.254"
METADATA_IPV6 = "fd00:ec2::254"
METADATA_PORT = 80
_BACKLOG = 64
_CLONE_NEWNET = 0x40000000
_IPV6_SWITCH = "/proc/sys/net/ipv6/conf/lo/disable_ipv6"


@attrs.frozen
class InterfacePlan:
    """One interface of an instance.

    Attributes:
        mac_address: by which the first interface is found; the others are made.
        device_index: its place in the instance.
        addresses: with the length of the prefix they are in.
    """

    mac_address: str
    device_index: int
    addresses: tuple[str, ...]


@attrs.frozen
class NamespacePlan:
    """What an instance's namespace is to hold."""

    interfaces: tuple[InterfacePlan, ...]


def plan_of(region: Region, instance_id: str) -> NamespacePlan:
    """Return what the namespace of an instance is to hold; an unknown one holds nothing."""
    rows = [
        row for row in region[NetworkInterface].where(instance_id=instance_id) if row.attachment
    ]
    rows.sort(key=_device_index)
    return NamespacePlan(tuple(_interface_plan(region, row) for row in rows))


def _device_index(row: NetworkInterface) -> int:
    return row.attachment.device_index if row.attachment else 0


def _interface_plan(region: Region, row: NetworkInterface) -> InterfacePlan:
    vpc = region[Vpc].get(row.vpc_id)
    blocks = (
        [
            ipaddress.ip_network(block.cidr)
            for block in (*vpc.ipv4_associations, *vpc.ipv6_associations)
        ]
        if vpc
        else []
    )
    addresses = []
    for text in (*row.private_ips, *row.ipv6_addresses):
        address = ipaddress.ip_address(text)
        lengths = [block.prefixlen for block in blocks if address in block]
        addresses.append(f"{address}/{min(lengths, default=address.max_prefixlen)}")
    return InterfacePlan(row.mac_address, _device_index(row), tuple(addresses))


def interface_commands(plan: NamespacePlan, links: Sequence[dict[str, Any]]) -> list[str]:
    """Return the commands for ``ip -batch`` that make a namespace's interfaces so; pure.

    Args:
        plan: what is to be.
        links: what is, as ``ip -json link`` lists it.
    """
    commands: list[str] = []
    by_mac = {str(link.get("address")): str(link["ifname"]) for link in links}
    by_name = {str(link["ifname"]) for link in links}
    first = next(
        (by_mac[each.mac_address] for each in plan.interfaces if each.mac_address in by_mac),
        "eth0",
    )
    for each in plan.interfaces:
        name = by_mac.get(each.mac_address)
        if name is None and each.device_index == 0:
            name = first
        if name is None:
            name = f"eth{each.device_index}"
            if name in by_name:
                name = f"ens{each.device_index}"
            # The VPC is one wire, so a further interface is a further address on it.
            commands.append(
                f"link add link {first} name {name} address {each.mac_address} "
                "type macvlan mode bridge"
            )
            commands.append(f"link set {name} up")
        commands += [f"address replace {address} dev {name}" for address in each.addresses]
    return commands


METADATA_COMMANDS = (
    f"address replace {METADATA_IPV4}/32 dev lo",
    "link set lo up",
)


class MetadataListeners(Protocol):
    """Who answers what arrives at an instance's metadata addresses."""

    @abstractmethod
    def adopt(self, key: tuple[str, str, str], sockets: Sequence[socket.socket]) -> None:
        """Serve these listening sockets as the instance's; earlier ones are closed."""

    @abstractmethod
    def close(self, key: tuple[str, str, str]) -> None:
        """Stop serving an instance."""


@attrs.define(eq=False)
class HostNamespaces(Namespaces):
    """Enters namespaces directly: as root, in the engine's own process namespace.

    Attributes:
        listeners: who answers instances; given once it is there, before the first launch.
    """

    _state: State
    _threads: Threads
    listeners: MetadataListeners | None = attrs.field(default=None, init=False)

    def obstacle(self) -> str | None:
        """Return why namespaces cannot be entered from here."""
        if os.geteuid() != 0:
            return "only root may enter the network namespaces of containers"
        if shutil.which("ip") is None:
            return "the command ip is missing (on Debian and Ubuntu: apt-get install iproute2)"
        return None

    async def prepare(self, key: GuestKey, pid: int) -> None:
        """Give the namespace its addresses, then open the metadata service in it."""
        plan = plan_of(self._state.region(key.account, key.region), key.instance_id)
        sockets = await self._threads.run(blocking_visit, pid, plan)
        if self.listeners is not None:
            self.listeners.adopt(_identity(key), sockets)

    def forget(self, key: GuestKey) -> None:
        """Stop serving the instance."""
        if self.listeners is not None:
            self.listeners.close(_identity(key))


def _identity(key: GuestKey) -> tuple[str, str, str]:
    return key.account, key.region, key.instance_id


def blocking_visit(pid: int, plan: NamespacePlan) -> list[socket.socket]:
    """Set a namespace up and return the sockets that listen in it.

    Raises:
        VMError: the process is gone, or a command failed.
    """
    return _inside(pid, lambda: _set_up(plan))


def _set_up(plan: NamespacePlan) -> list[socket.socket]:
    links = json.loads(run_blocking(("ip", "-json", "link", "show")).output)
    commands = [*METADATA_COMMANDS, *interface_commands(plan, links)]
    has_ipv6 = _enable_ipv6()
    if has_ipv6:
        commands.append(f"address replace {METADATA_IPV6}/128 dev lo nodad")
    run_blocking(("ip", "-batch", "-"), stdin="\n".join(commands).encode() + b"\n")
    # The guest waits for the IPv4 listener, so that comes last.
    sockets = []
    if has_ipv6:
        sockets.append(_listening(socket.AF_INET6, METADATA_IPV6))
    sockets.append(_listening(socket.AF_INET, METADATA_IPV4))
    return sockets


def _enable_ipv6() -> bool:
    """Allow IPv6 on the loopback interface of the namespace this thread is in."""
    try:
        Path(_IPV6_SWITCH).write_text("0", encoding="ascii")
    except OSError:
        return False
    return True


def _listening(family: socket.AddressFamily, address: str) -> socket.socket:
    opened = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        opened.bind((address, METADATA_PORT))
        opened.listen(_BACKLOG)
    except OSError:
        opened.close()
        raise
    return opened


def _inside(pid: int, work: Callable[[], T]) -> T:
    """Return what ``work`` returns inside the network namespace of a process."""
    results: list[T] = []
    errors: list[Exception] = []

    def visit() -> None:
        try:
            _enter(pid)
            results.append(work())
        except Exception as error:  # noqa: BLE001 - raised again where somebody waits
            errors.append(error)

    thread = threading.Thread(target=visit, name=f"namespace of {pid}", daemon=True)
    thread.start()
    thread.join()
    if errors:
        error = errors[0]
        if isinstance(error, (OSError, CommandFailed)):
            raise VMError(f"the network namespace of process {pid}: {error}") from error
        raise error
    return results[0]


def _enter(pid: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    with Path(f"/proc/{pid}/ns/net").open("rb") as namespace:
        if libc.setns(namespace.fileno(), _CLONE_NEWNET) != 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code) if code else errno.errorcode.get(code, "?"))
