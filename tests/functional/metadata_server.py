"""An emulator whose instances have their metadata on loopback, for test_metadata.py.

Run it with a folder: it writes ``api`` (the API's address) and, for each instance that
lives, a file of the instance's id with the addresses of its two listeners.
"""

from __future__ import annotations

import random
import socket
import sys
from datetime import UTC, datetime
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.task import LoopingCall
from twisted.logger import globalLogBeginner, textFileLogObserver

from emulator.app import INSTANCE_LIMITS, build, build_events, build_metadata
from emulator.core.clock import Clock
from emulator.core.ids import Ids
from emulator.core.threads import PooledThreads
from emulator.imds.admin import pages
from emulator.imds.server import Listeners
from emulator.model.instance import Instance
from emulator.vm.managers import Managers
from emulator.vm.mock.manager import MockManager
from emulator.web.admin import Admin
from emulator.web.listener import HttpListener, parse_addresses
from emulator.web.site import Site

KEY = b"a key that outlives the process."
folder = Path(sys.argv[1])
credentials_seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 3600.0
clock = Clock.starting_at(reactor, datetime.now(UTC))
api = build(
    clock=clock,
    ids=Ids(random.Random()),
    threads=PooledThreads(reactor, reactor.getThreadPool()),
    machines=Managers([MockManager()]),
)
metadata = build_metadata(api, token_key=KEY, credentials_seconds=credentials_seconds)
listeners = Listeners(
    metadata,
    lambda answer: HttpListener(reactor, answer, INSTANCE_LIMITS, speaks_tls=False),
    api.world.background,
)


def opened(family: socket.AddressFamily, host: str) -> socket.socket:
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.bind((host, 0))
    listening.listen(16)
    return listening


def follow() -> None:
    """Give every living instance its listeners, and take them from those that ended."""
    for region in api.state:
        if region.name == "aws-global":
            continue
        for instance in region[Instance]:
            key = (region.account, region.name, instance.id)
            if instance.state == "terminated":
                listeners.close(key)
            elif key not in listeners:
                sockets = [opened(socket.AF_INET, "127.0.0.1"), opened(socket.AF_INET6, "::1")]
                ports = [each.getsockname()[1] for each in sockets]
                listeners.adopt(key, sockets)
                text = f"http://127.0.0.1:{ports[0]} http://[::1]:{ports[1]}"
                publish(instance.id, text)


def publish(name: str, text: str) -> None:
    (folder / f".{name}").write_text(text)
    (folder / f".{name}").rename(folder / name)


globalLogBeginner.beginLoggingTo([textFileLogObserver(sys.stderr)])
admin = Admin(api, "0", ("mock", "test"), clock.now(), pages(build_events(api), metadata.identity))
listener = HttpListener(reactor, Site(api, admin).answer)
address = listener.listen(parse_addresses("127.0.0.1:0"))[0]
LoopingCall(follow).start(0.02)
reactor.callWhenRunning(publish, "api", address.url)
reactor.run()
