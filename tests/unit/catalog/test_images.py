from __future__ import annotations

import re
from datetime import UTC
from fnmatch import fnmatchcase

import pytest

from emulator.catalog.images import StockImage, stock_image, stock_images
from emulator.catalog.regions import REGIONS

CANONICAL = "099720109477"

# Owner (alias or account) and name pattern, as configurations and provider tests write them.
PATTERNS = [
    ("amazon", "amzn-ami-hvm-2017.09*x86_64-gp2"),
    ("amazon", "amzn-ami-hvm-*-x86_64-gp2"),
    ("amazon", "amzn-ami-minimal-hvm-*"),
    ("amazon", "amzn-ami-vpc-nat-hvm-*"),
    ("amazon", "amzn2-ami-hvm-*-x86_64-gp2"),
    ("amazon", "amzn2-ami-hvm-2.0.*-x86_64-ebs"),
    ("amazon", "amzn2-ami-hvm*"),
    ("amazon", "amzn2-ami-minimal-hvm-*-x86_64-ebs"),
    ("amazon", "amzn2-ami-minimal-hvm-*-arm64-ebs"),
    ("amazon", "amzn2-ami-kernel-5.10-hvm-*"),
    ("137112412989", "al2023-ami-2023.*-x86_64"),
    ("amazon", "al2023-ami-2023*arm64"),
    ("amazon", "al2023-ami-minimal-*-x86_64"),
    ("amazon", "al2023-ami-*-kernel-6.1-x86_64"),
    ("amazon", "al2023-ami-ecs-hvm-*-x86_64"),
    ("amazon", "amzn2-ami-ecs-hvm-*-x86_64-ebs"),
    (CANONICAL, "ubuntu/images/hvm-ssd/ubuntu-*-amd64-server-*"),
    (CANONICAL, "ubuntu/images/hvm-ssd/ubuntu-bionic-18.04-amd64-server-*"),
    (CANONICAL, "ubuntu/images/hvm-ssd/ubuntu-focal-20.04-amd64-server-*"),
    (CANONICAL, "ubuntu/images/hvm-ssd/ubuntu-jammy-22.04-amd64-server-*"),
    (CANONICAL, "ubuntu/images/hvm-ssd/ubuntu-jammy-22.04-arm64-server-*"),
    (CANONICAL, "ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-amd64-server-*"),
    (CANONICAL, "ubuntu/images/*ubuntu-noble-24.04-amd64-server-*"),
    (CANONICAL, "ubuntu-minimal/images/hvm-ssd/ubuntu-jammy-22.04-amd64-minimal-*"),
    ("136693071363", "debian-11-amd64-*"),
    ("136693071363", "debian-12-amd64-*"),
    ("136693071363", "debian-13-arm64-*"),
    ("538276064493", "alpine-3.*-x86_64-bios-tiny-*"),
    ("309956199498", "RHEL-9*_HVM-*-x86_64-*"),
    ("309956199498", "RHEL-8.*_HVM-*-GP3"),
    ("125523088429", "CentOS Stream 9 x86_64*"),
    ("125523088429", "Fedora-Cloud-Base-AmazonEC2.x86_64-*"),
    ("aws-marketplace", "CentOS Linux 7 x86_64 HVM EBS*"),
    ("792107900819", "Rocky-9-EC2-Base-*.x86_64"),
    ("764336703387", "AlmaLinux OS 9*x86_64"),
    ("013907871322", "suse-sles-15-sp*-hvm-ssd-x86_64"),
    ("amazon", "Windows_Server-2016-English-Full-Base-*"),
    ("amazon", "Windows_Server-2019-English-Full-Base-*"),
    ("801119661308", "Windows_Server-2022-English-Full-Base-*"),
    ("amazon", "Windows_Server-2025-English-Full-Base-*"),
    ("amazon", "bottlerocket-aws-k8s-*-x86_64-*"),
    ("602401143452", "amazon-eks-node-1.30-v*"),
    ("amazon", "amazon-eks-node-al2023-x86_64-standard-*"),
    ("568608671756", "fck-nat-al2023-*-arm64-ebs"),
]


def matching(region: str, owner: str, pattern: str) -> list[StockImage]:
    return [
        image
        for image in stock_images(region)
        if owner in (image.owner_id, image.owner_alias) and fnmatchcase(image.name, pattern)
    ]


@pytest.mark.parametrize(("owner", "pattern"), PATTERNS)
def test_the_patterns_that_people_write_find_an_image(owner: str, pattern: str) -> None:
    for region in ("us-east-1", "eu-west-1", "ap-southeast-7"):
        assert matching(region, owner, pattern)


def test_the_most_recent_match_is_of_one_moment() -> None:
    for owner, pattern in PATTERNS:
        found = sorted(image.creation_date for image in matching("us-east-1", owner, pattern))
        assert found.count(found[-1]) == 1, pattern


@pytest.mark.parametrize("region", REGIONS)
def test_every_image_has_its_root_device_and_complete_mappings(region: str) -> None:
    always = {"DeleteOnTermination", "Encrypted", "SnapshotId", "VolumeSize", "VolumeType"}
    for image in stock_images(region):
        devices = [mapping["DeviceName"] for mapping in image.block_device_mappings]
        assert image.root_device_name in devices
        assert len(set(devices)) == len(devices)
        for mapping in image.block_device_mappings:
            ebs = mapping["Ebs"]
            provisioned = {"Iops", "Throughput"} if ebs["VolumeType"] == "gp3" else set()
            assert set(ebs) == always | provisioned
            assert re.fullmatch("snap-[0-9a-f]{17}", ebs["SnapshotId"])
            assert ebs["VolumeSize"] > 0


@pytest.mark.parametrize("region", REGIONS)
def test_ids_and_snapshots_are_unique_in_a_region(region: str) -> None:
    images = stock_images(region)
    snapshots = [m["Ebs"]["SnapshotId"] for image in images for m in image.block_device_mappings]
    assert len({image.image_id for image in images}) == len(images)
    assert len(set(snapshots)) == len(snapshots)
    assert len({(image.owner_id, image.name) for image in images}) == len(images)


def test_ids_look_like_image_ids_and_stay_the_same() -> None:
    for image in stock_images("us-east-1"):
        assert re.fullmatch("ami-([0-9a-f]{8}|[0-9a-f]{12}|[0-9a-f]{17})", image.image_id)
    ubuntu = matching("us-east-1", CANONICAL, "*ubuntu-jammy-22.04-amd64-server-20240606")
    assert [image.image_id for image in ubuntu] == ["ami-1ef8bb233a914037f"]


def test_an_image_has_another_id_in_another_region() -> None:
    here, there = (
        matching(region, CANONICAL, "*ubuntu-jammy-22.04-amd64-server-20240606")[0]
        for region in ("us-east-1", "eu-west-1")
    )
    assert here.image_id != there.image_id


@pytest.mark.parametrize(
    ("image_id", "name", "docker_image"),
    [
        ("ami-df5de72bdb3b", "ubuntu-22.04-jammy-jellyfish", "ubuntu:22.04"),
        ("ami-024f768332f0", "amazonlinux-2023", "amazonlinux:2023"),
        ("ami-ff0fea8310f3", "ubuntu-20.04-focal-fossa", "ubuntu:20.04"),
        ("ami-07b643b5e45e", "amazonlinux-2", "amazonlinux:2"),
    ],
)
def test_the_default_amis_have_their_ids_everywhere(
    image_id: str, name: str, docker_image: str
) -> None:
    for region in REGIONS:
        image = stock_image(region, image_id)
        assert image is not None
        assert (image.name, image.docker_image) == (name, docker_image)


def test_only_the_ubuntu_20_04_default_is_deprecated() -> None:
    deprecated = [image for image in stock_images("us-east-1") if image.deprecation_time]
    assert [image.image_id for image in deprecated] == ["ami-ff0fea8310f3"]


def test_the_image_of_the_recorded_terraform_run_is_the_one_its_filter_finds() -> None:
    found = matching("us-east-1", "amazon", "amzn-ami-hvm-2017.09*x86_64-gp2")
    assert [image.image_id for image in found] == ["ami-760aaa0f"]


def test_windows_images_say_so_in_every_field() -> None:
    for image in stock_images("us-east-1"):
        windows = "Windows_Server" in image.name
        assert (image.platform == "windows") == windows
        assert image.platform_details.startswith("Windows") == windows
        assert (image.login_user == "Administrator") == windows
        assert not (windows and image.docker_image)


def test_dates_are_in_utc_and_on_the_day_of_the_release() -> None:
    for image in stock_images("us-east-1"):
        assert image.creation_date.tzinfo is UTC
    al2023 = matching("us-east-1", "amazon", "al2023-ami-2023.12.20260930.0-kernel-6.1-x86_64")[0]
    assert f"{al2023.creation_date:%Y-%m-%d}" == "2026-09-30"
    windows = matching("us-east-1", "amazon", "Windows_Server-2022-English-Full-Base-2025*")[0]
    assert f"{windows.creation_date:%Y-%m-%d}" == "2025-05-15"


def test_no_template_is_left_unfilled() -> None:
    for image in stock_images("us-east-1"):
        texts = (image.name, image.description, image.docker_image or "", *image.public_parameters)
        assert not any("{" in text for text in texts)


def test_arm_images_boot_by_uefi() -> None:
    arm = [image for image in stock_images("us-east-1") if image.architecture == "arm64"]
    modern = [image for image in arm if not image.name.startswith(("amzn2-", "al2022-"))]
    assert {image.boot_mode for image in modern if image.owner_id == CANONICAL} == {"uefi"}
    assert len(arm) > 100


def test_the_owner_follows_the_partition() -> None:
    jammy = "ubuntu/images/hvm-ssd/ubuntu-jammy-22.04-amd64-server-*"
    assert matching("us-gov-west-1", "513442679011", jammy)
    assert matching("cn-north-1", "837727238323", jammy)
    assert matching("cn-north-1", CANONICAL, jammy) == []


def test_what_does_not_exist_is_empty() -> None:
    assert list(stock_images("mars-north-1")) == []
    assert stock_image("mars-north-1", "ami-df5de72bdb3b") is None
    assert stock_image("us-east-1", "ami-00000000") is None
