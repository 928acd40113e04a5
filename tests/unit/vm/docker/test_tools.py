from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from emulator.vm.docker import tools
from emulator.vm.docker.tools import ToolsMissing, load


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    for name in ("busybox", "dropbearmulti", "sftp-server"):
        (tmp_path / name).write_bytes(name.encode())
    (tmp_path / "applets").write_text("cat\nsh\nreboot\ndpkg\n")
    return tmp_path


def members(directory: Path) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(load(directory).archive)) as tar:
        return {member.name.removeprefix(".ec2-emulator/"): member for member in tar}


def test_programs_are_executable_and_applets_are_links(installed: Path) -> None:
    found = members(installed)

    assert found["busybox"].mode == found["dropbearmulti"].mode == found["boot"].mode == 0o755
    assert found["sh"].linkname == "busybox"
    assert found["bin/cat"].linkname == "../busybox"
    assert found["bin/scp"].linkname == "../dropbearmulti"
    assert found["dropbear"].linkname == "dropbearmulti"


def test_power_commands_are_ours_and_package_databases_are_nobodys(installed: Path) -> None:
    found = members(installed)

    for name in ("reboot", "poweroff", "halt", "shutdown"):
        assert found[f"bin/{name}"].linkname == "../power"
    assert "bin/dpkg" not in found


def test_every_link_leads_to_something_in_the_archive(installed: Path) -> None:
    found = members(installed)
    links = [member for member in found.values() if member.issym()]

    assert links
    for link in links:
        assert link.linkname.removeprefix("../") in found


def test_every_script_is_there_and_says_how_it_is_run(installed: Path) -> None:
    scripts = Path(tools.__file__).with_name("boot").iterdir()
    found = members(installed)
    for script in scripts:
        started = script.read_text().startswith("#!/.ec2-emulator/sh\n")

        assert started is bool(found[script.name].mode & 0o100)


def test_the_same_content_has_the_same_digest(installed: Path) -> None:
    before = load(installed)
    (installed / "busybox").write_bytes(b"another")

    assert before.digest != load(installed).digest
    (installed / "busybox").write_bytes(b"busybox")
    assert before == load(installed)


def test_without_dropbear_images_with_an_sshd_still_boot(installed: Path) -> None:
    (installed / "dropbearmulti").unlink()

    assert not load(installed).has_dropbear
    assert not [name for name in members(installed) if "dropbear" in name or "scp" in name]


def test_without_busybox_nothing_boots(tmp_path: Path) -> None:
    with pytest.raises(ToolsMissing, match="scripts/guest-tools"):
        load(tmp_path)
