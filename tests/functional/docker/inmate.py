"""What runs in an instance and asks for metadata: curl in it, and Python in its network."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import attrs

from tests.functional.docker.cloud import Cloud

IPV4 = "http://169.254.169.254"
IPV6 = "http://[fd00:ec2::254]"

# Crawls the tree as cloud-init does, over one connection.
_WALK = """
import http.client, json, sys
host, version = sys.argv[1:]
connection = http.client.HTTPConnection(host, 80, timeout=10)
def ask(method, path, **headers):
    connection.request(method, path, headers={k.replace("_", "-"): v for k, v in headers.items()})
    answer = connection.getresponse()
    return answer.status, answer.read().decode()
status, token = ask("PUT", "/latest/api/token", x_aws_ec2_metadata_token_ttl_seconds="60")
assert status == 200, status
found = {}
def walk(path):
    status, listing = ask("GET", f"/{version}/{path}", x_aws_ec2_metadata_token=token)
    assert status == 200, (path, status)
    if not path.endswith("/"):
        found[path] = listing
        return
    for line in listing.split("\\n"):
        walk(path + (line.split("=")[0] + "/" if path.endswith("/public-keys/") else line))
walk("meta-data/")
print(json.dumps(found))
"""
# IP_MINTTL (21): the kernel drops packets with less left of their TTL.
_REACHED = """
import socket, sys
least_ttl = int(sys.argv[1])
with socket.create_connection(("169.254.169.254", 80), timeout=2) as client:
    if least_ttl:
        client.setsockopt(socket.IPPROTO_IP, 21, least_ttl)
    client.sendall(b"PUT /latest/api/token HTTP/1.1\\r\\nHost: x\\r\\n"
                   b"X-aws-ec2-metadata-token-ttl-seconds: 60\\r\\n\\r\\n")
    try:
        print(client.recv(15).decode())
    except OSError:
        print("nothing")
"""
_CREDENTIALS = """
import json
from botocore.credentials import InstanceMetadataProvider
from botocore.utils import InstanceMetadataFetcher
found = InstanceMetadataProvider(InstanceMetadataFetcher(timeout=5, num_attempts=2)).load()
print(json.dumps(found.get_frozen_credentials()._asdict()))
"""


@attrs.frozen
class Inmate:
    """One instance, from within."""

    cloud: Cloud
    instance_id: str

    def curl(self, path: str, *options: str, base: str = IPV4) -> str:
        """Return status and body as ``200 body``, or curl's exit status as ``exit 7``."""
        words = ["curl", "-s", "-g", "-m", "5", "-w", "%{stderr}%{http_code}", *options]
        name = f"localstack-ec2.{self.instance_id}"
        done = self.cloud.engine.run("exec", name, *words, base + path)
        if done.returncode != 0:
            return f"exit {done.returncode}"
        return f"{done.stderr} {done.stdout}"

    def token(self, seconds: int = 60, base: str = IPV4) -> str:
        """Return a fresh session token."""
        header = f"X-aws-ec2-metadata-token-ttl-seconds: {seconds}"
        status, _, token = self.curl(
            "/latest/api/token", "-X", "PUT", "-H", header, base=base
        ).partition(" ")
        assert status == "200"
        return token

    def get(self, path: str) -> str:
        """Return what stands below ``/latest/``, with a token."""
        answer = self.curl(f"/latest/{path}", "-H", f"X-aws-ec2-metadata-token: {self.token()}")
        status, _, body = answer.partition(" ")
        assert status == "200", answer
        return body

    @property
    def pid(self) -> str:
        """The instance's first process, as the host counts."""
        return str(self.cloud.container(self.instance_id)["State"]["Pid"])

    def in_network(self, code: str, *arguments: str, pid: str = "") -> str:
        """Return what the host's own Python prints in the instance's network."""
        done = subprocess.run(
            ["nsenter", "-n", "-t", pid or self.pid, sys.executable, "-c", code, *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={"PATH": "/usr/bin:/bin", "AWS_CONFIG_FILE": "/nowhere"},
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def walk(self, host: str = "169.254.169.254", version: str = "latest") -> dict[str, str]:
        """Return every value of the tree."""
        found: dict[str, str] = json.loads(self.in_network(_WALK, host, version))
        return {path.removeprefix("meta-data/"): value for path, value in found.items()}

    def token_reaches(self, least_ttl: int = 0, pid: str = "") -> bool:
        """Tell whether a token's answer arrives, with at least so much of its TTL left."""
        return self.in_network(_REACHED, str(least_ttl), pid=pid) == "HTTP/1.1 200 OK"

    def credentials(self) -> dict[str, Any]:
        """Return what botocore finds by itself."""
        found: dict[str, Any] = json.loads(self.in_network(_CREDENTIALS))
        return found


def run_each(commands: Sequence[str]) -> None:
    """Run commands on the host, each of which has to succeed."""
    for command in commands:
        subprocess.run(command.split(), check=True, capture_output=True, timeout=30)
