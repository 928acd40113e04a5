"""Records as JSON and back, field by field.

What a record means at present (its table, its kept rendering) is no part of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from cattrs.errors import BaseValidationError, ForbiddenExtraKeysError
from cattrs.preconf.json import make_converter

from emulator.model.row import Row

R = TypeVar("R", bound=Row)

_CONVERTER = make_converter(omit_if_default=True, forbid_extra_keys=True)


class CodecError(ValueError):
    """The text is not what ``dump`` writes."""


def dump(rows: Iterable[Row]) -> str:
    """Return records as one line of JSON: for each kind a list, by the kind's name."""
    kinds: dict[str, list[Any]] = {}
    for row in rows:
        kinds.setdefault(type(row).__name__, []).append(_CONVERTER.unstructure(row))
    return json.dumps(kinds, separators=(",", ":"))


def load(text: str, kinds: Sequence[type[R]]) -> list[R]:
    """Return the records of these kinds in what ``dump`` wrote, in the order of the kinds.

    Raises:
        CodecError: the text is something else, or of a version with other fields.
    """
    try:
        given: Mapping[str, list[Any]] = json.loads(text)
        return [row for kind in kinds for row in _rows(given.get(kind.__name__, []), kind)]
    except (
        *(ValueError, TypeError, AttributeError, KeyError, RecursionError),
        *(BaseValidationError, ForbiddenExtraKeysError),
    ) as error:
        raise CodecError(f"{type(error).__name__}: {error}") from None


def _rows(given: list[Any], kind: type[R]) -> list[R]:
    if not isinstance(given, list):
        raise TypeError(f"{kind.__name__} is no list")
    return [_CONVERTER.structure(fields, kind) for fields in given]
