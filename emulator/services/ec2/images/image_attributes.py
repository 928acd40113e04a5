"""Who may use an AMI, what is said of it, whether it is deprecated or disabled."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from emulator.core.errors import AwsError
from emulator.model.image import Image
from emulator.services.call import Call, Handler
from emulator.services.ec2.images.images import block_device_view, owned, product_codes_view
from emulator.services.ec2.storage.snapshot_attributes import ACCOUNT_ID
from emulator.state.store import Region
from emulator.wire.scalar import iso8601

if TYPE_CHECKING:
    from mypy_boto3_ec2 import type_defs as aws

BLOCK_PUBLIC_ACCESS = "images.block_public_access"
UNBLOCKED = "unblocked"
# API_EnableImageDeprecation: ten years from now, two from creation for public images.
MAX_DEPRECATION = timedelta(days=3653)
MAX_PUBLIC_DEPRECATION = timedelta(days=731)
MAX_PERMISSIONS = 10000

_ORGANIZATION = re.compile(
    r"arn:aws[a-z-]*:organizations::[0-9]{12}:organization/o-[a-z0-9]{10,32}"
)
_UNIT = re.compile(
    r"arn:aws[a-z-]*:organizations::[0-9]{12}:ou/o-[a-z0-9]{10,32}/ou-[0-9a-z]{4,32}-[0-9a-z]{8,32}"
)


def launch_permissions(image: Image) -> list[dict[str, str]]:
    """Return who may launch an image, in AWS's shape."""
    return [
        *({"Group": "all"} for _ in range(image.public)),
        *({"UserId": user} for user in image.launch_users),
        *({"OrganizationArn": arn} for arn in image.launch_organizations),
        *({"OrganizationalUnitArn": arn} for arn in image.launch_organizational_units),
    ]


def _value(value: str | datetime | None) -> dict[str, str]:
    if value is None:
        return {}
    return {"Value": iso8601(value) if isinstance(value, datetime) else value}


_ATTRIBUTES: Mapping[str, Callable[[Image], tuple[str, Any]]] = {
    "blockDeviceMapping": lambda image: (
        "BlockDeviceMappings",
        [block_device_view(device) for device in image.block_devices],
    ),
    "bootMode": lambda image: ("BootMode", _value(image.boot_mode)),
    "deregistrationProtection": lambda image: (
        "DeregistrationProtection",
        _value(image.deregistration_protection),
    ),
    "description": lambda image: ("Description", _value(image.description or "")),
    "imdsSupport": lambda image: ("ImdsSupport", _value(image.imds_support)),
    "kernel": lambda image: ("KernelId", _value(image.kernel_id)),
    "lastLaunchedTime": lambda image: (
        "LastLaunchedTime",
        _value(image.last_launched_at),
    ),
    "launchPermission": lambda image: ("LaunchPermissions", launch_permissions(image)),
    "productCodes": lambda image: ("ProductCodes", product_codes_view(image)),
    "ramdisk": lambda image: ("RamdiskId", _value(image.ramdisk_id)),
    "sriovNetSupport": lambda image: ("SriovNetSupport", _value(image.sriov_net_support)),
    "tpmSupport": lambda image: ("TpmSupport", _value(image.tpm_support)),
    "uefiData": lambda image: ("UefiData", _value(image.uefi_data)),
}


def describe_image_attribute(
    call: Call, params: aws.DescribeImageAttributeRequestTypeDef
) -> dict[str, Any]:
    """Tell one attribute of one's own image."""
    image = owned(call, params["ImageId"])
    attribute = _ATTRIBUTES.get(params["Attribute"])
    if attribute is None:
        raise AwsError(
            "InvalidParameterValue",
            f"Value ({params['Attribute'][:256]}) for parameter attribute is invalid. "
            "Unknown attribute.",
        )
    name, value = attribute(image)
    return {"ImageId": image.id, name: value}


def _wanted(params: aws.ModifyImageAttributeRequestTypeDef) -> tuple[list[Any], list[Any]]:
    """Return the launch permissions to add and to remove, from either form of the request."""
    change = params.get("LaunchPermission") or {}
    added, removed = list(change.get("Add") or ()), list(change.get("Remove") or ())
    lists = {
        "UserId": params.get("UserIds"),
        "Group": params.get("UserGroups"),
        "OrganizationArn": params.get("OrganizationArns"),
        "OrganizationalUnitArn": params.get("OrganizationalUnitArns"),
    }
    named: list[Any] = [
        {member: value} for member, values in lists.items() for value in values or ()
    ]
    if named:
        (removed if params.get("OperationType") == "remove" else added).extend(named)
    return added, removed


def _check_permissions(given: Iterable[Mapping[str, Any]]) -> None:
    for item in given:
        user = item.get("UserId")
        if user and ACCOUNT_ID.fullmatch(user) is None:
            raise AwsError(
                "InvalidAMIAttributeItemValue",
                f'Invalid attribute item value "{user[:256]}" for userId item type.',
            )
        if item.get("Group") not in (None, "all"):
            raise AwsError(
                "InvalidParameterValue",
                f"Value ({item['Group'][:256]}) for parameter group is invalid. Use 'all'.",
            )
        for member, form in (("OrganizationArn", _ORGANIZATION), ("OrganizationalUnitArn", _UNIT)):
            arn = item.get(member)
            if arn is not None and form.fullmatch(arn) is None:
                raise AwsError(
                    "InvalidParameterValue",
                    f"Value ({arn[:256]}) for parameter {member} is invalid.",
                )


def _changed(
    before: tuple[str, ...], member: str, added: list[Any], removed: list[Any]
) -> tuple[str, ...]:
    kept = dict.fromkeys(before)
    kept.update(dict.fromkeys(item[member] for item in added if item.get(member)))
    for item in removed:
        kept.pop(item.get(member), None)
    if len(kept) > MAX_PERMISSIONS:
        raise AwsError(
            "ResourceLimitExceeded", f"At most {MAX_PERMISSIONS} launch permissions are possible"
        )
    return tuple(kept)


def _share(region: Region, image: Image, added: list[Any], removed: list[Any]) -> None:
    """Change an image's launch permissions.

    Raises:
        AwsError: before anything is changed.
    """
    _check_permissions((*added, *removed))
    public = any(item.get("Group") for item in added)
    if public and region.settings.get(BLOCK_PUBLIC_ACCESS, UNBLOCKED) != UNBLOCKED:
        raise AwsError(
            "OperationNotPermitted",
            "You can't publicly share this AMI because block public access for AMIs "
            "is enabled for this account",
        )
    if public and any(device.encrypted for device in image.block_devices):
        raise AwsError(
            "InvalidParameterValue", "An AMI with encrypted snapshots can't be made public"
        )
    if added and image.state == "disabled":
        raise AwsError("InvalidAMIID.Unavailable", f"The disabled image {image.id} can't be shared")
    users = _changed(image.launch_users, "UserId", added, removed)
    organizations = _changed(image.launch_organizations, "OrganizationArn", added, removed)
    units = _changed(image.launch_organizational_units, "OrganizationalUnitArn", added, removed)
    image.launch_users, image.launch_organizations = users, organizations
    image.launch_organizational_units = units
    if public:
        image.public = True
    if any(item.get("Group") for item in removed):
        image.public = False


def modify_image_attribute(
    call: Call, params: aws.ModifyImageAttributeRequestTypeDef
) -> dict[str, Any]:
    """Change an image's description, launch permissions, product codes or IMDS support."""
    image = owned(call, params["ImageId"])
    added, removed = _wanted(params)
    # An empty description is one, too: the wire leaves out only what is absent.
    description = params.get("Description")
    text = None if description is None else description.get("Value", "")
    if text is None and params.get("Attribute") == "description":
        text = params.get("Value", "")
    codes, imds = params.get("ProductCodes"), params.get("ImdsSupport")
    if not (added or removed or codes or imds) and text is None:
        raise AwsError("InvalidParameterCombination", "No attributes specified to modify")
    if added or removed:
        _share(call.region, image, added, removed)
    if text is not None:
        image.description = text
    if codes:
        image.product_codes = tuple(dict.fromkeys((*image.product_codes, *codes)))
    if imds:
        image.imds_support = imds.get("Value")
    return {}


def reset_image_attribute(
    call: Call, params: aws.ResetImageAttributeRequestTypeDef
) -> dict[str, Any]:
    """Take all launch permissions of an image away."""
    _make_private(owned(call, params["ImageId"]))
    return {}


def _make_private(image: Image) -> None:
    image.public = False
    image.launch_users = image.launch_organizations = image.launch_organizational_units = ()


def disable_image(call: Call, params: aws.DisableImageRequestTypeDef) -> dict[str, Any]:
    """Let nobody launch an image, and share it no more. Source: API_DisableImage."""
    image = owned(call, params["ImageId"])
    if image.state != "disabled":
        if not image.may("disabled"):
            raise AwsError("InvalidAMIID.Unavailable", f"The image {image.id} is {image.state}")
        image.move("disabled")
        _make_private(image)
    return {"Return": True}


def enable_image(call: Call, params: aws.EnableImageRequestTypeDef) -> dict[str, Any]:
    """Let a disabled image be launched again."""
    image = owned(call, params["ImageId"])
    if image.state == "disabled":
        image.move("available")
    return {"Return": True}


def enable_image_deprecation(
    call: Call, params: aws.EnableImageDeprecationRequestTypeDef
) -> dict[str, Any]:
    """Set when an image vanishes from other accounts' listings."""
    image = owned(call, params["ImageId"])
    moment, now = params["DeprecateAt"], call.world.clock.now()
    assert isinstance(moment, datetime)  # the wire's timestamps are
    latest = image.created_at + MAX_PUBLIC_DEPRECATION if image.public else now + MAX_DEPRECATION
    if moment <= now:
        raise AwsError("InvalidParameterValue", "DeprecateAt must not be in the past")
    if moment > latest:
        raise AwsError(
            "InvalidParameterValue", f"DeprecateAt must not be later than {iso8601(latest)}"
        )
    # Rounded to the nearest minute.
    moment += timedelta(seconds=30)
    image.deprecated_at = moment.replace(second=0, microsecond=0)
    return {"Return": True}


def disable_image_deprecation(
    call: Call, params: aws.DisableImageDeprecationRequestTypeDef
) -> dict[str, Any]:
    """Let an image never be deprecated."""
    owned(call, params["ImageId"]).deprecated_at = None
    return {"Return": True}


def enable_image_block_public_access(
    call: Call, params: aws.EnableImageBlockPublicAccessRequestTypeDef
) -> dict[str, Any]:
    """Let no image of the region be shared with everybody from now on."""
    state = params["ImageBlockPublicAccessState"]
    call.region.settings[BLOCK_PUBLIC_ACCESS] = state
    return {"ImageBlockPublicAccessState": state}


def disable_image_block_public_access(
    call: Call, _: aws.DisableImageBlockPublicAccessRequestTypeDef
) -> dict[str, Any]:
    """Let images be shared with everybody again."""
    call.region.settings.pop(BLOCK_PUBLIC_ACCESS, None)
    return {"ImageBlockPublicAccessState": UNBLOCKED}


def get_image_block_public_access_state(
    call: Call, _: aws.GetImageBlockPublicAccessStateRequestTypeDef
) -> dict[str, Any]:
    """Tell whether sharing with everybody is blocked."""
    state = call.region.settings.get(BLOCK_PUBLIC_ACCESS, UNBLOCKED)
    return {"ImageBlockPublicAccessState": state, "ManagedBy": "account"}


OPERATIONS: Mapping[str, Handler] = {
    "DescribeImageAttribute": describe_image_attribute,
    "DisableImage": disable_image,
    "DisableImageBlockPublicAccess": disable_image_block_public_access,
    "DisableImageDeprecation": disable_image_deprecation,
    "EnableImage": enable_image,
    "EnableImageBlockPublicAccess": enable_image_block_public_access,
    "EnableImageDeprecation": enable_image_deprecation,
    "GetImageBlockPublicAccessState": get_image_block_public_access_state,
    "ModifyImageAttribute": modify_image_attribute,
    "ResetImageAttribute": reset_image_attribute,
}
