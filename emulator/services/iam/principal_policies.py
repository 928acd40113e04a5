"""Policies of users, groups and roles: written into them, or managed and attached."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import attrs

from emulator.core.errors import AwsError
from emulator.model.iam import Principal
from emulator.services.call import Call, Handler
from emulator.services.iam import entities
from emulator.services.iam.documents import check_document, encoded, size
from emulator.services.iam.groups import find_group
from emulator.services.iam.policies import check_attachable, name_of, path_of
from emulator.services.iam.roles import changeable_role, find_role
from emulator.services.iam.users import find_user

# "IAM and AWS STS quotas": managed policies of one principal, and all its inline ones together.
MAX_ATTACHED = 10
MAX_INLINE_SIZES = {"User": 2048, "Group": 5120, "Role": 10_240}


@attrs.frozen
class _Kind:
    """One kind of principal and its seven operations.

    Attributes:
        noun: as operations spell it; parameters begin with it.
        find: returns one by its name.
        find_changeable: the same for a change.
    """

    noun: str
    find: Callable[[Call, str], Principal]
    find_changeable: Callable[[Call, str], Principal]

    def operations(self) -> Iterator[tuple[str, Handler]]:
        """Yield every operation with its handler."""
        yield f"Put{self.noun}Policy", self.put_inline
        yield f"Get{self.noun}Policy", self.get_inline
        yield f"List{self.noun}Policies", self.list_inline
        yield f"Delete{self.noun}Policy", self.delete_inline
        yield f"Attach{self.noun}Policy", self.attach
        yield f"Detach{self.noun}Policy", self.detach
        yield f"ListAttached{self.noun}Policies", self.list_attached

    def _read(self, call: Call, params: Mapping[str, Any]) -> Principal:
        return self.find(call, params[f"{self.noun}Name"])

    def _changed(self, call: Call, params: Mapping[str, Any]) -> Principal:
        return self.find_changeable(call, params[f"{self.noun}Name"])

    def _no_inline(self, name: str) -> AwsError:
        return entities.no_such(f"The {self.noun.lower()} policy with name {name} cannot be found.")

    def put_inline(self, call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
        """Write a policy into a principal, in place of one of the same name."""
        principal, document = self._changed(call, params), params["PolicyDocument"]
        check_document(document, "identity")
        policies = {**principal.inline_policies, params["PolicyName"]: document}
        most = MAX_INLINE_SIZES[self.noun]
        if sum(map(size, policies.values())) > most:
            raise AwsError(
                "LimitExceeded",
                f"Maximum policy size of {most} bytes exceeded for "
                f"{self.noun.lower()} {principal.name}",
                409,
            )
        principal.inline_policies = policies
        return {}

    def get_inline(self, call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
        """Show a policy that is written into a principal."""
        principal, name = self._read(call, params), params["PolicyName"]
        document = principal.inline_policies.get(name)
        if document is None:
            raise self._no_inline(name)
        return {
            f"{self.noun}Name": principal.name,
            "PolicyName": name,
            "PolicyDocument": encoded(document),
        }

    def list_inline(self, call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
        """List the names of a principal's inline policies."""
        policies = self._read(call, params).inline_policies
        return entities.listed("PolicyNames", policies, params, str, str)

    def delete_inline(self, call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
        """Take an inline policy out of a principal."""
        principal, name = self._changed(call, params), params["PolicyName"]
        if name not in principal.inline_policies:
            raise self._no_inline(name)
        principal.inline_policies = {
            key: document for key, document in principal.inline_policies.items() if key != name
        }
        return {}

    def attach(self, call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
        """Attach a managed policy; attaching it again does nothing."""
        principal, arn = self._changed(call, params), params["PolicyArn"]
        check_attachable(call, arn)
        if arn in principal.attached_arns:
            return {}
        if len(principal.attached_arns) >= MAX_ATTACHED:
            raise entities.over_quota(f"PoliciesPer{self.noun}", MAX_ATTACHED)
        principal.attached_arns = (*principal.attached_arns, arn)
        return {}

    def detach(self, call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
        """Detach a managed policy."""
        principal, arn = self._changed(call, params), params["PolicyArn"]
        if arn not in principal.attached_arns:
            raise entities.no_such(f"Policy {arn} was not found.")
        principal.attached_arns = tuple(other for other in principal.attached_arns if other != arn)
        return {}

    def list_attached(self, call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
        """List the managed policies attached to a principal."""
        prefix = params.get("PathPrefix") or "/"
        attached = self._read(call, params).attached_arns
        arns = [arn for arn in attached if path_of(arn).startswith(prefix)]
        return entities.listed(
            "AttachedPolicies", arns, params, lambda arn: f"{name_of(arn)} {arn}", attached_view
        )


def attached_view(arn: str) -> dict[str, str]:
    """Return an attached policy in AWS's shape."""
    return {"PolicyName": name_of(arn), "PolicyArn": arn}


_KINDS = (
    _Kind("User", find_user, find_user),
    _Kind("Group", find_group, find_group),
    _Kind("Role", find_role, changeable_role),
)

OPERATIONS: Mapping[str, Handler] = {
    name: handler for kind in _KINDS for name, handler in kind.operations()
}
