"""The stock AMIs: what Amazon and the distributions publish, and the emulator's defaults."""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs

from emulator.catalog import files
from emulator.catalog.regions import REGIONS

# Versions hold their day as 20250512, or as 2025.05.12 or 2025-05-12.
_DAY = re.compile(r"(20\d\d)(\d\d)(\d\d)")
_SPACED_DAY = re.compile(r"(20\d\d)[.-](\d\d)[.-](\d\d)")

Facts = Mapping[str, Any]
BlockDeviceMapping = Mapping[str, Any]


@attrs.frozen
class StockImage:
    """One public AMI of one region, in the words of EC2's Image.

    Attributes:
        owner_alias: `amazon` for Amazon and its verified partners, `aws-marketplace`, or None.
        block_device_mappings: AWS-shaped, each with a complete Ebs part; the root comes first.
        platform: `windows` or None, which means Linux.
        docker_image: the container image that stands in for the AMI, if there is one.
        login_user: whose `authorized_keys` the image's first boot fills.
        public_parameters: the SSM public parameters whose value is this image.
    """

    image_id: str
    name: str
    description: str
    owner_id: str
    owner_alias: str | None
    architecture: str
    creation_date: datetime
    root_device_name: str
    block_device_mappings: tuple[BlockDeviceMapping, ...]
    image_location: str
    docker_image: str | None
    login_user: str
    platform: str | None = None
    platform_details: str = "Linux/UNIX"
    usage_operation: str = "RunInstances"
    boot_mode: str | None = None
    imds_support: str | None = None
    tpm_support: str | None = None
    deprecation_time: datetime | None = None
    public_parameters: tuple[str, ...] = ()
    ena_support: bool = True
    sriov_net_support: str = "simple"
    virtualization_type: str = "hvm"
    hypervisor: str = "xen"


def stock_images(region: str) -> Sequence[StockImage]:
    """Return the stock AMIs of a region; one that does not exist has none."""
    return _stock_images(region) if region in REGIONS else ()


def stock_image(region: str, image_id: str) -> StockImage | None:
    """Return one stock AMI of a region by its id, or None."""
    return _by_id(region).get(image_id) if region in REGIONS else None


@functools.cache
def _by_id(region: str) -> Mapping[str, StockImage]:
    return {image.image_id: image for image in _stock_images(region)}


@functools.cache
def _stock_images(region: str) -> tuple[StockImage, ...]:
    owners = _catalogue()["owners"]
    return tuple(_of_region(prototype, owners[owner], region) for owner, prototype in _prototypes())


def _of_region(prototype: StockImage, owner: Facts, region: str) -> StockImage:
    """Return the image with the ids it has in a region, and the owner it has there."""
    name = prototype.name
    owner_id = owner.get(REGIONS[region].partition, owner["id"])
    return attrs.evolve(
        prototype,
        image_id=prototype.image_id or _id("ami", region, name),
        owner_id=owner_id,
        image_location=f"{owner['alias'] or owner_id}/{name}",
        block_device_mappings=tuple(
            _with_snapshot(region, name, mapping) for mapping in prototype.block_device_mappings
        ),
    )


def _with_snapshot(region: str, name: str, mapping: BlockDeviceMapping) -> BlockDeviceMapping:
    device = mapping["DeviceName"]
    snapshot_id = _id("snap", region, name, device)
    return {"DeviceName": device, "Ebs": {**mapping["Ebs"], "SnapshotId": snapshot_id}}


@functools.cache
def _catalogue() -> Facts:
    catalogue: Facts = files.read("stock_images.json")
    return catalogue


@functools.cache
def _prototypes() -> tuple[tuple[str, StockImage], ...]:
    """Return owner and image, without what differs from region to region, for every image."""
    catalogue = _catalogue()
    current = (
        (family["owner"], image)
        for group in catalogue["groups"]
        for family in ({**group, **family} for family in group["families"])
        for image in _family_images(family, catalogue["owners"][family["owner"]])
    )
    owners = {owner["id"]: (name, owner) for name, owner in catalogue["owners"].items()}
    legacy = (
        (owners[old["owner_id"]][0], _legacy_image(old, owners[old["owner_id"]][1]))
        for old in files.read("legacy_images.json")
    )
    return (*current, *legacy)


def _family_images(family: Facts, owner: Facts) -> Iterator[StockImage]:
    """Yield the images of a family: every variant, architecture and release."""
    newest = len(family["releases"]) - 1
    for each in family.get("each", [""]):
        for architecture, spelling in family["arch"].items():
            for number, release in enumerate(family["releases"]):
                version, day = release if isinstance(release, list) else (release, release)
                words = {
                    "each": each,
                    "architecture": architecture,
                    "arch": spelling,
                    "version": version,
                    "minor": ".".join(version.split(".")[:2]),
                    "major": version.split("-")[0],
                    "date": f"{_day(day):%Y-%m-%d}",
                }
                yield _image(family, owner, words, latest=number == newest)


def _image(family: Facts, owner: Facts, words: Mapping[str, str], *, latest: bool) -> StockImage:
    architecture = words["architecture"]
    name = family["name"].format_map(words)
    docker = family["docker"]
    # Parameters that name a version exist for each one; the others follow the newest.
    parameters = [p for p in family.get("parameters", ()) if latest or "{version}" in p]
    deprecated = family.get("deprecated")
    return StockImage(
        image_id=family.get("id", ""),
        name=name,
        description=family["description"].format_map(words),
        owner_id="",
        owner_alias=owner["alias"],
        architecture=architecture,
        creation_date=_moment(words["date"], name),
        root_device_name=family["disks"][0][0],
        block_device_mappings=tuple(_mapping(*disk) for disk in family["disks"]),
        image_location="",
        docker_image=docker and docker.format_map(words),
        login_user=family["user"],
        platform="windows" if family.get("windows") else None,
        platform_details=family.get("details", "Linux/UNIX"),
        usage_operation=family.get("operation", "RunInstances"),
        boot_mode=family.get("boot", {}).get(architecture),
        imds_support=family.get("imds"),
        tpm_support=family.get("tpm"),
        deprecation_time=_day(deprecated) if deprecated else None,
        public_parameters=tuple(parameter.format_map(words) for parameter in parameters),
    )


# What an old AMI's name begins with → the container image and the login user that fit it.
_LEGACY_SYSTEMS = (
    ("amzn2-", "amazonlinux:2", "ec2-user"),
    ("amzn-", "amazonlinux:1", "ec2-user"),
    ("al2022-", "amazonlinux:2023", "ec2-user"),
    ("ubuntu/images/hvm-ssd/ubuntu-trusty", "ubuntu:14.04", "ubuntu"),
    ("ubuntu/images/hvm-ssd/ubuntu-xenial", "ubuntu:16.04", "ubuntu"),
    ("Windows_Server", None, "Administrator"),
    ("Deep Learning AMI Ubuntu", "ubuntu:16.04", "ubuntu"),
    ("Ubuntu CUDA9", "ubuntu:16.04", "ubuntu"),
    ("", None, "ec2-user"),
)
# What an old AMI's name holds → its licence: platform details and usage operation.
_LEGACY_LICENCES = {
    "_Standard-": ("Windows with SQL Server Standard", "RunInstances:0006"),
    "_Web-": ("Windows with SQL Server Web", "RunInstances:0202"),
    "_Enterprise-": ("Windows with SQL Server Enterprise", "RunInstances:0102"),
    "Windows_Server": ("Windows", "RunInstances:0002"),
    "RHEL-": ("Red Hat Enterprise Linux", "RunInstances:0010"),
    "suse-": ("SUSE Linux", "RunInstances:000g"),
}


def _legacy_image(old: Facts, owner: Facts) -> StockImage:
    """Return one of the AMIs whose ids are written into scripts: the same in every region."""
    name = old["name"]
    system = next(system for system in _LEGACY_SYSTEMS if name.startswith(system[0]))
    licences = (licence for part, licence in _LEGACY_LICENCES.items() if part in name)
    details, operation = next(licences, ("Linux/UNIX", "RunInstances"))
    found = _DAY.search(name) or _SPACED_DAY.search(name)
    size_gib = 30 if old["windows"] else 8
    return StockImage(
        image_id=old["ami_id"],
        name=name,
        description=old["description"],
        owner_id="",
        owner_alias=owner["alias"],
        architecture=old["architecture"],
        creation_date=_moment("-".join(found.groups()) if found else "2017-10-13", name),
        root_device_name=old["root_device_name"],
        block_device_mappings=(_mapping(old["root_device_name"], size_gib, "gp2"),),
        image_location="",
        docker_image=system[1],
        login_user=system[2],
        platform="windows" if old["windows"] else None,
        platform_details=details,
        usage_operation=operation,
    )


def _mapping(device: str, size_gib: int, volume_type: str) -> BlockDeviceMapping:
    ebs: dict[str, object] = {
        "DeleteOnTermination": True,
        "Encrypted": False,
        "VolumeSize": size_gib,
        "VolumeType": volume_type,
    }
    if volume_type == "gp3":
        ebs |= {"Iops": 3000, "Throughput": 125}
    return {"DeviceName": device, "Ebs": ebs}


def _id(prefix: str, *parts: str) -> str:
    """Return an id that is the same at every start, as AWS's own are."""
    return f"{prefix}-{hashlib.sha256('|'.join(parts).encode()).hexdigest()[:17]}"


def _day(text: str) -> datetime:
    found = _DAY.search(text) or _SPACED_DAY.search(text)
    assert found is not None, text
    year, month, day = map(int, found.groups())
    return datetime(year, month, day, tzinfo=UTC)


def _moment(day: str, name: str) -> datetime:
    """Return a time of that day; images of one day are then never of one moment."""
    digest = hashlib.sha256(name.encode()).digest()
    return _day(day) + timedelta(seconds=int.from_bytes(digest[:4], "big") % 86_400)
