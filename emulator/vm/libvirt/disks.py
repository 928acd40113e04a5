"""The disks of one guest: what a launch makes, and what goes when it ends; blocking calls.

The root disk is an EBS volume like any other: an overlay on its AMI, never a copy, and as
large as was asked for, so that the guest's first boot grows its file system. (A guest that was
launched without a root volume's id has one that is called as the instance.)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from emulator.vm.interface import LaunchSpec
from emulator.vm.libvirt import blocking_storage as storage
from emulator.vm.libvirt import names
from emulator.vm.libvirt.blocking import Hypervisor, Missing
from emulator.vm.libvirt.domain import Disk
from emulator.vm.libvirt.ebs import blocking_make, data_disk
from emulator.vm.libvirt.images import blocking_base
from emulator.vm.libvirt.pool import Pool
from emulator.vm.libvirt.seed_iso import seed_iso, with_user_data
from emulator.vm.libvirt.volume_xml import GIB, QCOW2, RAW, NewVolume

# A disc holds user data of 16 KiB, and user data that replace them may be longer.
_LEAST_SEED_BYTES = 256 * 1024
_MOST_SEED_BYTES = 16 * 1024 * 1024


def root_volume(spec: LaunchSpec) -> str:
    """Return the name of a new guest's root volume."""
    if spec.root_disk is None:
        return names.root_volume(spec.instance_id)
    return names.data_volume(spec.root_disk.volume_id)


def planned(place: names.Place, spec: LaunchSpec) -> tuple[Disk, ...]:
    """Return the disks that a new guest is to have, before any of them is there; pure.

    A domain that has them in its definition from the start says what is left of a launch that
    did not come to its end.
    """
    volumes = [(disk.device, names.data_volume(disk.volume_id)) for disk in spec.disks]
    found = [
        Disk(place.pool, root_volume(spec), names.ROOT_TARGET),
        Disk(
            place.pool,
            names.seed_volume(spec.instance_id),
            names.SEED_TARGET,
            RAW,
            is_read_only=True,
        ),
    ]
    for device, volume in volumes:
        taken = frozenset(each.target for each in found)
        found.append(Disk(place.pool, volume, names.disk_target(device, taken)))
    return tuple(found)


def _seed_disk(place: names.Place, instance_id: str) -> Disk:
    volume = names.seed_volume(instance_id)
    return Disk(place.pool, volume, names.SEED_TARGET, RAW, is_read_only=True)


def blocking_provide(
    hypervisor: Hypervisor, place: names.Place, spec: LaunchSpec, *, has_metadata: bool
) -> tuple[Disk, ...]:
    """Make the disks of a new guest: its root disk, its seed, and what else it starts with.

    Args:
        hypervisor: where the guest is to be.
        place: the pool.
        spec: the guest.
        has_metadata: whether the emulator answers at 169.254.169.254.

    Raises:
        Missing: there is no such AMI.
        LibvirtError: something could not be made, and nothing is left of the others.
    """
    pool = Pool(hypervisor, place)
    base = blocking_base(pool, spec.image_reference or spec.image_id)
    root = root_volume(spec)
    seed = names.seed_volume(spec.instance_id)
    made = [root, seed]
    # What an earlier emulator left of the same launch.
    blocking_discard(hypervisor, place, made)
    try:
        wanted_bytes = spec.root_disk.size * GIB if spec.root_disk is not None else 0
        size_bytes = max(base.size_bytes, wanted_bytes)
        pool.make(NewVolume(root, size_bytes, QCOW2, base.path, base.format or QCOW2))
        storage.write(
            hypervisor,
            place.pool,
            seed,
            seed_iso(spec, has_metadata=has_metadata),
            least_bytes=_LEAST_SEED_BYTES,
        )
        serial = names.serial(spec.root_disk.volume_id) if spec.root_disk is not None else ""
        found = [
            Disk(place.pool, root, names.ROOT_TARGET, QCOW2, serial),
            _seed_disk(place, spec.instance_id),
        ]
        for disk in spec.disks:
            made.append(names.data_volume(disk.volume_id))
            volume = blocking_make(hypervisor, place, disk)
            taken = frozenset(each.target for each in found)
            found.append(data_disk(place, volume, disk, taken))
    except BaseException:
        blocking_discard(hypervisor, place, made)
        raise
    return tuple(found)


def blocking_discard(hypervisor: Hypervisor, place: names.Place, volumes: Iterable[str]) -> None:
    """Delete volumes that were a guest's own; those that are not there are no error."""
    pool = Pool(hypervisor, place)
    for name in volumes:
        pool.discard(name)


def own_volumes(place: names.Place, disks: Sequence[Disk]) -> tuple[str, ...]:
    """Return which of a domain's disks are the emulator's, by name; pure.

    A disk that a user gave the domain stays when the domain goes.
    """
    return tuple(
        disk.volume
        for disk in disks
        if disk.pool == place.pool and names.is_own_volume(disk.volume)
    )


def blocking_discard_remains(hypervisor: Hypervisor, place: names.Place, instance_id: str) -> None:
    """Delete what a guest left in the pool besides its disks: its seed, what it wrote."""
    storage.refresh(hypervisor, place.pool)
    for name in storage.names(hypervisor, place.pool):
        if name == names.root_volume(instance_id) or name.startswith(f"{instance_id}."):
            Pool(hypervisor, place).discard(name)


def blocking_place_user_data(
    hypervisor: Hypervisor, place: names.Place, instance_id: str, user_data: bytes | None
) -> None:
    """Give a guest other user data.

    Raises:
        Missing: it has no seed, or there is no such guest.
        VMError: the seed cannot be read.
    """
    seed = names.seed_volume(instance_id)
    if storage.volume(hypervisor, place.pool, seed) is None:
        raise Missing(f"{instance_id} has no seed in the storage pool {place.pool!r}")
    if storage.keeps_no_data(hypervisor):
        return
    disc = storage.read(hypervisor, place.pool, seed, _MOST_SEED_BYTES)
    storage.write(
        hypervisor,
        place.pool,
        seed,
        with_user_data(disc, user_data),
        least_bytes=_LEAST_SEED_BYTES,
    )
