"""The AWS services that a VPC endpoint can lead to."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence

import attrs

from emulator.catalog import files
from emulator.catalog.regions import REGIONS, zones


@attrs.frozen
class EndpointService:
    """One service of DescribeVpcEndpointServices; S3 and DynamoDB appear once for each type.

    Attributes:
        type: `Gateway` or `Interface`.
        private_dns_names: what resolves to the endpoint inside the VPC when private DNS is on;
            none for gateways.
        availability_zones: names of the zones where an interface can be made.
    """

    service_id: str
    name: str
    type: str
    base_endpoint_dns_names: tuple[str, ...]
    private_dns_names: tuple[str, ...]
    availability_zones: tuple[str, ...]
    owner: str = "amazon"
    acceptance_required: bool = False
    manages_vpc_endpoints: bool = False
    vpc_endpoint_policy_supported: bool = True
    supported_ip_address_types: tuple[str, ...] = ("ipv4",)


def endpoint_services(region: str) -> Sequence[EndpointService]:
    """Return the services of a region by name; one that does not exist has none."""
    return _endpoint_services(region) if region in REGIONS else ()


@functools.cache
def _endpoint_services(region: str) -> tuple[EndpointService, ...]:
    facts = files.read("endpoint_services.json")
    chinese = REGIONS[region].partition == "aws-cn"
    prefixed = frozenset(facts["prefixed_in_china"] if chinese else ())
    services = [_gateway(region, service) for service in facts["gateway"]]
    services += [
        _interface(region, service, dns, prefix="cn." if service in prefixed else "")
        for service, dns in facts["interface"].items()
    ]
    return tuple(sorted(services, key=lambda service: (service.name, service.type)))


def _gateway(region: str, service: str) -> EndpointService:
    return EndpointService(
        service_id=_service_id(region, service, "Gateway"),
        name=f"com.amazonaws.{region}.{service}",
        type="Gateway",
        base_endpoint_dns_names=(f"{service}.{region}.{REGIONS[region].dns_suffix}",),
        private_dns_names=(),
        availability_zones=_zone_names(region),
    )


def _interface(region: str, service: str, dns: list[str], *, prefix: str) -> EndpointService:
    suffix = REGIONS[region].dns_suffix
    base = dns[0].removeprefix("*.") if dns else service
    return EndpointService(
        service_id=_service_id(region, service, "Interface"),
        name=f"{prefix}com.amazonaws.{region}.{service}",
        type="Interface",
        base_endpoint_dns_names=(f"{base}.{region}.vpce.{suffix}",),
        private_dns_names=tuple(f"{name}.{region}.{suffix}" for name in dns),
        availability_zones=_zone_names(region),
    )


def _zone_names(region: str) -> tuple[str, ...]:
    return tuple(zone.name for zone in zones(region) if zone.type == "availability-zone")


def _service_id(region: str, service: str, endpoint_type: str) -> str:
    digest = hashlib.sha256(f"{region}|{service}|{endpoint_type}".encode()).hexdigest()
    return f"vpce-svc-{digest[:17]}"
