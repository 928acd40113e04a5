"""VBoxManage run to its end, in threads; its errors become ``VirtualBoxError``."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from emulator.core.process import CommandFailed, Finished, run_blocking
from emulator.vm.interface import VMError

_SAID = re.compile(r"VBoxManage(?:\.exe)?: error: (.*)$", re.MULTILINE)
# Lines that say where in VirtualBox it happened, for its own developers.
_FOR_DEVELOPERS = ("Details: ", "Context: ", "Callee ")
_MISSING = re.compile(r"VBOX_E_OBJECT_NOT_FOUND|VERR_FILE_NOT_FOUND")
_LOCKED = re.compile(
    r"already locked|being locked|locked for (?:reading|writing)"
    r"|while it is (?:locked|changing state)"
)


class VirtualBoxError(VMError):
    """VirtualBox refused, or is not there."""


class Missing(VirtualBoxError):
    """What was named is not there."""


class Locked(VirtualBoxError):
    """Something else uses it just now; soon it may be free."""


Run = Callable[..., Finished]


def blocking_run(
    program: str, arguments: Sequence[str], timeout_seconds: float, run: Run = run_blocking
) -> str:
    """Run VBoxManage and return what it printed.

    Raises:
        Missing, Locked, VirtualBoxError: it could not do that, in its own words.
    """
    try:
        done = run([program, *arguments], timeout_seconds=timeout_seconds)
    except CommandFailed as error:
        raise _error(str(error)) from None
    return done.output.decode(errors="replace")


def _error(said: str) -> VirtualBoxError:
    lines = [line for line in _SAID.findall(said) if not line.startswith(_FOR_DEVELOPERS)]
    # Without an error of its own it is the system's: no such program, or no time left.
    message = "; ".join(lines) or said.strip()
    if _LOCKED.search(said):
        return Locked(message)
    if _MISSING.search(said):
        return Missing(message)
    return VirtualBoxError(message)
