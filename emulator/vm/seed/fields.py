"""Reads the values of a YAML mapping as what they should be, with a note where they are not."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import attrs

_TRUE = frozenset({"true", "1", "on", "yes"})
_FALSE = frozenset({"false", "0", "off", "no"})


@attrs.frozen
class Fields:
    """One mapping, the notes made about it, and which of its keys were asked for.

    Attributes:
        document: the mapping.
        notes: grows by a sentence for every value that is not what it should be.
        used: the keys that something asked for.
        where: said before a key in notes, such as ``users: ``.
    """

    document: Mapping[str, Any]
    notes: list[str]
    used: set[str] = attrs.field(factory=set)
    where: str = ""

    def note(self, text: str) -> None:
        """Add a sentence, once, on one line and without control characters."""
        line = "".join(c if c.isprintable() else "?" for c in self.where + text)
        if line not in self.notes:
            self.notes.append(line)

    def inside(self, document: Mapping[str, Any], where: str) -> Fields:
        """Return the fields of a mapping within this one, with the same notes."""
        plain = {str(key): value for key, value in document.items()}
        return Fields(plain, self.notes, where=f"{self.where}{where}: ")

    def get(self, *names: str) -> Any:
        """Return the first of some keys that has a value, or None."""
        self.used.update(names)
        return next((v for n in names if (v := self.document.get(n)) is not None), None)

    def text(self, *names: str) -> str | None:
        """Return a text; numbers are taken as they are written."""
        value = self.get(*names)
        if value is None or isinstance(value, str):
            return value
        if isinstance(value, int | float) and not isinstance(value, bool):
            return str(value)
        self.note(f"{names[0]} is no text")
        return None

    def matching(self, name: str, pattern: re.Pattern[str]) -> str | None:
        """Return a text of a certain form."""
        value = self.text(name)
        if value is not None and not pattern.fullmatch(value):
            self.note(f"{name} cannot be {value[:60]!r}")
            return None
        return value

    def switch(self, *names: str) -> bool | None:
        """Return whether something is on; cloud-init takes words as well."""
        value = self.get(*names)
        if value is None or isinstance(value, bool):
            return value
        word = str(value).strip().lower()
        if word in _TRUE | _FALSE:
            return word in _TRUE
        self.note(f"{names[0]} is neither true nor false")
        return None

    def entries(self, *names: str) -> list[Any]:
        """Return a list; a single text counts as a list of one."""
        value = self.get(*names)
        if value is None:
            return []
        if isinstance(value, list):
            return value
        if isinstance(value, str):
            return [value]
        self.note(f"{names[0]} is no list")
        return []

    def texts(self, *names: str, separator: str | None = None) -> tuple[str, ...]:
        """Return a list of texts; one text may hold several with a separator between."""
        found = []
        for entry in self.entries(*names):
            if not isinstance(entry, str | int):
                self.note(f"{names[0]} holds something that is no text")
            else:
                found += str(entry).split(separator) if separator else [str(entry)]
        return tuple(word.strip() for word in found if word.strip())

    def mapping(self, name: str) -> Mapping[str, Any]:
        """Return a mapping; an absent one is empty."""
        value = self.get(name)
        if value is None:
            return {}
        if isinstance(value, Mapping):
            return {str(key): inner for key, inner in value.items()}
        self.note(f"{name} is no mapping")
        return {}
