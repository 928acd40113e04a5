"""A storage pool's volumes: made, filled, copied, grown and deleted; blocking calls.

libvirt can neither rename a volume nor keep a word about it, so whatever is to be known of one
is in a small volume beside it (``notes``).
"""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable, Sequence
from typing import Any, ParamSpec, TypeVar

import libvirt

from emulator.vm.libvirt.blocking import (
    Conflict,
    Hypervisor,
    LibvirtError,
    translated,
)
from emulator.vm.libvirt.volume_xml import (
    RAW,
    NewVolume,
    StoredVolume,
    pool_directory,
    read_volume,
)

P = ParamSpec("P")
T = TypeVar("T")

_CHUNK_BYTES = 256 * 1024
_MOST_TRIES = 40
_TRY_AGAIN_SECONDS = 0.05


def _patient(function: Callable[P, T]) -> Callable[P, T]:
    """Return the function so that it waits while somebody else reads or writes the volume.

    libvirt refuses at once, with an error that has no code of its own.
    """

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        pause = threading.Event()
        for _ in range(_MOST_TRIES):
            try:
                return function(*args, **kwargs)
            except Conflict as error:
                if " is still " not in str(error):
                    raise
                pause.wait(_TRY_AGAIN_SECONDS)
        return function(*args, **kwargs)

    return call


def _is(error: libvirt.libvirtError, *codes: int) -> bool:
    return error.get_error_code() in codes


@translated
def is_in_memory(hypervisor: Hypervisor) -> bool:
    """Tell whether this is libvirt's in-memory driver, which can do few things with volumes."""
    return str(hypervisor.raw.getType()) == "TEST"


def keeps_no_data(hypervisor: Hypervisor) -> bool:
    """Tell whether volumes are names only, as the in-memory driver's are."""
    return is_in_memory(hypervisor)


@translated
def architecture(hypervisor: Hypervisor) -> str:
    """Return the processor of the hypervisor's machine, in libvirt's words."""
    return str(hypervisor.raw.getInfo()[0])


@translated
def directory(hypervisor: Hypervisor, pool: str) -> str:
    """Return the directory that a pool is, on the hypervisor's machine; empty: it is none."""
    described = hypervisor.raw.storagePoolLookupByName(pool).XMLDesc(0)
    return pool_directory(described)


@translated
def refresh(hypervisor: Hypervisor, pool: str) -> None:
    """Look for files that others put into the pool, or took away.

    While a volume is being made or filled the pool cannot look; what is known stays known.
    """
    storage = hypervisor.raw.storagePoolLookupByName(pool)
    try:
        storage.refresh(0)
    except libvirt.libvirtError as error:
        if "asynchronous jobs" not in str(error):
            raise


@translated
def volumes(hypervisor: Hypervisor, pool: str) -> Sequence[StoredVolume]:
    """Return every volume of a pool.

    Raises:
        Missing: there is no such pool.
    """
    storage = hypervisor.raw.storagePoolLookupByName(pool)
    found = []
    for each in storage.listAllVolumes(0):
        # One that went meanwhile is none.
        with contextlib.suppress(libvirt.libvirtError):
            found.append(read_volume(each.XMLDesc(0)))
    return found


@translated
def names(hypervisor: Hypervisor, pool: str) -> Sequence[str]:
    """Return the names of a pool's volumes, without a look at each."""
    storage = hypervisor.raw.storagePoolLookupByName(pool)
    return [str(name) for name in storage.listVolumes()]


@translated
def volume(hypervisor: Hypervisor, pool: str, name: str) -> StoredVolume | None:
    """Return a volume, or None if the pool has none of that name."""
    found = _find(hypervisor, pool, name)
    return None if found is None else read_volume(found.XMLDesc(0))


def _find(hypervisor: Hypervisor, pool: str, name: str) -> Any:
    storage = hypervisor.raw.storagePoolLookupByName(pool)
    try:
        return storage.storageVolLookupByName(name)
    except libvirt.libvirtError as error:
        if _is(error, libvirt.VIR_ERR_NO_STORAGE_VOL):
            return None
        raise


@translated
def create(hypervisor: Hypervisor, pool: str, new: NewVolume) -> StoredVolume:
    """Make a volume.

    Raises:
        Conflict: the pool has one of that name.
        LibvirtError: it could not be made.
    """
    storage = hypervisor.raw.storagePoolLookupByName(pool)
    return read_volume(storage.createXML(new.xml(), 0).XMLDesc(0))


@_patient
@translated
def clone(hypervisor: Hypervisor, pool: str, source: str, new: NewVolume) -> StoredVolume:
    """Make a volume with the data of another one, which nothing may write to meanwhile.

    What the source is based on is taken along, so the new volume stands for itself; holes
    stay holes.

    Raises:
        Missing: there is no such source.
        Conflict: the pool has a volume of the new name.
    """
    storage = hypervisor.raw.storagePoolLookupByName(pool)
    original = storage.storageVolLookupByName(source)
    return read_volume(storage.createXMLFrom(new.xml(), original, 0).XMLDesc(0))


@_patient
@translated
def resize(hypervisor: Hypervisor, pool: str, name: str, size_bytes: int) -> None:
    """Make a volume larger that no running guest has; one that is so large stays so."""
    storage = hypervisor.raw.storagePoolLookupByName(pool)
    found = storage.storageVolLookupByName(name)
    if found.info()[1] < size_bytes and not is_in_memory(hypervisor):
        found.resize(size_bytes, 0)


@_patient
@translated
def delete(hypervisor: Hypervisor, pool: str, name: str) -> None:
    """Delete a volume with its data; one that is not there is no error."""
    found = _find(hypervisor, pool, name)
    if found is None:
        return
    try:
        found.delete(0)
    except libvirt.libvirtError as error:
        # Somebody took the file away without the pool's knowing.
        if "No such file" not in str(error):
            raise
        refresh(hypervisor, pool)


@_patient
@translated
def write(
    hypervisor: Hypervisor, pool: str, name: str, data: bytes, *, least_bytes: int = 0
) -> str:
    """Put data at a volume's beginning, made for it if need be, and return its path.

    With libvirt's in-memory driver, which keeps no data, the volume stays empty.

    Args:
        hypervisor: where the pool is.
        pool: the pool.
        name: the volume's.
        data: what it is to begin with.
        least_bytes: how large a new volume is at least, so that later data fit, too.
    """
    found = _find(hypervisor, pool, name)
    if found is not None and found.info()[1] < len(data):
        found.delete(0)
        found = None
    if found is None:
        new = NewVolume(name, max(len(data), least_bytes), RAW)
        found = hypervisor.raw.storagePoolLookupByName(pool).createXML(new.xml(), 0)
    path = str(found.path())
    if keeps_no_data(hypervisor):
        return path
    stream = hypervisor.raw.newStream(0)
    found.upload(stream, 0, len(data), 0)
    try:
        view = memoryview(data)
        while view:
            sent = stream.send(bytes(view[:_CHUNK_BYTES]))
            view = view[sent:]
        stream.finish()
    except libvirt.libvirtError:
        stream.abort()
        raise
    return path


@_patient
@translated
def read(
    hypervisor: Hypervisor, pool: str, name: str, most_bytes: int, *, end: bool = False
) -> bytes:
    """Return the beginning of a volume's data, or its end; nothing where there is none.

    Args:
        hypervisor: where the pool is.
        pool: the pool.
        name: the volume's.
        most_bytes: how much.
        end: whether the end is wanted.
    """
    found = _find(hypervisor, pool, name)
    if found is None or keeps_no_data(hypervisor):
        return b""
    stream = hypervisor.raw.newStream(0)
    try:
        size = int(found.info()[1])
        length = min(size, most_bytes)
        if length == 0:
            return b""
        found.download(stream, size - length if end else 0, length, 0)
    except libvirt.libvirtError as error:
        if _is(error, libvirt.VIR_ERR_NO_STORAGE_VOL):
            return b""  # it went meanwhile
        raise
    return drained(stream, length)


def drained(stream: Any, most_bytes: int) -> bytes:
    """Return what comes out of a stream, to its end; more than so much is an error.

    Raises:
        LibvirtError: there is more.
    """
    pieces: list[bytes] = []
    left = most_bytes
    try:
        while left >= 0 and (piece := stream.recv(_CHUNK_BYTES)):
            left -= len(piece)
            pieces.append(piece)
    except libvirt.libvirtError:
        stream.abort()
        raise
    if left < 0:
        stream.abort()
        raise LibvirtError("a stream gives more than was asked for")
    stream.finish()
    return b"".join(pieces)
