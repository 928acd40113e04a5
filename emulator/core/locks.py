"""One lock for each thing: work on one instance queues, on others it never waits."""

from __future__ import annotations

from weakref import WeakValueDictionary

import attrs
from twisted.internet.defer import DeferredLock


@attrs.define(eq=False)
class KeyedLocks:
    """Locks by key; one that nobody holds or waits for vanishes."""

    _locks: WeakValueDictionary[str, DeferredLock] = attrs.field(
        factory=WeakValueDictionary, init=False
    )

    def __call__(self, key: str) -> DeferredLock:
        """Return the key's lock, for ``async with``."""
        lock = self._locks.get(key)
        if lock is None:
            lock = self._locks[key] = DeferredLock()
        return lock
