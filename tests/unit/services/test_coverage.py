from __future__ import annotations

import re
from pathlib import Path

import pytest

from emulator.services.coverage import listing, markdown
from emulator.services.registry import SERVICES as EMULATED
from emulator.wire.service import SERVICES, load

PAGE = Path(__file__).parents[3] / "docs" / "coverage.md"
OPERATION = re.compile(r"\b[A-Z]\w+")


@pytest.fixture(scope="module")
def page() -> str:
    return markdown()


def section(page: str, title: str) -> str:
    return page.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def test_the_page_in_the_documentation_is_the_present_one(page: str) -> None:
    assert PAGE.read_text(encoding="utf-8") == page, (
        "docs/coverage.md is out of date: run `make coverage` and commit what it wrote"
    )


def test_every_operation_of_ec2_is_on_the_page_once_emulated_or_not(page: str) -> None:
    emulated, missing = section(page, "Amazon EC2").split("<details>")
    table = [row.split("|")[2] for row in emulated.splitlines() if row.startswith("| ")][1:]

    assert sorted(OPERATION.findall(" ".join(table))) == sorted(EMULATED["ec2"])
    assert sorted(OPERATION.findall(missing.partition("</summary>")[2])) == sorted(
        set(load("ec2").operation_names) - set(EMULATED["ec2"])
    )


def test_what_has_no_effect_is_told(page: str) -> None:
    assert "Signatures are not verified".lower() in (
        section(page, "What is recorded but has no effect").lower()
    )


def test_the_listing_has_a_line_for_each_operation_of_every_service() -> None:
    lines = list(listing())

    assert "  yes RunInstances" in lines
    assert "  no  CreateFpgaImage" in lines
    assert len(lines) == len(SERVICES) + sum(len(load(name).operation_names) for name in SERVICES)
