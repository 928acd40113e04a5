"""The command line: start, status, reset, event, doctor, coverage."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeAlias

from emulator.config import Config, ConfigError, environment, ignored

Command: TypeAlias = Callable[[Config, Mapping[str, str]], int]

TIMEOUT_SECONDS = 10


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    parser = argparse.ArgumentParser(
        prog="ec2-emulator", description="Amazon EC2 on your own machine."
    )
    parser.add_argument("--version", action="version", version=version("ec2-emulator"))
    commands = parser.add_subparsers(dest="command", required=True)
    for name, (command, text) in COMMANDS.items():
        commands.add_parser(name, help=text, description=text).set_defaults(run=command)
    commands.choices["coverage"].add_argument(
        "--markdown",
        dest="run",
        action="store_const",
        const=coverage_page,
        help="print the page docs/coverage.md",
    )
    _add_events(commands.choices["event"])
    chosen = parser.parse_args(argv)
    environ = environment()
    try:
        config = Config.from_environ(environ, in_container=Path("/.dockerenv").exists())
        if "ask" in chosen:
            return _remote(lambda remote: chosen.ask(remote, chosen))(config, environ)
        run: Command = chosen.run
        return run(config, environ)
    except ConfigError as error:
        return _fail(str(error))


def _fail(message: str) -> int:
    sys.stderr.write(f"ec2-emulator: {message}\n")
    return 1


def _say(line: str = "") -> None:
    sys.stdout.write(line + "\n")


def start(config: Config, environ: Mapping[str, str]) -> int:
    """Serve in the foreground until Ctrl-C or SIGTERM."""
    from emulator import app  # noqa: PLC0415 - the other commands need no reactor

    for name in ignored(environ):
        sys.stderr.write(f"ec2-emulator: {name} is set but has no effect in this version\n")
    try:
        app.run(config, welcome)
    except app.StartError as error:
        return _fail(str(error))
    return 0


def welcome(url: str) -> str:
    """Return what a newcomer may type next."""
    return f"""\
Ready: {url}
Try, in another shell:
  export AWS_ENDPOINT_URL={url} AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test \
AWS_DEFAULT_REGION=us-east-1
  aws ec2 run-instances --image-id ami-df5de72bdb3b --instance-type t3.micro
  aws ec2 describe-instances --query 'Reservations[].Instances[].[InstanceId,State.Name]'
"""


class _Remote:
    """The running emulator, asked over its own port."""

    def __init__(self, url: str) -> None:
        self.url = url

    def ask(self, path: str, method: str = "GET", body: Any = None) -> Any:
        """Return what a page of ``/_localstack/`` answers.

        Raises:
            _Refused: it answered that it will not.
        """
        import urllib.error  # noqa: PLC0415 - a start needs none of it
        import urllib.request  # noqa: PLC0415 - likewise

        data = None if method == "GET" else json.dumps(body).encode() if body else b""
        request = urllib.request.Request(self.url + path, data, method=method)  # noqa: S310 - our own http address
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=TIMEOUT_SECONDS) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as refused:
            with refused:
                raise _Refused(json.load(refused)["error"]) from None


class _Refused(Exception):
    """The emulator answers and will not do it; the message says why."""


def _remote(act: Callable[[_Remote], None]) -> Command:
    def command(config: Config, _environ: Mapping[str, str]) -> int:
        from emulator import app  # noqa: PLC0415 - brings Twisted

        try:
            url = app.endpoint(config)
        except app.StartError as error:
            return _fail(str(error))
        try:
            act(_Remote(url))
        except _Refused as refused:
            return _fail(str(refused))
        except (OSError, ValueError) as error:
            return _fail(f"no emulator answers at {url}: {error}")
        return 0

    return command


def _status(remote: _Remote) -> None:
    info = remote.ask("/_localstack/info")
    health = remote.ask("/_localstack/health")
    manager = info["vm_manager"]
    _say(f"ec2-emulator {info['version']} at {remote.url}, up {info['uptime']} s")
    _say(f"VM manager: {manager['name']} ({manager['reason']})")
    for name, state in health["services"].items():
        _say(f"  {name:4} {state}")


def _reset(remote: _Remote) -> None:
    remote.ask("/_localstack/state/reset", "POST")
    _say("all records are gone; every region has its default VPC again")


def _add_events(event: argparse.ArgumentParser) -> None:
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
    kinds.add_parser("list", help="list all events").set_defaults(ask=_list_events)
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


def _make_event(remote: _Remote, chosen: argparse.Namespace) -> None:
    names = ("kind", "instance_id", "in_seconds", "action", "code", "description", "state")
    given = {name: getattr(chosen, name, None) for name in names}
    asked = {name: value for name, value in given.items() if value is not None}
    _say_event(remote.ask(_EVENTS_PAGE, "POST", asked))


def _list_events(remote: _Remote, _: argparse.Namespace | None = None) -> None:
    for event in remote.ask(_EVENTS_PAGE)["events"]:
        _say_event(event)


def _cancel_event(remote: _Remote, chosen: argparse.Namespace) -> None:
    from urllib.parse import quote  # noqa: PLC0415 - a start needs none of it

    _say_event(remote.ask(f"{_EVENTS_PAGE}?id={quote(chosen.event_id)}", "DELETE"))


def _say_event(event: Mapping[str, str]) -> None:
    _say("{id} {instance_id} {kind} {value} {state} {not_before}".format_map(event))


def doctor(config: Config, environ: Mapping[str, str]) -> int:
    """Say what can run here, and why not."""
    from emulator import app  # noqa: PLC0415 - brings Twisted

    _say(f"ec2-emulator {version('ec2-emulator')}, Python {sys.version.split()[0]}")
    _say(f"listens on: {config.gateway_listen}")
    for line in app.examine(config):
        _say(line)
    for name in ignored(environ):
        _say(f"{name} is set but has no effect in this version")
    return 0


def coverage(_config: Config, _environ: Mapping[str, str]) -> int:
    """List every operation of the models and whether it is emulated."""
    from emulator.services.coverage import listing  # noqa: PLC0415 - reads every model

    for line in listing():
        _say(line)
    return 0


def coverage_page(_config: Config, _environ: Mapping[str, str]) -> int:
    """Print docs/coverage.md."""
    from emulator.services.coverage import markdown  # noqa: PLC0415 - reads every model

    sys.stdout.write(markdown())
    return 0


COMMANDS: Mapping[str, tuple[Command, str]] = {
    "start": (start, "serve in the foreground until Ctrl-C or SIGTERM"),
    "status": (_remote(_status), "say how the running emulator is"),
    "reset": (_remote(_reset), "forget every record of the running emulator"),
    "event": (_remote(_list_events), "let something happen to an instance, or list what will"),
    "doctor": (doctor, "say what can run here, and why not"),
    "coverage": (coverage, "list every operation and whether it is emulated"),
}
