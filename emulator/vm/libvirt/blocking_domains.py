"""Domains with all that belongs to them: defined, found, removed; blocking calls."""

from __future__ import annotations

from collections.abc import Sequence

from emulator.vm.libvirt import blocking_leases as leases
from emulator.vm.libvirt import disks, names
from emulator.vm.libvirt.blocking import Conflict, Hypervisor, Missing
from emulator.vm.libvirt.domain import Disk, Domain, NetworkPort, Note
from emulator.vm.libvirt.domain_xml import (
    NOTE_PREFIX,
    NOTE_URI,
    disks_of,
    domain_like,
    domain_xml,
    note_update,
    parse,
    ports_of,
)
from emulator.vm.libvirt.guests import Found, blocking_find


def blocking_define(
    hypervisor: Hypervisor, place: names.Place, domain: Domain, again: bool
) -> None:
    """Define a domain.

    Args:
        hypervisor: where.
        place: says which domain it is made like, if any.
        domain: what it is to be.
        again: whether there may be one already, which is changed then.

    Raises:
        Conflict: there is a domain of that name that is not to be changed.
        Missing: the domain that it is to be made like is not there.
    """
    if not again and hypervisor.state(domain.name) is not None:
        raise Conflict(f"there is a domain {domain.name} already, which is not this emulator's")
    if not place.reference_domain:
        hypervisor.define(domain_xml(domain))
        return
    template = hypervisor.xml(place.reference_domain, inactive=True)
    if template is None:
        raise Missing(f"EC2_REFERENCE_DOMAIN={place.reference_domain}: there is no such domain")
    hypervisor.define(domain_like(template, domain))


def blocking_watched(hypervisor: Hypervisor, name: str) -> tuple[NetworkPort, int] | None:
    """Return what a guest will be heard of through, and when its lease of now ends.

    None: there is no knowing.
    """
    text = hypervisor.xml(name)
    first = None if text is None else next(ports_of(parse(text)), None)
    if not isinstance(first, NetworkPort):
        return None
    until = leases.leased_until(hypervisor, first.network, first.mac_address)
    return None if until is None else (first, until)


def blocking_set_note(hypervisor: Hypervisor, note: Note) -> None:
    """Have a domain say something else of its instance."""
    name = names.domain_name(note.key.instance_id)
    hypervisor.set_metadata(name, note_update(note), NOTE_PREFIX, NOTE_URI)


def blocking_discard(hypervisor: Hypervisor, place: names.Place, instance_id: str) -> None:
    """Delete the disks that were made for a domain, and what else it left in the pool."""
    text = hypervisor.xml(names.domain_name(instance_id), inactive=True)
    if text is not None:
        held: list[Disk] = list(disks_of(parse(text)))
        own = disks.own_volumes(place, held)
        disks.blocking_discard(hypervisor, place, own)
    disks.blocking_discard_remains(hypervisor, place, instance_id)


def blocking_discard_remains(hypervisor: Hypervisor, place: names.Place, instance_id: str) -> None:
    """Delete what an instance left in the pool that has no domain any more, whosever it was."""
    if names.is_instance(instance_id) and hypervisor.state(instance_id) is None:
        disks.blocking_discard_remains(hypervisor, place, instance_id)


def blocking_all(hypervisor: Hypervisor, namespace: str) -> Sequence[Found]:
    """Return every domain of an emulator's."""
    found = (
        blocking_find(hypervisor, name, namespace)
        for name in hypervisor.domains()
        if names.is_instance(name)
    )
    return [each for each in found if each is not None]
