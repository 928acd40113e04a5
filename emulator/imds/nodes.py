"""What a tree of metadata is made of: leaves, folders, and folders whose names are data.

Nothing is kept: a node reads what it shows when it is asked. A node exists while it has
something to show, so that a listing names exactly what can be fetched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

import attrs

from emulator.imds.facts import Facts

TEXT = "text/plain"
BINARY = "application/octet-stream"


@attrs.frozen
class Leaf:
    """A value.

    Attributes:
        read: returns it, or None while the instance has none.
        since: the first version of the tree that has it.
        is_listed: whether its folder names it.
        is_always_there: it need not be read, which may be dear, to know that there is a value.
    """

    read: Callable[[Facts], str | bytes | None]
    since: str = "1.0"
    content_type: str = TEXT
    is_listed: bool = True
    is_always_there: bool = False

    def exists(self, facts: Facts, version: str) -> bool:
        """Tell whether the version has it and the instance has a value."""
        if self.since > version:
            return False
        return self.is_always_there or self.read(facts) is not None


@attrs.frozen
class Folder:
    """A folder whose names are always the same."""

    children: Mapping[str, Node]
    since: str = "1.0"
    is_listed: bool = True

    def child(self, name: str, _: Facts) -> Node | None:
        """Return the node of that name."""
        return self.children.get(name)

    def listing(self, facts: Facts, version: str) -> Iterator[str]:
        """Return the names of what exists, folders with a slash."""
        for name, node in sorted(self.children.items()):
            if node.is_listed and node.exists(facts, version):
                yield name if isinstance(node, Leaf) else f"{name}/"

    def exists(self, facts: Facts, version: str) -> bool:
        """Tell whether anything in it exists."""
        return self.since <= version and any(
            node.exists(facts, version) for node in self.children.values()
        )


@attrs.frozen
class Each:
    """A folder with a child for each of some names that are data themselves.

    Attributes:
        names: returns the names there are.
        node: returns the node of one of them.
        shown: how the listing names one; folders get a slash unless this says otherwise.
    """

    names: Callable[[Facts], Sequence[str]]
    node: Callable[[str], Node]
    since: str = "1.0"
    is_listed: bool = True
    shown: Callable[[Facts, str], str] | None = None

    def child(self, name: str, facts: Facts) -> Node | None:
        """Return the node of that name."""
        return self.node(name) if name in self.names(facts) else None

    def listing(self, facts: Facts, version: str) -> Iterator[str]:
        """Return the names."""
        for name in self.names(facts):
            node = self.node(name)
            if self.shown is not None:
                yield self.shown(facts, name)
            elif node.exists(facts, version):
                yield name if isinstance(node, Leaf) else f"{name}/"

    def exists(self, facts: Facts, version: str) -> bool:
        """Tell whether there is any name."""
        return self.since <= version and bool(self.names(facts))


Node: TypeAlias = Leaf | Folder | Each


@attrs.frozen
class Page:
    """What a path shows."""

    body: bytes
    content_type: str = TEXT


def find(node: Node, names: Iterable[str], facts: Facts, version: str) -> Page | None:
    """Return what stands at a path below ``node``; a folder shows the names in it."""
    for name in names:
        if isinstance(node, Leaf) or node.since > version:
            return None
        child = node.child(name, facts)
        if child is None:
            return None
        node = child
    if node.since > version:
        return None
    if isinstance(node, Leaf):
        value = node.read(facts)
        if value is None:
            return None
        return Page(value if isinstance(value, bytes) else value.encode(), node.content_type)
    lines = list(node.listing(facts, version))
    return Page("\n".join(lines).encode()) if lines else None
