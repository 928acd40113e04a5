"""What an emulator that was killed left half done in a pool; blocking calls."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Set as AbstractSet

from emulator.vm.libvirt import blocking_disks as disks
from emulator.vm.libvirt import blocking_storage as storage
from emulator.vm.libvirt import names
from emulator.vm.libvirt.blocking import Hypervisor
from emulator.vm.libvirt.kvm import probe_name
from emulator.vm.libvirt.pool import Pool


def blocking_sweep(
    hypervisor: Hypervisor, place: names.Place, busy: AbstractSet[str], guests: Iterable[str]
) -> None:
    """Remove volumes that were left half made or half removed.

    Args:
        hypervisor: where the pool is.
        place: the pool.
        busy: volumes whose data are on their way right now.
        guests: instances that are up.
    """
    pool = Pool(hypervisor, place)
    if not busy and pool.has_half_made():
        # The hypervisor goes on copying what nobody waits for.
        for instance_id in guests:
            disks.give_up_copies(hypervisor, names.domain_name(instance_id))
    pool.sweep(busy)
    storage.delete(hypervisor, place.pool, probe_name(place.namespace))
