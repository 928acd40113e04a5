"""Settings, read once from the environment; nothing else of the program sees it.

A field's name in capitals is its variable. Each is also read with the prefix
``LOCALSTACK_``, which loses to the plain name, as it does in LocalStack.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

PREFIX = "LOCALSTACK_"
VM_MANAGERS = ("docker", "libvirt", "virtualbox", "mock")
STOP_MODES = ("pause", "stop")
ENFORCEMENT_MODES = ("full", "security-groups", "off")
MANAGER_TAG_MODES = ("auto", "always", "never")
LOG_LEVELS = ("trace", "debug", "info", "warning", "error")
_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"", "0", "false", "no", "off"})


class ConfigError(ValueError):
    """A variable has a value that means nothing; the message names it."""


def _flag(text: str) -> bool:
    lowered = text.strip().lower()
    if lowered in _TRUE:
        return True
    if lowered in _FALSE:
        return False
    raise ValueError("use 1 or 0")


def _account(text: str) -> str:
    if not re.fullmatch(r"[0-9]{12}", text):
        raise ValueError("an account id has twelve digits")
    return text


def _name(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,31}", text):
        raise ValueError("use up to 32 small letters, digits and dashes")
    return text


def _libvirt_name(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_.+:@-]{1,128}", text):
        raise ValueError("a name of libvirt's has letters, digits and the characters _.+:@-")
    return text


def _one_of(*allowed: str) -> Any:
    def convert(text: str) -> str:
        if text not in allowed:
            raise ValueError(f"use one of {', '.join(allowed)}")
        return text

    return convert


def _several_of(*allowed: str) -> Any:
    def convert(text: str) -> tuple[str, ...]:
        names = tuple(name.strip() for name in text.split(","))
        if not set(names) <= set(allowed):
            raise ValueError(f"use one of {', '.join(allowed)}, or several separated by commas")
        if len(set(names)) < len(names):
            raise ValueError("name each once")
        return names

    return convert


def _positive(text: str) -> int:
    number = int(text)
    if number <= 0:
        raise ValueError("use a positive number")
    return number


def _path(text: str) -> Path | None:
    return Path(text) if text else None


def _setting(default: Any, read: Any, meaning: str) -> Any:
    """Return a field that is read from its variable by ``read``; ``meaning`` documents it."""
    return attrs.field(default=default, metadata={"read": read, "meaning": meaning})


@attrs.frozen
class Config:
    """Everything a user can set."""

    gateway_listen: str = _setting(
        "", str, "addresses to listen on, `host:port` separated by commas"
    )
    ec2_vm_manager: tuple[str, ...] | None = _setting(
        None,
        _several_of(*VM_MANAGERS),
        "what is behind an instance: `docker` (containers), `libvirt` or `virtualbox` (virtual "
        "machines) or `mock` (records only); or several separated by commas, of which the AMI "
        "decides; unset: docker where an engine answers",
    )
    ec2_docker_flags: str = _setting(
        "", str, "options of `docker run` for every instance, such as `--privileged -e LANG=C`"
    )
    ec2_docker_init: bool = _setting(
        True, _flag, "whether Docker's own init is an instance's first process"
    )
    ec2_docker_limits: bool = _setting(
        True, _flag, "whether an instance has no more processors and memory than its type"
    )
    ec2_docker_stop_mode: str = _setting(
        "pause", _one_of(*STOP_MODES), "StopInstances freezes an instance, or ends its processes"
    )
    ec2_download_default_images: bool = _setting(
        True, _flag, "whether the default AMIs are pulled at start, in the background"
    )
    ec2_remove_containers: bool | None = _setting(
        None,
        _flag,
        "`0`: a terminated instance's container stays; `1`: all containers go with the emulator, "
        "too; unset: they go when their instance is terminated",
    )
    ec2_mount_docker_socket: bool = _setting(
        True, _flag, "whether instances find the Docker engine's socket at /var/run/docker.sock"
    )
    ec2_mount_block_devices: bool = _setting(
        False,
        _flag,
        "whether volumes are files under /ebs-dev in instances, which then may mount them",
    )
    ec2_ebs_max_volume_size: int = _setting(1000, _positive, "the largest of those files, in MiB")
    ec2_inject_endpoint: bool = _setting(
        True, _flag, "whether AWS_ENDPOINT_URL in instances leads to this emulator"
    )
    ec2_manager_tag: str = _setting(
        "auto",
        _one_of(*MANAGER_TAG_MODES),
        "whether instances show the tag `ec2_vm_manager`; `auto`: not to Terraform and its kin",
    )
    ec2_network_enforcement: str = _setting(
        "full",
        _one_of(*ENFORCEMENT_MODES),
        "which packets reach instances: as all of their network says (`full`), as their security "
        "groups say, or all of them (`off`)",
    )
    ec2_host_ssh: bool = _setting(
        True, _flag, "whether this machine gets to port 22 of instances whatever their groups say"
    )
    ec2_hypervisor_uri: str = _setting(
        "qemu:///system",
        str,
        "the hypervisor, as libvirt spells it; or several, each for an availability zone: "
        "`us-east-1a=qemu:///system,us-east-1b=qemu+ssh://root@host/system`",
    )
    ec2_libvirt_pool: str = _setting(
        "default", _libvirt_name, "the storage pool with the AMIs and the disks of instances"
    )
    ec2_libvirt_network: str = _setting(
        "",
        _libvirt_name,
        "the libvirt network that instances are on; unset: networks of the emulator's own, and "
        "`default` where those cannot be had",
    )
    ec2_reference_domain: str = _setting(
        "", _libvirt_name, "a domain of libvirt's that every instance's is made like"
    )
    ec2_libvirt_stop_seconds: int = _setting(
        60, _positive, "how long a virtual machine has to shut down before it is powered off"
    )
    docker_host: str = _setting("", str, "the Docker engine's address")
    docker_tls_verify: str = _setting("", str, "whether the engine's certificate is verified")
    docker_cert_path: str = _setting("", str, "where the certificates for the engine are")
    docker_sock: str = _setting(
        "", str, "the engine's socket on its own machine, for EC2_MOUNT_DOCKER_SOCKET"
    )
    ec2_virtualbox_manage: str = _setting(
        "VBoxManage", str, "VirtualBox's command, by its name or its path"
    )
    ec2_virtualbox_images: Path | None = _setting(  # noqa: RUF009 - an attrs.field
        None,
        _path,
        "a folder with OVA files and disks that are AMIs, called `ami-…`; unset: "
        "`virtualbox/<namespace>/images` in the data folder",
    )
    ec2_virtualbox_poll_seconds: int = _setting(
        3, _positive, "how often VirtualBox is asked what has changed"
    )
    ec2_virtualbox_stop_seconds: int = _setting(
        60, _positive, "how long a VirtualBox machine has to shut down before its power is cut"
    )
    emulator_data_dir: Path = _setting(  # noqa: RUF009 - an attrs.field
        Path("/var/lib/localstack"), Path, "where the emulator keeps what outlives a run"
    )
    emulator_namespace: str = _setting(
        "default", _name, "keeps the containers of two emulators on one engine apart"
    )
    default_account_id: str = _setting(
        "000000000000", _account, "the account of every access key that is not twelve digits"
    )
    custom_ssl_cert_path: Path | None = _setting(  # noqa: RUF009 - an attrs.field
        None, _path, "PEM file with the key and certificate chain for TLS; unset: self-signed"
    )
    debug: bool = _setting(
        False, _flag, "log each request's account, region, client and parameters, too"
    )
    ls_log: str | None = _setting(None, _one_of(*LOG_LEVELS), "log level, stronger than `DEBUG`")
    ec2_imds_tokens: str | None = _setting(
        None,
        _one_of("optional", "required"),
        "the default of HttpTokens that every account begins with; unset: as on AWS",
    )
    ec2_imds_credentials_seconds: int = _setting(
        6 * 3600, _positive, "how long credentials from the metadata service are good"
    )
    init_directory: Path = _setting(  # noqa: RUF009 - an attrs.field
        Path("/etc/localstack/init"),
        Path,
        "holds the scripts for stages, in `boot.d`, `start.d`, `ready.d` and `shutdown.d`",
    )
    max_connections: int = _setting(512, _positive, "connections served at once; more are refused")

    @classmethod
    def from_environ(cls, environ: Mapping[str, str], *, in_container: bool) -> Config:
        """Return the settings.

        Args:
            environ: the process's environment.
            in_container: whether to listen on all addresses unless told otherwise.

        Raises:
            ConfigError: naming the variable that cannot be understood.
        """
        given: dict[str, Any] = {}
        for field in attrs.fields(cls):
            variable = field.name.upper()
            text = environ.get(variable, environ.get(PREFIX + variable))
            if text is None or text == "":
                continue
            try:
                given[field.name] = field.metadata["read"](text)
            except ValueError as error:
                raise ConfigError(f"{variable}={text!r}: {error}") from None
        given.setdefault("gateway_listen", "0.0.0.0:4566" if in_container else "127.0.0.1:4566")
        if not in_container:
            state = environ.get("XDG_STATE_HOME") or f"{environ.get('HOME', '/root')}/.local/state"
            given.setdefault("emulator_data_dir", Path(state, "ec2-emulator"))
        return cls(**given)

    @property
    def docker_environment(self) -> Mapping[str, str]:
        """Where the Docker engine is, under the names its own client reads."""
        names = ("docker_host", "docker_tls_verify", "docker_cert_path")
        given = {name.upper(): getattr(self, name) for name in names}
        return {name: value for name, value in given.items() if value}

    @property
    def level(self) -> str:
        """The log level in force."""
        return self.ls_log or ("debug" if self.debug else "info")


def environment() -> Mapping[str, str]:
    """Return the process's environment."""
    return os.environ  # noqa: TID251 - this is that place


def ignored(environ: Mapping[str, str]) -> list[str]:
    """Return the variables of LocalStack that are set and that have no effect here yet."""
    known = {field.name.upper() for field in attrs.fields(Config)}
    families = ("EC2_", "ECS_", "LS_", "SNAPSHOT_", "PERSISTENCE", "GATEWAY_", "LAMBDA_DOCKER")
    names = {name.removeprefix(PREFIX) for name in environ}
    return sorted(name for name in names if name.startswith(families) and name not in known)
