"""AMIs made: from an instance, from snapshots, from an AMI of any region; and deregistered."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import attrs

from emulator.core.errors import AwsError
from emulator.model.image import BlockDevice, Image
from emulator.model.instance import Instance
from emulator.model.row import NO_TAGS
from emulator.model.volume import Snapshot, Volume, VolumeAttachment
from emulator.services.accounts import known_region
from emulator.services.call import Call, Handler
from emulator.services.ec2.images.block_devices import block_device, check_names, merged, shown_iops
from emulator.services.ec2.images.images import find_visible, owned, stocked, unavailable
from emulator.services.ec2.images.machine_copies import (
    begin_capture,
    begin_copy,
    begin_deletion,
    begin_restoration,
    keeps_roots,
)
from emulator.services.ec2.nouns import NOUNS
from emulator.services.ec2.sharing import neighbours
from emulator.services.ec2.storage import snapshots, volume_data
from emulator.services.ec2.storage.ebs_settings import encryption
from emulator.services.ec2.tags import tags_by_type
from emulator.state.joins import attached_to
from emulator.state.store import Region

if TYPE_CHECKING:
    from mypy_boto3_ec2 import type_defs as aws

# API_RegisterImage: 3 to 128 of these characters.
_NAME = re.compile(r"[A-Za-z0-9()\[\] ./\-'@_]{3,128}")
MAX_DESCRIPTION_LENGTH = 255
DEFAULT_ROOT_DEVICE = "/dev/sda1"
CAPTURABLE_STATES = ("running", "stopped")
# How long a deregistered image is remembered, to be told from one that never was.
REMEMBERED_SECONDS = 3600.0


def _check_name(region: Region, name: str) -> None:
    """Refuse a name that is no AMI name, or that another AMI of the account has.

    Raises:
        AwsError: InvalidAMIName.Malformed or InvalidAMIName.Duplicate.
    """
    if _NAME.fullmatch(name) is None:
        raise AwsError(
            "InvalidAMIName.Malformed",
            "AMI names must be between 3 and 128 characters long, and may contain letters, "
            "numbers, spaces, '(', ')', '[', ']', '.', '-', '/', '@', ''' and '_'",
        )
    for image in stocked(region)[Image].where(name=name):
        if image.owner_id == region.account and image.state != "deregistered":
            raise AwsError(
                "InvalidAMIName.Duplicate",
                f"AMI name {name} is already in use by AMI {image.id}",
            )


def _check_description(params: Mapping[str, Any]) -> None:
    if len(params.get("Description") or "") > MAX_DESCRIPTION_LENGTH:
        raise AwsError(
            "InvalidParameterValue",
            f"A description has at most {MAX_DESCRIPTION_LENGTH} characters",
        )


def _snapshot_ids(devices: Sequence[BlockDevice]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(device.snapshot_id for device in devices if device.snapshot_id))


def _ancestor(call: Call, snapshot_id: str | None) -> Image | None:
    """Return the image that a snapshot's blocks come from, which can be run for them."""
    region = call.region
    for _ in range(8):
        if snapshot_id is None:
            return None
        holding = stocked(region)[Image].where(snapshot_ids=snapshot_id)
        if holding:
            return holding[0]
        snapshot = region[Snapshot].get(snapshot_id)
        volume = None if snapshot is None else region[Volume].get(snapshot.volume_id)
        snapshot_id = None if volume is None else volume.snapshot_id
    return None


def register_image(call: Call, params: aws.RegisterImageRequestTypeDef) -> dict[str, Any]:
    """Make an image of snapshots, or of files in a bucket. Source: API_RegisterImage."""
    region = call.region
    _check_name(region, params["Name"])
    _check_description(params)
    mappings = params.get("BlockDeviceMappings") or ()
    check_names(mappings)
    devices = tuple(block_device(call, mapping) for mapping in mappings)
    tags = tags_by_type(params, ("image",)).get("image", NO_TAGS)
    location = params.get("ImageLocation")
    root = params.get("RootDeviceName") or DEFAULT_ROOT_DEVICE
    root_snapshot_id = next((d.snapshot_id for d in devices if d.device_name == root), None)
    if root_snapshot_id is None and location is None:
        raise AwsError(
            "InvalidBlockDeviceMapping",
            f"The root device {root} has no block device mapping with a snapshot",
        )
    ancestor = _ancestor(call, root_snapshot_id)
    image = Image(
        id=call.new_id(Image),
        tags=tags,
        state="pending",
        name=params["Name"],
        owner_id=region.account,
        created_at=call.world.clock.now(),
        description=params.get("Description"),
        architecture=params.get("Architecture") or "i386",
        root_device_name=root,
        root_device_type="instance-store" if root_snapshot_id is None else "ebs",
        block_devices=devices,
        snapshot_ids=_snapshot_ids(devices),
        virtualization_type=params.get("VirtualizationType") or "paravirtual",
        image_location=location or f"{region.account}/{params['Name']}",
        ena_support=bool(params.get("EnaSupport")),
        sriov_net_support=params.get("SriovNetSupport"),
        boot_mode=params.get("BootMode"),
        imds_support=params.get("ImdsSupport"),
        tpm_support=params.get("TpmSupport"),
        kernel_id=params.get("KernelId"),
        ramdisk_id=params.get("RamdiskId"),
        product_codes=tuple(params.get("BillingProducts") or ()),
        uefi_data=params.get("UefiData"),
        reference=None if ancestor is None else ancestor.reference,
        vm_manager="" if ancestor is None else ancestor.vm_manager,
        login_user="root" if ancestor is None else ancestor.login_user,
    )
    region[Image].add(image)
    held = region[Snapshot].get(root_snapshot_id)
    if held is None or not begin_restoration(call.world, region, image, held):
        begin_copy(call.world, region, image, image.reference)
    return {"ImageId": image.id}


def _device_of(volume: Volume, attachment: VolumeAttachment) -> BlockDevice:
    return BlockDevice(
        attachment.device,
        size_gib=volume.size_gib,
        volume_type=volume.volume_type,
        delete_on_termination=attachment.delete_on_termination,
        encrypted=volume.encrypted,
        iops=shown_iops(volume.volume_type, volume.size_gib, volume.iops),
        throughput_mibps=volume.throughput_mibps,
        kms_key_id=volume.kms_key_id,
    )


def create_image(call: Call, params: aws.CreateImageRequestTypeDef) -> dict[str, Any]:
    """Make an image of an instance and its volumes. Source: API_CreateImage."""
    region = call.region
    instance = region[Instance].get(params["InstanceId"])
    if instance is None:
        NOUNS["i"].check_form(params["InstanceId"])
        raise NOUNS["i"].missing([params["InstanceId"]])
    _check_name(region, params["Name"])
    _check_description(params)
    if instance.state not in CAPTURABLE_STATES:
        raise AwsError(
            "InvalidParameterValue",
            f"Instance is not in state 'running' or 'stopped': {instance.id} is {instance.state}",
        )
    tags = tags_by_type(params, ("image", "snapshot"))
    held = attached_to(region, instance.id)
    held.sort(key=lambda pair: pair[1].device != instance.root_device_name)
    by_device = {attachment.device: volume for volume, attachment in held}
    devices = merged(
        call,
        [_device_of(volume, attachment) for volume, attachment in held],
        params.get("BlockDeviceMappings") or (),
    )
    image = _image_of(call, instance, params, tags.get("image", NO_TAGS))
    description = f"Created by CreateImage({instance.id}) for {image.id}"
    finished = []
    root_snapshot = None
    for device in devices:
        volume = by_device.get(device.device_name)
        if volume is None or device.virtual_name is not None or device.snapshot_id is not None:
            finished.append(device)
            continue
        taken = (call.world, region, volume, description, tags.get("snapshot", NO_TAGS))
        if device.device_name == instance.root_device_name and keeps_roots(call.world, instance):
            # The image itself is made of these data.
            snapshot = root_snapshot = snapshots.pending_snapshot_of(*taken)
        else:
            snapshot = snapshots.snapshot_of(*taken)
        finished.append(attrs.evolve(device, snapshot_id=snapshot.id))
    image.block_devices = tuple(finished)
    image.snapshot_ids = _snapshot_ids(finished)
    region[Image].add(image)
    begin_capture(
        call.world,
        region,
        image,
        instance,
        root_snapshot,
        reboot=not params.get("NoReboot", False),
    )
    return {"ImageId": image.id}


def _image_of(
    call: Call,
    instance: Instance,
    params: aws.CreateImageRequestTypeDef,
    tags: Mapping[str, str],
) -> Image:
    """Return a new image that is like its instance, without disks yet."""
    region = call.region
    source = find_visible(region, call.state, instance.image_id)
    return Image(
        id=call.new_id(Image),
        tags=tags,
        state="pending",
        name=params["Name"],
        owner_id=region.account,
        created_at=call.world.clock.now(),
        description=params.get("Description"),
        architecture=instance.architecture,
        root_device_name=instance.root_device_name,
        virtualization_type=instance.virtualization_type,
        hypervisor=instance.hypervisor,
        platform=instance.platform,
        platform_details=instance.platform_details,
        usage_operation=instance.usage_operation,
        image_location=f"{region.account}/{params['Name']}",
        ena_support=instance.ena_support,
        sriov_net_support=instance.sriov_net_support,
        boot_mode=params.get("BootModeOverride") or instance.boot_mode,
        imds_support=None if source is None else source.imds_support,
        tpm_support=instance.tpm_support,
        kernel_id=instance.kernel_id,
        ramdisk_id=instance.ramdisk_id,
        product_codes=() if source is None else source.product_codes,
        source_instance_id=instance.id,
        source_image_id=instance.image_id,
        source_image_region=region.name,
        reference=None if source is None else source.reference,
        vm_manager=instance.vm_manager,
        login_user="root" if source is None else source.login_user,
    )


def copy_image(call: Call, params: aws.CopyImageRequestTypeDef) -> dict[str, Any]:
    """Copy an image of any region into the addressed one. Source: API_CopyImage."""
    region, source_id = call.region, params["SourceImageId"]
    home = call.state.region(call.account, known_region(params["SourceRegion"]))
    source = find_visible(home, call.state, source_id)
    if source is None:
        NOUNS["ami"].check_form(source_id)
        raise NOUNS["ami"].missing([source_id])
    if source.state != "available":
        raise unavailable(source_id)
    _check_storage(call, home, source)
    _check_name(region, params["Name"])
    _check_description(params)
    given = tags_by_type(params, ("image", "snapshot"))
    tags = given.get("image", NO_TAGS)
    if params.get("CopyImageTags") and source.owner_id == call.account:
        tags = {**source.tags, **tags}
    copy_device = _device_copier(call, home, source, params, given.get("snapshot", NO_TAGS))
    image_id = call.new_id(Image)
    devices = tuple(copy_device(device, image_id) for device in source.block_devices)
    image = Image(
        id=image_id,
        tags=tags,
        state="pending",
        name=params["Name"],
        owner_id=region.account,
        created_at=call.world.clock.now(),
        description=params.get("Description"),
        block_devices=devices,
        snapshot_ids=_snapshot_ids(devices),
        image_location=f"{region.account}/{params['Name']}",
        source_image_id=source.id,
        source_image_region=home.name,
        **{name: getattr(source, name) for name in _COPIED},
    )
    region[Image].add(image)
    begin_copy(call.world, region, image, source.reference)
    return {"ImageId": image.id}


def _check_storage(call: Call, home: Region, source: Image) -> None:
    """Refuse to copy an image that is lent without its snapshots. Source: API_CopyImage.

    Raises:
        AwsError: InvalidRequest.
    """
    if source.owner_id == call.account:
        return
    for lender in neighbours(call.state, home):
        if lender.account != source.owner_id:
            continue
        for snapshot_id in source.snapshot_ids:
            held = lender[Snapshot].get(snapshot_id)
            if held is not None and not snapshots.shared_with(held, call.account):
                raise AwsError(
                    "InvalidRequest",
                    "You do not have permission to access the storage of this ami",
                )


_COPIED = (
    "architecture",
    "root_device_name",
    "root_device_type",
    "virtualization_type",
    "hypervisor",
    "image_type",
    "platform",
    "platform_details",
    "usage_operation",
    "ena_support",
    "sriov_net_support",
    "boot_mode",
    "imds_support",
    "tpm_support",
    "uefi_data",
    "kernel_id",
    "ramdisk_id",
    "product_codes",
    "reference",
    "vm_manager",
    "login_user",
)


def _device_copier(
    call: Call,
    home: Region,
    source: Image,
    params: aws.CopyImageRequestTypeDef,
    tags: Mapping[str, str],
) -> Callable[[BlockDevice, str], BlockDevice]:
    """Return a function that copies a device with its snapshot.

    Raises:
        AwsError: for encryption that cannot be, before anything is made.
    """
    region, encrypted, key = call.region, params.get("Encrypted"), params.get("KmsKeyId")
    settings = {
        was: encryption(region, encrypted=encrypted, kms_key_id=key, source_encrypted=was)
        for was in (False, True)
    }

    def copy(device: BlockDevice, image_id: str) -> BlockDevice:
        if device.snapshot_id is None or device.size_gib is None:
            return device
        held = home[Snapshot].get(device.snapshot_id)
        now_encrypted, arn = settings[device.encrypted]
        snapshot = snapshots.copy_of(
            call.world,
            region,
            device.snapshot_id,
            volume_size_gib=held.volume_size_gib if held is not None else device.size_gib,
            description=f"Copied for DestinationAmi {image_id} from SourceAmi {source.id} "
            f"for SourceSnapshot {device.snapshot_id}.",
            encrypted=now_encrypted,
            kms_key_id=arn,
            tags=tags,
            vm_manager="" if held is None else held.vm_manager,
        )
        return attrs.evolve(
            device, snapshot_id=snapshot.id, encrypted=now_encrypted, kms_key_id=arn
        )

    return copy


def deregister_image(call: Call, params: aws.DeregisterImageRequestTypeDef) -> dict[str, Any]:
    """Take an image away; instances that run from it go on. Source: API_DeregisterImage."""
    region = call.region
    image = owned(call, params["ImageId"])
    now = call.world.clock.now()
    until = image.deregistration_protected_until
    if image.deregistration_protection != "disabled" or (until is not None and until > now):
        raise AwsError(
            "OperationNotPermitted",
            f"The image {image.id} can't be deregistered: deregistration protection is enabled",
        )
    snapshot_ids = image.snapshot_ids
    image.move("deregistered")
    image.tags = NO_TAGS
    image.snapshot_ids = ()
    call.world.expire(region, image, REMEMBERED_SECONDS)
    if image.reference is not None:
        begin_deletion(call.world, image)
    answer: dict[str, Any] = {"Return": True}
    if params.get("DeleteAssociatedSnapshots"):
        answer["DeleteSnapshotResults"] = [
            {"SnapshotId": snapshot_id, "ReturnCode": _delete_snapshot(call, snapshot_id)}
            for snapshot_id in snapshot_ids
        ]
    return answer


def _delete_snapshot(call: Call, snapshot_id: str) -> str:
    """Delete a snapshot of an image that is gone; return what became of it."""
    region = call.region
    snapshot = region[Snapshot].get(snapshot_id)
    if snapshot is None:
        return "client-error"
    if snapshots.images_with(region, snapshot_id):
        return "skipped"
    if snapshots.locked(snapshot, call.world.clock.now()):
        return "client-error"
    region[Snapshot].remove(snapshot)
    volume_data.begin_deletion(call.world, snapshot)
    return "success"


# "Protect an Amazon EC2 AMI from deregistration".
COOLDOWN = timedelta(hours=24)


def enable_image_deregistration_protection(
    call: Call, params: aws.EnableImageDeregistrationProtectionRequestTypeDef
) -> dict[str, Any]:
    """Let an image not be deregistered."""
    image = owned(call, params["ImageId"])
    cooldown = bool(params.get("WithCooldown"))
    image.deregistration_protection = (
        "enabled-with-cooldown" if cooldown else "enabled-without-cooldown"
    )
    image.deregistration_protected_until = None
    return {"Return": image.deregistration_protection}


def disable_image_deregistration_protection(
    call: Call, params: aws.DisableImageDeregistrationProtectionRequestTypeDef
) -> dict[str, Any]:
    """Let an image be deregistered again, a day later where a cooldown was chosen."""
    image = owned(call, params["ImageId"])
    if image.deregistration_protection == "enabled-with-cooldown":
        image.deregistration_protected_until = call.world.clock.now() + COOLDOWN
    image.deregistration_protection = "disabled"
    return {"Return": "disabled"}


OPERATIONS: Mapping[str, Handler] = {
    "CopyImage": copy_image,
    "CreateImage": create_image,
    "DeregisterImage": deregister_image,
    "DisableImageDeregistrationProtection": disable_image_deregistration_protection,
    "EnableImageDeregistrationProtection": enable_image_deregistration_protection,
    "RegisterImage": register_image,
}
