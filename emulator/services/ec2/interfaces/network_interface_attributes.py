"""Attributes of network interfaces: described, modified and reset one at a time.

Sources: API_DescribeNetworkInterfaceAttribute, API_ModifyNetworkInterfaceAttribute.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import attrs

from emulator.core.errors import AwsError
from emulator.model.instance import Instance
from emulator.model.network_interface import Attachment, NetworkInterface
from emulator.services.call import Call, Handler
from emulator.services.ec2.interfaces.network_interface_views import (
    attachment_view,
    group_identifiers,
)
from emulator.services.ec2.interfaces.network_interfaces import (
    NETWORK_INTERFACE,
    PRIMARY_DEVICE,
    connection_tracking,
    new_public_ip,
)
from emulator.services.ec2.nouns import NOUNS
from emulator.services.ec2.security.security_groups import groups_for

if TYPE_CHECKING:
    from mypy_boto3_ec2 import type_defs as aws


def describe_network_interface_attribute(
    call: Call, params: aws.DescribeNetworkInterfaceAttributeRequestTypeDef
) -> dict[str, Any]:
    """Show one attribute."""
    region = call.region
    interface = NETWORK_INTERFACE.find(region, params["NetworkInterfaceId"])
    attribute = params.get("Attribute")
    answer: dict[str, Any] = {"NetworkInterfaceId": interface.id}
    if attribute == "description":
        answer["Description"] = {"Value": interface.description}
    elif attribute == "groupSet":
        answer["Groups"] = group_identifiers(region, interface.group_ids)
    elif attribute == "sourceDestCheck":
        answer["SourceDestCheck"] = {"Value": interface.source_dest_check}
    elif attribute == "attachment":
        if interface.attachment is not None:
            answer["Attachment"] = attachment_view(interface.attachment, interface.instance_id)
    elif attribute == "associatePublicIpAddress":
        answer["AssociatePublicIpAddress"] = interface.auto_public_ip
    else:
        raise AwsError("InvalidParameterCombination", "No attributes specified.")
    return answer


def _description(_: Call, interface: NetworkInterface, value: Any) -> None:
    interface.description = value.get("Value") or ""


def _source_dest_check(_: Call, interface: NetworkInterface, value: Any) -> None:
    interface.source_dest_check = bool(value.get("Value"))


def _groups(call: Call, interface: NetworkInterface, value: Any) -> None:
    interface.group_ids = groups_for(call.region, interface.vpc_id, value)


def _own_attachment(interface: NetworkInterface, attachment_id: str | None) -> Attachment:
    attachment = interface.attachment
    if attachment is None or attachment_id not in {None, attachment.id}:
        raise NOUNS["eni-attach"].missing([attachment_id or "none"])
    return attachment


def _attachment(_: Call, interface: NetworkInterface, value: Any) -> None:
    attachment = _own_attachment(interface, value.get("AttachmentId"))
    if value.get("DeleteOnTermination") is not None:
        attachment = attrs.evolve(attachment, delete_on_termination=value["DeleteOnTermination"])
    if value.get("DefaultEnaQueueCount"):
        attachment = attrs.evolve(attachment, ena_queue_count=None)
    elif value.get("EnaQueueCount") is not None:
        attachment = attrs.evolve(attachment, ena_queue_count=value["EnaQueueCount"])
    interface.attachment = attachment


def _ena_srd(_: Call, interface: NetworkInterface, value: Any) -> None:
    attachment = _own_attachment(interface, None)
    interface.attachment = attrs.evolve(attachment, ena_srd=dict(value))


def _primary_ipv6(_: Call, interface: NetworkInterface, value: Any) -> None:
    if value and not interface.ipv6_addresses:
        raise AwsError(
            "InvalidParameterCombination",
            f"The network interface '{interface.id}' has no IPv6 address to be the primary one",
        )
    if interface.primary_ipv6 and not value:
        raise AwsError(
            "OperationNotPermitted",
            "A primary IPv6 address cannot be disabled while its network interface exists",
        )
    interface.primary_ipv6 = bool(value)


def _connection_tracking(_: Call, interface: NetworkInterface, value: Any) -> None:
    changed = connection_tracking(value)
    if changed is not None:
        interface.connection_tracking = {**(interface.connection_tracking or {}), **changed}


def _public_ip(call: Call, interface: NetworkInterface, value: Any) -> None:
    interface.auto_public_ip = bool(value)
    if not value:
        interface.public_ip = None
        return
    instance = call.region[Instance].get(interface.instance_id)
    attachment = interface.attachment
    is_primary = attachment is not None and attachment.device_index == PRIMARY_DEVICE
    if is_primary and interface.public_ip is None and instance and instance.state == "running":
        interface.public_ip = new_public_ip(call.world, call.region)


_MODIFIED_BY: Mapping[str, Callable[[Call, NetworkInterface, Any], None]] = {
    "AssociatePublicIpAddress": _public_ip,
    "Attachment": _attachment,
    "ConnectionTrackingSpecification": _connection_tracking,
    "Description": _description,
    "EnablePrimaryIpv6": _primary_ipv6,
    "EnaSrdSpecification": _ena_srd,
    "Groups": _groups,
    "SourceDestCheck": _source_dest_check,
}


def modify_network_interface_attribute(
    call: Call, params: aws.ModifyNetworkInterfaceAttributeRequestTypeDef
) -> dict[str, Any]:
    """Change one attribute."""
    interface = NETWORK_INTERFACE.find(call.region, params["NetworkInterfaceId"])
    given: list[tuple[str, Any]] = [
        (name, params.get(name)) for name in _MODIFIED_BY if params.get(name) is not None
    ]
    if not given:
        raise AwsError("InvalidParameterCombination", "No attributes specified.")
    if len(given) > 1:
        names = ", ".join(name for name, _ in given)
        raise AwsError(
            "InvalidParameterCombination",
            f"Fields for multiple attribute types specified: {names}",
        )
    ((name, value),) = given
    _MODIFIED_BY[name](call, interface, value)
    return {}


def reset_network_interface_attribute(
    call: Call, params: aws.ResetNetworkInterfaceAttributeRequestTypeDef
) -> dict[str, Any]:
    """Turn the source/destination check on again, the only attribute there is to reset."""
    interface = NETWORK_INTERFACE.find(call.region, params["NetworkInterfaceId"])
    interface.source_dest_check = True
    return {}


OPERATIONS: Mapping[str, Handler] = {
    "DescribeNetworkInterfaceAttribute": describe_network_interface_attribute,
    "ModifyNetworkInterfaceAttribute": modify_network_interface_attribute,
    "ResetNetworkInterfaceAttribute": reset_network_interface_attribute,
}
