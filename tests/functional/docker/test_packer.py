"""The templates of packer/, built by Packer itself against containers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.functional.docker.cloud import Cloud
from tests.functional.docker.conftest import random_ami_id
from tests.functional.docker.packer import TEMPLATES, build, built_ami, packer

SPELLINGS = ("json", "pkr.hcl")
RECIPES = sorted(TEMPLATES.glob("recipes/*.json"))


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("kind", ["docker", "amazon-ebs"])
def test_a_template_is_valid(kind: str, spelling: str, tmp_path: Path) -> None:
    done = packer("validate", str(TEMPLATES / kind / f"{kind}.{spelling}"), folder=tmp_path)

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("recipe", RECIPES, ids=[path.stem for path in RECIPES])
def test_a_recipe_is_valid(recipe: Path, spelling: str, tmp_path: Path) -> None:
    template = TEMPLATES / "docker" / f"docker.{spelling}"
    done = packer("validate", f"-var-file={recipe}", str(template), folder=tmp_path)

    assert done.returncode == 0, done.stdout + done.stderr


def test_a_template_that_lacks_what_it_needs_is_not_valid(tmp_path: Path) -> None:
    template = str(TEMPLATES / "docker/docker.json")
    done = packer("validate", "-var", "provision=nothing", template, folder=tmp_path)

    assert done.returncode != 0


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_the_docker_builder_makes_an_ami(cloud: Cloud, tmp_path: Path, spelling: str) -> None:
    image_id = cloud.owns_image(random_ami_id())
    variables = {
        "base": "ec2-emulator-test/debian-sshd",
        "pull": "false",
        "ami_name": f"packer-{spelling.partition('.')[0]}",
        "ami_id": image_id,
    }
    build(f"docker/docker.{spelling}", tmp_path, variables, cloud.engine.environ)
    image = cloud.until_image(image_id)
    instance_id = cloud.run(image_id)

    assert image["Name"] == variables["ami_name"]
    assert cloud.inside(instance_id, "cat /etc/packer-built") == "built by Packer for admin"
    cloud.terminate(instance_id)


@pytest.mark.parametrize(
    ("spelling", "source", "user"),
    [("json", "debian-sshd", "admin"), ("pkr.hcl", "debian", "root")],
)
def test_amazon_ebs_builds_over_ssh_and_the_result_launches(
    cloud: Cloud,
    amis: Mapping[str, str],
    tmp_path: Path,
    spelling: str,
    source: str,
    user: str,
) -> None:
    variables = {
        "endpoint": cloud.emulator.url,
        "source_ami": amis[source],
        "ssh_username": user,
        "ami_name": f"packer-ebs-{spelling.partition('.')[0]}",
    }
    template = f"amazon-ebs/amazon-ebs.{spelling}"
    build(template, tmp_path, variables, cloud.engine.environ)
    image = cloud.until_image(cloud.owns_image(built_ami(tmp_path)))
    instance_id = cloud.run(image["ImageId"])

    assert image["Description"] == "Built by Packer"
    assert cloud.inside(instance_id, "cat /etc/packer-built") == f"built by Packer for {user}"
    cloud.terminate(instance_id)
    # Nothing of the build is left but the image and its snapshot.
    assert [pair["KeyName"] for pair in cloud.ec2.describe_key_pairs()["KeyPairs"]] == ["test"]
    groups = cloud.ec2.describe_security_groups()["SecurityGroups"]
    assert [group["GroupName"] for group in groups] == ["default"]
