"""CreateImage: a guest's root disk as an AMI; blocking calls."""

from __future__ import annotations

from emulator.vm.libvirt import blocking_disks as disks
from emulator.vm.libvirt import names
from emulator.vm.libvirt.blocking import Hypervisor, Missing
from emulator.vm.libvirt.ebs import blocking_copy_disk
from emulator.vm.libvirt.notes import Note
from emulator.vm.libvirt.pool import Pool


def blocking_capture(
    hypervisor: Hypervisor, place: names.Place, instance_id: str, image_id: str, note: Note
) -> None:
    """Make an AMI of a guest's root disk: all that it shows, in a file of its own.

    Raises:
        Missing: there is no such guest, or it has lost its root disk.
        LibvirtError: nothing was made.
    """
    pool = Pool(hypervisor, place)
    held = disks.disks(hypervisor, names.domain_name(instance_id))
    root = next((disk.volume for disk in held if disk.target == names.ROOT_TARGET), None)
    source = None if root is None else pool.volume(root)
    if source is None:
        raise Missing(f"{instance_id} has no root disk in the storage pool {place.pool!r}")
    blocking_copy_disk(pool, instance_id, source, names.data_volume(image_id), note)
