"""One attribute of an instance at a time: shown, changed, reset."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import attrs

from emulator.catalog.instance_types import instance_type
from emulator.core.errors import AwsError
from emulator.model.image import Image
from emulator.model.instance import Instance
from emulator.model.network_interface import NetworkInterface
from emulator.services.call import Call, Handler
from emulator.services.ec2.instances import machines
from emulator.services.ec2.instances.kind import INSTANCE
from emulator.services.ec2.instances.networks import check_offered
from emulator.services.ec2.instances.options import credit_specification, default_cpu, shared
from emulator.services.ec2.instances.plan import (
    MAX_USER_DATA_BYTES,
    check_features,
    checked_user_data,
    type_for,
)
from emulator.services.ec2.instances.views import block_devices, group_identifiers
from emulator.services.ec2.security.security_groups import groups_for
from emulator.state.joins import interfaces, primary, volumes
from emulator.state.store import Region

if TYPE_CHECKING:
    from mypy_boto3_ec2 import type_defs as aws

Change: TypeAlias = Callable[[], None]
SHUTDOWN_BEHAVIORS = ("stop", "terminate")


def _value(item: Any) -> dict[str, Any]:
    """Return an attribute's value; one that is not set is an empty element."""
    return {} if item is None else {"Value": item}


def _groups(region: Region, instance: Instance) -> list[dict[str, str]]:
    interface = primary(region, instance)
    return group_identifiers(region, interface) if interface else []


def _source_dest_check(region: Region, instance: Instance) -> bool:
    interface = primary(region, instance)
    return interface.source_dest_check if interface else True


_SHOWN: Mapping[str, tuple[str, Callable[[Region, Instance], Any]]] = {
    "blockDeviceMapping": ("BlockDeviceMappings", block_devices),
    "disableApiStop": ("DisableApiStop", lambda _, row: _value(row.disable_api_stop)),
    "disableApiTermination": (
        "DisableApiTermination",
        lambda _, row: _value(row.disable_api_termination),
    ),
    "ebsOptimized": ("EbsOptimized", lambda _, row: _value(row.ebs_optimized)),
    "enaSupport": ("EnaSupport", lambda _, row: _value(row.ena_support)),
    "enclaveOptions": ("EnclaveOptions", lambda _, row: {"Enabled": row.options.enclave_enabled}),
    "groupSet": ("Groups", _groups),
    "instanceInitiatedShutdownBehavior": (
        "InstanceInitiatedShutdownBehavior",
        lambda _, row: _value(row.shutdown_behavior),
    ),
    "instanceType": ("InstanceType", lambda _, row: _value(row.instance_type)),
    "kernel": ("KernelId", lambda _, row: _value(row.kernel_id)),
    "productCodes": ("ProductCodes", lambda _, __: []),
    "ramdisk": ("RamdiskId", lambda _, row: _value(row.ramdisk_id)),
    "rootDeviceName": ("RootDeviceName", lambda _, row: _value(row.root_device_name)),
    "sourceDestCheck": (
        "SourceDestCheck",
        lambda region, row: _value(_source_dest_check(region, row)),
    ),
    "sriovNetSupport": ("SriovNetSupport", lambda _, row: _value(row.sriov_net_support)),
    "userData": ("UserData", lambda _, row: _value(row.user_data)),
}


def describe_instance_attribute(
    call: Call, params: aws.DescribeInstanceAttributeRequestTypeDef
) -> dict[str, Any]:
    """Show one attribute. Source: API_DescribeInstanceAttribute."""
    instance = INSTANCE.find(call.region, params["InstanceId"])
    member, view = _SHOWN[params["Attribute"]]
    return {"InstanceId": instance.id, member: view(call.region, instance)}


def _must_be_stopped(instance: Instance) -> None:
    if instance.state != "stopped":
        raise AwsError(
            "IncorrectInstanceState", f"The instance '{instance.id}' is not in the 'stopped' state."
        )


def _must_live(instance: Instance) -> None:
    if not instance.may("shutting-down"):
        raise AwsError(
            "IncorrectInstanceState",
            f"The instance '{instance.id}' is not in a state in which it can be modified.",
        )


def _flag(value: Any) -> bool:
    """Return a boolean attribute, which the old form of the request gives as text."""
    if isinstance(value, str):
        if value.lower() not in ("true", "false"):
            raise AwsError("InvalidParameterValue", f"Invalid boolean value: '{value[:64]}'")
        return value.lower() == "true"
    return bool(value)


def _setting(field: str, convert: Callable[[Any], Any], *, stopped: bool = False) -> Any:
    """Return the planner of a change of one field."""

    def planned(_: Call, instance: Instance, value: Any) -> Change:
        if stopped:
            _must_be_stopped(instance)
        new = convert(value)
        return lambda: setattr(instance, field, new)

    return planned


def _shutdown_behavior(value: Any) -> str:
    if value not in SHUTDOWN_BEHAVIORS:
        raise AwsError(
            "InvalidParameterValue",
            f"Invalid value '{value}' for instanceInitiatedShutdownBehavior. "
            f"Valid values: {', '.join(SHUTDOWN_BEHAVIORS)}",
        )
    return str(value)


def _instance_type(call: Call, instance: Instance, value: Any) -> Change:
    _must_be_stopped(instance)
    if instance_type(str(value)) is None:
        raise AwsError(
            "InvalidInstanceAttributeValue", f"Invalid value '{str(value)[:64]}' for instanceType"
        )
    info = type_for(call.region[Image].get(instance.image_id), str(value))
    architectures = info["ProcessorInfo"]["SupportedArchitectures"]
    if instance.architecture not in architectures:
        raise AwsError(
            "InvalidParameterValue",
            f"The architecture '{instance.architecture}' of the instance does not match the "
            f"architecture '{','.join(architectures)}' of the instance type {value}",
        )
    check_offered(call.region, info["InstanceType"], instance.availability_zone)
    options = instance.options
    check_features(
        info, enclave=options.enclave_enabled, hibernation=options.hibernation_configured
    )
    credit = credit_specification(call.region, info, None)
    family = instance.instance_type.partition(".")[0]
    if instance.credit_specification and family == info["InstanceType"].partition(".")[0]:
        credit = instance.credit_specification

    def change() -> None:
        instance.instance_type = info["InstanceType"]
        instance.credit_specification = credit
        instance.options = attrs.evolve(options, cpu=shared(default_cpu(info)))

    return change


def _user_data(call: Call, instance: Instance, value: Any) -> Change:
    _must_be_stopped(instance)
    data: bytes | None
    if isinstance(value, bytes):
        # The blob in the attribute's own parameter is decoded by the protocol already.
        if len(value) > MAX_USER_DATA_BYTES:
            raise AwsError(
                "InvalidParameterValue", f"User data is limited to {MAX_USER_DATA_BYTES} bytes"
            )
        text, data = base64.b64encode(value).decode() or None, value
    else:
        text, data = checked_user_data(value)

    def change() -> None:
        instance.user_data = text
        machines.begin_user_data(call.world, instance, data)

    return change


def _only_interface(call: Call, instance: Instance) -> NetworkInterface:
    found = interfaces(call.region, instance)
    if len(found) > 1:
        raise AwsError(
            "InvalidInstanceID",
            f"There are multiple interfaces attached to instance '{instance.id}'. Please specify "
            "an interface ID for the operation instead.",
        )
    if not found:
        raise AwsError(
            "IncorrectInstanceState", f"The instance '{instance.id}' has no network interface"
        )
    return found[0]


def _check_source_dest(call: Call, instance: Instance, value: Any) -> Change:
    interface, wanted = _only_interface(call, instance), _flag(value)

    def change() -> None:
        interface.source_dest_check = wanted

    return change


def _change_groups(call: Call, instance: Instance, value: Any) -> Change:
    interface = primary(call.region, instance)
    if interface is None:
        raise AwsError(
            "IncorrectInstanceState", f"The instance '{instance.id}' has no network interface"
        )
    given = [value] if isinstance(value, str) else list(value)
    groups = groups_for(call.region, interface.vpc_id, given, subnet_id=interface.subnet_id)

    def change() -> None:
        interface.group_ids = groups

    return change


def _change_devices(call: Call, instance: Instance, value: Any) -> Change:
    if isinstance(value, str):
        raise AwsError(
            "InvalidParameterCombination", "Use the parameter blockDeviceMapping for this attribute"
        )
    places = {
        attachment.device: (volume, attachment)
        for volume, attachment in volumes(call.region, instance)
    }
    changes = []
    for item in value:
        device, ebs = item.get("DeviceName"), item.get("Ebs") or {}
        if device not in places:
            raise AwsError(
                "InvalidInstanceAttributeValue", f"No device is currently mapped at {device}"
            )
        volume, attachment = places[device]
        if ebs.get("VolumeId") not in (None, volume.id):
            raise AwsError(
                "InvalidInstanceAttributeValue",
                f"The volume at {device} is {volume.id}, not {ebs['VolumeId']}",
            )
        keep = ebs.get("DeleteOnTermination")
        if keep is not None:
            changes.append((volume, attrs.evolve(attachment, delete_on_termination=keep)))

    def change() -> None:
        for volume, attachment in changes:
            if volume.instance_id == instance.id:
                volume.attachment = attachment
            else:
                volume.more_attachments = tuple(
                    attachment if holder == instance.id else other
                    for holder, other in zip(
                        volume.more_instance_ids, volume.more_attachments, strict=True
                    )
                )

    return change


def _enclave(_: Call, instance: Instance, value: Any) -> Change:
    _must_be_stopped(instance)
    enabled = _flag(value.get("Enabled") if isinstance(value, Mapping) else value)
    info = type_for(None, instance.instance_type)
    check_features(info, enclave=enabled, hibernation=instance.options.hibernation_configured)
    options = attrs.evolve(instance.options, enclave_enabled=enabled)

    def change() -> None:
        instance.options = options

    return change


# For each attribute: its own parameter in the request, and what plans the change.
_CHANGES: Mapping[str, tuple[str, Callable[[Call, Instance, Any], Change]]] = {
    "blockDeviceMapping": ("BlockDeviceMappings", _change_devices),
    "disableApiStop": ("DisableApiStop", _setting("disable_api_stop", _flag)),
    "disableApiTermination": (
        "DisableApiTermination",
        _setting("disable_api_termination", _flag),
    ),
    "ebsOptimized": ("EbsOptimized", _setting("ebs_optimized", _flag, stopped=True)),
    "enaSupport": ("EnaSupport", _setting("ena_support", _flag, stopped=True)),
    "enclaveOptions": ("EnclaveOptions", _enclave),
    "groupSet": ("Groups", _change_groups),
    "instanceInitiatedShutdownBehavior": (
        "InstanceInitiatedShutdownBehavior",
        _setting("shutdown_behavior", _shutdown_behavior),
    ),
    "instanceType": ("InstanceType", _instance_type),
    "kernel": ("Kernel", _setting("kernel_id", str, stopped=True)),
    "ramdisk": ("Ramdisk", _setting("ramdisk_id", str, stopped=True)),
    "sourceDestCheck": ("SourceDestCheck", _check_source_dest),
    "sriovNetSupport": ("SriovNetSupport", _setting("sriov_net_support", str, stopped=True)),
    "userData": ("UserData", _user_data),
}


def modify_instance_attribute(
    call: Call, params: aws.ModifyInstanceAttributeRequestTypeDef
) -> dict[str, Any]:
    """Change one attribute. Source: API_ModifyInstanceAttribute.

    It is named by its own parameter, or, in the older form, by Attribute and Value.
    """
    instance = INSTANCE.find(call.region, params["InstanceId"])
    asked: dict[str, Any] = {}
    for attribute, (member, _) in _CHANGES.items():
        given: Any = params.get(member)
        if given is not None:
            wraps = isinstance(given, Mapping) and attribute != "enclaveOptions"
            asked[attribute] = given.get("Value", "") if wraps else given
    name = params.get("Attribute")
    if name is not None and name not in asked:
        if name not in _CHANGES:
            raise AwsError("InvalidParameterValue", f"The attribute {name} cannot be modified")
        if params.get("Value") is None and name not in ("userData", "kernel", "ramdisk"):
            raise AwsError("MissingParameter", "The request must contain the parameter value")
        asked[name] = params.get("Value") or ""
    if not asked:
        raise AwsError("InvalidParameterCombination", "No attributes specified.")
    if len(asked) > 1:
        raise AwsError(
            "InvalidParameterCombination",
            f"Fields for multiple attribute types specified: {', '.join(sorted(asked))}",
        )
    ((attribute, value),) = asked.items()
    _must_live(instance)
    _CHANGES[attribute][1](call, instance, value)()
    return {}


def reset_instance_attribute(
    call: Call, params: aws.ResetInstanceAttributeRequestTypeDef
) -> dict[str, Any]:
    """Give ``kernel``, ``ramdisk`` or ``sourceDestCheck`` its default again."""
    instance = INSTANCE.find(call.region, params["InstanceId"])
    attribute = params["Attribute"]
    if attribute == "sourceDestCheck":
        _only_interface(call, instance).source_dest_check = True
        return {}
    if attribute not in ("kernel", "ramdisk"):
        raise AwsError(
            "InvalidParameterValue",
            f"The attribute {attribute} cannot be reset; only kernel, ramdisk and "
            "sourceDestCheck can",
        )
    _must_be_stopped(instance)
    image = call.region[Image].get(instance.image_id)
    if attribute == "kernel":
        instance.kernel_id = image.kernel_id if image else None
    else:
        instance.ramdisk_id = image.ramdisk_id if image else None
    return {}


OPERATIONS: Mapping[str, Handler] = {
    "DescribeInstanceAttribute": describe_instance_attribute,
    "ModifyInstanceAttribute": modify_instance_attribute,
    "ResetInstanceAttribute": reset_instance_attribute,
}
