"""The virtualbox manager of a run, put together from settings; imported where it is chosen."""

from __future__ import annotations

import os
import platform
from typing import Any

from twisted.python.threadpool import ThreadPool

from emulator.app.machines import LivePorts, Machines
from emulator.config import Config
from emulator.core.background import Background
from emulator.core.clock import Clock
from emulator.core.threads import PooledThreads
from emulator.net.truth import Truth
from emulator.vm.virtualbox.assembly import VirtualBoxOptions, virtualbox_manager

# VirtualBox does one thing after the other with most of what it is asked; copies of disks, which
# take long, leave threads for others.
THREADS = 12
_LIVE_PORTS = LivePorts(
    are_forwarded=False, reason="VirtualBox forwards the ports that groups open at a launch"
)


def virtualbox_machines(
    config: Config, truth: Truth, reactor: Any, clock: Clock, background: Background
) -> Machines:
    """Return the manager with what belongs to it."""
    pool = ThreadPool(0, THREADS, name="virtualbox")
    manager = virtualbox_manager(
        VirtualBoxOptions(
            program=config.ec2_virtualbox_manage,
            root=(config.emulator_data_dir / "virtualbox" / config.emulator_namespace).absolute(),
            images=config.ec2_virtualbox_images and config.ec2_virtualbox_images.absolute(),
            look_every_seconds=config.ec2_virtualbox_poll_seconds,
            stop_seconds=config.ec2_virtualbox_stop_seconds,
            namespace=config.emulator_namespace,
            processors=os.cpu_count() or 1,
            architecture=platform.machine(),
        ),
        threads=PooledThreads(reactor, pool),
        clock=clock,
        background=background,
    )
    return Machines(manager, truth, pool=pool, live_ports=_LIVE_PORTS)
