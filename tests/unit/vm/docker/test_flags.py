from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.vm.docker.flags import DockerFlags, FlagsError, parse_flags


def test_no_flags_add_nothing() -> None:
    assert parse_flags("") == DockerFlags()


@pytest.mark.parametrize(
    ("text", "member", "value"),
    [
        ("-v /a:/b:ro --volume data:/c", "Binds", ["/a:/b:ro", "data:/c"]),
        ("--add-host db:10.0.0.5", "ExtraHosts", ["db:10.0.0.5"]),
        ("--dns 1.1.1.1 --dns 8.8.8.8", "Dns", ["1.1.1.1", "8.8.8.8"]),
        ("--dns-search corp", "DnsSearch", ["corp"]),
        ("--dns-option ndots:1", "DnsOptions", ["ndots:1"]),
        ("--cap-add NET_ADMIN", "CapAdd", ["NET_ADMIN"]),
        ("--cap-drop ALL", "CapDrop", ["ALL"]),
        ("--security-opt seccomp=unconfined", "SecurityOpt", ["seccomp=unconfined"]),
        ("--sysctl net.core.somaxconn=1024", "Sysctls", {"net.core.somaxconn": "1024"}),
        ("--tmpfs /run --tmpfs /tmp:size=1m", "Tmpfs", {"/run": "", "/tmp": "size=1m"}),
        ("--privileged", "Privileged", True),
        ("--shm-size 64m", "ShmSize", 64 * 1024**2),
        ("-m 1g", "Memory", 1024**3),
        ("--memory=512MB", "Memory", 512 * 1024**2),
        ("--memory 4096", "Memory", 4096),
        ("--cpus 1.5", "NanoCpus", 1_500_000_000),
        ("--pids-limit -1", "PidsLimit", -1),
        ("--cgroupns host", "CgroupnsMode", "host"),
        ("--ipc host", "IpcMode", "host"),
        ("--runtime sysbox-runc", "Runtime", "sysbox-runc"),
        (
            "--ulimit nofile=1024:2048 --ulimit core=0",
            "Ulimits",
            [
                {"Name": "nofile", "Soft": 1024, "Hard": 2048},
                {"Name": "core", "Soft": 0, "Hard": 0},
            ],
        ),
        (
            "--device /dev/kvm --device /dev/a:/dev/b:r",
            "Devices",
            [
                {
                    "PathOnHost": "/dev/kvm",
                    "PathInContainer": "/dev/kvm",
                    "CgroupPermissions": "rwm",
                },
                {"PathOnHost": "/dev/a", "PathInContainer": "/dev/b", "CgroupPermissions": "r"},
            ],
        ),
    ],
)
def test_a_flag_becomes_a_member_of_host_config(text: str, member: str, value: Any) -> None:
    assert parse_flags(text) == DockerFlags(host_config={member: value})


@pytest.mark.parametrize(
    ("text", "member", "value"),
    [
        ("-e A=1 --env 'B=two words' -eC=", "Env", ["A=1", "B=two words", "C="]),
        ("-l team=web --label plain", "Labels", {"team": "web", "plain": ""}),
        ("-u 1000:1000", "User", "1000:1000"),
    ],
)
def test_a_flag_becomes_a_member_of_the_configuration(text: str, member: str, value: Any) -> None:
    assert parse_flags(text) == DockerFlags(config={member: value})


@pytest.mark.parametrize(
    ("text", "port", "binding"),
    [
        ("-p 8080:80", "80/tcp", {"HostIp": "", "HostPort": "8080"}),
        ("-p 80", "80/tcp", {"HostIp": "", "HostPort": ""}),
        ("-p 53:53/udp", "53/udp", {"HostIp": "", "HostPort": "53"}),
        ("-p 127.0.0.1:8080:80", "80/tcp", {"HostIp": "127.0.0.1", "HostPort": "8080"}),
        ("-p 127.0.0.1::80", "80/tcp", {"HostIp": "127.0.0.1", "HostPort": ""}),
        ("--publish [::1]:8080:80", "80/tcp", {"HostIp": "::1", "HostPort": "8080"}),
    ],
)
def test_a_port_is_exposed_and_bound(text: str, port: str, binding: dict[str, str]) -> None:
    flags = parse_flags(text)

    assert flags.config == {"ExposedPorts": {port: {}}}
    assert flags.host_config == {"PortBindings": {port: [binding]}}


def test_a_port_may_be_bound_twice() -> None:
    flags = parse_flags("-p 8080:80 -p 8081:80")

    assert [each["HostPort"] for each in flags.host_config["PortBindings"]["80/tcp"]] == [
        "8080",
        "8081",
    ]


def test_networks_and_platform_are_no_part_of_either() -> None:
    assert parse_flags("--network a --net b --platform linux/arm64") == DockerFlags(
        networks=("a", "b"), platform="linux/arm64"
    )


def test_a_file_of_variables_is_read_before_the_others(tmp_path: Path) -> None:
    path = tmp_path / "env"
    path.write_text("# comment\n\nA=1\n  B=2  \n", encoding="utf-8")

    assert parse_flags(f"-e A=3 --env-file {path}").config == {"Env": ["A=1", "B=2", "A=3"]}


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("--nonsense", "unknown flag --nonsense"),
        ("--privileg", "unknown flag --privileg"),
        ("--rm", "unknown flag --rm"),
        ("-d", "unknown flag -d"),
        ("--entrypoint sh", "unknown flag --entrypoint"),
        ("ubuntu", "unknown flag ubuntu"),
        ("--privileged -e A=1 --link x", "unknown flag --link"),
        ("-e", "--env"),
        ("-e A", "--env A"),
        ("-e =1", "--env =1"),
        ("--env-file /nowhere/at/all", "--env-file /nowhere/at/all"),
        ("-p nowhere", "--publish nowhere"),
        ("-p 80-90:80-90", "--publish 80-90:80-90"),
        ("-p 70000:80", "--publish 70000:80"),
        ("-p 0", "--publish 0"),
        ("-v /data", "--volume /data"),
        ("--ulimit nofile", "--ulimit nofile"),
        ("--ulimit nofile=many", "--ulimit nofile=many"),
        ("--memory lots", "--memory lots"),
        ("--shm-size 1x", "--shm-size 1x"),
        ("--cpus many", "--cpus"),
        ("--cpus inf", "--cpus"),
        ("--cpus nan", "--cpus"),
        ("--cpus 0", "--cpus"),
        ("--pids-limit few", "--pids-limit"),
        ("--sysctl net.core.somaxconn", "--sysctl net.core.somaxconn"),
        ("--network host", "--network host"),
        ("--network none", "--network none"),
        ("--network container:other", "--network container:other"),
        ("--privileged=false", "--privileged"),
        ("-e 'A=1", "quotation"),
    ],
)
def test_what_is_not_understood_is_named(text: str, named: str) -> None:
    with pytest.raises(FlagsError) as caught:
        parse_flags(text)

    assert named in str(caught.value)


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    path = tmp_path / "env"
    path.write_bytes(b"\xff\xfe=1")

    with pytest.raises(FlagsError, match="--env-file"):
        parse_flags(f"--env-file {path}")


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        parse_flags(text)
    except FlagsError as error:
        assert str(error)  # noqa: PT017 - both ends are right
