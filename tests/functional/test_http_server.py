"""The HTTP server on real sockets, with clients that others wrote."""

from __future__ import annotations

import http.client
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

SERVER = Path(__file__).with_name("http_server.py")
ROOT = SERVER.parents[2]


@pytest.fixture
def server(tmp_path):
    """A running server's port; afterwards it must have logged nothing bad."""
    port_file = tmp_path / "port"
    log_path = tmp_path / "log"
    with log_path.open("w") as log:
        process = subprocess.Popen(
            [sys.executable, SERVER, port_file], cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, stderr=log
        )
    deadline = time.monotonic() + 20
    while not (port_file.exists() and port_file.read_text()):
        assert process.poll() is None, log_path.read_text()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    yield int(port_file.read_text())
    process.terminate()
    process.wait(10)
    assert "Traceback" not in log_path.read_text()


def test_a_connection_serves_many_requests(server):
    client = http.client.HTTPConnection("127.0.0.1", server, timeout=10)
    client.connect()
    first = client.sock
    for body in (b"", b"abc", b"x" * 1_000_000):
        client.request("POST", "/", body)
        assert b"POST " + body == client.getresponse().read()
    client.request("POST", "/", iter([b"a", b"b" * 100_000]), encode_chunked=True)
    assert client.getresponse().read() == b"POST a" + b"b" * 100_000
    client.request("GET", "/large")
    assert len(client.getresponse().read()) == 5_000_000
    assert client.sock is first


def test_tls_is_spoken_on_the_same_port(server):
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2", "http/1.1"])
    client = http.client.HTTPSConnection("127.0.0.1", server, context=context, timeout=10)
    for body in (b"", b"abc", b"x" * 1_000_000):
        client.request("POST", "/", body)
        assert b"POST " + body == client.getresponse().read()
    client.request("GET", "/large")
    assert len(client.getresponse().read()) == 5_000_000
    client.request("GET", "/", headers={"Connection": "close"})
    assert client.getresponse().read() == b"GET "


def test_the_certificate_names_the_local_hosts(server):
    pem = ssl.get_server_certificate(("127.0.0.1", server), timeout=10)
    context = ssl.create_default_context(cadata=pem)
    for name in ("localhost", "127.0.0.1", "sts.localhost.localstack.cloud"):
        with (
            socket.create_connection(("127.0.0.1", server), timeout=10) as raw,
            context.wrap_socket(raw, server_hostname=name) as tls,
        ):
            tls.sendall(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
            assert tls.recv(100).startswith(b"HTTP/1.1 200 ")


def test_broken_tls_is_no_traceback(server):
    for hello in (b"\x16", b"\x16\x03\x01\x00\x05hello", b"\x16" * 1000):
        with socket.create_connection(("127.0.0.1", server), timeout=10) as raw:
            raw.sendall(hello)
            raw.shutdown(socket.SHUT_WR)
            while raw.recv(1000):
                pass


def test_a_refused_upload_can_read_why(server):
    with socket.create_connection(("127.0.0.1", server), timeout=10) as raw:
        raw.sendall(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999\r\n\r\n")
        for _ in range(50):
            raw.sendall(b"x" * 65536)
        answer = b""
        while data := raw.recv(65536):
            answer += data
    assert answer.startswith(b"HTTP/1.1 413 ")


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl_is_content_with_all_it_can_speak(server):
    for options in (
        [],
        ["--http1.0"],
        ["--http2"],
        ["-H", "Expect: 100-continue", "--data", "a=b"],
        ["-H", "Transfer-Encoding: chunked", "--data", "a=b"],
        ["--insecure", "--data", "a=b"],
        ["--head"],
    ):
        scheme = "https" if "--insecure" in options else "http"
        url = f"{scheme}://127.0.0.1:{server}/"
        done = subprocess.run(
            ["curl", "--silent", "--show-error", "--fail", "--max-time", "10", *options, url, url],
            capture_output=True,
            text=True,
            check=True,
        )
        expected = "POST a=b" if "a=b" in options else "GET "
        assert done.stdout == expected * 2 or "--head" in options


def test_a_request_in_flight_is_answered_before_the_stop(server):
    answers = []

    def ask_slowly():
        client = http.client.HTTPConnection("127.0.0.1", server, timeout=10)
        client.request("GET", "/slow")
        response = client.getresponse()
        answers.append((response.getheader("connection"), response.read()))

    slow = threading.Thread(target=ask_slowly)
    idle = socket.create_connection(("127.0.0.1", server), timeout=10)
    slow.start()
    time.sleep(0.3)
    client = http.client.HTTPConnection("127.0.0.1", server, timeout=10)
    client.request("GET", "/stop")
    client.getresponse().read()
    assert idle.recv(1) == b""
    slow.join(10)

    assert answers == [("close", b"slow but sure")]
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server), timeout=10)
