"""Settings of an instance: what may be asked for, and what AWS fills in.

Each map is in AWS's shape and shared by all instances that have the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from emulator.catalog.instance_types import InstanceTypeInfo
from emulator.core.errors import AwsError
from emulator.model.image import Image
from emulator.model.instance import LaunchOptions
from emulator.model.vpc import Subnet
from emulator.state.store import Region

METADATA_DEFAULTS_SETTING = "instance-metadata-defaults"
CREDIT_DEFAULTS_SETTING = "default-credit-specifications"
# "Burstable performance instances": how each family starts unless the account says otherwise.
CREDIT_DEFAULTS = {
    "t2": "standard",
    "t3": "unlimited",
    "t3a": "unlimited",
    "t4g": "unlimited",
    "t8i": "unlimited",
}
CREDIT_OPTIONS = ("standard", "unlimited")
MAX_HOP_LIMIT = 64
_METADATA_MEMBERS = (
    "HttpTokens",
    "HttpPutResponseHopLimit",
    "HttpEndpoint",
    "HttpProtocolIpv6",
    "InstanceMetadataTags",
)

Items = tuple[tuple[str, Any], ...]


@lru_cache(maxsize=1024)
def _shared(items: Items) -> Mapping[str, Any]:
    return MappingProxyType(dict(items))


def shared(value: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return an equal map that others have too; what is None is left out."""
    items = tuple((key, item) for key, item in value.items() if item is not None)
    try:
        return _shared(items)
    except TypeError:  # something nested, which few launches have
        return MappingProxyType(dict(items))


@lru_cache(maxsize=1024)
def _options(
    maps: tuple[Items, ...], *, enclave: bool, hibernation: bool, licenses: tuple[str, ...]
) -> LaunchOptions:
    metadata, cpu, names, maintenance, placement, reservation, performance = map(_shared, maps)
    return LaunchOptions(
        metadata=metadata,
        cpu=cpu,
        private_dns_name=names,
        maintenance=maintenance,
        placement=placement,
        capacity_reservation=reservation,
        network_performance=performance,
        enclave_enabled=enclave,
        hibernation_configured=hibernation,
        licenses=licenses,
    )


def launch_options(
    *maps: Mapping[str, Any], enclave: bool, hibernation: bool, licenses: tuple[str, ...]
) -> LaunchOptions:
    """Return options, the same object for the same settings.

    Args:
        maps: metadata, cpu, private_dns_name, maintenance, placement, capacity_reservation
            and network_performance, in this order.
        enclave: whether Nitro Enclaves are enabled.
        hibernation: whether the instance may hibernate.
        licenses: ARNs of licence configurations.
    """
    shared_maps = tuple(shared(value) for value in maps)
    try:
        return _options(
            tuple(tuple(value.items()) for value in shared_maps),
            enclave=enclave,
            hibernation=hibernation,
            licenses=licenses,
        )
    except TypeError:  # something nested, as above
        metadata, cpu, names, maintenance, placement, reservation, performance = shared_maps
        return LaunchOptions(
            metadata, cpu, names, maintenance, placement, enclave, hibernation,
            reservation, licenses, performance,
        )  # fmt: skip


def checked_hop_limit(limit: int | None) -> int | None:
    """Refuse a hop limit that is out of range."""
    if limit is not None and not 1 <= limit <= MAX_HOP_LIMIT:
        raise AwsError(
            "InvalidParameterValue",
            f"Value ({limit}) for parameter HttpPutResponseHopLimit is invalid. "
            f"Expecting a value between 1 and {MAX_HOP_LIMIT}.",
        )
    return limit


def metadata_options(
    region: Region, image: Image, given: Mapping[str, Any] | None
) -> Mapping[str, Any]:
    """Return metadata options: the caller's, else the account's, else the AMI's, else AWS's.

    Source: "Order of precedence for instance metadata options".
    """
    requires_tokens = image.imds_support == "v2.0"
    options: dict[str, Any] = {
        "HttpTokens": "required" if requires_tokens else "optional",
        "HttpPutResponseHopLimit": 2 if requires_tokens else 1,
        "HttpEndpoint": "enabled",
        "HttpProtocolIpv6": "disabled",
        "InstanceMetadataTags": "disabled",
    }
    for source in (region.settings.get(METADATA_DEFAULTS_SETTING), given):
        for name in _METADATA_MEMBERS:
            if source and source.get(name) is not None:
                options[name] = source[name]
    checked_hop_limit(options["HttpPutResponseHopLimit"])
    return options


def default_cpu(info: InstanceTypeInfo) -> dict[str, Any]:
    """Return the cores and threads a type has when nobody asks for fewer."""
    vcpus = info["VCpuInfo"]
    threads = vcpus.get("DefaultThreadsPerCore") or 1
    cores = vcpus.get("DefaultCores") or max(1, vcpus["DefaultVCpus"] // threads)
    return {"CoreCount": cores, "ThreadsPerCore": threads}


def cpu_options(info: InstanceTypeInfo, given: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return CPU options. Source: "CPU options for Amazon EC2 instances".

    Raises:
        AwsError: numbers or features that the type does not have.
    """
    options = default_cpu(info)
    if not given:
        return options
    name, vcpus = info["InstanceType"], info["VCpuInfo"]
    cores, threads = given.get("CoreCount"), given.get("ThreadsPerCore")
    if (cores is None) != (threads is None):
        raise AwsError(
            "InvalidParameterCombination",
            "CpuOptions must have both CoreCount and ThreadsPerCore, or neither of them",
        )
    if cores is not None:
        valid_cores = vcpus.get("ValidCores") or [options["CoreCount"]]
        valid_threads = vcpus.get("ValidThreadsPerCore") or [options["ThreadsPerCore"]]
        if cores not in valid_cores or threads not in valid_threads:
            raise AwsError(
                "InvalidParameterValue",
                f"The CPU options CoreCount={cores}, ThreadsPerCore={threads} are not valid for "
                f"instance type {name}. Core counts: {valid_cores}; threads: {valid_threads}",
            )
        options |= {"CoreCount": cores, "ThreadsPerCore": threads}
    features = info.get("ProcessorInfo", {}).get("SupportedFeatures") or ()
    for member, feature in (
        ("AmdSevSnp", "amd-sev-snp"),
        ("NestedVirtualization", "nested-virtualization"),
    ):
        wanted = given.get(member)
        if wanted == "enabled" and feature not in features:
            raise AwsError(
                "UnsupportedOperation", f"The instance type {name} does not support {feature}."
            )
        options[member] = wanted
    return options


def private_dns_options(subnet: Subnet, given: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return hostname settings; what is not given is the subnet's."""
    options: dict[str, Any] = {
        "HostnameType": subnet.private_dns_hostname_type,
        "EnableResourceNameDnsARecord": subnet.resource_name_dns_a_record,
        "EnableResourceNameDnsAAAARecord": subnet.resource_name_dns_aaaa_record,
    }
    return options | {name: item for name, item in (given or {}).items() if item is not None}


def default_credit(region: Region, family: str) -> str:
    """Return the credit option that new instances of a family get in this account."""
    chosen: Mapping[str, str] = region.settings.get(CREDIT_DEFAULTS_SETTING, {})
    return chosen.get(family) or CREDIT_DEFAULTS[family]


def checked_credit(option: str | None) -> str:
    """Refuse a credit option that does not exist."""
    if option not in CREDIT_OPTIONS:
        raise AwsError("InvalidParameterValue", f"Invalid value for CpuCredits: {option}")
    return option


def credit_specification(
    region: Region, info: InstanceTypeInfo, given: Mapping[str, Any] | None
) -> str | None:
    """Return the credit option of a burstable type, None for others.

    Raises:
        AwsError: one was asked for where there is none.
    """
    name: str = info["InstanceType"]
    family = name.partition(".")[0]
    if not info.get("BurstablePerformanceSupported") or family not in CREDIT_DEFAULTS:
        if given and given.get("CpuCredits"):
            raise AwsError(
                "InvalidParameterCombination",
                f"CreditSpecification is not supported for instance type {name}",
            )
        return None
    if given and given.get("CpuCredits"):
        return checked_credit(given["CpuCredits"])
    return default_credit(region, family)


def maintenance_options(given: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return maintenance options."""
    given = given or {}
    return {
        "AutoRecovery": given.get("AutoRecovery") or "default",
        "RebootMigration": given.get("RebootMigration") or "default",
    }


def capacity_reservation(given: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """Return how the instance uses capacity reservations.

    Raises:
        AwsError: both a preference and a target.
    """
    if not given:
        return {"CapacityReservationPreference": "open"}
    target, preference = (
        given.get("CapacityReservationTarget"),
        given.get("CapacityReservationPreference"),
    )
    if target and preference in ("open", "none"):
        raise AwsError(
            "InvalidParameterCombination",
            "CapacityReservationPreference and CapacityReservationTarget exclude each other",
        )
    return {
        "CapacityReservationPreference": None if target else preference or "open",
        "CapacityReservationTarget": dict(target) if target else None,
    }
