"""AMIs: the stock images of a region, the account's own, and what others share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from emulator.catalog.images import StockImage, stock_image, stock_images
from emulator.core.errors import AwsError
from emulator.model.image import BlockDevice, Image
from emulator.model.row import NO_TAGS
from emulator.services.call import Call, Handler
from emulator.services.ec2.kind import Kind, tag_set
from emulator.services.ec2.nouns import NOUNS
from emulator.services.ec2.sharing import Listing, neighbours
from emulator.services.filters import select
from emulator.state.store import Region, State
from emulator.wire.scalar import iso8601

if TYPE_CHECKING:
    from mypy_boto3_ec2 import type_defs as aws

STOCKED = "images.stocked"
# The setting of a region that names the VM managers which boot images of their own, if any do.
MANAGERS = "images.managers"
# The setting that there is also a manager which takes any image: it has none of its own.
ANY_IMAGE = "images.any"
# Contract: a manager's AMIs and instances carry its name as this tag.
MANAGER_TAG = "ec2_vm_manager"
# The manager that the catalogue's stock images have something to boot for.
_STOCK_MANAGER = "docker"


def block_device_view(device: BlockDevice) -> dict[str, Any]:
    """Return one block device in AWS's shape.

    Clients take the size, type, encryption and deletion of every EBS device for granted.
    """
    if device.virtual_name is not None:
        return {"DeviceName": device.device_name, "VirtualName": device.virtual_name}
    if device.no_device:
        return {"DeviceName": device.device_name, "NoDevice": ""}
    return {
        "DeviceName": device.device_name,
        "Ebs": {
            "DeleteOnTermination": device.delete_on_termination,
            "SnapshotId": device.snapshot_id,
            "VolumeSize": device.size_gib,
            "VolumeType": device.volume_type,
            "Encrypted": device.encrypted,
            "Iops": device.iops,
            "Throughput": device.throughput_mibps,
            "KmsKeyId": device.kms_key_id,
        },
    }


def _view(_: Region, image: Image) -> Mapping[str, Any]:
    return {
        "ImageId": image.id,
        "ImageLocation": image.image_location,
        "State": image.state,
        "OwnerId": image.owner_id,
        "CreationDate": iso8601(image.created_at),
        "Public": image.public,
        "ProductCodes": product_codes_view(image),
        "Architecture": image.architecture,
        "ImageType": image.image_type,
        "KernelId": image.kernel_id,
        "RamdiskId": image.ramdisk_id,
        "Platform": image.platform,
        "PlatformDetails": image.platform_details,
        "UsageOperation": image.usage_operation,
        "BlockDeviceMappings": [block_device_view(device) for device in image.block_devices],
        "Description": image.description,
        "EnaSupport": image.ena_support or None,
        "Hypervisor": image.hypervisor,
        "ImageOwnerAlias": image.owner_alias,
        "Name": image.name,
        "RootDeviceName": image.root_device_name,
        "RootDeviceType": image.root_device_type,
        "SriovNetSupport": image.sriov_net_support,
        "VirtualizationType": image.virtualization_type,
        "BootMode": image.boot_mode,
        "TpmSupport": image.tpm_support,
        "ImdsSupport": image.imds_support,
        "DeprecationTime": _text(image.deprecated_at),
        "SourceInstanceId": image.source_instance_id,
        "SourceImageId": image.source_image_id,
        "SourceImageRegion": image.source_image_region,
        "DeregistrationProtection": image.deregistration_protection,
        "LastLaunchedTime": _text(image.last_launched_at),
        "StateReason": (
            {"Code": image.state_reason[0], "Message": image.state_reason[1]}
            if image.state_reason
            else None
        ),
        "Tags": tag_set(image.tags),
    }


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else iso8601(moment)


def product_codes_view(image: Image) -> list[dict[str, str]]:
    """Return an image's product codes in AWS's shape."""
    return [
        {"ProductCodeId": code, "ProductCodeType": "marketplace"} for code in image.product_codes
    ]


def _ebs(image: Image) -> Iterable[BlockDevice]:
    return (device for device in image.block_devices if device.virtual_name is None)


def _flag(value: bool) -> str:
    return "true" if value else "false"


def _parameters(region: Region, image: Image) -> Sequence[str]:
    stock = stock_image(region.name, image.id)
    return stock.public_parameters if stock else ()


IMAGE = Kind(
    row=Image,
    shape="Image",
    view=_view,
    hidden=lambda image: image.state == "deregistered",
    filters={
        "architecture": lambda _, image: image.architecture,
        "block-device-mapping.delete-on-termination": lambda _, image: (
            _flag(device.delete_on_termination) for device in _ebs(image)
        ),
        "block-device-mapping.device-name": lambda _, image: (
            device.device_name for device in image.block_devices
        ),
        "block-device-mapping.encrypted": lambda _, image: (
            _flag(device.encrypted) for device in _ebs(image)
        ),
        "block-device-mapping.snapshot-id": lambda _, image: (
            device.snapshot_id for device in _ebs(image)
        ),
        "block-device-mapping.volume-size": lambda _, image: (
            str(device.size_gib) for device in _ebs(image)
        ),
        "block-device-mapping.volume-type": lambda _, image: (
            device.volume_type for device in _ebs(image)
        ),
        "boot-mode": lambda _, image: image.boot_mode,
        "creation-date": lambda _, image: iso8601(image.created_at),
        "description": lambda _, image: image.description,
        "ena-support": lambda _, image: image.ena_support,
        "free-tier-eligible": lambda _, image: image.owner_alias == "amazon",
        "hypervisor": lambda _, image: image.hypervisor,
        "image-allowed": lambda _region, _image: True,
        "image-id": lambda _, image: image.id,
        "image-type": lambda _, image: image.image_type,
        "is-public": lambda _, image: image.public,
        "kernel-id": lambda _, image: image.kernel_id,
        "manifest-location": lambda _, image: image.image_location,
        "name": lambda _, image: image.name,
        "owner-alias": lambda _, image: image.owner_alias,
        "owner-id": lambda _, image: image.owner_id,
        "platform": lambda _, image: image.platform,
        "platform-details": lambda _, image: image.platform_details,
        "product-code": lambda _, image: image.product_codes,
        "product-code.type": lambda _, image: "marketplace" if image.product_codes else None,
        "public-ssm-parameter-name": _parameters,
        "ramdisk-id": lambda _, image: image.ramdisk_id,
        "root-device-name": lambda _, image: image.root_device_name,
        "root-device-type": lambda _, image: image.root_device_type,
        "source-image-id": lambda _, image: image.source_image_id,
        "source-image-region": lambda _, image: image.source_image_region,
        "source-instance-id": lambda _, image: image.source_instance_id,
        "sriov-net-support": lambda _, image: image.sriov_net_support,
        "state": lambda _, image: image.state,
        "state-reason-code": lambda _, image: image.state_reason and image.state_reason[0],
        "state-reason-message": lambda _, image: image.state_reason and image.state_reason[1],
        "usage-operation": lambda _, image: image.usage_operation,
        "virtualization-type": lambda _, image: image.virtualization_type,
    },
)


def _stock_device(mapping: Mapping[str, Any]) -> BlockDevice:
    ebs = mapping["Ebs"]
    return BlockDevice(
        device_name=mapping["DeviceName"],
        size_gib=ebs["VolumeSize"],
        volume_type=ebs["VolumeType"],
        snapshot_id=ebs.get("SnapshotId"),
        delete_on_termination=ebs["DeleteOnTermination"],
        encrypted=ebs["Encrypted"],
        iops=ebs.get("Iops"),
        throughput_mibps=ebs.get("Throughput"),
    )


def stock_row(region: Region, stock: StockImage) -> Image:
    """Return the record of a stock image; it has a reference where a manager can boot it."""
    bootable = stock.docker_image is not None and _STOCK_MANAGER in region.settings.get(
        MANAGERS, ()
    )
    return Image(
        id=stock.image_id,
        state="available",
        name=stock.name,
        owner_id=stock.owner_id,
        created_at=stock.creation_date,
        description=stock.description,
        architecture=stock.architecture,
        root_device_name=stock.root_device_name,
        block_devices=tuple(map(_stock_device, stock.block_device_mappings)),
        virtualization_type=stock.virtualization_type,
        hypervisor=stock.hypervisor,
        platform=stock.platform,
        platform_details=stock.platform_details,
        usage_operation=stock.usage_operation,
        owner_alias=stock.owner_alias,
        image_location=stock.image_location,
        ena_support=stock.ena_support,
        sriov_net_support=stock.sriov_net_support,
        boot_mode=stock.boot_mode,
        imds_support=stock.imds_support,
        tpm_support=stock.tpm_support,
        public=True,
        deprecated_at=stock.deprecation_time,
        tags={MANAGER_TAG: _STOCK_MANAGER} if bootable else NO_TAGS,
        reference=stock.docker_image if bootable else None,
        vm_manager=_STOCK_MANAGER if bootable else "",
        login_user=stock.login_user,
    )


def stocked(region: Region) -> Region:
    """Return the region with its stock images in its table, put there at first use."""
    if STOCKED not in region.settings:
        region.settings[STOCKED] = True
        table = region[Image]
        for stock in stock_images(region.name):
            if stock.image_id not in table:
                table.add(stock_row(region, stock))
    return region


def _one_stocked(region: Region, image_id: str) -> Image | None:
    """Put one stock image in its table: a launch needs no more, and there are hundreds."""
    stock = None if STOCKED in region.settings else stock_image(region.name, image_id)
    return region[Image].add(stock_row(region, stock)) if stock is not None else None


def _shares(image: Image, account: str) -> bool:
    """Tell whether an image of another account may be used by this one."""
    return image.state in ("available", "pending") and (
        image.public or account in image.launch_users
    )


def _shared(home: Region, account: str) -> list[Image]:
    """Return what another account's region shares with this account."""
    return [
        image for image in home[Image] if image.owner_id == home.account and _shares(image, account)
    ]


def find_visible(region: Region, state: State | None, image_id: str) -> Image | None:
    """Return an image that the account may use: stock, its own, or one shared with it."""
    image = region[Image].get(image_id) or _one_stocked(region, image_id)
    if image is not None or state is None:
        return image
    for home in neighbours(state, region):
        other = home[Image].get(image_id)
        if other is not None and other.owner_id == home.account and _shares(other, region.account):
            return other
    return None


def unavailable(image_id: str) -> AwsError:
    """Return the error for an image that exists and cannot be used."""
    return AwsError(
        "InvalidAMIID.Unavailable", f"The image id '[{image_id}]' is no longer available"
    )


def launchable(region: Region, image_id: str, state: State | None = None) -> Image:
    """Return the image that an instance is to be launched from.

    Args:
        region: the caller's.
        image_id: as given.
        state: all accounts; with it, images that others share are found, too.

    Raises:
        AwsError: InvalidAMIID.Malformed, InvalidAMIID.Unavailable or InvalidAMIID.NotFound,
            the last also for an AMI that no VM manager has anything to boot for.
    """
    image = find_visible(region, state, image_id)
    if image is None:
        NOUNS["ami"].check_form(image_id)
        raise NOUNS["ami"].missing([image_id])
    if image.state != "available":
        raise unavailable(image_id)
    settings = region.settings
    if image.reference is None and MANAGERS in settings and ANY_IMAGE not in settings:
        # Contract: an AMI that no manager has anything for cannot be launched.
        raise NOUNS["ami"].missing([image_id])
    return image


def owned(call: Call, image_id: str) -> Image:
    """Return an image that the caller may change.

    Raises:
        AwsError: as ``launchable``, and AuthFailure for an image of somebody else.
    """
    image = find_visible(call.region, call.state, image_id)
    if image is None:
        NOUNS["ami"].check_form(image_id)
        raise NOUNS["ami"].missing([image_id])
    if image.state == "deregistered":
        raise unavailable(image_id)
    if image.owner_id != call.account:
        raise AwsError("AuthFailure", f"Not authorized for image:{image_id}")
    return image


def describe_images(call: Call, params: aws.DescribeImagesRequestTypeDef) -> dict[str, Any]:
    """List images: stock, one's own, and what others share. Source: API_DescribeImages."""
    region, ids = stocked(call.region), params.get("ImageIds")
    if ids and params.get("MaxResults") is not None:
        raise AwsError(
            "InvalidParameterCombination",
            "The parameter ImageIds cannot be used with the parameter MaxResults",
        )
    if ids:
        listing = _by_id(call, region, ids)
    else:
        listing = Listing.of(
            call.state, region, IMAGE.rows(region), lambda home: _shared(home, call.account)
        )
    rows = _owned_by(listing.rows, params.get("Owners"), call.account)
    rows = _executable_by(rows, params.get("ExecutableUsers"), call.account)
    if not params.get("IncludeDisabled"):
        rows = [image for image in rows if image.state != "disabled"]
    if not ids and not params.get("IncludeDeprecated"):
        now, account = call.world.clock.now(), call.account
        rows = [
            image
            for image in rows
            if image.deprecated_at is None or image.deprecated_at > now or image.owner_id == account
        ]
    listing.rows = select(region, rows, params.get("Filters"), IMAGE.filters, taggable=True)
    return listing.answer(call, params, IMAGE, "Images")


def _by_id(call: Call, region: Region, ids: Sequence[str]) -> Listing[Image]:
    wanted = dict.fromkeys(ids)
    own = [image for image_id in wanted if (image := _found(region, image_id)) is not None]
    if len(own) == len(wanted):
        return Listing(region, own)
    listing = Listing.of(
        call.state,
        region,
        own,
        lambda home: [image for image in _shared(home, call.account) if image.id in wanted],
    )
    known = {image.id for image in listing.rows}
    missing = [image_id for image_id in wanted if image_id not in known]
    for image_id in missing:
        NOUNS["ami"].check_form(image_id)
    if missing:
        raise NOUNS["ami"].missing(missing)
    return listing


def _found(region: Region, image_id: str) -> Image | None:
    image = region[Image].get(image_id)
    return None if image is None or image.state == "deregistered" else image


def _owned_by(rows: list[Image], owners: Sequence[str] | None, account: str) -> list[Image]:
    """Keep the images of these owners: accounts, ``self``, or aliases such as ``amazon``."""
    if not owners:
        return rows
    wanted = {account if owner == "self" else owner for owner in owners}
    return [image for image in rows if image.owner_id in wanted or image.owner_alias in wanted]


def _executable_by(rows: list[Image], users: Sequence[str] | None, account: str) -> list[Image]:
    """Keep the images with explicit launch permission for these users, or public ones."""
    if not users:
        return rows
    wanted = {account if user == "self" else user for user in users}
    everybody = "all" in wanted
    return [
        image
        for image in rows
        if (everybody and image.public) or not wanted.isdisjoint(image.launch_users)
    ]


OPERATIONS: Mapping[str, Handler] = {
    "DescribeImages": describe_images,
}
