"""A whole emulator over libvirt's driver in memory: the API, the manager, and what joins them."""

from __future__ import annotations

import random

from emulator.app import build
from emulator.core.ids import Ids
from emulator.core.threads import NoThreads
from emulator.services.ec2.images.machine_images import MachineImages
from emulator.services.ec2.instances.guests import GuestRecords
from emulator.state.store import Region, State
from emulator.vm.libvirt import blocking_storage as storage
from emulator.vm.libvirt.blocking_disks import disks
from emulator.vm.libvirt.names import Place
from emulator.vm.libvirt.volume_xml import StoredVolume
from emulator.vm.managers import Managers
from tests.fakes.launcher import Launcher
from tests.fakes.libvirt_manager import IMAGE, POOL, LibvirtHost

ACCOUNT = "000000000000"


class LibvirtWorld:
    """An emulator that was just started, with one AMI.

    Attributes:
        host: the hypervisor, the manager and the fake time.
        client: a caller in account 000000000000 and us-east-1.
    """

    def __init__(self, uri: str, host: LibvirtHost | None = None) -> None:
        self.host = host or LibvirtHost(places={"": Place(uri, POOL)})
        if host is None:
            self.host.add_image()
        self.reactor, self.state = self.host.time, State()
        images = MachineImages(("libvirt",))
        self.api = build(
            clock=self.host.clock,
            ids=Ids(random.Random(1 if host is None else 2)),
            threads=NoThreads(),
            machines=Managers([self.host.manager]),
            state=self.state,
            background=self.host.background,
            images=images,
        )
        self.records = GuestRecords(self.api.world, self.state, images, self.host.manager)
        self.client = Launcher(like=self)  # type: ignore[arg-type]
        self.see_images()

    def see_images(self) -> None:
        """Let the emulator hear which images there are."""
        self.records.images_changed(self.host.result_of(self.host.manager.images()))

    def connect(self) -> None:
        """Let the emulator hear which guests there are, as after a start."""
        self.records.connected(self.host.result_of(self.host.manager.guests()))
        self.client.turn(1.0)

    def launch(self, **params: object) -> str:
        """Launch one instance and return its id."""
        return self.client.launch(**{"ImageId": IMAGE, **params})

    def until_quiet(self) -> None:
        """Let whatever waits for a guest to go down come to its end."""
        for _ in range(100):
            self.client.turn(1.0)

    @property
    def region(self) -> Region:
        """The caller's region."""
        return self.state.region(ACCOUNT, "us-east-1")

    def volumes(self) -> set[str]:
        """The names of all volumes and lone notes, but for the image from the start."""
        found = self.host.volumes() - {IMAGE}
        return {
            name
            for name in found
            if name.removesuffix(".note") == name or name.removesuffix(".note") not in found
        }

    def volume(self, name: str) -> StoredVolume:
        """Return a volume."""
        found = self.host.ask(storage.volume, POOL, name)
        assert isinstance(found, StoredVolume), f"there is no {name}"
        return found

    def disks(self, instance_id: str) -> dict[str, str]:
        """Return the volumes that an instance's domain has, by target."""
        return {disk.target: disk.volume for disk in self.host.ask(disks, instance_id)}
