from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.vm.docker.names import (
    ACCOUNT,
    INSTANCE_ID,
    REGION,
    Names,
    ami_of_tag,
    container_name,
    image_tag,
    key_of,
)
from emulator.vm.interface import GuestKey

# What Docker accepts: components of a repository, then a tag.
REPOSITORY = re.compile(r"localstack-ec2(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)+")


def test_a_container_is_called_by_its_instance() -> None:
    assert container_name("i-0abc") == "localstack-ec2.i-0abc"


@pytest.mark.parametrize(
    "name", ["ubuntu-22.04", "my/nested/name", "a__b", "a---b", "x", "amazon-linux-2023.1"]
)
def test_a_name_that_a_repository_may_have_stays_as_it_is(name: str) -> None:
    assert image_tag(name, "ami-1") == f"localstack-ec2/{name}:ami-1"


@pytest.mark.parametrize("name", ["My Image", "a..b", "-a", "a/", "(1)", "ÄÖ", "A" * 128])
def test_another_name_is_spelled_so_that_it_may(name: str) -> None:
    repository, _, image_id = image_tag(name, "ami-1").rpartition(":")

    assert REPOSITORY.fullmatch(repository)
    assert image_id == "ami-1"


def test_names_that_would_be_spelled_alike_are_kept_apart() -> None:
    tags = {image_tag(name, "ami-1") for name in ("My image", "my image", "my-image", "MY IMAGE")}

    assert len(tags) == 4


@given(st.text(min_size=1, max_size=128))
def test_every_name_makes_a_tag_that_is_known_again(name: str) -> None:
    tag = image_tag(name, "ami-0123456789abcdef0")
    found = ami_of_tag(tag)

    assert REPOSITORY.fullmatch(tag.rpartition(":")[0])
    assert found is not None
    assert found[1] == "ami-0123456789abcdef0"


@pytest.mark.parametrize(
    ("tag", "ami"),
    [
        ("localstack-ec2/web:ami-000001", ("web", "ami-000001")),
        ("localhost/localstack-ec2/web:ami-000001", ("web", "ami-000001")),
        ("localstack-ec2/team/web:ami-df5de72bdb3b", ("team/web", "ami-df5de72bdb3b")),
        ("localstack-ec2/web:latest", None),
        ("localstack-ec2/web:ami-xyz", None),
        ("localstack-ec2/web:ami-", None),
        ("localstack-ec2/web:AMI-1", None),
        ("localstack-ec2:ami-1", None),
        ("other/localstack-ec2/web:ami-1", None),
        ("web:ami-1", None),
        ("<none>:<none>", None),
        ("", None),
    ],
)
def test_an_ami_is_known_by_its_tag(tag: str, ami: tuple[str, str] | None) -> None:
    assert ami_of_tag(tag) == ami


def test_the_default_namespace_has_plain_names() -> None:
    own = Names()

    assert own.network("vpc-1") == "localstack-ec2.vpc-1"
    assert own.volume("vol-1") == "localstack-ec2.vol-1"
    assert own.filter() == "ec2-emulator.namespace=default"


def test_another_namespace_keeps_its_names_apart() -> None:
    own = Names("ci")

    assert own.network("vpc-1") == "localstack-ec2.ci.vpc-1"
    assert own.label() == {"ec2-emulator.namespace": "ci"}


def test_a_helper_says_which_run_it_works_for() -> None:
    assert Names("ci", "77").helper_label() == {
        "ec2-emulator.namespace": "ci",
        "ec2-emulator.run": "77",
    }


def test_labels_say_whose_container_it_is() -> None:
    labels = {ACCOUNT: "000000000000", REGION: "eu-west-1", INSTANCE_ID: "i-1"}

    assert key_of(labels) == GuestKey("000000000000", "eu-west-1", "i-1")


@pytest.mark.parametrize("missing", [ACCOUNT, REGION, INSTANCE_ID])
def test_a_container_without_all_of_them_is_nobodys(missing: str) -> None:
    labels = {ACCOUNT: "000000000000", REGION: "eu-west-1", INSTANCE_ID: "i-1"}
    del labels[missing]

    assert key_of(labels) is None


def test_labels_that_are_empty_are_nobodys() -> None:
    assert key_of({ACCOUNT: "", REGION: "", INSTANCE_ID: ""}) is None
