"""A Docker engine in memory: ``blocking.Engine``'s methods, and switches to let them fail.

It keeps what the real one keeps (containers, images, networks, volumes), answers in the same
JSON, and refuses what the real one refuses: a name that is taken, a container in the wrong
state, a range that overlaps. ``tests/unit/vm/docker/test_engine_fake.py`` holds its
signatures to the real ones.
"""

from __future__ import annotations

import functools
import io
import ipaddress
import itertools
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from emulator.vm.docker.blocking import Conflict, EngineError, Json, Missing, Unreachable
from emulator.vm.interface import CommandResult

F = TypeVar("F", bound=Callable[..., Any])

CREATED = "2026-01-02T03:04:05.678901234Z"
RUNS = frozenset({"running", "paused"})


def step(method: F) -> F:
    """Count a call, and let it fail where a test wants that."""

    @functools.wraps(method)
    def call(self: FakeEngine, *args: Any, **kwargs: Any) -> Any:
        self.took(method.__name__, args)
        return method(self, *args, **kwargs)

    call.is_step = True  # type: ignore[attr-defined]
    return call  # type: ignore[return-value]


class FakeEngine:
    """One engine; a fresh one has no image and no container.

    Attributes:
        away: whether nothing answers at its address.
        calls: the names of all calls so far, also of those that failed.
        fail_at: the number of the call that fails, once; None: none does.
        failing: method → the errors that its next calls fail with.
        published: images that a registry has: reference → what ``image`` will say.
        on: method → what is called before it does anything, to let something else happen then.
        program: what ``run`` runs: arguments and input → result.
        exit_status: what a container that is waited for ends with.
        dies_at_once: whether containers end as soon as they are started.
    """

    def __init__(self, processors: int = 4, architecture: str = "x86_64") -> None:
        self.machine_obstacle: str | None = None
        self.processors, self.architecture = processors, architecture
        self.cgroup_version = 1
        self.away = False
        self.calls: list[str] = []
        self.fail_at: int | None = None
        self.failing: dict[str, list[Exception]] = {}
        self.published: dict[str, dict[str, Any]] = {}
        self.on: dict[str, Callable[..., None]] = {}
        self.program: Callable[[Sequence[str], bytes], CommandResult] = _nothing
        self.exit_status = 0
        self.dies_at_once = False
        self.boxes: dict[str, dict[str, Any]] = {}
        self.files: dict[str, dict[str, bytes]] = {}
        self.logs: dict[str, bytes] = {}
        self.pictures: dict[str, dict[str, Any]] = {}
        self.nets: dict[str, dict[str, Any]] = {}
        self.stores: dict[str, dict[str, Any]] = {}
        self._numbers = itertools.count(1)

    # Switches

    def took(self, name: str, args: tuple[Any, ...] = ()) -> None:
        """Note a call and fail it where it is to fail."""
        number = len(self.calls)
        self.calls.append(name)
        if self.away:
            raise Unreachable("the Docker engine does not answer: no such socket")
        if number == self.fail_at:
            raise EngineError(f"no space left for {name}")
        if self.failing.get(name):
            raise self.failing[name].pop(0)
        if name in self.on:
            self.on[name](*args)

    def add_image(self, *tags: str, **config: Any) -> str:
        """Have an image, and return its id."""
        image_id = f"sha256:{next(self._numbers):064x}"
        self.pictures[image_id] = {
            "Id": image_id,
            "RepoTags": list(tags),
            "Architecture": "amd64",
            "Created": CREATED,
            "Size": 5_000_000,
            "Config": config,
        }
        return image_id

    def box(self, name: str) -> dict[str, Any]:
        """Return a container by name or id."""
        found = self._box(name)
        if found is None:
            raise Missing(f"No such container: {name}")
        return found

    def names(self) -> list[str]:
        """Return the names of all containers."""
        return sorted(box["Name"].removeprefix("/") for box in self.boxes.values())

    def ends(self, name: str, exit_code: int = 0, **state: Any) -> None:
        """Let a container's first process end by itself."""
        box = self.box(name)
        box["State"] = {**_down(exit_code), **state}

    # Containers

    @step
    def create(self, name: str, config: Json, platform: str | None = None) -> str:
        image = self._picture(config["Image"])
        if image is None:
            raise Missing(f"No such image: {config['Image']}")
        if name and self._box(name) is not None:
            raise Conflict(f'Conflict. The container name "/{name}" is already in use')
        number = next(self._numbers)
        container = f"{number:064x}"
        host = dict(config.get("HostConfig") or {})
        host.setdefault("NetworkMode", "bridge")
        for bind in host.get("Binds", ()):
            volume = bind.partition(":")[0]
            if not volume.startswith("/"):
                self.stores.setdefault(volume, {"Name": volume, "Labels": {}})
        labels = {**(image["Config"].get("Labels") or {}), **(config.get("Labels") or {})}
        self.boxes[container] = {
            "Id": container,
            "Name": f"/{name or f'brave_{number}'}",
            "Image": image["Id"],
            "Platform": platform,
            "State": {**_down(0), "Status": "created"},
            "Config": {**config, "Labels": labels},
            "HostConfig": host,
            "NetworkSettings": {
                "Ports": {},
                "Networks": {host["NetworkMode"]: {"IPAddress": ""}},
            },
        }
        self.files[container] = {}
        return container

    @step
    def put(self, container: str, archive: bytes) -> None:
        box = self.box(container)
        with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
            for member in opened:
                content = opened.extractfile(member) if member.isfile() else None
                self.files[box["Id"]][f"/{member.name}"] = content.read() if content else b""

    @step
    def read_file(self, container: str, path: str) -> bytes | None:
        return self.files[self.box(container)["Id"]].get(path)

    @step
    def start(self, container: str) -> None:
        box = self.box(container)
        if box["State"]["Status"] == "paused":
            raise Conflict("cannot start a paused container, try unpause instead")
        if box["State"]["Status"] != "running":
            self._up(box)

    @step
    def stop(self, container: str, grace_seconds: int) -> None:
        box = self.box(container)
        if box["State"]["Status"] in RUNS:
            self._down(box, 143 if grace_seconds else 137)

    @step
    def restart(self, container: str, grace_seconds: int) -> None:
        box = self.box(container)
        self._down(box, 143)
        self._up(box)

    @step
    def pause(self, container: str) -> None:
        box = self.box(container)
        if box["State"]["Status"] != "running":
            raise Conflict(f"Container {container} is not running")
        box["State"] = {**box["State"], "Status": "paused", "Paused": True}

    @step
    def unpause(self, container: str) -> None:
        box = self.box(container)
        if box["State"]["Status"] != "paused":
            raise EngineError(f"Container {container} is not paused")
        box["State"] = {**box["State"], "Status": "running", "Paused": False}

    @step
    def rename(self, container: str, name: str) -> None:
        box, other = self.box(container), self._box(name)
        if other is box:
            raise EngineError("Renaming a container with the same name as its current name")
        if other is not None:
            raise Conflict(f'Conflict. The container name "/{name}" is already in use')
        box["Name"] = f"/{name}"

    @step
    def remove(self, container: str) -> None:
        box = self._box(container)
        if box is not None:
            del self.boxes[box["Id"]], self.files[box["Id"]]

    @step
    def inspect(self, container: str) -> Json | None:
        return self._box(container)

    @step
    def containers(self, label: str) -> Sequence[str]:
        return [box["Id"] for box in self.boxes.values() if _labelled(box["Config"], label)]

    @step
    def log_tail(self, container: str, most_lines: int) -> bytes:
        text = self.logs.get(self.box(container)["Id"], b"")
        return b"".join(text.splitlines(keepends=True)[-most_lines:])

    @step
    def run(
        self,
        container: str,
        arguments: Sequence[str],
        stdin: bytes,
        environment: Mapping[str, str],
        working_directory: str | None,
    ) -> CommandResult:
        if self.box(container)["State"]["Status"] != "running":
            raise Conflict(f"Container {container} is not running")
        return self.program(arguments, stdin)

    # Images

    @step
    def images(self) -> Sequence[Json]:
        return [
            {"Id": each["Id"], "RepoTags": list(each["RepoTags"])}
            for each in self.pictures.values()
        ]

    @step
    def image(self, reference: str) -> Json | None:
        return self._picture(reference)

    @step
    def pull(self, reference: str, progress: Callable[[str], None]) -> None:
        if reference not in self.published:
            raise Missing(f"pull access denied for {reference}")
        progress(f"Pulling from {reference}")
        self.add_image(reference, **self.published[reference])

    @step
    def tag(self, reference: str, repository: str, tag: str) -> None:
        image = self._picture(reference)
        if image is None:
            raise Missing(f"No such image: {reference}")
        self._give_tag(image, f"{repository}:{tag}")

    @step
    def untag(self, reference: str) -> None:
        image = self._picture(reference)
        if image is not None:
            image["RepoTags"].remove(reference)
            if not image["RepoTags"]:
                del self.pictures[image["Id"]]

    @step
    def commit(
        self,
        container: str,
        repository: str,
        tag: str,
        *,
        pause: bool,
        config: Json,
    ) -> None:
        box = self.box(container)
        if pause and box["State"]["Status"] == "paused":
            # Seen: Docker lets it go on afterwards.
            box["State"] = {**box["State"], "Status": "running", "Paused": False}
        made = self.pictures[self.add_image(**config)]
        self._give_tag(made, f"{repository}:{tag}")

    @step
    def import_tar(self, archive: bytes, repository: str, tag: str) -> None:
        self._give_tag(self.pictures[self.add_image()], f"{repository}:{tag}")

    # Networks and volumes

    @step
    def create_network(self, name: str, labels: Mapping[str, str], cidr: str | None) -> None:
        if name in self.nets:
            raise Conflict(f"network with name {name} already exists")
        taken = [ipaddress.IPv4Network(each["IPAM"]["Config"][0]["Subnet"]) for each in self._nets]
        free = (f"172.{number}.0.0/16" for number in range(18, 32))
        wanted = cidr or next(
            text for text in free if not any(map(ipaddress.IPv4Network(text).overlaps, taken))
        )
        if any(map(ipaddress.IPv4Network(wanted).overlaps, taken)):
            raise EngineError("Pool overlaps with other one on this address space")
        self.nets[name] = {
            "Id": f"{next(self._numbers):064x}",
            "Name": name,
            "Labels": dict(labels),
            "IPAM": {"Config": [{"Subnet": wanted}]},
        }

    @step
    def networks(self, label: str) -> Sequence[Json]:
        return [net for net in self._nets if _labelled(net, label)]

    @step
    def network(self, name: str) -> Json | None:
        net = self._net(name)
        return None if net is None else {**net, "Containers": self._on(net)}

    @step
    def connect_network(self, name: str, container: str) -> None:
        if self._net(name) is None:
            raise Missing(f"network {name} not found")
        networks = self.box(container)["NetworkSettings"]["Networks"]
        networks[name] = {"IPAddress": "192.0.2.7"}

    @step
    def remove_network(self, name: str) -> None:
        net = self._net(name)
        if net is None:
            return
        if self._on(net):
            raise EngineError(f"error while removing network: {name} has active endpoints")
        del self.nets[net["Name"]]

    @step
    def create_volume(self, name: str, labels: Mapping[str, str]) -> None:
        self.stores.setdefault(name, {"Name": name, "Labels": dict(labels)})

    @step
    def has_volume(self, name: str) -> bool:
        return name in self.stores

    @step
    def volumes(self, label: str) -> Sequence[Json]:
        return [store for store in self.stores.values() if _labelled(store, label)]

    @step
    def remove_volume(self, name: str) -> None:
        users = [
            box["Id"]
            for box in self.boxes.values()
            if any(bind.startswith(f"{name}:") for bind in box["HostConfig"].get("Binds", ()))
        ]
        if users:
            raise Conflict(f"remove {name}: volume is in use - [{users[0]}]")
        self.stores.pop(name, None)

    @step
    def wait(self, container: str) -> int:
        self._down(self.box(container), self.exit_status)
        return self.exit_status

    # Inside

    def _box(self, name: str) -> dict[str, Any] | None:
        boxes = self.boxes.values()
        return next((box for box in boxes if name in (box["Id"], box["Name"][1:])), None)

    def _picture(self, reference: str) -> dict[str, Any] | None:
        return next(
            (
                each
                for each in self.pictures.values()
                if reference == each["Id"] or reference in each["RepoTags"]
            ),
            None,
        )

    def _give_tag(self, image: dict[str, Any], tag: str) -> None:
        for other in self.pictures.values():
            if tag in other["RepoTags"]:
                other["RepoTags"].remove(tag)
        image["RepoTags"].append(tag)

    @property
    def _nets(self) -> Iterator[dict[str, Any]]:
        return iter(self.nets.values())

    def _net(self, name: str) -> dict[str, Any] | None:
        return next((net for net in self._nets if name in (net["Name"], net["Id"])), None)

    def _on(self, net: Mapping[str, Any]) -> dict[str, Any]:
        """Return the containers that are up on a network: only those does Docker list."""
        return {
            box["Id"]: {}
            for box in self.boxes.values()
            if box["State"]["Status"] in RUNS and net["Name"] in box["NetworkSettings"]["Networks"]
        }

    def _up(self, box: dict[str, Any]) -> None:
        mode = box["HostConfig"]["NetworkMode"]
        if mode not in ("bridge", "none") and self._net(mode) is None:
            # Seen: a network that is not there is noticed here and not by ContainerCreate.
            raise Missing(f"network {mode} not found")
        wanted = box["HostConfig"].get("PortBindings") or {}
        taken = {
            binding["HostPort"]
            for other in self.boxes.values()
            if other["State"]["Status"] in RUNS
            for bindings in (other["HostConfig"].get("PortBindings") or {}).values()
            for binding in bindings
        }
        for bindings in wanted.values():
            for binding in bindings:
                if binding["HostPort"] in taken:
                    raise EngineError(
                        "driver failed programming external connectivity on endpoint x: Bind for "
                        f"0.0.0.0:{binding['HostPort']} failed: port is already allocated"
                    )
        if self.dies_at_once:
            box["State"] = _down(127)
            return
        box["State"] = {**_down(0), "Status": "running", "Running": True}
        box["State"]["Pid"] = 1000 + next(self._numbers)
        settings = box["NetworkSettings"]
        settings["Ports"] = dict(wanted)
        if mode in settings["Networks"]:
            endpoint = _asked(box, mode) or f"172.18.0.{2 + len(self.boxes)}"
            settings["Networks"][mode] = {"IPAddress": endpoint}

    def _down(self, box: dict[str, Any], exit_code: int) -> None:
        box["State"] = _down(exit_code)
        box["NetworkSettings"]["Ports"] = {}


def _down(exit_code: int) -> dict[str, Any]:
    return {
        "Status": "exited",
        "Running": False,
        "Paused": False,
        "OOMKilled": False,
        "Pid": 0,
        "ExitCode": exit_code,
        "Error": "",
    }


def _asked(box: Mapping[str, Any], network: str) -> str | None:
    networking = box["Config"].get("NetworkingConfig") or {}
    endpoint = (networking.get("EndpointsConfig") or {}).get(network) or {}
    address: str | None = (endpoint.get("IPAMConfig") or {}).get("IPv4Address")
    return address


def _labelled(thing: Mapping[str, Any], label: str) -> bool:
    name, _, value = label.partition("=")
    return (thing.get("Labels") or {}).get(name) == value


def _nothing(_arguments: Sequence[str], _stdin: bytes) -> CommandResult:
    return CommandResult(0, b"", b"")
