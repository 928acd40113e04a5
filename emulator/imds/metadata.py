"""The service of every instance: one request of one instance in, one answer out; no sockets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import attrs

from emulator.core.clock import Clock
from emulator.imds import rules, tree
from emulator.imds.credentials import Credentials
from emulator.imds.facts import Facts, Secrets
from emulator.imds.identity import Identity, identity_document
from emulator.imds.rules import Refusal
from emulator.imds.tokens import Tokens
from emulator.model.iam import Role
from emulator.model.instance import Instance
from emulator.state.store import State
from emulator.wire.message import HttpRequest, HttpResponse

InstanceKey: TypeAlias = tuple[str, str, str]
"""Account, region and instance id."""

_HTML = "text/html"
_TEXT = "text/plain"
_NO_RANGES = ("Accept-Ranges", "none")
_ALLOWED = {True: "PUT", False: "GET, HEAD"}


@attrs.define(eq=False)
class Metadata(Secrets):
    """Answers instances.

    Args:
        state: every account's records.
        clock: the time.
        tokens: session tokens.
        credentials: of roles.
        identity: signatures of identity documents.
    """

    state: State
    clock: Clock
    tokens: Tokens
    credentials: Credentials
    identity: Identity

    def answer(self, key: InstanceKey, request: HttpRequest) -> HttpResponse:
        """Answer one request of one instance."""
        account, region_name, instance_id = key
        region = self.state.region(account, region_name)
        instance = region[Instance].get(instance_id)
        if instance is None:
            return _refused(request, Refusal.NOT_FOUND)
        facts = Facts(_owner(key), self.state, region, instance, self.clock, self)
        options = instance.options.metadata
        closed = rules.may_knock(request, options)
        if closed is not None:
            return _refused(request, closed)
        if rules.is_for_token(request):
            return self._token(facts, request)
        left = rules.may_read(
            request, options, lambda token: self.tokens.seconds_left(facts.key, token)
        )
        if isinstance(left, Refusal):
            return _refused(request, left)
        page = tree.answer(request.path, facts)
        if page is None:
            return _refused(request, Refusal.NOT_FOUND)
        headers = [("Content-Type", page.content_type), _NO_RANGES]
        if left:
            headers.append((_TTL_NAME, str(int(left))))
        return HttpResponse(200, (page.body,), headers)

    def forget(self, key: InstanceKey) -> None:
        """Let go what was kept for an instance that is gone."""
        self.credentials.forget(_owner(key))

    def _token(self, facts: Facts, request: HttpRequest) -> HttpResponse:
        ttl_seconds = rules.wanted_ttl(request)
        if isinstance(ttl_seconds, Refusal):
            return _refused(request, ttl_seconds)
        own = [ip for each in facts.interfaces for ip in (*each.private_ips, *each.ipv6_addresses)]
        limit = facts.instance.options.metadata.get("HttpPutResponseHopLimit", 1)
        return HttpResponse(
            200,
            (self.tokens.issue(facts.key, ttl_seconds).encode(),),
            (("Content-Type", _TEXT), (_TTL_NAME, str(ttl_seconds))),
            hop_limit=rules.token_hops(limit, request.peer[0], own),
        )

    # What the tree shows and does not make itself.

    def role_credentials(self, facts: Facts, role: Role) -> Mapping[str, str]:
        """Return credentials of the instance profile's role."""
        return self.credentials.of_role(facts, role)

    def own_credentials(self, facts: Facts) -> Mapping[str, str]:
        """Return the credentials that AWS itself uses on the instance."""
        return self.credentials.of_instance(facts)

    def document(self, facts: Facts) -> bytes:
        """Return the instance identity document."""
        return identity_document(facts)

    def signature(self, facts: Facts) -> str:
        """Return the document's signature."""
        return self.identity.signature(identity_document(facts))

    def pkcs7(self, facts: Facts) -> str:
        """Return the document and its signature as PKCS #7."""
        return self.identity.pkcs7(identity_document(facts))


_TTL_NAME = "X-Aws-Ec2-Metadata-Token-Ttl-Seconds"


def _owner(key: InstanceKey) -> str:
    return "/".join(key)


def _refused(request: HttpRequest, refusal: Refusal) -> HttpResponse:
    headers = [("Content-Type", _HTML)]
    if refusal is Refusal.METHOD_NOT_ALLOWED:
        headers.append(("Allow", _ALLOWED[rules.is_for_token(request)]))
    return HttpResponse(refusal.status, (refusal.page,), headers)
