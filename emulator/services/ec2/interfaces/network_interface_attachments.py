"""Network interfaces attached to instances that exist, and detached from them.

Sources: API_AttachNetworkInterface, API_DetachNetworkInterface, "Maximum IP addresses per
network interface".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs

from emulator.catalog.instance_types import instance_type
from emulator.core.errors import AwsError
from emulator.model.instance import Instance
from emulator.model.network_interface import Attachment, NetworkInterface
from emulator.services.call import Call, Handler, World
from emulator.services.ec2.interfaces.network_interfaces import (
    NETWORK_INTERFACE,
    PRIMARY_DEVICE,
    attach,
    detach,
)
from emulator.services.ec2.nouns import NOUNS
from emulator.state.store import Region

if TYPE_CHECKING:
    from mypy_boto3_ec2 import type_defs as aws

_TAKES_INTERFACES = frozenset({"running", "stopped"})


def _check_state(interface: NetworkInterface, instance: Instance) -> None:
    if interface.requester_managed:
        raise AwsError(
            "OperationNotPermitted",
            f"You are not allowed to manage '{interface.id}': it belongs to a service.",
        )
    if interface.attachment is not None or interface.state == "in-use":
        raise AwsError("InvalidNetworkInterface.InUse", f"Interface: [{interface.id}] in use.")
    if instance.state not in _TAKES_INTERFACES:
        raise AwsError(
            "IncorrectState",
            f"Instance '{instance.id}' is '{instance.state}', not 'running' or 'stopped'",
        )
    if instance.availability_zone != interface.availability_zone:
        raise AwsError(
            "InvalidParameterCombination",
            "You may not attach a network interface to an instance if they are not in the same "
            "availability zone",
        )


def _check_place(
    region: Region,
    interface: NetworkInterface,
    instance: Instance,
    device_index: int,
    card_index: int,
) -> None:
    info = instance_type(instance.instance_type) or {}
    network = info.get("NetworkInfo", {})
    attached = region[NetworkInterface].where(instance_id=instance.id)
    if not 0 <= card_index < network.get("MaximumNetworkCards", 1):
        raise AwsError(
            "InvalidParameterValue",
            f"Network card index {card_index} is out of range for {instance.instance_type}",
        )
    if device_index < 0:
        raise AwsError(
            "InvalidParameterValue",
            f"Value ({device_index}) for parameter deviceIndex is invalid",
        )
    for other in attached:
        place = other.attachment
        if place is not None and (place.device_index, place.network_card_index) == (
            device_index,
            card_index,
        ):
            raise AwsError(
                "InvalidParameterValue",
                f"Instance '{instance.id}' already has an interface attached at device index "
                f"'{device_index}'.",
            )
    held = len(interface.private_ips) + len(interface.ipv4_prefixes)
    if held > network.get("Ipv4AddressesPerInterface", held):
        raise AwsError(
            "PrivateIpAddressLimitExceeded", "Number of private addresses will exceed limit."
        )
    limit = network.get("MaximumNetworkInterfaces")
    if limit is not None and len(attached) >= limit:
        raise AwsError(
            "AttachmentLimitExceeded",
            f"Interface count {len(attached) + 1} exceeds the limit for {instance.instance_type}",
        )


def attach_network_interface(
    call: Call, params: aws.AttachNetworkInterfaceRequestTypeDef
) -> dict[str, Any]:
    """Attach an available interface; it outlives the instance unless modified."""
    region = call.region
    interface = NETWORK_INTERFACE.find(region, params["NetworkInterfaceId"])
    instance = region[Instance].get(params["InstanceId"])
    if instance is None:
        NOUNS["i"].check_form(params["InstanceId"])
        raise NOUNS["i"].missing([params["InstanceId"]])
    card_index = params.get("NetworkCardIndex", 0)
    _check_state(interface, instance)
    _check_place(region, interface, instance, params["DeviceIndex"], card_index)
    attach(
        call.world,
        region,
        interface,
        instance.id,
        device_index=params["DeviceIndex"],
        delete_on_termination=False,
        network_card_index=card_index,
        status="attaching",
    )
    attachment = interface.attachment
    assert attachment is not None
    if params.get("EnaSrdSpecification") or params.get("EnaQueueCount"):
        attachment = interface.attachment = attrs.evolve(
            attachment,
            ena_srd=params.get("EnaSrdSpecification"),
            ena_queue_count=params.get("EnaQueueCount"),
        )
    call.world.later(0, f"attaching {attachment.id}", _attached, interface, attachment)
    return {"AttachmentId": attachment.id, "NetworkCardIndex": card_index}


def _attached(interface: NetworkInterface, attachment: Attachment) -> None:
    if interface.attachment is attachment:
        interface.attachment = attrs.evolve(attachment, status="attached")


def attached_as(region: Region, attachment_id: str) -> tuple[NetworkInterface, Attachment]:
    """Return the interface with this attachment.

    Raises:
        AwsError: InvalidAttachmentID.NotFound.
    """
    for interface in region[NetworkInterface]:
        attachment = interface.attachment
        if attachment is not None and attachment.id == attachment_id:
            return interface, attachment
    raise NOUNS["eni-attach"].missing([attachment_id])


def detach_network_interface(
    call: Call, params: aws.DetachNetworkInterfaceRequestTypeDef
) -> dict[str, Any]:
    """Detach a secondary interface; its Elastic IP addresses stay with it."""
    interface, attachment = attached_as(call.region, params["AttachmentId"])
    if interface.requester_managed:
        raise AwsError(
            "OperationNotPermitted",
            f"You are not allowed to manage '{attachment.id}' attachments.",
        )
    if attachment.device_index == PRIMARY_DEVICE:
        raise AwsError(
            "OperationNotPermitted",
            f"The network interface at device index {attachment.device_index} and networkCard "
            f"index {attachment.network_card_index} cannot be detached.",
        )
    interface.attachment = attrs.evolve(attachment, status="detaching")
    interface.move("detaching")
    call.world.later(0, f"detaching {attachment.id}", _detached, call.world, interface)
    return {}


def _detached(world: World, interface: NetworkInterface) -> None:
    if interface.state == "detaching" and interface.watcher is not None:
        detach(world, interface)


OPERATIONS: Mapping[str, Handler] = {
    "AttachNetworkInterface": attach_network_interface,
    "DetachNetworkInterface": detach_network_interface,
}
