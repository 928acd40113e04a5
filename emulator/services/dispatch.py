"""From a parsed request to its result: dry runs, client tokens, then the handler."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import attrs

from emulator.core.errors import AwsError
from emulator.services.call import Call, Handler, Renewable, Reply

TOKEN_LIFE_SECONDS = 24 * 3600.0
MAX_TOKENS = 100_000


@attrs.frozen
class _Remembered:
    fingerprint: bytes
    again: Callable[[], Mapping[str, Any]]
    until_seconds: float


@attrs.define(eq=False)
class ClientTokens:
    """Replies by client token, so that a repeated request creates nothing twice.

    Source: "Ensuring idempotency in Amazon EC2 API requests".
    """

    _replies: OrderedDict[tuple[str, ...], _Remembered] = attrs.field(
        factory=OrderedDict, init=False
    )

    def recall(
        self, key: tuple[str, ...], fingerprint: bytes, now: float
    ) -> Mapping[str, Any] | None:
        """Return the reply for a token that was used before.

        Raises:
            AwsError: IdempotentParameterMismatch when the parameters differ.
        """
        remembered = self._replies.get(key)
        if remembered is None or remembered.until_seconds < now:
            return None
        if remembered.fingerprint != fingerprint:
            raise AwsError(
                "IdempotentParameterMismatch",
                f"The client token '{key[-1]}' was used before with other parameters",
            )
        return remembered.again()

    def remember(self, key: tuple[str, ...], fingerprint: bytes, reply: Reply, now: float) -> None:
        """Keep a reply for a day, or until many newer ones push it out."""
        replies = self._replies
        again = reply.again if isinstance(reply, Renewable) else lambda: reply
        replies[key] = _Remembered(fingerprint, again, now + TOKEN_LIFE_SECONDS)
        while replies and (
            len(replies) > MAX_TOKENS or next(iter(replies.values())).until_seconds < now
        ):
            replies.popitem(last=False)

    def clear(self) -> None:
        """Forget every token."""
        self._replies.clear()


def _fingerprint(params: Mapping[str, Any]) -> bytes:
    return hashlib.blake2b(repr(sorted(params.items())).encode(), digest_size=16).digest()


def _render(reply: Reply) -> Mapping[str, Any]:
    return reply.first if isinstance(reply, Renewable) else reply


@attrs.define(eq=False)
class Dispatcher:
    """Runs handlers.

    Args:
        handlers: for each service, its operations' handlers by name.
    """

    handlers: Mapping[str, Mapping[str, Handler]]
    tokens: ClientTokens = attrs.field(factory=ClientTokens, init=False)

    def handler(self, service: str, operation: str) -> Handler:
        """Return the handler of an operation of the model.

        Raises:
            AwsError: InvalidAction when it is not emulated.
        """
        found = self.handlers.get(service, {}).get(operation)
        if found is None:
            raise AwsError(
                "InvalidAction",
                f"The action {operation} is not valid for this web service: "
                f"the emulator does not implement it for {service}",
            )
        return found

    def run(
        self, service: str, handler: Handler, call: Call
    ) -> Mapping[str, Any] | Awaitable[Mapping[str, Any]]:
        """Return the operation's result, or an awaitable of it.

        Raises:
            AwsError: what the client is to see.
        """
        params = call.params
        if params.get("DryRun"):
            raise AwsError(
                "DryRunOperation", "Request would have succeeded, but DryRun flag is set.", 412
            )
        member = call.operation.token_member
        token = params.get(member) if member else None
        if not token:
            reply = handler(call, params)
            if reply.__class__ is dict:  # nearly always, and abstract classes are slow to ask
                return reply
            return _rendered_later(reply) if isinstance(reply, Awaitable) else _render(reply)

        now = call.world.clock.seconds()
        key = (service, call.account, call.region.name, call.operation.name, token)
        fingerprint = _fingerprint(params)
        before = self.tokens.recall(key, fingerprint, now)
        if before is not None:
            return before
        reply = handler(call, params)
        if isinstance(reply, Awaitable):
            return self._remembered_later(reply, key, fingerprint, now)
        self.tokens.remember(key, fingerprint, reply, now)
        return _render(reply)

    async def _remembered_later(
        self, work: Awaitable[Reply], key: tuple[str, ...], fingerprint: bytes, now: float
    ) -> Mapping[str, Any]:
        reply = await work
        self.tokens.remember(key, fingerprint, reply, now)
        return _render(reply)


async def _rendered_later(work: Awaitable[Reply]) -> Mapping[str, Any]:
    return _render(await work)
