"""YAML of strangers: read within limits, merged as cloud-init merges (pure).

Aliases and merge keys let a small document stand for an enormous one, so its size is
counted as if they were written out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import yaml

MOST_BYTES = 256 * 1024
MOST_NODES = 50_000
MOST_MERGED = 1000

# cloud-init's own default for several cloud-configs: the later key wins.
DEFAULT_MERGE = "dict(replace)+list()+str()"


class YamlError(Exception):
    """A document is none, or too much; the text says why in one line."""


class _Loader(yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader):  # type: ignore[misc]
    """Plain values only, with a limit on what merge keys pile up."""

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        super().flatten_mapping(node)
        if len(node.value) > MOST_MERGED:
            raise YamlError(f"a mapping has more than {MOST_MERGED} keys")


def read_mapping(text: bytes) -> dict[str, Any]:
    """Return a document that is a mapping, with its keys as strings; an empty one is {}.

    Raises:
        YamlError: it is no YAML, no mapping, or too large.
    """
    if len(text) > MOST_BYTES:
        raise YamlError(f"it is longer than {MOST_BYTES} bytes")
    try:
        # the loader is SafeLoader's, only stricter
        loaded = yaml.load(text, Loader=_Loader)  # noqa: S506
    except RecursionError:
        raise YamlError("it is nested too deep") from None
    except yaml.MarkedYAMLError as error:
        where = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise YamlError(f"{where}{error.problem}") from None
    except (yaml.YAMLError, ValueError, TypeError, OverflowError, AttributeError) as error:
        raise YamlError(str(error).splitlines()[0][:200] if str(error) else "bad YAML") from None
    if loaded is None:
        return {}
    if not isinstance(loaded, dict):
        raise YamlError("it is no mapping of directives")
    _count(loaded)
    return {str(key): value for key, value in loaded.items()}


def _count(document: object) -> None:
    """Raise YamlError if the document, aliases written out, is too large or holds itself."""
    left = MOST_NODES
    waiting = [document]
    while waiting:
        node = waiting.pop()
        inside = list(node.values()) if isinstance(node, dict) else node
        if isinstance(inside, list):
            left -= len(inside)
            waiting.extend(inside)
        if left < 0:
            raise YamlError(f"it has more than {MOST_NODES} values, aliases counted")


def merge(old: Mapping[str, Any], new: Mapping[str, Any], how: object) -> dict[str, Any]:
    """Merge a later document into an earlier one.

    Args:
        old: what came first.
        new: what comes now.
        how: cloud-init's ``merge_how`` as text or as a list of names and settings; anything
            else means the default, by which the later document's keys win. Source:
            cloud-init's documentation, "Merging user-data sections".
    """
    options = _options(how)
    return dict(_merge_values(dict(old), dict(new), options))


def _options(how: object) -> dict[str, frozenset[str]]:
    if isinstance(how, list):
        entries = [entry for entry in how if isinstance(entry, dict)]
        named = {str(e.get("name")): _words(e.get("settings")) for e in entries}
    else:
        text = how if isinstance(how, str) and how.strip() else DEFAULT_MERGE
        found = re.findall(r"(\w+)\s*\(([^()]*)\)", text)
        named = {name: _words(words.split(",")) for name, words in found}
    return {kind: named.get(kind, frozenset()) for kind in ("dict", "list", "str")}


def _words(settings: object) -> frozenset[str]:
    words = settings if isinstance(settings, list) else []
    return frozenset(str(word).strip() for word in words)


def _merge_values(old: Any, new: Any, options: Mapping[str, frozenset[str]]) -> Any:
    """Merge two values of one kind; of two kinds the earlier stays."""
    if isinstance(old, dict) and isinstance(new, dict):
        return _merge_mappings(old, new, options)
    if isinstance(old, list) and isinstance(new, list):
        wanted = options["list"]
        if "append" in wanted:
            return old + new
        if "prepend" in wanted:
            return new + old
        return old if "no_replace" in wanted else new
    if isinstance(old, str) and isinstance(new, str):
        return old + new if "append" in options["str"] else new
    return old


def _merge_mappings(
    old: dict[str, Any], new: dict[str, Any], options: Mapping[str, frozenset[str]]
) -> dict[str, Any]:
    wanted = options["dict"]
    merged = dict(old)
    for key, value in new.items():
        if key not in merged or "replace" in wanted:
            merged[key] = value
        elif _goes_deeper(value, wanted):
            merged[key] = _merge_values(merged[key], value, options)
    return merged


def _goes_deeper(value: object, wanted: frozenset[str]) -> bool:
    if isinstance(value, dict):
        return True
    if isinstance(value, list):
        return bool(wanted & {"recurse_array", "recurse_list"})
    return isinstance(value, str) and "recurse_str" in wanted
