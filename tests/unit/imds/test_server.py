"""Who is served where; the sockets are somebody else's."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from emulator.core.background import Background
from emulator.imds.server import Door, Listeners
from emulator.wire.message import HttpRequest, HttpResponse
from tests.fakes.inmate import metadata_of
from tests.fakes.launcher import Launcher


class FakeDoor(Door):
    """Keeps what it was given, and can be told that the sockets are no good."""

    def __init__(self, answer: Callable[[HttpRequest], HttpResponse]) -> None:
        self.answer = answer
        self.sockets: list[Any] = []
        self.stopped = False

    def adopt(self, sockets: Iterable[Any]) -> None:
        self.sockets += sockets
        if None in self.sockets:
            raise OSError("closed")

    async def stop(self, grace_seconds: float) -> None:
        assert grace_seconds == 0
        self.stopped = True


class Street:
    def __init__(self) -> None:
        self.client = Launcher()
        self.doors: list[FakeDoor] = []
        self.listeners = Listeners(metadata_of(self.client), self.new_door, Background())

    def new_door(self, answer: Callable[[HttpRequest], HttpResponse]) -> FakeDoor:
        self.doors.append(FakeDoor(answer))
        return self.doors[-1]

    def launch(self) -> tuple[str, str, str]:
        return "000000000000", "us-east-1", self.client.launch(ImageId="ami-df5de72bdb3b")


def told(door: FakeDoor) -> str:
    answer = door.answer(HttpRequest("GET", "/latest/meta-data/instance-id"))
    return b"".join(answer.body).decode()


def test_a_door_answers_for_the_instance_it_was_opened_for() -> None:
    street = Street()
    first, second = street.launch(), street.launch()
    street.listeners.adopt(first, ["v4", "v6"])
    street.listeners.adopt(second, ["other"])

    assert [told(door) for door in street.doors] == [first[2], second[2]]
    assert street.doors[0].sockets == ["v4", "v6"]
    assert len(street.listeners) == 2
    assert first in street.listeners


def test_new_sockets_take_the_place_of_the_old() -> None:
    street = Street()
    key = street.launch()
    street.listeners.adopt(key, ["before the restart"])
    street.listeners.adopt(key, ["after it"])

    assert [door.stopped for door in street.doors] == [True, False]
    assert len(street.listeners) == 1


def test_a_closed_door_is_forgotten_and_may_be_closed_again() -> None:
    street = Street()
    key = street.launch()
    street.listeners.adopt(key, ["v4"])
    street.listeners.close(key)
    street.listeners.close(key)

    assert street.doors[0].stopped
    assert key not in street.listeners


def test_all_doors_can_be_closed_at_once() -> None:
    street = Street()
    for key in (street.launch(), street.launch()):
        street.listeners.adopt(key, ["v4"])
    street.listeners.close_all()

    assert [door.stopped for door in street.doors] == [True, True]
    assert len(street.listeners) == 0


def test_a_socket_that_is_no_good_leaves_nothing_open() -> None:
    street = Street()
    key = street.launch()
    with pytest.raises(OSError, match="closed"):
        street.listeners.adopt(key, ["v4", None])

    assert street.doors[0].stopped
    assert key not in street.listeners


def test_credentials_go_with_the_door() -> None:
    street = Street()
    street.client.profile("app")
    instance_id = street.client.launch(
        ImageId="ami-df5de72bdb3b", IamInstanceProfile={"Name": "app"}
    )
    key = ("000000000000", "us-east-1", instance_id)
    street.listeners.adopt(key, ["v4"])
    request = HttpRequest("GET", "/latest/meta-data/iam/security-credentials/app")
    first = street.doors[0].answer(request).body
    assert street.doors[0].answer(request).body == first
    street.listeners.close(key)
    street.listeners.adopt(key, ["v4"])
    assert street.doors[1].answer(request).body != first
