"""images/: the recipes of AMIs, built where their base can be had, and what builds them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.absent import absent
from tests.functional.docker.cloud import Cloud
from tests.functional.docker.conftest import random_ami_id
from tests.functional.docker.engine import Engine
from tests.functional.docker.keys import Key

IMAGES = Path(__file__).parents[3] / "images"
BASE = "ec2-emulator-test/slim"


@pytest.fixture(scope="module", params=["", "/sbin/init"], ids=["plain", "systemd"])
def recipe(engine: Engine, request: pytest.FixtureRequest) -> Iterator[tuple[str, str]]:
    """Yield the AMI id of debian-12 and its init."""
    if engine.run("image", "inspect", BASE).returncode != 0:
        absent(f"no image {BASE}; tests/lab/setup says why")
    image_id, init = random_ami_id(), str(request.param)
    tag = f"localstack-ec2/recipe-debian-12:{image_id}"
    engine(
        *("build", "--build-arg", f"BASE={BASE}", "--build-arg", f"INIT={init}"),
        *("--file", str(IMAGES / "debian-12/Dockerfile"), "--tag", tag, str(IMAGES)),
        timeout=600,
    )
    yield image_id, init
    engine.run("image", "rm", tag)


def test_a_recipe_is_an_ami_with_cloud_init_sudo_and_its_own_user(
    cloud: Cloud, key: Key, recipe: tuple[str, str]
) -> None:
    image_id, init = recipe
    cloud.until_image(image_id)
    user_data = "#cloud-config\nwrite_files:\n- path: /written\n  content: by cloud-init\n"
    instance_id = cloud.run(image_id, KeyName="test", UserData=user_data)

    assert cloud.ssh(instance_id, key, "sudo -n id -un", user="admin") == "root"
    assert "by cloud-init" in cloud.reads(instance_id, "/written", "by cloud-init", 90)
    assert cloud.inside(instance_id, "cloud-init status --wait >/dev/null; command -v curl")
    first = cloud.inside(instance_id, "cat /proc/1/comm")
    assert (first == "systemd") is bool(init)
    cloud.terminate(instance_id)


FAKE_DOCKER = '#!/bin/sh\nprintf "%s|" "$@" >>"$LOG"\n'


def build(tmp_path: Path, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    program = tmp_path / "docker"
    program.write_text(FAKE_DOCKER)
    program.chmod(0o755)
    return subprocess.run(
        [str(IMAGES / "build"), *words],
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}", "LOG": str(tmp_path / "log"), **environ},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_build_tags_a_recipe_as_the_catalogue_has_it(tmp_path: Path) -> None:
    done = build(tmp_path, "debian-12", BASE="my-base", INIT="/sbin/init")
    tag = "localstack-ec2/debian-12-bookworm:ami-508e75f76ee8"

    assert done.returncode == 0
    assert done.stdout.split() == [tag]
    assert (tmp_path / "log").read_text() == (
        "build|--build-arg|BASE=my-base|--build-arg|INIT=/sbin/init|"
        f"--tag|{tag}|--file|debian-12/Dockerfile|.|"
    )


def test_build_without_a_recipe_lists_them_and_an_unknown_one_fails(tmp_path: Path) -> None:
    listed, unknown = build(tmp_path), build(tmp_path, "plan9")

    assert listed.returncode == 2
    assert "debian-12 (ami-508e75f76ee8)" in listed.stderr
    assert unknown.returncode == 1
    assert "no recipe plan9" in unknown.stderr
    assert not (tmp_path / "log").exists()
