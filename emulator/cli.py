"""The command line: start, status, reset, doctor, coverage."""

from __future__ import annotations

import argparse
import json
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from emulator.config import Config, ConfigError, ignored

TIMEOUT_SECONDS = 10


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    parser = argparse.ArgumentParser(
        prog="ec2-emulator", description="Amazon EC2 on your own machine."
    )
    parser.add_argument("--version", action="version", version=version("ec2-emulator"))
    commands = parser.add_subparsers(dest="command", required=True)
    for name, (_, text) in COMMANDS.items():
        commands.add_parser(name, help=text, description=text)
    chosen = parser.parse_args(argv)
    environ = os.environ  # noqa: TID251 - handed to config, which alone reads it
    try:
        config = Config.from_environ(environ, in_container=Path("/.dockerenv").exists())
        return COMMANDS[chosen.command][0](config, environ)
    except ConfigError as error:
        return _fail(str(error))


def _fail(message: str) -> int:
    sys.stderr.write(f"ec2-emulator: {message}\n")
    return 1


def _say(line: str = "") -> None:
    sys.stdout.write(line + "\n")


def endpoint(config: Config) -> str:
    """Return the address at which clients on this machine reach the emulator.

    Raises:
        ConfigError: GATEWAY_LISTEN cannot be understood.
    """
    from emulator.web.listener import parse_addresses  # noqa: PLC0415 - brings Twisted

    try:
        return parse_addresses(config.gateway_listen)[0].url
    except ValueError as error:
        raise ConfigError(f"GATEWAY_LISTEN: {error}") from None


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
  aws ec2 run-instances --image-id ami-024f768332f0 --instance-type t3.micro
  aws ec2 describe-instances --query 'Reservations[].Instances[].[InstanceId,State.Name]'
"""


def _ask(config: Config, path: str, *, post: bool = False) -> Any:
    request = urllib.request.Request(  # noqa: S310 - our own http address
        endpoint(config) + path, data=b"" if post else None, method="POST" if post else "GET"
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=TIMEOUT_SECONDS) as answer:
        return json.load(answer)


def _remote(act: Callable[[Config], None]) -> Callable[[Config, Mapping[str, str]], int]:
    def command(config: Config, _environ: Mapping[str, str]) -> int:
        try:
            act(config)
        except (urllib.error.URLError, OSError, ValueError) as error:
            return _fail(f"no emulator answers at {endpoint(config)}: {error}")
        return 0

    return command


def _status(config: Config) -> None:
    info = _ask(config, "/_localstack/info")
    health = _ask(config, "/_localstack/health")
    manager = info["vm_manager"]
    _say(f"ec2-emulator {info['version']} at {endpoint(config)}, up {info['uptime']} s")
    _say(f"VM manager: {manager['name']} ({manager['reason']})")
    for name, state in health["services"].items():
        _say(f"  {name:4} {state}")


def _reset(config: Config) -> None:
    _ask(config, "/_localstack/state/reset", post=True)
    _say("all records are gone; every region has its default VPC again")


def doctor(config: Config, environ: Mapping[str, str]) -> int:
    """Say what can run here, and why not."""
    from emulator.vm import registry  # noqa: PLC0415 - not needed by the other commands

    _say(f"ec2-emulator {version('ec2-emulator')}, Python {sys.version.split()[0]}")
    _say(f"listens on: {config.gateway_listen}")
    chosen = registry.choose(config.ec2_vm_manager)
    _say(f"VM manager: {chosen.manager.name} ({chosen.reason})")
    for name, obstacle in registry.obstacles().items():
        _say(f"  {name:8} {'can run here' if obstacle is None else f'cannot run: {obstacle}'}")
    _say(f"security groups and networks: not enforced, the {chosen.manager.name} manager has none")
    for name in ignored(environ):
        _say(f"{name} is set but has no effect in this version")
    return 0


def coverage(_config: Config, _environ: Mapping[str, str]) -> int:
    """List every operation of the models and whether it is emulated."""
    from emulator.services.registry import SERVICES as IMPLEMENTED  # noqa: PLC0415 - slow
    from emulator.wire.service import SERVICES, load  # noqa: PLC0415 - loads models

    for name in SERVICES:
        operations = load(name).operation_names
        emulated = IMPLEMENTED.get(name, {})
        _say(f"{name}: {len(emulated)} of {len(operations)} operations")
        for operation in operations:
            _say(f"  {'yes' if operation in emulated else 'no ':3} {operation}")
    return 0


COMMANDS: Mapping[str, tuple[Callable[[Config, Mapping[str, str]], int], str]] = {
    "start": (start, "serve in the foreground until Ctrl-C or SIGTERM"),
    "status": (_remote(_status), "say how the running emulator is"),
    "reset": (_remote(_reset), "forget every record of the running emulator"),
    "doctor": (doctor, "say what can run here, and why not"),
    "coverage": (coverage, "list every operation and whether it is emulated"),
}
