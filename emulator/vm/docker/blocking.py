"""The engine's API as plain blocking calls: plain values in, plain values out.

Everything here runs in threads. The only module that knows the Docker SDK; its exceptions
become ``EngineError``.
"""

from __future__ import annotations

import functools
import io
import json
import tarfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ParamSpec, TypeVar, cast

import attrs
import docker
import requests
import urllib3
from docker.errors import APIError, DockerException, ImageNotFound, NotFound
from docker.utils import kwargs_from_env
from docker.utils import socket as frames

from emulator.vm.interface import CommandResult, VMError

P = ParamSpec("P")
T = TypeVar("T")

Json = Mapping[str, Any]

# An engine that is busy with twenty containers may take its time.
TIMEOUT_SECONDS = 120
# One that is asked for the first time answers soon, or is not there.
CONNECT_SECONDS = 5
# Enough for as many threads as there are; more would only wait.
CONNECTIONS = 40
# Of what a program in a container writes; more than anybody shows.
MOST_OUTPUT_BYTES = 1 << 20

# What the SDK and the libraries below it raise where an address means nothing, and where an
# engine is not there, goes away, or breaks off in the middle of an answer.
AWAY = (
    DockerException,
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    OSError,
    ValueError,
)


class EngineError(VMError):
    """The engine refused, or does not answer."""


class Missing(EngineError):
    """What was named is not there."""


class Conflict(EngineError):
    """A name is taken, or the thing is not in a state for that."""


class Unreachable(EngineError):
    """Nothing answers at the engine's address."""


def translated(function: Callable[P, T]) -> Callable[P, T]:
    """Return the function with the SDK's exceptions as ours."""

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        except (NotFound, ImageNotFound) as error:
            raise Missing(_words(error)) from None
        except APIError as error:
            kind = Conflict if error.status_code == 409 else EngineError
            raise kind(_words(error)) from None
        except AWAY as error:
            raise Unreachable(f"the Docker engine does not answer: {error}") from None

    return call


def _words(error: APIError) -> str:
    explanation: object = error.explanation
    text = explanation.decode(errors="replace") if isinstance(explanation, bytes) else explanation
    return str(text or error).strip()


@attrs.frozen
class EngineAddress:
    """Where the engine is: DOCKER_HOST, DOCKER_TLS_VERIFY and DOCKER_CERT_PATH."""

    environment: Mapping[str, str] = attrs.field(factory=dict)


class _Client(docker.APIClient):
    """A client that checks the engine's certificate with the authority it was given.

    Left to itself, requests prefers whatever REQUESTS_CA_BUNDLE names.
    """

    def merge_environment_settings(
        self, url: Any, proxies: Any, stream: Any, verify: Any, cert: Any
    ) -> Any:
        """Return what holds for one request."""
        own = self.verify if verify is None else verify
        return super().merge_environment_settings(url, proxies, stream, own, cert)


@translated
def connect(address: EngineAddress) -> Engine:
    """Return a connection to an engine that answers.

    Raises:
        Unreachable: it does not, or may not be asked; the message says which.
    """
    settings = kwargs_from_env(environment=dict(address.environment))
    client: Any = _Client(
        version="auto", timeout=CONNECT_SECONDS, max_pool_size=CONNECTIONS, **settings
    )
    info = cast("Json", client.info())
    client.timeout = TIMEOUT_SECONDS
    return Engine(
        client,
        int(info.get("NCPU") or 1),
        str(info.get("Architecture") or ""),
        2 if str(info.get("CgroupVersion")) == "2" else 1,
        machine_obstacle(info),
    )


def machine_obstacle(info: Json) -> str | None:
    """Return why addresses on an engine's machine are of no use to who uses the engine; pure.

    Args:
        info: what the engine says of itself.
    """
    if "Docker Desktop" in str(info.get("OperatingSystem") or ""):
        return "Docker Desktop runs containers in a machine of its own"
    if any("rootless" in str(option) for option in info.get("SecurityOptions") or ()):
        return "a rootless engine has networks of its own"
    return None


@attrs.frozen(eq=False)
class Engine:
    """A connection to a Docker engine.

    Attributes:
        processors: how many the engine's machine has.
        architecture: of the engine's machine, as the kernel names it.
        cgroup_version: 1 or 2.
        machine_obstacle: what keeps that machine's addresses from being reached from here.
    """

    _client: Any
    processors: int
    architecture: str
    cgroup_version: int = 1
    machine_obstacle: str | None = None

    # Containers

    @translated
    def create(self, name: str, config: Json, platform: str | None = None) -> str:
        """Create a container and return its id.

        Raises:
            Missing: the image is not there. Conflict: the name is taken.
        """
        created = self._client.create_container_from_config(config, name=name, platform=platform)
        return cast("str", created["Id"])

    @translated
    def put(self, container: str, archive: bytes) -> None:
        """Unpack a tar archive over the container's root directory."""
        self._client.put_archive(container, "/", archive)

    @translated
    def read_file(self, container: str, path: str) -> bytes | None:
        """Return a small file of a container, running or not; None if it is not there."""
        try:
            stream, _ = self._client.get_archive(container, path)
        except NotFound:
            return None
        with tarfile.open(fileobj=io.BytesIO(b"".join(stream))) as archive:
            member = archive.next()
            found = None if member is None else archive.extractfile(member)
            return b"" if found is None else found.read()

    @translated
    def start(self, container: str) -> None:
        """Start a container; one that runs stays as it is."""
        self._client.start(container)

    @translated
    def stop(self, container: str, grace_seconds: int) -> None:
        """Ask a container's first process to end, and end it after a time."""
        self._client.stop(container, timeout=grace_seconds)

    @translated
    def restart(self, container: str, grace_seconds: int) -> None:
        """Stop and start a container."""
        self._client.restart(container, timeout=grace_seconds)

    @translated
    def pause(self, container: str) -> None:
        """Freeze a container's processes."""
        self._client.pause(container)

    @translated
    def unpause(self, container: str) -> None:
        """Let a container's processes go on."""
        self._client.unpause(container)

    @translated
    def rename(self, container: str, name: str) -> None:
        """Give a container another name."""
        self._client.rename(container, name)

    @translated
    def remove(self, container: str) -> None:
        """End a container by force, with its anonymous volumes; one not there is no error."""
        try:
            self._client.remove_container(container, v=True, force=True)
        except NotFound:
            return
        except APIError as error:
            # Somebody else removes it already.
            if error.status_code != 409:
                raise

    @translated
    def inspect(self, container: str) -> Json | None:
        """Return what the engine knows of a container, or None."""
        try:
            return cast("Json", self._client.inspect_container(container))
        except NotFound:
            return None

    @translated
    def containers(self, label: str) -> Sequence[str]:
        """Return the ids of all containers with a label, running or not."""
        found = self._client.containers(all=True, filters={"label": label})
        return [each["Id"] for each in found]

    @translated
    def log_tail(self, container: str, most_lines: int) -> bytes:
        """Return the last lines a container wrote."""
        text = self._client.logs(container, stdout=True, stderr=True, tail=most_lines)
        return cast("bytes", text)

    @translated
    def run(
        self,
        container: str,
        arguments: Sequence[str],
        stdin: bytes,
        environment: Mapping[str, str],
        working_directory: str | None,
    ) -> CommandResult:
        """Run a program as root in a container and return how it ended, output up to a limit."""
        started = self._client.exec_create(
            container,
            list(arguments),
            stdin=True,
            user="0:0",
            environment=dict(environment),
            workdir=working_directory,
        )
        with self._client.exec_start(started["Id"], socket=True) as stream:
            # A thread of its own: a program may write before it has read everything.
            writer = threading.Thread(target=_feed, args=(stream, stdin), daemon=True)
            writer.start()
            output = {frames.STDOUT: bytearray(), frames.STDERR: bytearray()}
            for kind, chunk in frames.frames_iter(stream, tty=False):  # type: ignore[no-untyped-call]
                # The rest is read all the same, or the program would wait for ever.
                output[kind] += chunk[: MOST_OUTPUT_BYTES - len(output[kind])]
            writer.join()
        status = self._client.exec_inspect(started["Id"])["ExitCode"]
        return CommandResult(
            -1 if status is None else status,
            bytes(output[frames.STDOUT]),
            bytes(output[frames.STDERR]),
        )

    # Images

    @translated
    def images(self) -> Sequence[Json]:
        """Return every image with a name."""
        return cast("Sequence[Json]", self._client.images())

    @translated
    def image(self, reference: str) -> Json | None:
        """Return what the engine knows of an image, or None."""
        try:
            return cast("Json", self._client.inspect_image(reference))
        except NotFound:
            return None

    @translated
    def pull(self, reference: str, progress: Callable[[str], None]) -> None:
        """Fetch an image; ``progress`` is told a sentence at a time, in this thread.

        Raises:
            EngineError: with what the engine said.
        """
        repository, _, tag = reference.partition("@") if "@" in reference else _split(reference)
        for line in self._client.pull(repository, tag=tag or "latest", stream=True, decode=True):
            if "error" in line:
                raise EngineError(str(line["error"]))
            status = str(line.get("status", ""))
            if status and "progressDetail" not in line:
                progress(status)

    @translated
    def tag(self, reference: str, repository: str, tag: str) -> None:
        """Give an image one more name."""
        self._client.tag(reference, repository, tag=tag, force=True)

    @translated
    def untag(self, reference: str) -> None:
        """Take a name from an image; the last takes the image along. None there: no error."""
        try:
            self._client.remove_image(reference, noprune=True)
        except NotFound:
            return
        except APIError as error:
            if error.status_code != 409:
                raise
            # A container that runs from it needs the image, not its name.
            self._client.remove_image(reference, noprune=True, force=True)

    @translated
    def commit(
        self, container: str, repository: str, tag: str, *, pause: bool, config: Json
    ) -> None:
        """Make an image of a container; ``config`` is the image's own configuration."""
        self._client.commit(
            container,
            repository=repository,
            tag=tag,
            pause=pause,
            changes=_changes(config),
            conf={"Labels": config["Labels"]},
        )

    @translated
    def import_tar(self, archive: bytes, repository: str, tag: str) -> None:
        """Make an image of the files in a tar archive."""
        answer = self._client.import_image_from_data(archive, repository=repository, tag=tag)
        for line in str(answer).splitlines():
            if "error" in json.loads(line):
                raise EngineError(json.loads(line)["error"])

    # Networks and volumes

    @translated
    def create_network(self, name: str, labels: Mapping[str, str], cidr: str | None) -> None:
        """Create a bridge network, with a range or with one that the engine chooses.

        Raises:
            Conflict: the name is taken. EngineError: the range is taken.
        """
        pools = [docker.types.IPAMPool(subnet=cidr)] if cidr else []
        self._client.create_network(
            name,
            driver="bridge",
            labels=dict(labels),
            ipam=docker.types.IPAMConfig(pool_configs=pools),
            check_duplicate=True,
        )

    @translated
    def networks(self, label: str) -> Sequence[Json]:
        """Return the networks with a label."""
        return cast("Sequence[Json]", self._client.networks(filters={"label": label}))

    @translated
    def network(self, name: str) -> Json | None:
        """Return what the engine knows of a network, or None."""
        try:
            return cast("Json", self._client.inspect_network(name))
        except NotFound:
            return None

    @translated
    def connect_network(self, name: str, container: str) -> None:
        """Connect a container to one more network."""
        self._client.connect_container_to_network(container, name)

    @translated
    def remove_network(self, name: str) -> None:
        """Remove a network; one that is not there is no error."""
        try:
            self._client.remove_network(name)
        except NotFound:
            return

    @translated
    def create_volume(self, name: str, labels: Mapping[str, str]) -> None:
        """Create a volume; one that is there stays as it is."""
        self._client.create_volume(name, labels=dict(labels))

    @translated
    def has_volume(self, name: str) -> bool:
        """Tell whether a volume is there."""
        try:
            self._client.inspect_volume(name)
        except NotFound:
            return False
        return True

    @translated
    def volumes(self, label: str) -> Sequence[Json]:
        """Return the volumes with a label."""
        return cast("Sequence[Json]", self._client.volumes({"label": label})["Volumes"] or ())

    @translated
    def remove_volume(self, name: str) -> None:
        """Remove a volume with its data; one that is not there is no error."""
        try:
            self._client.remove_volume(name, force=True)
        except NotFound:
            return

    @translated
    def wait(self, container: str) -> int:
        """Wait until a container has ended and return its exit status."""
        return int(self._client.wait(container)["StatusCode"])


def _split(reference: str) -> tuple[str, str, str]:
    """Return repository, separator and tag; a port in the repository is no tag."""
    head, colon, tail = reference.rpartition(":")
    return (reference, "", "") if not colon or "/" in tail else (head, colon, tail)


def _feed(stream: Any, data: bytes) -> None:
    raw = getattr(stream, "_sock", stream)
    try:
        raw.sendall(data)
        raw.shutdown(1)
    except OSError:
        return  # it ended without reading everything, as programs may


def _changes(config: Json) -> list[str]:
    """Return the Dockerfile lines that give an image its own way to start."""
    return [
        f"ENTRYPOINT {json.dumps(config.get('Entrypoint') or [])}",
        f"CMD {json.dumps(config.get('Cmd') or ['/bin/sh'])}",
        f"USER {json.dumps(config.get('User') or '0')}",
        f"WORKDIR {json.dumps(config.get('WorkingDir') or '/')}",
    ]


class EventStream:
    """The engine's events, read in a thread of their own until it is closed."""

    def __init__(self, address: EngineAddress) -> None:
        self._address = address
        self._events: Any = None
        self._closed = threading.Event()

    def read(self) -> Iterator[Json]:
        """Yield events of containers and images until the connection ends.

        The first value is an empty event: from then on nothing is missed.

        Raises:
            Unreachable: the engine does not answer.
        """
        settings = kwargs_from_env(environment=dict(self._address.environment))
        try:
            client = _Client(version="auto", timeout=TIMEOUT_SECONDS, **settings)
            self._events = client.events(decode=True, filters={"type": ["container", "image"]})
            yield {}
            yield from self._events
        except AWAY as error:
            raise Unreachable(f"the Docker engine does not answer: {error}") from None
        finally:
            self.close_connection()

    def close_connection(self) -> None:
        """End the connection, from any thread."""
        events, self._events = self._events, None
        if events is not None:
            try:
                events.close()
            except (DockerException, OSError, AttributeError):
                return
