"""The composition root: settings to objects, started and stopped in order.

The only module that names the reactor.
"""

from __future__ import annotations

from twisted.logger import Logger

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

logger = Logger(namespace="emulator")

GRACE_SECONDS = 8.0
# Records live long and hold no cycles worth looking for often: with Python's default of 700
# every hundred launched instances would walk all of them.
COLLECT_AFTER_ALLOCATIONS = 50_000


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
