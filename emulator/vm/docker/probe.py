"""Whether a Docker engine answers here, found out without the SDK and within a moment."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Mapping

DEFAULT_SOCKET = "/var/run/docker.sock"
_UNIX = "unix://"
# A local engine answers in a millisecond; one that needs a second is not there for EC2.
TIMEOUT_SECONDS = 2.0


def socket_path(environment: Mapping[str, str]) -> str | None:
    """Return the path of the engine's Unix socket, or None where it is asked over a network."""
    host = environment.get("DOCKER_HOST", "")
    if host and not host.startswith(_UNIX):
        return None
    return host.removeprefix(_UNIX) or DEFAULT_SOCKET


def obstacle(environment: Mapping[str, str]) -> str | None:
    """Return what keeps the engine from being used, with what may help; None: nothing.

    Args:
        environment: DOCKER_HOST and its kin.
    """
    path = socket_path(environment)
    if path is None:
        return _obstacle_far(environment)
    try:
        answer = _ping(path)
    except FileNotFoundError:
        return (
            f"there is no socket {path}: start the Docker engine, or give the emulator its socket "
            f"(docker run -v {DEFAULT_SOCKET}:{DEFAULT_SOCKET} …)"
        )
    except PermissionError:
        return f"not permitted to use {path}: run as root, or as a member of the group docker"
    except ConnectionRefusedError:
        return f"nothing listens on {path}: start the Docker engine"
    except (OSError, http.client.HTTPException) as error:
        return f"no answer on {path}: {error}"
    return None if answer == http.client.OK else f"{path} answers with HTTP status {answer}"


def _ping(path: str) -> int:
    connection = http.client.HTTPConnection("localhost", timeout=TIMEOUT_SECONDS)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stream:
        stream.settimeout(TIMEOUT_SECONDS)
        stream.connect(path)
        connection.sock = stream
        connection.request("GET", "/_ping")
        return connection.getresponse().status


def _obstacle_far(environment: Mapping[str, str]) -> str | None:
    from emulator.vm.docker.blocking import EngineAddress, EngineError, connect  # noqa: PLC0415

    try:
        connect(EngineAddress(environment))
    except EngineError as error:
        return str(error)
    return None
