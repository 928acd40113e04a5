"""What a VPC's router does, from records to typed values; pure.

Sources: "Route tables", "Internet gateways", "Elastic IP addresses", "NAT gateways", "What is
VPC peering?".
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network

import attrs

from emulator.model.nat_gateway import NatGateway
from emulator.model.network_interface import NetworkInterface
from emulator.model.vpc import InternetGateway, Vpc
from emulator.model.vpc_peering_connection import VpcPeeringConnection
from emulator.net.interfaces import interface_rows
from emulator.net.route_legs import Leg, VpcKey, address_of, legs_of, peer_of
from emulator.net.router_addresses import PUBLIC, router_address, router_mac
from emulator.net.transit_routes import transit_neighbours
from emulator.net.visit import Gateway
from emulator.state.joins import elastic_addresses
from emulator.state.store import Region


@attrs.frozen
class SubnetRoutes:
    """Where the packets of a subnet's interfaces go.

    Attributes:
        interfaces: their hardware addresses.
        legs: of IPv4, longest prefix first.
    """

    interfaces: tuple[str, ...]
    legs: tuple[Leg, ...]


@attrs.frozen
class RouterPlan:
    """What a router does.

    Attributes:
        cidrs: the VPC's IPv4 ranges, the primary first.
        subnets: those that have instances.
        public: public addresses, each with the private one that it is.
        gateways: public addresses of NAT gateways: only answers get in by them.
        private_gateways: private ones, likewise.
        peers: the VPCs that peering connections and transit gateways may bring packets from.
    """

    cidrs: tuple[IPv4Network, ...] = ()
    subnets: tuple[SubnetRoutes, ...] = ()
    public: tuple[tuple[IPv4Address, IPv4Address], ...] = ()
    gateways: tuple[IPv4Address, ...] = ()
    private_gateways: tuple[IPv4Address, ...] = ()
    peers: tuple[VpcKey, ...] = ()


def router_plan(region: Region, vpc_id: str) -> RouterPlan:
    """Return what a VPC's router does at this moment; for a VPC that is gone, nothing."""
    vpc = region[Vpc].get(vpc_id)
    if vpc is None:
        return RouterPlan()
    rows = [row for row in region[NetworkInterface].where(vpc_id=vpc_id) if _is_used(row)]
    connections = region[VpcPeeringConnection]
    peers = {peer_of(region, vpc_id, connection) for connection in connections} | {
        VpcKey(region.account, region.name, each) for each in transit_neighbours(region, vpc_id)
    }
    online = bool(region[InternetGateway].where(vpc_id=vpc_id))
    gateways = [
        (gateway, address)
        for gateway in region[NatGateway].where(vpc_id=vpc_id)
        if gateway.state == "available" and (address := address_of(gateway)) is not None
    ]
    return RouterPlan(
        tuple(IPv4Network(each.cidr) for each in vpc.ipv4_associations),
        tuple(_subnets(region, vpc_id, rows)),
        tuple(sorted(_public(region, rows))) if online else (),
        tuple(
            sorted(
                IPv4Address(address.public_ip)
                for gateway, address in gateways
                if online and gateway.connectivity_type == "public" and address.public_ip
            )
        ),
        tuple(sorted(IPv4Address(address.private_ip or "") for _, address in gateways)),
        tuple(sorted(peer for peer in peers if peer is not None)),
    )


def gateway_of(region: Region, instance_id: str) -> Gateway | None:
    """Return the router that an instance sends to what is beyond its network."""
    row = next(iter(interface_rows(region, instance_id)), None)
    vpc = None if row is None else region[Vpc].get(row.vpc_id)
    if row is None or vpc is None or not row.private_ips:
        return None
    cidrs = [each.cidr for each in vpc.ipv4_associations]
    own = IPv4Address(row.private_ips[0])
    around = next((cidr for cidr in cidrs if own in IPv4Network(cidr)), None)
    if around is None:
        return None
    return Gateway(str(router_address(around)), router_mac(vpc.id), tuple(cidrs))


def _is_used(row: NetworkInterface) -> bool:
    return row.attachment is not None and row.instance_id is not None


def _subnets(region: Region, vpc_id: str, rows: list[NetworkInterface]) -> Iterator[SubnetRoutes]:
    interfaces: dict[str, list[str]] = {}
    for row in rows:
        interfaces.setdefault(row.subnet_id, []).append(row.mac_address)
    for subnet_id in sorted(interfaces):
        legs = legs_of(region, vpc_id, subnet_id)
        yield SubnetRoutes(
            tuple(sorted(interfaces[subnet_id])),
            tuple(leg for leg in legs if leg.network.version == 4),
        )


def _public(
    region: Region, rows: list[NetworkInterface]
) -> Iterator[tuple[IPv4Address, IPv4Address]]:
    for row in rows:
        taken: set[str] = set()
        for address in elastic_addresses(region, row):
            private_ip = address.private_ip or row.private_ips[0]
            taken.add(private_ip)
            yield IPv4Address(address.public_ip), IPv4Address(private_ip)
        if row.public_ip is not None and row.private_ips and row.private_ips[0] not in taken:
            public_ip = IPv4Address(row.public_ip)
            if public_ip in PUBLIC:
                yield public_ip, IPv4Address(row.private_ips[0])
