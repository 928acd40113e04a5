"""Puts load on a server: single calls over one kept connection, and many through wrk."""

from __future__ import annotations

import http.client
import json
import os
import re
import subprocess
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlencode

import attrs

# The shape by which every server finds service, region and account; nobody checks the rest.
AUTHORIZATION = (
    "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/ec2/aws4_request, "
    "SignedHeaders=host;x-amz-date, Signature=" + 64 * "0"
)
HEADERS = {
    "Content-Type": "application/x-www-form-urlencoded; charset=utf-8",
    "X-Amz-Date": "20260101T000000Z",
    "Authorization": AUTHORIZATION,
}
POST = Path(__file__).with_name("post.lua")
GET = Path(__file__).with_name("get.lua")


class Refused(Exception):
    """A server answered something other than 200."""


def form(action: str, **parameters: object) -> str:
    """A request's body; ``Tag_1_Key`` stands for ``Tag.1.Key``."""
    named = {name.replace("_", "."): value for name, value in parameters.items()}
    return urlencode({"Action": action, "Version": "2016-11-15", **named})


class Client:
    """One kept connection."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)

    def post(self, body: str) -> bytes:
        """Send one request and return the whole answer, or raise Refused."""
        self._connection.request("POST", "/", body=body, headers=HEADERS)
        response = self._connection.getresponse()
        content = response.read()
        if response.status != 200:
            raise Refused(f"{response.status} to {body[:60]}: {content[:300]!r}")
        return content

    def call(self, action: str, **parameters: object) -> bytes:
        """Post one action."""
        return self.post(form(action, **parameters))

    def seconds(self, body: str) -> float:
        """How long one request takes, to the last byte of its answer."""
        before = time.perf_counter()
        self.post(body)
        return time.perf_counter() - before

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


def first(tag: str, answer: bytes) -> str:
    """The text of the first XML element of a name."""
    found = re.search(rf"<{tag}>([^<]*)</{tag}>".encode(), answer)
    if not found:
        raise Refused(f"no {tag} in {answer[:300]!r}")
    return found[1].decode()


def every(tag: str, answer: bytes) -> list[str]:
    """The texts of all XML elements of a name."""
    return [text.decode() for text in re.findall(rf"<{tag}>([^<]*)</{tag}>".encode(), answer)]


@attrs.frozen
class Load:
    """What a server did under load."""

    per_second: float
    median_ms: float
    p99_ms: float


def wrk(port: int, body: str, connections: int, seconds: float) -> Load:
    """Repeat one POST over kept connections for some seconds; any failure is an error."""
    given = {"BENCH_BODY": body, "BENCH_AUTHORIZATION": AUTHORIZATION}
    return _wrk(f"http://127.0.0.1:{port}/", POST, given, connections, seconds)


def wrk_get(port: int, path: str, token: str, connections: int, seconds: float) -> Load:
    """Repeat one GET with a session token in the same way."""
    url = f"http://127.0.0.1:{port}{path}"
    return _wrk(url, GET, {"BENCH_TOKEN": token}, connections, seconds)


def _wrk(
    url: str, script: Path, given: Mapping[str, str], connections: int, seconds: float
) -> Load:
    done = subprocess.run(
        [
            *("wrk", "--threads", "1", "--connections", str(connections)),
            *("--duration", f"{seconds:.0f}s", "--timeout", "30s", "--script", str(script), url),
        ],
        env={**os.environ, **given},
        capture_output=True,
        text=True,
        check=True,
    )
    line = next(line for line in done.stdout.splitlines() if line.startswith("RESULT "))
    result = json.loads(line.removeprefix("RESULT "))
    if result["failed"]:
        raise Refused(f"{result['failed']} of {result['requests']} failed: {url} {given}")
    return Load(result["requests"] / result["seconds"], result["median_ms"], result["p99_ms"])


def few(port: int, body: str, connections: int) -> Load:
    """One request on each of some connections at once, for servers that need seconds for it."""
    taken: list[float] = []

    def one() -> None:
        client = Client(port)
        taken.append(client.seconds(body))
        client.close()

    threads = [threading.Thread(target=one) for _ in range(connections)]
    before = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    elapsed = time.perf_counter() - before
    if len(taken) != connections:
        raise Refused(f"{connections - len(taken)} of {connections} failed: {body[:60]}")
    taken.sort()
    return Load(connections / elapsed, taken[len(taken) // 2] * 1e3, taken[-1] * 1e3)
