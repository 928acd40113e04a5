"""What runs behind instances, for scripts and for the command line."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Protocol
from urllib.parse import parse_qs

import attrs

from emulator.core.errors import AwsError
from emulator.model.instance import Instance
from emulator.state.joins import primary, public_address
from emulator.state.store import EVERYWHERE, Region
from emulator.vm.interface import FollowsGuests, Guest, ReadsConsole, VMError
from emulator.vm.managers import KnownImage
from emulator.web.admin import Page
from emulator.web.api import Api
from emulator.wire.message import HttpRequest, HttpResponse, json_response

SSH_PORT = "22/tcp"
MAX_CONSOLE_BYTES = 64 * 1024


class KnownImages(Protocol):
    """Who knows the VM managers' images."""

    @property
    @abstractmethod
    def known(self) -> Sequence[KnownImage]:
        """The images there are now."""


@attrs.define(eq=False)
class MachinePages:
    """The pages below ``/_localstack/ec2/``."""

    _api: Api
    _images: KnownImages | None = None

    def pages(self) -> Mapping[str, Mapping[str, Page]]:
        """Return who answers, by path and method."""
        return {
            "ec2/instances": {"GET": self.instances, "HEAD": self.instances},
            "ec2/images": {"GET": self.images, "HEAD": self.images},
            "ec2/console": {"GET": self.console, "HEAD": self.console},
            "ec2/ssh-keys": {"POST": self.ssh_key},
        }

    async def instances(self, _: HttpRequest) -> HttpResponse:
        """List the instances of every account and region, with the ports of their machines."""
        managers = self._api.world.machines
        guests: dict[str, Guest] = {}
        errors: dict[str, str] = {}
        asked = [each for each in managers.all if isinstance(each, FollowsGuests)]
        for manager in asked:
            try:
                guests.update({guest.instance_id: guest for guest in await manager.describe()})
            except VMError as error:
                errors[manager.name] = str(error)
        if errors and len(errors) == len(managers.all):
            return json_response(503, {"error": "; ".join(errors.values())})
        return json_response(
            200,
            {
                "instances": [
                    _shown(region, instance, managers.of(instance).name, guests.get(instance.id))
                    for region, instance in self._all()
                ],
                "errors": errors,
            },
        )

    def images(self, _: HttpRequest) -> HttpResponse:
        """List the images that the VM managers have."""
        known = () if self._images is None else self._images.known
        return json_response(
            200,
            {
                "images": [
                    {
                        "ImageId": each.image.image_id,
                        "Name": each.image.name,
                        "Reference": each.image.reference,
                        "Architecture": each.image.architecture,
                        "VmManager": each.manager,
                    }
                    for each in known
                ]
            },
        )

    async def console(self, request: HttpRequest) -> HttpResponse:
        """Return what an instance wrote to its console: ``?id=i-…``."""
        wanted = parse_qs(request.query).get("id", [""])[0]
        found = next((instance for _, instance in self._all() if instance.id == wanted), None)
        if found is None:
            return json_response(404, {"error": f"there is no instance {wanted[:64]}"})
        manager = self._api.world.machines.of(found)
        if not isinstance(manager, ReadsConsole):
            return json_response(400, {"error": "the VM manager keeps no console output"})
        try:
            text = await manager.console_output(wanted, MAX_CONSOLE_BYTES)
        except VMError as error:
            return json_response(503, {"error": str(error)})
        return json_response(200, {"output": text.decode(errors="replace")})

    async def ssh_key(self, request: HttpRequest) -> HttpResponse:
        """Let a key log in for a minute: ``{"InstanceId", "PublicKey", "User"}``."""
        try:
            given = json.loads(request.body)
            wanted, key, user = given["InstanceId"], given["PublicKey"], given.get("User", "root")
        except (ValueError, KeyError, TypeError, AttributeError):
            return json_response(
                400, {"error": "the body is to be JSON with InstanceId and PublicKey"}
            )
        for _, instance in self._all():
            if instance.id == wanted and instance.state == "running":
                from emulator.services.ec2.instances.temporary_keys import (  # noqa: PLC0415 - a start needs none of it
                    send_key,
                )

                try:
                    await send_key(self._api.world, instance, str(user), str(key))
                except AwsError as error:
                    return json_response(400, {"error": error.message})
                return json_response(200, {"Success": True})
        return json_response(404, {"error": f"no instance {str(wanted)[:64]} is running"})

    def _all(self) -> list[tuple[Region, Instance]]:
        return [
            (region, instance)
            for region in self._api.state
            if region.name != EVERYWHERE
            for instance in region[Instance]
        ]


def _shown(region: Region, instance: Instance, manager: str, guest: Guest | None) -> dict[str, Any]:
    interface = primary(region, instance)
    private_ip = interface.private_ips[0] if interface and interface.private_ips else None
    public_ip = None
    if interface is not None and private_ip is not None:
        public_ip, _ = public_address(region, interface, private_ip)
    ports = dict(guest.ports) if guest else {}
    return {
        "InstanceId": instance.id,
        "AccountId": region.account,
        "Region": region.name,
        "State": instance.state,
        "ImageId": instance.image_id,
        "InstanceType": instance.instance_type,
        "VmManager": manager,
        "PrivateIpAddress": private_ip,
        "PublicIpAddress": public_ip,
        "MachineAddress": guest.public_ip if guest else None,
        "PortMappings": ports,
        "Ssh": f"127.0.0.1:{ports[SSH_PORT]}" if SSH_PORT in ports else None,
    }
