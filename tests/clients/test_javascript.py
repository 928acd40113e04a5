"""The AWS SDK for JavaScript, where ``tests/lab/setup`` could install it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

from tests.absent import absent
from tests.clients.emulator_process import EmulatorProcess
from tests.fakes.creations import IMAGE

PROGRAM = Path(__file__).parent / "javascript" / "a_life.mjs"
INSTALLED = Path(__file__).parents[2] / ".lab" / "javascript"


def test_an_instance_from_launch_to_end(emulator: EmulatorProcess, tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None or not (INSTALLED / "node_modules" / "@aws-sdk" / "client-ec2").is_dir():
        absent("no AWS SDK for JavaScript; tests/lab/setup says why")
    # Node looks for modules beside the program.
    (tmp_path / "node_modules").symlink_to(INSTALLED / "node_modules")
    program = shutil.copy(PROGRAM, tmp_path)

    done = subprocess.run(
        [node, program, IMAGE],
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "AWS_ENDPOINT_URL": emulator.url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": "us-east-1",
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    saw = json.loads(done.stdout)
    assert saw.pop("types") > 100
    assert saw == {
        "launched": 6,
        "launchTimeIsDate": True,
        "running": "SUCCESS",
        "tags": [{"Key": "Name", "Value": "jé <&>"}, {"Key": "empty", "Value": ""}],
        "paged": 6,
        "stopped": "SUCCESS",
        "refused": ["InvalidInstanceID.NotFound", 400],
        "dry": ["DryRunOperation", 412],
        "terminated": "SUCCESS",
    }
