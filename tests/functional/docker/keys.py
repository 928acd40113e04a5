"""Key pairs on disk and OpenSSH's own client, as users have them."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import attrs

from tests.functional.docker.waiting import until

OPTIONS = (
    "BatchMode=yes",
    "ConnectTimeout=5",
    "IdentitiesOnly=yes",
    "LogLevel=ERROR",
    "StrictHostKeyChecking=no",
    "UserKnownHostsFile=/dev/null",
)
# What OpenSSH's client exits with when no command has run.
NO_SESSION = 255


@attrs.frozen
class Key:
    """A private key's file; the public one is beside it."""

    path: Path

    @property
    def public(self) -> str:
        return self.path.with_suffix(".pub").read_text().strip()


def make_key(folder: Path, kind: str = "ed25519") -> Key:
    """Return a new key pair in a folder."""
    path = folder / f"id_{kind}"
    subprocess.run(
        ["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "test", "-f", str(path)], check=True
    )
    return Key(path)


@attrs.frozen
class SshAddress:
    """Where an SSH server is; ``through`` is a command that reaches it, if any is needed."""

    host: str
    port: int
    through: Sequence[str] = ()

    def attempt(
        self, key: Key, user: str, command: str, *options: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command over SSH once."""
        given = [word for option in (*options, *OPTIONS) for word in ("-o", option)]
        return subprocess.run(
            [
                *self.through,
                *("ssh", "-F", "none", *given, "-i", str(key.path), "-p", str(self.port)),
                *(f"{user}@{self.host}", command),
            ],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def run(self, key: Key, user: str, command: str, *options: str) -> str:
        """Return what a command prints, once the server is up; it has to succeed."""

        def settled(done: subprocess.CompletedProcess[str]) -> bool:
            return done.returncode != NO_SESSION or "Permission denied" in done.stderr

        done = until(lambda: self.attempt(key, user, command, *options), settled)
        assert done.returncode == 0, (user, command, done.stdout, done.stderr)
        return done.stdout.strip()

    def host_keys(self) -> set[str]:
        """Return the server's host keys, once it is up."""
        words = ["ssh-keyscan", "-T", "5", "-p", str(self.port), self.host]

        def scan() -> set[str]:
            done = subprocess.run(
                [*self.through, *words], capture_output=True, text=True, check=False
            )
            lines = done.stdout.splitlines()
            return {line.split(maxsplit=1)[1] for line in lines if not line.startswith("#")}

        return until(scan, bool)
