"""Namespaces entered by helper containers, where the emulator itself is in a container."""

from __future__ import annotations

import socket
from abc import abstractmethod
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

import attrs
from twisted.logger import Logger

from emulator.core.background import Background
from emulator.core.process import CommandFailed
from emulator.core.threads import Threads
from emulator.net.flow_logs import CountsFlows
from emulator.net.flow_visit import FlowVisit
from emulator.net.helper import ask, ask_flows
from emulator.net.namespace import Way, nft_obstacle
from emulator.net.router_helper import ask as ask_router
from emulator.net.router_visit import RouterVisit
from emulator.net.visit import Visit
from emulator.vm.interface import VMError

T = TypeVar("T")

log = Logger()

# A busy engine starts twenty instances and their helpers at once.
ANSWER_SECONDS = 60.0
PROGRAM = ("-m", "emulator.net.helper")
ROUTER_PROGRAM = ("-m", "emulator.net.router_helper")


class Helpers(Protocol):
    """Runs helper containers: of the emulator's own image, with the emulator's own volumes."""

    @abstractmethod
    def obstacle(self) -> str | None:
        """Return why there are none; None: there are."""

    @abstractmethod
    async def begin(
        self, network: str, arguments: Sequence[str], *, privileged: bool = False
    ) -> str:
        """Start Python with arguments and return the helper's name.

        Args:
            network: Docker's network mode: ``host``, or ``container:`` and a container.
            arguments: Python's.
            privileged: whether it may make namespaces.

        Raises:
            VMError: the engine refuses.
        """

    @abstractmethod
    async def end(self, helper: str) -> str:
        """Remove a helper and return what it wrote."""


@attrs.frozen
class HelperWay(Way, CountsFlows):
    """Sends one helper a visit.

    Args:
        helpers: who runs them.
        threads: where talking to them blocks.
        background: owns their removal.
        directory: on a volume that helpers share; its sockets are named at random.
        new_name: gives a name that nobody has.
    """

    _helpers: Helpers
    _threads: Threads
    _background: Background
    _directory: Path
    _new_name: Callable[[], str]

    def obstacle(self) -> str | None:
        """Return what is missing."""
        return self._helpers.obstacle()

    def filter_obstacle(self) -> str | None:
        """Return what is missing: helpers have the emulator's own files, and may filter."""
        return self.obstacle() or nft_obstacle()

    async def visit(self, container: str, pid: int, visit: Visit) -> list[socket.socket]:  # noqa: ARG002 - the engine finds it
        """Let a helper do the visit."""
        return await self._send(f"container:{container}", partial(_blocking_ask, visit=visit))

    async def visit_flows(self, container: str, pid: int, visit: FlowVisit) -> str:  # noqa: ARG002 - the engine finds it
        """Let a helper do the visit."""
        return await self._send(f"container:{container}", partial(_blocking_ask_flows, visit=visit))

    def can_run_inside(self) -> bool:
        """Say no: a helper is in a container's network alone."""
        return False

    async def run_inside(
        self,
        container: str,
        pid: int,  # noqa: ARG002 - as is the rest
        arguments: Sequence[str],  # noqa: ARG002
        stdin: bytes,  # noqa: ARG002
    ) -> None:
        """Refuse."""
        raise VMError(f"a helper cannot enter the files of {container}")

    async def filter_host(self, script: str) -> None:
        """Let a helper load a script on the engine's machine."""
        visit = Visit(packet_filter=script, on_host=True)
        await self._send("host", partial(_blocking_ask, visit=visit))

    async def route(self, visit: RouterVisit, namespaces: Sequence[int]) -> list[int]:
        """Let a helper do errands."""
        return await self._send(
            "host",
            partial(_blocking_ask_routers, visit=visit, namespaces=tuple(namespaces)),
            program=ROUTER_PROGRAM,
            privileged=True,
        )

    async def _send(
        self,
        network: str,
        blocking_ask: Callable[[socket.socket], T],
        *,
        program: Sequence[str] = PROGRAM,
        privileged: bool = False,
    ) -> T:
        """Send a helper, which is removed when nobody waits for it any more."""
        path = self._directory / f"{self._new_name()}.sock"
        with _listening(path) as door:
            arguments = (*program, str(path))
            helper = await self._helpers.begin(network, arguments, privileged=privileged)
            try:
                answer = await self._threads.run(blocking_ask, door)
            except (CommandFailed, OSError) as error:
                said = await self._helpers.end(helper)
                raise VMError(f"the network of {network}: {error} {said}") from error
            finally:
                path.unlink(missing_ok=True)
        self._background.start("removing a helper", self._end(helper))
        return answer

    async def _end(self, helper: str) -> None:
        try:
            await self._helpers.end(helper)
        except VMError as error:
            log.warn("a helper stays behind: {error}", error=str(error))


def _listening(path: Path) -> socket.socket:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    door = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    door.bind(str(path))
    door.listen(1)
    return door


def _blocking_ask(door: socket.socket, visit: Visit) -> list[socket.socket]:
    with _blocking_answer(door) as stream:
        return ask(stream, visit)


def _blocking_ask_flows(door: socket.socket, visit: FlowVisit) -> str:
    with _blocking_answer(door) as stream:
        return ask_flows(stream, visit)


def _blocking_ask_routers(
    door: socket.socket, visit: RouterVisit, namespaces: Sequence[int]
) -> list[int]:
    with _blocking_answer(door) as stream:
        return ask_router(stream, visit, namespaces)


def _blocking_answer(door: socket.socket) -> socket.socket:
    door.settimeout(ANSWER_SECONDS)
    stream, _ = door.accept()
    stream.settimeout(ANSWER_SECONDS)
    return stream
