"""Subnets: made out of a VPC's ranges, found, shown and deleted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from ipaddress import IPv4Network, IPv6Network
from typing import TYPE_CHECKING, Any

from emulator.catalog.regions import REGIONS, Zone, zones
from emulator.core.errors import AwsError
from emulator.model.network_interface import NetworkInterface
from emulator.model.row import NO_TAGS
from emulator.model.vpc import (
    CidrAssociation,
    NetworkAclAssociation,
    RouteTableAssociation,
    Subnet,
    SubnetCidrReservation,
    Vpc,
)
from emulator.net import addresses, cidrs
from emulator.services.call import Call, Handler, World
from emulator.services.ec2.kind import Kind, tag_set
from emulator.services.ec2.security.network_acls import default_acl
from emulator.services.ec2.tags import tags_on_create
from emulator.services.ec2.vpcs.ipam import refuse_pools
from emulator.services.ec2.vpcs.vpcs import VPC
from emulator.state.store import Region

if TYPE_CHECKING:
    from mypy_boto3_ec2 import type_defs as aws


# The account's choice for groups of zones: ModifyAvailabilityZoneGroup keeps it here.
ZONE_GROUPS_SETTING = "zone-groups"


@cache
def _zones_for_all(region_name: str) -> tuple[Zone, ...]:
    return tuple(zone for zone in zones(region_name) if zone.opt_in_status != "not-opted-in")


def open_zones(region: Region) -> tuple[Zone, ...]:
    """Return the zones of a region in which this account may have subnets."""
    chosen: Mapping[str, str] = region.settings.get(ZONE_GROUPS_SETTING, {})
    more = (zone for zone in zones(region.name) if chosen.get(zone.group_name) == "opted-in")
    return (*_zones_for_all(region.name), *more) if chosen else _zones_for_all(region.name)


@cache
def _zone_ids(region_name: str) -> Mapping[str, str]:
    return {zone.name: zone.id for zone in zones(region_name)}


def zone_id(region: Region, name: str) -> str | None:
    """Return the id of a zone, such as ``use1-az6``."""
    return _zone_ids(region.name).get(name)


def requested_zone(region: Region, params: Mapping[str, Any]) -> Zone | None:
    """Return the zone a request names, by name or by id, if it names one.

    Raises:
        AwsError: InvalidParameterValue for one that does not exist or is not open,
            InvalidParameterCombination when both are given and differ.
    """
    name, wanted_id = params.get("AvailabilityZone"), params.get("AvailabilityZoneId")
    if name is None and wanted_id is None:
        return None
    known = open_zones(region)
    for parameter, value, field in (
        ("availabilityZone", name, "name"),
        ("availabilityZoneId", wanted_id, "id"),
    ):
        names = [getattr(zone, field) for zone in known]
        if value is not None and value not in names:
            raise AwsError(
                "InvalidParameterValue",
                f"Value ({value[:64]}) for parameter {parameter} is invalid. Subnets can "
                f"currently only be created in the following availability zones: "
                f"{', '.join(names)}.",
            )
    found = [
        zone
        for zone in known
        if (name is None or zone.name == name) and (wanted_id is None or zone.id == wanted_id)
    ]
    if not found:
        raise AwsError(
            "InvalidParameterCombination",
            "AvailabilityZone and AvailabilityZoneId name different zones",
        )
    return found[0]


def _arn(region: Region, subnet: Subnet) -> str:
    partition = REGIONS[region.name].partition
    return f"arn:{partition}:ec2:{region.name}:{region.account}:subnet/{subnet.id}"


def ipv6_association(association: CidrAssociation, state: str | None = None) -> dict[str, Any]:
    """Return a subnet's IPv6 range as AWS shows it, in another state if one is given."""
    return {
        "AssociationId": association.id,
        "Ipv6CidrBlock": association.cidr,
        "Ipv6CidrBlockState": {"State": state or association.state},
        "Ipv6AddressAttribute": "public",
        "IpSource": "amazon",
    }


def _view(region: Region, subnet: Subnet) -> Mapping[str, Any]:
    return {
        "SubnetId": subnet.id,
        "SubnetArn": _arn(region, subnet),
        "VpcId": subnet.vpc_id,
        "OwnerId": region.account,
        "State": subnet.state,
        "CidrBlock": subnet.cidr or None,
        "Ipv6CidrBlockAssociationSet": [
            ipv6_association(item) for item in subnet.ipv6_associations
        ],
        "AvailableIpAddressCount": addresses.available(subnet),
        "AvailabilityZone": subnet.availability_zone,
        "AvailabilityZoneId": zone_id(region, subnet.availability_zone),
        "DefaultForAz": subnet.default_for_az,
        "MapPublicIpOnLaunch": subnet.map_public_ip_on_launch,
        "AssignIpv6AddressOnCreation": subnet.assign_ipv6_address_on_creation,
        "EnableDns64": subnet.enable_dns64,
        "Ipv6Native": subnet.ipv6_native,
        "EnableLniAtDeviceIndex": subnet.enable_lni_at_device_index,
        "MapCustomerOwnedIpOnLaunch": subnet.map_customer_owned_ip_on_launch,
        "CustomerOwnedIpv4Pool": subnet.customer_owned_ipv4_pool,
        "PrivateDnsNameOptionsOnLaunch": {
            "HostnameType": subnet.private_dns_hostname_type,
            "EnableResourceNameDnsARecord": subnet.resource_name_dns_a_record,
            "EnableResourceNameDnsAAAARecord": subnet.resource_name_dns_aaaa_record,
        },
        "BlockPublicAccessStates": {"InternetGatewayBlockMode": "off"},
        "Tags": tag_set(subnet.tags),
    }


SUBNET = Kind(
    row=Subnet,
    shape="Subnet",
    view=_view,
    filters={
        "assign-ipv6-address-on-creation": lambda _, row: row.assign_ipv6_address_on_creation,
        "availability-zone": lambda _, row: row.availability_zone,
        "availabilityZone": lambda _, row: row.availability_zone,
        "availability-zone-id": lambda region, row: zone_id(region, row.availability_zone),
        "availabilityZoneId": lambda region, row: zone_id(region, row.availability_zone),
        "available-ip-address-count": lambda _, row: addresses.available(row),
        "cidr": lambda _, row: row.cidr,
        "cidrBlock": lambda _, row: row.cidr,
        "cidr-block": lambda _, row: row.cidr,
        "customer-owned-ipv4-pool": lambda _, row: row.customer_owned_ipv4_pool,
        "default-for-az": lambda _, row: row.default_for_az,
        "defaultForAz": lambda _, row: row.default_for_az,
        "enable-dns64": lambda _, row: row.enable_dns64,
        "enable-lni-at-device-index": lambda _, row: row.enable_lni_at_device_index,
        "ipv6-cidr-block-association.association-id": lambda _, row: (
            item.id for item in row.ipv6_associations
        ),
        "ipv6-cidr-block-association.ipv6-cidr-block": lambda _, row: (
            item.cidr for item in row.ipv6_associations
        ),
        "ipv6-cidr-block-association.state": lambda _, row: (
            item.state for item in row.ipv6_associations
        ),
        "ipv6-native": lambda _, row: row.ipv6_native,
        "map-customer-owned-ip-on-launch": lambda _, row: row.map_customer_owned_ip_on_launch,
        "map-public-ip-on-launch": lambda _, row: row.map_public_ip_on_launch,
        "outpost-arn": lambda _, __: None,
        "owner-id": lambda region, _: region.account,
        "private-dns-name-options-on-launch.enable-resource-name-dns-a-record": lambda _, row: (
            row.resource_name_dns_a_record
        ),
        "private-dns-name-options-on-launch.enable-resource-name-dns-aaaa-record": lambda _, row: (
            row.resource_name_dns_aaaa_record
        ),
        "private-dns-name-options-on-launch.hostname-type": lambda _, row: (
            row.private_dns_hostname_type
        ),
        "state": lambda _, row: row.state,
        "subnet-arn": _arn,
        "subnet-id": lambda _, row: row.id,
        "vpc-id": lambda _, row: row.vpc_id,
    },
)


def new_subnet(
    world: World,
    region: Region,
    vpc_id: str,
    *,
    cidr: str,
    zone: str,
    new_id: Callable[[str], str] | None = None,
    default_for_az: bool = False,
    ipv6: CidrAssociation | None = None,
    ipv6_native: bool = False,
    tags: Mapping[str, str] = NO_TAGS,
) -> Subnet:
    """Add a subnet, guarded by its VPC's default network ACL.

    Args:
        world: gives the ids.
        region: where it lives.
        vpc_id: the VPC, which exists.
        cidr: its IPv4 range, checked; empty for an IPv6-only subnet.
        zone: the name of its availability zone.
        new_id: an id for a prefix, where ids must not be random.
        default_for_az: whether instances without a wish are launched here.
        ipv6: its IPv6 range.
        ipv6_native: whether it has no IPv4 addresses.
        tags: its own.
    """
    new_id = new_id or world.ids.resource
    subnet = region[Subnet].add(
        Subnet(
            id=new_id("subnet"),
            state="available",
            vpc_id=vpc_id,
            cidr=cidr,
            availability_zone=zone,
            ipv6_associations=(ipv6,) if ipv6 else (),
            default_for_az=default_for_az,
            map_public_ip_on_launch=default_for_az and not ipv6_native,
            ipv6_native=ipv6_native,
            assign_ipv6_address_on_creation=ipv6_native,
            private_dns_hostname_type="resource-name" if ipv6_native else "ip-name",
            resource_name_dns_aaaa_record=ipv6_native,
            tags=tags,
        )
    )
    region[NetworkAclAssociation].add(
        NetworkAclAssociation(
            id=new_id("aclassoc"),
            network_acl_id=default_acl(region, vpc_id).id,
            subnet_id=subnet.id,
        )
    )
    return subnet


def _checked_ipv4(region: Region, vpc: Vpc, cidr: str) -> str:
    network = cidrs.ipv4_network(cidr, "cidrBlock")
    if not cidrs.LARGEST_IPV4_PREFIX <= network.prefixlen <= cidrs.SMALLEST_IPV4_PREFIX or not any(
        cidrs.is_within(network, item.cidr) for item in vpc.ipv4_associations
    ):
        raise AwsError("InvalidSubnet.Range", f"The CIDR '{network}' is invalid.")
    _check_free(network, (row.cidr for row in region[Subnet].where(vpc_id=vpc.id) if row.cidr))
    return str(network)


def checked_ipv6(region: Region, vpc: Vpc, cidr: str) -> str:
    """Return an IPv6 range that a new subnet of a VPC may have, in its canonical spelling.

    Source: "Subnet sizing for IPv6": from /44 to /64 in steps of 4.

    Raises:
        AwsError: InvalidSubnet.Range, InvalidSubnet.Conflict.
    """
    network = cidrs.ipv6_network(cidr, "ipv6CidrBlock")
    if network.prefixlen not in range(44, 65, 4) or not any(
        cidrs.is_within(network, item.cidr) for item in vpc.ipv6_associations
    ):
        raise AwsError("InvalidSubnet.Range", f"The CIDR '{network}' is invalid.")
    _check_free(
        network,
        (
            item.cidr
            for row in region[Subnet].where(vpc_id=vpc.id)
            for item in row.ipv6_associations
        ),
    )
    return str(network)


def _check_free(network: IPv4Network | IPv6Network, taken: Any) -> None:
    if cidrs.overlapping(network, taken) is not None:
        raise AwsError(
            "InvalidSubnet.Conflict", f"The CIDR '{network}' conflicts with another subnet"
        )


def _checked_families(params: Mapping[str, Any]) -> tuple[str | None, str | None, bool]:
    """Return the IPv4 and IPv6 ranges a request wants and whether it wants IPv6 alone."""
    cidr, ipv6_cidr = params.get("CidrBlock"), params.get("Ipv6CidrBlock")
    native = bool(params.get("Ipv6Native"))
    if native and cidr is not None:
        raise AwsError(
            "InvalidParameterCombination", "An IPv6-only subnet cannot have an IPv4 CIDR block"
        )
    if native and ipv6_cidr is None:
        raise AwsError("MissingParameter", "An IPv6-only subnet needs the parameter ipv6CidrBlock")
    if not native and cidr is None:
        raise AwsError(
            "MissingParameter", "Either 'cidrBlock' or 'ipv4IpamPoolId' should be provided."
        )
    return cidr, ipv6_cidr, native


def create_subnet(call: Call, params: aws.CreateSubnetRequestTypeDef) -> dict[str, Any]:
    """Create a subnet. Source: API_CreateSubnet."""
    region = call.region
    vpc = VPC.find(region, params["VpcId"])
    refuse_pools(params)
    if params.get("OutpostArn"):
        raise AwsError("InvalidParameterValue", "The Outpost does not exist")
    wanted_cidr, wanted_ipv6, native = _checked_families(params)
    zone = requested_zone(region, params) or open_zones(region)[0]
    cidr = _checked_ipv4(region, vpc, wanted_cidr) if wanted_cidr is not None else ""
    ipv6 = None
    if wanted_ipv6 is not None:
        checked = checked_ipv6(region, vpc, wanted_ipv6)
        ipv6 = CidrAssociation(call.world.ids.resource("subnet-cidr-assoc"), checked)
    subnet = new_subnet(
        call.world,
        region,
        vpc.id,
        cidr=cidr,
        zone=zone.name,
        ipv6=ipv6,
        ipv6_native=native,
        tags=tags_on_create(params, "subnet"),
    )
    return {"Subnet": SUBNET.show(region, subnet)}


def describe_subnets(call: Call, params: aws.DescribeSubnetsRequestTypeDef) -> dict[str, Any]:
    """List subnets."""
    return SUBNET.describe(call, params, ids="SubnetIds", result="Subnets")


def delete_subnet(call: Call, params: aws.DeleteSubnetRequestTypeDef) -> dict[str, Any]:
    """Delete a subnet that no network interface is left in."""
    region = call.region
    subnet = SUBNET.find(region, params["SubnetId"])
    if region[NetworkInterface].where(subnet_id=subnet.id):
        raise AwsError(
            "DependencyViolation",
            f"The subnet '{subnet.id}' has dependencies and cannot be deleted.",
        )
    for kind in (RouteTableAssociation, NetworkAclAssociation, SubnetCidrReservation):
        for association in region[kind].where(subnet_id=subnet.id):
            region[kind].remove(association)
    region[Subnet].remove(subnet)
    return {}


OPERATIONS: Mapping[str, Handler] = {
    "CreateSubnet": create_subnet,
    "DeleteSubnet": delete_subnet,
    "DescribeSubnets": describe_subnets,
}
