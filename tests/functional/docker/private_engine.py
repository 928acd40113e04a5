"""An engine of a test's own, which may be stopped: in a network namespace, on private folders.

The emulator that uses it runs in the same namespace, since the networks of its containers are
there. A pair of interfaces lets the test reach both, at ``address``.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from ipaddress import IPv4Network
from pathlib import Path
from uuid import uuid4

from tests.functional.docker.certificates import write_certificates
from tests.functional.docker.engine import Engine

# A range that is for tests of network devices (RFC 2544); every engine takes four addresses.
RANGE = IPv4Network("198.18.0.0/15")
TLS_PORT = 2376
START_SECONDS = 60
DISK = "size=256m"


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


class PrivateEngine:
    """Started when made; ``close`` ends it and removes everything that was its own.

    ``options`` are dockerd's; ``{outside}`` is this machine's address, as the engine sees it.
    """

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder = folder
        self._options = options
        self.certificates = folder / "certificates"
        self._data = folder / "data"
        mark = uuid4().hex[:6]
        wire = RANGE[int(mark, 16) % (RANGE.num_addresses // 4) * 4]
        self._outside, self.address = str(wire + 1), str(wire + 2)
        self.namespace = f"lab-{mark}"
        self._wire = f"lab{mark}"
        # Not `ip netns exec`: that hides the cgroups, which are below /sys.
        self.through: Sequence[str] = ("nsenter", f"--net=/run/netns/{self.namespace}")
        # A socket's path must be short.
        self.socket = f"/run/lab-{mark}.sock"
        self.engine = Engine({"DOCKER_HOST": f"unix://{self.socket}"})
        self._process: subprocess.Popen[bytes] | None = None
        try:
            self._make_folders()
            self._make_network()
            self.start()
        except BaseException:
            self.close()
            raise

    def _make_folders(self) -> None:
        self.certificates.mkdir()
        write_certificates(self.certificates, self.address)
        self._data.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", DISK, "tmpfs", self._data], check=True)

    def _make_network(self) -> None:
        ip("netns", "add", self.namespace)
        ip(
            *("link", "add", self._wire, "type", "veth"),
            *("peer", "name", "outside", "netns", self.namespace),
        )
        ip("addr", "add", f"{self._outside}/30", "dev", self._wire)
        ip("link", "set", self._wire, "up")
        for words in (
            ("addr", "add", f"{self.address}/30", "dev", "outside"),
            ("link", "set", "outside", "up"),
            ("link", "set", "lo", "up"),
        ):
            ip("-n", self.namespace, *words)

    def start(self) -> None:
        """Start the engine and wait until it answers."""
        log = self.folder / "log"
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [
                    *(*self.through, "dockerd", f"--host=unix://{self.socket}"),
                    *(f"--host=tcp://{self.address}:{TLS_PORT}", "--tlsverify"),
                    f"--tlscacert={self.certificates / 'ca.pem'}",
                    f"--tlscert={self.certificates / 'cert.pem'}",
                    f"--tlskey={self.certificates / 'key.pem'}",
                    f"--data-root={self._data}",
                    f"--exec-root={self.folder / 'exec'}",
                    f"--pidfile={self.folder / 'pid'}",
                    *(option.format(outside=self._outside) for option in self._options),
                ],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        deadline = time.monotonic() + START_SECONDS
        while self.engine.run("version").returncode != 0:
            assert self._process.poll() is None, log.read_text()[-2000:]
            assert time.monotonic() < deadline, log.read_text()[-2000:]
            time.sleep(0.2)

    def stop(self) -> None:
        """Stop the engine, and with it every container."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=60)
            self._process = None

    def load(self, source: Engine, image: str) -> None:
        """Copy an image of another engine."""
        archive = self.folder / "image.tar"
        source("save", "--output", str(archive), image)
        self.engine("load", "--input", str(archive))
        archive.unlink()

    @contextmanager
    def full(self) -> Iterator[None]:
        """Leave no room on the engine's disk for a while."""
        filler = self._data / "filler"
        try:
            with filler.open("wb") as file:
                while True:
                    file.write(bytes(2**20))
                    file.flush()
        except OSError:
            pass  # that is when it is full
        try:
            yield
        finally:
            filler.unlink()

    def close(self) -> None:
        """End everything, and remove the namespace and the folders' mounts."""
        self.stop()
        for words in (
            ("ip", "link", "del", self._wire),
            ("ip", "netns", "del", self.namespace),
            ("umount", str(self._data)),
        ):
            subprocess.run(words, check=False, capture_output=True)
        Path(self.socket).unlink(missing_ok=True)
