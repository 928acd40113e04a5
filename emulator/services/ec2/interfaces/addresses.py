"""Elastic IP addresses: allocated, associated, released.

Sources: API_AllocateAddress, API_AssociateAddress, API_DisassociateAddress,
API_ReleaseAddress, "Elastic IP addresses". Addresses come from 198.19.0.0/16, which the
internet does not route (``emulator.net.public_addresses``).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from emulator.catalog.regions import zones
from emulator.core.errors import AwsError
from emulator.model.instance import Instance
from emulator.model.network_interface import Address, NetworkInterface
from emulator.model.vpc import InternetGateway
from emulator.net import public_addresses
from emulator.services.call import Call, Handler, World
from emulator.services.ec2.interfaces.network_interfaces import (
    NETWORK_INTERFACE,
    PRIMARY_DEVICE,
    clear_association,
    new_public_ip,
)
from emulator.services.ec2.kind import Kind, tag_set
from emulator.services.ec2.nouns import NOUNS
from emulator.services.ec2.tags import tags_on_create
from emulator.services.filters import select
from emulator.state.store import Region, State

if TYPE_CHECKING:
    from mypy_boto3_ec2 import type_defs as aws

# AWS gives an account 5 a region until it asks for more; nobody's test should fail for that.
MAX_ADDRESSES = 5000
AMAZON_POOL = "amazon"
AMAZON_POOLS = frozenset({AMAZON_POOL, "AmazonProvidedIpv4"})


def _interface_of(region: Region, address: Address) -> NetworkInterface | None:
    return region[NetworkInterface].get(address.network_interface_id)


def _instance_id(region: Region, address: Address) -> str | None:
    interface = _interface_of(region, address)
    return interface.instance_id if interface is not None else None


def _owner(region: Region, address: Address) -> str | None:
    return region.account if address.network_interface_id is not None else None


def _view(region: Region, address: Address) -> Mapping[str, Any]:
    return {
        "AllocationId": address.id,
        "PublicIp": address.public_ip,
        "Domain": "vpc",
        "PublicIpv4Pool": address.public_ipv4_pool,
        "NetworkBorderGroup": address.network_border_group,
        "AssociationId": address.association_id,
        "NetworkInterfaceId": address.network_interface_id,
        "NetworkInterfaceOwnerId": _owner(region, address),
        "PrivateIpAddress": address.private_ip,
        "InstanceId": _instance_id(region, address),
        "Tags": tag_set(address.tags),
    }


ADDRESS = Kind(
    row=Address,
    shape="Address",
    view=_view,
    filters={
        "allocation-id": lambda _, address: address.id,
        "association-id": lambda _, address: address.association_id,
        "domain": lambda _, __: "vpc",
        "instance-id": _instance_id,
        "network-border-group": lambda _, address: address.network_border_group,
        "network-interface-id": lambda _, address: address.network_interface_id,
        "network-interface-owner-id": _owner,
        "private-ip-address": lambda _, address: address.private_ip,
        "public-ip": lambda _, address: address.public_ip,
    },
)


def _in_use(state: State, public_ip: str) -> bool:
    """Tell whether any account has a public address."""
    return any(region[Address].where(public_ip=public_ip) for region in state)


def _recovered(call: Call, wanted: str) -> str:
    """Return a particular address, such as one that was released before.

    Raises:
        AwsError: InvalidParameterValue or InvalidAddress.NotFound.
    """
    try:
        address = ipaddress.IPv4Address(wanted)
    except ValueError:
        raise AwsError(
            "InvalidParameterValue", f"Value ({wanted[:64]}) for parameter address is invalid"
        ) from None
    if address not in public_addresses.ELASTIC or _in_use(call.state, str(address)):
        raise AwsError("InvalidAddress.NotFound", f"Address '{wanted}' not found.")
    return str(address)


def _border_group(region: Region, wanted: str | None) -> str:
    if wanted is None:
        return region.name
    if wanted not in {zone.network_border_group for zone in zones(region.name)}:
        raise AwsError(
            "InvalidParameterValue",
            f"Value ({wanted[:64]}) for parameter networkBorderGroup is invalid",
        )
    return wanted


def _check_pools(params: Mapping[str, Any]) -> None:
    pool = params.get("PublicIpv4Pool")
    if pool is not None and pool not in AMAZON_POOLS:
        raise AwsError(
            "InvalidPublicIpv4PoolID.NotFound",
            f"The public IPv4 pool ID '{pool[:64]}' does not exist",
        )
    if params.get("CustomerOwnedIpv4Pool"):
        raise AwsError(
            "InvalidPoolID.NotFound",
            f"The pool ID '{params['CustomerOwnedIpv4Pool'][:64]}' does not exist",
        )
    if params.get("IpamPoolId"):
        raise AwsError(
            "InvalidIpamPoolId.NotFound",
            f"The ipam-pool ID '{params['IpamPoolId'][:64]}' does not exist",
        )


def allocate_address(call: Call, params: aws.AllocateAddressRequestTypeDef) -> dict[str, Any]:
    """Give the account a public address that stays its own."""
    region = call.region
    _check_pools(params)
    border_group = _border_group(region, params.get("NetworkBorderGroup"))
    tags = tags_on_create(params, "elastic-ip")
    if len(region[Address]) >= MAX_ADDRESSES:
        raise AwsError("AddressLimitExceeded", "The maximum number of addresses has been reached.")
    wanted = params.get("Address")
    public_ip = (
        _recovered(call, wanted)
        if wanted is not None
        else public_addresses.choose(
            public_addresses.ELASTIC,
            call.world.ids.random,
            lambda address: _in_use(call.state, address),
        )
    )
    address = region[Address].add(
        Address(
            id=call.new_id(Address),
            public_ip=public_ip,
            network_border_group=border_group,
            tags=tags,
        )
    )
    return {
        "PublicIp": address.public_ip,
        "AllocationId": address.id,
        "PublicIpv4Pool": address.public_ipv4_pool,
        "NetworkBorderGroup": address.network_border_group,
        "Domain": "vpc",
    }


def _by_public_ip(region: Region, public_ip: str) -> Address | None:
    found = region[Address].where(public_ip=public_ip)
    return found[0] if found else None


def describe_addresses(call: Call, params: aws.DescribeAddressesRequestTypeDef) -> dict[str, Any]:
    """List addresses by allocation id, by public address, or by filters."""
    region = call.region
    ids, public_ips = params.get("AllocationIds", ()), params.get("PublicIps", ())
    rows: dict[str, Address] = {row.id: row for row in ADDRESS.find_all(region, ids)}
    for public_ip in public_ips:
        address = _by_public_ip(region, public_ip)
        if address is None:
            raise AwsError("InvalidAddress.NotFound", f"Address '{public_ip[:64]}' not found.")
        rows[address.id] = address
    found = list(rows.values()) if ids or public_ips else ADDRESS.rows(region)
    if params.get("Filters"):
        found = select(region, found, params["Filters"], ADDRESS.filters, taggable=True)
    return {"Addresses": [ADDRESS.show(region, address) for address in found]}


def _addressed(call: Call, params: Mapping[str, Any]) -> Address:
    """Return the address a request names by AllocationId or PublicIp.

    Raises:
        AwsError: its not-found code, MissingParameter or InvalidParameterCombination.
    """
    allocation_id, public_ip = params.get("AllocationId"), params.get("PublicIp")
    if allocation_id and public_ip:
        raise AwsError(
            "InvalidParameterCombination",
            "You may specify public IP or allocation id, but not both in the same call",
        )
    if allocation_id:
        return ADDRESS.find(call.region, allocation_id)
    if not public_ip:
        raise AwsError("MissingParameter", "Either public IP or allocation id must be specified")
    address = _by_public_ip(call.region, public_ip)
    if address is not None:
        return address
    if _in_use(call.state, public_ip):
        raise AwsError("AuthFailure", f"The address '{public_ip[:64]}' does not belong to you.")
    raise AwsError("InvalidAddress.NotFound", f"Address '{public_ip[:64]}' not found.")


def _primary_interface(region: Region, instance_id: str) -> NetworkInterface:
    """Return the one interface an instance has.

    Raises:
        AwsError: the instance's not-found code; InvalidInstanceID when it is in no state to
            have an address or has several interfaces.
    """
    instance = region[Instance].get(instance_id)
    if instance is None:
        NOUNS["i"].check_form(instance_id)
        raise NOUNS["i"].missing([instance_id])
    if instance.state not in {"running", "stopping", "stopped"}:
        raise AwsError(
            "InvalidInstanceID",
            f"The {instance.state} instance '{instance_id}' is not in a valid state for this "
            "operation.",
        )
    interfaces = region[NetworkInterface].where(instance_id=instance_id)
    if len(interfaces) != 1:
        raise AwsError(
            "InvalidInstanceID",
            f"There are multiple interfaces attached to instance '{instance_id}'. "
            "Please specify an interface ID for the operation instead.",
        )
    return interfaces[0]


def _target(region: Region, params: Mapping[str, Any]) -> tuple[NetworkInterface, str]:
    """Return the interface and private address an association is to be with."""
    interface_id, instance_id = params.get("NetworkInterfaceId"), params.get("InstanceId")
    if interface_id:
        interface = NETWORK_INTERFACE.find(region, interface_id)
        if instance_id and interface.instance_id != instance_id:
            raise AwsError(
                "InvalidParameterCombination",
                "You may specify an instance ID or a network interface ID, but not both",
            )
    elif instance_id:
        interface = _primary_interface(region, instance_id)
    else:
        raise AwsError("MissingParameter", "Either instance ID or network interface id is required")
    private_ip = params.get("PrivateIpAddress")
    if private_ip is None:
        if not interface.private_ips:
            raise AwsError(
                "InvalidParameterValue",
                f"The network interface '{interface.id}' has no private IPv4 address",
            )
        private_ip = interface.private_ips[0]
    elif private_ip not in interface.private_ips:
        raise AwsError(
            "InvalidParameterValue",
            f"The private IP address '{private_ip[:64]}' is not assigned to the network "
            f"interface '{interface.id}'",
        )
    return interface, private_ip


def associate(
    world: World,
    region: Region,
    address: Address,
    interface: NetworkInterface,
    private_ip: str,
    *,
    service_managed_by: str | None = None,
) -> str:
    """Map an address to a private one, whatever either was mapped to before.

    An automatic public address of that private address is given back.

    Args:
        world: gives ids.
        region: of both.
        address: which one.
        interface: whose private address it is to be mapped to.
        private_ip: that private address.
        service_managed_by: the NAT gateway that holds the address, if one does.

    Returns:
        The association's id.
    """
    for other in region[Address].where(network_interface_id=interface.id):
        if other.private_ip == private_ip:
            clear_association(other)
    if address.network_interface_id is not None:
        disassociate(world, region, address)
    if interface.private_ips[:1] == (private_ip,) and interface.public_ip is not None:
        interface.public_ip = None
    association_id = world.ids.resource("eipassoc")
    address.association_id = association_id
    address.network_interface_id = interface.id
    address.private_ip = private_ip
    address.service_managed_by = service_managed_by
    return association_id


def disassociate(world: World, region: Region, address: Address) -> None:
    """Free an address; a running instance that had an automatic one before gets a new one."""
    interface, private_ip = _interface_of(region, address), address.private_ip
    clear_association(address)
    if interface is None or not interface.auto_public_ip:
        return
    instance = region[Instance].get(interface.instance_id)
    attachment = interface.attachment
    if (
        interface.private_ips[:1] == (private_ip,)
        and attachment is not None
        and attachment.device_index == PRIMARY_DEVICE
        and instance is not None
        and instance.state == "running"
    ):
        interface.public_ip = new_public_ip(world, region)


def _refuse_taken(
    address: Address, others: Sequence[Address], interface: NetworkInterface, private_ip: str
) -> None:
    if address.association_id is not None:
        raise AwsError(
            "Resource.AlreadyAssociated",
            f"resource {address.id} is already associated with associate-id "
            f"{address.association_id}",
        )
    for other in others:
        if other.private_ip == private_ip:
            raise AwsError(
                "Resource.AlreadyAssociated",
                f"resource {interface.id} is already associated with associate-id "
                f"{other.association_id}",
            )


def associate_address(call: Call, params: aws.AssociateAddressRequestTypeDef) -> dict[str, Any]:
    """Map an address to an instance or interface; repeating it changes nothing."""
    region = call.region
    address = _addressed(call, params)
    interface, private_ip = _target(region, params)
    if not region[InternetGateway].where(vpc_id=interface.vpc_id):
        raise AwsError(
            "Gateway.NotAttached",
            f"Network {interface.vpc_id} is not attached to any internet gateway",
        )
    if (address.network_interface_id, address.private_ip) == (interface.id, private_ip):
        return {"AssociationId": address.association_id}
    if address.service_managed_by is not None:
        raise _not_yours()
    others = region[Address].where(network_interface_id=interface.id)
    if params.get("AllowReassociation") is False:
        _refuse_taken(address, others, interface, private_ip)
    return {"AssociationId": associate(call.world, region, address, interface, private_ip)}


def _not_yours() -> AwsError:
    return AwsError("AuthFailure", "You do not have permission to access the specified resource.")


def disassociate_address(
    call: Call, params: aws.DisassociateAddressRequestTypeDef
) -> dict[str, Any]:
    """Free an address by its association; one that is free already may be freed again by IP."""
    region = call.region
    association_id = params.get("AssociationId")
    if association_id:
        found = region[Address].where(association_id=association_id)
        if not found:
            raise NOUNS["eipassoc"].missing([association_id])
        address = found[0]
    elif params.get("PublicIp"):
        address = _addressed(call, {"PublicIp": params["PublicIp"]})
    else:
        raise AwsError("MissingParameter", "Either AssociationId or PublicIp must be specified")
    if address.service_managed_by is not None:
        raise _not_yours()
    if address.association_id is not None:
        disassociate(call.world, region, address)
    return {}


def release_address(call: Call, params: aws.ReleaseAddressRequestTypeDef) -> dict[str, Any]:
    """Give an address back."""
    address = _addressed(call, params)
    group = params.get("NetworkBorderGroup")
    if group is not None and group != address.network_border_group:
        raise AwsError(
            "InvalidParameterValue",
            f"The address {address.id} is not advertised from network border group '{group[:64]}'",
        )
    if address.association_id is not None:
        if address.service_managed_by is not None:
            raise _not_yours()
        raise AwsError("InvalidIPAddress.InUse", f"Address {address.public_ip} is in use.")
    call.region[Address].remove(address)
    return {}


OPERATIONS: Mapping[str, Handler] = {
    "AllocateAddress": allocate_address,
    "AssociateAddress": associate_address,
    "DescribeAddresses": describe_addresses,
    "DisassociateAddress": disassociate_address,
    "ReleaseAddress": release_address,
}
