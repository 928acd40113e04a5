"""EBS volumes and snapshots as disks of VirtualBox, a file each, named by its id."""

from __future__ import annotations

from pathlib import Path

import attrs

from emulator.core.threads import Threads
from emulator.vm.interface import GuestDisk
from emulator.vm.virtualbox import arguments, names
from emulator.vm.virtualbox.blocking import Missing, VirtualBoxError
from emulator.vm.virtualbox.command import LONG_SECONDS, VBoxManage
from emulator.vm.virtualbox.frozen import frozen
from emulator.vm.virtualbox.guests import Disks
from emulator.vm.virtualbox.names import Places
from emulator.vm.virtualbox.reading import Attachment, Machine, capacity_mib

# "VBoxManage list systemproperties": the largest disk that VirtualBox makes, 2 TiB.
LARGEST_GIB = 2048
_MIB_A_GIB = 1024
_FIRST_PORT = 1


def attachment_of(machine: Machine, file: Path) -> Attachment | None:
    """Return where a machine has a disk, or None."""
    # VirtualBox may spell the folder in another way.
    found = (each for each in machine.attachments if Path(each.file).name == file.name)
    return next(found, None)


@attrs.define(eq=False)
class VirtualDisks(Disks):
    """Makes disks, moves their data, and plugs them in.

    Args:
        command: runs VBoxManage.
        threads: where the file system is asked.
        places: where files are.
    """

    _command: VBoxManage
    _threads: Threads
    _places: Places

    async def plug(self, machine: Machine, disk: GuestDisk) -> None:
        """Give a machine a disk; one that it has is left as it is.

        Raises:
            VMError: it has no room, or the disk cannot be made.
        """
        file = self._places.disk(disk.volume_id)
        if attachment_of(machine, file) is not None:
            return
        await self._provide(disk, file)
        port = machine.free_port(_FIRST_PORT, arguments.SATA_PORTS)
        if machine.sata is None or port is None:
            raise VirtualBoxError(f"{machine.name} has no room for another disk")
        await self._command.run(
            arguments.disk_serial(machine.name, port, names.serial(disk.volume_id))
        )
        await self._command.run(
            arguments.attach_disk(
                machine.name, machine.sata, port, file, running=machine.has_process
            )
        )

    async def unplug(self, machine: Machine, disk: GuestDisk) -> None:
        """Take a disk out of a machine, if it has it."""
        held = attachment_of(machine, self._places.disk(disk.volume_id))
        if held is None:
            return
        await self._command.run(
            arguments.detach(machine.name, held.controller, held.port, held.device)
        )
        await self._command.run(arguments.disk_serial(machine.name, held.port, None))

    async def snapshot(self, disk: GuestDisk, machine: Machine | None, snapshot_id: str) -> None:
        """Copy a disk's data as they are now; a disk that nobody wrote to has none."""
        target = self._places.disk(snapshot_id)
        if await self._exists(target):
            return
        # A volume that was never attached is its snapshot still; so is a snapshot's copy.
        for resource_id in (disk.volume_id, disk.snapshot_id):
            source = None if resource_id is None else self._places.disk(resource_id)
            if source is None or not await self._exists(source):
                continue
            if machine is not None and attachment_of(machine, source) is not None:
                async with frozen(self._command, machine):
                    await self._copy(source, target)
            else:
                await self._copy(source, target)
            return

    async def delete(self, resource_id: str) -> None:
        """Delete a volume's or a snapshot's disk, if there is one."""
        file = self._places.disk(resource_id)
        if not await self._exists(file):
            return
        try:
            await self._command.run(arguments.forget_medium("disk", file, delete=True))
        except Missing:
            await self._threads.run(file.unlink, missing_ok=True)

    async def clean(self) -> None:
        """Remove copies that an earlier emulator did not finish."""
        for file in await self._threads.run(_blocking_unfinished, self._places.volumes):
            try:
                await self._command.run(arguments.forget_medium("disk", file, delete=True))
            except VirtualBoxError:
                await self._threads.run(file.unlink, missing_ok=True)

    async def _provide(self, disk: GuestDisk, file: Path) -> None:
        """Make a volume's disk: empty, or with its snapshot's data."""
        if await self._exists(file):
            return
        await self._threads.run(_blocking_folder, file.parent)
        size_mib = disk.size * _MIB_A_GIB
        source = None if disk.snapshot_id is None else self._places.disk(disk.snapshot_id)
        if source is None or not await self._exists(source):
            await self._command.run(arguments.create_disk(file, size_mib))
            return
        await self._copy(source, file)
        shown = await self._command.run(arguments.show_disk(str(file)))
        if size_mib > (capacity_mib(shown) or size_mib):
            await self._command.run(arguments.grow_disk(str(file), size_mib), LONG_SECONDS)

    async def _copy(self, source: Path, target: Path) -> None:
        """Copy a disk; only a whole copy gets its name."""
        await self._threads.run(_blocking_folder, target.parent)
        making = target.with_name(f"{target.stem}{names.MAKING_DISK}")
        await self._command.run(arguments.copy_disk(str(source), making), LONG_SECONDS)
        await self._command.run(arguments.move_disk(making, target))

    async def _exists(self, file: Path) -> bool:
        return await self._threads.run(file.exists)


def _blocking_folder(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)


def _blocking_unfinished(folder: Path) -> list[Path]:
    return sorted(folder.glob(f"*{names.MAKING_DISK}"))
