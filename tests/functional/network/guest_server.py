"""An emulator whose guests are network namespaces on real macvtap links, for test_guest_ports.py.

Run it with a folder and a namespace: it writes ``api`` with the API's address. It does what a
manager of virtual machines does with ``GuestPorts``; a guest is a network namespace called
``guest-<instance id>`` that has a macvlan device where QEMU would have its macvtap device.
Mementos are kept in the folder, so that another one may be started after this was killed.
"""

from __future__ import annotations

import contextlib
import random
import shutil
import socket
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.logger import globalLogBeginner, textFileLogObserver

from emulator.app import INSTANCE_LIMITS, build, build_metadata
from emulator.core.background import Background
from emulator.core.clock import Clock
from emulator.core.ids import Ids
from emulator.core.threads import PooledThreads
from emulator.imds.server import Listeners
from emulator.net.dhcp_server import DhcpServers
from emulator.net.enforce import Enforcement
from emulator.net.guest_port import VpcPorts
from emulator.net.guest_way import GuestWay
from emulator.net.namespace import InstanceNamespaces
from emulator.net.port_plan import bridge_name
from emulator.net.ports import API_PORT, DHCP_PORT, DNS_PORT, METADATA_PORT
from emulator.net.resolver import Resolvers
from emulator.services.ec2.instances.restore import restore
from emulator.state.store import State
from emulator.vm.interface import (
    Guest,
    GuestKey,
    GuestNetwork,
    LaunchSpec,
    Plugs,
    VMManager,
    Wire,
    Wires,
)
from emulator.vm.managers import Managers
from emulator.web.admin import Admin
from emulator.web.listener import HttpListener, parse_addresses
from emulator.web.site import Site

folder, own = Path(sys.argv[1]), sys.argv[2]
MEMENTOS = folder / "mementos"
MEMENTOS.mkdir(exist_ok=True)
# Ranges that are not free on this machine, as far as this emulator is concerned; the second is
# that of default VPCs.
INSTEAD = {"10.238.0.0/16": "10.235.1.0/24", "172.31.0.0/16": "10.235.2.0/24"}


def ip(*arguments: str) -> None:
    subprocess.run(("ip", *arguments), check=True)


def allow_within(bridge: str) -> None:
    allow = ("FORWARD", "-i", bridge, "-o", bridge, "-j", "ACCEPT")
    subprocess.run(("iptables", "-w", "-I", *allow), check=True)


class PlainBridges(Wires):
    """A bridge for each VPC."""

    async def ensure(self, network: GuestNetwork) -> Wire:
        name = bridge_name(own, network.vpc_id)
        cidr = INSTEAD.get(network.cidr, network.cidr)
        base, _, length = cidr.partition("/")
        gateway = base.rpartition(".")[0] + ".1"
        if name not in [link for _, link in socket.if_nameindex()]:
            ip("link", "add", name, "type", "bridge")
            ip("address", "add", f"{gateway}/{length}", "dev", name)
            ip("link", "set", name, "up")
            ip("link", "set", name, "alias", f"test/{own}")
            # A Docker engine on this machine drops what crosses others' bridges.
            if shutil.which("iptables"):
                allow_within(name)
        return Wire(name, cidr, gateway)


class NamespaceGuests(VMManager, Plugs):
    """Guests that are namespaces."""

    name = "mock"

    def __init__(self) -> None:
        self.ports: Any = None

    async def launch(self, spec: LaunchSpec) -> Guest:
        link = await self.ports.prepare(spec)
        name = f"guest-{spec.instance_id}"
        ip("netns", "add", name)
        ip("-n", name, "link", "set", "lo", "up")
        self._insert(name, "ens0", link, spec.mac_address or "")
        (MEMENTOS / spec.instance_id).write_text(spec.memento)
        address = await self.ports.connect(spec.key)
        whose = f"{spec.key.account} {spec.key.region} {address}"
        (MEMENTOS / f"{spec.instance_id}.key").write_text(whose)
        return Guest(spec.instance_id, running=True, public_ip=address)

    def _insert(self, name: str, device: str, link: str, mac_address: str) -> None:
        kind = ("type", "macvlan", "mode", "private")
        ip(
            "link",
            "add",
            "link",
            link,
            "name",
            device,
            "netns",
            name,
            "address",
            mac_address,
            *kind,
        )
        ip("-n", name, "link", "set", device, "up")

    async def plug(self, instance_id: str, link: str, mac_address: str) -> None:
        name = f"guest-{instance_id}"
        with contextlib.suppress(subprocess.CalledProcessError):  # it is there
            self._insert(name, f"e{mac_address.replace(':', '')}", link, mac_address)

    async def unplug(self, instance_id: str, mac_address: str) -> None:
        with contextlib.suppress(subprocess.CalledProcessError):
            device = f"e{mac_address.replace(':', '')}"
            ip("-n", f"guest-{instance_id}", "link", "delete", device)

    async def plugged(self, instance_id: str) -> Sequence[str]:
        return []

    async def start(self, instance_id: str) -> Guest:
        raise NotImplementedError

    async def stop(self, instance_id: str, *, force: bool) -> None:
        raise NotImplementedError

    async def reboot(self, instance_id: str) -> None:
        raise NotImplementedError

    async def terminate(self, instance_id: str) -> None:
        with contextlib.suppress(subprocess.CalledProcessError):
            ip("netns", "delete", f"guest-{instance_id}")
        (MEMENTOS / instance_id).unlink(missing_ok=True)
        for region in api.state:
            await self.ports.forget(GuestKey(region.account, region.name, instance_id))

    async def describe(self) -> Sequence[Guest]:
        found = []
        for path in MEMENTOS.iterdir():
            if path.suffix == ".key" and path.with_suffix("").exists():
                account, region, address = path.read_text().split()
                key = GuestKey(account, region, path.stem)
                memento = path.with_suffix("").read_text()
                found.append(Guest(path.stem, True, address, key, memento=memento))
        return found


globalLogBeginner.beginLoggingTo([textFileLogObserver(sys.stderr)])
clock = Clock.starting_at(reactor, datetime.now(UTC))
threads = PooledThreads(reactor, reactor.getThreadPool())
state, background, guests = State(), Background(), NamespaceGuests()
api = build(
    clock=clock,
    ids=Ids(random.Random()),
    threads=threads,
    machines=Managers([guests]),
    state=state,
    background=background,
)
metadata = build_metadata(api, token_key=b"a key that outlives the process.")
site = Site(api, Admin(api, "0", ("mock", "test"), clock.now(), {}))


class ApiInInstances:
    def answer(self, _: Any, request: Any) -> Any:
        return site.answer_aws(request)

    def forget(self, _: Any) -> None:
        pass


def door(answer: Any) -> HttpListener:
    return HttpListener(reactor, answer, INSTANCE_LIMITS, speaks_tls=False)


way = GuestWay(threads)
way.plugs = guests
namespaces = InstanceNamespaces(state, way, Enforcement(state, way, clock, background))
namespaces.listeners = {
    METADATA_PORT: Listeners(metadata, door, background),
    API_PORT: Listeners(ApiInInstances(), door, background),
    DNS_PORT: Resolvers(state, reactor, ("127.0.0.1",), background),
    DHCP_PORT: DhcpServers(state, reactor),
}
guests.ports = VpcPorts(state, way, namespaces, own)
guests.ports.wires = PlainBridges()
listener = HttpListener(reactor, site.answer)
address = listener.listen(parse_addresses("127.0.0.1:0"))[0]


async def begin() -> None:
    """Adopt the guests of an earlier run, then say where the API is."""
    assert guests.ports.obstacle() is None, guests.ports.obstacle()
    for guest in await guests.describe():
        assert guest.key is not None
        if restore(api.world, state, guest, guests.name) is None:
            await guests.terminate(guest.instance_id)  # its VPC was the former emulator's
        else:
            await guests.ports.connect(guest.key)
    await guests.ports.keep_only([guest.instance_id for guest in await guests.describe()])
    (folder / ".api").write_text(address.url)
    (folder / ".api").rename(folder / "api")


def start() -> None:
    Deferred.fromCoroutine(begin()).addErrback(fail)


def fail(failure: Any) -> None:
    failure.printTraceback(sys.stderr)
    reactor.stop()


reactor.callWhenRunning(start)
reactor.run()
