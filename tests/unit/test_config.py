from __future__ import annotations

import re
from pathlib import Path

import attrs
import pytest

from emulator.config import Config, ConfigError, ignored


def read(in_container: bool = False, **environ: str) -> Config:
    return Config.from_environ(environ, in_container=in_container)


def test_the_port_is_open_to_others_only_in_a_container() -> None:
    assert read().gateway_listen == "127.0.0.1:4566"
    assert read(in_container=True).gateway_listen == "0.0.0.0:4566"


def test_an_empty_variable_is_an_unset_one() -> None:
    assert read(GATEWAY_LISTEN="").gateway_listen == "127.0.0.1:4566"
    assert read(EC2_VM_MANAGER="").ec2_vm_manager is None


def test_the_plain_name_wins_over_the_prefixed_one() -> None:
    assert read(LOCALSTACK_DEBUG="1").debug is True
    assert read(LOCALSTACK_DEBUG="1", DEBUG="0").debug is False


def test_the_log_level_is_stronger_than_debug() -> None:
    assert read().level == "info"
    assert read(DEBUG="1").level == "debug"
    assert read(DEBUG="1", LS_LOG="error").level == "error"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("docker", ("docker",)),
        ("mock,docker", ("mock", "docker")),
        (" docker , mock ", ("docker", "mock")),
    ],
)
def test_managers_are_one_or_several_in_order(text: str, names: tuple[str, ...]) -> None:
    assert read(EC2_VM_MANAGER=text).ec2_vm_manager == names


def test_a_path_is_a_path() -> None:
    assert read(CUSTOM_SSL_CERT_PATH="/a/b.pem").custom_ssl_cert_path == Path("/a/b.pem")


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("DEFAULT_ACCOUNT_ID", "12"),
        ("DEBUG", "perhaps"),
        ("EC2_VM_MANAGER", "xen"),
        ("EC2_VM_MANAGER", "docker,xen"),
        ("EC2_VM_MANAGER", "docker,"),
        ("EC2_VM_MANAGER", "docker,docker"),
        ("MAX_CONNECTIONS", "0"),
        ("MAX_CONNECTIONS", "many"),
        ("LS_LOG", "loud"),
    ],
)
def test_a_value_that_means_nothing_is_named(variable: str, text: str) -> None:
    with pytest.raises(ConfigError, match=variable):
        read(**{variable: text})


def test_variables_of_localstack_without_effect_are_told() -> None:
    environ = {"ECS_DOCKER_FLAGS": "--privileged", "LOCALSTACK_PERSISTENCE": "1", "HOME": "/"}

    assert ignored({**environ, "EC2_VM_MANAGER": "mock"}) == ["ECS_DOCKER_FLAGS", "PERSISTENCE"]


def test_the_manual_has_every_setting_and_no_other() -> None:
    manual = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text()
    rows = re.findall(r"^\| `([A-Z0-9_]+)` \|", manual, re.MULTILINE)

    assert sorted(rows) == sorted(field.name.upper() for field in attrs.fields(Config))


def test_the_manual_has_the_defaults() -> None:
    manual = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text()
    # Where it depends on more, the sentence begins with what a container has.
    told = dict(re.findall(r"^\| `([A-Z0-9_]+)` \| (`[^`]*`)?[^|]*\|", manual, re.MULTILINE))
    values = {
        field.name.upper(): int(field.default) if field.type == "bool" else field.default
        for field in attrs.fields(Config)
        if field.default not in (None, "")
    }

    assert {name: told[name] for name in values} == {
        name: f"`{value}`" for name, value in values.items()
    }
