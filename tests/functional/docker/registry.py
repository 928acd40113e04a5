"""A registry that has one image under every name, as an engine's mirror of the public one."""

from __future__ import annotations

import gzip
import hashlib
import json
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG = "application/vnd.docker.container.image.v1+json"
LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"


class Registry:
    """Serves what `docker save` wrote, by the registry's HTTP API, version 2.

    Attributes:
        asked: the paths of manifests that were asked for.
    """

    def __init__(self, archive: Path) -> None:
        self.asked: list[str] = []
        self.blobs: dict[str, bytes] = {}
        with tarfile.open(archive) as saved:
            (index,) = json.loads(_member(saved, "manifest.json"))
            described = {
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "config": self._kept(CONFIG, _member(saved, index["Config"])),
                "layers": [
                    self._kept(LAYER, gzip.compress(_member(saved, name), 1, mtime=0))
                    for name in index["Layers"]
                ],
            }
        self.manifest = json.dumps(described).encode()
        handler = type("Handler", (_Handler,), {"registry": self})
        self._server = ThreadingHTTPServer(("0.0.0.0", 0), handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _kept(self, media_type: str, content: bytes) -> dict[str, Any]:
        digest = digest_of(content)
        self.blobs[digest] = content
        return {"mediaType": media_type, "size": len(content), "digest": digest}


class _Handler(BaseHTTPRequestHandler):
    registry: ClassVar[Registry]
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer a GET, and what answers a HEAD without its body."""
        *_, kind, name = self.path.rstrip("/").rsplit("/", 2)
        if self.path.rstrip("/") == "/v2":
            self._answer("application/json", b"{}")
        elif kind == "manifests":
            self.registry.asked.append(self.path)
            self._answer(MANIFEST, self.registry.manifest)
        elif kind == "blobs" and name in self.registry.blobs:
            self._answer("application/octet-stream", self.registry.blobs[name])
        else:
            self.send_error(404)

    do_HEAD = do_GET  # noqa: N815 - the name that http.server looks for

    def _answer(self, media_type: str, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Docker-Content-Digest", digest_of(body))
        self.send_header("Docker-Distribution-Api-Version", "registry/2.0")
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing: `asked` tells."""


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _member(saved: tarfile.TarFile, name: str) -> bytes:
    file = saved.extractfile(name)
    assert file is not None
    return file.read()
