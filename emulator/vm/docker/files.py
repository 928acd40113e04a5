"""The files that an instance's container gets before it starts (pure).

Identity, keys and user data, all below ``/var/lib/cloud`` where cloud-init has them, as one
archive that is unpacked at ``/``. What reads them is ``boot/``.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

import attrs
from attrs.validators import in_

from emulator.vm.docker.archive import Entry, directory, pack
from emulator.vm.docker.host_keys import HostKey, console_lines
from emulator.vm.docker.steps import Steps, steps
from emulator.vm.docker.tools import MOUNT_POINT
from emulator.vm.seed import nocloud

# For an image's own cloud-init: the seed is beside it and the network is there already; the
# host keys are those that the running server has; root logs in, as in the stock images.
_CLOUD_INIT = b"""\
# Written by the emulator.
datasource_list: [NoCloud, None]
network: {config: disabled}
ssh_deletekeys: false
disable_root: false
growpart: {mode: 'off'}
resize_rootfs: false
"""

# By their numbers in Linux: busybox does not know all names.
_SIGNALS = {"SIGTERM": 15, "SIGPWR": 30, "SIGRTMIN+3": 37}


@attrs.frozen
class GuestPlan:
    """What an instance's boot has to know.

    Attributes:
        instance_id: a new one makes the next boot a first boot.
        hostname: the instance's private name.
        public_keys: in OpenSSH's format; they may log in as root and as the login user.
        host_keys: the instance's own.
        login_user: the image's login user, such as ``ubuntu``, made where it is missing.
        user_data: the exact bytes that the caller gave, decoded from the request's base64.
        wait_for_namespace: whether nothing of the image runs before the metadata service
            listens in the instance's namespace.
        stop_signal: what Docker sends to stop the container. With SIGPWR the guest's SIGTERM
            to process 1, which is what busybox's ``reboot`` sends, can be told from a stop.
        init: the image's own init, such as ``/sbin/init``, which takes over as process 1.
        resolv_conf: the lines of ``/etc/resolv.conf``; empty leaves Docker's own.
    """

    instance_id: str
    hostname: str
    public_keys: Sequence[str] = ()
    host_keys: tuple[HostKey, ...] = attrs.field(default=(), repr=False)
    login_user: str | None = None
    user_data: bytes | None = attrs.field(default=None, repr=False)
    wait_for_namespace: bool = True
    stop_signal: str = attrs.field(default="SIGTERM", validator=in_(_SIGNALS))
    init: str | None = None
    resolv_conf: str = ""


def entrypoint(instance_id: str) -> list[str]:
    """Return the container's entrypoint; the image's own is never used."""
    return [f"{MOUNT_POINT}/busybox", "sh", f"{MOUNT_POINT}/boot", instance_id]


def files(plan: GuestPlan, *, now: float) -> bytes:
    """Return everything a new instance needs, as an archive for ``/``.

    Large user data take a tenth of a second to read, so this belongs into a thread.

    Args:
        plan: the instance.
        now: the files' time, in seconds since 1970.
    """
    wanted = _steps(plan)
    whole = Entry(filled_marker(plan.instance_id), b"", mode=0o600)
    entries = (*_skeleton(plan), *_identity(plan, wanted), *_user_data(plan, wanted), whole)
    return pack(entries, modified_at=now)


def filled_marker(instance_id: str) -> str:
    """Return the last file of an instance's archive, relative to ``/``: the boot waits for it."""
    return f"{instance_directory(instance_id)}/ec2-emulator/filled"


def resolv_conf(nameservers: Sequence[str], search: Sequence[str]) -> str:
    """Return the lines of ``/etc/resolv.conf`` (resolv.conf(5))."""
    lines = [f"search {' '.join(search)}"] if search and nameservers else []
    return "\n".join((*lines, *(f"nameserver {each}" for each in nameservers)))


def user_data_files(plan: GuestPlan, *, now: float) -> bytes:
    """Return what new user data change, for ModifyInstanceAttribute of a stopped instance.

    They are shown at once, and run at no later boot but the first: AWS does the same.
    """
    return pack((*_skeleton(plan), *_user_data(plan, _steps(plan))), modified_at=now)


def instance_directory(instance_id: str) -> str:
    """Return cloud-init's directory of an instance, relative to ``/``."""
    return f"var/lib/cloud/instances/{instance_id}"


def wanted_hostname(user_data: bytes) -> str | None:
    """Return the name that a cloud-config asks for: only Docker can give it."""
    return steps(user_data, "root").hostname


def _steps(plan: GuestPlan) -> Steps:
    return steps(plan.user_data or b"", plan.login_user or "root")


def _skeleton(plan: GuestPlan) -> Iterator[Entry]:
    instance = instance_directory(plan.instance_id)
    yield directory("var/lib/cloud")
    yield directory("var/lib/cloud/instances")
    yield directory(instance)
    yield directory(f"{instance}/ec2-emulator", 0o700)


def _identity(plan: GuestPlan, wanted: Steps) -> Iterator[Entry]:
    private = f"{instance_directory(plan.instance_id)}/ec2-emulator"
    yield Entry(f"{private}/plan", _variables(plan, wanted), mode=0o600)
    keys = "".join(f"{' '.join(key.split())}\n" for key in plan.public_keys)
    yield Entry(f"{private}/authorized_keys", keys.encode(), mode=0o600)
    yield Entry(f"{private}/console", console_lines(plan.host_keys).encode(), mode=0o600)
    yield directory(f"{private}/host_keys", 0o700)
    for key in plan.host_keys:
        path = f"{private}/host_keys"
        yield Entry(f"{path}/ssh_host_{key.kind}_key", key.openssh, mode=0o600)
        yield Entry(f"{path}/ssh_host_{key.kind}_key.pub", f"{key.public}\n".encode())
        yield Entry(f"{path}/dropbear_{key.kind}", key.dropbear, mode=0o600)


def _variables(plan: GuestPlan, wanted: Steps) -> bytes:
    """Return the plan as assignments that a shell reads, each value quoted."""
    values = {
        "login_user": plan.login_user or "",
        "wait_for_namespace": "1" if plan.wait_for_namespace else "",
        "stop_signal": str(_SIGNALS[plan.stop_signal]),
        "init": plan.init or "",
        "resolv_conf": plan.resolv_conf,
        "password_login": {None: "", True: "yes", False: "no"}[wanted.password_login],
        "disable_root": "1" if wanted.disable_root else "",
    }
    return "".join(f"{name}={shlex.quote(value)}\n" for name, value in values.items()).encode()


def _user_data(plan: GuestPlan, wanted: Steps) -> Iterator[Entry]:
    """Give the user data for whoever reads them: people, cloud-init, or our own steps."""
    instance = instance_directory(plan.instance_id)
    private = f"{instance}/ec2-emulator"
    content = plan.user_data or b""
    yield Entry(f"{instance}/user-data.txt", content, mode=0o600)
    yield directory("var/lib/cloud/seed")
    yield directory("var/lib/cloud/seed/nocloud", 0o700)
    meta_data = nocloud.meta_data(plan.instance_id, plan.hostname, plan.public_keys)
    yield Entry("var/lib/cloud/seed/nocloud/meta-data", meta_data, mode=0o600)
    yield Entry("var/lib/cloud/seed/nocloud/user-data", content, mode=0o600)
    yield Entry(f"{private}/cloud-init.cfg", _CLOUD_INIT)
    yield directory(f"{instance}/scripts")
    for name, script in wanted.scripts.items():
        yield Entry(f"{instance}/scripts/{name}", script, mode=0o700)
    yield directory(f"{private}/contents", 0o700)
    for number, written in enumerate(wanted.contents):
        yield Entry(f"{private}/contents/{number}", written, mode=0o600)
    yield Entry(f"{private}/once", wanted.once.encode(errors="replace"), mode=0o600)
    yield Entry(f"{private}/every-boot", wanted.every_boot.encode(errors="replace"), mode=0o600)
