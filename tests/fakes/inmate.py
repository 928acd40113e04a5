"""Software in an instance that asks the metadata service, without a socket."""

from __future__ import annotations

import json
from typing import Any

from emulator.app import build_metadata
from emulator.imds.metadata import Metadata
from emulator.imds.rules import TOKEN_HEADER, TOKEN_PATH, TTL_HEADER
from emulator.wire.message import HttpRequest, HttpResponse
from tests.fakes.client import Client

TOKEN_KEY = b"k" * 32


def metadata_of(client: Client, **settings: Any) -> Metadata:
    """Return the metadata service of a client's emulator."""
    return build_metadata(client.api, **{"token_key": TOKEN_KEY, **settings})


class Inmate:
    """What runs in one instance."""

    def __init__(self, client: Client, instance_id: str, metadata: Metadata | None = None) -> None:
        self.metadata = metadata or metadata_of(client)
        self.key = ("000000000000", client.region, instance_id)
        self.instance_id = instance_id

    def ask(
        self,
        path: str,
        method: str = "GET",
        headers: dict[str, str] | None = None,
        peer: str = "169.254.169.254",
    ) -> HttpResponse:
        """Return the answer to one request; header names are in lower case."""
        request = HttpRequest(method, path, headers=headers or {}, peer=(peer, 40000))
        return self.metadata.answer(self.key, request)

    def token(self, ttl_seconds: int = 21600) -> str:
        """Return a fresh session token."""
        answer = self.ask(TOKEN_PATH, "PUT", {TTL_HEADER: str(ttl_seconds)})
        assert answer.status == 200
        return b"".join(answer.body).decode()

    def get(self, path: str, version: str = "latest") -> str | None:
        """Return what stands below ``/<version>/``, or None where there is nothing."""
        answer = self.ask(f"/{version}/{path}", headers={TOKEN_HEADER: self.token()})
        assert answer.status in (200, 404), answer
        return b"".join(answer.body).decode() if answer.status == 200 else None

    def meta(self, path: str, version: str = "latest") -> str | None:
        """Return what stands below ``meta-data/``."""
        return self.get(f"meta-data/{path}", version)

    def document(self, path: str) -> Any:
        """Return the JSON below ``meta-data/``."""
        text = self.meta(path)
        assert text is not None, path
        return json.loads(text)

    def walk(self, path: str = "meta-data/", version: str = "latest") -> dict[str, str]:
        """Return every value that listings lead to, as cloud-init crawls them."""
        found: dict[str, str] = {}
        listing = self.get(path, version)
        assert listing is not None, path
        for line in listing.split("\n"):
            if path.endswith("/public-keys/"):  # 0=name, where 0 is the folder
                found |= self.walk(f"{path}{line.partition('=')[0]}/", version)
                continue
            if line.endswith("/"):
                found |= self.walk(path + line, version)
                continue
            value = self.get(path + line, version)
            assert value is not None, path + line
            found[path.removeprefix("meta-data/") + line] = value
        return found
