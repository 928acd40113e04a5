"""Instances as Docker containers: the manager, and the abilities it has besides their lives."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Protocol

import attrs
from twisted.internet.defer import Deferred, gatherResults
from twisted.logger import Logger

from emulator.core.threads import Threads
from emulator.vm.docker import names
from emulator.vm.docker.blocking import Engine, EngineError
from emulator.vm.docker.containers import Containers, ending_name
from emulator.vm.docker.ebs import EbsFiles
from emulator.vm.docker.files import GuestPlan, user_data_files
from emulator.vm.docker.images import (
    blocking_capture,
    blocking_copy,
    blocking_delete,
    blocking_images,
    blocking_provide,
)
from emulator.vm.docker.tools import MOUNT_POINT
from emulator.vm.interface import (
    NO_ENVIRONMENT,
    AttachesVolumes,
    CapturesImages,
    CommandResult,
    FollowsGuests,
    Guest,
    GuestDisk,
    GuestObserver,
    HasNetworks,
    HasPublicAddresses,
    MachineImage,
    ReadsConsole,
    RunsCommands,
    TakesUserData,
    VMError,
)

log = Logger(namespace="emulator.vm.docker")

# More lines than GetConsoleOutput can show.
CONSOLE_LINES = 4000
# As coreutils' `timeout` says it; busybox's ends as the program it killed does.
TIMED_OUT_STATUS = 124
_KILLED = frozenset({TIMED_OUT_STATUS, 128 + 15, 128 + 9})
_KILL_AFTER_SECONDS = 5


@attrs.frozen
class DefaultImage:
    """An AMI that is there from the start.

    Attributes:
        image_id: its AMI id.
        name: its AMI name in the Docker tag.
        reference: the published image that it is.
    """

    image_id: str
    name: str
    reference: str


class Follows(Protocol):
    """What reads the engine's events."""

    @abstractmethod
    def start(self, observer: GuestObserver) -> None:
        """Begin."""

    @abstractmethod
    def close(self) -> None:
        """End."""


@attrs.define(eq=False)
class DockerManager(
    Containers,
    FollowsGuests,
    CapturesImages,
    AttachesVolumes,
    ReadsConsole,
    RunsCommands,
    HasNetworks,
    HasPublicAddresses,
    TakesUserData,
):
    """Containers, and what else a Docker engine can do for EC2.

    Args:
        seconds: the time, for durations.
        command_threads: where commands in guests block, some for hours.
        defaults: the AMIs to have from the start; none where they are not wanted.
        remove_at_end: whether every guest ends with the emulator.
    """

    _seconds: Callable[[], float] = attrs.field(kw_only=True)
    _command_threads: Threads = attrs.field(kw_only=True)
    _defaults: Sequence[DefaultImage] = attrs.field(default=(), kw_only=True)
    _remove_at_end: bool = attrs.field(default=False, kw_only=True)
    follower: Follows | None = attrs.field(default=None, init=False)
    ebs: EbsFiles | None = attrs.field(default=None, init=False)
    largest_disk: int = attrs.field(default=0, init=False)
    _downloading: bool = attrs.field(default=False, init=False)

    # Following

    def follow(self, observer: GuestObserver) -> None:
        """Tell the observer from now on, beginning with all that is there."""
        if self.follower is not None:
            self.follower.start(observer)

    async def close(self) -> None:
        """Stop following; networks without guests go, and guests too where that is wanted."""
        if self.follower is not None:
            self.follower.close()
        try:
            engine = await self._connection.engine()
            for network_id in await self._threads.run(self._blocking_leave, engine):
                await self.networks.gone(network_id)
        except VMError as error:
            log.warn("not everything could be removed: {error}", error=str(error))

    def _blocking_leave(self, engine: Engine) -> Sequence[str]:
        if self._remove_at_end:
            for each in engine.containers(self.settings.names.filter()):
                engine.remove(each)
        return blocking_remove_idle_networks(engine, self.settings.names)

    async def guests(self) -> Sequence[Guest]:
        """Return every guest that is to live, once the leftovers of others are removed."""
        engine = await self._connection.engine()
        self.networks.forget_all()
        self._tools.forget()
        if not self._downloading and self._defaults:
            self._downloading = True
            self._background.start("providing the default images", self._provide_defaults())
        await self._threads.run(self._blocking_clean, engine)
        await self._namespaces.begin(engine.machine_obstacle)
        return await self.describe()

    def has_public_addresses(self) -> bool:
        """Tell whether guests are reached at public addresses that EC2 gives them."""
        return self._namespaces.are_public()

    def _blocking_clean(self, engine: Engine) -> None:
        """Remove what an earlier emulator did not finish making or removing."""
        label = self.settings.names.filter()
        for each in engine.containers(label):
            # A launch may end, or begin, while this is being looked at.
            launching = frozenset(self.launching)
            found = engine.inspect(each)
            if found is not None and self._is_left(found, launching | self.launching):
                log.info("removing the container {name}, which was left", name=found["Name"])
                engine.remove(each)
        for volume in engine.volumes(label):
            owner = volume["Labels"].get(names.VOLUME_ID, "")
            if owner.startswith("i-") and not self._has_guest(engine, owner):
                log.info("removing the disks of {owner}, which were left", owner=owner)
                engine.remove_volume(volume["Name"])

    def _is_left(self, found: Mapping[str, Any], launching: AbstractSet[str]) -> bool:
        labels = found["Config"]["Labels"] or {}
        key = names.key_of(labels)
        if key is None:
            return bool(labels.get(names.RUN) != self.settings.names.run)
        if found["Name"] == f"/{ending_name(key.instance_id)}":
            return True
        return found["State"]["Status"] == "created" and key.instance_id not in launching

    def _has_guest(self, engine: Engine, instance_id: str) -> bool:
        if instance_id in self.launching:
            return True
        return engine.inspect(names.container_name(instance_id)) is not None

    # Images

    async def images(self) -> Sequence[MachineImage]:
        """Return every AMI on the engine."""
        engine = await self._connection.engine()
        return await self._threads.run(blocking_images, engine)

    async def _provide_defaults(self) -> None:
        engine = await self._connection.engine()
        await gatherResults(
            [Deferred.fromCoroutine(self._provide(engine, each)) for each in self._defaults]
        )

    async def _provide(self, engine: Engine, default: DefaultImage) -> None:
        def progress(line: str) -> None:
            log.info("{image}: {line}", image=default.image_id, line=line)

        tag = names.image_tag(default.name, default.image_id)
        try:
            if await self._threads.run(engine.image, tag) is not None:
                return
            await self._threads.run(blocking_provide, engine, default.reference, progress)
            repository, _, version = tag.rpartition(":")
            await self._threads.run(engine.tag, default.reference, repository, version)
        except VMError as error:
            log.warn(
                "the default image {image} ({reference}) is not to be had: {error}",
                image=default.image_id,
                reference=default.reference,
                error=str(error),
            )

    async def capture(
        self, instance_id: str, image_id: str, name: str, *, reboot: bool, record: str
    ) -> str:
        """Commit a guest's container."""
        engine = await self._connection.engine()
        found = await self._known(engine, instance_id)
        was_up = found["State"]["Running"]
        paused = found["State"]["Paused"]
        tag = names.image_tag(name, image_id)
        labels = {names.AMI_NAME: name, names.IMAGE_ID: image_id, names.RECORD: record}
        reboot = reboot and was_up and not paused
        if reboot:
            await self._threads.run(engine.stop, found["Id"], 10)
        try:
            # A paused container stays so: Docker would let it go on after the commit.
            await self._threads.run(
                blocking_capture, engine, found["Id"], tag, labels, pause=not paused
            )
        finally:
            if reboot:
                await self._start_again(instance_id)
        return tag

    async def _start_again(self, instance_id: str) -> None:
        try:
            await self.start(instance_id)
        except VMError as error:
            # The image is made, or says itself why not.
            log.warn("{instance} did not start: {error}", instance=instance_id, error=str(error))

    async def copy_image(self, reference: str, image_id: str, name: str, *, record: str) -> str:
        """Make an image of the same layers with labels of its own."""
        engine = await self._connection.engine()
        tag = names.image_tag(name, image_id)
        labels = {names.AMI_NAME: name, names.IMAGE_ID: image_id, names.RECORD: record}
        helper = self.settings.names.helper_label()
        await self._threads.run(blocking_copy, engine, reference, tag, labels, helper)
        return tag

    async def delete_image(self, image_id: str) -> None:
        """Take the image's tags away."""
        engine = await self._connection.engine()
        await self._threads.run(blocking_delete, engine, image_id)

    # Reaching in

    async def console_output(self, instance_id: str, most_bytes: int) -> bytes:
        """Return the end of the container's log."""
        engine = await self._connection.engine()
        found = await self._threads.run(engine.inspect, names.container_name(instance_id))
        if found is None:
            return b""
        text = await self._threads.run(engine.log_tail, found["Id"], CONSOLE_LINES)
        return text[-most_bytes:]

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
        """Run a program in the container, held to its time by the guest's own busybox."""
        engine = await self._connection.engine()
        found = await self._known(engine, instance_id)
        if not found["State"]["Running"] or found["State"]["Paused"]:
            raise EngineError(f"{instance_id} is not running")
        seconds = max(1, round(timeout_seconds))
        held = [
            f"{MOUNT_POINT}/busybox",
            "timeout",
            "-k",
            str(_KILL_AFTER_SECONDS),
            str(seconds),
            *arguments,
        ]
        begun = self._seconds()
        result = await self._command_threads.run(
            engine.run, found["Id"], held, stdin, environment, working_directory or None
        )
        if result.exit_status in _KILLED and self._seconds() - begun >= seconds:
            return attrs.evolve(result, exit_status=TIMED_OUT_STATUS, timed_out=True)
        return result

    async def place_user_data(self, instance_id: str, user_data: bytes | None) -> None:
        """Put the new user data where cloud-init keeps them."""
        engine = await self._connection.engine()
        found = await self._known(engine, instance_id)
        plan = GuestPlan(instance_id, hostname="", user_data=user_data)
        archive = await self._threads.run(user_data_files, plan, now=self._epoch_seconds())
        await self._threads.run(engine.put, found["Id"], archive)

    # Volumes

    async def attach_volume(self, instance_id: str, disk: GuestDisk) -> None:
        """Put the volume's file into the guest."""
        if self.ebs is not None:
            engine = await self._connection.engine()
            await self.ebs.attach(engine, instance_id, disk)

    async def detach_volume(self, instance_id: str, disk: GuestDisk) -> None:
        """Take the volume's file out of the guest and keep it."""
        if self.ebs is not None:
            engine = await self._connection.engine()
            await self.ebs.detach(engine, instance_id, disk)

    async def snapshot_volume(self, disk: GuestDisk, holder: str | None, snapshot_id: str) -> None:
        """Copy the volume's data."""
        if self.ebs is not None:
            engine = await self._connection.engine()
            await self.ebs.snapshot(engine, disk, holder, snapshot_id)

    async def delete_data(self, resource_id: str) -> None:
        """Forget the data of a volume or a snapshot."""
        if self.ebs is not None:
            engine = await self._connection.engine()
            await self.ebs.delete(engine, resource_id)

    # Networks

    async def delete_network(self, vpc_id: str) -> None:
        """Remove a VPC's network."""
        engine = await self._connection.engine()
        await self.networks.delete(engine, vpc_id)


def blocking_remove_idle_networks(engine: Engine, own: names.Names) -> Sequence[str]:
    """Remove this emulator's networks that no container is on, and return their ids.

    The engine lists the containers that are up; one that is not needs its network to start.
    """
    containers = (engine.inspect(each) for each in engine.containers(own.filter()))
    needed = {each["HostConfig"]["NetworkMode"] for each in containers if each is not None}
    removed: list[str] = []
    for network in engine.networks(own.filter()):
        details = engine.network(network["Id"])
        if details is not None and network["Name"] not in needed and not details.get("Containers"):
            try:
                engine.remove_network(network["Id"])
            except EngineError as error:
                log.debug("{network} stays: {error}", network=network["Name"], error=str(error))
            else:
                removed.append(network["Id"])
    return removed
