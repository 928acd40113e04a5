"""Disks of a machine as they are now, though it may be writing to them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from twisted.logger import Logger

from emulator.vm.virtualbox import arguments
from emulator.vm.virtualbox.blocking import VirtualBoxError
from emulator.vm.virtualbox.command import LONG_SECONDS, VBoxManage
from emulator.vm.virtualbox.names import COPY_SNAPSHOT
from emulator.vm.virtualbox.reading import Machine

log = Logger(namespace="emulator.vm.virtualbox")


@asynccontextmanager
async def frozen(command: VBoxManage, machine: Machine) -> AsyncIterator[str | None]:
    """Let a machine's disks be copied.

    VirtualBox copies no disk that a machine has open. With a snapshot the machine goes on
    with new files, and those it had stay as they are until the snapshot goes.

    Yields:
        The snapshot's name; None for a machine that needs none, because it is off.
    """
    if not machine.has_process:
        yield None
        return
    await command.run(
        arguments.take_snapshot(machine.name, COPY_SNAPSHOT, live=machine.is_up), LONG_SECONDS
    )
    try:
        yield COPY_SNAPSHOT
    finally:
        try:
            await command.run(arguments.delete_snapshot(machine.name, COPY_SNAPSHOT), LONG_SECONDS)
        except VirtualBoxError as error:
            # The next start tries again.
            log.warn(
                "{machine} has a snapshot left: {error}", machine=machine.name, error=str(error)
            )
