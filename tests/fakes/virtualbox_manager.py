"""The virtualbox manager over the stand-in: no thread, no process, no time passing."""

from __future__ import annotations

import sys
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock as FakeReactor

from emulator.core.background import Background
from emulator.core.clock import Clock
from emulator.core.process import CommandFailed, Finished
from emulator.core.threads import NoThreads
from emulator.vm.virtualbox.assembly import VirtualBoxOptions, virtualbox_manager
from tests.fakes import vboxmanage
from tests.fakes.client import EPOCH
from tests.fakes.vboxmanage import HOME, Stand

AMI = "ami-0123456789abcdef0"
# More than any wait in the manager.
LONGEST_SECONDS = 300


class VirtualBoxWorld:
    """A manager, the VirtualBox it speaks to, and the time.

    Attributes:
        fails_at: the command before which everything stops working, counted from 1; 0: none.
    """

    def __init__(self, folder: Path, stand: Stand | None = None) -> None:
        self.folder = folder
        self.stand = stand or Stand(folder / "stand")
        self.reactor = FakeReactor()
        self.background = Background()
        self.fails_at = 0
        self.runs = 0
        self.manager = virtualbox_manager(
            VirtualBoxOptions(
                program="VBoxManage",
                root=folder / "own",
                images=folder / "images",
                look_every_seconds=3,
                stop_seconds=60,
                namespace="test",
                processors=4,
                architecture="x86_64",
            ),
            threads=NoThreads(),
            clock=Clock.starting_at(self.reactor, EPOCH),
            background=self.background,
            run=self.run,
        )

    def run(self, arguments: Sequence[str], *, timeout_seconds: float) -> Finished:
        """Run the stand-in as ``run_blocking`` runs a program."""
        self.runs += 1
        if self.runs == self.fails_at:
            raise CommandFailed(f"VBoxManage: timed out after {timeout_seconds} seconds")
        status, output, errors = self.stand.run(arguments[1:])
        if status:
            raise CommandFailed(f"{arguments[0]}: {errors.strip()}")
        return Finished(output.encode(), errors.encode())

    def result_of(self, work: Coroutine[Deferred[Any], Any, Any]) -> Any:
        """Return what ``work`` comes to, while time passes as it needs."""
        results: list[Any] = []
        Deferred.fromCoroutine(work).addBoth(results.append)
        until = self.reactor.seconds() + LONGEST_SECONDS
        while not results and self.reactor.seconds() < until:
            self.reactor.advance(0.5)
        assert results, "the manager never answered"
        if hasattr(results[0], "raiseException"):
            results[0].raiseException()
        return results[0]

    def state_of(self, name: str) -> str:
        """Return what a machine does, in VirtualBox's words."""
        machine = self.stand.machine(name)
        assert machine is not None, f"there is no machine {name}"
        return str(machine["state"])


def install_program(folder: Path, home: Path) -> Path:
    """Write the stand-in as a program ``VBoxManage``, for a PATH, and return its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / "VBoxManage"
    root = Path(vboxmanage.__file__).parents[2]
    program.write_text(
        f"#!{sys.executable}\n"
        "import os, sys\n"
        f"os.environ[{HOME!r}] = {str(home)!r}\n"
        f"sys.path.insert(0, {str(root)!r})\n"
        "from tests.fakes.vboxmanage import main\n"
        "sys.exit(main())\n"
    )
    program.chmod(0o755)
    return folder
