"""The one bridge to threads: blocking calls go in, values come back to the reactor."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, ParamSpec, Protocol, TypeVar

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFromThreads
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

P = ParamSpec("P")
T = TypeVar("T")


class Threads(Protocol):
    """Runs blocking functions somewhere else than in the reactor thread."""

    @abstractmethod
    def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Deferred[T]:
        """Fire with what ``function`` returns, or with what it raises.

        The function gets plain values, returns a value and touches nothing shared.
        """


@attrs.frozen
class PooledThreads(Threads):
    """Threads from one pool."""

    _reactor: IReactorFromThreads
    _pool: ThreadPool

    def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Deferred[T]:
        """Run in the pool."""
        work: Callable[..., Any] = function
        done: Deferred[T] = deferToThreadPool(self._reactor, self._pool, work, *args, **kwargs)
        return done


class NoThreads(Threads):
    """Runs the function at once, for tests and for tools that have no reactor."""

    def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Deferred[T]:
        """Run here and now."""
        done: Deferred[T] = Deferred()
        try:
            done.callback(function(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - handed on, not swallowed
            done.errback(error)
        return done
