"""A manager in memory with every ability, for tests of several side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import attrs

from emulator.vm.interface import (
    NO_ENVIRONMENT,
    AttachesVolumes,
    CapturesImages,
    CommandResult,
    FollowsGuests,
    Guest,
    GuestDisk,
    GuestKey,
    GuestObserver,
    HasNetworks,
    LaunchSpec,
    MachineImage,
    ReadsConsole,
    RunsCommands,
    TakesUserData,
    VMError,
    VMManager,
)

MADE_AT = datetime(2026, 1, 1, tzinfo=UTC)


@attrs.define(eq=False)
class GuestManager(
    VMManager,
    FollowsGuests,
    CapturesImages,
    AttachesVolumes,
    ReadsConsole,
    RunsCommands,
    TakesUserData,
    HasNetworks,
):
    """Does all at once, and remembers it.

    Attributes:
        away: what every call fails with, while it is set.
        guests: by instance id.
        calls: what it was asked to do, in order, each with the id of what it was about.
        data: the volumes and snapshots it has data of.
        pictures: its images, by AMI id.
    """

    name: str
    largest_disk: int = 1000
    away: str = ""
    guests: dict[str, Guest] = attrs.field(factory=dict, init=False)
    calls: list[tuple[str, str]] = attrs.field(factory=list, init=False)
    data: set[str] = attrs.field(factory=set, init=False)
    pictures: dict[str, MachineImage] = attrs.field(factory=dict, init=False)
    observer: GuestObserver | None = attrs.field(default=None, init=False)
    is_closed: bool = attrs.field(default=False, init=False)

    def _note(self, what: str, resource_id: str) -> None:
        if self.away:
            raise VMError(self.away)
        self.calls.append((what, resource_id))

    def did(self, what: str) -> list[str]:
        """Return whom a kind of call was about."""
        return [resource_id for each, resource_id in self.calls if each == what]

    async def launch(self, spec: LaunchSpec) -> Guest:
        self._note("launch", spec.instance_id)
        self.data.update(disk.volume_id for disk in spec.disks)
        return self._put(Guest(spec.instance_id, True, None, spec.key, memento=spec.memento))

    def _put(self, guest: Guest) -> Guest:
        self.guests[guest.instance_id] = guest
        return guest

    async def start(self, instance_id: str) -> Guest:
        self._note("start", instance_id)
        return self._put(attrs.evolve(self.guests[instance_id], running=True))

    async def stop(self, instance_id: str, *, force: bool) -> None:
        self._note("stop", instance_id)
        self._put(attrs.evolve(self.guests[instance_id], running=False))

    async def reboot(self, instance_id: str) -> None:
        self._note("reboot", instance_id)

    async def terminate(self, instance_id: str) -> None:
        self._note("terminate", instance_id)
        self.guests.pop(instance_id, None)

    async def describe(self) -> Sequence[Guest]:
        self._note("describe", "")
        return list(self.guests.values())

    # What it tells of

    def follow(self, observer: GuestObserver) -> None:
        self.observer = observer
        if not self.away:
            self.connect()

    def connect(self) -> None:
        """Tell of all there is, as when the hypervisor answers."""
        assert self.observer is not None
        self.observer.connected(list(self.guests.values()))
        self.observer.images_changed(list(self.pictures.values()))

    def notice(self, key: GuestKey) -> None:
        """Tell that something happened to a guest."""
        assert self.observer is not None
        self.observer.guest_changed(key)

    def show(self, *image_ids: str) -> None:
        """Have just these images, and tell so where somebody listens."""
        self.pictures = {
            each: MachineImage(each, f"of-{self.name}", f"{self.name}:{each}", "x86_64", MADE_AT, 8)
            for each in image_ids
        }
        if self.observer is not None:
            self.observer.images_changed(list(self.pictures.values()))

    async def look(self, instance_id: str) -> Guest | None:
        self._note("look", instance_id)
        return self.guests.get(instance_id)

    async def close(self) -> None:
        self._note("close", "")
        self.is_closed = True

    # What else it does

    async def capture(
        self,
        instance_id: str,
        image_id: str,
        name: str,
        *,
        reboot: bool,
        record: str,
    ) -> str:
        self._note("capture", instance_id)
        return self._made(image_id, name, record)

    def _made(self, image_id: str, name: str, record: str) -> str:
        image = MachineImage(
            image_id, name, f"{self.name}:{image_id}", "x86_64", MADE_AT, 8, record=record
        )
        self.pictures[image_id] = image
        return image.reference

    async def copy_image(self, reference: str, image_id: str, name: str, *, record: str) -> str:
        self._note("copy_image", reference)
        return self._made(image_id, name, record)

    async def delete_image(self, image_id: str) -> None:
        self._note("delete_image", image_id)

    async def console_output(self, instance_id: str, most_bytes: int) -> bytes:
        self._note("console_output", instance_id)
        return f"{self.name} booted {instance_id}".encode()[:most_bytes]

    async def place_user_data(self, instance_id: str, user_data: bytes | None) -> None:
        self._note("place_user_data", instance_id)

    async def run_command(
        self,
        instance_id: str,
        arguments: Sequence[str],
        *,
        stdin: bytes = b"",
        environment: Mapping[str, str] = NO_ENVIRONMENT,
        timeout_seconds: float,
        working_directory: str = "",
    ) -> CommandResult:
        self._note("run_command", instance_id)
        return CommandResult(0, self.name.encode(), b"")

    async def attach_volume(self, instance_id: str, disk: GuestDisk) -> None:
        self._note("attach_volume", disk.volume_id)
        self.data.add(disk.volume_id)

    async def detach_volume(self, instance_id: str, disk: GuestDisk) -> None:
        self._note("detach_volume", disk.volume_id)

    async def snapshot_volume(self, disk: GuestDisk, holder: str | None, snapshot_id: str) -> None:
        self._note("snapshot_volume", disk.volume_id)
        self.data.add(snapshot_id)

    async def delete_data(self, resource_id: str) -> None:
        self._note("delete_data", resource_id)
        self.data.discard(resource_id)

    async def delete_network(self, vpc_id: str) -> None:
        self._note("delete_network", vpc_id)
