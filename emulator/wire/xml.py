"""Answers of the ``ec2`` and ``query`` protocols: results in botocore's shape to XML.

One closure per shape appends bytes to a list. A structure that is already ``bytes``
is its rendered inside and is appended as it is: that is how kept fragments of
records get into an answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from emulator.wire import scalar

if TYPE_CHECKING:
    from emulator.wire.model import Model, Shape

Append = Callable[[bytes], object]
Write = Callable[[Any, Append], None]
"""Append one value, its enclosing tags included where it has any."""

Text = Callable[[Any], bytes]
"""Return a scalar as escaped text."""

_SPECIAL = re.compile(
    '[&<>"\r\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]',
)
_LONGEST_WRITTEN = 64
_MOST_WRITTEN = 128
_REPLACEMENTS = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\r": "&#13;"}


def escape(value: object) -> bytes:
    """Return text for an XML document; what XML 1.0 cannot hold becomes U+FFFD."""
    text = value if isinstance(value, str) else str(value)
    if _SPECIAL.search(text) is not None:
        text = _SPECIAL.sub(_replacement, text)
    return text.encode()


def _replacement(match: re.Match[str]) -> str:
    return _REPLACEMENTS.get(match[0], "\ufffd")


class XmlWriter:
    """Compiles one closure per shape of an ``ec2`` or ``query`` service."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._inner: dict[str, Write] = {}

    def inner(self, shape: Shape) -> Write:
        """Return the function that appends a structure's members, without enclosing tags."""
        name = shape["name"]
        done = self._inner.get(name)
        if done is None:

            def write_later(value: Any, append: Append) -> None:
                self._inner[name](value, append)

            # A shape that contains itself finds this stand-in while it is being compiled.
            self._inner[name] = write_later
            done = self._inner[name] = self._structure(shape)
        return done

    def _structure(self, shape: Shape) -> Write:
        members: dict[str, Write] = {}
        for name, reference in shape["members"].items():
            member = self._model.resolve(reference)
            if not member.get("xmlAttribute"):
                members[name] = self._element(member, str(member.get("locationName", name)))
            else:
                members[name] = _nothing  # written into the opening tag by ``_nested``

        def write(value: Any, append: Append) -> None:
            if value.__class__ is bytes:
                append(value)
                return
            for name, item in value.items():
                if item is not None:
                    members[name](item, append)

        return write

    def _element(self, shape: Shape, tag: str) -> Write:
        match shape["type"]:
            case "structure":
                return self._nested(shape, tag)
            case "list":
                return self._list(shape, tag)
            case "map":
                return self._map(shape, tag)
        start, end = f"<{tag}>".encode(), f"</{tag}>".encode()
        if shape["type"] == "boolean":
            true, false = start + b"true" + end, start + b"false" + end

            def write_boolean(value: Any, append: Append) -> None:
                append(true if value else false)

            return write_boolean
        if shape["type"] in {"string", "character"}:
            return _string(tag)
        text = _text(shape)

        def write(value: Any, append: Append) -> None:
            append(start + text(value) + end)

        return write

    def _nested(self, shape: Shape, tag: str) -> Write:
        inner = self.inner(shape)
        end = f"</{tag}>".encode()
        start = _opening(shape, tag)
        attributes = {
            name: str(reference.get("locationName", name))
            for name, reference in shape["members"].items()
            if reference.get("xmlAttribute")
        }

        def write(value: Any, append: Append) -> None:
            append(start)
            inner(value, append)
            append(end)

        def write_with_attributes(value: Any, append: Append) -> None:
            append(start[:-1])
            if value.__class__ is not bytes:
                for name, attribute in attributes.items():
                    if value.get(name) is not None:
                        append(b' %b="%b"' % (attribute.encode(), escape(value[name])))
            append(b">")
            inner(value, append)
            append(end)

        return write_with_attributes if attributes else write

    def _list(self, shape: Shape, tag: str) -> Write:
        member = self._model.resolve(shape["member"])
        if shape.get("flattened"):
            # Without an enclosing element; the items go by their own name, or the list's.
            write_flat = self._element(member, str(member.get("locationName", tag)))

            def write_items(value: Iterable[Any], append: Append) -> None:
                for item in value:
                    if item is not None:
                        write_flat(item, append)

            return write_items
        is_structure = member["type"] == "structure"
        start, end = _opening(shape, tag), f"</{tag}>".encode()
        item_tag = str(member.get("locationName", "member"))
        write_item = self._element(member, item_tag)
        item_start, item_end = _opening(member, item_tag), f"</{item_tag}>".encode()
        between = item_end + item_start

        def write(value: Iterable[Any], append: Append) -> None:
            append(start)
            if is_structure and value.__class__ is list and 0 < len(value) <= _FEW:
                try:
                    joined = between.join(value)
                except TypeError:
                    pass  # not fragments all of them
                else:
                    append(item_start)
                    append(joined)
                    append(item_end)
                    append(end)
                    return
            for item in value:
                if item.__class__ is bytes and is_structure:
                    # Describes are long lists of fragments: no calls for those.
                    append(item_start)
                    append(item)
                    append(item_end)
                elif item is not None:
                    write_item(item, append)
            append(end)

        return write

    def _map(self, shape: Shape, tag: str) -> Write:
        key_shape = self._model.resolve(shape["key"])
        value_shape = self._model.resolve(shape["value"])
        write_key = self._element(key_shape, str(key_shape.get("locationName", "key")))
        write_value = self._element(value_shape, str(value_shape.get("locationName", "value")))
        flat = bool(shape.get("flattened"))
        entry = tag if flat else "entry"
        entry_start, entry_end = f"<{entry}>".encode(), f"</{entry}>".encode()
        start = b"" if flat else f"<{tag}>".encode()
        end = b"" if flat else f"</{tag}>".encode()

        def write(value: Mapping[str, Any], append: Append) -> None:
            append(start)
            for key, item in value.items():
                append(entry_start)
                write_key(key, append)
                write_value(item, append)
                append(entry_end)
            append(end)

        return write


# So many fragments are joined at once; of more, copying them twice would cost more.
_FEW = 100


def _nothing(value: Any, append: Append) -> None:
    del value, append


def _string(tag: str) -> Write:
    start, end = f"<{tag}>".encode(), f"</{tag}>".encode()
    # States, types and owners come again and again under the same tag, and looking one
    # up costs a tenth of escaping and encoding it.
    written: dict[str, bytes] = {}

    def write(value: Any, append: Append) -> None:
        element = written.get(value)
        if element is None:
            element = start + escape(value) + end
            if value.__class__ is str and len(value) <= _LONGEST_WRITTEN:
                if len(written) >= _MOST_WRITTEN:
                    written.clear()
                written[value] = element
        append(element)

    return write


def _opening(shape: Shape, tag: str) -> bytes:
    namespace = shape.get("xmlNamespace")
    if namespace is None:
        return f"<{tag}>".encode()
    uri = namespace if isinstance(namespace, str) else namespace["uri"]
    prefix = "" if isinstance(namespace, str) else namespace.get("prefix", "")
    colon = f":{prefix}" if prefix else ""
    return f'<{tag} xmlns{colon}="{uri}">'.encode()


def _text(shape: Shape) -> Text:
    match shape["type"]:
        case "integer" | "long":
            return lambda value: b"%d" % value
        case "float" | "double":
            return lambda value: repr(float(value)).encode()
        case "blob":
            return scalar.base64_text
        case "timestamp":
            if shape.get("timestampFormat") == "unixTimestamp":
                return lambda value: str(scalar.epoch_seconds(value)).encode()
            return lambda value: scalar.iso8601(value).encode()
        case _:
            return escape
