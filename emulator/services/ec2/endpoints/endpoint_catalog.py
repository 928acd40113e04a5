"""The services that an account can make endpoints for: AWS's and other accounts'."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from emulator.catalog.endpoint_services import EndpointService, endpoint_services
from emulator.catalog.regions import REGIONS, zones
from emulator.core.errors import AwsError
from emulator.model.row import Row
from emulator.model.vpc_endpoint import EndpointServiceConfiguration, EndpointServicePermission
from emulator.services.call import Call, Handler
from emulator.services.ec2.kind import Kind, tag_set
from emulator.services.filters import select
from emulator.services.pages import page
from emulator.state.store import Region, State

if TYPE_CHECKING:
    from mypy_boto3_ec2 import type_defs as aws

SERVICE_PREFIX = "vpce-svc-"
EVERYBODY = "*"


def service_name(region_name: str, service_id: str) -> str:
    """Return the name under which an account's service is known."""
    prefix = "cn." if REGIONS[region_name].partition == "aws-cn" else ""
    return f"{prefix}com.amazonaws.vpce.{region_name}.{service_id}"


def base_dns_name(region_name: str, service_id: str) -> str:
    """Return what the DNS names of a service's endpoints end with."""
    return f"{service_id}.{region_name}.vpce.{REGIONS[region_name].dns_suffix}"


def zone_names(region_name: str) -> list[str]:
    """Return the availability zones of a region."""
    return [zone.name for zone in zones(region_name) if zone.type == "availability-zone"]


def zone_ids(region_name: str) -> list[str]:
    """Return the availability zones of a region by id."""
    return [zone.id for zone in zones(region_name) if zone.type == "availability-zone"]


class _Listed(Row):
    """One service of DescribeVpcEndpointServices."""

    __slots__ = ("details",)

    def __init__(
        self, service_id: str, details: Mapping[str, Any], tags: Mapping[str, str]
    ) -> None:
        super().__init__(id=service_id, tags=tags)
        self.details = details


def _types(_: Region, listed: _Listed) -> Iterable[str]:
    return (item["ServiceType"] for item in listed.details["ServiceType"])


_LISTED = Kind(
    row=_Listed,
    shape="ServiceDetail",
    view=lambda _, listed: listed.details,
    filters={
        "owner": lambda _, listed: listed.details["Owner"],
        "service-name": lambda _, listed: listed.details["ServiceName"],
        "service-region": lambda _, listed: listed.details["ServiceRegion"],
        "service-type": _types,
        "supported-ip-address-types": lambda _, listed: listed.details["SupportedIpAddressTypes"],
    },
)


@functools.cache
def _of_aws(region_name: str) -> tuple[_Listed, ...]:
    """Return AWS's own services; their rendering is the same for all accounts, and kept."""
    return tuple(
        _Listed(service.service_id, _details(region_name, service), {})
        for service in endpoint_services(region_name)
    )


def _details(region_name: str, service: EndpointService) -> Mapping[str, Any]:
    names = {zone.name: zone.id for zone in zones(region_name)}
    private = service.private_dns_names
    return {
        "ServiceName": service.name,
        "ServiceId": service.service_id,
        "ServiceType": [{"ServiceType": service.type}],
        "ServiceRegion": region_name,
        "AvailabilityZones": list(service.availability_zones),
        "AvailabilityZoneIds": [names[name] for name in service.availability_zones],
        "Owner": service.owner,
        "BaseEndpointDnsNames": list(service.base_endpoint_dns_names),
        "PrivateDnsName": private[0] if private else None,
        "PrivateDnsNames": [{"PrivateDnsName": name} for name in private],
        "PrivateDnsNameVerificationState": "verified" if private else None,
        "VpcEndpointPolicySupported": service.vpc_endpoint_policy_supported,
        "AcceptanceRequired": service.acceptance_required,
        "ManagesVpcEndpoints": service.manages_vpc_endpoints,
        "Tags": [],
        "SupportedIpAddressTypes": list(service.supported_ip_address_types),
    }


def _offered(region: Region, service: EndpointServiceConfiguration, *, own: bool) -> _Listed:
    private = service.private_dns_name
    details = {
        "ServiceName": service_name(region.name, service.id),
        "ServiceId": service.id,
        "ServiceType": [{"ServiceType": endpoint_type_of(service)}],
        "ServiceRegion": region.name,
        "AvailabilityZones": zone_names(region.name),
        "AvailabilityZoneIds": zone_ids(region.name),
        "Owner": region.account,
        "BaseEndpointDnsNames": [base_dns_name(region.name, service.id)],
        "PrivateDnsName": private,
        "PrivateDnsNames": [{"PrivateDnsName": private}] if private else [],
        "PrivateDnsNameVerificationState": service.private_dns_state if private else None,
        "VpcEndpointPolicySupported": False,
        "AcceptanceRequired": service.acceptance_required,
        "ManagesVpcEndpoints": False,
        "Tags": tag_set(service.tags) if own else [],
        "SupportedIpAddressTypes": list(service.ip_address_types),
    }
    return _Listed(service.id, details, service.tags if own else {})


def endpoint_type_of(service: EndpointServiceConfiguration) -> str:
    """Return the type of the endpoints that lead to a service."""
    return "GatewayLoadBalancer" if service.is_gateway else "Interface"


def may_connect(region: Region, service_id: str, account: str) -> bool:
    """Tell whether an account may make endpoints for a service of ``region``."""
    if account == region.account:
        return True
    return any(
        permission.principal == EVERYBODY or permission.principal.split(":")[4:5] == [account]
        for permission in region[EndpointServicePermission].where(service_id=service_id)
    )


def find_offered(
    state: State, region_name: str, service_id: str, account: str
) -> tuple[Region, EndpointServiceConfiguration] | None:
    """Return a service that some account offers to ``account``, and where it is kept."""
    for region in state:
        if region.name != region_name:
            continue
        service = region[EndpointServiceConfiguration].get(service_id)
        if service is not None:
            usable = service.state == "Available" and may_connect(region, service_id, account)
            return (region, service) if usable else None
    return None


def unknown_service(name: str) -> AwsError:
    """Return the error for a service name that nobody has."""
    return AwsError("InvalidServiceName", f"The Vpc Endpoint Service '{name[:256]}' does not exist")


def _listed(call: Call) -> list[_Listed]:
    offered = [
        _offered(region, service, own=region is call.region)
        for region in call.state
        if region.name == call.region.name
        for service in region[EndpointServiceConfiguration]
        if service.state == "Available" and may_connect(region, service.id, call.account)
    ]
    return [*_of_aws(call.region.name), *offered]


def describe_vpc_endpoint_services(
    call: Call, params: aws.DescribeVpcEndpointServicesRequestTypeDef
) -> dict[str, Any]:
    """List services by name; one that has two types appears once for each."""
    region, rows = call.region, _listed(call)
    wanted = params.get("ServiceNames")
    if wanted:
        known = {row.details["ServiceName"] for row in rows}
        for name in wanted:
            if name not in known:
                raise unknown_service(name)
        rows = [row for row in rows if row.details["ServiceName"] in wanted]
    regions = params.get("ServiceRegions")
    if regions:
        rows = [row for row in rows if row.details["ServiceRegion"] in regions]
    chosen = select(region, rows, params.get("Filters"), _LISTED.filters, taggable=True)
    numbered = list(enumerate(chosen, start=1))
    shown, token = page(
        call.operation.name, numbered, params, call.operation.page_limits, lambda item: item[0]
    )
    answer: dict[str, Any] = {
        "ServiceNames": list(dict.fromkeys(row.details["ServiceName"] for _, row in shown)),
        "ServiceDetails": [_LISTED.show(region, row) for _, row in shown],
    }
    if token is not None:
        answer["NextToken"] = token
    return answer


OPERATIONS: Mapping[str, Handler] = {
    "DescribeVpcEndpointServices": describe_vpc_endpoint_services,
}
