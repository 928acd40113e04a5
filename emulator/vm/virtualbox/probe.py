"""Whether VirtualBox can run machines here, found out within a moment."""

from __future__ import annotations

import re

from emulator.core.process import CommandFailed, run_blocking
from emulator.vm.virtualbox import arguments
from emulator.vm.virtualbox.blocking import Run

DEFAULT_PROGRAM = "VBoxManage"
OLDEST_MAJOR = 7
TIMEOUT_SECONDS = 10.0
_VERSION = re.compile(r"^([0-9]+)\.[0-9]+\.[0-9]+\S*$", re.MULTILINE)
_NO_PROGRAM = "No such file or directory"
_NO_DRIVER = re.compile(r"vboxdrv kernel module is not loaded|/dev/vboxdrv", re.IGNORECASE)


def obstacle(program: str, run: Run = run_blocking) -> str | None:
    """Return what keeps VirtualBox from being used, with what may help; None: nothing.

    Args:
        program: VBoxManage's name or path.
        run: starts the program.
    """
    try:
        done = run([program, *arguments.version()], timeout_seconds=TIMEOUT_SECONDS)
    except CommandFailed as error:
        what = f"there is no program {program}" if _NO_PROGRAM in str(error) else str(error)
        return (
            f"{what}; install VirtualBox {OLDEST_MAJOR}, or say where its VBoxManage is with "
            "EC2_VIRTUALBOX_MANAGE"
        )
    said = (done.output + b"\n" + done.errors).decode(errors="replace")
    if _NO_DRIVER.search(said):
        return (
            "VirtualBox's kernel driver vboxdrv is not loaded: run 'modprobe vboxdrv' as root, or "
            "'/sbin/vboxconfig', which builds it for this kernel"
        )
    version = _VERSION.search(said)
    if version is None:
        return f"{program} --version prints no version: {said.strip()[:200]!r}"
    if int(version.group(1)) < OLDEST_MAJOR:
        return f"VirtualBox {version.group(0)} is too old; {OLDEST_MAJOR}.0 is the oldest"
    return None
