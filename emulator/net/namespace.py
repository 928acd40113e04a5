"""The one way into an instance's network namespace.

What is to be in a namespace is worked out from records and done in one short visit. The
emulator enters by itself where it is root beside the engine; in a container it sends a
short-lived helper container of its own image, which passes the sockets back.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import socket
import threading
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

import attrs

from emulator.core.process import CommandFailed
from emulator.core.threads import Threads
from emulator.net.interfaces import interfaces_of
from emulator.net.visit import Listening, Visit, perform
from emulator.state.store import Region, State
from emulator.vm.interface import GuestKey, Namespaces, VMError

T = TypeVar("T")

# "Access instance metadata": the same two addresses in every instance. The guest waits for
# the IPv4 listener, so that one comes last.
METADATA_PORT = 80
METADATA_IPV4 = "169.254.169.254"
METADATA = (Listening("fd00:ec2::254", METADATA_PORT), Listening(METADATA_IPV4, METADATA_PORT))
# AWS's APIs, for software in an instance; from there the emulator's own address may be out of
# reach.
API_PORT = 4566
API = (Listening(METADATA_IPV4, API_PORT),)
API_URL = f"http://{METADATA_IPV4}:{API_PORT}"
_CLONE_NEWNET = 0x40000000


def visit_of(region: Region, instance_id: str) -> Visit:
    """Return what the namespace of an instance is to hold."""
    return Visit(interfaces_of(region, instance_id), listening=(*API, *METADATA))


class InstanceListeners(Protocol):
    """Who answers what arrives at one port of an instance's metadata addresses."""

    @abstractmethod
    def adopt(self, key: tuple[str, str, str], sockets: Sequence[socket.socket]) -> None:
        """Serve these listening sockets as the instance's; earlier ones are closed."""

    @abstractmethod
    def close(self, key: tuple[str, str, str]) -> None:
        """Stop serving an instance."""


class Way(Protocol):
    """How a namespace is entered."""

    @abstractmethod
    def obstacle(self) -> str | None:
        """Return why namespaces cannot be entered this way; None: they can."""

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


@attrs.define(eq=False)
class InstanceNamespaces(Namespaces):
    """Makes namespaces what the records of their instances say.

    Args:
        state: every account's records.
        way: how a namespace is entered.

    Attributes:
        listeners: who answers instances, by port; given once they are there, before the
            first launch.
    """

    _state: State
    _way: Way
    listeners: Mapping[int, InstanceListeners] = attrs.field(factory=dict, init=False)

    def obstacle(self) -> str | None:
        """Return why namespaces cannot be entered from here."""
        return self._way.obstacle()

    async def prepare(self, key: GuestKey, container: str, pid: int) -> None:
        """Give the namespace its addresses, then open the metadata service in it."""
        visit = visit_of(self._state.region(key.account, key.region), key.instance_id)
        sockets = await self._way.visit(container, pid, visit)
        by_port: dict[int, list[socket.socket]] = {}
        for each in sockets:
            by_port.setdefault(each.getsockname()[1], []).append(each)
        try:
            for port, listeners in self.listeners.items():
                listeners.adopt(_identity(key), by_port.pop(port, ()))
        except OSError as error:
            raise VMError(f"{key} cannot be answered: {error}") from error
        finally:
            for unheard in by_port.values():
                for each in unheard:
                    each.close()

    def forget(self, key: GuestKey) -> None:
        """Stop serving the instance."""
        for listeners in self.listeners.values():
            listeners.close(_identity(key))


def _identity(key: GuestKey) -> tuple[str, str, str]:
    return key.account, key.region, key.instance_id


@attrs.frozen
class DirectWay(Way):
    """Enters by ``setns``: as root, in the engine's own process namespace."""

    _threads: Threads

    def obstacle(self) -> str | None:
        """Return what is missing."""
        if os.geteuid() != 0:
            return "only root may enter the network namespaces of containers"
        if shutil.which("ip") is None:
            return "the command ip is missing (on Debian and Ubuntu: apt-get install iproute2)"
        return None

    async def visit(self, container: str, pid: int, visit: Visit) -> list[socket.socket]:  # noqa: ARG002 - the process is enough
        """Visit in a thread that exists for this alone: it is of no use afterwards."""
        return await self._threads.run(blocking_visit, pid, visit)


def blocking_visit(pid: int, visit: Visit) -> list[socket.socket]:
    """Do a visit in the network namespace of a process.

    Raises:
        VMError: the process is gone, or a command failed.
    """
    return _inside(pid, lambda: perform(visit))


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
            raise OSError(code, os.strerror(code))
