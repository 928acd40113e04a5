"""Reads the data files that lie beside the catalogue."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

_DATA = Path(__file__).with_name("data")


def read(name: str) -> Any:
    """Return the content of one JSON file of `catalog/data`, unpacked if it ends in `.gz`."""
    content = (_DATA / name).read_bytes()
    return json.loads(gzip.decompress(content) if name.endswith(".gz") else content)
