"""The command line: every command by its name, in ``COMMANDS``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from emulator import __version__
from emulator.cli import machines
from emulator.cli.events import add_events, list_events
from emulator.cli.remote import Command, Remote, fail, remotely, say
from emulator.config import Config, ConfigError, environment, ignored


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    parser = argparse.ArgumentParser(
        prog="ec2-emulator", description="Amazon EC2 on your own machine."
    )
    parser.add_argument("--version", action="version", version=__version__)
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
    add_events(commands.choices["event"])
    machines.add_arguments(commands.choices)
    chosen = parser.parse_args(argv)
    environ = environment()
    try:
        config = Config.from_environ(environ, in_container=Path("/.dockerenv").exists())
        if "ask" in chosen:
            return remotely(lambda remote: chosen.ask(remote, chosen))(config, environ)
        run: Command = chosen.run
        return run(config, environ)
    except ConfigError as error:
        return fail(str(error))


def start(config: Config, environ: Mapping[str, str]) -> int:
    """Serve in the foreground until Ctrl-C or SIGTERM."""
    from emulator import app  # noqa: PLC0415 - the other commands need no reactor

    for name in ignored(environ):
        sys.stderr.write(f"ec2-emulator: {name} is set but has no effect in this version\n")
    try:
        app.run(config, welcome)
    except app.StartError as error:
        return fail(str(error))
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


def _status(remote: Remote) -> None:
    info = remote.ask("/_localstack/info")
    health = remote.ask("/_localstack/health")
    manager = info["vm_manager"]
    say(f"ec2-emulator {info['version']} at {remote.url}, up {info['uptime']} s")
    say(f"VM manager: {manager['name']} ({manager['reason']})")
    for name, state in health["services"].items():
        say(f"  {name:4} {state}")


def _reset(remote: Remote) -> None:
    remote.ask("/_localstack/state/reset", "POST")
    say("all records are gone; every region has its default VPC again")


def doctor(config: Config, environ: Mapping[str, str]) -> int:
    """Say what can run here, and why not."""
    from emulator import app  # noqa: PLC0415 - brings Twisted

    say(f"ec2-emulator {__version__}, Python {sys.version.split()[0]}")
    say(f"listens on: {config.gateway_listen}")
    for line in app.examine(config):
        say(line)
    for name in ignored(environ):
        say(f"{name} is set but has no effect in this version")
    return 0


def coverage(_config: Config, _environ: Mapping[str, str]) -> int:
    """List every operation of the models and whether it is emulated."""
    from emulator.services.coverage import listing  # noqa: PLC0415 - reads every model

    for line in listing():
        say(line)
    return 0


def coverage_page(_config: Config, _environ: Mapping[str, str]) -> int:
    """Print docs/coverage.md."""
    from emulator.services.coverage import markdown  # noqa: PLC0415 - reads every model

    sys.stdout.write(markdown())
    return 0


COMMANDS: Mapping[str, tuple[Command, str]] = {
    "start": (start, "serve in the foreground until Ctrl-C or SIGTERM"),
    "status": (remotely(_status), "say how the running emulator is"),
    "reset": (remotely(_reset), "forget every record of the running emulator"),
    "instances": (remotely(machines.list_instances), "list instances and where they are reached"),
    "images": (remotely(machines.list_images), "list the AMIs that the VM manager has"),
    "ssh": (machines.needs_an_instance, "log in to a running instance"),
    "logs": (machines.needs_an_instance, "print what an instance wrote to its console"),
    "event": (remotely(list_events), "let something happen to an instance, or list what will"),
    "doctor": (doctor, "say what can run here, and why not"),
    "coverage": (coverage, "list every operation and whether it is emulated"),
}
