from __future__ import annotations

import json
from fnmatch import fnmatchcase

import pytest

from emulator.catalog.images import stock_image
from emulator.catalog.parameters import public_parameters
from emulator.catalog.regions import REGIONS

AMAZON = "/aws/service/ami-amazon-linux-latest"
ECS = "/aws/service/ecs/optimized-ami"
WINDOWS = "/aws/service/ami-windows-latest"
CANONICAL = "/aws/service/canonical/ubuntu/server"


@pytest.mark.parametrize("region", REGIONS)
def test_every_parameter_points_to_an_image_of_its_region(region: str) -> None:
    assert public_parameters(region)
    for name, value in public_parameters(region).items():
        image_id = json.loads(value)["image_id"] if name.endswith("/recommended") else value
        assert stock_image(region, image_id) is not None, name


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        (f"{AMAZON}/al2023-ami-kernel-default-x86_64", "al2023-ami-2023.12.*-kernel-6.18-x86_64"),
        (f"{AMAZON}/al2023-ami-kernel-6.1-arm64", "al2023-ami-2023.12.*-kernel-6.1-arm64"),
        (
            f"{AMAZON}/al2023-ami-minimal-kernel-default-arm64",
            "al2023-ami-minimal-2023.12.*-kernel-6.18-arm64",
        ),
        (f"{AMAZON}/amzn2-ami-hvm-x86_64-gp2", "amzn2-ami-hvm-2.0.2026*-x86_64-gp2"),
        (
            f"{AMAZON}/amzn2-ami-kernel-5.10-hvm-x86_64-gp2",
            "amzn2-ami-kernel-5.10-hvm-2.0.2026*-x86_64-gp2",
        ),
        (f"{AMAZON}/amzn-ami-hvm-x86_64-gp2", "amzn-ami-hvm-2018.03.0.20231218.0-x86_64-gp2"),
        (
            f"{CANONICAL}/22.04/stable/current/amd64/hvm/ebs-gp2/ami-id",
            "ubuntu/images/hvm-ssd/ubuntu-jammy-22.04-amd64-server-2026*",
        ),
        (
            f"{CANONICAL}/noble/stable/current/arm64/hvm/ebs-gp3/ami-id",
            "ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-arm64-server-2026*",
        ),
        ("/aws/service/debian/release/12/latest/amd64", "debian-12-amd64-20251112-2294"),
        (f"{ECS}/amazon-linux-2/recommended/image_id", "amzn2-ami-ecs-hvm-2.0.2026*-x86_64-ebs"),
        (
            f"{WINDOWS}/Windows_Server-2022-English-Full-Base",
            "Windows_Server-2022-English-Full-Base-2026.*",
        ),
    ],
)
def test_the_parameters_that_people_write_name_the_newest_image(name: str, pattern: str) -> None:
    image = stock_image("eu-west-1", public_parameters("eu-west-1")[name])
    assert image is not None
    assert fnmatchcase(image.name, pattern)


def test_the_ecs_recommendation_is_a_json_object() -> None:
    prefix = f"{ECS}/amazon-linux-2023/recommended"
    parameters = public_parameters("us-east-1")
    recommended = json.loads(parameters[prefix])
    assert recommended["image_id"] == parameters[f"{prefix}/image_id"]
    assert recommended["os"] == "Amazon Linux 2023"


def test_a_region_that_does_not_exist_has_no_parameters() -> None:
    assert public_parameters("mars-north-1") == {}
