"""Route tables and what they route for. Their routes: ``routes``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from emulator.core.errors import AwsError
from emulator.model.vpc import InternetGateway, Route, RouteTable, RouteTableAssociation
from emulator.net.routes import attached_vpc, instance_behind, record_of, routes_of, state_of
from emulator.services.call import Call, Handler
from emulator.services.ec2.kind import Kind, tag_set
from emulator.services.ec2.nouns import NOUNS
from emulator.services.ec2.tags import tags_on_create
from emulator.services.ec2.vpcs.subnets import SUBNET
from emulator.services.ec2.vpcs.vpcs import VPC
from emulator.state.store import Region

if TYPE_CHECKING:
    from mypy_boto3_ec2 import type_defs as aws

_ASSOCIATED = {"State": "associated"}


def associations_of(region: Region, table: RouteTable) -> list[RouteTableAssociation]:
    """Return what a table routes for."""
    return region[RouteTableAssociation].where(route_table_id=table.id)


def _association_view(association: RouteTableAssociation) -> dict[str, Any]:
    return {
        "Main": association.main,
        "RouteTableAssociationId": association.id,
        "RouteTableId": association.route_table_id,
        "SubnetId": association.subnet_id,
        "GatewayId": association.gateway_id,
        "AssociationState": _ASSOCIATED,
    }


def _route_view(region: Region, table: RouteTable, route: Route) -> dict[str, Any]:
    instance_id = instance_behind(region, route.network_interface_id)
    return {
        "DestinationCidrBlock": route.destination_cidr,
        "DestinationIpv6CidrBlock": route.destination_ipv6_cidr,
        "DestinationPrefixListId": route.destination_prefix_list_id,
        "GatewayId": route.gateway_id,
        "InstanceId": instance_id,
        "InstanceOwnerId": region.account if instance_id is not None else None,
        "NatGatewayId": route.nat_gateway_id,
        "NetworkInterfaceId": route.network_interface_id,
        "TransitGatewayId": route.transit_gateway_id,
        "VpcPeeringConnectionId": route.vpc_peering_connection_id,
        "EgressOnlyInternetGatewayId": route.egress_only_internet_gateway_id,
        "LocalGatewayId": route.local_gateway_id,
        "CarrierGatewayId": route.carrier_gateway_id,
        "CoreNetworkArn": route.core_network_arn,
        "OdbNetworkArn": route.odb_network_arn,
        "Origin": route.origin,
        "State": state_of(region, table, route),
    }


def _view(region: Region, table: RouteTable) -> Mapping[str, Any]:
    return {
        "RouteTableId": table.id,
        "VpcId": table.vpc_id,
        "OwnerId": region.account,
        "Associations": [_association_view(item) for item in associations_of(region, table)],
        "PropagatingVgws": [{"GatewayId": item} for item in table.propagating_gateway_ids],
        "Routes": [_route_view(region, table, route) for route in routes_of(region, table)],
        "Tags": tag_set(table.tags),
    }


def _of_associations(
    value: Callable[[RouteTableAssociation], str | None],
) -> Callable[[Region, RouteTable], Iterable[str | None]]:
    return lambda region, table: (value(item) for item in associations_of(region, table))


def _of_routes(field: str) -> Callable[[Region, RouteTable], Iterable[str | None]]:
    return lambda region, table: (getattr(route, field) for route in routes_of(region, table))


ROUTE_TABLE = Kind(
    row=RouteTable,
    shape="RouteTable",
    view=_view,
    filters={
        "association.gateway-id": _of_associations(lambda item: item.gateway_id),
        "association.main": _of_associations(lambda item: str(item.main).lower()),
        "association.route-table-association-id": _of_associations(lambda item: item.id),
        "association.route-table-id": _of_associations(lambda item: item.route_table_id),
        "association.subnet-id": _of_associations(lambda item: item.subnet_id),
        "owner-id": lambda region, _: region.account,
        "route-table-id": lambda _, table: table.id,
        "route.destination-cidr-block": _of_routes("destination_cidr"),
        "route.destination-ipv6-cidr-block": _of_routes("destination_ipv6_cidr"),
        "route.destination-prefix-list-id": _of_routes("destination_prefix_list_id"),
        "route.egress-only-internet-gateway-id": _of_routes("egress_only_internet_gateway_id"),
        "route.gateway-id": _of_routes("gateway_id"),
        "route.instance-id": lambda region, table: (
            instance_behind(region, route.network_interface_id)
            for route in routes_of(region, table)
        ),
        "route.nat-gateway-id": _of_routes("nat_gateway_id"),
        "route.network-interface-id": _of_routes("network_interface_id"),
        "route.origin": _of_routes("origin"),
        "route.state": lambda region, table: (
            state_of(region, table, route) for route in routes_of(region, table)
        ),
        "route.transit-gateway-id": _of_routes("transit_gateway_id"),
        "route.vpc-peering-connection-id": _of_routes("vpc_peering_connection_id"),
        "vpc-id": lambda _, table: table.vpc_id,
    },
)


def create_route_table(call: Call, params: aws.CreateRouteTableRequestTypeDef) -> dict[str, Any]:
    """Create a table that knows the VPC's own ranges only. Source: API_CreateRouteTable."""
    vpc = VPC.find(call.region, params["VpcId"])
    table = RouteTable(
        id=call.new_id(RouteTable), vpc_id=vpc.id, tags=tags_on_create(params, "route-table")
    )
    call.region[RouteTable].add(table)
    return {
        "RouteTable": ROUTE_TABLE.show(call.region, table),
        "ClientToken": params.get("ClientToken"),
    }


def describe_route_tables(
    call: Call, params: aws.DescribeRouteTablesRequestTypeDef
) -> dict[str, Any]:
    """List tables."""
    return ROUTE_TABLE.describe(call, params, ids="RouteTableIds", result="RouteTables")


def delete_route_table(call: Call, params: aws.DeleteRouteTableRequestTypeDef) -> dict[str, Any]:
    """Delete a table that routes for nothing."""
    table = ROUTE_TABLE.find(call.region, params["RouteTableId"])
    if associations_of(call.region, table):
        raise AwsError(
            "DependencyViolation",
            f"The routeTable '{table.id}' has dependencies and cannot be deleted.",
        )
    call.region[RouteTable].remove(table)
    return {}


def _already_associated(table: RouteTable) -> AwsError:
    return AwsError(
        "Resource.AlreadyAssociated",
        f"the specified association for route table {table.id} conflicts with an existing "
        "association",
    )


def _different_networks(table: RouteTable, noun: str, resource_id: str) -> AwsError:
    return AwsError(
        "InvalidParameterValue",
        f"route table {table.id} and {noun} {resource_id} belong to different networks",
    )


def _gateway_to_associate(region: Region, table: RouteTable, gateway_id: str) -> str:
    """Return the id of a gateway that may have an edge association with a table."""
    prefix = gateway_id.rpartition("-")[0]
    gateway = record_of(region, gateway_id) if prefix in ("igw", "vgw") else None
    if gateway is None:
        raise AwsError(
            "InvalidGatewayID.NotFound", f"The gateway ID '{gateway_id[:64]}' does not exist"
        )
    if attached_vpc(gateway) != table.vpc_id:
        noun = "network gateway" if isinstance(gateway, InternetGateway) else "vpn gateway"
        raise _different_networks(table, noun, gateway_id)
    return gateway_id


def associate_route_table(
    call: Call, params: aws.AssociateRouteTableRequestTypeDef
) -> dict[str, Any]:
    """Make a table route for a subnet or a gateway. Source: API_AssociateRouteTable."""
    region = call.region
    table = ROUTE_TABLE.find(region, params["RouteTableId"])
    subnet_id, gateway_id = params.get("SubnetId"), params.get("GatewayId")
    if subnet_id is None and gateway_id is None:
        raise AwsError("MissingParameter", "The request must contain a subnetId or a gatewayId")
    if subnet_id is not None and gateway_id is not None:
        raise AwsError(
            "InvalidParameterCombination", "Only one of subnetId and gatewayId can be specified"
        )
    if subnet_id is not None:
        if SUBNET.find(region, subnet_id).vpc_id != table.vpc_id:
            raise _different_networks(table, "subnet", subnet_id)
        present = region[RouteTableAssociation].where(subnet_id=subnet_id)
    else:
        assert gateway_id is not None
        _gateway_to_associate(region, table, gateway_id)
        present = [
            item
            for item in region[RouteTableAssociation].where(vpc_id=table.vpc_id)
            if item.gateway_id == gateway_id
        ]
    for association in present:
        if association.route_table_id != table.id:
            raise _already_associated(table)
        return {"AssociationId": association.id, "AssociationState": _ASSOCIATED}
    association = _associate(call, table, subnet_id=subnet_id, gateway_id=gateway_id)
    return {"AssociationId": association.id, "AssociationState": _ASSOCIATED}


def _associate(
    call: Call,
    table: RouteTable,
    *,
    subnet_id: str | None = None,
    gateway_id: str | None = None,
    main: bool = False,
) -> RouteTableAssociation:
    return call.region[RouteTableAssociation].add(
        RouteTableAssociation(
            id=call.new_id(RouteTableAssociation),
            vpc_id=table.vpc_id,
            route_table_id=table.id,
            subnet_id=subnet_id,
            gateway_id=gateway_id,
            main=main,
        )
    )


def _association(region: Region, association_id: str) -> RouteTableAssociation:
    association = region[RouteTableAssociation].get(association_id)
    if association is None:
        raise NOUNS["rtbassoc"].missing([association_id])
    return association


def disassociate_route_table(
    call: Call, params: aws.DisassociateRouteTableRequestTypeDef
) -> dict[str, Any]:
    """Give a subnet back to the main table."""
    association = _association(call.region, params["AssociationId"])
    if association.main:
        raise AwsError(
            "InvalidParameterValue",
            f"cannot disassociate the main route table association {association.id}",
        )
    call.region[RouteTableAssociation].remove(association)
    return {}


def replace_route_table_association(
    call: Call, params: aws.ReplaceRouteTableAssociationRequestTypeDef
) -> dict[str, Any]:
    """Let another table route instead, as the main one too; the association gets a new id."""
    region = call.region
    association = _association(region, params["AssociationId"])
    table = ROUTE_TABLE.find(region, params["RouteTableId"])
    if table.vpc_id != association.vpc_id:
        raise _different_networks(table, "association", association.id)
    region[RouteTableAssociation].remove(association)
    replacement = _associate(
        call,
        table,
        subnet_id=association.subnet_id,
        gateway_id=association.gateway_id,
        main=association.main,
    )
    return {"NewAssociationId": replacement.id, "AssociationState": _ASSOCIATED}


OPERATIONS: Mapping[str, Handler] = {
    "AssociateRouteTable": associate_route_table,
    "CreateRouteTable": create_route_table,
    "DeleteRouteTable": delete_route_table,
    "DescribeRouteTables": describe_route_tables,
    "DisassociateRouteTable": disassociate_route_table,
    "ReplaceRouteTableAssociation": replace_route_table_association,
}
