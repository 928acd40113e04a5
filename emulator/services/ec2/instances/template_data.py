"""GetLaunchTemplateData: an instance as the launch template that would make another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from emulator.model.instance import Instance
from emulator.model.network_interface import NetworkInterface
from emulator.services.call import Call, Handler
from emulator.services.ec2.instances.kind import INSTANCE
from emulator.services.ec2.kind import tag_set
from emulator.services.ec2.tags import RESERVED
from emulator.state.joins import interfaces, volumes
from emulator.state.store import Region

if TYPE_CHECKING:
    from mypy_boto3_ec2 import type_defs as aws


def _devices(region: Region, instance: Instance) -> list[dict[str, Any]]:
    return [
        {
            "DeviceName": attachment.device,
            "Ebs": {
                "Encrypted": volume.encrypted,
                "DeleteOnTermination": attachment.delete_on_termination,
                "Iops": volume.iops,
                "KmsKeyId": volume.kms_key_id,
                "SnapshotId": volume.snapshot_id,
                "VolumeSize": volume.size_gib,
                "VolumeType": volume.volume_type,
                "Throughput": volume.throughput_mibps,
            },
        }
        for volume, attachment in volumes(region, instance)
    ]


def _interface(interface: NetworkInterface) -> dict[str, Any]:
    attachment = interface.attachment
    return {
        "AssociatePublicIpAddress": interface.public_ip is not None,
        "DeleteOnTermination": attachment.delete_on_termination if attachment else None,
        "Description": interface.description,
        "DeviceIndex": attachment.device_index if attachment else 0,
        "Groups": list(interface.group_ids),
        "InterfaceType": interface.interface_type,
        "Ipv6Addresses": [{"Ipv6Address": ip} for ip in interface.ipv6_addresses],
        "PrivateIpAddresses": [
            {"Primary": place == 0, "PrivateIpAddress": ip}
            for place, ip in enumerate(interface.private_ips)
        ],
        "SubnetId": interface.subnet_id,
        "NetworkCardIndex": attachment.network_card_index if attachment else 0,
    }


def _tags(instance: Instance) -> list[dict[str, Any]] | None:
    own = {key: value for key, value in instance.tags.items() if not key.startswith(RESERVED)}
    return [{"ResourceType": "instance", "Tags": tag_set(own)}] if own else None


def get_launch_template_data(
    call: Call, params: aws.GetLaunchTemplateDataRequestTypeDef
) -> dict[str, Any]:
    """Tell how an instance was launched. Source: API_GetLaunchTemplateData."""
    region = call.region
    instance = INSTANCE.find(region, params["InstanceId"])
    options, credit = instance.options, instance.credit_specification
    placement = options.placement
    return {
        "LaunchTemplateData": {
            "KernelId": instance.kernel_id,
            "EbsOptimized": instance.ebs_optimized,
            "IamInstanceProfile": {"Arn": instance.profile_arn} if instance.profile_arn else None,
            "BlockDeviceMappings": _devices(region, instance),
            "NetworkInterfaces": [_interface(row) for row in interfaces(region, instance)],
            "ImageId": instance.image_id,
            "InstanceType": instance.instance_type,
            "KeyName": instance.key_name,
            "Monitoring": {"Enabled": instance.monitoring in ("enabled", "pending")},
            "Placement": {
                "AvailabilityZone": instance.availability_zone,
                "Affinity": placement.get("Affinity"),
                "GroupName": placement.get("GroupName") or "",
                "Tenancy": placement.get("Tenancy"),
                "PartitionNumber": placement.get("PartitionNumber"),
            },
            "RamDiskId": instance.ramdisk_id,
            "DisableApiTermination": instance.disable_api_termination,
            "DisableApiStop": instance.disable_api_stop,
            "InstanceInitiatedShutdownBehavior": instance.shutdown_behavior,
            "UserData": instance.user_data or "",
            "TagSpecifications": _tags(instance),
            "CreditSpecification": {"CpuCredits": credit} if credit else None,
            "CpuOptions": options.cpu,
            "CapacityReservationSpecification": options.capacity_reservation,
            "LicenseSpecifications": [{"LicenseConfigurationArn": arn} for arn in options.licenses],
            "HibernationOptions": {"Configured": options.hibernation_configured},
            "MetadataOptions": {"State": "applied", **options.metadata},
            "EnclaveOptions": {"Enabled": options.enclave_enabled},
            "PrivateDnsNameOptions": options.private_dns_name,
            "MaintenanceOptions": {"AutoRecovery": options.maintenance.get("AutoRecovery")},
            "NetworkPerformanceOptions": options.network_performance,
        }
    }


OPERATIONS: Mapping[str, Handler] = {"GetLaunchTemplateData": get_launch_template_data}
