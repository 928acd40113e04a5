"""How instances and reservations are shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache, lru_cache
from typing import Any

from emulator.model.instance import Instance, LaunchOptions, Reservation
from emulator.model.network_interface import NetworkInterface
from emulator.model.security_group import SecurityGroup
from emulator.net.dns_names import instance_name, private_name, public_name
from emulator.services.ec2.kind import tag_set, writer_of
from emulator.state.joins import has_public_names, interfaces, public_address, volumes
from emulator.state.store import Region

AMAZON = "amazon"
STATE_CODES: Mapping[str, int] = {
    "pending": 0,
    "running": 16,
    "shutting-down": 32,
    "terminated": 48,
    "stopping": 64,
    "stopped": 80,
}
STATES: Mapping[str, Mapping[str, Any]] = {
    name: {"Code": code, "Name": name} for name, code in STATE_CODES.items()
}

# Structures that many instances have alike; their XML is made once.
Part = bytes


@cache
def _not_managed() -> Part:
    return writer_of("OperatorResponse")({"Managed": False})


@cache
def _state(name: str) -> Part:
    return writer_of("InstanceState")(STATES[name])


@cache
def _monitoring(state: str) -> Part:
    return writer_of("Monitoring")({"State": state})


@lru_cache(maxsize=1024)
def _options_parts(options: LaunchOptions) -> Mapping[str, Part]:
    """Return what instances show of their shared options, but for the metadata's state."""
    return {
        "Placement": writer_of("Placement")(options.placement),
        "CpuOptions": writer_of("CpuOptions")(options.cpu),
        "CapacityReservationSpecification": writer_of("CapacityReservationSpecificationResponse")(
            options.capacity_reservation
        ),
        "HibernationOptions": writer_of("HibernationOptions")(
            {"Configured": options.hibernation_configured}
        ),
        "EnclaveOptions": writer_of("EnclaveOptions")({"Enabled": options.enclave_enabled}),
        "MaintenanceOptions": writer_of("InstanceMaintenanceOptions")(options.maintenance),
        "NetworkPerformanceOptions": writer_of("InstanceNetworkPerformanceOptions")(
            options.network_performance
        ),
    }


@lru_cache(maxsize=1024)
def _names_part(options: LaunchOptions) -> Part:
    return writer_of("PrivateDnsNameOptionsResponse")(options.private_dns_name)


@lru_cache(maxsize=1024)
def _metadata_part(options: LaunchOptions, state: str) -> Part:
    return writer_of("InstanceMetadataOptionsResponse")({"State": state, **options.metadata})


def _association(region: Region, interface: NetworkInterface, ip: str) -> dict[str, Any] | None:
    public, elastic = public_address(region, interface, ip)
    if public is None:
        return None
    return {
        "IpOwnerId": AMAZON if elastic is None else region.account,
        "PublicDnsName": (
            public_name(region.name, public) if has_public_names(region, interface.vpc_id) else ""
        ),
        "PublicIp": public,
    }


def group_identifiers(region: Region, interface: NetworkInterface) -> list[dict[str, str]]:
    """Return an interface's groups with their names."""
    groups = region[SecurityGroup]
    found = []
    for group_id in interface.group_ids:
        group = groups.get(group_id)
        found.append({"GroupId": group_id, "GroupName": group.name if group else ""})
    return found


def _attachment_view(interface: NetworkInterface) -> dict[str, Any] | None:
    attachment = interface.attachment
    if attachment is None:
        return None
    return {
        "AttachTime": attachment.attached_at,
        "AttachmentId": attachment.id,
        "DeleteOnTermination": attachment.delete_on_termination,
        "DeviceIndex": attachment.device_index,
        "Status": attachment.status,
        "NetworkCardIndex": attachment.network_card_index,
    }


def _interface_view(region: Region, interface: NetworkInterface) -> dict[str, Any]:
    addresses = [
        {
            "Association": _association(region, interface, ip),
            "Primary": place == 0,
            "PrivateDnsName": private_name(region.name, ip),
            "PrivateIpAddress": ip,
        }
        for place, ip in enumerate(interface.private_ips)
    ]
    first = addresses[0] if addresses else {}
    return {
        "Association": first.get("Association"),
        "Attachment": _attachment_view(interface),
        "Description": interface.description,
        "Groups": group_identifiers(region, interface),
        "Ipv6Addresses": [
            {"Ipv6Address": ip, "IsPrimaryIpv6": interface.primary_ipv6 and place == 0}
            for place, ip in enumerate(interface.ipv6_addresses)
        ],
        "MacAddress": interface.mac_address,
        "NetworkInterfaceId": interface.id,
        "OwnerId": region.account,
        "PrivateDnsName": first.get("PrivateDnsName"),
        "PrivateIpAddress": first.get("PrivateIpAddress"),
        "PrivateIpAddresses": addresses,
        "SourceDestCheck": interface.source_dest_check,
        "Status": interface.state,
        "SubnetId": interface.subnet_id,
        "VpcId": interface.vpc_id,
        "InterfaceType": interface.interface_type,
        "Ipv4Prefixes": [{"Ipv4Prefix": prefix} for prefix in interface.ipv4_prefixes] or None,
        "Ipv6Prefixes": [{"Ipv6Prefix": prefix} for prefix in interface.ipv6_prefixes] or None,
        "Operator": _not_managed(),
    }


def block_devices(region: Region, instance: Instance) -> list[dict[str, Any]]:
    """Return the instance's block device mapping, the root first."""
    return [
        {
            "DeviceName": attachment.device,
            "Ebs": {
                "AttachTime": attachment.attached_at,
                "DeleteOnTermination": attachment.delete_on_termination,
                "Status": attachment.state,
                "VolumeId": volume.id,
            },
        }
        for volume, attachment in volumes(region, instance)
    ]


def metadata_view(instance: Instance) -> Mapping[str, Any]:
    """Return the metadata options; they are applied once the instance runs."""
    return {"State": _metadata_state(instance), **instance.options.metadata}


def _metadata_state(instance: Instance) -> str:
    return "pending" if instance.state == "pending" else "applied"


def network_view(region: Region, instance: Instance) -> dict[str, Any]:
    """Return everything that stands in the instance's interfaces."""
    attached = interfaces(region, instance)
    if not attached:
        return {
            "PrivateDnsName": "",
            "PublicDnsName": "",
            "NetworkInterfaces": [],
            "SecurityGroups": [],
        }
    shown = [_interface_view(region, interface) for interface in attached]
    first = shown[0]
    association = first["Association"] or {}
    ipv6 = first["Ipv6Addresses"]
    private_ip = first["PrivateIpAddress"]
    return {
        "PrivateDnsName": instance_name(region.name, instance, private_ip),
        "PublicDnsName": association.get("PublicDnsName", ""),
        "SubnetId": instance.subnet_id,
        "VpcId": instance.vpc_id,
        "PrivateIpAddress": private_ip,
        "PublicIpAddress": association.get("PublicIp"),
        "NetworkInterfaces": shown,
        "SecurityGroups": first["Groups"],
        "SourceDestCheck": first["SourceDestCheck"],
        "Ipv6Address": ipv6[0]["Ipv6Address"] if ipv6 else None,
        "PrivateDnsNameOptions": _names_part(instance.options),
    }


def instance_view(region: Region, instance: Instance) -> Mapping[str, Any]:
    """Return an instance in AWS's shape. Source: API_Instance."""
    options = instance.options
    reason = instance.state_reason
    profile = instance.profile_arn
    return {
        "AmiLaunchIndex": instance.launch_index,
        "ImageId": instance.image_id,
        "InstanceId": instance.id,
        "InstanceType": instance.instance_type,
        "KernelId": instance.kernel_id,
        "KeyName": instance.key_name,
        "LaunchTime": instance.launched_at,
        "Monitoring": _monitoring(instance.monitoring),
        "Platform": "windows" if instance.platform else None,
        "ProductCodes": [],
        "RamdiskId": instance.ramdisk_id,
        "State": _state(instance.state),
        "StateTransitionReason": instance.state_transition_reason,
        **network_view(region, instance),
        **_options_parts(options),
        "Architecture": instance.architecture,
        "BlockDeviceMappings": block_devices(region, instance),
        "ClientToken": instance.client_token or "",
        "EbsOptimized": instance.ebs_optimized,
        "EnaSupport": instance.ena_support,
        "Hypervisor": instance.hypervisor,
        "IamInstanceProfile": {"Arn": profile, "Id": instance.profile_id} if profile else None,
        "InstanceLifecycle": instance.lifecycle,
        "RootDeviceName": instance.root_device_name,
        "RootDeviceType": instance.root_device_type,
        "SpotInstanceRequestId": instance.spot_request_id,
        "SriovNetSupport": instance.sriov_net_support,
        "StateReason": {"Code": reason[0], "Message": reason[1]} if reason else None,
        "Tags": tag_set(instance.tags),
        "VirtualizationType": instance.virtualization_type,
        "Licenses": [{"LicenseConfigurationArn": arn} for arn in options.licenses] or None,
        "MetadataOptions": _metadata_part(options, _metadata_state(instance)),
        "BootMode": instance.boot_mode,
        "PlatformDetails": instance.platform_details,
        "UsageOperation": instance.usage_operation,
        "UsageOperationUpdateTime": instance.launched_at,
        "TpmSupport": instance.tpm_support,
        "CurrentInstanceBootMode": instance.current_boot_mode,
        "Operator": _not_managed(),
    }


def _heading(region: Region, reservation: Reservation) -> dict[str, Any]:
    return {
        "ReservationId": reservation.id,
        "OwnerId": region.account,
        "RequesterId": reservation.requester_id,
        "Groups": [],
    }


def _show_instance(region: Region, instance: Instance) -> bytes:
    return region.reads.during(
        instance, lambda: writer_of("Instance")(instance_view(region, instance))
    )


def show_alone(region: Region, instance: Instance) -> bytes:
    """Return the XML of a reservation that has this one instance.

    It is kept with the reservation and only there, so that every instance's XML is kept
    once: here for an instance alone, with the instance where it has companions.
    """
    reservation = region[Reservation][instance.reservation_id]
    fragment = reservation.fragment
    if fragment is None:

        def render() -> bytes:
            region.reads.note(instance)
            whole = {
                **_heading(region, reservation),
                "Instances": [writer_of("Instance")(instance_view(region, instance))],
            }
            return writer_of("Reservation")(whole)

        fragment = region.reads.during(reservation, render)
    return fragment


def as_launched(
    region: Region, reservation: Reservation, instances: Iterable[bytes]
) -> dict[str, Any]:
    """Return a reservation with the XML of its instances."""
    return {**_heading(region, reservation), "Instances": list(instances)}


def instance_xml(region: Region, instance: Instance) -> bytes:
    """Return an instance's XML for one answer; nothing is kept."""
    return writer_of("Instance")(instance_view(region, instance))


def shown(region: Region, rows: Iterable[Instance]) -> list[bytes | dict[str, Any]]:
    """Return instances by reservation, in the order of their first."""
    reservations = region[Reservation]
    answer: list[bytes | dict[str, Any]] = []
    companions: dict[str, list[bytes]] = {}
    for row in rows:
        reservation = reservations[row.reservation_id]
        if reservation.size == 1:
            answer.append(reservation.fragment or show_alone(region, row))
            continue
        together = companions.get(reservation.id)
        if together is None:
            together = companions[reservation.id] = []
            answer.append({**_heading(region, reservation), "Instances": together})
        together.append(row.fragment or _show_instance(region, row))
    return answer
