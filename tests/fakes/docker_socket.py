"""A Docker engine's socket that says what a test wants, over real HTTP on a Unix socket."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

Answer = tuple[int, Any] | Callable[[BaseHTTPRequestHandler], None]

VERSION = {"ApiVersion": "1.41", "MinAPIVersion": "1.12", "Version": "20.10.24"}


class DockerSocket:
    """A server that runs until ``close``.

    Attributes:
        answers: ``METHOD /path`` without version and query → status and JSON, or a function.
        asked: what was asked for, with its body.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.answers: dict[str, Answer] = {
            "GET /version": (200, VERSION),
            "GET /info": (200, {"NCPU": 3, "Architecture": "aarch64", "CgroupVersion": "2"}),
            "GET /_ping": (200, "OK"),
        }
        self.asked: list[tuple[str, bytes]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def __getattr__(self, name: str) -> Any:
                if name.startswith("do_"):
                    return self.handle_any
                raise AttributeError(name)

            def handle_any(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                path = self.path.partition("?")[0]
                if path.startswith("/v1."):
                    path = "/" + path.split("/", 2)[2]
                key = f"{self.command} {path}"
                outer.asked.append((f"{self.command} {self.path}", body))
                answer = outer.answers.get(key, (404, {"message": f"no such thing: {key}"}))
                if callable(answer):
                    answer(self)
                else:
                    reply(self, *answer)

            def log_message(self, *_: Any) -> None:
                pass

            def address_string(self) -> str:
                return "unix"

        class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
            daemon_threads = True

        self.server = Server(str(path), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()

    @property
    def host(self) -> str:
        return f"unix://{self.path}"

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


def reply(handler: BaseHTTPRequestHandler, status: int, value: Any) -> None:
    """Answer with JSON."""
    body = json.dumps(value).encode()
    handler.send_response(status)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def chunks(*values: Any, end: bytes = b"0\r\n\r\n") -> Answer:
    """Return an answer that comes in pieces; another end breaks off in the middle."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for value in values:
            piece = json.dumps(value).encode() + b"\n"
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        handler.wfile.write(end)
        handler.close_connection = True

    return answer
