"""AMIs: registered machines and files that are called ``ami-…``.

Every instance is linked to a machine. One that the user registered serves as it is; of a file
one is made at its first launch, and what is made of an instance is one from the beginning.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import attrs
from twisted.logger import Logger

from emulator.core.clock import Clock
from emulator.core.locks import KeyedLocks
from emulator.core.threads import Threads
from emulator.vm.interface import MachineImage, VMError
from emulator.vm.seed.first_boot import LOGIN_USER
from emulator.vm.virtualbox import arguments, files, names
from emulator.vm.virtualbox.blocking import Missing, VirtualBoxError
from emulator.vm.virtualbox.command import LONG_SECONDS, VBoxManage
from emulator.vm.virtualbox.frozen import frozen
from emulator.vm.virtualbox.guests import Bases
from emulator.vm.virtualbox.names import GuestData, Places
from emulator.vm.virtualbox.reading import Machine, capacity_mib

log = Logger(namespace="emulator.vm.virtualbox")

_MIB_A_GIB = 1024
_ROOT_PORT = 0


@attrs.define(eq=False)
class Images(Bases):
    """Finds, makes and lets go the machines that instances are linked to.

    Args:
        command: runs VBoxManage.
        threads: where the file system is asked.
        clock: says when an image was made.
        places: where files are.
        architecture: of this machine, which guests' is the same as, in EC2's words.
    """

    _command: VBoxManage
    _threads: Threads
    _clock: Clock
    _places: Places
    _architecture: str
    _locks: KeyedLocks = attrs.field(factory=KeyedLocks, init=False)
    _seen: dict[str, tuple[object, MachineImage]] = attrs.field(factory=dict, init=False)

    # Finding

    async def images(self) -> Sequence[MachineImage]:
        """Return every AMI there is; what was found before is not looked at again."""
        machines = await self._command.machines()
        on_disk = await self._threads.run(files.blocking_images, self._places.images)
        found: dict[str, tuple[object, MachineImage]] = {}
        for name, uuid in machines.items():
            if not names.is_ami(name) or await self._is_deregistered(name):
                continue
            seen = self._seen.get(name)
            if seen is not None and seen[0] == uuid:
                found[name] = seen
            elif (image := await self._of_machine(name)) is not None:
                found[name] = (uuid, image)
        for image_id, (file, modified_at) in on_disk.items():
            if image_id in found:
                continue
            seen, mark = self._seen.get(image_id), (file, modified_at)
            if seen is None or seen[0] != mark:
                seen = (mark, await self._of_file(image_id, file, modified_at))
            found[image_id] = seen
        self._seen = found
        return [image for _, image in found.values()]

    async def _of_machine(self, name: str) -> MachineImage | None:
        machine = await self._command.machine(name)
        if machine is None:
            return None
        said = names.unpacked(await self._command.extra_data(name, names.IMAGE_DATA) or "") or {}
        created_at: float
        if isinstance(given := said.get("created_at"), int | float):
            created_at = given
        else:
            created_at = await self._threads.run(_blocking_time, Path(machine.settings_file))
        root = next(iter(machine.disks), None)
        return MachineImage(
            name,
            str(said.get("name") or name),
            name,
            self._architecture,
            datetime.fromtimestamp(created_at, UTC),
            0 if root is None else await self._size_gib(root.uuid),
            LOGIN_USER,
            str(said.get("record") or ""),
        )

    async def _of_file(self, image_id: str, file: Path, modified_at: float) -> MachineImage:
        is_disk = file.suffix.lower() in names.DISK_SUFFIXES
        return MachineImage(
            image_id,
            image_id,
            image_id,
            self._architecture,
            datetime.fromtimestamp(modified_at, UTC),
            await self._size_gib(str(file)) if is_disk else 0,
            LOGIN_USER,
        )

    async def _size_gib(self, medium: str) -> int:
        try:
            shown = await self._command.run(arguments.show_disk(medium))
        except VirtualBoxError as error:
            log.warn("{medium} cannot be read: {error}", medium=medium, error=str(error))
            return 0
        return -(-(capacity_mib(shown) or 0) // _MIB_A_GIB)

    async def _is_deregistered(self, name: str) -> bool:
        return await self._command.extra_data(name, names.DEREGISTERED) is not None

    # Making

    async def base(self, image_id: str) -> None:
        """Have an AMI's machine, with the snapshot to link to."""
        if not names.is_ami(image_id):
            raise Missing(f"VirtualBox has no image {image_id[:64]!r}")
        async with self._locks(image_id):
            machine = await self._command.machine(image_id)
            if machine is None or await self._is_deregistered(image_id):
                on_disk = await self._threads.run(files.blocking_images, self._places.images)
                if image_id not in on_disk:
                    raise Missing(f"there is no machine and no file {image_id}")
                if machine is None:
                    machine = await self._make_of_file(image_id, *on_disk[image_id])
                else:
                    await self._mark(image_id, None)
            if names.BASE_SNAPSHOT in machine.snapshots:
                return
            if machine.has_process:
                raise VirtualBoxError(
                    f"the machine {image_id} is up; it can be an AMI once it is powered off"
                )
            await self._command.run(
                arguments.take_snapshot(image_id, names.BASE_SNAPSHOT), LONG_SECONDS
            )

    async def _make_of_file(self, image_id: str, file: Path, modified_at: float) -> Machine:
        log.info("{image} is made a machine of, from {file}", image=image_id, file=str(file))

        async def make(making: str) -> None:
            if file.suffix.lower() in names.DISK_SUFFIXES:
                await self._machine_of_disk(making, file)
            else:
                appliance = arguments.import_appliance(file, making, self._places.machines)
                await self._command.run(appliance, LONG_SECONDS)

        await self._make(image_id, make, {"name": image_id, "created_at": modified_at})
        made = await self._command.machine(image_id)
        if made is None:
            raise Missing(f"the machine {image_id} vanished")
        return made

    async def _machine_of_disk(self, making: str, file: Path) -> None:
        """Make a machine with a copy of a disk: the user's own stays free."""
        run, folder = self._command.run, self._places.machines
        os_type = "Linux_arm64" if self._architecture == "arm64" else "Linux_64"
        await run(arguments.create_machine(making, folder, os_type))
        await run(arguments.modify(making, arguments.plain_hardware()))
        await run(arguments.add_controller(making, arguments.SATA_CONTROLLER))
        disk = folder / making / f"{file.stem}.vdi"
        await run(arguments.copy_disk(str(file), disk), LONG_SECONDS)
        await run(
            arguments.attach_disk(
                making, arguments.SATA_CONTROLLER, _ROOT_PORT, disk, running=False
            )
        )

    async def _make(
        self,
        image_id: str,
        make: Callable[[str], Awaitable[None]],
        said: dict[str, str | float],
    ) -> None:
        """Make an AMI's machine under another name, which it loses once it is whole."""
        making = f"{names.MAKING}{image_id}"
        await self._threads.run(self._places.machines.mkdir, parents=True, exist_ok=True)
        await self._remove_if_there(making)
        try:
            await make(making)
            run = self._command.run
            await run(arguments.set_extra_data(making, names.GUEST_DATA, None))
            await run(arguments.set_extra_data(making, names.DEREGISTERED, None))
            await run(arguments.set_extra_data(making, names.IMAGE_DATA, names.packed(said)))
            await run(arguments.rename_machine(making, image_id))
        except BaseException:
            with contextlib.suppress(VMError):
                await self._remove_if_there(making)
            raise

    async def _remove_if_there(self, name: str) -> None:
        if await self._command.machine(name) is not None:
            await self._command.run(arguments.unregister(name, delete=True), LONG_SECONDS)

    async def capture(self, machine: Machine, image_id: str, name: str, record: str) -> str:
        """Make an AMI of an instance's machine as it is now, and return its reference.

        Raises:
            VMError: nothing was made.
        """
        root = next((each for each in machine.disks if _is_root(each.file)), None)
        if root is None:
            raise VirtualBoxError(f"the machine {machine.name} has no disk")
        place = (root.controller, root.port, root.device)

        async def make(making: str) -> None:
            async with frozen(self._command, machine) as snapshot:
                clone = arguments.clone_whole(machine.name, making, self._places.machines, snapshot)
                await self._command.run(clone, LONG_SECONDS)
            await self._strip(making, place)

        await self._make(image_id, make, self._said(name, record))
        return image_id

    def _said(self, name: str, record: str) -> dict[str, str | float]:
        return {"name": name, "record": record, "created_at": self._clock.epoch_seconds()}

    async def _strip(self, making: str, root: tuple[str, int, int]) -> None:
        """Leave a clone of an instance nothing but its first disk."""
        run = self._command.run
        clone = await self._command.machine(making)
        if clone is None:
            raise Missing(f"the machine {making} vanished")
        if clone.state in ("saved", "aborted-saved"):
            await run(arguments.discard_state(making))
        for each in clone.attachments:
            if (each.controller, each.port, each.device) == root:
                continue
            await run(arguments.detach(making, each.controller, each.port, each.device))
            if each in clone.disks:
                await run(arguments.disk_serial(making, each.port, None))
                await run(arguments.forget_medium("disk", Path(each.file), delete=True))

    async def copy(self, reference: str, image_id: str, name: str, record: str) -> str:
        """Give a copy of an AMI's machine another id, and return its reference."""
        await self.base(reference)

        async def make(making: str) -> None:
            clone = arguments.clone_whole(reference, making, self._places.machines)
            await self._command.run(clone, LONG_SECONDS)

        async with self._locks(reference):
            await self._make(image_id, make, self._said(name, record))
        return image_id

    # Letting go

    async def delete(self, image_id: str) -> None:
        """Let an AMI go. What the user made is kept, and is no AMI any more."""
        async with self._locks(image_id):
            on_disk = await self._threads.run(files.blocking_images, self._places.images)
            if image_id in on_disk:
                file, _ = on_disk[image_id]
                log.info("{file} is kept as {file}.deregistered", file=str(file))
                kept = file.with_name(f"{file.name}{names.DEREGISTERED_SUFFIX}")
                await self._threads.run(_blocking_rename, file, kept)
            if await self._command.machine(image_id) is not None:
                await self._mark(image_id, "1")
                await self._delete_unused(image_id)

    async def unused(self, image_id: str) -> None:
        """Remove a deregistered AMI's machine once the last instance linked to it is gone."""
        async with self._locks(image_id):
            if await self._is_deregistered(image_id):
                await self._delete_unused(image_id)

    async def _mark(self, image_id: str, value: str | None) -> None:
        await self._command.run(arguments.set_extra_data(image_id, names.DEREGISTERED, value))

    async def _delete_unused(self, image_id: str) -> None:
        machine = await self._command.machine(image_id)
        if machine is None or not self._places.is_own(machine.settings_file):
            return
        for name in await self._command.machines():
            if names.is_instance(name):
                text = await self._command.extra_data(name, names.GUEST_DATA)
                data = None if text is None else GuestData.of(name, text)
                # One that says nothing is being made or removed; of which AMI is not known.
                if data is None or data.image_id == image_id:
                    return
        await self._command.run(arguments.unregister(image_id, delete=True), LONG_SECONDS)

    async def clean(self) -> None:
        """Remove what an earlier emulator did not finish making or removing."""
        for name in await self._command.machines():
            if name.startswith(names.MAKING):
                machine = await self._command.machine(name)
                if machine is not None and self._places.is_own(machine.settings_file):
                    log.info("removing the machine {name}, which was left", name=name)
                    await self._remove_if_there(name)
            elif names.is_ami(name):
                await self.unused(name)


def _is_root(file: str) -> bool:
    """Tell whether a machine's disk is no EBS volume's."""
    return not Path(file).name.startswith("vol-")


def _blocking_time(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except OSError:
        return 0.0


def _blocking_rename(file: Path, kept: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        file.rename(kept)
