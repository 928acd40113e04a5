"""AMIs that are Docker images: every image tagged ``localstack-ec2/<AmiName>:<AmiId>``."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from emulator.vm.docker import names
from emulator.vm.docker.blocking import Engine, EngineError, Missing
from emulator.vm.interface import MachineImage

GIB = 1024**3
# Docker's names → EC2's.
_ARCHITECTURES = {"amd64": "x86_64", "arm64": "arm64", "386": "i386"}


def blocking_images(engine: Engine) -> Sequence[MachineImage]:
    """Return every AMI on the engine, by id."""
    found: dict[str, MachineImage] = {}
    for image in engine.images():
        tags = [tag for tag in image.get("RepoTags") or () if names.ami_of_tag(tag)]
        if not tags:
            continue
        details = engine.image(image["Id"])
        if details is None:
            continue  # it went meanwhile
        for machine_image in machine_images(details, tags):
            found.setdefault(machine_image.image_id, machine_image)
    return list(found.values())


def machine_images(details: Mapping[str, Any], tags: Sequence[str]) -> Iterator[MachineImage]:
    """Yield the AMIs that an image's tags make of it; pure."""
    labels = (details.get("Config") or {}).get("Labels") or {}
    for tag in tags:
        ami = names.ami_of_tag(tag)
        if ami is None:
            continue
        name, image_id = ami
        own = labels.get(names.IMAGE_ID) == image_id
        yield MachineImage(
            image_id=image_id,
            name=labels.get(names.AMI_NAME) or name if own else name,
            reference=tag,
            architecture=_ARCHITECTURES.get(details.get("Architecture", ""), "x86_64"),
            created_at=_moment(details.get("Created") or ""),
            size_gib=max(1, math.ceil((details.get("Size") or 0) / GIB)),
            login_user=labels.get(names.LOGIN_USER) or "root",
            record=labels.get(names.RECORD, "") if own else "",
        )


def _moment(text: str) -> datetime:
    """Return the second of a time such as ``2026-01-02T03:04:05.678901234Z``."""
    try:
        moment = datetime.fromisoformat(text).replace(microsecond=0)
    except ValueError:
        return datetime(1970, 1, 1, tzinfo=UTC)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def blocking_capture(
    engine: Engine, container: str, tag: str, labels: Mapping[str, str], *, pause: bool
) -> None:
    """Make an image of a container that starts as the container's own image does."""
    found = engine.inspect(container)
    if found is None:
        raise Missing(f"there is no container {container}")
    base = engine.image(found["Image"])
    config = dict((base or {}).get("Config") or {})
    # What the container is labelled with would otherwise be inherited by whoever runs the image.
    cleared = dict.fromkeys(
        (
            *(names.NAMESPACE, names.RUN, names.INSTANCE_ID, names.ACCOUNT, names.REGION),
            *(names.VPC_ID, names.MEMENTO),
        ),
        "",
    )
    config["Labels"] = {**cleared, **labels}
    repository, _, image_id = tag.rpartition(":")
    engine.commit(container, repository, image_id, pause=pause, config=config)


def blocking_copy(
    engine: Engine, reference: str, tag: str, labels: Mapping[str, str], helper: Mapping[str, str]
) -> None:
    """Make an image like another one, with labels of its own.

    A container that never starts carries the labels over: a tag alone could not.

    Args:
        engine: where the image is.
        reference: of the image.
        tag: of the new one.
        labels: of the new one.
        helper: labels of that container.
    """
    found = engine.image(reference)
    if found is None:
        raise Missing(f"there is no image {reference}")
    container = engine.create(
        "", {"Image": reference, "Cmd": ["copy"], "Entrypoint": [], "Labels": dict(helper)}
    )
    try:
        blocking_capture(engine, container, tag, labels, pause=False)
    finally:
        engine.remove(container)


def blocking_delete(engine: Engine, image_id: str) -> None:
    """Take every tag of an AMI away."""
    for image in engine.images():
        for tag in image.get("RepoTags") or ():
            ami = names.ami_of_tag(tag)
            if ami is not None and ami[1] == image_id:
                engine.untag(tag)


def blocking_provide(
    engine: Engine, reference: str, progress: Callable[[str], None]
) -> Mapping[str, Any]:
    """Return an image's description, pulled first if it is not there.

    Raises:
        EngineError: it is not to be had; with what the engine said.
    """
    found = engine.image(reference)
    if found is None:
        if reference.removeprefix("localhost/").startswith(names.IMAGE_PREFIX):
            # Nobody publishes those: whoever tagged it took it away.
            raise Missing(f"No such image: {reference}")
        progress(f"pulling {reference}")
        engine.pull(reference, progress)
        found = engine.image(reference)
    if found is None:
        raise EngineError(f"the image {reference} vanished")
    return found
