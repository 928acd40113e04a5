"""What is told of VirtualBox's machines and AMIs, and when it is looked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs
import pytest

from emulator.vm.interface import Guest, GuestKey, GuestObserver, MachineImage
from tests.contracts.vm_manager import SPEC
from tests.fakes.virtualbox_manager import AMI, VirtualBoxWorld

LAUNCH = attrs.evolve(SPEC, image_id=AMI, image_reference=AMI)
NAME = LAUNCH.instance_id


class Heard(GuestObserver):
    """Looks at guests as services do, and notes what it is told."""

    def __init__(self, world: VirtualBoxWorld) -> None:
        self.world = world
        self.told: list[Any] = []
        self.looks = True

    def guest_changed(self, key: GuestKey) -> None:
        self.told.append(key.instance_id)
        if self.looks:
            self.world.background.start("looking", self._look(key))

    async def _look(self, key: GuestKey) -> None:
        guest = await self.world.manager.look(key.instance_id)
        self.told.append(None if guest is None else guest.running)

    def images_changed(self, images: Sequence[MachineImage]) -> None:
        self.told.append({each.image_id for each in images})

    def connected(self, guests: Sequence[Guest]) -> None:
        self.told.append([guest.instance_id for guest in guests])


@pytest.fixture
def world(tmp_path: Path) -> VirtualBoxWorld:
    world = VirtualBoxWorld(tmp_path)
    world.stand.add_machine(AMI)
    return world


@pytest.fixture
def heard(world: VirtualBoxWorld) -> Heard:
    heard = Heard(world)
    world.manager.follow(heard)
    return heard


def passes(world: VirtualBoxWorld, heard: Heard) -> list[Any]:
    """Let the next look happen, and return what was told of it."""
    heard.told.clear()
    world.reactor.advance(3)
    return list(heard.told)


def set_state(world: VirtualBoxWorld, state: str) -> None:
    with world.stand.changed() as kept:
        kept["machines"][NAME]["state"] = state


def test_all_there_is_is_told_at_once(world: VirtualBoxWorld) -> None:
    world.result_of(world.manager.launch(LAUNCH))
    heard = Heard(world)
    world.manager.follow(heard)

    assert heard.told == [[NAME], {AMI}]


def test_nothing_is_told_where_nothing_happens(world: VirtualBoxWorld, heard: Heard) -> None:
    world.result_of(world.manager.launch(LAUNCH))

    assert passes(world, heard) == []
    assert passes(world, heard) == []


def test_two_lists_are_all_that_is_asked_then(world: VirtualBoxWorld, heard: Heard) -> None:
    world.result_of(world.manager.launch(LAUNCH))
    passes(world, heard)
    before = len(world.stand.calls())
    passes(world, heard)

    assert world.stand.calls()[before:] == [["list", "vms"], ["list", "runningvms"]]


def test_a_guest_that_goes_down_and_comes_up_is_told_of_once_each(
    world: VirtualBoxWorld, heard: Heard
) -> None:
    world.result_of(world.manager.launch(LAUNCH))
    set_state(world, "poweroff")
    assert passes(world, heard) == [NAME, False]
    assert passes(world, heard) == []
    set_state(world, "running")
    assert passes(world, heard) == [NAME, True]
    assert passes(world, heard) == []


def test_a_guest_that_goes_down_right_after_its_start_is_not_missed(
    world: VirtualBoxWorld, heard: Heard
) -> None:
    """No list ever showed it up."""
    world.result_of(world.manager.launch(LAUNCH))
    set_state(world, "aborted")

    assert passes(world, heard) == [NAME, False]


def test_a_guest_that_is_removed_is_told_of(world: VirtualBoxWorld, heard: Heard) -> None:
    world.result_of(world.manager.launch(LAUNCH))
    set_state(world, "poweroff")
    world.stand.run(["unregistervm", NAME, "--delete"])

    assert passes(world, heard) == [NAME, None]
    assert passes(world, heard) == []


def test_who_does_not_look_is_told_once(world: VirtualBoxWorld, heard: Heard) -> None:
    world.result_of(world.manager.launch(LAUNCH))
    heard.looks = False
    set_state(world, "poweroff")

    assert passes(world, heard) == [NAME]
    assert passes(world, heard) == []


def test_images_are_told_of_when_they_come_and_go(world: VirtualBoxWorld, heard: Heard) -> None:
    (world.folder / "images").mkdir()
    file = world.folder / "images" / "ami-00d15c00.vdi"
    file.write_text('{"capacity": 1}')
    assert passes(world, heard) == [{AMI, "ami-00d15c00"}]
    file.unlink()
    assert passes(world, heard) == [{AMI}]
    world.stand.add_machine("ami-00000001")
    assert passes(world, heard) == [{AMI, "ami-00000001"}]


def test_an_image_that_was_let_go_is_told_of_though_its_machine_stays(
    world: VirtualBoxWorld, heard: Heard
) -> None:
    world.result_of(world.manager.delete_image(AMI))

    assert passes(world, heard) == [set()]


def test_a_virtualbox_that_is_away_is_tried_again(world: VirtualBoxWorld, heard: Heard) -> None:
    world.result_of(world.manager.launch(LAUNCH))
    world.fails_at = world.runs + 1
    assert passes(world, heard) == []

    assert passes(world, heard) == [[NAME]]


def test_nothing_is_told_after_the_end(world: VirtualBoxWorld, heard: Heard) -> None:
    world.result_of(world.manager.launch(LAUNCH))
    world.result_of(world.manager.close())
    set_state(world, "poweroff")

    assert passes(world, heard) == []
