"""Instances as VirtualBox machines, with everything else that VirtualBox can do for EC2."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
from twisted.logger import Logger

from emulator.core.pictures import as_jpeg
from emulator.vm.interface import (
    AttachesVolumes,
    CapturesImages,
    FollowsGuests,
    Guest,
    GuestDisk,
    GuestObserver,
    MachineImage,
    ReadsConsole,
    TakesScreenshots,
    TakesUserData,
    VMError,
)
from emulator.vm.virtualbox import arguments, files
from emulator.vm.virtualbox.blocking import VirtualBoxError
from emulator.vm.virtualbox.disks import LARGEST_GIB, VirtualDisks
from emulator.vm.virtualbox.follow import Follower
from emulator.vm.virtualbox.guests import Guests
from emulator.vm.virtualbox.images import Images
from emulator.vm.virtualbox.reading import Machine

log = Logger(namespace="emulator.vm.virtualbox")


@attrs.define(eq=False)
class VirtualBoxManager(
    Guests,
    FollowsGuests,
    CapturesImages,
    AttachesVolumes,
    ReadsConsole,
    TakesScreenshots,
    TakesUserData,
):
    """Machines, and what else there is around them.

    Guests live on when the emulator ends, and the next one knows them again.
    """

    own_images: Images = attrs.field(kw_only=True)
    own_disks: VirtualDisks = attrs.field(kw_only=True)
    follower: Follower | None = attrs.field(default=None, init=False)
    largest_disk: int = attrs.field(default=LARGEST_GIB, init=False)

    # Following

    def follow(self, observer: GuestObserver) -> None:
        """Tell the observer from now on, beginning with all that is there."""
        if self.follower is not None:
            self.follower.start(observer)

    async def close(self) -> None:
        """Stop following."""
        if self.follower is not None:
            self.follower.close()

    async def guests(self) -> Sequence[Guest]:
        """Return every guest that is to live, once what earlier emulators left is removed."""
        for clean in (self.clean, self.own_images.clean, self.own_disks.clean):
            try:
                await clean()
            except VMError as error:
                log.warn("not everything could be cleaned up: {error}", error=str(error))
        return await self.describe()

    # Images

    async def images(self) -> Sequence[MachineImage]:
        """Return every AMI there is."""
        return await self.own_images.images()

    async def capture(
        self, instance_id: str, image_id: str, name: str, *, reboot: bool, record: str
    ) -> str:
        """Clone a guest's machine; with ``reboot`` the guest is shut down for it."""
        machine = await self._found(instance_id)
        reboot = reboot and machine.is_up
        if reboot:
            await self.stop(instance_id, force=False)
            machine = await self._found(instance_id)
        try:
            return await self.own_images.capture(machine, image_id, name, record)
        finally:
            self._images_differ()
            if reboot:
                await self._start_again(instance_id)

    async def _start_again(self, instance_id: str) -> None:
        try:
            await self.start(instance_id)
        except VMError as error:
            # The image is made, or says itself why not.
            log.warn("{instance} did not start: {error}", instance=instance_id, error=str(error))

    async def copy_image(self, reference: str, image_id: str, name: str, *, record: str) -> str:
        """Clone an AMI's machine."""
        try:
            return await self.own_images.copy(reference, image_id, name, record)
        finally:
            self._images_differ()

    async def delete_image(self, image_id: str) -> None:
        """Remove an AMI's machine, at once or with the last guest that is linked to it."""
        try:
            await self.own_images.delete(image_id)
        finally:
            self._images_differ()

    def _images_differ(self) -> None:
        if self.follower is not None:
            self.follower.images_differ()

    # Volumes

    async def attach_volume(self, instance_id: str, disk: GuestDisk) -> None:
        """Plug a volume's disk in."""
        await self.own_disks.plug(await self._found(instance_id), disk)

    async def detach_volume(self, instance_id: str, disk: GuestDisk) -> None:
        """Take a volume's disk out."""
        machine = await self._command.machine(instance_id)
        if machine is not None:
            await self.own_disks.unplug(machine, disk)

    async def snapshot_volume(self, disk: GuestDisk, holder: str | None, snapshot_id: str) -> None:
        """Copy a volume's disk; a guest that uses it goes on."""
        machine: Machine | None = None
        if holder is not None:
            machine = await self._command.machine(holder)
        await self.own_disks.snapshot(disk, machine, snapshot_id)

    async def delete_data(self, resource_id: str) -> None:
        """Delete a volume's or a snapshot's disk."""
        await self.own_disks.delete(resource_id)

    # Reaching in

    async def console_output(self, instance_id: str, most_bytes: int) -> bytes:
        """Return the end of what the serial port wrote since the last boot."""
        console = self._places.console(instance_id)
        return await self._threads.run(files.blocking_tail, console, most_bytes)

    async def screenshot(self, instance_id: str, *, wake_up: bool) -> bytes:
        """Return what the first screen shows, as JPEG."""
        machine = await self._found(instance_id)
        if not machine.is_up:
            raise VirtualBoxError(f"{instance_id} is not running")
        if wake_up:
            await self._command.run(arguments.press_shift(instance_id))
        file = self._places.guest(instance_id) / "screen.png"
        await self._command.run(arguments.screenshot(instance_id, file))
        picture = await self._threads.run(files.blocking_take, file)
        try:
            return await self._threads.run(as_jpeg, picture)
        except ValueError as error:
            raise VirtualBoxError(str(error)) from None

    async def place_user_data(self, instance_id: str, user_data: bytes | None) -> None:
        """Put other user data on the disc that the guest boots with."""
        await self._found(instance_id)
        await self._threads.run(
            files.blocking_place_user_data, self._places, instance_id, user_data
        )
