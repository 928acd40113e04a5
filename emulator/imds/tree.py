"""Every category of instance metadata: where it stands, since when, and what it shows.

Sources: "Instance metadata categories", "Dynamic data categories", "Get the available
versions of the instance metadata".
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from urllib.parse import unquote

from emulator.imds.credentials import profile_info
from emulator.imds.documents import moment, readable_json
from emulator.imds.facts import Facts
from emulator.imds.interface_tree import INTERFACES
from emulator.imds.nodes import BINARY, Each, Folder, Leaf, Page, find
from emulator.model.instance_event import (
    LIFECYCLE_STATE,
    MAINTENANCE,
    REBALANCE,
    SPOT_INTERRUPTION,
    InstanceEvent,
)
from emulator.state.joins import volumes

LATEST = "latest"
VERSIONS = (
    "1.0",
    "2007-01-19",
    "2007-03-01",
    "2007-08-29",
    "2007-10-10",
    "2007-12-15",
    "2008-02-01",
    "2008-09-01",
    "2009-04-04",
    "2011-01-01",
    "2011-05-01",
    "2012-01-12",
    "2014-02-25",
    "2014-11-05",
    "2015-10-20",
    "2016-04-19",
    "2016-06-30",
    "2016-09-02",
    "2018-03-28",
    "2018-08-17",
    "2018-09-24",
    "2019-10-01",
    "2020-10-27",
    "2021-01-03",
    "2021-03-23",
    "2021-07-15",
    "2022-09-24",
    "2024-04-11",
)
_KNOWN_VERSIONS = frozenset((*VERSIONS, LATEST))
_VERSIONS_PAGE = Page("\n".join((*VERSIONS, LATEST)).encode())
_MAX_SEGMENTS = 12
_KEPT_CHARACTERS = 128


def answer(path: str, facts: Facts) -> Page | None:
    """Return what a path shows, or None where there is nothing.

    Args:
        path: percent-encoded, beginning with a slash; further slashes do not matter.
        facts: whose metadata.
    """
    version, names = (_known_parts if len(path) <= _KEPT_CHARACTERS else _parts)(path)
    if not version:
        return _VERSIONS_PAGE
    if version not in _KNOWN_VERSIONS:
        return None
    return find(ROOT, names, facts, version)


def _parts(path: str) -> tuple[str, tuple[str, ...]]:
    """Return the version a path begins with, which may be empty, and what follows."""
    version, *names = [unquote(part) for part in path.split("/", _MAX_SEGMENTS) if part] or [""]
    return version, tuple(names)


# The same few paths are asked for again and again.
_known_parts = lru_cache(maxsize=512)(_parts)


# Values that need more than a line.


def _manifest_path(facts: Facts) -> str:
    image = facts.image
    if facts.instance.root_device_type == "ebs" or image is None:
        return "(unknown)"
    return image.image_location or "(unknown)"


def _ancestors(facts: Facts) -> str | None:
    image = facts.image
    is_bundled = image is not None and image.root_device_type != "ebs"
    return image.source_image_id if image is not None and is_bundled else None


def _product_codes(facts: Facts) -> str | None:
    image = facts.image
    return "\n".join(image.product_codes) or None if image is not None else None


def _life_cycle(facts: Facts) -> str:
    if facts.instance.lifecycle:
        return facts.instance.lifecycle
    return "on-demand"


def _system(facts: Facts) -> str:
    hypervisor: str = facts.type_info.get("Hypervisor") or "nitro"
    return hypervisor


def _public_hostname(facts: Facts) -> str | None:
    primary, public_ip = facts.primary, facts.public_ip
    return facts.public_name_of(primary, public_ip) if primary and public_ip else None


def _ipv6(facts: Facts) -> str | None:
    primary = facts.primary
    return primary.ipv6_addresses[0] if primary and primary.ipv6_addresses else None


def _security_groups(facts: Facts) -> str | None:
    return "\n".join(facts.group_names(facts.primary)) or None if facts.primary else None


def _key_names(facts: Facts) -> Sequence[str]:
    return ("0",) if facts.instance.public_key else ()


def _openssh_key(facts: Facts) -> str | None:
    key = facts.instance.public_key
    if not key:
        return None
    # The comment of a generated key is the pair's name; an imported one keeps its own.
    named = key if len(key.split()) > 2 else f"{key.strip()} {facts.instance.key_name}"
    return f"{named.strip()}\n"


def _user_data(facts: Facts) -> bytes | None:
    text = facts.instance.user_data
    return base64.b64decode(text) if text else None


def _placement(member: str) -> Callable[[Facts], str | None]:
    def read(facts: Facts) -> str | None:
        value = facts.instance.options.placement.get(member)
        return str(value) if value else None

    return read


# Block devices.


def _devices(facts: Facts) -> Mapping[str, str]:
    """Return the virtual devices and their names.

    Volumes count if they were there when the instance last started.
    """
    instance = facts.instance
    root = instance.root_device_name
    devices = {"ami": root, "root": root}
    attached = sorted(
        attachment.device
        for _, attachment in volumes(facts.region, instance)
        if attachment.device != root and attachment.attached_at <= instance.launched_at
    )
    for number, device in enumerate(attached, 1):
        devices[f"ebs{number}"] = device.removeprefix("/dev/")
    image = facts.image
    for mapped in image.block_devices if image is not None else ():
        if mapped.virtual_name:
            devices[mapped.virtual_name] = mapped.device_name.removeprefix("/dev/")
    return devices


# Events.


def _spot_notice(facts: Facts) -> InstanceEvent | None:
    notices = [event for event in facts.events(SPOT_INTERRUPTION) if event.state == "active"]
    return notices[-1] if notices else None


def _spot_action(facts: Facts) -> str | None:
    notice = _spot_notice(facts)
    if notice is None:
        return None
    return json.dumps({"action": notice.value, "time": moment(notice.not_before)})


def _termination_time(facts: Facts) -> str | None:
    notice = _spot_notice(facts)
    is_termination = notice is not None and notice.value == "terminate"
    return moment(notice.not_before) if notice is not None and is_termination else None


def _rebalance(facts: Facts) -> str | None:
    events = [event for event in facts.events(REBALANCE) if event.state == "active"]
    return json.dumps({"noticeTime": moment(events[-1].noticed_at)}) if events else None


def _maintenance(*states: str) -> Callable[[Facts], str]:
    def read(facts: Facts) -> str:
        events = (event for event in facts.events(MAINTENANCE) if event.state in states)
        return readable_json([_scheduled(event) for event in events])

    return read


def _scheduled(event: InstanceEvent) -> dict[str, str]:
    note = "" if event.state == "active" else f"[{event.state.capitalize()}] "
    shown = {
        "NotBefore": event.not_before.strftime("%d %b %Y %H:%M:%S GMT"),
        "Code": event.value,
        "Description": note + event.description,
        "EventId": event.id,
        "State": event.state,
    }
    if event.not_after is not None:
        shown["NotAfter"] = event.not_after.strftime("%d %b %Y %H:%M:%S GMT")
    return shown


def _target_lifecycle_state(facts: Facts) -> str | None:
    events = facts.events(LIFECYCLE_STATE)
    return events[-1].value if events else None


def _instance_action(facts: Facts) -> str:
    return "shutdown" if facts.instance.state in ("shutting-down", "stopping") else "none"


# Credentials.


def _role_names(facts: Facts) -> Sequence[str]:
    return (facts.role.name,) if facts.role is not None else ()


def _role_credentials(facts: Facts) -> str | None:
    role = facts.role
    return readable_json(facts.secrets.role_credentials(facts, role)) if role else None


def _extended_credentials(facts: Facts) -> str | None:
    role = facts.role
    if role is None:
        return None
    return readable_json(
        {**facts.secrets.role_credentials(facts, role), "AccountId": facts.region.account}
    )


def _iam_info(facts: Facts) -> str | None:
    info = profile_info(facts)
    return readable_json(info) if info is not None else None


def _own_info(facts: Facts) -> str:
    return readable_json(
        {
            "Code": "Success",
            "LastUpdated": moment(facts.instance.launched_at),
            "AccountId": facts.region.account,
        }
    )


def _own_credentials(facts: Facts) -> str:
    return readable_json(facts.secrets.own_credentials(facts))


def _signed(read: Callable[[Facts], str | bytes]) -> Leaf:
    return Leaf(read, is_always_there=True)


# Tags.


def _tag_keys(facts: Facts) -> Sequence[str]:
    return tuple(facts.instance.tags) if facts.shows_tags else ()


def _tag(key: str) -> Leaf:
    return Leaf(lambda facts: facts.instance.tags.get(key))


_CREDENTIALS = Leaf(_role_credentials, is_always_there=True)
_EXTENDED_CREDENTIALS = Leaf(_extended_credentials, is_always_there=True)
_DEVICES = Each(
    names=lambda facts: tuple(_devices(facts)),
    node=lambda name: Leaf(lambda facts: _devices(facts).get(name)),
    since="2007-12-15",
)
_META_DATA = Folder(
    {
        "ami-id": Leaf(lambda facts: facts.instance.image_id),
        "ami-launch-index": Leaf(lambda facts: str(facts.instance.launch_index)),
        "ami-manifest-path": Leaf(_manifest_path),
        "ancestor-ami-ids": Leaf(_ancestors, "2007-10-10"),
        "autoscaling": Folder(
            {"target-lifecycle-state": Leaf(_target_lifecycle_state)}, "2021-07-15"
        ),
        "block-device-mapping": _DEVICES,
        "events": Folder(
            {
                "maintenance": Folder(
                    {
                        "history": Leaf(_maintenance("completed", "canceled")),
                        "scheduled": Leaf(_maintenance("active")),
                    },
                    "2018-08-17",
                ),
                "recommendations": Folder({"rebalance": Leaf(_rebalance)}, "2020-10-27"),
            },
            "2018-08-17",
        ),
        "hostname": Leaf(lambda facts: facts.hostname),
        "iam": Folder(
            {
                "info": Leaf(_iam_info),
                "security-credentials": Each(
                    _role_names, lambda _: Leaf(_role_credentials, is_always_there=True)
                ),
                # Newer SDKs ask here first, for the account; cloud-init would keep what is listed.
                "security-credentials-extended": Each(
                    _role_names,
                    lambda _: Leaf(_extended_credentials, is_always_there=True),
                    is_listed=False,
                ),
            },
            "2012-01-12",
        ),
        "identity-credentials": Folder(
            {
                "ec2": Folder(
                    {
                        "info": Leaf(_own_info),
                        "security-credentials": Folder(
                            {"ec2-instance": Leaf(_own_credentials, is_always_there=True)}
                        ),
                    }
                )
            },
            "2018-05-23",
        ),
        "instance-action": Leaf(_instance_action, "2008-09-01"),
        "instance-id": Leaf(lambda facts: facts.instance.id),
        "instance-life-cycle": Leaf(_life_cycle, "2019-10-01"),
        "instance-type": Leaf(lambda facts: facts.instance.instance_type, "2007-08-29"),
        "ipv6": Leaf(_ipv6, "2021-01-03"),
        "kernel-id": Leaf(lambda facts: facts.instance.kernel_id, "2008-02-01"),
        "local-hostname": Leaf(lambda facts: facts.hostname, "2007-01-19"),
        "local-ipv4": Leaf(lambda facts: facts.private_ip),
        "mac": Leaf(
            lambda facts: facts.primary.mac_address if facts.primary else None, "2011-01-01"
        ),
        "metrics": Folder(
            {"vhostmd": Leaf(lambda _: '<?xml version="1.0" encoding="UTF-8"?>')}, "2011-05-01"
        ),
        "network": Folder({"interfaces": Folder({"macs": INTERFACES})}, "2011-01-01"),
        "placement": Folder(
            {
                "availability-zone": Leaf(lambda facts: facts.instance.availability_zone),
                "availability-zone-id": Leaf(
                    lambda facts: facts.zone.id if facts.zone else None, "2019-10-01"
                ),
                "group-name": Leaf(_placement("GroupName"), "2020-08-24"),
                "host-id": Leaf(_placement("HostId"), "2020-08-24"),
                "partition-number": Leaf(_placement("PartitionNumber"), "2020-08-24"),
                "region": Leaf(lambda facts: facts.region.name, "2020-08-24"),
            },
            "2008-02-01",
        ),
        "product-codes": Leaf(_product_codes, "2007-03-01"),
        "public-hostname": Leaf(_public_hostname, "2007-01-19"),
        "public-ipv4": Leaf(lambda facts: facts.public_ip, "2007-01-19"),
        "public-keys": Each(
            _key_names,
            lambda _: Folder({"openssh-key": Leaf(_openssh_key)}),
            shown=lambda facts, number: f"{number}={facts.instance.key_name}",
        ),
        "ramdisk-id": Leaf(lambda facts: facts.instance.ramdisk_id, "2007-10-10"),
        "reservation-id": Leaf(lambda facts: facts.instance.reservation_id),
        "security-groups": Leaf(_security_groups),
        "services": Folder(
            {
                "domain": Leaf(lambda facts: facts.known_region.dns_suffix),
                "partition": Leaf(lambda facts: facts.known_region.partition, "2015-10-20"),
            },
            "2014-02-25",
        ),
        "spot": Folder(
            {
                "instance-action": Leaf(_spot_action, "2016-11-15"),
                "termination-time": Leaf(_termination_time),
            },
            "2014-11-05",
        ),
        "system": Leaf(_system, "2022-09-24"),
        "tags": Folder({"instance": Each(_tag_keys, _tag)}, "2021-03-23"),
    }
)
_DYNAMIC = Folder(
    {
        "fws": Folder({"instance-monitoring": Leaf(lambda facts: facts.instance.monitoring)}),
        "instance-identity": Folder(
            {
                "document": _signed(lambda facts: facts.secrets.document(facts)),
                "pkcs7": _signed(lambda facts: facts.secrets.pkcs7(facts)),
                "rsa2048": _signed(lambda facts: facts.secrets.pkcs7(facts)),
                "signature": _signed(lambda facts: facts.secrets.signature(facts)),
            }
        ),
    },
    "2009-04-04",
)
ROOT = Folder(
    {
        "dynamic": _DYNAMIC,
        "meta-data": _META_DATA,
        "user-data": Leaf(_user_data, content_type=BINARY),
    }
)
