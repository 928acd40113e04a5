from __future__ import annotations

import stat
from pathlib import Path

import pytest

from emulator.app.keys import kept
from emulator.config import Config


def test_a_secret_is_the_same_in_the_next_run(tmp_path: Path) -> None:
    directory = tmp_path / "data"

    first = kept(directory, "token.key", lambda: b"first")
    second = kept(directory, "token.key", lambda: b"second")

    assert first == second == b"first"


def test_only_its_owner_may_read_a_secret(tmp_path: Path) -> None:
    kept(tmp_path / "data", "token.key", lambda: b"secret")

    assert stat.S_IMODE((tmp_path / "data" / "token.key").stat().st_mode) == 0o600
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["token.key"]


def test_an_emulator_that_was_faster_is_followed(tmp_path: Path) -> None:
    def make() -> bytes:
        (tmp_path / "token.key").write_bytes(b"theirs")
        return b"ours"

    assert kept(tmp_path, "token.key", make) == b"theirs"


def test_where_nothing_can_be_kept_each_run_has_its_own(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    assert kept(tmp_path / "file" / "data", "token.key", lambda: b"own") == b"own"


@pytest.mark.parametrize(
    ("environ", "in_container", "directory"),
    [
        ({}, True, "/var/lib/localstack"),
        ({"HOME": "/home/me"}, False, "/home/me/.local/state/ec2-emulator"),
        ({"HOME": "/home/me", "XDG_STATE_HOME": "/state"}, False, "/state/ec2-emulator"),
        ({"EMULATOR_DATA_DIR": "/data"}, True, "/data"),
    ],
)
def test_data_are_kept_where_each_system_keeps_them(
    environ: dict[str, str], in_container: bool, directory: str
) -> None:
    config = Config.from_environ(environ, in_container=in_container)

    assert config.emulator_data_dir == Path(directory)
