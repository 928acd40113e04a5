"""EBS volumes as files: where their data is, and how it moves.

A guest has its disks as files in a Docker volume of its own, mounted at ``/ebs-dev``. A
volume that no guest has, and a snapshot, keep their data in a Docker volume each. Data moves
between them in short-lived containers, so nothing needs to reach the engine's file system
from here. A volume without data anywhere is all zeros.

Source: the seed documents, "Elastic Block Store": sizes are MiB here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import attrs

from emulator.core.threads import Threads
from emulator.vm.docker import names
from emulator.vm.docker.blocking import Engine, EngineError
from emulator.vm.docker.containers import ToolsVolume
from emulator.vm.docker.tools import MOUNT_POINT
from emulator.vm.interface import GuestDisk, VMError

_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_DATA = "data"
_FROM, _TO = "/from", "/to"
# $1 and $2 are files, $3 a size in MiB; what is not there is made, and is zeros.
_COPY = 'if [ -e "$1" ]; then cp "$1" "$2.part"; mv "$2.part" "$2"; fi; truncate -s "$3"M "$2"'
# The same for a volume that may have been written to since: it begins with a snapshot once.
_BEGIN = f'if [ ! -e "$2" ]; then {_COPY}; fi'
_MAKE = 'truncate -s "$2"M "$1"'
_REMOVE = 'rm -f "$1"'


def file_name(device: str) -> str:
    """Return a device's file under ``/ebs-dev``.

    Raises:
        VMError: the device's name makes no file name.
    """
    name = device.rpartition("/")[2]
    if _FILE.fullmatch(name) is None:
        raise VMError(f"the device name {device[:64]!r} cannot be a file")
    return name


@attrs.define(eq=False)
class EbsFiles:
    """Moves the data of volumes on one engine."""

    _names: names.Names
    _threads: Threads
    _tools: ToolsVolume

    async def provide(self, engine: Engine, instance_id: str, disks: Sequence[GuestDisk]) -> None:
        """Make a new guest's Docker volume with its disks in it."""
        await self._threads.run(
            engine.create_volume, self._names.volume(instance_id), self._labels(instance_id)
        )
        for disk in disks:
            await self.attach(engine, instance_id, disk)

    async def attach(self, engine: Engine, instance_id: str, disk: GuestDisk) -> None:
        """Put a volume's file into a guest: with the volume's data, or its snapshot's, or none."""
        target = self._names.volume(instance_id)
        stored = [disk.volume_id, *([disk.snapshot_id] if disk.snapshot_id else [])]
        name = file_name(disk.device)
        for resource_id in stored:
            source = self._names.volume(resource_id)
            if await self._threads.run(engine.has_volume, source):
                await self._work(
                    engine,
                    [f"{source}:{_FROM}:ro", f"{target}:{_TO}"],
                    _COPY if resource_id == disk.volume_id else _BEGIN,
                    [f"{_FROM}/{_DATA}", f"{_TO}/{name}", str(disk.size)],
                )
                break
        else:
            await self._work(engine, [f"{target}:{_TO}"], _MAKE, [f"{_TO}/{name}", str(disk.size)])
        # While a guest has it, the guest's file is the volume.
        await self._threads.run(engine.remove_volume, self._names.volume(disk.volume_id))

    async def detach(self, engine: Engine, instance_id: str, disk: GuestDisk) -> None:
        """Take a volume's file out of a guest and keep it."""
        await self._keep(engine, instance_id, disk, disk.volume_id)
        await self._work(
            engine,
            [f"{self._names.volume(instance_id)}:{_TO}"],
            _REMOVE,
            [f"{_TO}/{file_name(disk.device)}"],
        )

    async def snapshot(
        self, engine: Engine, disk: GuestDisk, holder: str | None, snapshot_id: str
    ) -> None:
        """Copy a volume's data, wherever it is, for a snapshot."""
        if holder is not None:
            await self._keep(engine, holder, disk, snapshot_id)
            return
        for resource_id in (disk.volume_id, disk.snapshot_id):
            if resource_id is None:
                continue
            source = self._names.volume(resource_id)
            if await self._threads.run(engine.has_volume, source):
                await self._copy(engine, source, _DATA, disk, snapshot_id)
                return

    async def delete(self, engine: Engine, resource_id: str) -> None:
        """Forget the data of a volume, a snapshot or a guest."""
        await self._threads.run(engine.remove_volume, self._names.volume(resource_id))

    async def _keep(
        self, engine: Engine, instance_id: str, disk: GuestDisk, resource_id: str
    ) -> None:
        source = self._names.volume(instance_id)
        await self._copy(engine, source, file_name(disk.device), disk, resource_id)

    async def _copy(
        self, engine: Engine, source: str, name: str, disk: GuestDisk, resource_id: str
    ) -> None:
        target = self._names.volume(resource_id)
        await self._threads.run(engine.create_volume, target, self._labels(resource_id))
        await self._work(
            engine,
            [f"{source}:{_FROM}:ro", f"{target}:{_TO}"],
            _COPY,
            [f"{_FROM}/{name}", f"{_TO}/{_DATA}", str(disk.size)],
        )

    def _labels(self, resource_id: str) -> dict[str, str]:
        return {**self._names.label(), names.VOLUME_ID: resource_id}

    async def _work(
        self, engine: Engine, binds: Sequence[str], script: str, arguments: Sequence[str]
    ) -> None:
        tools = await self._tools.volume(engine)
        await self._threads.run(
            self._blocking_work, engine, [f"{tools}:{MOUNT_POINT}:ro", *binds], script, arguments
        )

    def _blocking_work(
        self, engine: Engine, binds: Sequence[str], script: str, arguments: Sequence[str]
    ) -> None:
        container = engine.create(
            "",
            {
                "Image": self._tools.image(),
                "Entrypoint": [f"{MOUNT_POINT}/busybox", "sh", "-ec", script, "sh"],
                "Cmd": list(arguments),
                "Labels": self._names.helper_label(),
                "HostConfig": {"Binds": list(binds), "NetworkMode": "none"},
            },
        )
        try:
            engine.start(container)
            if engine.wait(container) != 0:
                said = engine.log_tail(container, 10).decode(errors="replace").strip()
                raise EngineError(f"a volume's data could not be moved: {said}")
        finally:
            engine.remove(container)
