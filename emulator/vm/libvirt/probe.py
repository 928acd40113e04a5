"""Whether libvirt answers here, found out within a moment; needs no binding to be imported."""

from __future__ import annotations

import importlib.util
import socket

# Where the daemon listens, and where the one for QEMU alone does.
SOCKETS = ("/var/run/libvirt/libvirt-sock", "/var/run/libvirt/virtqemud-sock")
TIMEOUT_SECONDS = 2.0
NO_BINDING = (
    "Python's binding to libvirt is missing: pip install 'ec2-emulator[libvirt]', for which "
    "Debian and Ubuntu want: apt-get install libvirt-dev pkg-config gcc python3-dev"
)


def obstacle(text: str, pool: str) -> str | None:
    """Return what keeps the hypervisors from being used, with what may help; None: nothing.

    Args:
        text: EC2_HYPERVISOR_URI.
        pool: EC2_LIBVIRT_POOL.
    """
    if importlib.util.find_spec("libvirt") is None:
        return NO_BINDING
    # The binding is only imported where there is one.
    from emulator.vm.libvirt.blocking import LibvirtError, look_at  # noqa: PLC0415
    from emulator.vm.libvirt.host import hypervisors  # noqa: PLC0415

    try:
        uris = hypervisors(text).values()
    except ValueError as error:
        return f"EC2_HYPERVISOR_URI: {error}"
    for uri in uris:
        if uri == "qemu:///system" and (missing := _no_socket()) is not None:
            return missing
        try:
            look_at(uri, pool)
        except LibvirtError as error:
            return str(error)
    return None


def _no_socket() -> str | None:
    """Return why there is nobody to ask on this machine; None: somebody listens."""
    reasons = [reason for path in SOCKETS if (reason := _refusal(path)) is not None]
    return reasons[0] if len(reasons) == len(SOCKETS) else None


def _refusal(path: str) -> str | None:
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stream:
            stream.settimeout(TIMEOUT_SECONDS)
            stream.connect(path)
    except FileNotFoundError:
        return (
            f"there is no socket {path}: install and start libvirt (apt-get install qemu-kvm "
            f"libvirt-daemon-system), or give the emulator its socket (docker run -v {path}:{path})"
        )
    except PermissionError:
        # libvirt's own message says so, and what helps.
        return None
    except OSError as error:
        return f"nothing answers on {path}: {error}; start libvirtd"
    return None
