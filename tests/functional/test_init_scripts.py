"""Init scripts in the life of a real process."""

from __future__ import annotations

import json
import time
import urllib.request
from pathlib import Path
from typing import Any

from tests.clients.emulator_process import EmulatorProcess


def write(directory: Path, name: str, text: str, mode: int = 0o755) -> None:
    path = directory / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)


def asked(url: str, page: str) -> Any:
    with urllib.request.urlopen(f"{url}/_localstack/{page}", timeout=5) as answer:
        return json.load(answer)


def until_complete(url: str, stage: str, seconds: float = 30) -> Any:
    deadline = time.monotonic() + seconds
    while not (seen := asked(url, f"init/{stage}"))["completed"]:
        assert time.monotonic() < deadline, seen
        time.sleep(0.05)
    return seen


def states(page: Any) -> dict[str, str]:
    return {script["name"]: script["state"] for script in page["scripts"]}


def test_scripts_run_in_order_and_a_failing_one_is_told(tmp_path: Path) -> None:
    write(tmp_path, "start.d/1.sh", "#!/bin/sh\necho script start\n")
    write(tmp_path, "ready.d/1-fails.sh", "#!/bin/sh\necho script fails\nexit 7\n")
    write(tmp_path, "ready.d/2-not-executable.sh", "#!/bin/sh\necho never\n", mode=0o644)
    write(tmp_path, "ready.d/3-last.py", "print('script last', flush=True)\n", mode=0o644)
    write(tmp_path, "ready.d/deeper/4.sh", "#!/bin/sh\necho script deeper\n")
    write(tmp_path, "shutdown.d/1.sh", "#!/bin/sh\necho script shutdown\n")
    emulator = EmulatorProcess(INIT_DIRECTORY=str(tmp_path))
    page = until_complete(emulator.url, "ready")
    everything = asked(emulator.url, "init")
    status = emulator.stop()

    assert status == 0
    assert states(page) == {
        "1-fails.sh": "ERROR",
        "2-not-executable.sh": "ERROR",
        "3-last.py": "SUCCESSFUL",
        "4.sh": "SUCCESSFUL",
    }
    assert everything["completed"] == {
        "BOOT": True,
        "START": True,
        "READY": True,
        "SHUTDOWN": False,
    }
    said = [line for line in emulator.lines if line.startswith("script ")]
    assert said == [f"script {word}" for word in ("start", "fails", "last", "deeper", "shutdown")]
    assert "Ready." in emulator.lines
    assert any("1-fails.sh failed with exit status 7" in line for line in emulator.lines)
    assert not any("Traceback" in line for line in emulator.lines)


def test_a_script_keeps_nobody_waiting(tmp_path: Path) -> None:
    write(tmp_path, "start.d/1.sh", "#!/bin/sh\nexec sleep 60\n")
    write(tmp_path, "shutdown.d/1.sh", "#!/bin/sh\nexec sleep 60\n")
    emulator = EmulatorProcess(INIT_DIRECTORY=str(tmp_path))

    assert states(asked(emulator.url, "init/start")) == {"1.sh": "RUNNING"}
    assert emulator.post("Action=DescribeVpcs&Version=2016-11-15")[0] == 200
    began = time.monotonic()
    assert emulator.stop() == 0
    assert time.monotonic() - began < 10
    assert not any("Traceback" in line for line in emulator.lines)
