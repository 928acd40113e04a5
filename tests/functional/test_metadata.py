"""The metadata service on real sockets, with clients that others wrote."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.credentials import InstanceMetadataProvider
from botocore.utils import IMDSFetcher, InstanceMetadataFetcher, InstanceMetadataRegionFetcher

from tests.absent import absent

SERVER = Path(__file__).with_name("metadata_server.py")
ROOT = SERVER.parents[2]
AMI = "ami-df5de72bdb3b"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "ec2.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}
TTL = "x-aws-ec2-metadata-token-ttl-seconds"
TOKEN = "x-aws-ec2-metadata-token"


class Emulator:
    """A process with an API and listeners for instances' metadata."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.folder = folder
        self.log = folder / "log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, SERVER, folder, *arguments],
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stderr=log,
            )
        self.url = self.published("api")

    def published(self, name: str) -> str:
        deadline = time.monotonic() + 30
        path = self.folder / name
        while not path.exists():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline
            time.sleep(0.01)
        return path.read_text()

    def client(self, service: str = "ec2", **keys: str):
        given = {"aws_access_key_id": "test", "aws_secret_access_key": "test", **keys}
        return boto3.client(service, endpoint_url=self.url, region_name="us-east-1", **given)

    def launch(self, **params) -> Guest:
        made = self.client().run_instances(
            **{"ImageId": AMI, "MinCount": 1, "MaxCount": 1, **params}
        )["Instances"][0]
        ipv4, ipv6 = self.published(made["InstanceId"]).split()
        return Guest(self, made["InstanceId"], ipv4, ipv6)

    def profile(self, name: str) -> None:
        iam = self.client("iam")
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))
        iam.create_instance_profile(InstanceProfileName=name)
        iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=name)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(10)


class Guest:
    """What runs in one instance."""

    def __init__(self, emulator: Emulator, instance_id: str, ipv4: str, ipv6: str) -> None:
        self.emulator, self.id, self.ipv4, self.ipv6 = emulator, instance_id, ipv4, ipv6

    def ask(self, path: str, method: str = "GET", url: str = "", **headers: str):
        address = urlsplit(url or self.ipv4)
        connection = http.client.HTTPConnection(address.hostname, address.port, timeout=10)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, headers=named)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return answer.status, body

    def token(self, seconds: int = 60) -> str:
        status, body = self.ask(
            "/latest/api/token", "PUT", x_aws_ec2_metadata_token_ttl_seconds=str(seconds)
        )
        assert status == 200
        return body.decode()

    def get(self, path: str) -> bytes:
        status, body = self.ask(f"/latest/{path}", x_aws_ec2_metadata_token=self.token())
        assert status == 200, body
        return body


@pytest.fixture(scope="module")
def emulator(tmp_path_factory) -> Iterator[Emulator]:
    """An emulator that must never have logged a fault of its own."""
    process = Emulator(tmp_path_factory.mktemp("metadata"))
    yield process
    process.stop()
    assert "Traceback" not in process.log.read_text()


@pytest.fixture(scope="module")
def guest(emulator: Emulator) -> Guest:
    """An instance with a role."""
    emulator.profile("app")
    return emulator.launch(
        IamInstanceProfile={"Name": "app"}, UserData="#!/bin/sh\n", MinCount=1, MaxCount=1
    )


def settings(guest: Guest) -> dict[str, str]:
    return {"ec2_metadata_service_endpoint": guest.ipv4}


def test_version_1_and_2_are_answered(guest: Guest) -> None:
    assert guest.ask("/latest/meta-data/instance-id") == (200, guest.id.encode())
    assert guest.get("meta-data/instance-id") == guest.id.encode()
    assert guest.ask("/latest/meta-data/", x_aws_ec2_metadata_token="no")[0] == 401


def test_each_listener_answers_for_its_own_instance(emulator: Emulator, guest: Guest) -> None:
    other = emulator.launch()

    assert other.get("meta-data/instance-id") == other.id.encode() != guest.id.encode()
    status, _ = other.ask("/latest/meta-data/", x_aws_ec2_metadata_token=guest.token())
    assert status == 401


def test_boto3_gets_the_roles_credentials_and_calls_the_emulator_with_them(guest: Guest) -> None:
    fetcher = InstanceMetadataFetcher(timeout=5, num_attempts=1, config=settings(guest))
    credentials = InstanceMetadataProvider(iam_role_fetcher=fetcher).load()
    assert credentials is not None
    frozen = credentials.get_frozen_credentials()
    caller = guest.emulator.client(
        "sts",
        aws_access_key_id=frozen.access_key,
        aws_secret_access_key=frozen.secret_key,
        aws_session_token=frozen.token,
    ).get_caller_identity()

    assert caller["Account"] == "000000000000"
    assert caller["Arn"] == f"arn:aws:sts::000000000000:assumed-role/app/{guest.id}"
    assert caller["UserId"].endswith(f":{guest.id}")


def test_boto3_without_keys_finds_credentials_by_itself(guest: Guest) -> None:
    code = (
        "import boto3, sys; c = boto3.client('sts', endpoint_url=sys.argv[1]);"
        "print(c.get_caller_identity()['Arn'])"
    )
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    said = subprocess.run(
        [sys.executable, "-c", code, guest.emulator.url],
        env={
            **kept,
            "AWS_EC2_METADATA_SERVICE_ENDPOINT": guest.ipv4,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_CONFIG_FILE": "/nonexistent",
            "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
        },
        capture_output=True,
        text=True,
        check=True,
    )

    assert said.stdout.strip().endswith(f":assumed-role/app/{guest.id}")


def test_boto3_finds_its_region(guest: Guest) -> None:
    fetcher = InstanceMetadataRegionFetcher(timeout=5, num_attempts=1, config=settings(guest))

    assert fetcher.retrieve_region() == "us-east-1"


def test_a_required_token_keeps_version_1_out(emulator: Emulator) -> None:
    guest = emulator.launch(MetadataOptions={"HttpTokens": "required"})

    assert guest.ask("/latest/meta-data/instance-id")[0] == 401
    assert guest.get("meta-data/instance-id") == guest.id.encode()
    fetcher = IMDSFetcher(timeout=5, num_attempts=1, config=settings(guest))
    assert fetcher._fetch_metadata_token()


def test_options_are_followed_as_they_change(emulator: Emulator) -> None:
    guest, ec2 = emulator.launch(), emulator.client()
    assert guest.ask("/latest/", url=guest.ipv6)[0] == 403
    ec2.modify_instance_metadata_options(InstanceId=guest.id, HttpProtocolIpv6="enabled")
    assert guest.ask("/latest/", url=guest.ipv6)[0] == 200
    ec2.modify_instance_metadata_options(InstanceId=guest.id, HttpEndpoint="disabled")
    assert guest.ask("/latest/")[0] == 403
    assert guest.ask("/latest/api/token", "PUT", x_aws_ec2_metadata_token_ttl_seconds="9")[0] == 403
    ec2.modify_instance_metadata_options(InstanceId=guest.id, HttpEndpoint="enabled")
    assert guest.ask("/latest/")[0] == 200


IP_MINTTL = 21  # linux/in.h; packets that travelled further are dropped by the kernel


def reached_by_token(guest: Guest, least_ttl: int) -> bool:
    """Tell whether the token's answer comes with at least such a TTL."""
    address = urlsplit(guest.ipv4)
    with socket.create_connection((address.hostname, address.port), timeout=1.0) as client:
        client.setsockopt(socket.IPPROTO_IP, IP_MINTTL, least_ttl)
        client.sendall(f"PUT /latest/api/token HTTP/1.1\r\nHost: x\r\n{TTL}: 60\r\n\r\n".encode())
        try:
            return client.recv(15) == b"HTTP/1.1 200 OK"
        except TimeoutError:
            return False


@pytest.mark.skipif(sys.platform != "linux", reason="IP_MINTTL is Linux's")
@pytest.mark.parametrize("limit", [1, 2, 64])
def test_the_hop_limit_is_the_ttl_of_the_tokens_answer(emulator: Emulator, limit: int) -> None:
    guest = emulator.launch(MetadataOptions={"HttpPutResponseHopLimit": limit})

    assert reached_by_token(guest, limit)
    assert not reached_by_token(guest, limit + 1)


def test_tokens_outlive_the_process(tmp_path: Path, guest: Guest) -> None:
    """The other process does not know the instance; what it says of the token is the point."""
    status, _ = guest.ask("/latest/", x_aws_ec2_metadata_token=guest.token(21600))

    assert status == 200


def test_credentials_rotate_before_they_end(tmp_path: Path) -> None:
    short = Emulator(tmp_path, "2")
    try:
        short.profile("quick")
        guest = short.launch(IamInstanceProfile={"Name": "quick"})
        path = "meta-data/iam/security-credentials/quick"
        first = json.loads(guest.get(path))
        assert json.loads(guest.get(path)) == first
        deadline = time.monotonic() + 10
        while json.loads(guest.get(path)) == first:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        second = json.loads(guest.get(path))
        assert second["AccessKeyId"] != first["AccessKeyId"]
        assert second["Expiration"] >= first["Expiration"]
    finally:
        short.stop()


def certificate(guest: Guest, folder: Path) -> Path:
    url = f"{guest.emulator.url}/_localstack/ec2/instance-identity/certificate"
    with urllib.request.urlopen(url, timeout=10) as answer:
        path = folder / "certificate.pem"
        path.write_bytes(answer.read())
    return path


def openssl(*arguments: str | Path) -> bytes:
    return subprocess.run(
        ["openssl", *arguments], capture_output=True, check=True, timeout=60
    ).stdout


needs_openssl = pytest.mark.skipif(
    shutil.which("openssl") is None, reason="openssl is not installed"
)


@needs_openssl
@pytest.mark.parametrize("name", ["pkcs7", "rsa2048"])
@pytest.mark.parametrize("content", [True, False])
def test_openssl_verifies_the_pkcs7_of_the_document(
    guest: Guest, tmp_path: Path, name: str, content: bool
) -> None:
    document = tmp_path / "document"
    document.write_bytes(guest.get("dynamic/instance-identity/document"))
    structure = tmp_path / name
    body = guest.get(f"dynamic/instance-identity/{name}").decode()
    structure.write_text(f"-----BEGIN PKCS7-----\n{body}\n-----END PKCS7-----\n")
    given = ("-content", document) if content else ()

    verified = openssl(
        "smime", "-verify", "-in", structure, "-inform", "PEM", *given,
        "-certfile", certificate(guest, tmp_path), "-noverify",
    )  # fmt: skip
    assert verified == document.read_bytes()
    assert json.loads(verified)["instanceId"] == guest.id


@needs_openssl
def test_openssl_verifies_the_signature_and_finds_a_forgery(guest: Guest, tmp_path: Path) -> None:
    document, signature = tmp_path / "document", tmp_path / "signature"
    document.write_bytes(guest.get("dynamic/instance-identity/document"))
    encoded = tmp_path / "encoded"
    encoded.write_bytes(guest.get("dynamic/instance-identity/signature") + b"\n")
    signature.write_bytes(openssl("base64", "-d", "-in", encoded))
    key = tmp_path / "key"
    key.write_bytes(openssl("x509", "-pubkey", "-noout", "-in", certificate(guest, tmp_path)))
    check = ("dgst", "-sha256", "-verify", key, "-signature", signature, document)

    assert openssl(*check) == b"Verified OK\n"
    document.write_bytes(document.read_bytes().replace(b"us-east-1", b"us-west-2"))
    with pytest.raises(subprocess.CalledProcessError):
        openssl(*check)


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl_follows_the_walkthrough(guest: Guest) -> None:
    def curl(*arguments: str) -> str:
        return subprocess.run(
            ["curl", "-sf", *arguments], capture_output=True, check=True, text=True, timeout=20
        ).stdout

    token = curl("-X", "PUT", f"{guest.ipv4}/latest/api/token", "-H", f"{TTL}: 300")
    listing = curl("-H", f"{TOKEN}: {token}", f"{guest.ipv4}/latest/meta-data/")
    assert "instance-id" in listing.split("\n")
    assert curl(f"{guest.ipv4}/latest/user-data") == "#!/bin/sh\n"


def test_cloud_init_finds_what_it_asks_for(guest: Guest) -> None:
    """Its Ec2 data source: the oldest version it knows, then the newest, then all below."""
    token = guest.token(21600)

    def status(path: str) -> int:
        return guest.ask(path, x_aws_ec2_metadata_token=token)[0]

    for version in ("2009-04-04", "2016-09-02", "2018-09-24", "2021-03-23"):
        assert status(f"/{version}/meta-data/instance-id") == 200
        assert status(f"/{version}/meta-data/") == 200
        assert status(f"/{version}/user-data") == 200
        assert status(f"/{version}/dynamic/instance-identity/document") == 200
    macs = guest.get("meta-data/network/interfaces/macs/").decode().rstrip("/")
    for leaf in ("device-number", "local-ipv4s", "subnet-ipv4-cidr-block"):
        assert guest.get(f"meta-data/network/interfaces/macs/{macs}/{leaf}")


def test_one_connection_serves_many_requests_and_a_bad_one_ends_it(guest: Guest) -> None:
    address = urlsplit(guest.ipv4)
    client = http.client.HTTPConnection(address.hostname, address.port, timeout=10)
    for _ in range(3):
        client.request("GET", "/latest/meta-data/instance-id")
        assert client.getresponse().read() == guest.id.encode()
    with socket.create_connection((address.hostname, address.port), timeout=10) as raw:
        raw.sendall(b"GET / HTTP/1.1\r\nX: " + b"x" * 30_000)
        assert raw.recv(100).startswith(b"HTTP/1.1 431 ")


def test_a_terminated_instance_is_not_served_any_more(emulator: Emulator) -> None:
    guest = emulator.launch()
    address = urlsplit(guest.ipv4)
    kept = socket.create_connection((address.hostname, address.port), timeout=10)
    assert guest.ask("/latest/")[0] == 200
    emulator.client().terminate_instances(InstanceIds=[guest.id])
    deadline = time.monotonic() + 10
    while True:
        try:
            guest.ask("/latest/")
        except OSError:
            break
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert kept.recv(1) == b""


def test_a_spot_interruption_is_told_and_then_happens(emulator: Emulator) -> None:
    guest, ec2 = emulator.launch(InstanceMarketOptions={"MarketType": "spot"}), emulator.client()
    asked = {"kind": "spot-interruption", "instance_id": guest.id, "in_seconds": 1.5}
    request = urllib.request.Request(
        f"{emulator.url}/_localstack/ec2/events", json.dumps(asked).encode(), method="POST"
    )
    assert guest.ask("/latest/meta-data/spot/instance-action")[0] == 404
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status == 201
    notice = json.loads(guest.get("meta-data/spot/instance-action"))
    assert notice["action"] == "terminate"
    assert guest.get("meta-data/spot/termination-time").decode() == notice["time"]
    assert json.loads(guest.get("meta-data/events/recommendations/rebalance"))["noticeTime"]
    ec2.get_waiter("instance_terminated").wait(
        InstanceIds=[guest.id], WaiterConfig={"Delay": 1, "MaxAttempts": 10}
    )
    shown = ec2.describe_instances(InstanceIds=[guest.id])["Reservations"][0]["Instances"][0]
    assert shown["StateReason"]["Code"] == "Server.SpotInstanceTermination"


JAVASCRIPT = """
import { EC2Client, DescribeInstancesCommand } from "@aws-sdk/client-ec2";
const client = new EC2Client({ region: "us-east-1", endpoint: process.argv[2] });
const seen = await client.send(new DescribeInstancesCommand({ InstanceIds: [process.argv[3]] }));
const keys = await client.config.credentials();
console.log(JSON.stringify([seen.Reservations.length, keys.accessKeyId]));
"""


def test_the_javascript_sdk_finds_credentials_by_itself(guest: Guest, tmp_path: Path) -> None:
    installed = ROOT / ".lab" / "javascript" / "node_modules"
    node = shutil.which("node")
    if node is None or not (installed / "@aws-sdk" / "client-ec2").is_dir():
        absent("no AWS SDK for JavaScript; tests/lab/setup says why")
    (tmp_path / "node_modules").symlink_to(installed)
    (tmp_path / "program.mjs").write_text(JAVASCRIPT)
    said = subprocess.run(
        [node, tmp_path / "program.mjs", guest.emulator.url, guest.id],
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "AWS_EC2_METADATA_SERVICE_ENDPOINT": guest.ipv4,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    shown = json.loads(guest.get("meta-data/iam/security-credentials/app"))
    assert json.loads(said.stdout) == [1, shown["AccessKeyId"]]
