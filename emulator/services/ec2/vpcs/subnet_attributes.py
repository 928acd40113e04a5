"""What may be changed of a subnet: switches, and its IPv6 range."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from emulator.core.errors import AwsError
from emulator.model.network_interface import NetworkInterface
from emulator.model.vpc import CidrAssociation, Subnet, Vpc
from emulator.services.call import Call, Handler
from emulator.services.ec2.nouns import NOUNS
from emulator.services.ec2.vpcs.ipam import refuse_pools
from emulator.services.ec2.vpcs.subnets import SUBNET, checked_ipv6, ipv6_association

if TYPE_CHECKING:
    from mypy_boto3_ec2 import type_defs as aws

# Switches of ModifySubnetAttribute and the fields they set.
_SWITCHES = {
    "AssignIpv6AddressOnCreation": "assign_ipv6_address_on_creation",
    "EnableDns64": "enable_dns64",
    "EnableResourceNameDnsAAAARecordOnLaunch": "resource_name_dns_aaaa_record",
    "EnableResourceNameDnsARecordOnLaunch": "resource_name_dns_a_record",
    "MapCustomerOwnedIpOnLaunch": "map_customer_owned_ip_on_launch",
    "MapPublicIpOnLaunch": "map_public_ip_on_launch",
}
_NEEDS_IPV6 = frozenset(("AssignIpv6AddressOnCreation", "EnableDns64"))


def _changes(params: Mapping[str, Any]) -> dict[str, tuple[str, Any]]:
    """Return, for each parameter given, the field to set and its value."""
    changes: dict[str, tuple[str, Any]] = {
        parameter: (field, params[parameter]["Value"])
        for parameter, field in _SWITCHES.items()
        if (params.get(parameter) or {}).get("Value") is not None
    }
    if params.get("PrivateDnsHostnameTypeOnLaunch") is not None:
        changes["PrivateDnsHostnameTypeOnLaunch"] = (
            "private_dns_hostname_type",
            params["PrivateDnsHostnameTypeOnLaunch"],
        )
    if params.get("CustomerOwnedIpv4Pool") is not None:
        changes["CustomerOwnedIpv4Pool"] = (
            "customer_owned_ipv4_pool",
            params["CustomerOwnedIpv4Pool"],
        )
    if params.get("EnableLniAtDeviceIndex") is not None:
        changes["EnableLniAtDeviceIndex"] = (
            "enable_lni_at_device_index",
            params["EnableLniAtDeviceIndex"],
        )
    if (params.get("DisableLniAtDeviceIndex") or {}).get("Value"):
        changes["DisableLniAtDeviceIndex"] = ("enable_lni_at_device_index", None)
    return changes


def _check(subnet: Subnet, changes: Mapping[str, tuple[str, Any]]) -> None:
    # A pool of customer-owned addresses and the switch that uses it go together.
    together = changes.keys() - {"CustomerOwnedIpv4Pool"}
    if not changes:
        raise AwsError("MissingParameter", "The request must contain one attribute to change")
    if len(together) > 1 or (
        "CustomerOwnedIpv4Pool" in changes and together != {"MapCustomerOwnedIpOnLaunch"}
    ):
        raise AwsError(
            "InvalidParameterCombination",
            f"Fields {' and '.join(sorted(changes))} cannot be changed in one request",
        )
    for parameter, (_, value) in changes.items():
        if value is True and parameter in _NEEDS_IPV6 and not subnet.ipv6_associations:
            raise AwsError(
                "InvalidParameterValue",
                f"Invalid value '{str(value).lower()}' for {parameter}: subnet {subnet.id} has no "
                "IPv6 CIDR block",
            )
        if value is True and parameter == "MapPublicIpOnLaunch" and subnet.ipv6_native:
            raise AwsError(
                "InvalidParameterValue",
                f"IPv6-only subnet {subnet.id} has no public IPv4 addresses",
            )
        if parameter == "PrivateDnsHostnameTypeOnLaunch" and (
            subnet.ipv6_native and value != "resource-name"
        ):
            raise AwsError(
                "InvalidParameterValue",
                f"Instances in IPv6-only subnet {subnet.id} are named by resource-name only",
            )


def modify_subnet_attribute(
    call: Call, params: aws.ModifySubnetAttributeRequestTypeDef
) -> dict[str, Any]:
    """Change one attribute of a subnet. Source: API_ModifySubnetAttribute."""
    subnet = SUBNET.find(call.region, params["SubnetId"])
    changes = _changes(params)
    _check(subnet, changes)
    for field, value in changes.values():
        setattr(subnet, field, value)
    return {}


def associate_subnet_cidr_block(
    call: Call, params: aws.AssociateSubnetCidrBlockRequestTypeDef
) -> dict[str, Any]:
    """Give a subnet an IPv6 range out of its VPC's; it can have one."""
    region = call.region
    subnet = SUBNET.find(region, params["SubnetId"])
    refuse_pools(params)
    cidr = params.get("Ipv6CidrBlock")
    if cidr is None:
        raise AwsError("MissingParameter", "The request must contain the parameter ipv6CidrBlock")
    if subnet.ipv6_associations:
        raise AwsError(
            "CidrLimitExceeded",
            f"Subnet '{subnet.id}' has met its maximum number of allowed IPv6 CIDRs: 1",
        )
    association = CidrAssociation(
        call.world.ids.resource("subnet-cidr-assoc"),
        checked_ipv6(region, region[Vpc][subnet.vpc_id], cidr),
    )
    subnet.ipv6_associations = (association,)
    return {
        "SubnetId": subnet.id,
        "Ipv6CidrBlockAssociation": ipv6_association(association, "associating"),
    }


def disassociate_subnet_cidr_block(
    call: Call, params: aws.DisassociateSubnetCidrBlockRequestTypeDef
) -> dict[str, Any]:
    """Take its IPv6 range from a subnet in which no interface uses it."""
    region = call.region
    association_id = params["AssociationId"]
    for subnet in region[Subnet]:
        found = next((item for item in subnet.ipv6_associations if item.id == association_id), None)
        if found is None:
            continue
        refusal = f"The subnet IPv6 CIDR block with association ID {association_id} may not be "
        if subnet.ipv6_native:
            raise AwsError(
                "OperationNotPermitted", f"{refusal}disassociated from an IPv6-only subnet."
            )
        if subnet.assign_ipv6_address_on_creation:
            raise AwsError(
                "InvalidCidrBlock.InUse",
                f"{refusal}disassociated, because its subnet has assign-ipv6-address-on-creation "
                "set to true.",
            )
        if any(row.ipv6_addresses for row in region[NetworkInterface].where(subnet_id=subnet.id)):
            raise AwsError(
                "InvalidCidrBlock.InUse",
                f"{refusal}disassociated, because network interfaces use its addresses.",
            )
        subnet.ipv6_associations = tuple(
            item for item in subnet.ipv6_associations if item is not found
        )
        return {
            "SubnetId": subnet.id,
            "Ipv6CidrBlockAssociation": ipv6_association(found, "disassociating"),
        }
    raise NOUNS["subnet-cidr-assoc"].missing([association_id[:64]])


OPERATIONS: Mapping[str, Handler] = {
    "AssociateSubnetCidrBlock": associate_subnet_cidr_block,
    "DisassociateSubnetCidrBlock": disassociate_subnet_cidr_block,
    "ModifySubnetAttribute": modify_subnet_attribute,
}
