"""The composition root: settings to objects, started and stopped in order."""

from __future__ import annotations

from emulator.core.background import Background
from emulator.core.clock import Clock
from emulator.core.ids import Ids
from emulator.core.threads import Threads
from emulator.services.accounts import Accounts
from emulator.services.call import World
from emulator.services.dispatch import Dispatcher
from emulator.services.ec2.defaults import seed_region
from emulator.services.registry import SERVICES
from emulator.state.store import Region, State
from emulator.vm.interface import VMManager
from emulator.web.api import Api


def build(
    *,
    clock: Clock,
    ids: Ids,
    threads: Threads,
    machines: VMManager,
    accounts: Accounts | None = None,
) -> Api:
    """Return the API with everything behind it."""
    world = World(clock, ids, Background(), threads, machines)

    def seed(region: Region) -> None:
        seed_region(world, region)

    return Api(world, State(seed), Dispatcher(SERVICES), accounts or Accounts())
