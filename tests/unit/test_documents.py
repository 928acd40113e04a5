"""Holds the documents to what is there: their links and commands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from emulator.cli import COMMANDS, welcome

ROOT = Path(__file__).parents[2]
DOCUMENTS = [
    path.relative_to(ROOT).as_posix()
    for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), ROOT / "changes" / "README.md")
]
LINK = re.compile(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)")


def text_of(document: str) -> str:
    return (ROOT / document).read_text(encoding="utf-8")


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_link_leads_somewhere(document: str) -> None:
    folder = (ROOT / document).parent
    lost = [link for link in LINK.findall(text_of(document)) if not (folder / link).exists()]

    assert lost == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_command_that_is_named_exists(document: str) -> None:
    text = text_of(document)
    targets = set(re.findall(r"^([a-z]+):", text_of("Makefile"), re.MULTILINE))

    assert set(re.findall(r"(?:^|`)make ([a-z]+)", text, re.MULTILINE)) <= targets
    assert set(re.findall(r"`(?:\S*/)?ec2-emulator ([a-z]+)", text)) <= set(COMMANDS)


def test_the_start_says_what_the_readme_says() -> None:
    (block,) = re.findall(r"```sh\n(export .*?)```", text_of("README.md"), re.DOTALL)
    said = [line.strip() for line in welcome("http://127.0.0.1:4566").splitlines()]

    assert said[-len(block.splitlines()) :] == block.splitlines()
