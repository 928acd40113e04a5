"""Health, information and administration under ``/_localstack/``."""

from __future__ import annotations

import platform
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import TypeAlias

import attrs

from emulator.services.registry import SERVICES as IMPLEMENTED
from emulator.web.api import Api
from emulator.wire.message import HttpRequest, HttpResponse, json_response
from emulator.wire.service import SERVICES

PREFIX = "/_localstack/"
EDITION = "ec2-emulator"

Page: TypeAlias = Callable[[HttpRequest], HttpResponse | Awaitable[HttpResponse]]


@attrs.define(eq=False)
class Admin:
    """Answers what is asked about the emulator itself.

    Args:
        api: whose state it is.
        version: the program's.
        manager: the VM manager's name and why it was chosen.
        started_at: when the program started.
        more: pages of other parts, by their path below the prefix; for each method, who
            answers.
        enforcement: whether packets are filtered as networks say, and why or why not.
        in_container: whether the program itself is in a container.
        facts: returns what managers want to be told of them, by name.
        managers: returns each VM manager's name, and whether it has told of its guests and images.
        live_ports: whether ports that groups open later are opened on this machine, and why or
            why not.
        routed: tells whether routes and public addresses are real, and why or why not.
    """

    api: Api
    version: str
    manager: tuple[str, str]
    started_at: datetime
    more: Mapping[str, Mapping[str, Page]] = attrs.field(factory=dict)
    enforcement: tuple[bool, str] = (False, "instances have no machines")
    in_container: bool = False
    live_ports: tuple[bool, str] = (False, "instances have no machines")
    managers: Callable[[], Mapping[str, bool]] = dict
    facts: Callable[[], Mapping[str, object]] = dict
    routed: Callable[[], tuple[bool, str]] = lambda: (False, "instances have no machines")
    _pages: Mapping[str, Mapping[str, Page]] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._pages = {
            "health": {"GET": self.health, "HEAD": self.health},
            "info": {"GET": self.info, "HEAD": self.info},
            "state/reset": {"POST": self.reset},
            **self.more,
        }

    def answer(self, request: HttpRequest) -> HttpResponse | Awaitable[HttpResponse]:
        """Answer one request under the prefix."""
        page = self._pages.get(request.path.removeprefix(PREFIX).rstrip("/"))
        if page is None:
            return json_response(404, {"error": f"there is nothing at {request.path}"})
        act = page.get(request.method)
        if act is None:
            allowed = ", ".join(page)
            return json_response(405, {"error": f"use {allowed}"}, ("Allow", allowed))
        return act(request)

    def health(self, _: HttpRequest) -> HttpResponse:
        """Say which services answer."""
        services = {name: "running" if name in IMPLEMENTED else "disabled" for name in SERVICES}
        return json_response(
            200, {"services": services, "edition": EDITION, "version": self.version}
        )

    def info(self, _: HttpRequest) -> HttpResponse:
        """Say what this emulator is and what is behind its instances."""
        clock = self.api.world.clock
        name, reason = self.manager
        are_routed, why_routed = self.routed()
        uptime_seconds = (clock.now() - self.started_at).total_seconds()
        return json_response(
            200,
            {
                "version": self.version,
                "edition": EDITION,
                "system": f"{platform.system()} {platform.machine()}",
                "is_docker": self.in_container,
                "server_time_utc": clock.now().strftime("%Y-%m-%dT%H:%M:%S"),
                "uptime": int(uptime_seconds),
                "vm_manager": {"name": name, "reason": reason},
                "vm_managers": [
                    {"name": each, "ready": is_ready} for each, is_ready in self.managers().items()
                ],
                "network_enforcement": {
                    "enforced": self.enforcement[0],
                    "reason": self.enforcement[1],
                },
                "routes_and_public_addresses": {"real": are_routed, "reason": why_routed},
                "live_ports": {
                    "forwarded": self.live_ports[0],
                    "reason": self.live_ports[1],
                },
                **self.facts(),
            },
        )

    def reset(self, _: HttpRequest) -> HttpResponse:
        """Forget every record."""
        self.api.reset()
        return json_response(200, {"status": "reset"})
