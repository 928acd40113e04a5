"""What a guest on a network of libvirt's has: an address kept for it, a filter; blocking calls."""

from __future__ import annotations

import contextlib

import libvirt

from emulator.vm.libvirt.blocking import Hypervisor, LibvirtError, translated
from emulator.vm.libvirt.domain_xml import parse
from emulator.vm.libvirt.leases import (
    METADATA_FILTER,
    dhcp_of,
    metadata_filter_xml,
    reservation_xml,
)


@translated
def reserve(hypervisor: Hypervisor, network: str, mac_address: str) -> str | None:
    """Return the address that a guest will have on a network, kept for it from now on.

    Returns:
        None where that cannot be known: the network has no DHCP server of libvirt's.

    Raises:
        Missing: there is no such network.
        LibvirtError: the network is not active, or has no free address.
    """
    found = hypervisor.raw.networkLookupByName(network)
    if not found.isActive():
        raise LibvirtError(f"the network {network} is not active: virsh net-start {network}")
    dhcp = dhcp_of(parse(found.XMLDesc(0)))
    if dhcp is None:
        return None
    leased: list[str] = []
    with contextlib.suppress(libvirt.libvirtError):
        leased = [lease["ipaddr"] for lease in found.DHCPLeases() if lease["mac"] != mac_address]
    address = dhcp.address_for(mac_address, leased)
    if address is None:
        raise LibvirtError(f"the network {network} has no free address left")
    if mac_address.lower() not in dhcp.reserved:
        _update(found, libvirt.VIR_NETWORK_UPDATE_COMMAND_ADD_LAST, mac_address, address)
    return address


@translated
def release(hypervisor: Hypervisor, network: str, mac_address: str) -> None:
    """Give a guest's address back; one that has none, or a network that is gone, is no error."""
    try:
        found = hypervisor.raw.networkLookupByName(network)
    except libvirt.libvirtError as error:
        if error.get_error_code() == libvirt.VIR_ERR_NO_NETWORK:
            return
        raise
    dhcp = dhcp_of(parse(found.XMLDesc(0)))
    address = None if dhcp is None else dhcp.reserved.get(mac_address.lower())
    if address is not None:
        _update(found, libvirt.VIR_NETWORK_UPDATE_COMMAND_DELETE, mac_address, address)


@translated
def leased_until(hypervisor: Hypervisor, network: str, mac_address: str) -> int | None:
    """Return when a guest's lease ends, in seconds since 1970; 0: it has none.

    Returns:
        None where there is no knowing: the network has no DHCP server of libvirt's.
    """
    try:
        found = hypervisor.raw.networkLookupByName(network)
        if dhcp_of(parse(found.XMLDesc(0))) is None:
            return None
        ends = [int(lease["expirytime"]) for lease in found.DHCPLeases(mac_address)]
    except libvirt.libvirtError as error:
        if error.get_error_code() in (libvirt.VIR_ERR_NO_SUPPORT, libvirt.VIR_ERR_NO_NETWORK):
            return None
        raise
    return max(ends, default=0)


@translated
def metadata_filter(hypervisor: Hypervisor) -> str:
    """Return the filter that keeps guests from the metadata service of the hypervisor's machine.

    On a cloud machine that is a real one, and gives out the machine's own credentials.

    Returns:
        Empty where the hypervisor knows no filters.

    Raises:
        LibvirtError: it could not be made.
    """
    try:
        hypervisor.raw.nwfilterLookupByName(METADATA_FILTER)
    except libvirt.libvirtError as error:
        if error.get_error_code() == libvirt.VIR_ERR_NO_SUPPORT:
            return ""
        if error.get_error_code() != libvirt.VIR_ERR_NO_NWFILTER:
            raise
        hypervisor.raw.nwfilterDefineXML(metadata_filter_xml())
    return METADATA_FILTER


def _update(network: libvirt.virNetwork, command: int, mac_address: str, address: str) -> None:
    flags = libvirt.VIR_NETWORK_UPDATE_AFFECT_CONFIG
    if network.isActive():
        flags |= libvirt.VIR_NETWORK_UPDATE_AFFECT_LIVE
    network.update(
        command,
        libvirt.VIR_NETWORK_SECTION_IP_DHCP_HOST,
        -1,
        reservation_xml(mac_address, address),
        flags,
    )
