"""Which VM managers there are, and which one runs here."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from emulator.vm.docker import probe

NAMES = ("docker", "mock")


@attrs.frozen
class Choice:
    """A manager and why it is the one.

    Attributes:
        name: one of ``NAMES``.
        reason: for the log, ``doctor`` and ``/_localstack/info``.
    """

    name: str
    reason: str


def choose(wanted: str | None, docker_environment: Mapping[str, str]) -> Choice:
    """Return the manager to use.

    Args:
        wanted: EC2_VM_MANAGER, or None for the best that works here.
        docker_environment: DOCKER_HOST and its kin.
    """
    if wanted is not None:
        return Choice(wanted, f"EC2_VM_MANAGER={wanted}")
    missing = probe.obstacle(docker_environment)
    if missing is None:
        return Choice("docker", "a Docker engine answers here")
    return Choice("mock", f"no Docker engine: {missing}")


def obstacles(docker_environment: Mapping[str, str]) -> Mapping[str, str | None]:
    """Return, for each manager of this version, what keeps it from running; None: nothing."""
    return {"docker": probe.obstacle(docker_environment), "mock": None}
