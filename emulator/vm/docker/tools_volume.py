"""The Docker volume that gives every guest its tools, filled once for each version of them."""

from __future__ import annotations

from collections.abc import Callable

import attrs
from twisted.internet.defer import DeferredLock

from emulator.core.threads import Threads
from emulator.vm.docker.blocking import Engine, EngineError
from emulator.vm.docker.containers import ToolsVolume
from emulator.vm.docker.names import Names
from emulator.vm.docker.tools import MOUNT_POINT, Tools, ToolsMissing

REPOSITORY = "ec2-emulator-guest-tools"


@attrs.define(eq=False)
class SharedTools(ToolsVolume):
    """Fills the volume when a guest first needs it.

    Args:
        threads: where the engine's calls block.
        load: reads the tools.
        names: of this emulator.
    """

    _threads: Threads
    _load: Callable[[], Tools]
    _names: Names
    _name: str | None = attrs.field(default=None, init=False)
    _version: str = attrs.field(default="", init=False)
    _lock: DeferredLock = attrs.field(factory=DeferredLock, init=False)

    async def volume(self, engine: Engine) -> str:
        """Return the volume's name.

        Raises:
            EngineError: it could not be filled.
        """
        if self._name is not None:
            return self._name
        async with self._lock:
            if self._name is None:
                self._name = await self._threads.run(self._blocking_fill, engine)
            return self._name

    def image(self) -> str:
        """Return the image that the volume is filled from."""
        return f"{REPOSITORY}:{self._version}"

    def forget(self) -> None:
        """Look again: the engine may be another one."""
        self._name = None

    def _blocking_fill(self, engine: Engine) -> str:
        try:
            tools = self._load()
        except ToolsMissing as error:
            raise EngineError(str(error)) from None
        self._version = tools.digest[:16]
        reference, name = self.image(), f"{REPOSITORY}-{self._version}"
        if engine.image(reference) is None:
            engine.import_tar(tools.archive, REPOSITORY, self._version)
        # Docker fills an empty volume with what the image has at that place, before the
        # container is started; this one never is.
        container = engine.create(
            "",
            {
                "Image": reference,
                "Entrypoint": [f"{MOUNT_POINT}/busybox"],
                "Labels": self._names.helper_label(),
                "HostConfig": {"Binds": [f"{name}:{MOUNT_POINT}"], "NetworkMode": "none"},
            },
        )
        engine.remove(container)
        return name
