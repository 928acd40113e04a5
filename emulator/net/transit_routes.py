"""Where a transit gateway leads what a VPC sends to it; pure.

The gateway and the VPCs are of one account and region: what others attach to a gateway, and
peering between gateways, carries nothing here. Sources: "How transit gateways work",
"Transit gateway route tables".
"""

from __future__ import annotations

from collections.abc import Iterator

from emulator.model.prefix_list import PrefixList
from emulator.model.transit_gateway import (
    TransitGatewayAssociation,
    TransitGatewayAttachment,
    TransitGatewayPrefixListReference,
    TransitGatewayPropagation,
    TransitGatewayRoute,
)
from emulator.model.vpc import Vpc
from emulator.net.cidrs import Network, known_network
from emulator.state.store import Region

_WORKING = frozenset(("available", "modifying"))


def transit_legs(region: Region, vpc_id: str, gateway_id: str) -> dict[Network, str | None]:
    """Return the VPCs that a gateway leads to, by network; None: the gateway drops it.

    Args:
        region: of the VPC and the gateway.
        vpc_id: whose packets they are: its attachment has a route table.
        gateway_id: the transit gateway's.
    """
    table_id = _table_of(region, vpc_id, gateway_id)
    if table_id is None:
        return {}
    found: dict[Network, str | None] = {}
    for network, attachment in _propagated(region, table_id):
        if not any(_overlap(network, other) for other in found):
            found[network] = attachment.resource_id
    for reference in region[TransitGatewayPrefixListReference].where(route_table_id=table_id):
        prefix_list = region[PrefixList].get(reference.prefix_list_id)
        for entry in prefix_list.entries if prefix_list is not None else ():
            found[known_network(entry.cidr)] = _vpc_at(region, reference.attachment_id)
    for route in region[TransitGatewayRoute].where(route_table_id=table_id):
        found[known_network(route.cidr)] = _vpc_at(region, route.attachment_id)
    # What would come back to where it came from is lost.
    return {network: None if to == vpc_id else to for network, to in found.items()}


def transit_neighbours(region: Region, vpc_id: str) -> Iterator[str]:
    """Yield the VPCs that are attached to the same gateways."""
    for own in region[TransitGatewayAttachment].where(resource_id=vpc_id):
        if _works(region, own):
            for each in region[TransitGatewayAttachment].where(
                transit_gateway_id=own.transit_gateway_id
            ):
                if each.resource_id != vpc_id and _works(region, each):
                    yield each.resource_id


def _works(region: Region, attachment: TransitGatewayAttachment) -> bool:
    owners = {attachment.resource_owner_id, attachment.transit_gateway_owner_id}
    is_here = attachment.resource_type == "vpc" and owners == {region.account}
    return is_here and attachment.state in _WORKING


def _table_of(region: Region, vpc_id: str, gateway_id: str) -> str | None:
    for attachment in region[TransitGatewayAttachment].where(resource_id=vpc_id):
        if attachment.transit_gateway_id == gateway_id and _works(region, attachment):
            association = region[TransitGatewayAssociation].get(attachment.id)
            if association is not None and association.state == "associated":
                return association.route_table_id
    return None


def _vpc_at(region: Region, attachment_id: str | None) -> str | None:
    attachment = region[TransitGatewayAttachment].get(attachment_id)
    works = attachment is not None and _works(region, attachment)
    return attachment.resource_id if attachment is not None and works else None


def _propagated(
    region: Region, table_id: str
) -> Iterator[tuple[Network, TransitGatewayAttachment]]:
    for row in region[TransitGatewayPropagation].where(route_table_id=table_id):
        attachment = region[TransitGatewayAttachment].get(row.attachment_id)
        if attachment is None or row.state == "disabling" or not _works(region, attachment):
            continue
        vpc = region[Vpc].get(attachment.resource_id)
        for block in () if vpc is None else vpc.ipv4_associations:
            yield known_network(block.cidr), attachment


def _overlap(network: Network, other: Network) -> bool:
    return network.version == other.version and network.overlaps(other)
