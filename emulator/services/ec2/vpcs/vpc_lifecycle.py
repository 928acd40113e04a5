"""How a VPC begins and ends, with what it is born with.

Source: "VPC basics" and API_DeleteVpc: a main route table, a default network ACL and a
default security group come and go with their VPC; everything else has to go before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from ipaddress import IPv4Network
from typing import TYPE_CHECKING, Any

from twisted.logger import Logger

from emulator.core.errors import AwsError
from emulator.model.row import NO_TAGS
from emulator.model.security_group import SecurityGroup, SecurityGroupVpcAssociation
from emulator.model.vpc import (
    CidrAssociation,
    NetworkAcl,
    RouteTable,
    RouteTableAssociation,
    Vpc,
)
from emulator.net.cidrs import next_vpc_ipv6, vpc_range
from emulator.services.call import Call, Handler, World
from emulator.services.ec2.security.network_acls import first_entries
from emulator.services.ec2.security.security_groups import new_default_group, remove_group
from emulator.services.ec2.tags import tags_on_create
from emulator.services.ec2.vpcs.dhcp_options import default_options
from emulator.services.ec2.vpcs.ipam import refuse_pools
from emulator.services.ec2.vpcs.vpc_peering import end_peerings_of
from emulator.services.ec2.vpcs.vpcs import VPC
from emulator.state.store import Region
from emulator.vm.interface import HasNetworks, VMError

if TYPE_CHECKING:
    from mypy_boto3_ec2 import type_defs as aws

log = Logger()

# What stands in the way of DeleteVpc, by id prefix; peering connections, flow logs and
# DHCP options do not.
_HOLDING = frozenset(
    ("subnet", "eni", "i", "igw", "eigw", "cagw", "rtb", "acl", "sg", "vgw", "nat", "vpce")
)
_GONE = frozenset(("deleted", "deleting", "terminated", "detached", "failed"))


def new_ipv6_association(
    world: World, region: Region, border_group: str | None = None
) -> CidrAssociation:
    """Return an IPv6 range that Amazon provides, used by no VPC of the region."""
    taken = {item.cidr for vpc in region[Vpc] for item in vpc.ipv6_associations}
    return CidrAssociation(
        world.ids.resource("vpc-cidr-assoc"),
        next_vpc_ipv6(world.ids.random, taken),
        network_border_group=border_group or region.name,
    )


def new_vpc(
    world: World,
    region: Region,
    network: IPv4Network,
    *,
    new_id: Callable[[str], str] | None = None,
    state: str = "pending",
    tenancy: str = "default",
    is_default: bool = False,
    ipv6: CidrAssociation | None = None,
    tags: Mapping[str, str] = NO_TAGS,
) -> Vpc:
    """Add a VPC with its main route table, network ACL and security group.

    Args:
        world: gives the ids.
        region: where it lives.
        network: its primary range.
        new_id: an id for a prefix, where ids must not be random.
        state: ``available`` for one that was always there.
        tenancy: ``default`` or ``dedicated``.
        is_default: whether it is the region's default VPC, whose instances have DNS names.
        ipv6: a range that Amazon provides.
        tags: the VPC's own.
    """
    new_id = new_id or world.ids.resource
    vpc = region[Vpc].add(
        Vpc(
            id=new_id("vpc"),
            state=state,
            cidr=str(network),
            dhcp_options_id=default_options(region).id,
            ipv4_associations=(CidrAssociation(new_id("vpc-cidr-assoc"), str(network)),),
            ipv6_associations=(ipv6,) if ipv6 else (),
            instance_tenancy=tenancy,
            is_default=is_default,
            enable_dns_hostnames=is_default,
            tags=tags,
        )
    )
    table = region[RouteTable].add(RouteTable(id=new_id("rtb"), vpc_id=vpc.id))
    region[RouteTableAssociation].add(
        RouteTableAssociation(
            id=new_id("rtbassoc"), vpc_id=vpc.id, route_table_id=table.id, main=True
        )
    )
    region[NetworkAcl].add(
        NetworkAcl(
            id=new_id("acl"),
            vpc_id=vpc.id,
            is_default=True,
            entries=first_entries(with_ipv6=ipv6 is not None),
        )
    )
    new_default_group(world, region, vpc.id, new_id("sg"))
    return vpc


def requested_ipv6(call: Call, params: Mapping[str, Any]) -> CidrAssociation | None:
    """Return the IPv6 range that CreateVpc or AssociateVpcCidrBlock asks Amazon for."""
    if params.get("Ipv6Pool") or params.get("Ipv6CidrBlock"):
        raise AwsError(
            "InvalidParameterValue",
            f"The IPv6 pool '{str(params.get('Ipv6Pool'))[:64]}' does not exist",
        )
    border_group = params.get("Ipv6CidrBlockNetworkBorderGroup")
    if not params.get("AmazonProvidedIpv6CidrBlock"):
        if border_group:
            raise AwsError(
                "InvalidParameterCombination",
                "Ipv6CidrBlockNetworkBorderGroup needs AmazonProvidedIpv6CidrBlock",
            )
        return None
    return new_ipv6_association(call.world, call.region, border_group)


def create_vpc(call: Call, params: aws.CreateVpcRequestTypeDef) -> dict[str, Any]:
    """Create a VPC. Source: API_CreateVpc."""
    refuse_pools(params)
    cidr = params.get("CidrBlock")
    if cidr is None:
        raise AwsError(
            "MissingParameter", "Either 'cidrBlock' or 'ipv4IpamPoolId' should be provided."
        )
    network = vpc_range(cidr)
    tenancy = params.get("InstanceTenancy", "default")
    if tenancy == "host":
        raise AwsError(
            "InvalidParameterValue", "Value (host) for parameter instanceTenancy is invalid."
        )
    tags = tags_on_create(params, "vpc")
    ipv6 = requested_ipv6(call, params)
    vpc = new_vpc(call.world, call.region, network, tenancy=tenancy, ipv6=ipv6, tags=tags)
    shown = VPC.show(call.region, vpc)
    call.world.settle(vpc, "available")
    return {"Vpc": shown}


def _born_with(region: Region, vpc: Vpc) -> set[str]:
    """Return the ids of the table, ACL and group that came with the VPC."""
    main = next(item for item in region[RouteTableAssociation].where(vpc_id=vpc.id) if item.main)
    acl = next(item for item in region[NetworkAcl].where(vpc_id=vpc.id) if item.is_default)
    group = next(item for item in region[SecurityGroup].where(vpc_id=vpc.id) if _is_default(item))
    return {main.route_table_id, acl.id, group.id}


def _is_default(group: SecurityGroup) -> bool:
    return group.name == "default"


def _is_held(region: Region, vpc: Vpc, born_with: set[str]) -> bool:
    for kind, table in region.tables():
        if kind.PREFIX not in _HOLDING or "vpc_id" not in kind.INDEXES:
            continue
        for row in table.where(vpc_id=vpc.id):
            if row.id not in born_with and getattr(row, "state", None) not in _GONE:
                return True
    return False


def delete_vpc(call: Call, params: aws.DeleteVpcRequestTypeDef) -> dict[str, Any]:
    """Delete a VPC that nothing but its own parts is left in. Source: API_DeleteVpc."""
    region = call.region
    vpc = VPC.find(region, params["VpcId"])
    born_with = _born_with(region, vpc)
    if _is_held(region, vpc, born_with):
        raise AwsError(
            "DependencyViolation",
            f"The vpc '{vpc.id}' has dependencies and cannot be deleted.",
        )
    for kind in (RouteTableAssociation, RouteTable, NetworkAcl, SecurityGroupVpcAssociation):
        for part in region[kind].where(vpc_id=vpc.id):
            region[kind].remove(part)
    for group in region[SecurityGroup].where(vpc_id=vpc.id):
        remove_group(region, group)
    end_peerings_of(call, vpc)
    region[Vpc].remove(vpc)
    for manager in call.world.machines.all:
        if isinstance(manager, HasNetworks):
            call.world.background.start(
                f"deleting the network of {vpc.id}", _delete_network(manager, vpc.id)
            )
    return {}


async def _delete_network(manager: HasNetworks, vpc_id: str) -> None:
    try:
        await manager.delete_network(vpc_id)
    except VMError as error:
        log.warn("the network of {vpc} stays: {error}", vpc=vpc_id, error=str(error))


OPERATIONS: Mapping[str, Handler] = {
    "CreateVpc": create_vpc,
    "DeleteVpc": delete_vpc,
}
