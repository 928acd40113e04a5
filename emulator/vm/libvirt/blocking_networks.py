"""libvirt's networks, and interfaces of domains that run; blocking calls."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path

import libvirt
from twisted.logger import Logger

from emulator.vm.interface import GuestNetwork
from emulator.vm.libvirt.blocking import Hypervisor, LibvirtError, translated
from emulator.vm.libvirt.domain import LinkPort
from emulator.vm.libvirt.domain_xml import parse, port_element, ports_of, write
from emulator.vm.libvirt.network_xml import (
    Network,
    is_of,
    network_name,
    network_of,
    network_xml,
    overlapping,
    ranges_of,
    spare_range,
)

log = Logger(namespace="emulator.vm.libvirt")

_LINKS = Path("/sys/class/net")


@translated
def ensure(
    hypervisor: Hypervisor,
    namespace: str,
    bridge: str,
    wanted: GuestNetwork,
    routed: Callable[[], Iterable[str]],
) -> Network:
    """Return a VPC's network, made if it is not there yet.

    Args:
        hypervisor: where.
        namespace: EMULATOR_NAMESPACE.
        bridge: the name of its bridge.
        wanted: the VPC.
        routed: returns the ranges that the machine routes to.

    Raises:
        LibvirtError: it cannot be made.
    """
    name = network_name(namespace, wanted.vpc_id)
    found = _lookup(hypervisor, name)
    if found is not None:
        if not found.isActive():
            found.create()
        network = network_of(found.XMLDesc(0))
        if network is None:
            raise LibvirtError(f"the network {name} is none of this emulator's making")
        return network
    taken = [*routed(), *_ranges(hypervisor)]
    reason = overlapping(wanted.cidr, taken)
    if reason is None:
        network = Network(name, bridge, wanted.cidr)
        try:
            hypervisor.raw.networkCreateXML(network_xml(network))
        except libvirt.libvirtError as error:
            if _lookup(hypervisor, name) is not None:
                return network  # somebody was faster
            reason = str(error)
        else:
            return network
    log.warn(
        "{vpc} cannot have {cidr} on this machine ({reason}): instances have their private "
        "addresses among each other, and others towards the machine",
        vpc=wanted.vpc_id,
        cidr=wanted.cidr,
        reason=reason,
    )
    spare = spare_range([*taken, wanted.cidr])
    if spare is None:
        raise LibvirtError("there is no free range for a network left on this machine")
    network = Network(name, bridge, spare)
    hypervisor.raw.networkCreateXML(network_xml(network))
    return network


def _lookup(hypervisor: Hypervisor, name: str) -> libvirt.virNetwork | None:
    try:
        return hypervisor.raw.networkLookupByName(name)
    except libvirt.libvirtError as error:
        if error.get_error_code() == libvirt.VIR_ERR_NO_NETWORK:
            return None
        raise


def _ranges(hypervisor: Hypervisor) -> Iterable[str]:
    """Yield the ranges of all networks, those that are not active included."""
    for each in hypervisor.raw.listAllNetworks(0):
        with contextlib.suppress(libvirt.libvirtError):  # it has just gone
            yield from map(str, ranges_of(each.XMLDesc(0)))


@translated
def remove(hypervisor: Hypervisor, namespace: str, vpc_id: str) -> None:
    """Remove a VPC's network; one that is not there is no error."""
    found = _lookup(hypervisor, network_name(namespace, vpc_id))
    if found is not None:
        _end(found)


@translated
def remove_idle(hypervisor: Hypervisor, namespace: str, kept: Collection[str]) -> None:
    """Remove the networks of VPCs that no guest is on, on this very machine.

    Args:
        hypervisor: where.
        namespace: EMULATOR_NAMESPACE.
        kept: names of bridges that stay in any case.
    """
    for each in hypervisor.raw.listAllNetworks(0):
        if is_of(each.name(), namespace):
            network = network_of(each.XMLDesc(0))
            if network is None or not (network.bridge in kept or _has_members(network.bridge)):
                _end(each)


def _has_members(bridge: str) -> bool:
    members = _LINKS / bridge / "brif"
    return members.is_dir() and any(members.iterdir())


def _end(network: libvirt.virNetwork) -> None:
    persistent = network.isPersistent()
    if network.isActive():
        network.destroy()
    if persistent:
        network.undefine()


@translated
def plug(hypervisor: Hypervisor, name: str, port: LinkPort) -> None:
    """Give a domain an interface; one that has it, or that is off, stays as it is."""
    domain = hypervisor.raw.lookupByName(name)
    if domain.isActive() and _element_of(domain, port.mac_address) is None:
        domain.attachDeviceFlags(write(port_element(port)), libvirt.VIR_DOMAIN_AFFECT_LIVE)


@translated
def unplug(hypervisor: Hypervisor, name: str, mac_address: str) -> None:
    """Take an interface from a domain; the guest lets go of it in its own time."""
    domain = hypervisor.raw.lookupByName(name)
    if domain.isActive():
        found = _element_of(domain, mac_address)
        if found is not None:
            domain.detachDeviceFlags(found, libvirt.VIR_DOMAIN_AFFECT_LIVE)


@translated
def plugged(hypervisor: Hypervisor, name: str) -> Sequence[str]:
    """Return the MAC addresses of a domain's interfaces on links; none where it is off."""
    domain = hypervisor.raw.lookupByName(name)
    if not domain.isActive():
        return []
    ports = ports_of(parse(domain.XMLDesc(0)))
    return [port.mac_address.lower() for port in ports if isinstance(port, LinkPort)]


def _element_of(domain: libvirt.virDomain, mac_address: str) -> str | None:
    root = parse(domain.XMLDesc(0))
    for element in root.iterfind("devices/interface"):
        mac = element.find("mac")
        if mac is not None and mac.get("address", "").lower() == mac_address.lower():
            return write(element)
    return None
