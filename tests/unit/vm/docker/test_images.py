from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from emulator.vm.docker import names
from emulator.vm.docker.blocking import EngineError, Missing
from emulator.vm.docker.images import blocking_images, blocking_provide, machine_images
from emulator.vm.interface import MachineImage
from tests.fakes.docker_engine import FakeEngine

AMI = "ami-000001"
TAG = f"localstack-ec2/web:{AMI}"


def details(**changes: Any) -> dict[str, Any]:
    return {
        "Architecture": "arm64",
        "Created": "2026-01-02T03:04:05.678901234Z",
        "Size": 2 * 1024**3 + 1,
        "Config": {"Labels": {}},
        **changes,
    }


def only(found: dict[str, Any], *tags: str) -> MachineImage:
    (image,) = machine_images(found, tags or [TAG])
    return image


def test_a_tag_makes_an_ami_of_an_image() -> None:
    assert only(details()) == MachineImage(
        image_id=AMI,
        name="web",
        reference=TAG,
        architecture="arm64",
        created_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        size_gib=3,
    )


def test_an_image_may_be_several_amis_and_other_things_besides() -> None:
    tags = [TAG, "web:latest", "localstack-ec2/other:ami-000002"]

    assert [image.image_id for image in machine_images(details(), tags)] == [AMI, "ami-000002"]


@pytest.mark.parametrize(
    ("docker", "ec2"),
    [
        ("amd64", "x86_64"),
        ("arm64", "arm64"),
        ("386", "i386"),
        ("riscv64", "x86_64"),
        ("", "x86_64"),
    ],
)
def test_architectures_have_ec2s_names(docker: str, ec2: str) -> None:
    assert only(details(Architecture=docker)).architecture == ec2


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-02T03:04:05Z", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2026-01-02T03:04:05.6Z", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2026-01-02T05:04:05.678901234+02:00", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("0001-01-01T00:00:00Z", datetime(1, 1, 1, tzinfo=UTC)),
        ("", datetime(1970, 1, 1, tzinfo=UTC)),
        ("yesterday", datetime(1970, 1, 1, tzinfo=UTC)),
        (None, datetime(1970, 1, 1, tzinfo=UTC)),
    ],
)
def test_any_time_is_a_moment(text: str | None, moment: datetime) -> None:
    assert only(details(Created=text)).created_at == moment


@pytest.mark.parametrize("size", [0, None, 1])
def test_the_smallest_image_has_a_gibibyte(size: int | None) -> None:
    assert only(details(Size=size)).size_gib == 1


@pytest.mark.parametrize("configured", [None, {}, {"Labels": None}])
def test_an_image_without_labels_is_an_ami_too(configured: Any) -> None:
    assert only(details(Config=configured)).login_user == "root"


def test_an_image_says_who_logs_in() -> None:
    assert only(details(Config={"Labels": {names.LOGIN_USER: "admin"}})).login_user == "admin"


def test_a_captured_image_has_the_name_that_it_was_given_and_its_record() -> None:
    labels = {names.IMAGE_ID: AMI, names.AMI_NAME: "Web (1)", names.RECORD: "{}"}
    image = only(details(Config={"Labels": labels}))

    assert (image.name, image.record) == ("Web (1)", "{}")


def test_a_tag_given_by_hand_to_a_captured_image_is_another_ami() -> None:
    labels = {names.IMAGE_ID: "ami-00000009", names.AMI_NAME: "Web (1)", names.RECORD: "{}"}
    image = only(details(Config={"Labels": labels}))

    assert (image.name, image.record) == ("web", "")


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


def test_every_tagged_image_of_the_engine_is_found(engine: FakeEngine) -> None:
    engine.add_image("ubuntu:22.04")
    engine.add_image(TAG)
    engine.add_image("localhost/localstack-ec2/podman:ami-000003")

    assert {each.image_id: each.reference for each in blocking_images(engine)} == {  # type: ignore[arg-type]
        AMI: TAG,
        "ami-000003": "localhost/localstack-ec2/podman:ami-000003",
    }


def test_two_images_with_one_id_are_one_ami(engine: FakeEngine) -> None:
    engine.add_image(TAG)
    engine.add_image(f"localstack-ec2/other:{AMI}")

    assert [each.name for each in blocking_images(engine)] == ["web"]  # type: ignore[arg-type]


def test_an_image_that_goes_while_it_is_looked_at_is_none(engine: FakeEngine) -> None:
    engine.add_image(TAG)
    engine.on["image"] = lambda *_: engine.pictures.clear()

    assert blocking_images(engine) == []  # type: ignore[arg-type]


def test_an_image_that_is_there_is_not_pulled(engine: FakeEngine) -> None:
    engine.add_image("ubuntu:22.04")
    blocking_provide(engine, "ubuntu:22.04", print)  # type: ignore[arg-type]

    assert "pull" not in engine.calls


def test_an_image_that_is_not_there_is_pulled_and_that_is_told(engine: FakeEngine) -> None:
    engine.published["ubuntu:22.04"] = {}
    said: list[str] = []
    found = blocking_provide(engine, "ubuntu:22.04", said.append)  # type: ignore[arg-type]

    assert found["RepoTags"] == ["ubuntu:22.04"]
    assert said == ["pulling ubuntu:22.04", "Pulling from ubuntu:22.04"]


@pytest.mark.parametrize("tag", [TAG, f"localhost/{TAG}"])
def test_an_ami_that_is_gone_is_not_looked_for_elsewhere(engine: FakeEngine, tag: str) -> None:
    with pytest.raises(Missing, match="No such image"):
        blocking_provide(engine, tag, print)  # type: ignore[arg-type]

    assert "pull" not in engine.calls


def test_an_image_that_vanishes_after_its_pull_is_an_error(engine: FakeEngine) -> None:
    engine.published["a"] = {}
    engine.on["image"] = lambda *_: engine.pictures.clear()
    with pytest.raises(EngineError, match="vanished"):
        blocking_provide(engine, "a", print)  # type: ignore[arg-type]
