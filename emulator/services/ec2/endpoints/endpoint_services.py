"""Endpoint services: what accounts offer through their load balancers, and to whom.

Source: "Create a service powered by AWS PrivateLink". Load balancers are not emulated, so
their ARNs are taken by their form.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from emulator.catalog.regions import REGIONS
from emulator.core.errors import AwsError
from emulator.model.vpc_endpoint import (
    EndpointServiceConfiguration,
    EndpointServicePermission,
    VpcEndpoint,
)
from emulator.services.call import Call, Handler
from emulator.services.ec2.endpoints.endpoint_catalog import (
    EVERYBODY,
    base_dns_name,
    endpoint_type_of,
    service_name,
    zone_ids,
    zone_names,
)
from emulator.services.ec2.endpoints.vpc_endpoint_parts import invalid
from emulator.services.ec2.kind import Kind, tag_set
from emulator.services.ec2.tags import tags_on_create
from emulator.services.ec2.unsuccessful import unsuccessful
from emulator.services.filters import select
from emulator.services.pages import page_of_rows
from emulator.state.store import Region, State

if TYPE_CHECKING:
    from mypy_boto3_ec2 import type_defs as aws

_LOAD_BALANCER = re.compile(
    r"arn:aws[a-z-]*:elasticloadbalancing:[a-z0-9-]+:\d{12}:loadbalancer/(net|gwy)/"
    r"[A-Za-z0-9-]{1,32}/[0-9a-f]+"
)
_DNS_NAME = re.compile(r"(?:\*\.)?(?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z]{2,63}")
_PRINCIPAL = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:(root|user|role)(/.+)?")
_SERVICE_PRINCIPAL = re.compile(r"[a-z0-9-]+\.amazonaws\.com")
_UNIT_PRINCIPAL = re.compile(r"arn:aws[a-z-]*:organizations::\d{12}:(?:ou|organization)/.+")
_IP_ADDRESS_TYPES = ("ipv4", "ipv6")
ENDED = frozenset(("deleting", "deleted", "rejected", "failed"))


def _view(region: Region, service: EndpointServiceConfiguration) -> Mapping[str, Any]:
    arns = list(service.load_balancer_arns)
    proof = None
    if service.private_dns_name is not None:
        proof = {
            "State": service.private_dns_state,
            "Type": "TXT",
            "Value": f"vpce:{service.private_dns_value}",
            "Name": f"_{service.private_dns_value.lower()}",
        }
    return {
        "ServiceId": service.id,
        "ServiceName": service_name(region.name, service.id),
        "ServiceType": [{"ServiceType": endpoint_type_of(service)}],
        "ServiceState": service.state,
        "AvailabilityZones": zone_names(region.name),
        "AvailabilityZoneIds": zone_ids(region.name),
        "AcceptanceRequired": service.acceptance_required,
        "ManagesVpcEndpoints": False,
        "NetworkLoadBalancerArns": [] if service.is_gateway else arns,
        "GatewayLoadBalancerArns": arns if service.is_gateway else [],
        "SupportedIpAddressTypes": list(service.ip_address_types),
        "BaseEndpointDnsNames": [base_dns_name(region.name, service.id)],
        "PrivateDnsName": service.private_dns_name,
        "PrivateDnsNameConfiguration": proof,
        "SupportedRegions": [
            {"Region": name, "ServiceState": service.state} for name in service.supported_regions
        ],
        "RemoteAccessEnabled": bool(service.supported_regions),
        "Tags": tag_set(service.tags),
    }


ENDPOINT_SERVICE = Kind(
    row=EndpointServiceConfiguration,
    shape="ServiceConfiguration",
    view=_view,
    filters={
        "service-id": lambda _, service: service.id,
        "service-name": lambda region, service: service_name(region.name, service.id),
        "service-state": lambda _, service: service.state,
        "supported-ip-address-types": lambda _, service: service.ip_address_types,
    },
)


def _checked_arns(arns: Sequence[str], kind: str) -> tuple[str, ...]:
    for arn in arns:
        match = _LOAD_BALANCER.fullmatch(arn)
        if match is None or match[1] != kind:
            raise invalid(f"The load balancer ARN '{arn[:256]}' is not valid")
    return tuple(dict.fromkeys(arns))


def _checked_types(types: Sequence[str]) -> tuple[str, ...]:
    for name in types:
        if name not in _IP_ADDRESS_TYPES:
            raise invalid(f"The IP address type '{name[:64]}' is not valid")
    return tuple(dict.fromkeys(types))


def _checked_regions(names: Sequence[str]) -> tuple[str, ...]:
    for name in names:
        if name not in REGIONS:
            raise invalid(f"The region '{name[:64]}' is not valid")
    return tuple(dict.fromkeys(names))


def _checked_dns_name(name: str | None) -> str | None:
    if name is not None and (len(name) > 255 or _DNS_NAME.fullmatch(name) is None):
        raise invalid(f"The private DNS name '{name[:256]}' is not valid")
    return name


def create_vpc_endpoint_service_configuration(
    call: Call, params: aws.CreateVpcEndpointServiceConfigurationRequestTypeDef
) -> dict[str, Any]:
    """Offer a service through network or gateway load balancers."""
    region = call.region
    network = _checked_arns(params.get("NetworkLoadBalancerArns", ()), "net")
    gateway = _checked_arns(params.get("GatewayLoadBalancerArns", ()), "gwy")
    if bool(network) == bool(gateway):
        raise AwsError(
            "InvalidParameterCombination" if network else "MissingParameter",
            "Either NetworkLoadBalancerArns or GatewayLoadBalancerArns has to be specified",
        )
    private_dns_name = _checked_dns_name(params.get("PrivateDnsName"))
    if gateway and private_dns_name is not None:
        raise invalid("A service with Gateway Load Balancers cannot have a private DNS name")
    service = EndpointServiceConfiguration(
        id=call.new_id(EndpointServiceConfiguration),
        state="Pending",
        load_balancer_arns=network or gateway,
        is_gateway=bool(gateway),
        acceptance_required=params.get("AcceptanceRequired", True),
        ip_address_types=_checked_types(params.get("SupportedIpAddressTypes", ())) or ("ipv4",),
        supported_regions=_checked_regions(params.get("SupportedRegions", ())),
        private_dns_name=private_dns_name,
        private_dns_value=call.world.ids.digits(20),
        tags=tags_on_create(params, "vpc-endpoint-service"),
    )
    region[EndpointServiceConfiguration].add(service)
    call.world.settle(service, "Available")
    return {
        "ServiceConfiguration": ENDPOINT_SERVICE.show(region, service),
        "ClientToken": params.get("ClientToken"),
    }


def describe_vpc_endpoint_service_configurations(
    call: Call, params: aws.DescribeVpcEndpointServiceConfigurationsRequestTypeDef
) -> dict[str, Any]:
    """List the account's services."""
    return ENDPOINT_SERVICE.describe(call, params, ids="ServiceIds", result="ServiceConfigurations")


def _changed(
    present: tuple[str, ...], added: Sequence[str], removed: Sequence[str]
) -> tuple[str, ...]:
    kept = [item for item in present if item not in removed]
    return tuple(dict.fromkeys((*kept, *added)))


def modify_vpc_endpoint_service_configuration(
    call: Call, params: aws.ModifyVpcEndpointServiceConfigurationRequestTypeDef
) -> dict[str, Any]:
    """Change a service; at least one load balancer has to stay."""
    service = ENDPOINT_SERVICE.find(call.region, params["ServiceId"])
    own, kind = ("Gateway", "gwy") if service.is_gateway else ("Network", "net")
    other = "Network" if service.is_gateway else "Gateway"
    for verb in ("Add", "Remove"):
        if params.get(f"{verb}{other}LoadBalancerArns"):
            raise invalid(f"The service {service.id} has {own} Load Balancers")
    given: Mapping[str, Any] = params
    arns = _changed(
        service.load_balancer_arns,
        _checked_arns(given.get(f"Add{own}LoadBalancerArns", ()), kind),
        given.get(f"Remove{own}LoadBalancerArns", ()),
    )
    types = _changed(
        service.ip_address_types,
        _checked_types(params.get("AddSupportedIpAddressTypes", ())),
        params.get("RemoveSupportedIpAddressTypes", ()),
    )
    regions = _changed(
        service.supported_regions,
        _checked_regions(params.get("AddSupportedRegions", ())),
        params.get("RemoveSupportedRegions", ()),
    )
    name = _checked_dns_name(params.get("PrivateDnsName"))
    if name is not None and params.get("RemovePrivateDnsName"):
        raise AwsError(
            "InvalidParameterCombination",
            "Only one of PrivateDnsName and RemovePrivateDnsName can be specified",
        )
    if not arns or not types:
        raise invalid(
            f"The service {service.id} must keep a load balancer and a supported IP address type"
        )
    service.load_balancer_arns = arns
    service.ip_address_types = types
    service.supported_regions = regions
    if params.get("AcceptanceRequired") is not None:
        service.acceptance_required = params["AcceptanceRequired"]
    if params.get("RemovePrivateDnsName"):
        service.private_dns_name = None
    if name is not None and name != service.private_dns_name:
        service.private_dns_name = name
        service.private_dns_state = "pendingVerification"
        service.private_dns_value = call.world.ids.digits(20)
    return {"Return": True}


def start_vpc_endpoint_service_private_dns_verification(
    call: Call, params: aws.StartVpcEndpointServicePrivateDnsVerificationRequestTypeDef
) -> dict[str, Any]:
    """Verify a service's private DNS name; there is no DNS to ask, so asking is enough."""
    service = ENDPOINT_SERVICE.find(call.region, params["ServiceId"])
    if service.private_dns_name is None:
        raise invalid(f"The service {service.id} has no private DNS name")
    service.private_dns_state = "verified"
    return {"ReturnValue": True}


def connected(state: State, service_id: str) -> list[tuple[Region, VpcEndpoint]]:
    """Return every account's endpoints of a service, and where each is."""
    return [
        (region, endpoint)
        for region in state
        for endpoint in region[VpcEndpoint].where(service_id=service_id)
    ]


def delete_vpc_endpoint_service_configurations(
    call: Call, params: aws.DeleteVpcEndpointServiceConfigurationsRequestTypeDef
) -> dict[str, Any]:
    """Delete services that no endpoint is connected to, and tell which could not be."""
    region, failed = call.region, []
    for service_id in dict.fromkeys(params["ServiceIds"]):
        service = region[EndpointServiceConfiguration].get(service_id)
        if service is None:
            error = AwsError(
                "InvalidVpcEndpointService.NotFound",
                f"The VpcEndpointService Id '{service_id[:64]}' does not exist",
            )
            failed.append(unsuccessful(service_id, error))
        elif any(endpoint.state not in ENDED for _, endpoint in connected(call.state, service_id)):
            error = AwsError(
                "ExistingVpcEndpointConnections",
                f"Service {service_id} has existing active VPC Endpoint connections!",
            )
            failed.append(unsuccessful(service_id, error))
        elif service.state != "Deleting":
            service.move("Deleting")
            for permission in region[EndpointServicePermission].where(service_id=service_id):
                region[EndpointServicePermission].remove(permission)
            call.world.expire(region, service, 0)
    return {"Unsuccessful": failed}


def _principal_type(principal: str) -> str:
    """Return what kind of principal an ARN names.

    Raises:
        AwsError: InvalidPrincipal.
    """
    if principal == EVERYBODY:
        return "All"
    match = _PRINCIPAL.fullmatch(principal)
    if match is not None and bool(match[2]) == (match[1] != "root"):
        return {"root": "Account", "user": "User", "role": "Role"}[match[1]]
    if _SERVICE_PRINCIPAL.fullmatch(principal):
        return "Service"
    if _UNIT_PRINCIPAL.fullmatch(principal):
        return "OrganizationUnit"
    raise AwsError("InvalidPrincipal", f"Invalid Principal: '{principal[:256]}'")


PERMISSION = Kind(
    row=EndpointServicePermission,
    shape="AllowedPrincipal",
    view=lambda _, permission: {
        "PrincipalType": permission.principal_type,
        "Principal": permission.principal,
        "ServicePermissionId": permission.id,
        "ServiceId": permission.service_id,
        "PermissionType": "vpc-endpoint",
        "Tags": tag_set(permission.tags),
    },
    filters={
        "permission-type": lambda _, __: "vpc-endpoint",
        "principal": lambda _, permission: permission.principal,
        "principal-type": lambda _, permission: permission.principal_type,
    },
)


def modify_vpc_endpoint_service_permissions(
    call: Call, params: aws.ModifyVpcEndpointServicePermissionsRequestTypeDef
) -> dict[str, Any]:
    """Allow principals, and stop allowing others."""
    region = call.region
    service = ENDPOINT_SERVICE.find(region, params["ServiceId"])
    wanted = dict.fromkeys(params.get("AddAllowedPrincipals", ()))
    types = {principal: _principal_type(principal) for principal in wanted}
    table = region[EndpointServicePermission]
    present = {row.principal: row for row in table.where(service_id=service.id)}
    for principal in params.get("RemoveAllowedPrincipals", ()):
        if principal in present:
            table.remove(present.pop(principal))
    added = [
        table.add(
            EndpointServicePermission(
                id=call.new_id(EndpointServicePermission),
                service_id=service.id,
                principal=principal,
                principal_type=kind,
            )
        )
        for principal, kind in types.items()
        if principal not in present
    ]
    return {
        "AddedPrincipals": [
            {
                "PrincipalType": row.principal_type,
                "Principal": row.principal,
                "ServicePermissionId": row.id,
                "ServiceId": row.service_id,
            }
            for row in added
        ],
        "ReturnValue": True,
    }


def describe_vpc_endpoint_service_permissions(
    call: Call, params: aws.DescribeVpcEndpointServicePermissionsRequestTypeDef
) -> dict[str, Any]:
    """List who may connect to a service."""
    region = call.region
    service = ENDPOINT_SERVICE.find(region, params["ServiceId"])
    rows = region[EndpointServicePermission].where(service_id=service.id)
    chosen = select(region, rows, params.get("Filters"), PERMISSION.filters, taggable=True)
    shown, token = page_of_rows(call.operation.name, chosen, params, call.operation.page_limits)
    answer: dict[str, Any] = {"AllowedPrincipals": [PERMISSION.show(region, row) for row in shown]}
    if token is not None:
        answer["NextToken"] = token
    return answer


OPERATIONS: Mapping[str, Handler] = {
    "CreateVpcEndpointServiceConfiguration": create_vpc_endpoint_service_configuration,
    "DeleteVpcEndpointServiceConfigurations": delete_vpc_endpoint_service_configurations,
    "DescribeVpcEndpointServiceConfigurations": describe_vpc_endpoint_service_configurations,
    "DescribeVpcEndpointServicePermissions": describe_vpc_endpoint_service_permissions,
    "ModifyVpcEndpointServiceConfiguration": modify_vpc_endpoint_service_configuration,
    "ModifyVpcEndpointServicePermissions": modify_vpc_endpoint_service_permissions,
    "StartVpcEndpointServicePrivateDnsVerification": (
        start_vpc_endpoint_service_private_dns_verification
    ),
}
