"""The documents of AWS that Run Command knows here: a script for a shell, or for PowerShell."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import attrs

from emulator.core.errors import AwsError
from emulator.services.call import Call, Handler
from emulator.services.pages import page_by

_PAGE_LIMITS = (1, 50)
_OWNER = "Amazon"
_CREATED_AT = datetime(2017, 8, 31, tzinfo=UTC)
_VERSIONS = ("1", "$DEFAULT", "$LATEST")
DEFAULT_SECONDS = "3600"
# One second to two days, as AWS's own documents spell it.
SECONDS_PATTERN = "([1-9][0-9]{0,4})|(1[0-6][0-9]{4})|(17[0-1][0-9]{3})|(172[0-7][0-9]{2})|(172800)"


@attrs.frozen
class Document:
    """A command document of schema 1.2: parameters, and one plugin that runs a script.

    Attributes:
        plugin: such as ``aws:runShellScript``.
        runs: whether this program can run it.
    """

    name: str
    description: str
    plugin: str
    platforms: tuple[str, ...]
    runs: bool

    @property
    def content(self) -> dict[str, Any]:
        """What GetDocument shows."""
        return {
            "schemaVersion": "1.2",
            "description": self.description,
            "parameters": _PARAMETERS,
            "runtimeConfig": {
                self.plugin: {
                    "properties": [
                        {
                            "id": f"0.{self.plugin}",
                            "runCommand": "{{ commands }}",
                            "workingDirectory": "{{ workingDirectory }}",
                            "timeoutSeconds": "{{ executionTimeout }}",
                        }
                    ]
                }
            },
        }


_PARAMETERS: Mapping[str, Mapping[str, Any]] = {
    "commands": {
        "type": "StringList",
        "description": "(Required) The lines of the script, or single commands.",
        "minItems": 1,
        "displayType": "textarea",
    },
    "workingDirectory": {
        "type": "String",
        "default": "",
        "description": "(Optional) Where on the instance the script runs.",
        "maxChars": 4096,
    },
    "executionTimeout": {
        "type": "String",
        "default": DEFAULT_SECONDS,
        "description": "(Optional) After how many seconds the script has failed: 1 to 172800.",
        "allowedPattern": SECONDS_PATTERN,
    },
}
SHELL = Document(
    "AWS-RunShellScript",
    "Run a shell script or specify the commands to run.",
    "aws:runShellScript",
    ("Linux", "MacOS"),
    runs=True,
)
POWERSHELL = Document(
    "AWS-RunPowerShellScript",
    "Run a PowerShell script or specify the commands to run.",
    "aws:runPowerShellScript",
    ("Windows", "Linux", "MacOS"),
    runs=False,
)
_DOCUMENTS = {document.name: document for document in (POWERSHELL, SHELL)}


def find_document(name: str, version: str | None) -> Document:
    """Return a document by its name or ARN.

    Raises:
        AwsError: InvalidDocument or InvalidDocumentVersion.
    """
    document = _DOCUMENTS.get(name.rpartition("/")[2] if name.startswith("arn:") else name)
    if document is None:
        raise AwsError("InvalidDocument", f"Document with name {name[:128]} does not exist.")
    if version is not None and version not in _VERSIONS:
        raise AwsError(
            "InvalidDocumentVersion",
            f"The document {document.name} has no version {version[:32]}.",
        )
    return document


def _text(document: Document) -> str:
    return json.dumps(document.content, indent=2)


def get_document(_call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """Show a document's content, as JSON whatever format is asked for."""
    document = find_document(params["Name"], params.get("DocumentVersion"))
    return {
        "Name": document.name,
        "CreatedDate": _CREATED_AT,
        "DocumentVersion": "1",
        "Status": "Active",
        "Content": _text(document),
        "DocumentType": "Command",
        "DocumentFormat": "JSON",
    }


def describe_document(_call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """Show what a document is and which parameters it takes."""
    document = find_document(params["Name"], params.get("DocumentVersion"))
    return {
        "Document": {
            "Hash": hashlib.sha256(_text(document).encode()).hexdigest(),
            "HashType": "Sha256",
            "Name": document.name,
            "Owner": _OWNER,
            "CreatedDate": _CREATED_AT,
            "Status": "Active",
            "DocumentVersion": "1",
            "Description": document.description,
            "Parameters": [
                {
                    "Name": name,
                    "Type": facts["type"],
                    "Description": facts["description"],
                    "DefaultValue": facts.get("default"),
                }
                for name, facts in _PARAMETERS.items()
            ],
            "PlatformTypes": list(document.platforms),
            "DocumentType": "Command",
            "SchemaVersion": "1.2",
            "LatestVersion": "1",
            "DefaultVersion": "1",
            "DocumentFormat": "JSON",
            "Tags": [],
        }
    }


def _has(document: Document, key: str, values: list[str]) -> bool:
    match key:
        case "Name":
            return any(document.name.startswith(value) for value in values)
        case "Owner":
            return bool({"Amazon", "Public", "All"} & set(values))
        case "PlatformTypes":
            return bool(set(document.platforms) & set(values))
        case "DocumentType":
            return "Command" in values
    # Tags, which AWS's own documents do not have, and target types.
    return False


_FILTERS = ("Name", "Owner", "PlatformTypes", "DocumentType", "TargetType", "SearchKeyword")


def list_documents(call: Call, params: Mapping[str, Any]) -> dict[str, Any]:
    """List documents by name."""
    filters = [(item["key"], [item["value"]]) for item in params.get("DocumentFilterList") or ()]
    for item in params.get("Filters") or ():
        key = item.get("Key") or ""
        if key not in _FILTERS and not key.startswith("tag:"):
            raise AwsError("InvalidFilterKey", f"The filter key {key} is not valid.")
        filters.append((key, item.get("Values") or []))
    found = [
        document
        for document in _DOCUMENTS.values()
        if all(_has(document, key, values) for key, values in filters)
    ]
    shown, token = page_by(
        call.operation.name,
        found,
        params,
        _PAGE_LIMITS,
        lambda document: document.name,
        str,
        "InvalidNextToken",
    )
    return {
        "DocumentIdentifiers": [
            {
                "Name": document.name,
                "CreatedDate": _CREATED_AT,
                "Owner": _OWNER,
                "PlatformTypes": list(document.platforms),
                "DocumentVersion": "1",
                "DocumentType": "Command",
                "SchemaVersion": "1.2",
                "DocumentFormat": "JSON",
                "Tags": [],
            }
            for document in shown
        ],
        "NextToken": token,
    }


OPERATIONS: Mapping[str, Handler] = {
    "DescribeDocument": describe_document,
    "GetDocument": get_document,
    "ListDocuments": list_documents,
}
