"""Policy documents: JSON, and the least of the policy grammar.

Source: "Grammar of the IAM JSON policy language".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import quote

from emulator.core.errors import AwsError

VERSIONS = ("2012-10-17", "2008-10-17")
_TOP = frozenset({"Version", "Id", "Statement"})
_STATEMENT = frozenset(
    {
        "Sid",
        "Effect",
        "Principal",
        "NotPrincipal",
        "Action",
        "NotAction",
        "Resource",
        "NotResource",
        "Condition",
    }
)

Use = Literal["identity", "trust"]


def encoded(document: str) -> str:
    """Return a document as answers carry it, in URL encoding."""
    return quote(document, safe="")


def size(document: str) -> int:
    """Return a document's length as quotas count it: without white space."""
    return len("".join(document.split()))


def _malformed(message: str) -> AwsError:
    return AwsError("MalformedPolicyDocument", message)


def check_document(document: str, use: Use) -> None:
    """Refuse text that is no policy.

    Args:
        document: as given.
        use: a trust policy says who, any other says on what.

    Raises:
        AwsError: MalformedPolicyDocument.
    """
    try:
        policy = json.loads(document)
    except (ValueError, RecursionError):
        raise _malformed("This policy contains invalid Json") from None
    if not isinstance(policy, dict) or not policy.keys() <= _TOP:
        raise _malformed("Syntax errors in policy.")
    if policy.get("Version", VERSIONS[0]) not in VERSIONS:
        raise _malformed("The policy is not in the valid JSON format.")
    statements = policy.get("Statement")
    if isinstance(statements, dict):
        statements = [statements]
    if not isinstance(statements, list) or not statements:
        raise _malformed("Syntax errors in policy.")
    for statement in statements:
        if not isinstance(statement, dict) or not statement.keys() <= _STATEMENT:
            raise _malformed("Syntax errors in policy.")
        _check_statement(statement, use)


def _check_statement(statement: Mapping[str, Any], use: Use) -> None:
    if statement.get("Effect") not in ("Allow", "Deny"):
        raise _malformed("Syntax errors in policy.")
    if ("Action" in statement) == ("NotAction" in statement):
        raise _malformed("Policy statement must contain actions.")
    _check_texts(statement, "Action", "NotAction", "Resource", "NotResource")
    who = "Principal" in statement or "NotPrincipal" in statement
    what = "Resource" in statement or "NotResource" in statement
    if use == "trust":
        if what:
            raise _malformed("Has prohibited field Resource")
        if not who:
            raise _malformed("Missing required field Principal")
        principal = statement.get("Principal", statement.get("NotPrincipal"))
        if principal != "*" and not (isinstance(principal, dict) and principal):
            raise _malformed("Invalid principal in policy.")
    else:
        if who:
            raise _malformed("Policy document should not specify a principal.")
        if not what:
            raise _malformed("Policy statement must contain resources.")
    if not isinstance(statement.get("Condition", {}), dict):
        raise _malformed("Syntax errors in policy.")


def _check_texts(statement: Mapping[str, Any], *members: str) -> None:
    for member in members:
        given = statement.get(member, "*")
        texts = given if isinstance(given, list) else [given]
        if not all(isinstance(text, str) and text for text in texts):
            raise _malformed("Syntax errors in policy.")
