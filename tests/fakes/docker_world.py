"""A whole emulator over a Docker engine in memory: the API, the manager, and what joins them."""

from __future__ import annotations

import random
from typing import Any

from emulator.app import build
from emulator.core.ids import Ids
from emulator.core.threads import NoThreads
from emulator.model.instance import Instance
from emulator.services.ec2.images.machine_images import MachineImages
from emulator.services.ec2.instances.guests import GuestRecords
from emulator.state.store import Region, State
from emulator.vm.interface import GuestKey
from emulator.vm.managers import Managers
from tests.fakes.docker_engine import FakeEngine
from tests.fakes.docker_manager import DockerHost, result_of
from tests.fakes.launcher import Launcher

ACCOUNT = "000000000000"
AMI = "ami-000001"
TAG = f"localstack-ec2/web:{AMI}"


class DockerWorld:
    """An emulator that was just started.

    Attributes:
        host: the engine, the manager and the fake reactor.
        records: what follows the manager's guests.
        client: a caller in account 000000000000 and us-east-1.
    """

    def __init__(
        self, engine: FakeEngine | None = None, *, manager_tag: str = "auto", **options: Any
    ) -> None:
        self.host = DockerHost(engine=engine, **options)
        self.engine, self.reactor = self.host.engine, self.host.reactor
        if engine is None:
            self.engine.add_image(TAG)
        self.state = State()
        images = MachineImages(("docker",))
        self.api = build(
            clock=self.host.clock,
            ids=Ids(random.Random(1)),
            threads=NoThreads(),
            machines=Managers([self.host.manager]),
            state=self.state,
            background=self.host.background,
            images=images,
            manager_tag=manager_tag,
        )
        self.records = GuestRecords(self.api.world, self.state, images, self.host.manager)
        self.client = Launcher(like=self)  # type: ignore[arg-type]
        self.see_images()

    def see_images(self) -> None:
        """Let the emulator hear which images there are."""
        self.records.images_changed(result_of(self.host.manager.images()))  # type: ignore[arg-type]

    def connect(self) -> None:
        """Let the emulator hear which guests there are, as after a start."""
        self.records.connected(result_of(self.host.manager.guests()))  # type: ignore[arg-type]
        self.client.turn()

    def notice(self, instance_id: str) -> None:
        """Let the emulator hear that something happened to a guest."""
        self.records.guest_changed(GuestKey(ACCOUNT, "us-east-1", instance_id))
        self.client.turn()

    def launch(self, **params: Any) -> str:
        """Launch one instance and return its id."""
        return self.client.launch(**{"ImageId": AMI, **params})

    def box(self, instance_id: str) -> dict[str, Any]:
        """Return an instance's container."""
        return self.engine.box(f"localstack-ec2.{instance_id}")

    def ends(self, instance_id: str, exit_code: int = 0, **state: Any) -> None:
        """Let an instance's machine end by itself, and the emulator hear of it."""
        self.engine.ends(f"localstack-ec2.{instance_id}", exit_code, **state)
        self.notice(instance_id)

    @property
    def region(self) -> Region:
        """The caller's region."""
        return self.state.region(ACCOUNT, "us-east-1")

    def record(self, instance_id: str) -> Instance:
        """Return an instance's record."""
        return self.region[Instance][instance_id]
