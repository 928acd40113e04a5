"""Packer itself, with the templates of packer/."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.absent import absent

TEMPLATES = Path(__file__).parents[3] / "packer"


def packer(
    *words: str, folder: Path, environ: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run one command of Packer's in a folder, whatever comes of it."""
    program = shutil.which("packer")
    if program is None:
        absent("no packer; on Debian: apt-get install packer")
    return subprocess.run(
        [program, *words],
        cwd=folder,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "CHECKPOINT_DISABLE": "1",
            "AWS_POLL_DELAY_SECONDS": "1",
            "AWS_MAX_ATTEMPTS": "60",
            **(environ or {}),
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def build(
    template: str, folder: Path, variables: Mapping[str, str], environ: Mapping[str, str]
) -> str:
    """Build a template and return what Packer said; it has to succeed."""
    given = [word for name, value in variables.items() for word in ("-var", f"{name}={value}")]
    done = packer(
        "build", "-color=false", *given, str(TEMPLATES / template), folder=folder, environ=environ
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def built_ami(folder: Path) -> str:
    """Return the AMI's id in the manifest that an amazon-ebs build leaves in a folder."""
    manifest = json.loads((folder / "manifest.json").read_text())
    region, _, image_id = manifest["builds"][-1]["artifact_id"].partition(":")
    assert region == "us-east-1"
    return str(image_id)
