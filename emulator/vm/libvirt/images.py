"""AMIs that are volumes of a pool: each qcow2 image called ``ami-`` and eight digits or more.

Source: the seed documents, "Libvirt VM Manager".
"""

from __future__ import annotations

from collections.abc import Sequence

from emulator.vm.interface import MachineImage
from emulator.vm.libvirt import blocking_storage as storage
from emulator.vm.libvirt import names
from emulator.vm.libvirt.blocking import Hypervisor, Missing
from emulator.vm.libvirt.notes import Note
from emulator.vm.libvirt.pool import Pool
from emulator.vm.libvirt.volume_xml import QCOW2, StoredVolume
from emulator.vm.seed.first_boot import LOGIN_USER

# libvirt's names → EC2's, but for the usual one.
_ARCHITECTURES = {"aarch64": "arm64"}


def blocking_images(hypervisor: Hypervisor, place: names.Place) -> Sequence[MachineImage]:
    """Return every AMI of a pool, by id.

    A qcow2 image says nothing of its processor: it is taken for the hypervisor's own.
    """
    processor = storage.architecture(hypervisor)
    architecture = _ARCHITECTURES.get(processor, "x86_64")
    return sorted(
        (
            machine_image(volume, note, architecture)
            for volume, note in Pool(hypervisor, place).whole_volumes()
            if names.is_ami(volume.name) and volume.format == QCOW2
        ),
        key=lambda image: image.image_id,
    )


def machine_image(volume: StoredVolume, note: Note | None, architecture: str) -> MachineImage:
    """Return the AMI that a volume is; pure.

    Args:
        volume: the image.
        note: what is known of it, where the emulator made it.
        architecture: in EC2's words.
    """
    known = note or Note()
    return MachineImage(
        image_id=volume.name,
        name=known.name or volume.name,
        reference=volume.name,
        architecture=architecture,
        created_at=volume.changed_at,
        size_gib=volume.size_gib,
        login_user=LOGIN_USER,
        record=known.record,
    )


def blocking_has(hypervisor: Hypervisor, place: names.Place, reference: str) -> bool:
    """Tell whether a pool has an AMI or a snapshot."""
    return Pool(hypervisor, place).whole(names.data_volume(reference)) is not None


def blocking_base(pool: Pool, reference: str) -> StoredVolume:
    """Return the volume that is an AMI, to base a disk on.

    Raises:
        Missing: the pool has no such AMI.
    """
    found = pool.whole(reference) if names.is_ami(reference) else None
    if found is None or found.format != QCOW2:
        raise Missing(f"the storage pool {pool.name!r} has no AMI {reference!r}")
    return found


def blocking_delete_image(hypervisor: Hypervisor, place: names.Place, image_id: str) -> None:
    """Let an AMI go; a file that the emulator did not make stays where it is, and is no AMI."""
    pool = Pool(hypervisor, place)
    if not names.is_ami(image_id):
        return
    note = pool.note(image_id)
    if storage.keeps_no_data(hypervisor) or (note is not None and note.namespace):
        pool.discard(image_id)
    else:
        pool.hide(image_id)


def blocking_copy_image(
    hypervisor: Hypervisor, place: names.Place, source: str, image_id: str, note: Note
) -> None:
    """Make an AMI of another AMI or of a snapshot.

    Raises:
        Missing: the source has no data here.
    """
    pool = Pool(hypervisor, place)
    found = pool.whole(names.data_volume(source))
    if found is None:
        raise Missing(f"the storage pool {pool.name!r} has no {source!r}")
    pool.copy(source, names.data_volume(image_id), found.size_bytes, note)
