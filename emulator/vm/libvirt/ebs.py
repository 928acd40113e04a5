"""EBS volumes and snapshots as sparse volumes of a pool, and as disks of domains; blocking calls.

A volume from a snapshot is based on it, so it takes no time and no room. A snapshot stands for
itself: it is a copy of what a volume held at one moment. Sizes are in GiB.
"""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from emulator.vm.interface import GuestDisk
from emulator.vm.libvirt import blocking_disks as disks
from emulator.vm.libvirt import blocking_storage as storage
from emulator.vm.libvirt import names
from emulator.vm.libvirt.blocking import Hypervisor, LibvirtError, Missing
from emulator.vm.libvirt.domain import Disk
from emulator.vm.libvirt.images import blocking_base
from emulator.vm.libvirt.notes import Note
from emulator.vm.libvirt.pool import Pool
from emulator.vm.libvirt.volume_xml import GIB, QCOW2, NewVolume, StoredVolume

# What EC2 itself allows: 64 TiB. Volumes are sparse.
LARGEST_GIB = 64 * 1024


def blocking_make(hypervisor: Hypervisor, place: names.Place, disk: GuestDisk) -> StoredVolume:
    """Return an EBS volume, made if it is not there yet: empty or with its snapshot's data."""
    pool = Pool(hypervisor, place)
    name = names.data_volume(disk.volume_id)
    found = pool.whole(name)
    if found is not None:
        return found
    base = _source(pool, disk)
    # Whose it is, should nobody come to write its record.
    pool.write_note(name, Note(namespace=place.namespace))
    if base is None:
        return pool.make(NewVolume(name, disk.size * GIB))
    size_bytes = max(disk.size * GIB, base.size_bytes)
    return pool.make(NewVolume(name, size_bytes, QCOW2, base.path, base.format or QCOW2))


def _source(pool: Pool, disk: GuestDisk) -> StoredVolume | None:
    """Return what a new volume begins with; None: nothing."""
    return pool.whole(names.data_volume(disk.snapshot_id)) if disk.snapshot_id else None


def blocking_attach(
    hypervisor: Hypervisor, place: names.Place, instance_id: str, disk: GuestDisk
) -> None:
    """Give a domain a volume as a disk, now and with every start; it may be repeated.

    Raises:
        LibvirtError: there is no such domain, or it takes no further disk.
    """
    volume = blocking_make(hypervisor, place, disk)

    def as_disk(taken: frozenset[str]) -> Disk:
        return data_disk(place, volume, disk, taken)

    disks.attach(hypervisor, names.domain_name(instance_id), as_disk)


def data_disk(
    place: names.Place, volume: StoredVolume, disk: GuestDisk, taken: frozenset[str]
) -> Disk:
    """Return a volume as a disk of a domain; pure.

    Args:
        place: whose pool has the volume.
        volume: the volume.
        disk: whose device name is followed as far as can be.
        taken: the targets that the domain has already.
    """
    return Disk(
        pool=place.pool,
        volume=volume.name,
        target=names.disk_target(disk.device, taken),
        format=volume.format or QCOW2,
        serial=names.serial(disk.volume_id),
    )


def blocking_detach(
    hypervisor: Hypervisor, instance_id: str, disk: GuestDisk, *, force: bool
) -> None:
    """Take a volume from a domain; it keeps its data. A domain that is gone has none.

    Raises:
        StillInUse: the guest has not let go of it yet.
    """
    try:
        disks.detach(
            hypervisor,
            names.domain_name(instance_id),
            names.data_volume(disk.volume_id),
            force=force,
        )
    except Missing:
        return


def blocking_snapshot(
    hypervisor: Hypervisor,
    place: names.Place,
    disk: GuestDisk,
    holder: str | None,
    snapshot_id: str,
) -> None:
    """Copy what a volume, or another snapshot, holds now.

    A volume without data anywhere is all zeros, and so is what is made of its snapshot.

    Raises:
        LibvirtError: nothing was made.
    """
    pool = Pool(hypervisor, place)
    note = Note(namespace=place.namespace)
    source = pool.whole(names.data_volume(disk.volume_id))
    if source is not None:
        blocking_copy_disk(pool, holder, source, names.data_volume(snapshot_id), note)
        return
    base = _source(pool, disk)
    if base is not None:
        pool.copy(base.name, names.data_volume(snapshot_id), base.size_bytes, note)


def blocking_copy_disk(
    pool: Pool, holder: str | None, source: StoredVolume, name: str, note: Note
) -> None:
    """Make a volume with what another one holds now, which a guest may be writing to.

    Args:
        pool: where both are.
        holder: the instance that has the source, if any.
        source: what is copied.
        name: the new volume's.
        note: the new volume's, once it is whole.

    Raises:
        LibvirtError: nothing was made.
    """
    if holder is None or not _copy_in_use(pool, holder, source, name, note):
        pool.copy(source.name, name, source.size_bytes, note)


def _copy_in_use(pool: Pool, holder: str, source: StoredVolume, name: str, note: Note) -> bool:
    """Copy a disk that a running guest has; tell whether there was such a guest."""
    hypervisor, domain = pool.hypervisor, names.domain_name(holder)
    if storage.is_in_memory(hypervisor) or not disks.is_active(hypervisor, domain):
        return False
    pool.begin(name)
    try:
        storage.delete(hypervisor, pool.name, name)
        made = pool.make(NewVolume(name, source.size_bytes))
        if disks.copy_in_use(hypervisor, domain, source.name, made.path):
            pool.write_note(name, note)
            return True
    except LibvirtError:
        pool.forget(name)
        # A guest that went down meanwhile writes no more, and can be copied in peace.
        if disks.is_active(hypervisor, domain):
            raise
    except BaseException:
        pool.forget(name)
        raise
    pool.forget(name)
    return False


def blocking_resize(
    hypervisor: Hypervisor, place: names.Place, disk: GuestDisk, holder: str | None
) -> None:
    """Make a volume as large as the disk says it is; a running guest sees it at once.

    Raises:
        LibvirtError: it has its old size.
    """
    volume = blocking_make(hypervisor, place, disk)
    size_bytes = disk.size * GIB
    if size_bytes <= volume.size_bytes:
        return
    if holder is not None and not storage.is_in_memory(hypervisor):
        domain = names.domain_name(holder)
        if disks.resize(hypervisor, domain, volume.name, size_bytes):
            return
    storage.resize(hypervisor, place.pool, volume.name, size_bytes)


def blocking_snapshot_image(
    hypervisor: Hypervisor, place: names.Place, reference: str, snapshot_id: str
) -> None:
    """Give an AMI's data to a snapshot, which is based on it."""
    pool = Pool(hypervisor, place)
    base = blocking_base(pool, reference)
    name = names.data_volume(snapshot_id)
    if pool.whole(name) is None:
        pool.write_note(name, Note(namespace=place.namespace))
        pool.make(NewVolume(name, base.size_bytes, QCOW2, base.path, base.format or QCOW2))


def blocking_keep_record(
    hypervisor: Hypervisor, place: names.Place, resource_id: str, record: str
) -> bool:
    """Keep a record beside a volume; tell whether there is such a volume."""
    pool = Pool(hypervisor, place)
    name = names.data_volume(resource_id)
    if pool.whole(name) is None:
        return False
    known = pool.note(name) or Note()
    pool.write_note(name, attrs.evolve(known, namespace=place.namespace, record=record))
    return True


def blocking_kept_records(hypervisor: Hypervisor, place: names.Place) -> Mapping[str, str]:
    """Return the records of this emulator's volumes and snapshots, by id.

    One that has none and is no guest's has an empty one.
    """
    held = {
        disk.volume for domain in hypervisor.domains() for disk in disks.disks(hypervisor, domain)
    }
    return {
        volume.name: note.record
        for volume, note in Pool(hypervisor, place).whole_volumes()
        if note is not None
        and note.namespace == place.namespace
        and volume.name.startswith(("vol-", "snap-"))
        and (note.record or volume.name not in held)
    }


def blocking_delete(hypervisor: Hypervisor, place: names.Place, resource_id: str) -> None:
    """Forget a volume's or a snapshot's data; one without any is no error."""
    Pool(hypervisor, place).discard(names.data_volume(resource_id))
