"""What an endpoint puts into its VPC: routes to a gateway, or interfaces in subnets.

Source: "Gateway endpoints" and "Access an AWS service using an interface VPC endpoint" in
the AWS PrivateLink guide.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from emulator.core.errors import AwsError
from emulator.model.network_interface import Attachment, NetworkInterface
from emulator.model.prefix_list import PrefixList
from emulator.model.vpc import Route, RouteTable, Subnet, Vpc
from emulator.model.vpc_endpoint import VpcEndpoint
from emulator.services.call import Call
from emulator.services.ec2.interfaces.network_interfaces import delete_interface, new_interface
from emulator.services.ec2.nouns import NOUNS
from emulator.services.ec2.routing.prefix_lists import AWS
from emulator.state.store import Region

# "Endpoint policies": what an endpoint without a policy of its own allows.
DEFAULT_POLICY = json.dumps(
    {
        "Version": "2008-10-17",
        "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}],
    },
    separators=(",", ":"),
)
MAX_POLICY_LENGTH = 20480
_INTERFACE_TYPES = {
    "Interface": "vpc_endpoint",
    "GatewayLoadBalancer": "gateway_load_balancer_endpoint",
}


def invalid(message: str) -> AwsError:
    """Return the code that endpoints have for most of what does not fit together."""
    return AwsError("InvalidParameter", message)


def checked_policy(text: str) -> str:
    """Return a policy that is JSON.

    Raises:
        AwsError: InvalidPolicyDocument.
    """
    try:
        whole = isinstance(json.loads(text), dict) and len(text) <= MAX_POLICY_LENGTH
    except (ValueError, RecursionError):
        whole = False
    if not whole:
        raise AwsError(
            "InvalidPolicyDocument",
            "The specified policy document is not a valid JSON policy document.",
        )
    return text


def prefix_list_of(region: Region, service_name: str) -> str:
    """Return the prefix list that stands for a gateway endpoint's service in routes."""
    for prefix_list in region[PrefixList].where(owner_id=AWS):
        if prefix_list.name == service_name:
            return prefix_list.id
    raise AwsError("InvalidServiceName", f"The service {service_name} has no prefix list")


def checked_tables(
    region: Region, vpc_id: str, table_ids: Sequence[str], prefix_list_id: str
) -> list[RouteTable]:
    """Return route tables of the VPC that have no route to the service yet.

    Raises:
        AwsError: InvalidRouteTableId.NotFound; InvalidParameter for a table of another VPC;
            RouteAlreadyExists.
    """
    tables = []
    for table_id in dict.fromkeys(table_ids):
        table = region[RouteTable].get(table_id)
        if table is None:
            raise AwsError(
                "InvalidRouteTableId.NotFound",
                f"The routeTable ID '{table_id[:64]}' does not exist",
            )
        if table.vpc_id != vpc_id:
            raise invalid(f"Route table {table.id} belongs to a VPC other than {vpc_id}")
        if any(route.destination_prefix_list_id == prefix_list_id for route in table.routes):
            raise AwsError(
                "RouteAlreadyExists",
                f"route table {table.id} already has a route with destination-prefix-list-id "
                f"{prefix_list_id}",
            )
        tables.append(table)
    return tables


def add_routes(endpoint_id: str, prefix_list_id: str, tables: Iterable[RouteTable]) -> None:
    """Lead what goes to the service through the endpoint."""
    for table in tables:
        table.routes = (
            *table.routes,
            Route(destination_prefix_list_id=prefix_list_id, gateway_id=endpoint_id),
        )


def remove_routes(region: Region, endpoint_id: str, table_ids: Iterable[str]) -> None:
    """Take the endpoint's routes away."""
    for table_id in table_ids:
        table = region[RouteTable].get(table_id)
        if table is not None:
            table.routes = tuple(route for route in table.routes if route.gateway_id != endpoint_id)


def checked_subnets(
    region: Region, vpc_id: str, subnet_ids: Sequence[str], others: Sequence[str] = ()
) -> list[Subnet]:
    """Return subnets of the VPC, each in a zone of its own.

    Args:
        region: of all of them.
        vpc_id: the endpoint's.
        subnet_ids: those to check.
        others: subnets that the endpoint has already.

    Raises:
        AwsError: InvalidSubnetId.NotFound; InvalidParameter for a subnet of another VPC;
            DuplicateSubnetsInSameZone.
    """
    zones = {
        subnet.availability_zone
        for subnet in (region[Subnet].get(item) for item in others)
        if subnet is not None
    }
    found = []
    for subnet_id in dict.fromkeys(subnet_ids):
        subnet = region[Subnet].get(subnet_id)
        if subnet is None:
            raise AwsError(
                "InvalidSubnetId.NotFound", f"The subnet ID '{subnet_id[:64]}' does not exist"
            )
        if subnet.vpc_id != vpc_id:
            raise invalid(f"Subnet {subnet.id} belongs to a VPC other than {vpc_id}")
        if subnet.availability_zone in zones:
            raise AwsError(
                "DuplicateSubnetsInSameZone",
                "Found another VPC endpoint subnet in the availability zone of "
                f"{subnet.id}. VPC endpoint subnets should be in different availability zones "
                "supported by the VPC endpoint service.",
            )
        zones.add(subnet.availability_zone)
        found.append(subnet)
    return found


def fixed_addresses(params: Mapping[str, Any]) -> dict[str, str]:
    """Return the private address that SubnetConfigurations want in each subnet."""
    return {
        item["SubnetId"]: item["Ipv4"]
        for item in params.get("SubnetConfigurations") or ()
        if item.get("SubnetId") and item.get("Ipv4")
    }


def new_interfaces(
    call: Call,
    endpoint_id: str,
    endpoint_type: str,
    subnets: Sequence[Subnet],
    group_ids: tuple[str, ...],
    fixed: Mapping[str, str],
) -> tuple[str, ...]:
    """Make an interface in each subnet, all or none, and return their ids."""
    made: list[NetworkInterface] = []
    try:
        for subnet in subnets:
            made.append(  # noqa: PERF401 - what is made is undone on error
                new_interface(
                    call.world,
                    call.region,
                    subnet,
                    group_ids=group_ids,
                    private_ip=fixed.get(subnet.id),
                    ipv6_count=0,
                    description=f"VPC Endpoint Interface {endpoint_id}",
                    interface_type=_INTERFACE_TYPES[endpoint_type],
                    requester_id=call.account,
                    requester_managed=True,
                )
            )
    except AwsError:
        for interface in made:
            delete_interface(call.region, interface)
        raise
    for interface in made:
        interface.attachment = Attachment(
            id=call.world.ids.resource("ela-attach"),
            device_index=1,
            attached_at=call.world.clock.now(),
            instance_owner_id="amazon-aws",
        )
        interface.move("in-use")
    return tuple(interface.id for interface in made)


def remove_interfaces(region: Region, interface_ids: Iterable[str]) -> None:
    """Delete an endpoint's interfaces."""
    for interface_id in interface_ids:
        interface = region[NetworkInterface].get(interface_id)
        if interface is not None:
            delete_interface(region, interface)


def check_private_dns(region: Region, vpc: Vpc, names: Sequence[str], endpoint_id: str) -> None:
    """Refuse private DNS that the VPC or the service does not allow.

    Raises:
        AwsError: InvalidParameter.
    """
    if not (vpc.enable_dns_support and vpc.enable_dns_hostnames):
        raise invalid(
            "Enabling private DNS requires both enableDnsSupport and enableDnsHostnames VPC "
            f"attributes set to true for {vpc.id}"
        )
    if not names:
        raise invalid(
            "Private DNS can't be enabled because the service does not provide a private DNS name."
        )
    for other in region[VpcEndpoint].where(vpc_id=vpc.id):
        if other.id == endpoint_id or not other.private_dns_enabled or other.state == "deleting":
            continue
        for name in set(names) & set(other.private_names):
            raise invalid(
                "private-dns-enabled cannot be set because there is already a conflicting DNS "
                f"domain for {name} in the VPC {vpc.id}"
            )


def vpc_of(region: Region, vpc_id: str) -> Vpc:
    """Return a VPC.

    Raises:
        AwsError: InvalidVpcId.NotFound, as the calls about endpoints spell it.
    """
    vpc = region[Vpc].get(vpc_id)
    if vpc is None:
        raise AwsError("InvalidVpcId.NotFound", NOUNS["vpc"].missing([vpc_id]).message)
    return vpc
