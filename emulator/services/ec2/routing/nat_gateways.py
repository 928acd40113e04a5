"""NAT gateways: made, listed, deleted. Their further addresses: ``nat_gateway_addresses``.

Source: "NAT gateways" and "Troubleshoot NAT gateways" in the Amazon VPC user guide. What is
wrong with a gateway's surroundings is found out after the request: the gateway then fails.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs

from emulator.core.errors import AwsError
from emulator.model.nat_gateway import NatAddress, NatGateway
from emulator.model.network_interface import Address, Attachment, NetworkInterface
from emulator.model.vpc import InternetGateway, Subnet
from emulator.services.call import Call, Handler, World
from emulator.services.ec2.interfaces import addresses
from emulator.services.ec2.interfaces.network_interfaces import delete_interface, new_interface
from emulator.services.ec2.kind import Kind, tag_set
from emulator.services.ec2.nouns import NOUNS
from emulator.services.ec2.tags import tags_on_create
from emulator.state.store import Region

if TYPE_CHECKING:
    from mypy_boto3_ec2 import type_defs as aws

# Deleted and failed gateways stay visible for about an hour.
VISIBLE_SECONDS = 3600.0
# "Amazon VPC quotas": addresses of one gateway.
MAX_ADDRESSES = 8
NO_ADDRESSES = "InsufficientFreeAddressesInSubnet"


def address_view(address: NatAddress) -> dict[str, Any]:
    """Return one address in AWS's shape."""
    return {
        "AllocationId": address.allocation_id,
        "NetworkInterfaceId": address.network_interface_id,
        "PrivateIp": address.private_ip,
        "PublicIp": address.public_ip,
        "AssociationId": address.association_id,
        "IsPrimary": address.is_primary,
        "Status": address.status,
    }


def _view(_: Region, gateway: NatGateway) -> Mapping[str, Any]:
    code, message = gateway.failure or (None, None)
    failed = gateway.state == "failed"
    return {
        "NatGatewayId": gateway.id,
        "VpcId": gateway.vpc_id,
        "SubnetId": gateway.subnet_id,
        "State": gateway.state,
        "ConnectivityType": gateway.connectivity_type,
        "AvailabilityMode": "zonal",
        "CreateTime": gateway.created_at,
        "DeleteTime": gateway.deleted_at,
        "FailureCode": code if failed else None,
        "FailureMessage": message if failed else None,
        "NatGatewayAddresses": [address_view(address) for address in gateway.addresses],
        "Tags": tag_set(gateway.tags),
    }


NAT_GATEWAY = Kind(
    row=NatGateway,
    shape="NatGateway",
    view=_view,
    filters={
        "nat-gateway-id": lambda _, gateway: gateway.id,
        "state": lambda _, gateway: gateway.state,
        "subnet-id": lambda _, gateway: gateway.subnet_id,
        "vpc-id": lambda _, gateway: gateway.vpc_id,
    },
)


def elastic_addresses(region: Region, allocation_ids: Sequence[str]) -> list[Address]:
    """Return Elastic IP addresses.

    Raises:
        AwsError: InvalidAllocationID.NotFound; InvalidParameterValue for one given twice.
    """
    if len(set(allocation_ids)) < len(allocation_ids):
        raise AwsError("InvalidParameterValue", "An allocation ID can be specified only once")
    missing = [item for item in allocation_ids if item not in region[Address]]
    if missing:
        raise NOUNS["eipalloc"].missing(missing)
    return [region[Address][item] for item in allocation_ids]


def already_associated(elastic: Iterable[Address]) -> tuple[str, str] | None:
    """Return code and message for the first address that something else has."""
    for address in elastic:
        if address.association_id is not None:
            return (
                "Resource.AlreadyAssociated",
                f"Elastic IP address [{address.id}] is already associated",
            )
    return None


def associate(
    call: Call, gateway_id: str, interface: NetworkInterface, private_ip: str, address: Address
) -> NatAddress:
    """Map a free Elastic IP address to a private address of a gateway's interface."""
    association_id = addresses.associate(
        call.world, call.region, address, interface, private_ip, service_managed_by=gateway_id
    )
    return NatAddress(
        private_ip=private_ip,
        network_interface_id=interface.id,
        allocation_id=address.id,
        public_ip=address.public_ip,
        association_id=association_id,
    )


def _exclusive(message: str) -> AwsError:
    return AwsError("InvalidParameterCombination", message)


def _check_parameters(params: Mapping[str, Any], *, public: bool) -> None:
    if params.get("AvailabilityMode") == "regional" or params.get("AvailabilityZoneAddresses"):
        raise AwsError("UnsupportedOperation", "Regional NAT gateways are not emulated")
    if params.get("SubnetId") is None:
        raise AwsError("MissingParameter", "The request must contain the parameter subnetId")
    secondary, count = (
        params.get("SecondaryPrivateIpAddresses", ()),
        params.get("SecondaryPrivateIpAddressCount"),
    )
    if not public:
        if params.get("AllocationId") or params.get("SecondaryAllocationIds"):
            raise _exclusive("A private NAT gateway cannot have Elastic IP addresses")
        if secondary and count is not None:
            raise _exclusive(
                "Only one of SecondaryPrivateIpAddresses and SecondaryPrivateIpAddressCount can "
                "be specified"
            )
    else:
        if params.get("AllocationId") is None:
            raise AwsError(
                "MissingParameter", "The request must contain the parameter allocationId"
            )
        if count is not None:
            raise _exclusive("SecondaryPrivateIpAddressCount is for private NAT gateways only")
        if secondary and len(secondary) != len(params.get("SecondaryAllocationIds", ())):
            raise _exclusive(
                "SecondaryPrivateIpAddresses must be as many as SecondaryAllocationIds"
            )
    further = count or max(len(secondary), len(params.get("SecondaryAllocationIds", ())))
    if not 1 <= 1 + further <= MAX_ADDRESSES:
        raise AwsError(
            "InvalidParameterValue", f"A NAT gateway has at most {MAX_ADDRESSES} addresses"
        )


def _obstacle(
    region: Region, subnet: Subnet, elastic: Sequence[Address], *, public: bool
) -> tuple[str, str] | None:
    """Return why AWS would let the gateway fail."""
    if public and not region[InternetGateway].where(vpc_id=subnet.vpc_id):
        return (
            "Gateway.NotAttached",
            f"Network {subnet.vpc_id} has no Internet gateway attached",
        )
    return already_associated(elastic)


def _interface(
    call: Call, subnet: Subnet, gateway_id: str, params: Mapping[str, Any]
) -> NetworkInterface:
    secondary: Sequence[str] = params.get("SecondaryPrivateIpAddresses", ())
    count = params.get("SecondaryPrivateIpAddressCount") or len(
        params.get("SecondaryAllocationIds", ())
    )
    interface = new_interface(
        call.world,
        call.region,
        subnet,
        group_ids=(),
        private_ip=params.get("PrivateIpAddress"),
        secondary_ips=secondary,
        secondary_count=0 if secondary else count,
        ipv6_count=0,
        description=f"Interface for NAT Gateway {gateway_id}",
        interface_type="nat_gateway",
        requester_id=call.account,
        requester_managed=True,
    )
    interface.source_dest_check = False
    interface.attachment = Attachment(
        id=call.world.ids.resource("ela-attach"),
        device_index=1,
        attached_at=call.world.clock.now(),
        instance_owner_id="amazon-aws",
    )
    interface.move("in-use")
    return interface


def _addresses(
    call: Call, gateway_id: str, interface: NetworkInterface, elastic: Sequence[Address]
) -> Iterable[NatAddress]:
    for place, private_ip in enumerate(interface.private_ips):
        if place < len(elastic):
            made = associate(call, gateway_id, interface, private_ip, elastic[place])
        else:
            made = NatAddress(private_ip=private_ip, network_interface_id=interface.id)
        yield attrs.evolve(made, is_primary=place == 0)


def create_nat_gateway(call: Call, params: aws.CreateNatGatewayRequestTypeDef) -> dict[str, Any]:
    """Create a public or private gateway in a subnet. Source: API_CreateNatGateway."""
    region, world = call.region, call.world
    public = params.get("ConnectivityType", "public") == "public"
    _check_parameters(params, public=public)
    subnet_id = params["SubnetId"]
    subnet = region[Subnet].get(subnet_id)
    if subnet is None:
        raise NOUNS["subnet"].missing([subnet_id])
    allocation_ids = [params["AllocationId"]] if public else []
    elastic = elastic_addresses(
        region, [*allocation_ids, *params.get("SecondaryAllocationIds", ())]
    )
    tags = tags_on_create(params, "natgateway")
    gateway_id = call.new_id(NatGateway)
    failure = _obstacle(region, subnet, elastic, public=public)
    made: tuple[NatAddress, ...] = ()
    if failure is None:
        try:
            interface = _interface(call, subnet, gateway_id, params)
        except AwsError as error:
            if error.code != NO_ADDRESSES:
                raise
            failure = (
                NO_ADDRESSES,
                "Subnet has insufficient free addresses to create this NAT gateway",
            )
        else:
            made = tuple(_addresses(call, gateway_id, interface, elastic))
    if failure is not None:
        made = tuple(
            NatAddress(allocation_id=address.id, is_primary=place == 0, status="failed")
            for place, address in enumerate(elastic)
        )
    gateway = region[NatGateway].add(
        NatGateway(
            id=gateway_id,
            state="pending",
            vpc_id=subnet.vpc_id,
            subnet_id=subnet.id,
            connectivity_type="public" if public else "private",
            created_at=world.clock.now(),
            addresses=made,
            failure=failure,
            tags=tags,
        )
    )
    world.settle(gateway, "available" if failure is None else "failed")
    if failure is not None:
        world.expire(region, gateway, VISIBLE_SECONDS)
    return {
        "ClientToken": params.get("ClientToken"),
        "NatGateway": NAT_GATEWAY.show(region, gateway),
    }


def describe_nat_gateways(
    call: Call, params: aws.DescribeNatGatewaysRequestTypeDef
) -> dict[str, Any]:
    """List gateways, for an hour also those deleted; it names its filters in the singular."""
    given = {**params, "Filters": params.get("Filter")}
    return NAT_GATEWAY.describe(call, given, ids="NatGatewayIds", result="NatGateways")


def delete_nat_gateway(call: Call, params: aws.DeleteNatGatewayRequestTypeDef) -> dict[str, Any]:
    """Delete a gateway; its Elastic IP addresses are free again when it is gone."""
    gateway = NAT_GATEWAY.find(call.region, params["NatGatewayId"])
    if gateway.state == "deleted":
        raise NAT_GATEWAY.noun.missing([gateway.id])
    if gateway.state != "deleting":
        gateway.move("deleting")
        gateway.deleted_at = call.world.clock.now()
        call.world.later(0, f"deleting {gateway.id}", _finish, call.world, call.region, gateway)
    return {"NatGatewayId": gateway.id}


def _finish(world: World, region: Region, gateway: NatGateway) -> None:
    if gateway.watcher is None:
        return
    for interface_id in {address.network_interface_id for address in gateway.addresses}:
        interface = region[NetworkInterface].get(interface_id)
        if interface is not None:
            delete_interface(region, interface)
    gateway.move("deleted")
    world.expire(region, gateway, VISIBLE_SECONDS)


OPERATIONS: Mapping[str, Handler] = {
    "CreateNatGateway": create_nat_gateway,
    "DeleteNatGateway": delete_nat_gateway,
    "DescribeNatGateways": describe_nat_gateways,
}
