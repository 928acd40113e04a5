"""VPC endpoints: made, changed, deleted.

Source: API_CreateVpcEndpoint and the AWS PrivateLink guide.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs

from emulator.core.errors import AwsError
from emulator.model.network_interface import NetworkInterface
from emulator.model.vpc import RouteTable, Vpc
from emulator.model.vpc_endpoint import VpcEndpoint
from emulator.services.call import Call, Handler
from emulator.services.ec2.endpoints import vpc_endpoint_parts as parts
from emulator.services.ec2.endpoints.endpoint_catalog import (
    SERVICE_PREFIX,
    endpoint_type_of,
    find_offered,
    service_name,
    unknown_service,
)
from emulator.services.ec2.endpoints.vpc_endpoint_parts import invalid
from emulator.services.ec2.endpoints.vpc_endpoint_views import VPC_ENDPOINT, aws_service
from emulator.services.ec2.security.security_groups import groups_for
from emulator.services.ec2.tags import tags_on_create
from emulator.services.ec2.unsuccessful import unsuccessful
from emulator.services.filters import Field, select
from emulator.services.pages import page_of_rows
from emulator.state.store import Region

if TYPE_CHECKING:
    from mypy_boto3_ec2 import type_defs as aws

GATEWAY, INTERFACE, LOAD_BALANCER = "Gateway", "Interface", "GatewayLoadBalancer"


@attrs.frozen
class _Service:
    """What an endpoint has to know of its service."""

    name: str
    private_names: tuple[str, ...] = ()
    service_id: str | None = None
    acceptance_required: bool = False
    has_policy: bool = True


def _wrong_type(endpoint_type: str, types: Sequence[str]) -> AwsError:
    return invalid(
        f"Endpoint type ({endpoint_type}) does not match available service types "
        f"([{', '.join(types)}])."
    )


def _service(call: Call, name: str, endpoint_type: str) -> _Service:
    """Return the service of a name, if endpoints of this type lead to it.

    Raises:
        AwsError: InvalidServiceName; InvalidParameter for another type.
    """
    region = call.region.name
    service_id = name.rpartition(".")[2]
    if service_id.startswith(SERVICE_PREFIX):
        found = find_offered(call.state, region, service_id, call.account)
        if found is None or name != service_name(region, service_id):
            raise unknown_service(name)
        offered = found[1]
        if endpoint_type_of(offered) != endpoint_type:
            raise _wrong_type(endpoint_type, [endpoint_type_of(offered)])
        verified = offered.private_dns_name and offered.private_dns_state == "verified"
        return _Service(
            name,
            (offered.private_dns_name,) if verified and offered.private_dns_name else (),
            service_id,
            offered.acceptance_required,
            has_policy=False,
        )
    own = aws_service(region, name, endpoint_type)
    if own is not None:
        return _Service(name, own.private_dns_names, has_policy=own.vpc_endpoint_policy_supported)
    others = [kind for kind in (GATEWAY, INTERFACE) if aws_service(region, name, kind)]
    if not others:
        raise unknown_service(name)
    raise _wrong_type(endpoint_type, others)


_ONLY_FOR: Mapping[str, frozenset[str]] = {
    "RouteTableIds": frozenset((GATEWAY,)),
    "SubnetIds": frozenset((INTERFACE, LOAD_BALANCER)),
    "SecurityGroupIds": frozenset((INTERFACE,)),
    "SubnetConfigurations": frozenset((INTERFACE,)),
    "PrivateDnsEnabled": frozenset((INTERFACE,)),
    "DnsOptions": frozenset((INTERFACE, GATEWAY)),
}


def _check_type(params: Mapping[str, Any], endpoint_type: str) -> None:
    if endpoint_type not in (GATEWAY, INTERFACE, LOAD_BALANCER):
        raise AwsError(
            "UnsupportedOperation", f"Endpoints of type {endpoint_type} are not emulated"
        )
    for name, types in _ONLY_FOR.items():
        if params.get(name) and endpoint_type not in types:
            raise invalid(f"{name} cannot be specified for endpoints of type {endpoint_type}")


def _dns_options(given: Mapping[str, Any] | None, ip_address_type: str) -> Mapping[str, Any]:
    options = given or {}
    return {
        "DnsRecordIpType": options.get("DnsRecordIpType", ip_address_type),
        "PrivateDnsOnlyForInboundResolverEndpoint": options.get(
            "PrivateDnsOnlyForInboundResolverEndpoint"
        ),
    }


def create_vpc_endpoint(call: Call, params: aws.CreateVpcEndpointRequestTypeDef) -> dict[str, Any]:
    """Create an endpoint with its routes or interfaces."""
    region = call.region
    endpoint_type = params.get("VpcEndpointType", GATEWAY)
    _check_type(params, endpoint_type)
    vpc = parts.vpc_of(region, params["VpcId"])
    name = params.get("ServiceName")
    if name is None:
        raise AwsError("MissingParameter", "The request must contain the parameter serviceName")
    service = _service(call, name, endpoint_type)
    endpoint_id = call.new_id(VpcEndpoint)
    policy = _policy(params, service)
    private_dns = bool(params.get("PrivateDnsEnabled"))
    if private_dns:
        parts.check_private_dns(region, vpc, service.private_names, endpoint_id)
    ip_address_type = params.get("IpAddressType", "ipv4")
    endpoint = VpcEndpoint(
        id=endpoint_id,
        state="pendingAcceptance" if service.acceptance_required else "pending",
        endpoint_type=endpoint_type,
        vpc_id=vpc.id,
        service_name=service.name,
        service_id=service.service_id,
        service_region=region.name,
        created_at=call.world.clock.now(),
        dns_label=f"{endpoint_id}-{call.world.ids.digits(8)}",
        policy=policy,
        private_names=service.private_names,
        private_dns_enabled=private_dns,
        ip_address_type=ip_address_type,
        dns_options=_dns_options(params.get("DnsOptions"), ip_address_type),
        connection_id=call.world.ids.resource("vpce-con") if service.service_id else None,
        tags=tags_on_create(params, "vpc-endpoint"),
    )
    if endpoint_type == GATEWAY:
        _join_tables(region, endpoint, params.get("RouteTableIds", ()))
    else:
        _join_subnets(call, endpoint, params)
    region[VpcEndpoint].add(endpoint)
    if endpoint.state == "pending":
        call.world.settle(endpoint, "available")
    return {
        "VpcEndpoint": VPC_ENDPOINT.show(region, endpoint),
        "ClientToken": params.get("ClientToken"),
    }


def _policy(params: Mapping[str, Any], service: _Service) -> str | None:
    text = params.get("PolicyDocument")
    if not service.has_policy:
        if text is not None:
            raise invalid(f"The service {service.name} does not support endpoint policies")
        return None
    return parts.DEFAULT_POLICY if text is None else parts.checked_policy(text)


def _join_tables(region: Region, endpoint: VpcEndpoint, table_ids: Sequence[str]) -> None:
    prefix_list_id = parts.prefix_list_of(region, endpoint.service_name)
    tables = parts.checked_tables(region, endpoint.vpc_id, table_ids, prefix_list_id)
    parts.add_routes(endpoint.id, prefix_list_id, tables)
    endpoint.route_table_ids = tuple(table.id for table in tables)


def _join_subnets(call: Call, endpoint: VpcEndpoint, params: Mapping[str, Any]) -> None:
    region, fixed = call.region, parts.fixed_addresses(params)
    subnet_ids = params.get("SubnetIds") or list(fixed)
    subnets = parts.checked_subnets(region, endpoint.vpc_id, subnet_ids)
    if endpoint.endpoint_type == LOAD_BALANCER and len(subnets) != 1:
        raise invalid("A Gateway Load Balancer endpoint has exactly one subnet")
    groups: tuple[str, ...] = ()
    if endpoint.endpoint_type == INTERFACE:
        groups = groups_for(region, endpoint.vpc_id, params.get("SecurityGroupIds", ()))
    endpoint.interface_ids = parts.new_interfaces(
        call, endpoint.id, endpoint.endpoint_type, subnets, groups, fixed
    )
    endpoint.subnet_ids = tuple(subnet.id for subnet in subnets)
    endpoint.group_ids = groups


def describe_vpc_endpoints(
    call: Call, params: aws.DescribeVpcEndpointsRequestTypeDef
) -> dict[str, Any]:
    """List endpoints."""
    return VPC_ENDPOINT.describe(call, params, ids="VpcEndpointIds", result="VpcEndpoints")


def _check_change(endpoint: VpcEndpoint, params: Mapping[str, Any]) -> None:
    if endpoint.state not in ("available", "pendingAcceptance"):
        raise AwsError(
            "IncorrectState",
            f"The VPC endpoint {endpoint.id} is in state {endpoint.state}",
        )
    for name, types in _ONLY_FOR.items():
        for member in (name, f"Add{name}", f"Remove{name}"):
            if params.get(member) and endpoint.endpoint_type not in types:
                raise invalid(
                    f"{member} cannot be specified for endpoints of type {endpoint.endpoint_type}"
                )
    if params.get("ResetPolicy") and params.get("PolicyDocument"):
        raise AwsError(
            "InvalidParameterCombination",
            "Only one of ResetPolicy and PolicyDocument can be specified",
        )
    if endpoint.policy is None and (params.get("ResetPolicy") or params.get("PolicyDocument")):
        raise invalid(f"The service {endpoint.service_name} does not support endpoint policies")


def _without(present: Sequence[str], removed: Sequence[str]) -> tuple[str, ...]:
    for item in removed:
        if item not in present:
            raise invalid(f"The endpoint has no {item[:64]}")
    return tuple(item for item in present if item not in removed)


def modify_vpc_endpoint(call: Call, params: aws.ModifyVpcEndpointRequestTypeDef) -> dict[str, Any]:
    """Change an endpoint; everything is checked before anything changes."""
    region = call.region
    endpoint = VPC_ENDPOINT.find(region, params["VpcEndpointId"])
    _check_change(endpoint, params)
    policy, names = endpoint.policy, endpoint.private_names
    if params.get("ResetPolicy"):
        policy = parts.DEFAULT_POLICY
    elif params.get("PolicyDocument"):
        policy = parts.checked_policy(params["PolicyDocument"])
    private_dns = params.get("PrivateDnsEnabled", endpoint.private_dns_enabled)
    if private_dns and not endpoint.private_dns_enabled:
        names = _service(call, endpoint.service_name, endpoint.endpoint_type).private_names
        parts.check_private_dns(region, region[Vpc][endpoint.vpc_id], names, endpoint.id)
    groups = _without(endpoint.group_ids, params.get("RemoveSecurityGroupIds", ()))
    if params.get("AddSecurityGroupIds") or params.get("RemoveSecurityGroupIds"):
        wanted = [*groups, *params.get("AddSecurityGroupIds", ())]
        if not wanted:
            raise invalid("An interface endpoint must have at least one security group")
        groups = groups_for(region, endpoint.vpc_id, wanted)
    if endpoint.endpoint_type == GATEWAY:
        _change_tables(region, endpoint, params)
    else:
        _change_subnets(call, endpoint, params, groups)
    endpoint.policy = policy
    endpoint.private_dns_enabled = private_dns
    endpoint.private_names = names
    if params.get("IpAddressType"):
        endpoint.ip_address_type = params["IpAddressType"]
    if params.get("DnsOptions"):
        endpoint.dns_options = _dns_options(params["DnsOptions"], endpoint.ip_address_type)
    return {"Return": True}


def _change_tables(region: Region, endpoint: VpcEndpoint, params: Mapping[str, Any]) -> None:
    removed = params.get("RemoveRouteTableIds", ())
    kept = _without(endpoint.route_table_ids, removed)
    prefix_list_id = parts.prefix_list_of(region, endpoint.service_name)
    added = parts.checked_tables(
        region, endpoint.vpc_id, params.get("AddRouteTableIds", ()), prefix_list_id
    )
    parts.remove_routes(region, endpoint.id, removed)
    parts.add_routes(endpoint.id, prefix_list_id, added)
    endpoint.route_table_ids = (*kept, *(table.id for table in added))


def _change_subnets(
    call: Call, endpoint: VpcEndpoint, params: Mapping[str, Any], groups: tuple[str, ...]
) -> None:
    region, removed = call.region, params.get("RemoveSubnetIds", ())
    kept = _without(endpoint.subnet_ids, removed)
    added = parts.checked_subnets(region, endpoint.vpc_id, params.get("AddSubnetIds", ()), kept)
    if endpoint.endpoint_type == LOAD_BALANCER and len(kept) + len(added) != 1:
        raise invalid("A Gateway Load Balancer endpoint has exactly one subnet")
    new = parts.new_interfaces(
        call,
        endpoint.id,
        endpoint.endpoint_type,
        added,
        groups,
        parts.fixed_addresses(params),
    )
    places = dict(zip(endpoint.subnet_ids, endpoint.interface_ids, strict=True))
    parts.remove_interfaces(region, [places[subnet_id] for subnet_id in removed])
    for subnet_id in kept:
        interface = region[NetworkInterface].get(places[subnet_id])
        if interface is not None and interface.group_ids != groups:
            interface.group_ids = groups
    endpoint.subnet_ids = (*kept, *(subnet.id for subnet in added))
    endpoint.interface_ids = (*(places[subnet_id] for subnet_id in kept), *new)
    endpoint.group_ids = groups


def _refusal(region: Region, endpoint_id: str) -> AwsError | None:
    """Return why an endpoint cannot be deleted."""
    endpoint = region[VpcEndpoint].get(endpoint_id)
    if endpoint is None:
        return AwsError(
            "InvalidVpcEndpoint.NotFound",
            f"The Vpc Endpoint Id '{endpoint_id[:64]}' does not exist",
        )
    if endpoint.endpoint_type == LOAD_BALANCER:
        for table in region[RouteTable].where(vpc_id=endpoint.vpc_id):
            if any(route.gateway_id == endpoint.id for route in table.routes):
                return invalid("Endpoint must be removed from route table before deletion")
    return None


def delete_vpc_endpoints(
    call: Call, params: aws.DeleteVpcEndpointsRequestTypeDef
) -> dict[str, Any]:
    """Delete endpoints with their routes and interfaces, and tell which could not be."""
    region, failed = call.region, []
    for endpoint_id in dict.fromkeys(params["VpcEndpointIds"]):
        refusal = _refusal(region, endpoint_id)
        if refusal is not None:
            failed.append(unsuccessful(endpoint_id, refusal))
            continue
        endpoint = region[VpcEndpoint][endpoint_id]
        if endpoint.state == "deleting":
            continue
        endpoint.move("deleting")
        parts.remove_routes(region, endpoint.id, endpoint.route_table_ids)
        call.world.later(0, f"deleting {endpoint.id}", _finish, region, endpoint)
    return {"Unsuccessful": failed}


def _finish(region: Region, endpoint: VpcEndpoint) -> None:
    parts.remove_interfaces(region, endpoint.interface_ids)
    region[VpcEndpoint].remove(endpoint)


# Known, so that others are refused; there is never an association to look into.
_ASSOCIATION_FILTERS: Mapping[str, Field[VpcEndpoint]] = dict.fromkeys(
    (
        "associated-resource-accessibility",
        "associated-resource-id",
        "association-id",
        "resource-configuration-group-arn",
        "service-network-arn",
        "vpc-endpoint-id",
    ),
    lambda *_: None,
)


def describe_vpc_endpoint_associations(
    call: Call, params: aws.DescribeVpcEndpointAssociationsRequestTypeDef
) -> dict[str, Any]:
    """List the resources that endpoints of types Resource and ServiceNetwork lead to: none."""
    VPC_ENDPOINT.find_all(call.region, params.get("VpcEndpointIds", ()))
    none: tuple[VpcEndpoint, ...] = ()
    filters = params.get("Filters")
    rows = select(call.region, none, filters, _ASSOCIATION_FILTERS, taggable=False)
    page_of_rows(call.operation.name, rows, params, call.operation.page_limits)
    return {"VpcEndpointAssociations": []}


OPERATIONS: Mapping[str, Handler] = {
    "CreateVpcEndpoint": create_vpc_endpoint,
    "DeleteVpcEndpoints": delete_vpc_endpoints,
    "DescribeVpcEndpointAssociations": describe_vpc_endpoint_associations,
    "DescribeVpcEndpoints": describe_vpc_endpoints,
    "ModifyVpcEndpoint": modify_vpc_endpoint,
}
