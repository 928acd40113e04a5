"""The metadata service of one mock instance on a port of its own, as in its namespace.

Run it as ``python benchmarks/metadata_server.py PORT``.
"""

from __future__ import annotations

import gc
import random
import secrets
import socket
import sys
from datetime import UTC, datetime

from twisted.internet import reactor

from benchmarks.client import HEADERS, first, form
from emulator.app import (
    COLLECT_AFTER_ALLOCATIONS,
    INSTANCE_LIMITS,
    OLD_GENERATION_AFTER,
    build,
    build_metadata,
)
from emulator.core.clock import Clock
from emulator.core.ids import Ids
from emulator.core.threads import NoThreads
from emulator.imds.server import Listeners
from emulator.vm.managers import Managers
from emulator.vm.mock.manager import MockManager
from emulator.web.listener import HttpListener
from emulator.wire.message import HttpRequest

LAUNCH = form(
    "RunInstances", ImageId="ami-df5de72bdb3b", InstanceType="t3.micro", MinCount=1, MaxCount=1
)


def main(port: int) -> None:
    api = build(
        clock=Clock.starting_at(reactor, datetime.now(UTC)),
        ids=Ids(random.Random()),
        threads=NoThreads(),
        machines=Managers([MockManager()]),
    )
    headers = {name.lower(): value for name, value in HEADERS.items()}
    answer = api.answer(HttpRequest("POST", "/", headers=headers, body=LAUNCH.encode()))
    instance_id = first("instanceId", b"".join(answer.body))
    listeners = Listeners(
        build_metadata(api, token_key=secrets.token_bytes(32)),
        lambda answer: HttpListener(reactor, answer, INSTANCE_LIMITS, speaks_tls=False),
        api.world.background,
    )
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind(("127.0.0.1", port))
    listening.listen(128)
    # As app.run does.
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER_ALLOCATIONS, 20, OLD_GENERATION_AFTER)
    listeners.adopt(("000000000000", "us-east-1", instance_id), [listening])
    reactor.run()


if __name__ == "__main__":
    main(int(sys.argv[1]))
