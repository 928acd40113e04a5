"""images/pull-qcow2 against a publisher on loopback that does not always mean well."""

from __future__ import annotations

import hashlib
import http.server
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs
import pytest

from tests.absent import absent

PROGRAM = Path(__file__).parents[2] / "images/pull-qcow2"
FILE = "debian-12-genericcloud-amd64.qcow2"
IMAGE = b"QFI\xfb" + bytes(range(256)) * 4096


@attrs.define
class Publisher:
    """A folder on loopback; ``misbehave`` may answer for the image in its place."""

    files: dict[str, bytes]
    url: str = ""
    asked: list[tuple[str, str | None]] = attrs.field(factory=list)
    misbehave: Callable[[Handler, bytes, int], bool] = lambda _handler, _body, _turn: False

    def times(self, name: str) -> int:
        return sum(asked == name for asked, _ in self.asked)


class Handler(http.server.BaseHTTPRequestHandler):
    publisher: Publisher

    def do_GET(self) -> None:
        name = self.path.rpartition("/")[2]
        body = self.publisher.files.get(name)
        self.publisher.asked.append((name, self.headers.get("Range")))
        if body is None:
            self.send_error(404)
        elif not name.endswith("qcow2") or not self.publisher.misbehave(
            self, body, self.publisher.times(name)
        ):
            self.give(body)

    def give(self, body: bytes, *, length: int | None = None, most: int | None = None) -> None:
        """Answer with a body, or the part asked for, cut after ``most`` bytes."""
        etag = f'"{hashlib.sha256(body).hexdigest()[:8]}"'
        wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range") or "")
        condition = self.headers.get("If-Range")
        if wanted and (condition is None or condition == etag):
            start = int(wanted[1])
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
            body = body[start:]
        else:
            self.send_response(200)
        self.send_header("ETag", etag)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body[:most])

    def log_message(self, *_: object) -> None:
        return


def sums(body: bytes, name: str = FILE) -> bytes:
    return f"{hashlib.sha512(body).hexdigest()}  {name}\n".encode()


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    made = Publisher({FILE: IMAGE, "SHA512SUMS": sums(IMAGE)})
    handler = type("Handler", (Handler,), {"publisher": made})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    made.url = f"http://127.0.0.1:{server.server_address[1]}/images/"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield made
    server.shutdown()
    server.server_close()


@attrs.frozen
class Puller:
    """Runs the program with a folder for AMIs and a cache of its own."""

    home: Path

    @property
    def pool(self) -> Path:
        return self.home / "pool"

    def __call__(
        self, *words: str, path: str = os.environ["PATH"]
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, str(PROGRAM), *words, "--cache", str(self.home / "cache")],
            env={"PATH": path, "HOME": str(self.home), "no_proxy": "*"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def image(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self("debian-12", "--arch", "x86_64", "--directory", str(self.pool), *words)

    def installed(self) -> dict[str, bytes]:
        if not self.pool.exists():
            return {}
        return {path.name: path.read_bytes() for path in self.pool.iterdir()}

    def cached(self) -> list[str]:
        folder = self.home / "cache"
        return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


@pytest.fixture
def pull(tmp_path: Path) -> Puller:
    return Puller(tmp_path)


def test_an_image_becomes_an_ami_whose_id_follows_from_it(
    pull: Puller, publisher: Publisher, tmp_path: Path
) -> None:
    done = pull.image("--url", publisher.url)
    again = Puller(tmp_path / "elsewhere").image("--url", publisher.url)

    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"ami-[0-9a-f]{17}\n", done.stdout)
    assert pull.installed() == {done.stdout.strip(): IMAGE}
    assert again.stdout == done.stdout
    assert pull.cached() == []
    assert "does not sign" in done.stderr


def test_done_again_it_downloads_nothing(pull: Puller, publisher: Publisher) -> None:
    first = pull.image("--url", publisher.url)
    second = pull.image("--url", publisher.url)

    assert second.stdout == first.stdout
    assert publisher.times(FILE) == 1


def test_a_new_release_is_another_ami(pull: Puller, publisher: Publisher) -> None:
    first = pull.image("--url", publisher.url)
    publisher.files |= {FILE: IMAGE + b"new", "SHA512SUMS": sums(IMAGE + b"new")}
    second = pull.image("--url", publisher.url)

    assert first.stdout != second.stdout
    assert len(pull.installed()) == 2


def test_a_download_that_breaks_off_goes_on_from_there(pull: Puller, publisher: Publisher) -> None:
    def breaks_off_once(handler: Handler, body: bytes, turn: int) -> bool:
        if turn == 1:
            handler.give(body, most=1000)
        return turn == 1

    publisher.misbehave = breaks_off_once
    done = pull.image("--url", publisher.url)

    assert done.returncode == 0, done.stderr
    assert [part for name, part in publisher.asked if name == FILE] == [None, "bytes=1000-"]
    assert list(pull.installed().values()) == [IMAGE]


def test_another_file_since_the_break_is_downloaded_whole(
    pull: Puller, publisher: Publisher
) -> None:
    def breaks_off_with_the_old_one(handler: Handler, body: bytes, turn: int) -> bool:
        if turn == 1:
            handler.give(b"old" + body, most=1000)
        return turn == 1

    publisher.misbehave = breaks_off_with_the_old_one
    done = pull.image("--url", publisher.url)

    assert done.returncode == 0, done.stderr
    assert list(pull.installed().values()) == [IMAGE]


def test_a_length_that_is_too_long_fails_and_says_so(pull: Puller, publisher: Publisher) -> None:
    def promises_too_much(handler: Handler, body: bytes, _: int) -> bool:
        handler.give(body, length=len(body) + 10)
        return True

    publisher.misbehave = promises_too_much
    done = pull.image("--url", publisher.url)

    assert done.returncode == 1
    assert "the connection broke off after" in done.stderr
    assert done.stdout == ""
    assert pull.installed() == {}


def test_a_length_that_is_too_short_is_no_good_image(pull: Puller, publisher: Publisher) -> None:
    def promises_too_little(handler: Handler, body: bytes, _: int) -> bool:
        handler.give(body[:-10])
        return True

    publisher.misbehave = promises_too_little
    done = pull.image("--url", publisher.url)

    assert done.returncode == 1
    assert "is not what its publisher says it is" in done.stderr
    assert pull.installed() == {}
    assert pull.cached() == []


def test_wrong_bytes_are_deleted_and_nothing_is_installed(
    pull: Puller, publisher: Publisher
) -> None:
    publisher.files[FILE] = IMAGE[:-1] + b"!"
    done = pull.image("--url", publisher.url)

    assert done.returncode == 1
    assert "it is deleted" in done.stderr
    assert pull.installed() == {}
    assert pull.cached() == []


def test_a_server_that_answers_with_another_part_is_not_believed(
    pull: Puller, publisher: Publisher
) -> None:
    def another_part(handler: Handler, body: bytes, turn: int) -> bool:
        if turn == 1:
            handler.give(body, most=1000)
            return True
        if handler.headers.get("Range"):
            handler.send_response(206)
            handler.send_header("Content-Range", f"bytes 0-{len(body) - 1}/{len(body)}")
            handler.send_header("Content-Length", str(len(body)))
            handler.end_headers()
            handler.wfile.write(body)
            return True
        return False

    publisher.misbehave = another_part
    done = pull.image("--url", publisher.url)

    assert done.returncode == 1
    assert "another part than was asked for" in done.stderr
    assert pull.installed() == {}


@pytest.mark.parametrize("missing", [FILE, "SHA512SUMS"])
def test_what_is_not_published_fails_at_once(
    pull: Puller, publisher: Publisher, missing: str
) -> None:
    del publisher.files[missing]
    done = pull.image("--url", publisher.url)

    assert done.returncode == 1
    assert "404" in done.stderr
    assert publisher.times(missing) == 1


def test_checksums_without_the_image_are_no_checksums(pull: Puller, publisher: Publisher) -> None:
    publisher.files["SHA512SUMS"] = sums(IMAGE, "another.qcow2")
    done = pull.image("--url", publisher.url)

    assert done.returncode == 1
    assert "has no checksum of" in done.stderr
    assert publisher.times(FILE) == 0


def test_a_file_may_be_the_mirror(pull: Puller, tmp_path: Path) -> None:
    image = tmp_path / "mine.img"
    image.write_bytes(IMAGE)
    digest = hashlib.sha256(IMAGE).hexdigest()
    done = pull.image("--url", image.as_uri(), "--checksum", digest)
    by_path = pull.image("--url", str(image), "--checksum", f"sha256:{digest}")
    wrong = pull.image("--url", str(image), "--checksum", "0" * 64)

    assert done.returncode == 0, done.stderr
    assert by_path.stdout == done.stdout
    assert wrong.returncode == 1
    assert image.exists()


@pytest.mark.parametrize("checksum", ["abc", "sha512:" + "0" * 64, "g" * 64])
def test_a_checksum_that_is_none_is_refused(pull: Puller, checksum: str, tmp_path: Path) -> None:
    done = pull.image("--url", str(tmp_path / "mine.img"), "--checksum", checksum)

    assert done.returncode == 1
    assert checksum.lower()[:8] in done.stderr.lower()


def test_an_image_that_is_not_qcow2_is_converted(
    pull: Puller, tmp_path: Path, publisher: Publisher
) -> None:
    raw = b"\0" * (1 << 20)
    publisher.files |= {FILE: raw, "SHA512SUMS": sums(raw)}
    fake = tmp_path / "bin"
    fake.mkdir()
    program = fake / "qemu-img"
    program.write_text('#!/bin/sh\nprintf "%s " "$@" >"$HOME/args"\nprintf "QFI\\373" >"$5"\n')
    program.chmod(0o755)
    words = ("debian-12", "--arch", "x86_64", "--directory", str(pull.pool), "--url", publisher.url)
    done = pull(*words, path=f"{fake}:{os.environ['PATH']}")

    assert done.returncode == 0, done.stderr
    assert list(pull.installed().values()) == [b"QFI\xfb"]
    assert (tmp_path / "args").read_text().startswith("convert -O qcow2 ")


FAKE_VIRSH = """\
#!/bin/sh
[ "$1" = --connect ] && shift 2
case $1 in
    pool-dumpxml) echo "<pool type='$KIND'><target><path>$POOL</path></target></pool>" ;;
    pool-refresh) echo refreshed >>"$LOG" ;;
    vol-list) ls "$POOL" ;;
    vol-create-as) : >"$POOL/$3" ;;
    vol-upload) cp "$5" "$POOL/$4"; echo uploaded >>"$LOG" ;;
    *) exit 1 ;;
esac
"""


@pytest.mark.parametrize(
    ("kind", "log"),
    [
        ("dir", ["refreshed", "refreshed", "refreshed"]),
        ("logical", ["refreshed", "uploaded", "refreshed", "refreshed"]),
    ],
)
def test_it_goes_into_the_libvirt_pool(
    pull: Puller, tmp_path: Path, publisher: Publisher, kind: str, log: list[str]
) -> None:
    fake = tmp_path / "bin"
    fake.mkdir()
    pull.pool.mkdir()
    text = FAKE_VIRSH.replace("$KIND", kind).replace("$POOL", str(pull.pool))
    program = fake / "virsh"
    program.write_text(text.replace("$LOG", str(tmp_path / "log")))
    program.chmod(0o755)
    path = f"{fake}:{os.environ['PATH']}"
    words = ("debian-12", "--arch", "x86_64", "--url", publisher.url)
    done = pull(*words, path=path)
    again = pull(*words, path=path)

    assert done.returncode == 0, done.stderr
    assert again.stdout == done.stdout
    assert pull.installed() == {done.stdout.strip(): IMAGE}
    assert (tmp_path / "log").read_text().split() == log
    assert publisher.times(FILE) == 1


# Signatures


@pytest.fixture
def signer(tmp_path: Path) -> Callable[[bytes], bytes]:
    """Return what signs; its keyring is tmp_path/keys.gpg."""
    for program in ("gpg", "gpgv"):
        if shutil.which(program) is None:
            absent(f"no {program}; on Debian: apt-get install gpg gpgv")
    home = tmp_path / "gnupg"
    home.mkdir(mode=0o700)
    gpg = ["gpg", "--homedir", str(home), "--batch", "--quiet", "--passphrase", ""]
    subprocess.run(
        [*gpg, "--quick-generate-key", "publisher@example.com", "ed25519", "sign"],
        check=True,
        capture_output=True,
    )
    exported = subprocess.run([*gpg, "--export"], check=True, capture_output=True)
    (tmp_path / "keys.gpg").write_bytes(exported.stdout)

    def sign(text: bytes) -> bytes:
        done = subprocess.run(
            [*gpg, "--detach-sign", "--output", "-"], input=text, check=True, capture_output=True
        )
        return done.stdout

    return sign


def ubuntu(pull: Puller, publisher: Publisher, *words: str) -> subprocess.CompletedProcess[str]:
    keyring = str(pull.home / "keys.gpg")
    return pull(
        *("ubuntu-24.04", "--arch", "arm64", "--directory", str(pull.pool)),
        *("--url", publisher.url, "--keyring", keyring, *words),
    )


def publish_ubuntu(publisher: Publisher, sign: Callable[[bytes], bytes]) -> None:
    name = "ubuntu-24.04-server-cloudimg-arm64.img"
    listed = f"{hashlib.sha256(IMAGE).hexdigest()} *{name}\n".encode()
    publisher.files = {name: IMAGE, "SHA256SUMS": listed, "SHA256SUMS.gpg": sign(listed)}


def test_a_signature_is_verified(
    pull: Puller, publisher: Publisher, signer: Callable[[bytes], bytes]
) -> None:
    publish_ubuntu(publisher, signer)
    done = ubuntu(pull, publisher, "--require-signature")

    assert done.returncode == 0, done.stderr
    assert "is good" in done.stderr
    assert list(pull.installed().values()) == [IMAGE]


def test_checksums_that_somebody_changed_are_not_believed(
    pull: Puller, publisher: Publisher, signer: Callable[[bytes], bytes]
) -> None:
    publish_ubuntu(publisher, signer)
    publisher.files["SHA256SUMS"] += b"\n"
    done = ubuntu(pull, publisher)

    assert done.returncode == 1
    assert "BAD signature" in done.stderr
    assert pull.installed() == {}


def test_a_signature_that_has_to_be_is_missed(pull: Puller, publisher: Publisher) -> None:
    done = pull.image("--url", publisher.url, "--require-signature")

    assert done.returncode == 1
    assert "does not sign" in done.stderr
    assert pull.installed() == {}


def test_the_catalogue_names_both_architectures() -> None:
    catalog = json.loads(PROGRAM.with_name("pull-qcow2.json").read_text())

    assert {"ubuntu-22.04", "ubuntu-24.04", "debian-12", "amazonlinux-2023"} <= set(catalog)
    assert all(set(entry["architectures"]) == {"x86_64", "arm64"} for entry in catalog.values())
    assert all("{" not in re.sub(r"\{arch\}", "", entry["file"]) for entry in catalog.values())
