"""Parameters that AWS and publishers of AMIs keep for everybody, made from the catalogue."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from emulator.catalog.images import stock_image
from emulator.catalog.parameters import (
    INFRASTRUCTURE,
    infrastructure_parameters,
    public_parameters,
)
from emulator.model.parameter import Parameter, ParameterVersion

PREFIX = "/aws/"
_PUBLISHER = "aws"
# When nothing says better: infrastructure parameters have no dates in the catalogue.
_LONG_AGO = datetime(2019, 3, 21, tzinfo=UTC)
_AMIS_OF_AMAZON = ("/aws/service/ami-amazon-linux-latest/", "/aws/service/ami-windows-latest/")


def public_parameter(region: str, name: str) -> Parameter | None:
    """Return a public parameter of a region, if there is one of this name."""
    value = _values(region, name).get(name) if name.startswith(PREFIX) else None
    return None if value is None else _parameter(region, name, value)


def public_parameters_below(region: str, path: str) -> list[Parameter]:
    """Return a region's public parameters under a path that ends in a slash."""
    values = _values(region, path)
    return [
        _parameter(region, name, value) for name, value in values.items() if name.startswith(path)
    ]


def _values(region: str, path: str) -> Mapping[str, str]:
    """Return the public parameters among which a name or a path can be found."""
    if path.startswith(INFRASTRUCTURE):
        return infrastructure_parameters(region)
    if INFRASTRUCTURE.startswith(path):
        return {**public_parameters(region), **infrastructure_parameters(region)}
    return public_parameters(region)


def _parameter(region: str, name: str, value: str) -> Parameter:
    image = stock_image(region, value)
    version = ParameterVersion(
        number=1,
        type="String",
        value=value,
        modified_at=image.creation_date if image else _LONG_AGO,
        modified_by=_PUBLISHER,
        data_type="aws:ec2:image" if name.startswith(_AMIS_OF_AMAZON) else "text",
    )
    return Parameter(id=name, versions=(version,))
