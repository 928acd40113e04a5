"""What virtual machines can do besides their lives: volumes, images, what guests show.

Whatever only makes, finds or deletes goes through the connection's own thread; what moves data,
or waits for a guest, has threads apart. Every hypervisor has a pool of its own: a volume is
where its zone is, and a snapshot or AMI where it was made.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import attrs
from twisted.logger import Logger

from emulator.vm.interface import (
    CapturesImages,
    GuestDisk,
    KeepsVolumes,
    MachineImage,
    ReadsConsole,
    TakesScreenshots,
    TakesUserData,
    VMError,
)
from emulator.vm.libvirt import ebs, names
from emulator.vm.libvirt.blocking import Missing
from emulator.vm.libvirt.blocking_console import blocking_console, blocking_screenshot
from emulator.vm.libvirt.capture import blocking_capture
from emulator.vm.libvirt.disks import blocking_place_user_data
from emulator.vm.libvirt.domains import Domains
from emulator.vm.libvirt.host import Host
from emulator.vm.libvirt.images import (
    blocking_copy_image,
    blocking_delete_image,
    blocking_has,
    blocking_images,
)
from emulator.vm.libvirt.notes import Note

log = Logger(namespace="emulator.vm.libvirt")


@attrs.define(eq=False)
class Storage(
    Domains,
    KeepsVolumes,
    CapturesImages,
    ReadsConsole,
    TakesScreenshots,
    TakesUserData,
):
    """Domains with volumes, images, console and display."""

    largest_disk: int = attrs.field(default=ebs.LARGEST_GIB, init=False)
    # Volumes whose data are on their way, which are no leftovers.
    making: set[str] = attrs.field(factory=set, init=False)

    def images_changed(self) -> None:
        """Have whoever follows images told of those that there are now; libvirt does not."""

    # Images

    async def images(self) -> Sequence[MachineImage]:
        """Return every AMI, of the hypervisors that answer."""
        found: dict[str, MachineImage] = {}
        for host in self.hosts.all:
            for image in await host.connection.run(blocking_images, host.place):
                found.setdefault(image.image_id, image)
        return list(found.values())

    async def capture(
        self, instance_id: str, image_id: str, name: str, *, reboot: bool, record: str
    ) -> str:
        """Copy a guest's root disk, of which cloud-init makes a new machine at its first boot.

        One that runs on is copied as it is at one moment, as after a power cut.
        """
        host, found = await self.known(instance_id)
        note = Note(namespace=host.place.namespace, name=name, record=record)
        stopped = reboot and found.is_up
        if stopped:
            await self.stop(instance_id, force=False)
        try:
            with self._making(image_id):
                await host.connection.run_slowly(
                    blocking_capture, host.place, instance_id, image_id, note
                )
        finally:
            if stopped:
                await self._start_again(instance_id)
        self.images_changed()
        return image_id

    async def _start_again(self, instance_id: str) -> None:
        try:
            await self.start(instance_id)
        except VMError as error:
            # The image is made, or says itself why not.
            log.warn("{instance} did not start: {error}", instance=instance_id, error=str(error))

    async def copy_image(self, reference: str, image_id: str, name: str, *, record: str) -> str:
        """Copy an AMI's volume, or a snapshot's."""
        host = await self._keeping(reference)
        note = Note(namespace=host.place.namespace, name=name, record=record)
        with self._making(image_id):
            await host.connection.run_slowly(
                blocking_copy_image, host.place, reference, image_id, note
            )
        self.images_changed()
        return image_id

    async def image_of_snapshot(
        self, snapshot_id: str, image_id: str, name: str, *, record: str
    ) -> str:
        """Copy a snapshot's volume."""
        return await self.copy_image(snapshot_id, image_id, name, record=record)

    async def snapshot_image(self, reference: str, snapshot_id: str) -> None:
        """Base a snapshot's volume on the AMI's."""
        host = await self._keeping(reference)
        await host.connection.run(ebs.blocking_snapshot_image, host.place, reference, snapshot_id)

    async def delete_image(self, image_id: str) -> None:
        """Delete the AMI's volume, or hide it while disks are based on it."""
        for host in self.hosts.all:
            await host.connection.run(blocking_delete_image, host.place, image_id)
        self.images_changed()

    # Volumes

    async def create_volume(self, disk: GuestDisk) -> None:
        """Make a sparse volume, or one based on its snapshot."""
        host = self.hosts.for_zone(disk.zone)
        await host.connection.run(ebs.blocking_make, host.place, disk)

    async def attach_volume(self, instance_id: str, disk: GuestDisk) -> None:
        """Plug the volume in as a virtio disk with EC2's serial number."""
        host, _ = await self.known(instance_id)
        await host.connection.run(ebs.blocking_attach, host.place, instance_id, disk)

    async def detach_volume(self, instance_id: str, disk: GuestDisk) -> None:
        """Unplug the volume, and wait until the guest has let go of it."""
        host = await self.hosts.holding(instance_id)
        if host is not None:
            await host.connection.run_slowly(ebs.blocking_detach, instance_id, disk, force=False)

    async def detach_by_force(self, instance_id: str, disk: GuestDisk) -> None:
        """Unplug the volume, and do not wait."""
        host = await self.hosts.holding(instance_id)
        if host is not None:
            await host.connection.run(ebs.blocking_detach, instance_id, disk, force=True)

    async def resize_volume(self, disk: GuestDisk, holder: str | None) -> None:
        """Grow the volume; a running guest sees it at once."""
        host = await self._having(disk, holder)
        await host.connection.run(ebs.blocking_resize, host.place, disk, holder)

    async def snapshot_volume(self, disk: GuestDisk, holder: str | None, snapshot_id: str) -> None:
        """Copy the volume's data."""
        host = await self._having(disk, holder)
        with self._making(snapshot_id):
            await host.connection.run_slowly(
                ebs.blocking_snapshot, host.place, disk, holder, snapshot_id
            )

    async def delete_data(self, resource_id: str) -> None:
        """Delete the data of a volume or a snapshot, or hide it while others are based on it."""
        for host in self.hosts.all:
            await host.connection.run(ebs.blocking_delete, host.place, resource_id)

    async def keep_record(self, resource_id: str, record: str) -> bool:
        """Keep it in the note beside the volume."""
        for host in self.hosts.all:
            if await host.connection.run(ebs.blocking_keep_record, host.place, resource_id, record):
                return True
        return False

    async def kept_records(self) -> Mapping[str, str]:
        """Return what is in the notes."""
        found: dict[str, str] = {}
        for host in self.hosts.all:
            found.update(await host.connection.run(ebs.blocking_kept_records, host.place))
        return found

    # What a guest shows, and is told

    async def console_output(self, instance_id: str, most_bytes: int) -> bytes:
        """Return the end of what the guest wrote to its serial console."""
        host = await self.hosts.holding(instance_id)
        if host is None:
            return b""
        return await host.connection.run(blocking_console, host.place, instance_id, most_bytes)

    async def screenshot(self, instance_id: str, *, wake_up: bool) -> bytes:
        """Return what the guest's display shows."""
        host, _ = await self.known(instance_id)
        return await host.connection.run(blocking_screenshot, instance_id, wake_up=wake_up)

    async def place_user_data(self, instance_id: str, user_data: bytes | None) -> None:
        """Put the new user data on the guest's seed, which its next first boot reads."""
        host, _ = await self.known(instance_id)
        await host.connection.run(blocking_place_user_data, host.place, instance_id, user_data)

    # Which hypervisor

    async def _having(self, disk: GuestDisk, holder: str | None) -> Host:
        """Return the hypervisor that has a volume, or the guest that has it."""
        if holder is not None and (host := await self.hosts.holding(holder)) is not None:
            return host
        if len(self.hosts.all) == 1 or disk.volume_id.startswith("vol-"):
            return self.hosts.for_zone(disk.zone)
        return await self._keeping(disk.volume_id)

    async def _keeping(self, reference: str) -> Host:
        """Return the hypervisor whose pool has an AMI or a snapshot.

        Raises:
            Missing: none has it.
        """
        if len(self.hosts.all) == 1:
            return self.hosts.all[0]
        for host in self.hosts.all:
            if await host.connection.run(blocking_has, host.place, reference):
                return host
        raise Missing(f"no hypervisor has {reference!r}")

    @contextmanager
    def _making(self, volume: str) -> Iterator[None]:
        self.making.add(names.data_volume(volume))
        try:
            yield
        finally:
            self.making.discard(volume)
