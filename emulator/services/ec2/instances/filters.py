"""The filters of DescribeInstances. Source: API_DescribeInstances."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from emulator.model.instance import Instance, Reservation
from emulator.model.network_interface import Address, Attachment, NetworkInterface
from emulator.model.vpc import Subnet
from emulator.net.dns_names import private_name, public_name
from emulator.services.ec2.instances.views import (
    AMAZON,
    STATE_CODES,
    block_devices,
    group_identifiers,
    metadata_view,
    network_view,
)
from emulator.services.ec2.vpcs.subnets import zone_id
from emulator.services.filters import Field, Value
from emulator.state.joins import (
    elastic_addresses,
    has_public_names,
    interfaces,
    primary,
    public_address,
)
from emulator.state.store import Region
from emulator.wire.scalar import iso8601

OfInterface = Callable[[Region, NetworkInterface], Value]


def _attribute(name: str) -> Field[Instance]:
    return lambda _, instance: getattr(instance, name)


def _name(member: str) -> Field[Instance]:
    """Return a filter by a DNS name, which is worked out for the view."""
    return lambda region, instance: network_view(region, instance)[member] or None


def _option(group: str, name: str) -> Field[Instance]:
    return lambda _, instance: getattr(instance.options, group).get(name)


def _target(name: str) -> Field[Instance]:
    def value(_: Region, instance: Instance) -> Value:
        target = instance.options.capacity_reservation.get("CapacityReservationTarget") or {}
        return target.get(name)

    return value


def _device(name: str) -> Field[Instance]:
    return lambda region, instance: [
        device["Ebs"][name] for device in block_devices(region, instance)
    ]


def _interface(value: OfInterface) -> Field[Instance]:
    """Return a filter that any one interface may satisfy."""

    def values(region: Region, instance: Instance) -> Iterator[Any]:
        for interface in interfaces(region, instance):
            found = value(region, interface)
            if isinstance(found, str | bool | int) or found is None:
                yield found if not isinstance(found, bool) else str(found).lower()
            else:
                yield from found

    return values


def _of_attachment(value: Callable[[Attachment], Any]) -> Field[Instance]:
    return _interface(lambda _, eni: value(eni.attachment) if eni.attachment else None)


def _public_ips(region: Region, interface: NetworkInterface) -> Iterator[str | None]:
    for ip in interface.private_ips:
        yield public_address(region, interface, ip)[0]


def _public_names(region: Region, interface: NetworkInterface) -> Iterator[str | None]:
    if has_public_names(region, interface.vpc_id):
        for ip in _public_ips(region, interface):
            yield public_name(region.name, ip) if ip else None


def _ip_owners(region: Region, interface: NetworkInterface) -> Iterator[str | None]:
    for ip in interface.private_ips:
        public, elastic = public_address(region, interface, ip)
        if public is not None:
            yield AMAZON if elastic is None else region.account


def _of_addresses(value: Callable[[Address], str | None]) -> OfInterface:
    return lambda region, eni: [value(each) for each in elastic_addresses(region, eni)]


def _nothing(_: Region, __: Any) -> Value:
    """Answer for what no emulated instance ever has, such as an Outpost."""
    return None


def _groups(name: str) -> OfInterface:
    return lambda region, eni: [group[name] for group in group_identifiers(region, eni)]


def _instance_groups(name: str) -> Field[Instance]:
    def value(region: Region, instance: Instance) -> Value:
        interface = primary(region, instance)
        return _groups(name)(region, interface) if interface else None

    return value


def _primary(value: OfInterface) -> Field[Instance]:
    def of_first(region: Region, instance: Instance) -> Value:
        interface = primary(region, instance)
        return value(region, interface) if interface else None

    return of_first


def _primary_public(region: Region, interface: NetworkInterface) -> Value:
    ips = interface.private_ips
    return public_address(region, interface, ips[0])[0] if ips else None


def _ipv6_native(region: Region, interface: NetworkInterface) -> Value:
    subnet = region[Subnet].get(interface.subnet_id)
    return subnet is not None and subnet.ipv6_native


def _requester(region: Region, instance: Instance) -> Value:
    return region[Reservation][instance.reservation_id].requester_id


def _texts(flags: Iterator[bool]) -> list[str]:
    return [str(flag).lower() for flag in flags]


_OF_INTERFACES: Mapping[str, OfInterface] = {
    "addresses.association.allocation-id": _of_addresses(lambda address: address.id),
    "addresses.association.association-id": _of_addresses(lambda address: address.association_id),
    "addresses.association.carrier-ip": _nothing,
    "addresses.association.customer-owned-ip": _nothing,
    "addresses.association.ip-owner-id": _ip_owners,
    "addresses.association.public-dns-name": _public_names,
    "addresses.association.public-ip": _public_ips,
    "addresses.primary": lambda _, eni: _texts(
        place == 0 for place, _ in enumerate(eni.private_ips)
    ),
    "addresses.private-dns-name": lambda region, eni: [
        private_name(region.name, ip) for ip in eni.private_ips
    ],
    "addresses.private-ip-address": lambda _, eni: eni.private_ips,
    "association.allocation-id": _of_addresses(lambda address: address.id),
    "association.association-id": _of_addresses(lambda address: address.association_id),
    "association.carrier-ip": _nothing,
    "association.customer-owned-ip": _nothing,
    "association.ip-owner-id": _ip_owners,
    "association.public-dns-name": _public_names,
    "association.public-ip": _public_ips,
    "attachment.instance-id": lambda _, eni: eni.instance_id,
    "attachment.instance-owner-id": lambda region, _: region.account,
    "availability-zone": lambda _, eni: eni.availability_zone,
    "deny-all-igw-traffic": lambda _, __: False,
    "description": lambda _, eni: eni.description,
    "group-id": _groups("GroupId"),
    "group-name": _groups("GroupName"),
    "ipv4-prefixes.ipv4-prefix": lambda _, eni: eni.ipv4_prefixes,
    "ipv6-address": lambda _, eni: eni.ipv6_addresses,
    "ipv6-addresses.ipv6-address": lambda _, eni: eni.ipv6_addresses,
    "ipv6-addresses.is-primary-ipv6": lambda _, eni: _texts(
        eni.primary_ipv6 and place == 0 for place, _ in enumerate(eni.ipv6_addresses)
    ),
    "ipv6-native": _ipv6_native,
    "ipv6-prefixes.ipv6-prefix": lambda _, eni: eni.ipv6_prefixes,
    "mac-address": lambda _, eni: eni.mac_address,
    "network-interface-id": lambda _, eni: eni.id,
    "operator.managed": lambda _, __: False,
    "operator.principal": _nothing,
    "outpost-arn": _nothing,
    "owner-id": lambda region, _: region.account,
    "private-dns-name": lambda region, eni: [
        private_name(region.name, ip) for ip in eni.private_ips[:1]
    ],
    "private-ip-address": lambda _, eni: eni.private_ips[:1],
    "public-dns-name": _public_names,
    "requester-id": lambda _, eni: eni.requester_id,
    "requester-managed": lambda _, eni: eni.requester_managed,
    "source-dest-check": lambda _, eni: eni.source_dest_check,
    "status": lambda _, eni: eni.state,
    "subnet-id": lambda _, eni: eni.subnet_id,
    "tag-key": lambda _, eni: tuple(eni.tags),
    "tag-value": lambda _, eni: tuple(eni.tags.values()),
    "vpc-id": lambda _, eni: eni.vpc_id,
}

FILTERS: Mapping[str, Field[Instance]] = {
    "affinity": _option("placement", "Affinity"),
    "architecture": _attribute("architecture"),
    "availability-zone": _attribute("availability_zone"),
    "availability-zone-id": lambda region, row: zone_id(region, row.availability_zone),
    "block-device-mapping.attach-time": lambda region, row: [
        iso8601(device["Ebs"]["AttachTime"]) for device in block_devices(region, row)
    ],
    "block-device-mapping.delete-on-termination": lambda region, row: _texts(
        device["Ebs"]["DeleteOnTermination"] for device in block_devices(region, row)
    ),
    "block-device-mapping.device-name": lambda region, row: [
        device["DeviceName"] for device in block_devices(region, row)
    ],
    "block-device-mapping.status": _device("Status"),
    "block-device-mapping.volume-id": _device("VolumeId"),
    "boot-mode": _attribute("boot_mode"),
    "capacity-reservation-id": _target("CapacityReservationId"),
    "capacity-reservation-specification.capacity-reservation-preference": _option(
        "capacity_reservation", "CapacityReservationPreference"
    ),
    "capacity-reservation-specification.capacity-reservation-target.capacity-reservation-id": (
        _target("CapacityReservationId")
    ),
    "capacity-reservation-specification.capacity-reservation-target"
    ".capacity-reservation-resource-group-arn": _target("CapacityReservationResourceGroupArn"),
    "client-token": _attribute("client_token"),
    "current-instance-boot-mode": _attribute("current_boot_mode"),
    "dns-name": _name("PublicDnsName"),
    "ebs-optimized": _attribute("ebs_optimized"),
    "ena-support": _attribute("ena_support"),
    "enclave-options.enabled": lambda _, row: row.options.enclave_enabled,
    "hibernation-options.configured": lambda _, row: row.options.hibernation_configured,
    "host-id": _option("placement", "HostId"),
    "hypervisor": _attribute("hypervisor"),
    "iam-instance-profile.arn": _attribute("profile_arn"),
    "iam-instance-profile.id": _attribute("profile_id"),
    "image-id": _attribute("image_id"),
    "instance-id": lambda _, row: row.id,
    "instance-lifecycle": _attribute("lifecycle"),
    "instance-state-code": lambda _, row: STATE_CODES[row.state],
    "instance-state-name": _attribute("state"),
    "instance-type": _attribute("instance_type"),
    "instance.group-id": _instance_groups("GroupId"),
    "instance.group-name": _instance_groups("GroupName"),
    # Names that old clients still send, for the two above.
    "group-id": _instance_groups("GroupId"),
    "group-name": _instance_groups("GroupName"),
    "ip-address": _primary(_primary_public),
    "ipv6-address": _interface(lambda _, eni: eni.ipv6_addresses),
    "kernel-id": _attribute("kernel_id"),
    "key-name": _attribute("key_name"),
    "launch-index": _attribute("launch_index"),
    "launch-time": lambda _, row: iso8601(row.launched_at),
    "maintenance-options.auto-recovery": _option("maintenance", "AutoRecovery"),
    "metadata-options.http-endpoint": _option("metadata", "HttpEndpoint"),
    "metadata-options.http-protocol-ipv4": lambda _, __: "enabled",
    "metadata-options.http-protocol-ipv6": _option("metadata", "HttpProtocolIpv6"),
    "metadata-options.http-put-response-hop-limit": _option("metadata", "HttpPutResponseHopLimit"),
    "metadata-options.http-tokens": _option("metadata", "HttpTokens"),
    "metadata-options.instance-metadata-tags": _option("metadata", "InstanceMetadataTags"),
    "metadata-options.state": lambda _, row: metadata_view(row)["State"],
    "monitoring-state": _attribute("monitoring"),
    **{f"network-interface.{name}": _interface(value) for name, value in _OF_INTERFACES.items()},
    "network-interface.attachment.attach-time": _of_attachment(
        lambda attachment: iso8601(attachment.attached_at)
    ),
    "network-interface.attachment.attachment-id": _of_attachment(lambda at: at.id),
    "network-interface.attachment.delete-on-termination": _of_attachment(
        lambda at: at.delete_on_termination
    ),
    "network-interface.attachment.device-index": _of_attachment(lambda at: str(at.device_index)),
    "network-interface.attachment.network-card-index": _of_attachment(
        lambda at: str(at.network_card_index)
    ),
    "network-interface.attachment.status": _of_attachment(lambda at: at.status),
    "network-performance-options.bandwidth-weighting": _option(
        "network_performance", "BandwidthWeighting"
    ),
    "operator.managed": lambda _, __: False,
    "operator.principal": _nothing,
    "outpost-arn": _nothing,
    "owner-id": lambda region, _: region.account,
    "placement-group-name": _option("placement", "GroupName"),
    "placement-partition-number": _option("placement", "PartitionNumber"),
    "platform": _attribute("platform"),
    "platform-details": _attribute("platform_details"),
    "private-dns-name": _name("PrivateDnsName"),
    "private-dns-name-options.enable-resource-name-dns-a-record": _option(
        "private_dns_name", "EnableResourceNameDnsARecord"
    ),
    "private-dns-name-options.enable-resource-name-dns-aaaa-record": _option(
        "private_dns_name", "EnableResourceNameDnsAAAARecord"
    ),
    "private-dns-name-options.hostname-type": _option("private_dns_name", "HostnameType"),
    "private-ip-address": _primary(lambda _, eni: eni.private_ips[:1]),
    "product-code": _nothing,
    "product-code.type": _nothing,
    "ramdisk-id": _attribute("ramdisk_id"),
    "reason": _attribute("state_transition_reason"),
    "requester-id": _requester,
    "reservation-id": _attribute("reservation_id"),
    "root-device-name": _attribute("root_device_name"),
    "root-device-type": _attribute("root_device_type"),
    "source-dest-check": _primary(lambda _, eni: eni.source_dest_check),
    "spot-instance-request-id": _attribute("spot_request_id"),
    "state-reason-code": lambda _, row: row.state_reason[0] if row.state_reason else None,
    "state-reason-message": lambda _, row: row.state_reason[1] if row.state_reason else None,
    "subnet-id": _attribute("subnet_id"),
    "tenancy": _option("placement", "Tenancy"),
    "tpm-support": _attribute("tpm_support"),
    "usage-operation": _attribute("usage_operation"),
    "usage-operation-update-time": lambda _, row: iso8601(row.launched_at),
    "virtualization-type": _attribute("virtualization_type"),
    "vpc-id": _attribute("vpc_id"),
}
