"""How VPC endpoints are shown, with the DNS names that lead to them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from emulator.catalog.endpoint_services import EndpointService, endpoint_services
from emulator.model.vpc import RouteTable, Subnet
from emulator.model.vpc_endpoint import VpcEndpoint
from emulator.services.ec2.endpoints.endpoint_catalog import base_dns_name
from emulator.services.ec2.interfaces.network_interface_views import group_identifiers
from emulator.services.ec2.kind import Kind, tag_set
from emulator.state.store import Region


def hosted_zone_id(*parts: str) -> str:
    """Return the hosted zone's id that these parts always have."""
    return f"Z{hashlib.sha256('/'.join(parts).encode()).hexdigest()[:20].upper()}"


def aws_service(region_name: str, name: str, endpoint_type: str) -> EndpointService | None:
    """Return one of AWS's own services."""
    for service in endpoint_services(region_name):
        if (service.name, service.type) == (name, endpoint_type):
            return service
    return None


def _base_name(region: Region, endpoint: VpcEndpoint) -> str:
    if endpoint.service_id is not None:
        return base_dns_name(endpoint.service_region or region.name, endpoint.service_id)
    service = aws_service(region.name, endpoint.service_name, endpoint.endpoint_type)
    return service.base_endpoint_dns_names[0] if service is not None else ""


def dns_entries(region: Region, endpoint: VpcEndpoint) -> Iterator[dict[str, str]]:
    """Yield the endpoint's regional name, one for each zone, and the private ones."""
    if endpoint.endpoint_type != "Interface" or not endpoint.interface_ids:
        return
    base = _base_name(region, endpoint)
    # Buckets are named before the endpoint ("AWS PrivateLink for Amazon S3").
    label = (
        f"*.{endpoint.dns_label}" if endpoint.service_name.endswith(".s3") else endpoint.dns_label
    )
    zone = hosted_zone_id(region.name, "vpce")
    yield {"DnsName": f"{label}.{base}", "HostedZoneId": zone}
    for subnet_id in endpoint.subnet_ids:
        subnet = region[Subnet].get(subnet_id)
        if subnet is not None:
            name = f"{label}-{subnet.availability_zone}.{base}"
            yield {"DnsName": name, "HostedZoneId": zone}
    if endpoint.private_dns_enabled:
        for name in endpoint.private_names:
            yield {"DnsName": name, "HostedZoneId": hosted_zone_id(endpoint.id, name)}


def _view(region: Region, endpoint: VpcEndpoint) -> Mapping[str, Any]:
    return {
        "VpcEndpointId": endpoint.id,
        "VpcEndpointType": endpoint.endpoint_type,
        "VpcId": endpoint.vpc_id,
        "ServiceName": endpoint.service_name,
        "ServiceRegion": endpoint.service_region or region.name,
        "State": endpoint.state,
        "PolicyDocument": endpoint.policy,
        "RouteTableIds": [item for item in endpoint.route_table_ids if item in region[RouteTable]],
        "SubnetIds": list(endpoint.subnet_ids),
        "Groups": group_identifiers(region, endpoint.group_ids),
        "IpAddressType": endpoint.ip_address_type,
        "DnsOptions": endpoint.dns_options,
        "PrivateDnsEnabled": endpoint.private_dns_enabled,
        "RequesterManaged": False,
        "NetworkInterfaceIds": list(endpoint.interface_ids),
        "DnsEntries": list(dns_entries(region, endpoint)),
        "CreationTimestamp": endpoint.created_at,
        "OwnerId": region.account,
        "Tags": tag_set(endpoint.tags),
    }


VPC_ENDPOINT = Kind(
    row=VpcEndpoint,
    shape="VpcEndpoint",
    view=_view,
    filters={
        "ip-address-type": lambda _, endpoint: endpoint.ip_address_type,
        "service-name": lambda _, endpoint: endpoint.service_name,
        "service-region": lambda region, endpoint: endpoint.service_region or region.name,
        "vpc-endpoint-id": lambda _, endpoint: endpoint.id,
        "vpc-endpoint-state": lambda _, endpoint: endpoint.state,
        "vpc-endpoint-type": lambda _, endpoint: endpoint.endpoint_type,
        "vpc-id": lambda _, endpoint: endpoint.vpc_id,
    },
)
