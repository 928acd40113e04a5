"""The connection to one hypervisor: calls in a thread of its own, made again when it breaks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

import attrs
from twisted.logger import Logger

from emulator.core.threads import Threads
from emulator.vm.libvirt.blocking import Hypervisor, Unreachable, connect

log = Logger(namespace="emulator.vm.libvirt")

P = ParamSpec("P")
T = TypeVar("T")


@attrs.define(eq=False)
class Connection:
    """Gives the hypervisor to whoever needs it.

    Args:
        uri: the hypervisor's.
        thread: one thread, in which the connection is made and nearly everything is asked, so
            that calls come in the order in which they were made.
        slow_threads: for what moves data and takes long; libvirt lets several threads use one
            connection.
        connect: makes a connection, in the thread.
    """

    uri: str
    _thread: Threads
    _slow_threads: Threads
    _connect: Callable[[str], Hypervisor] = connect
    # Both belong to the thread.
    _hypervisor: Hypervisor | None = attrs.field(default=None, init=False)
    _on_open: list[Callable[[Hypervisor], None]] = attrs.field(factory=list, init=False)

    def on_open(self, function: Callable[[Hypervisor], None]) -> None:
        """Have every connection that is made from now on handed to a function, in the thread."""
        self._on_open.append(function)

    async def run(
        self,
        function: Callable[Concatenate[Hypervisor, P], T],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Return ``function(hypervisor, …)``, called in the connection's thread.

        Raises:
            Unreachable: the hypervisor does not answer; the next call tries again.
            LibvirtError: it refused.
        """

        def work(hypervisor: Hypervisor) -> T:
            return function(hypervisor, *args, **kwargs)

        return await self._thread.run(self._blocking_run, work)

    async def run_slowly(
        self,
        function: Callable[Concatenate[Hypervisor, P], T],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """As ``run``, for what takes seconds or more: others need not wait for it."""
        hypervisor = await self._thread.run(self._blocking_open)
        return await self._slow_threads.run(function, hypervisor, *args, **kwargs)

    async def close(self) -> None:
        """Let go of the connection; a further call would make another one."""
        await self._thread.run(self._blocking_close)

    def _blocking_run(self, work: Callable[[Hypervisor], T]) -> T:
        return work(self._blocking_open())

    def _blocking_open(self) -> Hypervisor:
        if self._hypervisor is not None:
            if self._hypervisor.is_alive():
                return self._hypervisor
            log.warn("the connection to {uri} broke; making it again", uri=self.uri)
            self._blocking_close()
        hypervisor = self._connect(self.uri)
        try:
            for function in self._on_open:
                function(hypervisor)
        except Unreachable:
            hypervisor.close()
            raise
        self._hypervisor = hypervisor
        return hypervisor

    def _blocking_close(self) -> None:
        hypervisor, self._hypervisor = self._hypervisor, None
        if hypervisor is not None:
            hypervisor.close()
