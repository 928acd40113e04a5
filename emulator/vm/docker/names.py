"""What containers, images, networks and volumes of the emulator are called; pure.

Source of the container's and the images' names: the seed documents, "AMIs" and "Instances".
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

import attrs

from emulator.vm.interface import GuestKey

IMAGE_PREFIX = "localstack-ec2/"
# Podman keeps images without a registry under this one.
_LOCAL = "localhost/"
CONTAINER_PREFIX = "localstack-ec2."
DEFAULT_NAMESPACE = "default"

LABEL = "ec2-emulator."
NAMESPACE = f"{LABEL}namespace"
INSTANCE_ID = f"{LABEL}instance-id"
ACCOUNT = f"{LABEL}account"
REGION = f"{LABEL}region"
IMAGE_ID = f"{LABEL}image-id"
VPC_ID = f"{LABEL}vpc-id"
VOLUME_ID = f"{LABEL}volume-id"
MEMENTO = f"{LABEL}memento"
RUN = f"{LABEL}run"
# What an image may say of itself.
INIT = f"{LABEL}init"
LOGIN_USER = f"{LABEL}login-user"
AMI_NAME = f"{LABEL}ami-name"
RECORD = f"{LABEL}record"

_AMI_ID = re.compile(r"ami-[0-9a-f]+")
_COMPONENT = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*")
_LONGEST_COMPONENT = 200


def container_name(instance_id: str) -> str:
    """Return the name of an instance's container."""
    return f"{CONTAINER_PREFIX}{instance_id}"


def image_tag(name: str, image_id: str) -> str:
    """Return the Docker tag of an AMI: ``localstack-ec2/<AmiName>:<AmiId>``.

    A name that no repository may have is spelled with what may stand there, and a few digits
    that keep it apart from others that would be spelled alike.
    """
    return f"{IMAGE_PREFIX}{_repository(name)}:{image_id}"


def _repository(name: str) -> str:
    if len(name) <= _LONGEST_COMPONENT and all(map(_COMPONENT.fullmatch, name.split("/"))):
        return name
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:_LONGEST_COMPONENT]
    digits = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{plain}-{digits}" if plain else digits


def ami_of_tag(tag: str) -> tuple[str, str] | None:
    """Return the AMI's name and id that a Docker tag gives, or None for any other image."""
    repository, _, image_id = tag.removeprefix(_LOCAL).rpartition(":")
    if not repository.startswith(IMAGE_PREFIX) or _AMI_ID.fullmatch(image_id) is None:
        return None
    return repository.removeprefix(IMAGE_PREFIX), image_id


@attrs.frozen
class Names:
    """Names that keep two emulators on one engine apart.

    Attributes:
        namespace: of this emulator; the default one has names without it.
        run: of this process, so that it knows what others have left.
    """

    namespace: str = DEFAULT_NAMESPACE
    run: str = ""

    def _own(self, what: str) -> str:
        infix = "" if self.namespace == DEFAULT_NAMESPACE else f"{self.namespace}."
        return f"{CONTAINER_PREFIX}{infix}{what}"

    def network(self, vpc_id: str) -> str:
        """Return the name of a VPC's network."""
        return self._own(vpc_id)

    def volume(self, resource_id: str) -> str:
        """Return the name of the Docker volume with the data of an EBS resource."""
        return self._own(resource_id)

    def label(self) -> Mapping[str, str]:
        """Return the label that everything of this emulator has."""
        return {NAMESPACE: self.namespace}

    def helper_label(self) -> Mapping[str, str]:
        """Return the labels of a container that does a moment's work and is removed."""
        return {**self.label(), RUN: self.run}

    def filter(self) -> str:
        """Return that label as Docker's filters want it."""
        return f"{NAMESPACE}={self.namespace}"


def key_of(labels: Mapping[str, str]) -> GuestKey | None:
    """Return whose container it is that has these labels, or None for any other."""
    # Images made of guests have these labels too, but empty.
    values = [labels.get(name, "") for name in (ACCOUNT, REGION, INSTANCE_ID)]
    return GuestKey(*values) if all(values) else None
