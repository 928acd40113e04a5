"""RunInstances' request, checked: everything an instance of the launch will be.

Nothing is changed here, so that a refused launch leaves nothing behind.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from emulator.catalog.instance_types import InstanceTypeInfo, instance_type
from emulator.core.errors import AwsError
from emulator.model.image import BlockDevice, Image, KeyPair
from emulator.model.instance import LaunchOptions
from emulator.model.row import NO_TAGS
from emulator.net.addresses import available
from emulator.services.call import Call
from emulator.services.ec2.images.images import launchable
from emulator.services.ec2.instances import options
from emulator.services.ec2.instances.block_devices import planned_devices
from emulator.services.ec2.instances.networks import InterfacePlan, planned_interfaces
from emulator.services.ec2.instances.profiles import Profile, instance_profile
from emulator.services.ec2.instances.spot import SpotOrder, launch_specification, spot_order
from emulator.services.ec2.launching.key_material import ED25519
from emulator.services.ec2.launching.launch_template_data import resolved_image
from emulator.services.ec2.launching.placement_groups import PLACEMENT_GROUP, named_group
from emulator.services.ec2.storage.ebs_settings import encryption
from emulator.services.ec2.tags import tags_by_type
from emulator.services.ec2.vpcs.subnets import zone_id
from emulator.state.store import Region

DEFAULT_TYPE = "m1.small"
MAX_USER_DATA_BYTES = 16 * 1024
# What one request may start; AWS advises to keep to far fewer.
MAX_INSTANCES = 1000
TAGGABLE = ("instance", "volume", "network-interface", "spot-instances-request")
# Parameters of services that AWS has ended, or keeps to itself.
_REFUSED = {
    "ElasticGpuSpecification": "Amazon Elastic Graphics has reached its end of life",
    "ElasticInferenceAccelerators": "Amazon Elastic Inference is no longer available",
    "SecondaryInterfaces": "secondary networks are not emulated",
    "Operator": "it is reserved for AWS's own use",
}
# "Work with instance tags in instance metadata": such keys have a path of their own.
_METADATA_TAG = re.compile(r"[0-9a-zA-Z_+=,.@:-]{1,255}")


@attrs.frozen
class LaunchPlan:
    """What a launch makes, the same for each of its instances."""

    count: int
    image: Image
    info: InstanceTypeInfo
    interfaces: tuple[InterfacePlan, ...]
    devices: tuple[BlockDevice, ...]
    options: LaunchOptions
    tags: Mapping[str, Mapping[str, str]]
    key_name: str | None
    public_key: str | None
    user_data: str | None
    user_data_bytes: bytes | None
    profile: Profile | None
    credit: str | None
    spot: SpotOrder | None
    current_boot_mode: str
    ebs_optimized: bool
    monitoring: str
    shutdown_behavior: str
    disable_api_termination: bool
    disable_api_stop: bool
    kernel_id: str | None
    ramdisk_id: str | None
    client_token: str | None

    def tags_of(self, resource_type: str) -> Mapping[str, str]:
        """Return the tags for one type of resource."""
        return self.tags.get(resource_type, NO_TAGS)


def launch_plan(
    call: Call, params: Mapping[str, Any], marks: Mapping[str, str] = NO_TAGS
) -> LaunchPlan:
    """Check a request and return what it makes.

    Args:
        call: the request.
        params: RunInstances' parameters, whoever they come from.
        marks: tags of AWS's own for the instances, such as their launch template.

    Raises:
        AwsError: whatever AWS would refuse it with.
    """
    region = call.region
    for member, reason in _REFUSED.items():
        if params.get(member):
            raise AwsError("UnsupportedOperation", f"{member} is not supported: {reason}")
    image = _image(call, params)
    info = type_for(image, params.get("InstanceType") or DEFAULT_TYPE)
    tags = _marked(tags_by_type(params, TAGGABLE), marks)
    key = _key_pair(region, params.get("KeyName"), image)
    user_data, user_data_bytes = checked_user_data(params.get("UserData"))
    profile = instance_profile(call, params.get("IamInstanceProfile"))
    interfaces = planned_interfaces(region, params, info)
    devices = planned_devices(call, image, params.get("BlockDeviceMappings"))
    if (params.get("HibernationOptions") or {}).get("Configured"):
        _check_hibernation(region, image, devices)
    return LaunchPlan(
        count=_count(params, interfaces),
        image=image,
        info=info,
        interfaces=interfaces,
        devices=devices,
        options=_options(region, params, image, info, interfaces[0], tags),
        tags=tags,
        key_name=key.name if key else None,
        public_key=key.public_key if key else None,
        user_data=user_data,
        user_data_bytes=user_data_bytes,
        profile=profile,
        credit=options.credit_specification(region, info, params.get("CreditSpecification")),
        spot=_spot(call, params, tags),
        current_boot_mode=boot_mode_of(image, info),
        ebs_optimized=_ebs_optimized(info, params.get("EbsOptimized")),
        monitoring="pending" if (params.get("Monitoring") or {}).get("Enabled") else "disabled",
        shutdown_behavior=params.get("InstanceInitiatedShutdownBehavior") or "stop",
        disable_api_termination=bool(params.get("DisableApiTermination")),
        disable_api_stop=bool(params.get("DisableApiStop")),
        kernel_id=params.get("KernelId") or image.kernel_id,
        ramdisk_id=params.get("RamdiskId") or image.ramdisk_id,
        client_token=params.get("ClientToken"),
    )


def _marked(
    tags: Mapping[str, Mapping[str, str]], marks: Mapping[str, str]
) -> Mapping[str, Mapping[str, str]]:
    if not marks:
        return tags
    return {**tags, "instance": {**tags.get("instance", NO_TAGS), **marks}}


def _image(call: Call, params: Mapping[str, Any]) -> Image:
    image_id = resolved_image(call.region, params.get("ImageId"))
    if not image_id:
        raise AwsError("MissingParameter", "The request must contain the parameter ImageId")
    return launchable(call.region, image_id, call.state)


def type_for(image: Image | None, name: str) -> InstanceTypeInfo:
    """Return the description of a type that an image can run on.

    Args:
        image: None when it is not known any more; then its architecture is not checked.
        name: such as ``t3.micro``.

    Raises:
        AwsError: InvalidParameterValue.
    """
    info = instance_type(name)
    if info is None:
        raise AwsError("InvalidParameterValue", f"Invalid value '{name[:64]}' for InstanceType.")
    if image is None:
        return info
    architectures = info["ProcessorInfo"]["SupportedArchitectures"]
    if image.architecture not in architectures:
        raise AwsError(
            "InvalidParameterValue",
            f"The architecture '{','.join(architectures)}' of the specified instance type does "
            f"not match the architecture '{image.architecture}' of the specified AMI. Specify an "
            "instance type and an AMI that have matching architectures, and try again. You can "
            "use 'describe-instance-types' or 'describe-images' to discover the architecture of "
            "the instance type or AMI.",
        )
    if image.virtualization_type not in info["SupportedVirtualizationTypes"]:
        raise AwsError(
            "InvalidParameterCombination",
            f"The instance type {name} does not support the virtualization type "
            f"'{image.virtualization_type}' of the AMI",
        )
    return info


def boot_mode_of(image: Image, info: InstanceTypeInfo) -> str:
    """Return the mode an instance boots in. Source: "Instance launch behavior with boot modes".

    Raises:
        AwsError: the AMI wants a mode that the type does not have.
    """
    supported = info.get("SupportedBootModes") or ["legacy-bios"]
    if image.boot_mode == "uefi-preferred":
        return "uefi" if "uefi" in supported else "legacy-bios"
    if image.boot_mode is None:
        return "uefi" if image.architecture.startswith("arm64") else "legacy-bios"
    if image.boot_mode not in supported:
        raise AwsError(
            "InvalidParameterValue",
            f"The boot mode '{image.boot_mode}' of the AMI is not supported by the instance type "
            f"{info['InstanceType']}",
        )
    return image.boot_mode


def _key_pair(region: Region, name: str | None, image: Image) -> KeyPair | None:
    if not name:
        return None
    for key in region[KeyPair].where(name=name):
        if key.key_type == ED25519 and image.platform == "windows":
            raise AwsError(
                "Unsupported",
                "ED25519 key pairs are not supported with Windows AMIs. Choose a different key "
                "pair type and try again.",
            )
        return key
    raise AwsError("InvalidKeyPair.NotFound", f"The key pair '{name}' does not exist")


def checked_user_data(text: str | None) -> tuple[str | None, bytes | None]:
    """Return user data as given and decoded.

    Raises:
        AwsError: InvalidUserData.Malformed, or InvalidParameterValue beyond 16 KB.
    """
    if not text:
        return None, None
    # Some clients break the lines, and some leave out the padding.
    compact = "".join(text.split())
    try:
        data = base64.b64decode(compact + "=" * (-len(compact) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise AwsError(
            "InvalidUserData.Malformed", "Invalid BASE64 encoding of user data."
        ) from None
    if len(data) > MAX_USER_DATA_BYTES:
        raise AwsError(
            "InvalidParameterValue", f"User data is limited to {MAX_USER_DATA_BYTES} bytes"
        )
    return text, data


def _count(params: Mapping[str, Any], interfaces: tuple[InterfacePlan, ...]) -> int:
    least: int = params["MinCount"]
    most: int = params["MaxCount"]
    for name, number in (("minCount", least), ("maxCount", most)):
        if number < 1:
            raise AwsError(
                "InvalidParameterValue",
                f"Value ({number}) for parameter {name} is invalid. "
                "Expecting a value greater than 0",
            )
    if least > most:
        raise AwsError(
            "InvalidParameterValue",
            f"Value ({least}) for parameter minCount is invalid: it is greater than maxCount "
            f"({most})",
        )
    if least > MAX_INSTANCES:
        raise AwsError(
            "InstanceLimitExceeded",
            f"You have requested more instances ({least}) than one request may launch "
            f"({MAX_INSTANCES})",
        )
    if most > 1 and any(plan.names_addresses for plan in interfaces):
        raise AwsError(
            "InvalidParameterCombination",
            "Network interfaces and addresses can be named only when one instance is launched",
        )
    return max(least, min(most, MAX_INSTANCES, _room(least, interfaces)))


def _room(least: int, interfaces: tuple[InterfacePlan, ...]) -> int:
    """Return how many instances the subnets still have addresses for."""
    wanted: dict[str, int] = {}
    for plan in interfaces:
        if plan.subnet.cidr:
            wanted[plan.subnet.id] = wanted.get(plan.subnet.id, 0) + plan.addresses
    room = MAX_INSTANCES
    for plan in interfaces:
        each = wanted.get(plan.subnet.id, 0)
        if each:
            room = min(room, available(plan.subnet) // each)
        if room < least:
            raise AwsError(
                "InsufficientFreeAddressesInSubnet",
                f"There are not enough free addresses in subnet '{plan.subnet.id}' to satisfy "
                "the requested number of instances.",
            )
    return room


def _spot(
    call: Call, params: Mapping[str, Any], tags: Mapping[str, Mapping[str, str]]
) -> SpotOrder | None:
    market = params.get("InstanceMarketOptions") or {}
    kind = market.get("MarketType")
    if kind == "spot":
        specification = launch_specification(call.region, params)
        own = tags.get("spot-instances-request", NO_TAGS)
        return spot_order(call, market.get("SpotOptions") or {}, specification, own)
    if kind not in (None, "on-demand"):
        raise AwsError("UnsupportedOperation", f"The market type {kind} is not supported")
    if market.get("SpotOptions"):
        raise AwsError("InvalidParameterCombination", "SpotOptions require the market type 'spot'")
    return None


def _ebs_optimized(info: InstanceTypeInfo, asked: bool | None) -> bool:
    support = info.get("EbsInfo", {}).get("EbsOptimizedSupport")
    if asked and support == "unsupported":
        raise AwsError(
            "Unsupported",
            "The requested configuration is currently not supported. EBS-optimized instances "
            f"are not supported for instance type {info['InstanceType']}.",
        )
    return bool(asked)


def group_placement(
    region: Region, given: Mapping[str, Any], info: InstanceTypeInfo
) -> dict[str, Any]:
    """Return the placement group a request names, as a Placement shows it.

    Raises:
        AwsError: InvalidPlacementGroup.Unknown, a partition that the group does not have, or
            a strategy that the instance type does not support.
    """
    name, group_id = given.get("GroupName"), given.get("GroupId")
    partition = given.get("PartitionNumber")
    if name and group_id:
        raise AwsError(
            "InvalidParameterCombination", "GroupName and GroupId may not be specified together"
        )
    group = named_group(region, name) if name else None
    if group_id:
        group = PLACEMENT_GROUP.find(region, group_id)
    if (
        group is not None
        and group.strategy not in info["PlacementGroupInfo"]["SupportedStrategies"]
    ):
        raise AwsError(
            "InvalidParameterCombination",
            f"{group.strategy.capitalize()} placement groups are not supported by the "
            f"'{info['InstanceType']}' instance type. Specify a supported instance type or change "
            "the placement group strategy, and try again.",
        )
    if partition is not None and (
        group is None or not 1 <= partition <= (group.partition_count or 0)
    ):
        raise AwsError(
            "InvalidParameterCombination",
            f"The partition number {partition} is none of the placement group's partitions",
        )
    return {
        "GroupName": group.name if group else "",
        "GroupId": group.id if group else None,
        "PartitionNumber": partition,
    }


def _placement(
    region: Region, params: Mapping[str, Any], zone: str, info: InstanceTypeInfo
) -> dict[str, Any]:
    given = params.get("Placement") or {}
    for member in ("HostId", "HostResourceGroupArn", "SpreadDomain"):
        if given.get(member):
            raise AwsError("UnsupportedOperation", f"Placement.{member} is not supported")
    if given.get("Tenancy") == "host":
        raise AwsError(
            "UnsupportedOperation", "Dedicated hosts are not emulated; use tenancy dedicated"
        )
    return {
        "AvailabilityZone": zone,
        "AvailabilityZoneId": zone_id(region, zone),
        "Affinity": given.get("Affinity"),
        **group_placement(region, given, info),
        "Tenancy": given.get("Tenancy") or "default",
    }


def check_metadata_tags(metadata: Mapping[str, Any], tags: Mapping[str, str]) -> None:
    """Refuse tags that the metadata service could not show under a path.

    Raises:
        AwsError: InvalidParameterValue.
    """
    if metadata.get("InstanceMetadataTags") != "enabled":
        return
    for key in tags:
        if _METADATA_TAG.fullmatch(key) is None or key in (".", "..", "_index"):
            raise AwsError(
                "InvalidParameterValue",
                f"'{key}' is not a valid tag key. Tag keys must match pattern "
                "([0-9a-zA-Z\\-_+=,.@:]{1,255}), and must not be a reserved name "
                "('.', '..', '_index')",
            )


def _options(
    region: Region,
    params: Mapping[str, Any],
    image: Image,
    info: InstanceTypeInfo,
    primary: InterfacePlan,
    tags: Mapping[str, Mapping[str, str]],
) -> LaunchOptions:
    hibernation = bool((params.get("HibernationOptions") or {}).get("Configured"))
    enclave = bool((params.get("EnclaveOptions") or {}).get("Enabled"))
    check_features(info, enclave=enclave, hibernation=hibernation)
    metadata = options.metadata_options(region, image, params.get("MetadataOptions"))
    check_metadata_tags(metadata, tags.get("instance", NO_TAGS))
    performance = params.get("NetworkPerformanceOptions") or {}
    return options.launch_options(
        metadata,
        options.cpu_options(info, params.get("CpuOptions")),
        options.private_dns_options(primary.subnet, params.get("PrivateDnsNameOptions")),
        options.maintenance_options(params.get("MaintenanceOptions")),
        _placement(region, params, primary.subnet.availability_zone, info),
        options.capacity_reservation(params.get("CapacityReservationSpecification")),
        {"BandwidthWeighting": performance.get("BandwidthWeighting") or "default"},
        enclave=enclave,
        hibernation=hibernation,
        licenses=tuple(
            item["LicenseConfigurationArn"]
            for item in params.get("LicenseSpecifications") or ()
            if item.get("LicenseConfigurationArn")
        ),
    )


def _check_hibernation(region: Region, image: Image, devices: Sequence[BlockDevice]) -> None:
    """Refuse hibernation to a plain disk. Source: "Prerequisites for EC2 instance hibernation"."""
    for device in devices:
        if (
            device.device_name == image.root_device_name
            and not encryption(region, encrypted=device.encrypted, kms_key_id=device.kms_key_id)[0]
        ):
            raise AwsError(
                "UnsupportedHibernationConfiguration",
                f"The root volume '{device.device_name}' must be encrypted to enable hibernation",
            )


def check_features(info: InstanceTypeInfo, *, enclave: bool, hibernation: bool) -> None:
    """Refuse enclaves and hibernation on types that do not have them, and both together.

    Raises:
        AwsError: InvalidParameterCombination or UnsupportedHibernationConfiguration.
    """
    name = info["InstanceType"]
    if enclave and hibernation:
        raise AwsError(
            "InvalidParameterCombination",
            "Nitro Enclaves and hibernation cannot be enabled on the same instance",
        )
    if enclave and info.get("NitroEnclavesSupport") != "supported":
        raise AwsError("InvalidParameterCombination", f"Nitro Enclaves are not supported by {name}")
    if hibernation and not info.get("HibernationSupported"):
        raise AwsError(
            "UnsupportedHibernationConfiguration",
            f"Hibernation is not supported for instance type {name}",
        )
