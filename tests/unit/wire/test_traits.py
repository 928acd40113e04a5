"""Traits that no model of ours uses today, so that a model update may use them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import pytest
from botocore.model import ServiceModel
from botocore.parsers import create_parser
from botocore.serialize import create_serializer

from emulator.core.errors import AwsError
from emulator.wire.message import HttpRequest
from emulator.wire.model import Model
from emulator.wire.service import Service

STRUCTURE: dict[str, Any] = {
    "type": "structure",
    "members": {
        "Flat": {"shape": "Flat"},
        "FlatNamed": {"shape": "FlatNamed"},
        "Map": {"shape": "Map"},
        "FlatMap": {"shape": "FlatMap", "locationName": "flatMap"},
        "Epoch": {"shape": "Epoch"},
        "Spaced": {"shape": "Spaced"},
        "Number": {"shape": "Double"},
        "Self": {"shape": "Structure"},
        "Selves": {"shape": "Selves"},
    },
}
SHAPES: dict[str, Any] = {
    "Structure": STRUCTURE,
    "Selves": {"type": "list", "member": {"shape": "Structure"}},
    "Text": {"type": "string"},
    "Double": {"type": "double", "max": 10},
    "Epoch": {"type": "timestamp", "timestampFormat": "unixTimestamp"},
    "Flat": {"type": "list", "flattened": True, "member": {"shape": "Text"}},
    "FlatNamed": {
        "type": "list",
        "flattened": True,
        "member": {"shape": "Text", "locationName": "One"},
    },
    "Map": {"type": "map", "key": {"shape": "Text"}, "value": {"shape": "Text"}},
    "FlatMap": {
        "type": "map",
        "flattened": True,
        "key": {"shape": "Text", "locationName": "K"},
        "value": {"shape": "Text", "locationName": "V"},
    },
    "Spaced": {
        "type": "structure",
        "xmlNamespace": {"prefix": "xsi", "uri": "urn:instance"},
        "members": {
            "Type": {"shape": "Text", "locationName": "xsi:type", "xmlAttribute": True},
            "Inside": {"shape": "Text"},
        },
    },
}
RAW = {
    "metadata": {
        "protocol": "query",
        "apiVersion": "2020-01-01",
        "xmlNamespace": "urn:tiny",
        "endpointPrefix": "tiny",
        "serviceId": "tiny",
    },
    "operations": {
        "Echo": {
            "name": "Echo",
            "http": {"method": "POST", "requestUri": "/"},
            "input": {"shape": "Structure"},
            "output": {"shape": "Structure", "resultWrapper": "EchoResult"},
        }
    },
    "shapes": SHAPES,
}
INNER = {
    "Flat": ["a", "b"],
    "FlatNamed": ["c", "d"],
    "Map": {"k": "v", "l": "w"},
    "FlatMap": {"m": "x", "n": "y"},
    "Epoch": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    "Number": 2.5,
}
FULL = {**INNER, "Self": {**INNER, "Self": INNER}, "Selves": [INNER, {"Self": INNER}]}

TINY = Service(Model("tiny", RAW))
ECHO = ServiceModel(RAW, "tiny").operation_model("Echo")


def test_requests_survive_the_wire() -> None:
    wire = create_serializer("query", include_validation=False).serialize_to_request(FULL, ECHO)
    body = urlencode(wire["body"]).encode()

    assert TINY.operation("Echo").parse(HttpRequest("POST", "/", "", {}, body)) == FULL


def test_replies_survive_the_wire() -> None:
    result = {**FULL, "Spaced": {"Type": 'a"b<', "Inside": "c"}}
    response = TINY.operation("Echo").reply(result, "r")
    http = {"body": b"".join(response.body), "headers": {}, "status_code": 200}

    parsed = create_parser("query").parse(http, ECHO.output_shape)
    parsed.pop("ResponseMetadata")
    assert result == parsed


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("Number=nan", "Value (nan) for parameter Number is invalid. It must be a number."),
        ("Number=11", "Value (11) for parameter Number is invalid."),
        ("Epoch=1e300", "Value (1e300) for parameter Epoch is invalid. It must be a timestamp."),
        ("Map.entry.1=x", "The parameter Map.entry.1 is not recognized"),
        ("Map.entry.1.value=x", "The request must contain the parameter Map.entry.1.key"),
        ("Map.1.key=x", "The parameter Map.1 is not recognized"),
        ("Map.entry.1.other=x", "The parameter Map.entry.1 is not recognized"),
    ],
)
def test_what_does_not_fit_is_refused(body: str, message: str) -> None:
    with pytest.raises(AwsError) as refused:
        TINY.operation("Echo").parse(HttpRequest("POST", "/", "", {}, body.encode()))

    assert refused.value.message.startswith(message)
