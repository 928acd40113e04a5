"""What a test does where the machine lacks something: skip, or fail where CI=true.

``tests/lab/setup`` follows the same rule, so that a green CI has really run everything.
"""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def absent(missing: str) -> NoReturn:
    """Skip the running test, saying what is missing; fail it where CI=true."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"CI=true runs every test, and here is {missing}", pytrace=False)
    pytest.skip(missing)
