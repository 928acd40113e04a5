"""The program of a helper container: one visit to the namespace it was started in.

``python -m emulator.net.helper SOCKET``: reads the visit from the Unix socket, performs it,
and passes back what listens, in the same order, or what went wrong.
"""

from __future__ import annotations

import json
import socket
import sys

from emulator.core.process import CommandFailed
from emulator.net.flow_visit import FlowVisit, perform_flows
from emulator.net.visit import Visit, perform

MOST_SOCKETS = 16
_MOST_BYTES = 64 * 1024
# Twice what full tables are.
_MOST_LISTED_BYTES = 64 * 1024 * 1024


def serve(path: str) -> int:
    """Do the visit that is asked for at a Unix socket, and return the exit status."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stream:
        stream.connect(path)
        with stream.makefile("rb") as requests:
            asked = requests.readline().decode()
        given = json.loads(asked)
        try:
            if "flows" in given:
                listed = perform_flows(FlowVisit.from_json(given))
                stream.sendall(json.dumps({"listed": listed}).encode())
                return 0
            opened = perform(Visit.from_json(asked))
        except (CommandFailed, OSError) as error:
            stream.sendall(json.dumps({"error": str(error)}).encode())
            return 1
        answer = json.dumps({"sockets": len(opened)}).encode()
        socket.send_fds(stream, [answer], [each.fileno() for each in opened])
    return 0


def ask_flows(stream: socket.socket, visit: FlowVisit) -> str:
    """Ask a helper at the other end for a visit to flows, and return what nft listed there.

    Raises:
        CommandFailed: with what the helper said.
        OSError: it went away.
    """
    stream.sendall(visit.to_json().encode() + b"\n")
    with stream.makefile("rb") as answers:
        text = answers.read(_MOST_LISTED_BYTES)
    try:
        answer = json.loads(text)
    except ValueError:
        answer = {"error": "the helper gave no answer, or more than is to be read"}
    if "error" in answer:
        raise CommandFailed(str(answer["error"]))
    return str(answer["listed"])


def ask(stream: socket.socket, visit: Visit) -> list[socket.socket]:
    """Ask a helper at the other end for a visit, and return what it opened.

    Raises:
        CommandFailed: with what the helper said.
        OSError: it went away.
    """
    stream.sendall(visit.to_json().encode() + b"\n")
    text, descriptors, _, _ = socket.recv_fds(stream, _MOST_BYTES, MOST_SOCKETS)
    opened = [socket.socket(fileno=each) for each in descriptors]
    try:
        answer = json.loads(text)
    except ValueError:
        answer = {"error": "the helper gave no answer"}
    if "error" in answer:
        for each in opened:
            each.close()
        raise CommandFailed(str(answer["error"]))
    for each in opened:
        each.setblocking(False)
    return opened


if __name__ == "__main__":
    sys.exit(serve(sys.argv[1]))
