from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from twisted.internet.task import Clock as FakeReactor

from emulator.core.background import Background
from emulator.core.clock import Clock
from emulator.core.threads import NoThreads
from emulator.vm.docker import follow, names
from emulator.vm.docker.blocking import EngineAddress, Unreachable
from emulator.vm.docker.follow import Follower
from emulator.vm.interface import Guest, GuestKey, MachineImage, VMError
from tests.fakes.client import EPOCH
from tests.fakes.docker_manager import Hearer

KEY = GuestKey("000000000000", "us-east-1", "i-0abc")
IMAGE = MachineImage("ami-1", "web", "localstack-ec2/web:ami-1", "x86_64", EPOCH, 1)
CONNECTED: Mapping[str, Any] = {}


def event(action: str = "die", **changes: Any) -> Mapping[str, Any]:
    attributes = {
        names.NAMESPACE: "default",
        names.ACCOUNT: KEY.account,
        names.REGION: KEY.region,
        names.INSTANCE_ID: KEY.instance_id,
        "name": f"localstack-ec2.{KEY.instance_id}",
        **changes,
    }
    return {"Type": "container", "Action": action, "Actor": {"Attributes": attributes}}


def image_event(action: str = "tag") -> Mapping[str, Any]:
    return {"Type": "image", "Action": action, "Actor": {"ID": "localstack-ec2/web:ami-1"}}


class Feed:
    """What the engine says, a list for each connection; without one it is away."""

    def __init__(self, *connections: Sequence[Mapping[str, Any] | Exception]) -> None:
        self.connections = list(connections)
        self.opened = 0
        self.closed = 0

    def __call__(self, _address: EngineAddress) -> Feed:
        return self

    def read(self) -> Iterator[Mapping[str, Any]]:
        self.opened += 1
        if not self.connections:
            raise Unreachable("the Docker engine does not answer")
        for each in self.connections.pop(0):
            if isinstance(each, Exception):
                raise each
            yield each

    def close_connection(self) -> None:
        self.closed += 1


class Listening:
    """A follower of one feed, with what it told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, feed: Feed) -> None:
        monkeypatch.setattr(follow, "EventStream", feed)
        self.feed = feed
        self.reactor = FakeReactor()
        self.background = Background()
        self.heard = Hearer()
        self.guest_reads = self.image_reads = 0
        self.away = False
        self.follower = Follower(
            EngineAddress(),
            "default",
            NoThreads(),
            lambda function, *args: function(*args),
            Clock.starting_at(self.reactor, datetime(2026, 1, 1, tzinfo=UTC)),
            self.background,
            self.guests,
            self.images,
        )

    async def guests(self) -> Sequence[Guest]:
        self.guest_reads += 1
        if self.away:
            raise VMError("the engine went away again")
        return [Guest(KEY.instance_id, running=True, key=KEY)]

    async def images(self) -> Sequence[MachineImage]:
        self.image_reads += 1
        if self.away:
            raise VMError("the engine went away again")
        return [IMAGE]

    def start(self) -> Listening:
        self.follower.start(self.heard)
        return self


@pytest.fixture
def listen(monkeypatch: pytest.MonkeyPatch) -> Any:
    return lambda *connections: Listening(monkeypatch, Feed(*connections)).start()


def test_it_begins_with_all_that_is_there(listen: Any) -> None:
    told = listen([CONNECTED])
    told.reactor.advance(0)

    assert [[guest.key for guest in guests] for guests in told.heard.guests] == [[KEY]]
    assert told.heard.images == [[IMAGE]]


@pytest.mark.parametrize("action", ["die", "start", "destroy", "pause", "unpause"])
def test_what_happens_to_a_guest_is_told(listen: Any, action: str) -> None:
    assert listen([CONNECTED, event(action)]).heard.changed == [KEY.instance_id]


@pytest.mark.parametrize(
    "other",
    [
        event("exec_start: sh"),
        event("attach"),
        event("create"),
        event("health_status: healthy"),
        event(**{names.NAMESPACE: "other"}),
        event(**{names.NAMESPACE: ""}),
        event(**{names.INSTANCE_ID: ""}),
        event(name="somebody-else"),
        event(name=f"localstack-ec2.{KEY.instance_id}.ending"),
        {"Type": "container", "Action": "die"},
        {"Type": "container", "Action": "die", "Actor": None},
        {"Type": "network", "Action": "destroy"},
        {"status": "die"},
    ],
)
def test_what_is_nobodys_business_is_not(listen: Any, other: Mapping[str, Any]) -> None:
    told = listen([CONNECTED, other])
    told.reactor.advance(0)

    assert told.heard.changed == []
    assert len(told.heard.images) == 1


@pytest.mark.parametrize("action", ["tag", "untag", "delete", "import", "load", "pull"])
def test_what_happens_to_images_is_told(listen: Any, action: str) -> None:
    told = listen([image_event(action)])
    told.reactor.advance(0.02)

    assert told.heard.images == [[IMAGE]]


def test_images_that_only_were_pushed_are_the_same(listen: Any) -> None:
    told = listen([image_event("push")])
    told.reactor.advance(0.4)

    assert told.heard.images == []


def test_many_events_of_images_are_one_look(listen: Any) -> None:
    told = listen([image_event("pull"), *[image_event()] * 20, image_event("untag")])
    told.reactor.advance(0.02)

    assert told.image_reads == 1


def test_an_image_that_comes_during_the_look_is_seen_with_the_next(listen: Any) -> None:
    told = listen([image_event()])
    told.reactor.advance(0.02)
    told.follower._heard(image_event())
    told.reactor.advance(0.02)

    assert told.image_reads == 2


def test_an_engine_that_ends_is_asked_again_and_all_is_told_anew(listen: Any) -> None:
    told = listen([CONNECTED], [CONNECTED, event()])
    assert told.heard.changed == []
    told.reactor.advance(0.5)

    assert len(told.heard.guests) == 2
    assert told.heard.changed == [KEY.instance_id]


def test_an_engine_that_is_away_is_asked_ever_more_seldom(listen: Any) -> None:
    told = listen()
    asked = []
    for second in range(60):
        asked += [second] * (told.feed.opened - len(asked))
        told.reactor.advance(1)
    pauses = [after - before for before, after in itertools.pairwise(asked)]

    assert pauses[-1] == 10
    assert sorted(pauses) == pauses
    assert told.feed.opened < 12


def test_after_a_connection_the_next_outage_begins_with_short_pauses(listen: Any) -> None:
    told = listen()
    told.reactor.pump([1] * 40)
    # It is back, and breaks off in the middle, as a killed engine does.
    told.feed.connections = [[CONNECTED, Unreachable("reset by peer")], [CONNECTED]]
    while not told.heard.guests:
        told.reactor.advance(0.25)
    told.reactor.advance(0.5)

    assert len(told.heard.guests) == 2


def test_each_outage_is_told_once(listen: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[str] = []
    monkeypatch.setattr(follow.log, "warn", lambda text, **_: lines.append(text))
    told = listen([CONNECTED])
    told.reactor.pump([1] * 30)
    assert len(lines) == 1
    told.feed.connections = [[CONNECTED, Unreachable("reset by peer")]]
    told.reactor.pump([1] * 30)

    assert len(lines) == 2


def test_guests_that_cannot_be_read_are_read_with_the_next_connection(listen: Any) -> None:
    told = listen()
    told.away = True
    told.feed.connections = [[CONNECTED]]
    told.reactor.pump([1] * 3)
    assert told.guest_reads == 1
    told.away = False
    told.feed.connections = [[CONNECTED]]
    told.reactor.pump([1] * 12)

    assert len(told.heard.guests) == 1


def test_nothing_is_told_after_the_end(listen: Any) -> None:
    told = listen([CONNECTED])
    told.follower.close()
    told.follower._heard(event())
    told.reactor.pump([1] * 30)

    assert told.heard.changed == []
    assert told.feed.closed >= 1
    assert told.feed.opened == 1
    assert len(told.background) == 0
