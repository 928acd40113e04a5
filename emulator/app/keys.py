"""Secrets that outlive a run: files that only the emulator's own user may read."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from twisted.logger import Logger

log = Logger(namespace="emulator")


def kept(directory: Path, name: str, make: Callable[[], bytes]) -> bytes:
    """Return a secret that an earlier run left, or a new one that later runs will find.

    Where nothing can be kept, each run has its own, and the log says so.

    Args:
        directory: of the emulator's own data.
        name: of the secret's file there.
        make: returns a new secret.
    """
    path = directory / name
    try:
        return path.read_bytes()
    except FileNotFoundError:
        secret = make()
    except OSError as error:
        log.warn("{path} cannot be read: {error}", path=str(path), error=str(error))
        return make()
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        return _kept_first(path, secret)
    except OSError as error:
        log.warn(
            "{path} cannot be kept for the next start: {error}", path=str(path), error=str(error)
        )
        return secret


def _kept_first(path: Path, secret: bytes) -> bytes:
    """Keep the secret unless another emulator was faster, and return what is kept now."""
    new = path.with_name(f"{path.name}.{os.getpid()}")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(secret)
    try:
        os.link(new, path)  # whole or not at all
    except FileExistsError:
        return path.read_bytes()
    finally:
        new.unlink()
    return secret
