"""The virtualbox manager put together from settings."""

from __future__ import annotations

from pathlib import Path

import attrs

from emulator.core.background import Background
from emulator.core.clock import Clock
from emulator.core.process import run_blocking
from emulator.core.threads import Threads
from emulator.vm.virtualbox.blocking import Run
from emulator.vm.virtualbox.command import VBoxManage
from emulator.vm.virtualbox.disks import VirtualDisks
from emulator.vm.virtualbox.follow import Follower
from emulator.vm.virtualbox.images import Images
from emulator.vm.virtualbox.manager import VirtualBoxManager
from emulator.vm.virtualbox.names import Places

# EC2's words for what "uname -m" prints.
_ARCHITECTURES = {"aarch64": "arm64", "arm64": "arm64"}


@attrs.frozen
class VirtualBoxOptions:
    """What a user can set of the virtualbox manager, and what this machine is.

    Attributes:
        program: EC2_VIRTUALBOX_MANAGE.
        root: a folder for machines, disks and consoles, of this emulator alone.
        images: EC2_VIRTUALBOX_IMAGES; None: a folder below ``root``.
        look_every_seconds: EC2_VIRTUALBOX_POLL_SECONDS.
        stop_seconds: EC2_VIRTUALBOX_STOP_SECONDS.
        namespace: EMULATOR_NAMESPACE.
        processors: how many this machine has.
        architecture: as ``uname -m`` prints it.
    """

    program: str
    root: Path
    images: Path | None
    look_every_seconds: float
    stop_seconds: float
    namespace: str
    processors: int
    architecture: str


def virtualbox_manager(
    options: VirtualBoxOptions,
    *,
    threads: Threads,
    clock: Clock,
    background: Background,
    run: Run = run_blocking,
) -> VirtualBoxManager:
    """Return the manager; nothing is asked of VirtualBox yet.

    Args:
        options: the user's.
        threads: where VBoxManage is waited for; enough of them for several launches at once.
        clock: for waiting until guests are down.
        background: owns what goes on beside requests.
        run: starts programs.
    """
    places = Places(options.root, options.images or options.root / "images")
    command = VBoxManage(options.program, threads, clock, run)
    architecture = _ARCHITECTURES.get(options.architecture.lower(), "x86_64")
    images = Images(command, threads, clock, places, architecture)
    disks = VirtualDisks(command, threads, places)
    manager = VirtualBoxManager(
        command,
        threads,
        clock,
        places,
        options.namespace,
        max(1, options.processors),
        options.stop_seconds,
        images,
        disks,
        own_images=images,
        own_disks=disks,
    )
    manager.follower = Follower(
        command,
        threads,
        background,
        places,
        options.look_every_seconds,
        manager.guests,
        manager.images,
        manager.seen,
    )
    return manager
