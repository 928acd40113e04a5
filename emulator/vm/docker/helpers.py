"""Short-lived containers of the emulator's own image, beside the one it runs in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from emulator.core.threads import Threads
from emulator.vm.docker import names
from emulator.vm.docker.blocking import Engine, EngineError
from emulator.vm.docker.connection import Connection

PYTHON = "python3"
# To make namespaces, and to write their settings below /proc/sys. A container that may do
# everything would be simpler, and more than some engines have to give.
_MAKES_NAMESPACES = {
    "CapAdd": ["NET_ADMIN", "SYS_ADMIN"],
    "SecurityOpt": ["apparmor=unconfined", "label=disable"],
    "MaskedPaths": [],
    "ReadonlyPaths": [],
}


@attrs.define(eq=False)
class OwnImageHelpers:
    """Starts helpers in other containers' network namespaces.

    Args:
        connection: to the engine.
        threads: where its calls block.
        names: of this emulator.
        own_container: the id of the container that the emulator is in; None on a host.
    """

    _connection: Connection
    _threads: Threads
    _names: names.Names
    _own_container: str | None
    _own: Mapping[str, Any] | None = attrs.field(default=None, init=False)

    def obstacle(self) -> str | None:
        """Return why there can be no helpers."""
        if self._own_container is None:
            return "the emulator's own container is not known"
        return None

    async def begin(
        self, network: str, arguments: Sequence[str], *, privileged: bool = False
    ) -> str:
        """Start a helper and return its id."""
        engine = await self._connection.engine()
        return await self._threads.run(
            self._blocking_begin, engine, network, arguments, privileged=privileged
        )

    async def end(self, helper: str) -> str:
        """Remove a helper and return what it wrote."""
        engine = await self._connection.engine()
        return await self._threads.run(_blocking_end, engine, helper)

    def _blocking_begin(
        self, engine: Engine, network: str, arguments: Sequence[str], *, privileged: bool
    ) -> str:
        config = helper_config(
            self._blocking_own(engine),
            network,
            arguments,
            self._names.label(),
            privileged=privileged,
        )
        helper = engine.create("", config)
        try:
            engine.start(helper)
        except EngineError:
            engine.remove(helper)
            raise
        return helper

    def _blocking_own(self, engine: Engine) -> Mapping[str, Any]:
        if self._own is None:
            self._own = engine.inspect(self._own_container or "")
        if self._own is None:
            raise EngineError("the emulator's own container is not on this engine")
        return self._own


def helper_config(
    own: Mapping[str, Any],
    network: str,
    arguments: Sequence[str],
    labels: Mapping[str, str],
    *,
    privileged: bool = False,
) -> Mapping[str, Any]:
    """Return the body of ContainerCreate for a helper; pure.

    Args:
        own: the emulator's container, as the engine describes it.
        network: Docker's network mode for the helper.
        arguments: Python's.
        labels: the helper's.
        privileged: whether it may make namespaces.
    """
    return {
        "Image": own["Image"],
        "Entrypoint": [PYTHON],
        "Cmd": list(arguments),
        "User": "0:0",
        "Healthcheck": {"Test": ["NONE"]},
        "Labels": dict(labels),
        "HostConfig": {
            "NetworkMode": network,
            **(_MAKES_NAMESPACES if privileged else {"CapAdd": ["NET_ADMIN"]}),
            "VolumesFrom": [own["Id"]],
        },
    }


def _blocking_end(engine: Engine, helper: str) -> str:
    try:
        said = engine.log_tail(helper, 20).decode(errors="replace").strip()
    except EngineError:
        said = ""
    engine.remove(helper)
    return said
