"""What AWS gives every account in every region before anybody asks.

Source: "Default VPCs" in the Amazon VPC user guide: 172.31.0.0/16, a /20 subnet in every
availability zone whose instances get public addresses, an internet gateway and the route
to it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from ipaddress import IPv4Network
from typing import TYPE_CHECKING, Any

from emulator.core.errors import AwsError
from emulator.core.ids import derived
from emulator.model.vpc import (
    CidrAssociation,
    InternetGateway,
    Route,
    RouteTable,
    Subnet,
    Vpc,
)
from emulator.net import cidrs
from emulator.services.call import Call, Handler, World
from emulator.services.ec2.routing.prefix_lists import seed_prefix_lists
from emulator.services.ec2.vpcs.subnets import (
    SUBNET,
    checked_ipv6,
    new_subnet,
    open_zones,
    requested_zone,
)
from emulator.services.ec2.vpcs.vpc_lifecycle import new_vpc
from emulator.services.ec2.vpcs.vpcs import VPC, default_vpc
from emulator.state.store import Region

if TYPE_CHECKING:
    from mypy_boto3_ec2 import type_defs as aws

DEFAULT_NETWORK = IPv4Network("172.31.0.0/16")


def _new_default_vpc(
    world: World, region: Region, ids_at: Callable[[str], Callable[[str], str]], state: str
) -> Vpc:
    """Add a default VPC with all its parts.

    Args:
        world: gives ids of rules.
        region: where it lives.
        ids_at: for a place, which is a zone's name or empty, what makes an id of a prefix.
        state: the VPC's first state.
    """
    new_id = ids_at("")
    vpc = new_vpc(
        world,
        region,
        DEFAULT_NETWORK,
        new_id=new_id,
        state=state,
        is_default=True,
    )
    gateway = region[InternetGateway].add(InternetGateway(id=new_id("igw"), vpc_id=vpc.id))
    (table,) = region[RouteTable].where(vpc_id=vpc.id)
    table.routes = (Route(destination_cidr="0.0.0.0/0", gateway_id=gateway.id),)
    ranges = cidrs.subnets_of(vpc.cidr, cidrs.DEFAULT_SUBNET_PREFIX)
    for zone, cidr in zip(open_zones(region), ranges, strict=False):
        new_subnet(
            world,
            region,
            vpc.id,
            cidr=cidr,
            zone=zone.name,
            new_id=ids_at(zone.name),
            default_for_az=True,
        )
    return vpc


def seed_region(world: World, region: Region) -> None:
    """Fill a new region with its default VPC, whose ids are always the same, and AWS's lists."""

    def ids_at(place: str) -> Callable[[str], str]:
        return lambda prefix: derived(prefix, region.account, region.name, prefix, place)

    _new_default_vpc(world, region, ids_at, "available")
    seed_prefix_lists(region)


def create_default_vpc(call: Call, _: aws.CreateDefaultVpcRequestTypeDef) -> dict[str, Any]:
    """Create a default VPC again after it was deleted. Source: API_CreateDefaultVpc."""
    if default_vpc(call.region) is not None:
        raise AwsError(
            "DefaultVpcAlreadyExists",
            "A Default VPC already exists for this account in this region.",
        )
    vpc = _new_default_vpc(call.world, call.region, lambda _: call.world.ids.resource, "pending")
    shown = VPC.show(call.region, vpc)
    call.world.settle(vpc, "available")
    return {"Vpc": shown}


def _free_range(region: Region, vpc: Vpc) -> str:
    taken = [subnet.cidr for subnet in region[Subnet].where(vpc_id=vpc.id) if subnet.cidr]
    for cidr in cidrs.subnets_of(vpc.cidr, cidrs.DEFAULT_SUBNET_PREFIX):
        if cidrs.overlapping(cidrs.known_network(cidr), taken) is None:
            return cidr
    raise AwsError(
        "InsufficientCidrBlocks",
        f"{vpc.id} has no /{cidrs.DEFAULT_SUBNET_PREFIX} left for a default subnet",
    )


def _free_ipv6(call: Call, vpc: Vpc) -> CidrAssociation:
    for item in vpc.ipv6_associations:
        for network in cidrs.ipv6_subnets_of(item.cidr):
            try:
                cidr = checked_ipv6(call.region, vpc, network)
            except AwsError:
                continue
            return CidrAssociation(call.world.ids.resource("subnet-cidr-assoc"), cidr)
    raise AwsError(
        "InvalidParameterValue", f"The default VPC {vpc.id} has no IPv6 CIDR block to take one from"
    )


def create_default_subnet(
    call: Call, params: aws.CreateDefaultSubnetRequestTypeDef
) -> dict[str, Any]:
    """Create the default subnet of a zone again. Source: API_CreateDefaultSubnet."""
    region = call.region
    zone = requested_zone(region, params)
    if zone is None:
        raise AwsError(
            "MissingParameter", "Either AvailabilityZone or AvailabilityZoneId must be specified"
        )
    vpc = default_vpc(region)
    if vpc is None:
        raise AwsError(
            "DefaultVpcDoesNotExist", "No default VPC exists for this account in this region."
        )
    for subnet in region[Subnet].where(vpc_id=vpc.id):
        if subnet.default_for_az and subnet.availability_zone == zone.name:
            raise AwsError(
                "DefaultSubnetAlreadyExistsInAvailabilityZone",
                f"'{subnet.id}' is already the default subnet in {zone.name}.",
            )
    native = bool(params.get("Ipv6Native"))
    subnet = new_subnet(
        call.world,
        region,
        vpc.id,
        cidr="" if native else _free_range(region, vpc),
        zone=zone.name,
        default_for_az=True,
        ipv6=_free_ipv6(call, vpc) if native else None,
        ipv6_native=native,
    )
    return {"Subnet": SUBNET.show(region, subnet)}


OPERATIONS: Mapping[str, Handler] = {
    "CreateDefaultSubnet": create_default_subnet,
    "CreateDefaultVpc": create_default_vpc,
}
