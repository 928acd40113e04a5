"""The command line: start, status, reset, doctor, coverage."""

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
    chosen = parser.parse_args(argv)
    environ = environment()
    try:
        config = Config.from_environ(environ, in_container=Path("/.dockerenv").exists())
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

    def ask(self, path: str, *, post: bool = False) -> Any:
        """Return what a page of ``/_localstack/`` answers."""
        import urllib.request  # noqa: PLC0415 - a start needs none of it

        request = urllib.request.Request(  # noqa: S310 - our own http address
            self.url + path, data=b"" if post else None, method="POST" if post else "GET"
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=TIMEOUT_SECONDS) as answer:
            return json.load(answer)


def _remote(act: Callable[[_Remote], None]) -> Command:
    def command(config: Config, _environ: Mapping[str, str]) -> int:
        from emulator import app  # noqa: PLC0415 - brings Twisted

        try:
            url = app.endpoint(config)
        except app.StartError as error:
            return _fail(str(error))
        try:
            act(_Remote(url))
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
    remote.ask("/_localstack/state/reset", post=True)
    _say("all records are gone; every region has its default VPC again")


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
    "doctor": (doctor, "say what can run here, and why not"),
    "coverage": (coverage, "list every operation and whether it is emulated"),
}
