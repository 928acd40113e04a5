"""The program of a helper container that works on routers, from the engine's machine's network.

``python -m emulator.net.router_helper SOCKET``: gets the visit and the namespaces from the Unix
socket, does the errands, and passes back the namespaces it made, or what went wrong.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Sequence

from emulator.core.process import CommandFailed
from emulator.net.router_visit import RouterVisit, perform_errands

_MOST_BYTES = 64 * 1024
# The kernel's limit for one message (SCM_MAX_FD).
MOST_NAMESPACES = 250


def serve(path: str) -> int:
    """Do the visit that is asked for at a Unix socket, and return the exit status."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stream:
        stream.connect(path)
        first, namespaces, _, _ = socket.recv_fds(stream, _MOST_BYTES, MOST_NAMESPACES)
        with stream.makefile("rb") as rest:
            text = first if first.endswith(b"\n") else first + rest.readline()
        try:
            made = perform_errands(RouterVisit.from_json(text.decode()), namespaces)
        except (CommandFailed, OSError) as error:
            stream.sendall(json.dumps({"error": str(error)}).encode())
            return 1
        socket.send_fds(stream, [b"{}"], made)
    return 0


def ask(stream: socket.socket, visit: RouterVisit, namespaces: Sequence[int]) -> list[int]:
    """Ask a helper at the other end for a visit, and return the namespaces it made.

    Raises:
        CommandFailed: with what the helper said.
        OSError: it went away.
    """
    text = visit.to_json().encode() + b"\n"
    sent = socket.send_fds(stream, [text], list(namespaces))
    stream.sendall(text[sent:])
    answer, made, _, _ = socket.recv_fds(stream, _MOST_BYTES, MOST_NAMESPACES)
    for each in made:
        os.set_inheritable(each, False)
    try:
        told = json.loads(answer)
    except ValueError:
        told = {"error": "the helper gave no answer"}
    if "error" in told or len(made) != visit.new_namespaces:
        for each in made:
            os.close(each)
        raise CommandFailed(str(told.get("error", "the helper gave other namespaces back")))
    return made


if __name__ == "__main__":
    sys.exit(serve(sys.argv[1]))
