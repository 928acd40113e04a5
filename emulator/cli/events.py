"""The command ``event``: what happens to instances of the running emulator."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from emulator.cli.remote import Remote, say


def add_events(event: argparse.ArgumentParser) -> None:
    """Add the kinds of events, and what else can be done with them, to ``event``."""
    kinds = event.add_subparsers(dest="kind")
    for kind, (help_text, default_in) in _EVENTS.items():
        parser = kinds.add_parser(kind, help=help_text, description=help_text)
        parser.set_defaults(ask=_make_event)
        parser.add_argument("instance_id", metavar="INSTANCE")
        parser.add_argument(
            "--in",
            dest="in_seconds",
            type=duration,
            default=default_in,
            metavar="TIME",
            help=f"when, such as 90s, 2m or 1h; otherwise {default_in}s",
        )
    action = kinds.choices["spot-interruption"].add_argument
    action("--action", choices=("terminate", "stop", "hibernate"), help="what is done then")
    code = kinds.choices["maintenance"].add_argument
    code("--code", default="system-reboot", help="such as instance-stop or instance-retirement")
    code("--description", help="what the event says of itself")
    kinds.choices["lifecycle-state"].add_argument("state", metavar="STATE")
    kinds.add_parser("list", help="list all events").set_defaults(ask=list_events)
    cancel = kinds.add_parser("cancel", help="let an event not happen")
    cancel.add_argument("event_id", metavar="EVENT")
    cancel.set_defaults(ask=_cancel_event)


# Kind → what it is, and when it happens unless one says otherwise.
_EVENTS: Mapping[str, tuple[str, int]] = {
    "spot-interruption": ("interrupt an instance as EC2 does Spot Instances", 120),
    "rebalance": ("recommend that an instance is replaced", 0),
    "maintenance": ("schedule maintenance of an instance", 600),
    "lifecycle-state": ("tell an instance the target state of its Auto Scaling group", 0),
}
_EVENTS_PAGE = "/_localstack/ec2/events"
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600}


def duration(text: str) -> float:
    """Return the seconds of ``90``, ``90s``, ``1.5m`` or ``2h``."""
    number = text.rstrip("smh")
    unit = _UNITS.get(text[len(number) :])
    if unit is None:
        raise ValueError(text)
    return float(number) * unit


def _make_event(remote: Remote, chosen: argparse.Namespace) -> None:
    names = ("kind", "instance_id", "in_seconds", "action", "code", "description", "state")
    given = {name: getattr(chosen, name, None) for name in names}
    asked = {name: value for name, value in given.items() if value is not None}
    _say_event(remote.ask(_EVENTS_PAGE, "POST", asked))


def list_events(remote: Remote, _: argparse.Namespace | None = None) -> None:
    """Print a line for each event."""
    for event in remote.ask(_EVENTS_PAGE)["events"]:
        _say_event(event)


def _cancel_event(remote: Remote, chosen: argparse.Namespace) -> None:
    from urllib.parse import quote  # noqa: PLC0415 - a start needs none of it

    _say_event(remote.ask(f"{_EVENTS_PAGE}?id={quote(chosen.event_id)}", "DELETE"))


def _say_event(event: Mapping[str, str]) -> None:
    say("{id} {instance_id} {kind} {value} {state} {not_before}".format_map(event))
