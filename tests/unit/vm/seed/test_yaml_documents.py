from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.vm.seed.yaml_documents import MOST_BYTES, YamlError, merge, read_mapping


def test_a_document_is_a_mapping() -> None:
    assert read_mapping(b"#cloud-config\na: [1, x]\n") == {"a": [1, "x"]}


@pytest.mark.parametrize("text", [b"", b"#cloud-config\n", b"---\n"])
def test_an_empty_document_asks_for_nothing(text: bytes) -> None:
    assert read_mapping(text) == {}


def nine_levels(level: str) -> bytes:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} {level.format(n - 1)}" for n in range(1, 10)]
    return "\n".join(lines).encode()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"a: [", "line 2"),
        (b"a: 1\n\tb: 2", "line 2"),
        (b"- a\n- b\n", "no mapping"),
        (b"just words", "no mapping"),
        (b"a: !!python/object/apply:os.system [id]", "constructor"),
        (b"? [a, b]\n: c", "unhashable"),
        (b"a: 2001-99-99", "month"),
        (b"a: " + b"9" * 5000, "digits"),
        (b"a: " + b"[" * 20000, "nest"),
        (b"\xff\xfe\xfd", "character"),
        (b"a: \x00", "character"),
        (b"a: " + b"x" * MOST_BYTES, "longer than"),
        (b"a: &a [*a]", "values"),
        (nine_levels("[" + ", ".join(["*a{0}"] * 9) + "]"), "values"),
    ],
)
def test_what_is_no_document_or_too_much_is_refused_in_one_line(text: bytes, why: str) -> None:
    with pytest.raises(YamlError, match=why) as refused:
        read_mapping(text)

    assert "\n" not in str(refused.value)


def test_merge_keys_do_not_multiply() -> None:
    text = nine_levels("{{<<: [" + ", ".join(["*a{0}"] * 9) + "]}}").replace(
        b"[x, x, x, x, x, x, x, x, x]", b"{x: 1}"
    )
    try:
        found = read_mapping(text)["a9"]
    except YamlError:
        # PyYAML before 6.0.4 lets them multiply, and our limit ends that.
        found = {"x": 1}

    assert found == {"x": 1}


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_make_it_fail_in_another_way(text: bytes) -> None:
    try:
        read_mapping(text)
    except YamlError:
        return


OLD: dict[str, Any] = {"runcmd": ["a"], "x": {"k": 1, "l": 2}, "s": "one"}
NEW: dict[str, Any] = {"runcmd": ["b"], "x": {"k": 3, "m": 4}, "s": "two", "only": True}


@pytest.mark.parametrize(
    ("how", "merged"),
    [
        (None, {**OLD, **NEW}),
        ("dict(replace)+list()+str()", {**OLD, **NEW}),
        (
            "list(append)+dict(recurse_array)+str()",
            {"runcmd": ["a", "b"], "x": {"k": 1, "l": 2, "m": 4}, "s": "one", "only": True},
        ),
        (
            "list(append)+dict(no_replace, recurse_list)+str(append)",
            {"runcmd": ["a", "b"], "x": {"k": 1, "l": 2, "m": 4}, "s": "one", "only": True},
        ),
        (
            "list(prepend)+dict(recurse_array,recurse_str)+str(append)",
            {"runcmd": ["b", "a"], "x": {"k": 1, "l": 2, "m": 4}, "s": "onetwo", "only": True},
        ),
        (
            [
                {"name": "list", "settings": ["append"]},
                {"name": "dict", "settings": ["no_replace", "recurse_list"]},
            ],
            {"runcmd": ["a", "b"], "x": {"k": 1, "l": 2, "m": 4}, "s": "one", "only": True},
        ),
        (7, {**OLD, **NEW}),
    ],
)
def test_documents_are_merged_as_they_say(how: object, merged: dict[str, Any]) -> None:
    assert merge(OLD, NEW, how) == merged
