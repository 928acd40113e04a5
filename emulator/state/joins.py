"""Records that belong together: an instance's interfaces, their addresses, its volumes.

They are found through the tables, so that renderings note what was read here, too.
"""

from __future__ import annotations

from emulator.model.instance import Instance
from emulator.model.network_interface import Address, NetworkInterface
from emulator.model.volume import Volume, VolumeAttachment
from emulator.model.vpc import Vpc
from emulator.state.store import Region


def interfaces(region: Region, instance: Instance) -> list[NetworkInterface]:
    """Return the instance's interfaces, the primary first."""
    found = region[NetworkInterface].where(instance_id=instance.id)
    if len(found) > 1:
        found.sort(key=_place)
    return found


def _place(interface: NetworkInterface) -> tuple[int, int]:
    attachment = interface.attachment
    return (attachment.network_card_index, attachment.device_index) if attachment else (0, 0)


def primary(region: Region, instance: Instance) -> NetworkInterface | None:
    """Return the interface at device index 0."""
    found = interfaces(region, instance)
    return found[0] if found else None


def attached_to(region: Region, instance_id: str) -> list[tuple[Volume, VolumeAttachment]]:
    """Return the volumes of an instance, each with its place in it."""
    table = region[Volume]
    found = [
        (volume, volume.attachment)
        for volume in table.where(instance_id=instance_id)
        if volume.attachment is not None
    ]
    for volume in table.where(more_instance_ids=instance_id):
        place = volume.more_instance_ids.index(instance_id)
        found.append((volume, volume.more_attachments[place]))
    return found


def volumes(region: Region, instance: Instance) -> list[tuple[Volume, VolumeAttachment]]:
    """Return the instance's volumes with their places in it, the root first."""
    found = attached_to(region, instance.id)
    if len(found) > 1:
        found.sort(key=lambda item: item[1].device != instance.root_device_name)
    return found


def elastic_addresses(region: Region, interface: NetworkInterface) -> list[Address]:
    """Return the Elastic IPs that map to an interface."""
    table = region[Address]
    # Most accounts have none; then one note on the table serves all instances.
    return table.where(network_interface_id=interface.id) if len(table) else []


def public_address(
    region: Region, interface: NetworkInterface, private_ip: str
) -> tuple[str | None, Address | None]:
    """Return the public address of a private one, and the Elastic IP it is, if it is one."""
    for address in elastic_addresses(region, interface):
        if address.private_ip in (private_ip, None):
            return address.public_ip, address
    is_primary = bool(interface.private_ips) and interface.private_ips[0] == private_ip
    return (interface.public_ip if is_primary else None), None


def has_public_names(region: Region, vpc_id: str | None) -> bool:
    """Tell whether the VPC gives public addresses names."""
    vpc = region[Vpc].get(vpc_id)
    return vpc is not None and vpc.enable_dns_hostnames and vpc.enable_dns_support
