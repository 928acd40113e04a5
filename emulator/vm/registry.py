"""Which VM managers there are, and which run here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import attrs

from emulator.vm.docker import probe as docker_probe
from emulator.vm.libvirt import probe as libvirt_probe
from emulator.vm.virtualbox import probe as virtualbox_probe


@attrs.frozen
class Surroundings:
    """What settings say of this machine, for those who look at it.

    Attributes:
        docker_environment: DOCKER_HOST and its kin.
        hypervisor_uri: EC2_HYPERVISOR_URI.
        libvirt_pool: EC2_LIBVIRT_POOL.
        virtualbox_program: EC2_VIRTUALBOX_MANAGE.
    """

    docker_environment: Mapping[str, str] = attrs.field(factory=dict)
    hypervisor_uri: str = "qemu:///system"
    libvirt_pool: str = "default"
    virtualbox_program: str = virtualbox_probe.DEFAULT_PROGRAM


Probe = Callable[[Surroundings], str | None]

# For each manager, who says what keeps it from running here; None: nothing. Importing and
# asking them all takes a moment at most and leaves nothing behind.
PROBES: Mapping[str, Probe] = {
    "docker": lambda here: docker_probe.obstacle(here.docker_environment),
    "libvirt": lambda here: libvirt_probe.obstacle(here.hypervisor_uri, here.libvirt_pool),
    "virtualbox": lambda here: virtualbox_probe.obstacle(here.virtualbox_program),
    "mock": lambda _: None,
}
NAMES = tuple(PROBES)


@attrs.frozen
class Choice:
    """The managers that run and why it is these.

    Attributes:
        names: some of ``NAMES``, the most wanted first.
        reason: for the log, ``doctor`` and ``/_localstack/info``.
    """

    names: tuple[str, ...]
    reason: str

    @property
    def name(self) -> str:
        """All the names, as EC2_VM_MANAGER has them."""
        return ",".join(self.names)


def choose(wanted: Sequence[str] | None, here: Surroundings) -> Choice:
    """Return the managers to use.

    Args:
        wanted: EC2_VM_MANAGER, or None for the one that works here.
        here: where to look.
    """
    if wanted is not None:
        return Choice(tuple(wanted), f"EC2_VM_MANAGER={','.join(wanted)}")
    missing = PROBES["docker"](here)
    if missing is None:
        return Choice(("docker",), "a Docker engine answers here")
    return Choice(("mock",), f"no Docker engine: {missing}")


def obstacles(here: Surroundings) -> Mapping[str, str | None]:
    """Return, for each manager of this version, what keeps it from running; None: nothing."""
    return {name: probe(here) for name, probe in PROBES.items()}
