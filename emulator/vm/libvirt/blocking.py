"""libvirt's API as plain blocking calls: plain values in, plain values out.

Everything here runs in threads. This module and its neighbours ``blocking_…`` are the only
ones that know libvirt's binding; its exceptions become ``LibvirtError``.
"""

from __future__ import annotations

import contextlib
import functools
import threading
from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ParamSpec, Protocol, TypeVar

import attrs
import libvirt
from twisted.logger import Logger

from emulator.vm.interface import VMError

log = Logger(namespace="emulator.vm.libvirt")

P = ParamSpec("P")
T = TypeVar("T")

# A hypervisor that says nothing for so long is away; only what is asked over a socket has it.
KEEP_ALIVE_SECONDS = 5
KEEP_ALIVE_COUNT = 3


class LibvirtError(VMError):
    """The hypervisor refused, or does not answer."""


class Missing(LibvirtError):
    """What was named is not there."""


class Conflict(LibvirtError):
    """A name is taken, or the thing is not in a state for that."""


class Unsupported(LibvirtError):
    """This hypervisor's driver cannot do that at all."""


class Unreachable(LibvirtError):
    """Nothing answers at the hypervisor's address, or nobody may ask there."""


_MISSING = frozenset(
    {
        libvirt.VIR_ERR_NO_DOMAIN,
        libvirt.VIR_ERR_NO_NETWORK,
        libvirt.VIR_ERR_NO_STORAGE_POOL,
        libvirt.VIR_ERR_NO_STORAGE_VOL,
        libvirt.VIR_ERR_NO_NWFILTER,
        libvirt.VIR_ERR_NO_DOMAIN_METADATA,
        libvirt.VIR_ERR_NO_DOMAIN_SNAPSHOT,
        libvirt.VIR_ERR_DEVICE_MISSING,
    }
)
_CONFLICT = frozenset(
    {
        libvirt.VIR_ERR_OPERATION_INVALID,
        libvirt.VIR_ERR_DOM_EXIST,
        libvirt.VIR_ERR_NETWORK_EXIST,
        libvirt.VIR_ERR_STORAGE_VOL_EXIST,
    }
)
_UNSUPPORTED = frozenset({libvirt.VIR_ERR_NO_SUPPORT, libvirt.VIR_ERR_OPERATION_UNSUPPORTED})
_AWAY = frozenset(
    {
        libvirt.VIR_ERR_NO_CONNECT,
        libvirt.VIR_ERR_INVALID_CONN,
        libvirt.VIR_ERR_RPC,
        libvirt.VIR_ERR_AUTH_FAILED,
        libvirt.VIR_ERR_AUTH_CANCELLED,
        libvirt.VIR_ERR_AUTH_UNAVAILABLE,
    }
)
_POLKIT = frozenset({libvirt.VIR_FROM_DBUS, libvirt.VIR_FROM_POLKIT})
_OFF_ALREADY = frozenset({libvirt.VIR_ERR_NO_DOMAIN, libvirt.VIR_ERR_OPERATION_INVALID})
_POWER_OFF_TRIES = 3
# Where the binding tells of a connection that broke in the middle of a call.
_TRANSPORT = frozenset({libvirt.VIR_FROM_RPC, libvirt.VIR_FROM_REMOTE})

# Source: libvirt's wiki, "Failed to connect to the hypervisor", section "Permission denied".
CONNECT_REMEDY = (
    "add the user to the group of the socket (sudo usermod --append --groups libvirt <user>, then "
    "log in again), or set unix_sock_group and unix_sock_rw_perms in /etc/libvirt/libvirtd.conf "
    "and restart libvirtd; in a container, pass the socket in and give its group"
)
# What is wrong with these is nearly always that nobody has made them.
_REMEDIES = {
    libvirt.VIR_ERR_NO_STORAGE_POOL: (
        "make it (virsh pool-define-as default dir --target /var/lib/libvirt/images, virsh "
        "pool-start default), or name another one with EC2_LIBVIRT_POOL"
    ),
    libvirt.VIR_ERR_NO_NETWORK: (
        "make it (virsh net-define, virsh net-start), or name another one with EC2_LIBVIRT_NETWORK"
    ),
}
# Source: libvirt's documentation of the QEMU driver, "POSIX users/groups".
DISK_REMEDY = (
    "QEMU's own user has to reach the file: every directory above it must be searchable for that "
    "user (chmod o+x), or user and group in /etc/libvirt/qemu.conf name one who may"
)


def translated(function: Callable[P, T]) -> Callable[P, T]:
    """Return the function with the binding's exceptions as ours."""

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        except libvirt.libvirtError as error:
            raise error_of(error) from None

    return call


def error_of(error: Any) -> LibvirtError:
    """Return a ``libvirtError`` as one of ours, with a remedy where one is known."""
    message, code = str(error), error.get_error_code()
    lowered = message.lower()
    if code in _MISSING:
        remedy = _REMEDIES.get(code)
        return Missing(message if remedy is None else f"{message}: {remedy}")
    if code in _CONFLICT:
        return Conflict(message)
    if code in _UNSUPPORTED:
        return Unsupported(message)
    if "permission denied" in lowered or "authentication" in lowered:
        if "socket" in lowered or code in _AWAY:
            return Unreachable(f"failed to connect to the hypervisor: {message}: {CONNECT_REMEDY}")
        return LibvirtError(f"{message}: {DISK_REMEDY}")
    if code in _AWAY or error.get_error_domain() in _TRANSPORT:
        return Unreachable(f"the hypervisor does not answer: {message}")
    return LibvirtError(message)


@functools.cache
def _run_event_loop() -> None:
    """Run libvirt's event loop in a thread of its own, once a process.

    It has to be there before the first connection is made: it drives keep-alive and events.
    """
    # What fails is raised; left to itself the library prints it as well.
    libvirt.registerErrorHandler(lambda *_: None, None)
    libvirt.virEventRegisterDefaultImpl()

    def run() -> None:
        while True:
            with contextlib.suppress(libvirt.libvirtError):
                libvirt.virEventRunDefaultImpl()

    # The program's end does not wait for it.
    threading.Thread(target=run, name="libvirt events", daemon=True).start()


@translated
def connect(uri: str) -> Hypervisor:
    """Return a connection to a hypervisor that answers.

    Raises:
        Unreachable: it does not, or may not be asked; the message says which, and what helps.
    """
    _run_event_loop()
    try:
        raw = libvirt.open(uri)
    except libvirt.libvirtError as error:
        found = error_of(error)
        if isinstance(found, Unreachable):
            raise Unreachable(f"{uri}: {found}") from None
        # Whoever may use a socket that is open to all is for polkit to say.
        remedy = f": {CONNECT_REMEDY}" if error.get_error_domain() in _POLKIT else ""
        raise Unreachable(f"{uri} does not answer: {found}{remedy}") from None
    # Drivers inside the library have no socket that could fall silent.
    with contextlib.suppress(libvirt.libvirtError):
        raw.setKeepAlive(KEEP_ALIVE_SECONDS, KEEP_ALIVE_COUNT)
    return Hypervisor(raw, uri)


def look_at(uri: str, pool: str) -> None:
    """See whether a hypervisor answers and has a storage pool, and leave nothing behind.

    Raises:
        Unreachable: it does not; the message says why, and what helps.
        LibvirtError: there is no such pool, or it is not active.
    """
    hypervisor = connect(uri)
    try:
        _look_at_pool(hypervisor, pool)
    finally:
        hypervisor.close()


@translated
def _look_at_pool(hypervisor: Hypervisor, pool: str) -> None:
    if not hypervisor.raw.storagePoolLookupByName(pool).isActive():
        raise LibvirtError(f"the storage pool {pool!r} is not active: virsh pool-start {pool}")


@attrs.frozen
class DomainState:
    """What a domain is doing.

    Attributes:
        state: one of libvirt's ``VIR_DOMAIN_…``: see ``RUNNING`` and its kin.
        reason: libvirt's number for how it came to that.
    """

    state: int
    reason: int

    @property
    def is_off(self) -> bool:
        """Whether it does nothing at all, and holds nothing."""
        return bool(self.state == OFF)


RUNNING = libvirt.VIR_DOMAIN_RUNNING
BLOCKED = libvirt.VIR_DOMAIN_BLOCKED
PAUSED = libvirt.VIR_DOMAIN_PAUSED
SHUTTING_DOWN = libvirt.VIR_DOMAIN_SHUTDOWN
OFF = libvirt.VIR_DOMAIN_SHUTOFF
CRASHED = libvirt.VIR_DOMAIN_CRASHED
SUSPENDED = libvirt.VIR_DOMAIN_PMSUSPENDED
# Why a domain is paused: nobody did it, the machine itself is in trouble.
PAUSED_BY_TROUBLE = frozenset(
    {libvirt.VIR_DOMAIN_PAUSED_CRASHED, libvirt.VIR_DOMAIN_PAUSED_IOERROR}
)
# Why a domain is off.
OFF_BY_GUEST = libvirt.VIR_DOMAIN_SHUTOFF_SHUTDOWN
OFF_BY_FORCE = libvirt.VIR_DOMAIN_SHUTOFF_DESTROYED
OFF_BY_CRASH = libvirt.VIR_DOMAIN_SHUTOFF_CRASHED
OFF_BY_FAILURE = libvirt.VIR_DOMAIN_SHUTOFF_FAILED


class Listener(Protocol):
    """Hears of what happens on a hypervisor; called in the thread of libvirt's events."""

    @abstractmethod
    def domain_changed(self, name: str) -> None:
        """A domain started, stopped, crashed, paused, went on, or is gone."""

    @abstractmethod
    def domain_rebooted(self, name: str) -> None:
        """A domain's operating system began anew."""

    @abstractmethod
    def pool_changed(self, name: str) -> None:
        """A storage pool was started, stopped or looked through again."""

    @abstractmethod
    def closed(self) -> None:
        """The connection is no more."""


@attrs.frozen(eq=False)
class Hypervisor:
    """A connection to a hypervisor; threads may share it.

    Attributes:
        raw: the binding's ``virConnect``, for the modules ``blocking_…``.
        uri: as it was asked for.
    """

    raw: Any
    uri: str
    # What has to be called before the connection can end: whoever listens holds it.
    _deaf: list[Callable[[], object]] = attrs.field(factory=list, init=False)

    # Connection

    def is_alive(self) -> bool:
        """Tell whether the connection still stands."""
        try:
            return bool(self.raw.isAlive())
        except libvirt.libvirtError:
            return False

    def close(self) -> None:
        """Let go of it."""
        for work in (*self._deaf, self.raw.close):
            with contextlib.suppress(libvirt.libvirtError):
                work()
        self._deaf.clear()

    @translated
    def listen(self, listener: Listener) -> None:
        """Tell a listener of everything from now on, for as long as the connection stands."""

        def lifecycle(_: Any, domain: Any, *__: Any) -> None:
            listener.domain_changed(domain.name())

        def reboot(_: Any, domain: Any, *__: Any) -> None:
            listener.domain_rebooted(domain.name())

        def pool(_: Any, changed: Any, *__: Any) -> None:
            listener.pool_changed(changed.name())

        def closed(*_: Any) -> None:
            listener.closed()

        domains, pools = (
            (self.raw.domainEventRegisterAny, self.raw.domainEventDeregisterAny),
            (self.raw.storagePoolEventRegisterAny, self.raw.storagePoolEventDeregisterAny),
        )

        def hear(how: tuple[Any, Any], event: int, callback: Callable[..., None]) -> None:
            register, deregister = how
            number = register(None, event, callback, None)
            self._deaf.append(functools.partial(deregister, number))

        hear(domains, libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, lifecycle)
        hear(domains, libvirt.VIR_DOMAIN_EVENT_ID_REBOOT, reboot)
        # Drivers inside the library cannot break, and some know no such events.
        with contextlib.suppress(libvirt.libvirtError):
            hear(pools, libvirt.VIR_STORAGE_POOL_EVENT_ID_LIFECYCLE, pool)
            hear(pools, libvirt.VIR_STORAGE_POOL_EVENT_ID_REFRESH, pool)
        with contextlib.suppress(libvirt.libvirtError):
            self.raw.registerCloseCallback(closed, None)
            self._deaf.append(self.raw.unregisterCloseCallback)

    @translated
    def memory_mib(self) -> int:
        """Return the memory of the hypervisor's machine."""
        return int(self.raw.getInfo()[1])

    @translated
    def driver(self) -> str:
        """Return the name of the hypervisor's driver, such as ``QEMU`` or ``Test``."""
        return str(self.raw.getType())

    @translated
    def capabilities(self) -> str:
        """Return what the hypervisor's machine can do, as XML."""
        return str(self.raw.getCapabilities())

    @translated
    def domain_capabilities(self, kind: str, architecture: str, machine: str | None) -> str:
        """Return what a domain may have, as XML.

        Args:
            kind: ``kvm`` or ``qemu``.
            architecture: in libvirt's words.
            machine: the machine type; None: the default one.

        Raises:
            LibvirtError: there are no such domains here.
        """
        return str(self.raw.getDomainCapabilities(None, architecture, machine, kind))

    # Domains

    @translated
    def define(self, xml: str) -> None:
        """Make a domain, or change one of the same name and UUID; it does not start."""
        self.raw.defineXML(xml)

    @translated
    def run_once(self, xml: str) -> None:
        """Start a domain that is forgotten once it is off."""
        self.raw.createXML(xml, libvirt.VIR_DOMAIN_START_AUTODESTROY)

    @translated
    def undefine(self, name: str) -> None:
        """Forget a domain that is off, with all that libvirt keeps for it; none: no error."""
        try:
            domain = self.raw.lookupByName(name)
        except libvirt.libvirtError as error:
            if error.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN:
                return
            raise
        flags = (
            libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE
            | libvirt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA
            | libvirt.VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA
            | libvirt.VIR_DOMAIN_UNDEFINE_NVRAM
        )
        try:
            domain.undefineFlags(flags)
        except libvirt.libvirtError as error:
            if error.get_error_code() not in _UNSUPPORTED | {libvirt.VIR_ERR_INVALID_ARG}:
                raise
            domain.undefine()

    @translated
    def start(self, name: str, *, paused: bool = False) -> None:
        """Start a domain that is off; one that is not stays as it is.

        Args:
            name: the domain's.
            paused: whether its processors wait until ``resume``.
        """
        domain = self.raw.lookupByName(name)
        if domain.state()[0] != libvirt.VIR_DOMAIN_SHUTOFF:
            return
        if paused and self.raw.getType() == "TEST":
            # The driver in memory cannot, and has no processors that could run meanwhile.
            domain.create()
            domain.suspend()
            return
        domain.createWithFlags(libvirt.VIR_DOMAIN_START_PAUSED if paused else 0)

    @translated
    def resume(self, name: str) -> None:
        """Let a paused domain go on."""
        domain = self.raw.lookupByName(name)
        if domain.state()[0] == libvirt.VIR_DOMAIN_PAUSED:
            domain.resume()

    @translated
    def ask_to_shut_down(self, name: str) -> None:
        """Press the power button of a running domain."""
        self.raw.lookupByName(name).shutdown()

    @translated
    def ask_to_reboot(self, name: str) -> None:
        """Press the power button of a running domain, which then starts again."""
        self.raw.lookupByName(name).reboot(0)

    @translated
    def reset(self, name: str) -> None:
        """Press the reset button of a domain."""
        self.raw.lookupByName(name).reset()

    @translated
    def power_off(self, name: str) -> None:
        """Pull a domain's plug; one that is off or was never there is no error."""
        for left in reversed(range(_POWER_OFF_TRIES)):
            try:
                self.raw.lookupByName(name).destroy()
            except libvirt.libvirtError as error:
                if error.get_error_code() in _OFF_ALREADY:
                    return
                # On a machine that is very busy a process takes longer to go than libvirt waits.
                if left == 0 or error.get_error_code() != libvirt.VIR_ERR_SYSTEM_ERROR:
                    raise
            else:
                return

    @translated
    def state(self, name: str) -> DomainState | None:
        """Return what a domain is doing; None: there is none."""
        try:
            state, reason = self.raw.lookupByName(name).state()
        except libvirt.libvirtError as error:
            if error.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN:
                return None
            raise
        return DomainState(state, reason)

    @translated
    def xml(self, name: str, *, inactive: bool = False) -> str | None:
        """Return a domain's XML; None: there is none.

        Args:
            name: the domain's.
            inactive: as it will be with the next start, not as it is.
        """
        flags = libvirt.VIR_DOMAIN_XML_INACTIVE if inactive else 0
        try:
            return str(self.raw.lookupByName(name).XMLDesc(flags))
        except libvirt.libvirtError as error:
            if error.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN:
                return None
            raise

    @translated
    def set_metadata(self, name: str, text: str, prefix: str, uri: str) -> None:
        """Replace the element of a namespace in a domain's metadata, now and for good."""
        domain = self.raw.lookupByName(name)
        flags = libvirt.VIR_DOMAIN_AFFECT_CONFIG
        if domain.isActive():
            flags |= libvirt.VIR_DOMAIN_AFFECT_LIVE
        domain.setMetadata(libvirt.VIR_DOMAIN_METADATA_ELEMENT, text, prefix, uri, flags)

    @translated
    def domains(self) -> Sequence[str]:
        """Return the names of all domains, running or not."""
        return [domain.name() for domain in self.raw.listAllDomains(0)]
