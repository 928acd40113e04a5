"""Instance types: what they are, and where they are offered."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from emulator.catalog.instance_types import InstanceTypeInfo, instance_types
from emulator.catalog.offerings import offered_in
from emulator.catalog.regions import zones
from emulator.core.errors import AwsError
from emulator.model.row import Row
from emulator.services.call import Call, Handler
from emulator.services.filters import Field, Value, select
from emulator.services.pages import page_of_rows
from emulator.state.store import Region
from emulator.wire.service import load

if TYPE_CHECKING:
    from mypy_boto3_ec2 import type_defs as aws

# DescribeInstanceTypes gives pages of its own accord.
DEFAULT_PAGE = 100
DEFAULT_OFFERINGS_PAGE = 1000


class _Type(Row):
    """A type of the catalogue, filtered and paged like a record."""

    __slots__ = ("name",)

    def __init__(self, name: str, sequence: int) -> None:
        super().__init__(id=name)
        self.name = name
        self.sequence = sequence


class _Offering(Row):
    """One type in one place."""

    __slots__ = ("location", "name")

    def __init__(self, name: str, location: str, sequence: int) -> None:
        super().__init__(id=name)
        self.name, self.location = name, location
        self.sequence = sequence


@cache
def _types() -> Mapping[str, _Type]:
    return {name: _Type(name, place) for place, name in enumerate(instance_types(), start=1)}


@cache
def _writer() -> Callable[[Mapping[str, Any]], bytes]:
    return load("ec2").structure_writer("InstanceTypeInfo")


@cache
def _shown(name: str) -> bytes:
    return _writer()(instance_types()[name])


def _found(values: Iterable[Any], member: str) -> list[Any]:
    """Return the member of every map among the values, lists opened."""
    found: list[Any] = []
    for value in values:
        item = value.get(member) if isinstance(value, Mapping) else None
        if isinstance(item, list | tuple):
            found.extend(item)
        elif item is not None:
            found.append(item)
    return found


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _path(path: str) -> Field[_Type]:
    """Return a filter by what stands at a dotted path of InstanceTypeInfo."""
    members = path.split(".")

    def values(_: Region, row: _Type) -> Value:
        found: list[Any] = [instance_types()[row.name]]
        for member in members:
            found = _found(found, member)
        return [_text(value) for value in found]

    return values


_PATHS = {
    "auto-recovery-supported": "AutoRecoverySupported",
    "bare-metal": "BareMetal",
    "burstable-performance-supported": "BurstablePerformanceSupported",
    "current-generation": "CurrentGeneration",
    "dedicated-hosts-supported": "DedicatedHostsSupported",
    "ebs-info.attachment-limit-type": "EbsInfo.AttachmentLimitType",
    "ebs-info.maximum-ebs-attachments": "EbsInfo.MaximumEbsAttachments",
    "ebs-info.ebs-optimized-info.baseline-bandwidth-in-mbps": (
        "EbsInfo.EbsOptimizedInfo.BaselineBandwidthInMbps"
    ),
    "ebs-info.ebs-optimized-info.baseline-iops": "EbsInfo.EbsOptimizedInfo.BaselineIops",
    "ebs-info.ebs-optimized-info.baseline-throughput-in-mbps": (
        "EbsInfo.EbsOptimizedInfo.BaselineThroughputInMBps"
    ),
    "ebs-info.ebs-optimized-info.maximum-bandwidth-in-mbps": (
        "EbsInfo.EbsOptimizedInfo.MaximumBandwidthInMbps"
    ),
    "ebs-info.ebs-optimized-info.maximum-iops": "EbsInfo.EbsOptimizedInfo.MaximumIops",
    "ebs-info.ebs-optimized-info.maximum-throughput-in-mbps": (
        "EbsInfo.EbsOptimizedInfo.MaximumThroughputInMBps"
    ),
    "ebs-info.ebs-optimized-support": "EbsInfo.EbsOptimizedSupport",
    "ebs-info.encryption-support": "EbsInfo.EncryptionSupport",
    "ebs-info.nvme-support": "EbsInfo.NvmeSupport",
    "free-tier-eligible": "FreeTierEligible",
    "hibernation-supported": "HibernationSupported",
    "hypervisor": "Hypervisor",
    "instance-storage-info.disk.count": "InstanceStorageInfo.Disks.Count",
    "instance-storage-info.disk.size-in-gb": "InstanceStorageInfo.Disks.SizeInGB",
    "instance-storage-info.disk.type": "InstanceStorageInfo.Disks.Type",
    "instance-storage-info.encryption-support": "InstanceStorageInfo.EncryptionSupport",
    "instance-storage-info.nvme-support": "InstanceStorageInfo.NvmeSupport",
    "instance-storage-info.total-size-in-gb": "InstanceStorageInfo.TotalSizeInGB",
    "instance-storage-supported": "InstanceStorageSupported",
    "instance-type": "InstanceType",
    "memory-info.size-in-mib": "MemoryInfo.SizeInMiB",
    "network-info.bandwidth-weightings": "NetworkInfo.BandwidthWeightings",
    "network-info.efa-info.maximum-efa-interfaces": "NetworkInfo.EfaInfo.MaximumEfaInterfaces",
    "network-info.efa-supported": "NetworkInfo.EfaSupported",
    "network-info.ena-support": "NetworkInfo.EnaSupport",
    "network-info.encryption-in-transit-supported": "NetworkInfo.EncryptionInTransitSupported",
    "network-info.flexible-ena-queues-support": "NetworkInfo.FlexibleEnaQueuesSupport",
    "network-info.ipv4-addresses-per-interface": "NetworkInfo.Ipv4AddressesPerInterface",
    "network-info.ipv6-addresses-per-interface": "NetworkInfo.Ipv6AddressesPerInterface",
    "network-info.ipv6-supported": "NetworkInfo.Ipv6Supported",
    "network-info.maximum-network-cards": "NetworkInfo.MaximumNetworkCards",
    "network-info.maximum-network-interfaces": "NetworkInfo.MaximumNetworkInterfaces",
    "network-info.network-performance": "NetworkInfo.NetworkPerformance",
    "nitro-enclaves-support": "NitroEnclavesSupport",
    "nitro-tpm-info.supported-versions": "NitroTpmInfo.SupportedVersions",
    "nitro-tpm-support": "NitroTpmSupport",
    "processor-info.supported-architecture": "ProcessorInfo.SupportedArchitectures",
    "processor-info.supported-features": "ProcessorInfo.SupportedFeatures",
    "processor-info.sustained-clock-speed-in-ghz": "ProcessorInfo.SustainedClockSpeedInGhz",
    "reboot-migration-support": "RebootMigrationSupport",
    "supported-boot-mode": "SupportedBootModes",
    "supported-root-device-type": "SupportedRootDeviceTypes",
    "supported-usage-class": "SupportedUsageClasses",
    "supported-virtualization-type": "SupportedVirtualizationTypes",
    "vcpu-info.default-cores": "VCpuInfo.DefaultCores",
    "vcpu-info.default-threads-per-core": "VCpuInfo.DefaultThreadsPerCore",
    "vcpu-info.default-vcpus": "VCpuInfo.DefaultVCpus",
    "vcpu-info.valid-cores": "VCpuInfo.ValidCores",
    "vcpu-info.valid-threads-per-core": "VCpuInfo.ValidThreadsPerCore",
}
_FILTERS: Mapping[str, Field[_Type]] = {name: _path(path) for name, path in _PATHS.items()}
_OFFERING_FILTERS: Mapping[str, Field[_Offering]] = {
    "instance-type": lambda _, row: row.name,
    "location": lambda _, row: row.location,
}


def _sized(params: Mapping[str, Any], size: int) -> Mapping[str, Any]:
    return params if params.get("MaxResults") is not None else {**params, "MaxResults": size}


def _described(name: str, *, offered: bool) -> InstanceTypeInfo:
    return {**instance_types()[name], "SupportedInRegion": offered}


def describe_instance_types(
    call: Call, params: aws.DescribeInstanceTypesRequestTypeDef
) -> dict[str, Any]:
    """List the types of the region. Source: API_DescribeInstanceTypes."""
    types, offered = _types(), offered_in(call.region.name)
    everywhere = bool(params.get("IncludeUnsupportedInRegion"))
    names = params.get("InstanceTypes")
    if names:
        missing = [
            name for name in names if name not in types or not (everywhere or name in offered)
        ]
        if missing:
            raise AwsError(
                "InvalidInstanceType",
                f"The following supplied instance types do not exist: [{', '.join(missing)}]",
            )
        rows = [types[name] for name in dict.fromkeys(names)]
    else:
        rows = [row for row in types.values() if everywhere or row.name in offered]
    chosen: Sequence[_Type] = select(
        call.region, rows, params.get("Filters"), _FILTERS, taggable=False
    )
    if names and params.get("MaxResults") is None:
        shown, token = chosen, None
    else:
        shown, token = page_of_rows(
            call.operation.name, chosen, _sized(params, DEFAULT_PAGE), call.operation.page_limits
        )
    answer: dict[str, Any] = {
        "InstanceTypes": [
            _described(row.name, offered=row.name in offered) if everywhere else _shown(row.name)
            for row in shown
        ]
    }
    if token is not None:
        answer["NextToken"] = token
    return answer


@cache
def _offerings(region: str, location_type: str) -> tuple[_Offering, ...]:
    match location_type:
        case "region":
            places = [(region, offered_in(region))]
        case "availability-zone":
            places = [(zone.name, offered_in(region, zone.name)) for zone in zones(region)]
        case "availability-zone-id":
            places = [(zone.id, offered_in(region, zone.name)) for zone in zones(region)]
        case _:  # outpost: the account has none
            places = []
    pairs = [(name, place) for place, names in places for name in names]
    return tuple(
        _Offering(name, location, place) for place, (name, location) in enumerate(pairs, start=1)
    )


def describe_instance_type_offerings(
    call: Call, params: aws.DescribeInstanceTypeOfferingsRequestTypeDef
) -> dict[str, Any]:
    """List which types are offered where. Source: API_DescribeInstanceTypeOfferings."""
    location_type = params.get("LocationType") or "region"
    rows = select(
        call.region,
        _offerings(call.region.name, location_type),
        params.get("Filters"),
        _OFFERING_FILTERS,
        taggable=False,
    )
    shown, token = page_of_rows(
        call.operation.name,
        rows,
        _sized(params, DEFAULT_OFFERINGS_PAGE),
        call.operation.page_limits,
    )
    answer: dict[str, Any] = {
        "InstanceTypeOfferings": [
            {"InstanceType": row.name, "LocationType": location_type, "Location": row.location}
            for row in shown
        ]
    }
    if token is not None:
        answer["NextToken"] = token
    return answer


OPERATIONS: Mapping[str, Handler] = {
    "DescribeInstanceTypeOfferings": describe_instance_type_offerings,
    "DescribeInstanceTypes": describe_instance_types,
}
