"""A pool's volumes as EC2 sees them: what is hidden, what goes with what, what is left behind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import pytest

pytest.importorskip("libvirt", reason="needs libvirt-python, which needs libvirt-dev")

from emulator.vm.interface import GuestDisk, VMError
from emulator.vm.libvirt import blocking_storage as storage
from emulator.vm.libvirt.blocking import Conflict
from emulator.vm.libvirt.disks import (
    blocking_discard,
    blocking_discard_remains,
    blocking_place_user_data,
    blocking_provide,
    own_volumes,
)
from emulator.vm.libvirt.domain import Disk
from emulator.vm.libvirt.ebs import (
    blocking_delete,
    blocking_make,
    blocking_resize,
    blocking_snapshot,
    blocking_snapshot_image,
)
from emulator.vm.libvirt.images import (
    blocking_copy_image,
    blocking_delete_image,
    blocking_images,
)
from emulator.vm.libvirt.notes import Note, State
from emulator.vm.libvirt.pool import Pool
from emulator.vm.libvirt.volume_xml import GIB, NewVolume
from emulator.vm.seed.iso import documents_on
from tests.contracts.vm_manager import SPEC

if TYPE_CHECKING:
    from emulator.vm.libvirt.blocking import Hypervisor
    from emulator.vm.libvirt.names import Place

AMI = "ami-024f768332f0"
ROOT = GuestDisk("vol-0aaaaaaaaaaaaaaaa", "/dev/sda1", 8)
DATA = GuestDisk("vol-0bbbbbbbbbbbbbbbb", "/dev/sdf", 2)
SNAPSHOT = "snap-0123456789abcdef0"
SPEC_WITH_DISKS = attrs.evolve(SPEC, image_id=AMI, image_reference=AMI, root_disk=ROOT)


@pytest.fixture
def pool(hypervisor: Hypervisor, place: Place, data: dict[str, bytes]) -> Pool:
    made = Pool(hypervisor, place)
    made.make(NewVolume(AMI, 2 * GIB))
    return made


def names(pool: Pool) -> set[str]:
    return set(storage.names(pool.hypervisor, pool.name))


def images(pool: Pool) -> list[str]:
    return [image.image_id for image in blocking_images(pool.hypervisor, pool.place)]


def launch(pool: Pool, *disks: GuestDisk) -> tuple[Disk, ...]:
    spec = attrs.evolve(SPEC_WITH_DISKS, disks=disks)
    return blocking_provide(pool.hypervisor, pool.place, spec, has_metadata=True)


# Images


def test_volumes_called_as_amis_are_amis(pool: Pool) -> None:
    for name in ("ami-1234567", "ami-1234567g", "ami-12345678.qcow2", "other", "vol-12345678"):
        pool.make(NewVolume(name, GIB))
    pool.make(NewVolume("ami-99999999", GIB, "raw"))

    assert images(pool) == [AMI]


def test_an_ami_that_a_user_put_there_is_known_by_its_file(pool: Pool) -> None:
    (image,) = blocking_images(pool.hypervisor, pool.place)

    assert (image.name, image.reference, image.size_gib) == (AMI, AMI, 2)
    assert (image.login_user, image.record) == ("localstack", "")


def test_a_copied_ami_is_known_again_with_its_name_and_record(pool: Pool) -> None:
    note = Note(namespace="here", name="My image (1)", record='{"a": 1}')
    blocking_copy_image(pool.hypervisor, pool.place, AMI, "ami-00c0ffee", note)
    found = {image.image_id: image for image in blocking_images(pool.hypervisor, pool.place)}

    assert found["ami-00c0ffee"].name == "My image (1)"
    assert found["ami-00c0ffee"].record == '{"a": 1}'


def test_what_is_not_there_cannot_be_copied(pool: Pool) -> None:
    with pytest.raises(VMError, match="snap-00000000"):
        blocking_copy_image(
            pool.hypervisor, pool.place, "snap-00000000", "ami-00c0ffee", Note(namespace="here")
        )

    assert names(pool) == {AMI}


def test_the_file_of_an_ami_that_a_user_put_there_stays_when_it_is_deregistered(
    pool: Pool,
) -> None:
    for _ in range(2):
        blocking_delete_image(pool.hypervisor, pool.place, AMI)

    assert images(pool) == []
    assert AMI in names(pool)
    with pytest.raises(VMError, match=AMI):
        launch(pool)


def test_an_ami_that_the_emulator_made_goes_when_it_is_deregistered(pool: Pool) -> None:
    blocking_copy_image(
        pool.hypervisor, pool.place, AMI, "ami-00c0ffee", Note(namespace="here", name="mine")
    )
    for _ in range(2):
        blocking_delete_image(pool.hypervisor, pool.place, "ami-00c0ffee")

    assert names(pool) == {AMI}


# A guest's disks


def test_a_root_disk_is_an_overlay_of_the_size_asked_for(pool: Pool) -> None:
    root, seed = launch(pool)
    made, base = pool.volume(root.volume), pool.volume(AMI)

    assert made is not None
    assert base is not None
    assert (made.backing_path, made.size_gib) == (base.path, 8)
    assert (root.target, root.serial) == ("vda", "vol0aaaaaaaaaaaaaaaa")
    assert seed.is_read_only


def test_a_root_disk_is_never_smaller_than_its_ami(pool: Pool) -> None:
    spec = attrs.evolve(SPEC_WITH_DISKS, root_disk=attrs.evolve(ROOT, size=1))
    root, _ = blocking_provide(pool.hypervisor, pool.place, spec, has_metadata=True)
    made = pool.volume(root.volume)

    assert made is not None
    assert made.size_gib == 2


def test_further_disks_have_targets_of_their_own(pool: Pool) -> None:
    clashing = (DATA, GuestDisk("vol-0ccccccccccccccccc", "/dev/xvda", 1))
    targets = [disk.target for disk in launch(pool, *clashing)]

    assert len(set(targets)) == len(targets) == 4


def test_a_launch_that_fails_leaves_nothing(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    create = storage.create

    def fail(hypervisor: Hypervisor, name: str, new: NewVolume) -> object:
        if new.name == DATA.volume_id:
            raise VMError("full")
        return create(hypervisor, name, new)

    monkeypatch.setattr(storage, "create", fail)
    with pytest.raises(VMError, match="full"):
        launch(pool, DATA)

    assert names(pool) == {AMI}


def test_a_launch_from_nothing_says_which_pool_lacks_what(pool: Pool) -> None:
    spec = attrs.evolve(SPEC_WITH_DISKS, image_reference="ami-0dead0dead")
    with pytest.raises(VMError, match=r"'default-pool' has no AMI 'ami-0dead0dead'"):
        blocking_provide(pool.hypervisor, pool.place, spec, has_metadata=True)


@pytest.mark.parametrize("reference", ["../../etc/shadow", "vol-0bbbbbbbb", "", "ami-1"])
def test_only_an_ami_is_ever_launched_from(pool: Pool, reference: str) -> None:
    spec = attrs.evolve(SPEC_WITH_DISKS, image_id="nothing", image_reference=reference)
    with pytest.raises(VMError):
        blocking_provide(pool.hypervisor, pool.place, spec, has_metadata=True)


def test_a_guests_end_leaves_nothing_but_its_ami(pool: Pool) -> None:
    disks = launch(pool, DATA)
    pool.make(NewVolume(f"{SPEC.instance_id}.console", GIB, "raw"))
    foreign = Disk("elsewhere", "vol-0ddddddddddddddddd", "vdx")
    users = Disk(pool.name, "users-own", "vdy")
    pool.make(NewVolume("users-own", GIB))
    own = own_volumes(pool.place, [*disks, foreign, users])
    for _ in range(2):
        blocking_discard(pool.hypervisor, pool.place, own)
        blocking_discard_remains(pool.hypervisor, pool.place, SPEC.instance_id)

    assert names(pool) == {AMI, "users-own"}


def test_a_guest_gets_other_user_data_and_keeps_what_else_it_is_told(
    pool: Pool, data: dict[str, bytes]
) -> None:
    _, seed = launch(pool)
    before = documents_on(data[seed.volume])
    blocking_place_user_data(pool.hypervisor, pool.place, SPEC.instance_id, b"#!/bin/sh\n")
    after = documents_on(data[seed.volume])

    assert after == {**before, "user-data": b"#!/bin/sh\n"}


def test_a_guest_that_never_was_gets_no_user_data(pool: Pool) -> None:
    with pytest.raises(VMError):
        blocking_place_user_data(pool.hypervisor, pool.place, "i-0123", b"")


# What is based on what


def test_an_ami_lives_on_hidden_while_a_guest_needs_it(pool: Pool) -> None:
    blocking_copy_image(pool.hypervisor, pool.place, AMI, "ami-00c0ffee", Note(namespace="here"))
    spec = attrs.evolve(SPEC_WITH_DISKS, image_reference="ami-00c0ffee")
    disks = blocking_provide(pool.hypervisor, pool.place, spec, has_metadata=True)
    blocking_delete_image(pool.hypervisor, pool.place, "ami-00c0ffee")
    hidden = images(pool), "ami-00c0ffee" in names(pool)
    blocking_discard(pool.hypervisor, pool.place, own_volumes(pool.place, disks))

    assert hidden == ([AMI], True)
    assert names(pool) == {AMI}


def test_a_snapshot_lives_on_hidden_while_a_volume_is_based_on_it(pool: Pool) -> None:
    blocking_make(pool.hypervisor, pool.place, DATA)
    blocking_snapshot(pool.hypervisor, pool.place, DATA, None, SNAPSHOT)
    copy = GuestDisk("vol-0ccccccccccccccccc", "/dev/sdg", 4, SNAPSHOT)
    made = blocking_make(pool.hypervisor, pool.place, copy)
    blocking_delete(pool.hypervisor, pool.place, SNAPSHOT)
    kept = SNAPSHOT in names(pool), pool.whole(SNAPSHOT)
    blocking_delete(pool.hypervisor, pool.place, copy.volume_id)

    assert made.backing_path == f"/default-pool/{SNAPSHOT}"
    assert made.size_gib == 4
    assert kept == (True, None)
    assert names(pool) == {AMI, DATA.volume_id, f"{DATA.volume_id}.note"}


def test_an_image_of_an_image_goes_with_the_last_that_needs_it(pool: Pool) -> None:
    note = Note(namespace="here")
    blocking_copy_image(pool.hypervisor, pool.place, AMI, "ami-00c0ffee", note)
    blocking_snapshot_image(pool.hypervisor, pool.place, "ami-00c0ffee", SNAPSHOT)
    volume = blocking_make(
        pool.hypervisor, pool.place, GuestDisk("vol-0ccccccccccccccccc", "", 8, SNAPSHOT)
    )
    blocking_delete_image(pool.hypervisor, pool.place, "ami-00c0ffee")
    blocking_delete(pool.hypervisor, pool.place, SNAPSHOT)
    assert {"ami-00c0ffee", SNAPSHOT} <= names(pool)
    blocking_delete(pool.hypervisor, pool.place, volume.name)

    assert names(pool) == {AMI}


def test_a_volume_without_data_has_a_snapshot_without_data(pool: Pool) -> None:
    blocking_snapshot(pool.hypervisor, pool.place, DATA, None, SNAPSHOT)
    made = blocking_make(pool.hypervisor, pool.place, attrs.evolve(DATA, snapshot_id=SNAPSHOT))

    assert made.backing_path is None
    assert made.size_gib == 2


def test_a_volume_is_made_once(pool: Pool) -> None:
    first = blocking_make(pool.hypervisor, pool.place, DATA)

    assert blocking_make(pool.hypervisor, pool.place, attrs.evolve(DATA, size=9)) == first


def test_a_volume_never_shrinks(pool: Pool) -> None:
    blocking_make(pool.hypervisor, pool.place, DATA)
    blocking_resize(pool.hypervisor, pool.place, attrs.evolve(DATA, size=1), None)
    made = pool.volume(DATA.volume_id)

    assert made is not None
    assert made.size_gib == 2


# What an end by force leaves


def test_what_was_half_made_is_nothing_and_is_swept_away(pool: Pool) -> None:
    pool.begin("ami-00c0ffee")
    pool.make(NewVolume("ami-00c0ffee", GIB))
    seen = images(pool)
    pool.sweep(busy=("ami-00c0ffee",))
    kept = "ami-00c0ffee" in names(pool)
    pool.sweep()

    assert seen == [AMI]
    assert kept
    assert names(pool) == {AMI}


def test_a_copy_that_fails_leaves_nothing(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise VMError("full")

    monkeypatch.setattr(storage, "clone", fail)
    with pytest.raises(VMError, match="full"):
        pool.copy(AMI, "ami-00c0ffee", GIB, Note(namespace="here"))

    assert names(pool) == {AMI}


def test_what_another_emulator_is_making_is_left_alone(pool: Pool, hypervisor: Hypervisor) -> None:
    other = Pool(hypervisor, attrs.evolve(pool.place, namespace="there"))
    other.begin("snap-00c0ffee")
    other.make(NewVolume("snap-00c0ffee", GIB))
    other.begin("snap-00000bad")
    pool.sweep()

    assert {"snap-00c0ffee", "snap-00c0ffee.note", "snap-00000bad.note"} <= names(pool)


def test_what_was_hidden_and_is_needed_no_more_is_swept_away(pool: Pool) -> None:
    pool.make(NewVolume(SNAPSHOT, GIB))
    pool.write_note(SNAPSHOT, Note(State.GONE, "here"))
    pool.sweep()

    assert names(pool) == {AMI}


def test_a_note_outlives_no_file_that_a_user_took_away(pool: Pool) -> None:
    blocking_delete_image(pool.hypervisor, pool.place, AMI)
    storage.delete(pool.hypervisor, pool.name, AMI)
    pool.sweep()

    assert names(pool) == set()


def test_a_record_too_large_for_a_note_is_refused(pool: Pool) -> None:
    with pytest.raises(VMError, match="too much"):
        pool.write_note(AMI, Note(record="x" * 2_000_000))


def test_a_volume_that_somebody_is_just_reading_is_waited_for(
    hypervisor: Hypervisor, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "_TRY_AGAIN_SECONDS", 0.0)
    refusals = [Conflict("Requested operation is not valid: volume 'x' is still in use.")] * 3
    find = storage._find

    def refuse(*given: Any) -> object:
        if refusals:
            raise refusals.pop()
        return find(*given)

    monkeypatch.setattr(storage, "_find", refuse)
    storage.delete(hypervisor, place.pool, "x")

    assert refusals == []


def test_a_name_that_is_taken_is_refused_at_once(pool: Pool) -> None:
    with pytest.raises(VMError, match="exists"):
        pool.make(NewVolume(AMI, GIB))
