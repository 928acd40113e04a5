"""The tag that says which VM manager an instance's machine is with.

Contract: instances carry ``ec2_vm_manager:docker`` (or another manager's name). Tools that
compare tags with what they wrote would take it for drift, so it is left out of answers to
the Terraform family, unless EC2_MANAGER_TAG says otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from emulator.model.image import Image
from emulator.services.call import Call
from emulator.services.ec2.images.images import MANAGER_TAG, MANAGERS

V = TypeVar("V")

_COMPARING = ("terraform", "opentofu", "pulumi")


def with_manager_tag(image: Image, tags: Mapping[str, str]) -> Mapping[str, str]:
    """Return an instance's tags with that of the manager which boots its image, if one does."""
    return {**tags, MANAGER_TAG: image.vm_manager} if image.vm_manager else tags


def hidden_from(call: Call) -> bool:
    """Tell whether the caller is not to see the tag on instances."""
    if MANAGERS not in call.region.settings or call.world.manager_tag == "always":
        return False
    agent = call.user_agent.lower()
    return call.world.manager_tag == "never" or any(name in agent for name in _COMPARING)


def visible_to(call: Call, reservations: list[V]) -> list[V]:
    """Return reservations, in XML or with instances in XML, as the caller is to see them."""
    if not hidden_from(call):
        return reservations
    for manager in call.region.settings[MANAGERS]:
        item = f"<item><key>{MANAGER_TAG}</key><value>{manager}</value></item>".encode()
        reservations = [_without(each, item) for each in reservations]
    return reservations


def _without(reservation: Any, item: bytes) -> Any:
    if isinstance(reservation, bytes):
        return reservation.replace(item, b"")
    return {**reservation, "Instances": _each_without(reservation["Instances"], item)}


def _each_without(instances: Iterable[bytes], item: bytes) -> list[bytes]:
    return [instance.replace(item, b"") for instance in instances]
