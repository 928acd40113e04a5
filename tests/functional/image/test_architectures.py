"""The image builds on arm64 as on amd64: nothing that it installs is for one of them alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.functional.image.container import ROOT

# What Debian 12's pip takes, newest first, by the names that wheels go by.
PLATFORMS = [f"manylinux_2_{minor}" for minor in range(36, 16, -1)] + ["manylinux2014"]
# Compiled in the image's own build, against Debian's libvirt.
BUILT = "libvirt-python"


def test_every_requirement_is_there_as_a_wheel_for_arm64(tmp_path: Path) -> None:
    told = subprocess.run(
        [sys.executable, str(ROOT / "scripts/image-requirements"), str(ROOT / "pyproject.toml")],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    wanted = [line for line in told if not line.startswith(BUILT)]
    assert len(wanted) == len(told) - 1
    requirements = tmp_path / "requirements"
    requirements.write_text("\n".join(wanted))

    done = subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed"),
            *("--quiet", "--disable-pip-version-check", "--only-binary=:all:"),
            *("--python-version=3.11", "--target", str(tmp_path / "nowhere")),
            *(f"--platform={platform}_aarch64" for platform in PLATFORMS),
            *("--requirement", str(requirements)),
        ],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )

    assert done.returncode == 0, done.stderr
