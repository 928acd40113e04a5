"""The connection to the engine, made when it is first needed and again after a failure."""

from __future__ import annotations

import attrs
from twisted.internet.defer import DeferredLock

from emulator.core.threads import Threads
from emulator.vm.docker.blocking import Engine, EngineAddress, connect


@attrs.define(eq=False)
class Connection:
    """Gives the engine to whoever needs it.

    Args:
        address: where the engine is.
        threads: where its calls block.
    """

    address: EngineAddress
    _threads: Threads
    _engine: Engine | None = attrs.field(default=None, init=False)
    _lock: DeferredLock = attrs.field(factory=DeferredLock, init=False)

    async def engine(self) -> Engine:
        """Return the engine.

        Raises:
            Unreachable: it does not answer; the next call tries again.
        """
        if self._engine is not None:
            return self._engine
        async with self._lock:
            if self._engine is None:
                self._engine = await self._threads.run(connect, self.address)
            return self._engine
