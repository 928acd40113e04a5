"""How network interfaces are shown and filtered; instances show parts of the same."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from emulator.catalog.regions import zones
from emulator.model.nat_gateway import NatGateway
from emulator.model.network_interface import Address, Attachment, NetworkInterface
from emulator.model.security_group import SecurityGroup
from emulator.model.vpc import Subnet, Vpc
from emulator.net.dns_names import private_name, public_name
from emulator.services.ec2.kind import Kind, tag_set
from emulator.services.filters import Field
from emulator.state.store import Region

AMAZON = "amazon"
ATTACHMENT_FILTER = "attachment.attachment-id"


def addresses_of(region: Region, interface: NetworkInterface) -> Mapping[str, Address]:
    """Return an interface's Elastic IP addresses by the private address they map to."""
    return {
        address.private_ip or "": address
        for address in region[Address].where(network_interface_id=interface.id)
    }


def association(
    region: Region, interface: NetworkInterface, private_ip: str, elastic: Address | None
) -> dict[str, Any] | None:
    """Return the public side of one private address in AWS's shape, if it has one.

    Args:
        region: of the interface.
        interface: whose address it is.
        private_ip: the address.
        elastic: what ``addresses_of`` has for it.
    """
    if elastic is not None:
        public_ip = elastic.public_ip
        shown = {
            "AllocationId": elastic.id,
            "AssociationId": elastic.association_id,
            "IpOwnerId": region.account,
            "PublicIp": public_ip,
        }
    elif interface.public_ip is not None and private_ip == interface.private_ips[0]:
        public_ip = interface.public_ip
        shown = {"IpOwnerId": AMAZON, "PublicIp": public_ip}
    else:
        return None
    if _has_hostnames(region, interface):
        shown["PublicDnsName"] = public_name(region.name, public_ip)
    return shown


def _has_hostnames(region: Region, interface: NetworkInterface) -> bool:
    vpc = region[Vpc].get(interface.vpc_id)
    return vpc is not None and vpc.enable_dns_hostnames and vpc.enable_dns_support


def group_identifiers(region: Region, group_ids: Iterable[str]) -> list[dict[str, str]]:
    """Return groups as interfaces and instances list them."""
    groups = []
    for group_id in group_ids:
        group = region[SecurityGroup].get(group_id)
        groups.append({"GroupId": group_id, "GroupName": group.name if group else ""})
    return groups


def private_addresses(region: Region, interface: NetworkInterface) -> list[dict[str, Any]]:
    """Return an interface's private IPv4 addresses, each with its public side."""
    elastic = addresses_of(region, interface)
    named = _has_hostnames(region, interface)
    return [
        {
            "PrivateIpAddress": address,
            "Primary": place == 0,
            "PrivateDnsName": private_name(region.name, address) if named else None,
            "Association": association(region, interface, address, elastic.get(address)),
        }
        for place, address in enumerate(interface.private_ips)
    ]


def attachment_view(attachment: Attachment, instance_id: str | None) -> dict[str, Any]:
    """Return an attachment in AWS's shape."""
    return {
        "AttachmentId": attachment.id,
        "AttachTime": attachment.attached_at,
        "DeleteOnTermination": attachment.delete_on_termination,
        "DeviceIndex": attachment.device_index,
        "NetworkCardIndex": attachment.network_card_index,
        "InstanceId": instance_id,
        "InstanceOwnerId": attachment.instance_owner_id,
        "Status": attachment.status,
        "EnaSrdSpecification": attachment.ena_srd,
        "EnaQueueCount": attachment.ena_queue_count,
    }


def _zone_id(region: Region, zone_name: str) -> str | None:
    return next((zone.id for zone in zones(region.name) if zone.name == zone_name), None)


def view(region: Region, interface: NetworkInterface) -> dict[str, Any]:
    """Return an interface in AWS's shape."""
    addresses = private_addresses(region, interface)
    attachment = interface.attachment
    primary = interface.private_ips[0] if interface.private_ips else None
    subnet = region[Subnet].get(interface.subnet_id)
    public = addresses[0]["Association"] if addresses else None
    return {
        "NetworkInterfaceId": interface.id,
        "OwnerId": region.account,
        "SubnetId": interface.subnet_id,
        "VpcId": interface.vpc_id,
        "AvailabilityZone": interface.availability_zone,
        "AvailabilityZoneId": _zone_id(region, interface.availability_zone),
        "Description": interface.description,
        "InterfaceType": interface.interface_type,
        "MacAddress": interface.mac_address,
        "Status": interface.state,
        "SourceDestCheck": interface.source_dest_check,
        "RequesterManaged": interface.requester_managed,
        "RequesterId": interface.requester_id,
        "Operator": {"Managed": False},
        "PrivateIpAddress": primary,
        "PrivateDnsName": addresses[0]["PrivateDnsName"] if addresses else None,
        "PrivateIpAddresses": addresses,
        "Association": public,
        "PublicDnsName": public.get("PublicDnsName") if public else None,
        "Ipv4Prefixes": [{"Ipv4Prefix": prefix} for prefix in interface.ipv4_prefixes],
        "Ipv6Prefixes": [{"Ipv6Prefix": prefix} for prefix in interface.ipv6_prefixes],
        "Ipv6Address": interface.ipv6_addresses[0] if interface.ipv6_addresses else None,
        "Ipv6Addresses": [
            {"Ipv6Address": address, "IsPrimaryIpv6": interface.primary_ipv6 and place == 0}
            for place, address in enumerate(interface.ipv6_addresses)
        ],
        "Ipv6Native": True if subnet is not None and subnet.ipv6_native else None,
        "Groups": group_identifiers(region, interface.group_ids),
        "ConnectionTrackingConfiguration": interface.connection_tracking,
        "Attachment": (
            attachment_view(attachment, interface.instance_id) if attachment is not None else None
        ),
        "TagSet": tag_set(interface.tags),
    }


def _public(member: str) -> Field[NetworkInterface]:
    """Return a filter over one member of every address's association."""

    def field(region: Region, interface: NetworkInterface) -> Iterable[str | None]:
        elastic = addresses_of(region, interface)
        for address in interface.private_ips:
            shown = association(region, interface, address, elastic.get(address))
            yield shown.get(member) if shown is not None else None

    return field


def _attached(member: str) -> Field[NetworkInterface]:
    """Return a filter over one member of the attachment."""

    def field(_: Region, interface: NetworkInterface) -> str | bool | int | None:
        if interface.attachment is None:
            return None
        value = attachment_view(interface.attachment, interface.instance_id)[member]
        return value if value is None or isinstance(value, str | bool | int) else value.isoformat()

    return field


def _attach_time(_: Region, interface: NetworkInterface) -> Iterable[str]:
    if interface.attachment is not None:
        moment = interface.attachment.attached_at.strftime("%Y-%m-%dT%H:%M:%S")
        yield from (f"{moment}.000Z", f"{moment}Z")


def _attachment_ids(_: Region, interface: NetworkInterface) -> Iterable[str]:
    if interface.attachment is not None:
        yield interface.attachment.id
    if interface.former is not None:
        yield interface.former[0].id


def _nat_gateway_ids(region: Region, interface: NetworkInterface) -> Iterable[str]:
    return (
        gateway.id
        for gateway in region[NatGateway].where(subnet_id=interface.subnet_id)
        if any(address.network_interface_id == interface.id for address in gateway.addresses)
    )


def _group_names(region: Region, interface: NetworkInterface) -> Iterable[str]:
    return (group["GroupName"] for group in group_identifiers(region, interface.group_ids))


def _private_names(region: Region, interface: NetworkInterface) -> Iterable[str]:
    if _has_hostnames(region, interface):
        yield from (private_name(region.name, address) for address in interface.private_ips[:1])


NETWORK_INTERFACE = Kind(
    row=NetworkInterface,
    shape="NetworkInterface",
    view=view,
    filters={
        "addresses.association.owner-id": _public("IpOwnerId"),
        "addresses.association.public-ip": _public("PublicIp"),
        "addresses.primary": lambda _, eni: (
            "true" if place == 0 else "false" for place in range(len(eni.private_ips))
        ),
        "addresses.private-ip-address": lambda _, eni: eni.private_ips,
        "association.allocation-id": _public("AllocationId"),
        "association.association-id": _public("AssociationId"),
        "association.ip-owner-id": _public("IpOwnerId"),
        "association.public-dns-name": _public("PublicDnsName"),
        "association.public-ip": _public("PublicIp"),
        "attachment.attach-time": _attach_time,
        ATTACHMENT_FILTER: _attachment_ids,
        "attachment.delete-on-termination": _attached("DeleteOnTermination"),
        "attachment.device-index": _attached("DeviceIndex"),
        "attachment.instance-id": _attached("InstanceId"),
        "attachment.instance-owner-id": _attached("InstanceOwnerId"),
        "attachment.nat-gateway-id": _nat_gateway_ids,
        "attachment.network-card-index": _attached("NetworkCardIndex"),
        "attachment.status": _attached("Status"),
        "availability-zone": lambda _, eni: eni.availability_zone,
        "availability-zone-id": lambda region, eni: _zone_id(region, eni.availability_zone),
        "description": lambda _, eni: eni.description,
        "group-id": lambda _, eni: eni.group_ids,
        "group-name": _group_names,
        "interface-type": lambda _, eni: eni.interface_type,
        "ipv6-addresses.ipv6-address": lambda _, eni: eni.ipv6_addresses,
        "mac-address": lambda _, eni: eni.mac_address,
        "network-interface-id": lambda _, eni: eni.id,
        "operator.managed": lambda _, __: False,
        "operator.principal": lambda _, __: None,
        "owner-id": lambda region, _: region.account,
        "private-dns-name": _private_names,
        "private-ip-address": lambda _, eni: eni.private_ips[:1],
        "requester-id": lambda _, eni: eni.requester_id,
        "requester-managed": lambda _, eni: eni.requester_managed,
        "source-dest-check": lambda _, eni: eni.source_dest_check,
        "status": lambda _, eni: eni.state,
        "subnet-id": lambda _, eni: eni.subnet_id,
        "vpc-id": lambda _, eni: eni.vpc_id,
    },
)
