"""EC2_DOCKER_FLAGS: options of ``docker run``, read strictly into Docker's own JSON; pure.

Source of what is accepted: LocalStack's LAMBDA_DOCKER_FLAGS, and a few that instances need.
"""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import attrs

_SIZE = re.compile(r"([0-9]+)([bkmg]?)b?", re.IGNORECASE)
_UNITS = {"": 1, "b": 1, "k": 1024, "m": 1024**2, "g": 1024**3}
_PORT = re.compile(
    r"(?:(?:(?P<address>[0-9.]+|\[[0-9a-fA-F:]+\]):)?(?P<host>[0-9]*):)?"
    r"(?P<guest>[0-9]+)(?:/(?P<protocol>tcp|udp|sctp))?"
)


class FlagsError(ValueError):
    """The flags cannot be understood; the message names the one."""


@attrs.frozen
class DockerFlags:
    """What the flags add to every container.

    Attributes:
        config: members of the container's configuration; its Env and Labels are added to.
        host_config: members of HostConfig; its lists are added to.
        networks: networks that every container is connected to besides its VPC's.
        platform: such as ``linux/arm64``, or None for the engine's own.
    """

    config: Mapping[str, Any] = attrs.field(factory=dict)
    host_config: Mapping[str, Any] = attrs.field(factory=dict)
    networks: tuple[str, ...] = ()
    platform: str | None = None


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise FlagsError(message)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="docker run", add_help=False, allow_abbrev=False)
    lists = {
        ("-e", "--env"): "env",
        ("--env-file",): "env_file",
        ("-p", "--publish"): "publish",
        ("-v", "--volume"): "volume",
        ("--add-host",): "add_host",
        ("--network", "--net"): "network",
        ("--dns",): "dns",
        ("--dns-search",): "dns_search",
        ("--dns-option",): "dns_option",
        ("-l", "--label"): "label",
        ("--ulimit",): "ulimit",
        ("--cap-add",): "cap_add",
        ("--cap-drop",): "cap_drop",
        ("--device",): "device",
        ("--security-opt",): "security_opt",
        ("--sysctl",): "sysctl",
        ("--tmpfs",): "tmpfs",
    }
    for names, destination in lists.items():
        parser.add_argument(*names, dest=destination, action="append", default=[])
    for name in ("--platform", "--shm-size", "--cgroupns", "--ipc", "--runtime"):
        parser.add_argument(name)
    parser.add_argument("-u", "--user")
    parser.add_argument("-m", "--memory")
    parser.add_argument("--cpus")
    parser.add_argument("--pids-limit", type=int)
    parser.add_argument("--privileged", action="store_true")
    return parser


def parse_flags(text: str) -> DockerFlags:
    """Return what the flags ask for.

    Args:
        text: as a shell would split it, such as ``--privileged -e LANG=C.UTF-8``.

    Raises:
        FlagsError: naming the flag that is unknown or has a value that means nothing.
    """
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise FlagsError(str(error)) from None
    given, rest = _parser().parse_known_args(words)
    if rest:
        raise FlagsError(f"unknown flag {rest[0]}")
    networks = tuple(_network(text) for text in given.network)
    return DockerFlags(_config(given), _host_config(given), networks, given.platform)


def _config(given: argparse.Namespace) -> dict[str, Any]:
    config: dict[str, Any] = {}
    environment = [_assignment("--env", item) for item in _from_files(given.env_file)]
    environment += [_assignment("--env", item) for item in given.env]
    if environment:
        config["Env"] = environment
    if given.label:
        config["Labels"] = _pairs(given.label)
    if given.user is not None:
        config["User"] = given.user
    exposed: dict[str, Any] = {port: {} for port, _ in map(_published, given.publish)}
    if exposed:
        config["ExposedPorts"] = exposed
    return config


def _host_config(given: argparse.Namespace) -> dict[str, Any]:
    host: dict[str, Any] = {
        "Binds": [_bind(text) for text in given.volume],
        "ExtraHosts": given.add_host,
        "Dns": given.dns,
        "DnsSearch": given.dns_search,
        "DnsOptions": given.dns_option,
        "CapAdd": given.cap_add,
        "CapDrop": given.cap_drop,
        "SecurityOpt": given.security_opt,
        "Devices": [_device(text) for text in given.device],
        "Ulimits": [_ulimit(text) for text in given.ulimit],
        "Sysctls": _pairs(_assignment("--sysctl", text) for text in given.sysctl),
        "Tmpfs": dict(text.partition(":")[::2] for text in given.tmpfs),
        "Privileged": given.privileged,
        "ShmSize": _bytes("--shm-size", given.shm_size),
        "Memory": _bytes("--memory", given.memory),
        "NanoCpus": None if given.cpus is None else _nano_cpus(given.cpus),
        "PidsLimit": given.pids_limit,
        "CgroupnsMode": given.cgroupns,
        "IpcMode": given.ipc,
        "Runtime": given.runtime,
    }
    bindings: dict[str, list[dict[str, str]]] = {}
    for port, binding in map(_published, given.publish):
        bindings.setdefault(port, []).append(binding)
    host["PortBindings"] = bindings
    return {name: value for name, value in host.items() if value not in (None, [], {}, False)}


def _from_files(paths: Sequence[str]) -> list[str]:
    lines: list[str] = []
    for path in paths:
        try:
            text = Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise FlagsError(f"--env-file {path}: {error}") from None
        stripped = (line.strip() for line in text.splitlines())
        lines += [line for line in stripped if line and not line.startswith("#")]
    return lines


def _assignment(flag: str, text: str) -> str:
    if not text.partition("=")[0] or "=" not in text:
        raise FlagsError(f"{flag} {text}: use NAME=value")
    return text


def _pairs(texts: Any) -> dict[str, str]:
    return dict(text.partition("=")[::2] for text in texts)


def _published(text: str) -> tuple[str, dict[str, str]]:
    """Return the guest's port, such as ``80/tcp``, and its binding on the host."""
    found = _PORT.fullmatch(text)
    if found is None:
        raise FlagsError(f"--publish {text}: use [address:][host port:]port[/protocol]")
    if not all(0 < int(number) < 65536 for number in (found["guest"], found["host"] or 1)):
        raise FlagsError(f"--publish {text}: ports are 1 to 65535")
    port = f"{found['guest']}/{found['protocol'] or 'tcp'}"
    address = (found["address"] or "").strip("[]")
    return port, {"HostIp": address, "HostPort": found["host"] or ""}


def _bind(text: str) -> str:
    if ":" not in text:
        raise FlagsError(f"--volume {text}: use source:path[:options]")
    return text


def _network(text: str) -> str:
    if text in ("host", "none", "default") or text.startswith("container:"):
        raise FlagsError(f"--network {text}: an instance has a network of its own")
    return text


def _nano_cpus(text: str) -> int:
    found = re.fullmatch(r"[0-9]{1,5}(\.[0-9]{1,9})?", text)
    nano = int(float(text) * 1e9) if found else 0
    if nano <= 0:
        raise FlagsError(f"--cpus {text}: use a number of processors, such as 1.5")
    return nano


def _device(text: str) -> dict[str, str]:
    on_host, _, rest = text.partition(":")
    in_guest, _, permissions = rest.partition(":")
    return {
        "PathOnHost": on_host,
        "PathInContainer": in_guest or on_host,
        "CgroupPermissions": permissions or "rwm",
    }


def _ulimit(text: str) -> dict[str, Any]:
    name, _, limits = text.partition("=")
    soft, _, hard = limits.partition(":")
    try:
        return {"Name": name, "Soft": int(soft), "Hard": int(hard or soft)}
    except ValueError:
        raise FlagsError(f"--ulimit {text}: use name=soft[:hard]") from None


def _bytes(flag: str, text: str | None) -> int | None:
    if text is None:
        return None
    found = _SIZE.fullmatch(text)
    if found is None:
        raise FlagsError(f"{flag} {text}: use a number with b, k, m or g")
    return int(found[1]) * _UNITS[found[2].lower()]
