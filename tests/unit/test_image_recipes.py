"""Holds images/catalog to the AMIs that the emulator has from the start, and to its recipes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from emulator.app.machines import DEFAULT_IMAGES
from emulator.catalog.images import stock_image
from emulator.vm.docker.names import ami_of_tag, image_tag

IMAGES = Path(__file__).parents[2] / "images"
ROWS = [
    line.split()
    for line in (IMAGES / "catalog").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
]
RECIPES = [recipe for _, _, _, recipe in ROWS if recipe != "-"]


def test_the_catalogue_begins_with_the_default_amis() -> None:
    assert {ami: name for ami, name, _, _ in ROWS[:3]} == dict(DEFAULT_IMAGES)


def test_default_amis_are_the_published_images_that_are_pulled() -> None:
    for ami, _, published, _ in ROWS[:3]:
        stock = stock_image("us-east-1", ami)
        assert stock is not None
        assert stock.docker_image == published


@pytest.mark.parametrize(("ami", "name"), [row[:2] for row in ROWS])
def test_every_row_is_a_tag_that_is_an_ami(ami: str, name: str) -> None:
    assert image_tag(name, ami) == f"localstack-ec2/{name}:{ami}"
    assert ami_of_tag(f"localstack-ec2/{name}:{ami}") == (name, ami)


def test_every_recipe_is_in_the_catalogue() -> None:
    assert sorted(RECIPES) == sorted(path.parent.name for path in IMAGES.glob("*/Dockerfile"))


@pytest.mark.parametrize(("published", "recipe"), [row[2:] for row in ROWS if row[3] != "-"])
def test_a_recipe_is_of_its_published_image_and_names_who_logs_in(
    published: str, recipe: str
) -> None:
    text = (IMAGES / recipe / "Dockerfile").read_text(encoding="utf-8")
    listed = (IMAGES / "README.md").read_text(encoding="utf-8")
    (user,) = re.findall(r"ec2-emulator\.login-user=(\S+)", text)

    assert f"ARG BASE={published}\n" in text
    assert f"/tmp/install {user} " in text
    assert re.search(
        rf"^\| `{re.escape(recipe)}` \| `ami-\w+` \| `{user}` \|", listed, re.MULTILINE
    )
