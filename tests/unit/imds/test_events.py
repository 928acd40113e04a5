"""What befalls instances, with a clock that is turned by hand."""

from __future__ import annotations

import json
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.app import build_events
from emulator.imds.admin import CERTIFICATE_PATH, EVENTS_PATH, pages
from emulator.imds.events import CODES, EventError, Events
from emulator.wire.message import HttpRequest
from tests.fakes.inmate import Inmate
from tests.fakes.launcher import Launcher

AMI = "ami-df5de72bdb3b"
NOTICE = "spot/instance-action"


@attrs.frozen
class Scene:
    client: Launcher
    events: Events
    inmate: Inmate

    @property
    def id(self) -> str:
        return self.inmate.instance_id

    @property
    def state(self) -> str:
        return self.client.state(self.id)

    def reason(self) -> str:
        return str(self.client.instance(self.id)["StateReason"]["Code"])

    def request(self) -> dict[str, Any]:
        found: dict[str, Any] = self.client.call("DescribeSpotInstanceRequests")[
            "SpotInstanceRequests"
        ][0]
        return found

    def pass_seconds(self, seconds: float) -> None:
        self.client.turn(seconds)


def scene(**params: Any) -> Scene:
    client = Launcher()
    instance_id = client.launch(ImageId=AMI, **params)
    return Scene(client, build_events(client.api), Inmate(client, instance_id))


def spot(persistent: str | None = None) -> Scene:
    options: dict[str, Any] = {"MarketType": "spot"}
    if persistent is not None:
        options["SpotOptions"] = {
            "SpotInstanceType": "persistent",
            "InstanceInterruptionBehavior": persistent,
        }
    return scene(InstanceMarketOptions=options)


def test_an_interruption_is_told_two_minutes_before_and_then_happens() -> None:
    on = spot()
    on.events.interrupt_spot(on.id, 300)
    assert on.inmate.meta(NOTICE) is None
    assert on.inmate.document("events/recommendations/rebalance") == {
        "noticeTime": "2026-01-02T03:04:05Z"
    }
    on.pass_seconds(180)
    when = "2026-01-02T03:09:05Z"
    assert on.inmate.document(NOTICE) == {"action": "terminate", "time": when}
    assert on.inmate.meta("spot/termination-time") == when
    assert on.inmate.meta("spot/") == "instance-action\ntermination-time"
    assert on.request()["Status"]["Code"] == "marked-for-termination"
    on.pass_seconds(119)
    assert on.state == "running"
    on.pass_seconds(1)
    assert on.state == "terminated"
    assert on.reason() == "Server.SpotInstanceTermination"
    assert on.request()["State"] == "closed"
    assert on.request()["Status"]["Code"] == "instance-terminated-by-experiment"


def test_an_interruption_within_two_minutes_is_told_at_once() -> None:
    on = spot()
    on.events.interrupt_spot(on.id, 120)
    assert on.inmate.document(NOTICE)["time"] == "2026-01-02T03:06:05Z"
    on.pass_seconds(120)
    assert on.state == "terminated"


@pytest.mark.parametrize("behaviour", ["stop", "hibernate"])
def test_a_persistent_request_may_have_its_instance_stopped(behaviour: str) -> None:
    on = spot(behaviour)
    on.events.interrupt_spot(on.id, 60)
    assert on.inmate.document(NOTICE)["action"] == behaviour
    assert on.inmate.meta("spot/termination-time") is None
    on.pass_seconds(60)
    assert (on.state, on.reason()) == ("stopped", "Server.SpotInstanceShutdown")
    assert on.inmate.meta(NOTICE) is None
    assert on.inmate.meta("events/recommendations/rebalance") is None
    on.client.call("StartInstances", InstanceIds=[on.id])
    assert on.state == "running"
    assert on.request()["State"] == "active"


def test_any_instance_can_be_interrupted_and_no_protection_helps() -> None:
    on = scene(DisableApiTermination=True)
    on.events.interrupt_spot(on.id, 0)
    on.pass_seconds(0)
    assert on.state == "terminated"


def test_a_cancelled_interruption_does_not_happen() -> None:
    on = spot()
    event = on.events.interrupt_spot(on.id, 60)
    on.pass_seconds(0)
    assert on.request()["Status"]["Code"] == "marked-for-termination"
    on.events.cancel(event.id)
    assert on.inmate.meta(NOTICE) is None
    assert on.request()["Status"]["Code"] == "fulfilled"
    on.pass_seconds(61)
    assert on.state == "running"
    with pytest.raises(EventError):
        on.events.cancel(event.id)


def test_an_interruption_of_an_instance_that_is_gone_disturbs_nobody() -> None:
    on = spot()
    on.events.interrupt_spot(on.id, 60)
    on.client.call("TerminateInstances", InstanceIds=[on.id])
    assert on.events.listed() == []
    on.pass_seconds(60)
    assert on.reason() == "Client.UserInitiatedShutdown"


def test_a_reset_takes_events_away() -> None:
    on = spot()
    on.events.interrupt_spot(on.id, 60)
    on.client.api.reset()
    on.pass_seconds(61)
    assert on.events.listed() == []


def test_a_rebalance_recommendation_stands_alone() -> None:
    on = scene()
    assert on.inmate.meta("events/") == "maintenance/"
    on.events.recommend_rebalance(on.id, 10)
    assert on.inmate.meta("events/recommendations/rebalance") is None
    on.pass_seconds(10)
    assert on.inmate.document("events/recommendations/rebalance") == {
        "noticeTime": "2026-01-02T03:04:15Z"
    }
    assert on.inmate.meta("events/") == "maintenance/\nrecommendations/"
    assert on.state == "running"


def test_maintenance_is_scheduled_done_and_then_history() -> None:
    on = scene()
    event = on.events.schedule(on.id, 3600, "instance-stop")
    (shown,) = on.inmate.document("events/maintenance/scheduled")
    assert shown == {
        "NotBefore": "02 Jan 2026 04:04:05 GMT",
        "Code": "instance-stop",
        "Description": "The instance is scheduled to be stopped",
        "EventId": event.id,
        "State": "active",
        "NotAfter": "02 Jan 2026 06:04:05 GMT",
    }
    assert on.inmate.document("events/maintenance/history") == []
    on.pass_seconds(3600)
    assert (on.state, on.reason()) == ("stopped", "Server.ScheduledStop")
    assert on.inmate.document("events/maintenance/scheduled") == []
    (past,) = on.inmate.document("events/maintenance/history")
    assert past["State"] == "completed"
    assert past["Description"] == "[Completed] The instance is scheduled to be stopped"


@pytest.mark.parametrize(
    ("code", "state"),
    [
        ("instance-reboot", "running"),
        ("system-reboot", "running"),
        ("system-maintenance", "running"),
        ("instance-retirement", "stopped"),
        ("instance-stop", "stopped"),
    ],
)
def test_each_code_does_what_it_says(code: str, state: str) -> None:
    on = scene()
    on.events.schedule(on.id, 5, code)
    on.pass_seconds(5)
    assert on.state == state
    assert code in CODES


def test_a_cancelled_event_is_history() -> None:
    on = scene()
    on.events.cancel(on.events.schedule(on.id, 60, description="Battery").id)
    (past,) = on.inmate.document("events/maintenance/history")
    assert (past["State"], past["Description"]) == ("canceled", "[Canceled] Battery")


def test_the_target_lifecycle_state_is_told_and_nothing_is_done() -> None:
    on = scene()
    on.events.set_lifecycle_state(on.id, "InService")
    on.events.set_lifecycle_state(on.id, "Terminated", 30)
    assert on.inmate.meta("autoscaling/target-lifecycle-state") == "InService"
    on.pass_seconds(30)
    assert on.inmate.meta("autoscaling/target-lifecycle-state") == "Terminated"
    assert on.state == "running"


def test_events_of_an_earlier_run_are_waited_for_again() -> None:
    on = scene()
    event = on.events.schedule(on.id, 100, "instance-stop")
    event.not_before = event.not_before.replace(minute=5, second=0)
    later = build_events(on.client.api)
    later.resume()
    on.pass_seconds(55)
    assert on.state == "stopped"


@pytest.mark.parametrize(
    "impossible",
    [
        lambda on: on.events.interrupt_spot("i-404", 0),
        lambda on: on.events.interrupt_spot(on.id, -1),
        lambda on: on.events.interrupt_spot(on.id, float("nan")),
        lambda on: on.events.interrupt_spot(on.id, 1e12),
        lambda on: on.events.interrupt_spot(on.id, 0, "explode"),
        lambda on: on.events.schedule(on.id, 0, "explode"),
        lambda on: on.events.set_lifecycle_state(on.id, "Asleep"),
        lambda on: on.events.cancel("instance-event-0"),
    ],
)
def test_what_cannot_be_is_refused_and_leaves_nothing(impossible: Any) -> None:
    on = scene()
    with pytest.raises(EventError):
        impossible(on)
    assert on.events.listed() == []


def test_the_administration_makes_lists_and_cancels() -> None:
    on = scene()
    offered = pages(on.events, on.inmate.metadata.identity)

    def ask(method: str, body: Any = None, query: str = "") -> tuple[int, Any]:
        request = HttpRequest(method, "/", query, body=json.dumps(body).encode())
        answer = offered[EVENTS_PATH][method](request)
        return answer.status, json.loads(b"".join(answer.body))

    status, made = ask("POST", {"kind": "maintenance", "instance_id": on.id, "in_seconds": 60})
    assert status == 201
    assert made == {
        "id": made["id"],
        "kind": "maintenance",
        "instance_id": on.id,
        "value": "system-reboot",
        "state": "active",
        "noticed_at": "2026-01-02T03:04:05Z",
        "not_before": "2026-01-02T03:05:05Z",
    }
    assert ask("GET") == (200, {"events": [made]})
    status, cancelled = ask("DELETE", query=f"id={made['id']}")
    assert (status, cancelled["state"]) == (200, "canceled")
    assert ask("DELETE", query="id=nope")[0] == 400
    certificate = offered[CERTIFICATE_PATH]["GET"](HttpRequest("GET", "/"))
    assert b"".join(certificate.body).startswith(b"-----BEGIN CERTIFICATE-----\n")


@pytest.mark.parametrize("kind", ["spot-interruption", "rebalance", "maintenance"])
def test_every_kind_can_be_asked_for_with_its_name_alone(kind: str) -> None:
    on = scene()
    offered = pages(on.events, on.inmate.metadata.identity)
    body = json.dumps({"kind": kind, "instance_id": on.id}).encode()

    assert offered[EVENTS_PATH]["POST"](HttpRequest("POST", "/", body=body)).status == 201


SCENE = scene()


@given(
    st.one_of(
        st.binary(max_size=40),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner),
            max_leaves=5,
        ).map(lambda value: json.dumps(value).encode()),
        st.fixed_dictionaries(
            {"kind": st.sampled_from(["spot-interruption", "maintenance", "lifecycle-state"])},
            optional={
                "instance_id": st.just(SCENE.id) | st.integers(),
                "in_seconds": st.floats() | st.integers() | st.text(max_size=3) | st.booleans(),
                "action": st.text(max_size=5) | st.none() | st.integers(),
                "state": st.text(max_size=5),
                "code": st.none() | st.text(max_size=5),
            },
        ).map(lambda value: json.dumps(value).encode()),
    )
)
def test_no_body_brings_the_administration_down(body: bytes) -> None:
    offered = pages(SCENE.events, SCENE.inmate.metadata.identity)
    answer = offered[EVENTS_PATH]["POST"](HttpRequest("POST", "/", body=body))

    assert answer.status in (201, 400)


def test_scheduled_events_are_seen_by_the_api_too() -> None:
    on = scene()
    event = on.events.schedule(on.id, 3600, "system-reboot")
    on.events.recommend_rebalance(on.id)

    def statuses(**values: str) -> list[dict[str, Any]]:
        filters = [
            {"Name": f"event.{name.replace('_', '-')}", "Values": [value]}
            for name, value in values.items()
        ]
        answer = on.client.call("DescribeInstanceStatus", Filters=filters)
        found: list[dict[str, Any]] = answer["InstanceStatuses"]
        return found

    (status,) = statuses(code="system-reboot", not_before="2026-01-02T04:04:05.000Z")
    (shown,) = status["Events"]
    assert (shown["InstanceEventId"], shown["Code"]) == (event.id, "system-reboot")
    assert shown["NotBefore"].isoformat() == "2026-01-02T04:04:05+00:00"
    assert statuses(code="instance-stop") == []
    on.pass_seconds(3600)
    (status,) = statuses(instance_event_id=event.id, description="[Completed] *")
    assert status["Events"][0]["Description"].startswith("[Completed] ")
