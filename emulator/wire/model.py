"""A service's model as botocore ships it: plain dicts, read without importing botocore.

Importing botocore's own loader and model classes would double the start-up time.
"""

from __future__ import annotations

import gzip
import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

Shape = dict[str, Any]


class Model:
    """The raw model of one service: its metadata, operations and shapes."""

    def __init__(self, name: str, raw: dict[str, Any]) -> None:
        self.name = name
        self.metadata: dict[str, Any] = raw["metadata"]
        self.operations: dict[str, dict[str, Any]] = raw["operations"]
        self._shapes: dict[str, Shape] = raw["shapes"]

    def resolve(self, reference: dict[str, Any]) -> Shape:
        """Return the shape a reference names, with the reference's traits over its own."""
        name = reference["shape"]
        return {**self._shapes[name], **reference, "name": name}

    def knows(self, shape_name: str) -> bool:
        """Say whether the model has a shape of that name."""
        return shape_name in self._shapes

    def shape(self, shape_name: str) -> Shape:
        """Return one shape by its name."""
        return self.resolve({"shape": shape_name})


def read(name: str) -> Model:
    """Read the newest model of a service from botocore's data directory."""
    spec = find_spec("botocore")
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError("botocore is not installed")
    folder = Path(spec.submodule_search_locations[0]) / "data" / name
    newest = max(path for path in folder.iterdir() if path.is_dir())
    packed = newest / "service-2.json.gz"
    if packed.exists():
        raw = json.loads(gzip.decompress(packed.read_bytes()))
    else:
        raw = json.loads((newest / "service-2.json").read_bytes())
    _drop_documentation(raw)
    return Model(name, raw)


def _drop_documentation(raw: dict[str, Any]) -> None:
    # Three quarters of EC2's model is prose that nothing here reads.
    for part in (*raw["operations"].values(), *raw["shapes"].values()):
        part.pop("documentation", None)
        for member in part.get("members", {}).values():
            member.pop("documentation", None)
