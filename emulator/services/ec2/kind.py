"""One kind of EC2 resource: found by id, filtered, paged and shown.

A family of operations declares one ``Kind`` and gets from it everything that is the same
for all families; what differs is its view (record to AWS's shape) and its filters.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Generic, TypeVar

import attrs

from emulator.core.errors import AwsError
from emulator.model.row import Row
from emulator.services.call import Call
from emulator.services.ec2.nouns import NOUNS, Noun
from emulator.services.filters import Field, select
from emulator.services.pages import page_of_rows
from emulator.state.store import Region
from emulator.wire.service import load

R = TypeVar("R", bound=Row)


@functools.cache
def writer_of(shape: str) -> Callable[[Mapping[str, Any]], bytes]:
    """Return what writes one structure of EC2's model as XML."""
    return load("ec2").structure_writer(shape)


def tag_set(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Return tags as AWS lists them."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


@attrs.frozen(eq=False)
class Kind(Generic[R]):
    """What the operations of one family have in common.

    Attributes:
        row: the record's class.
        shape: the structure of EC2's model that the record is shown as, such as ``Vpc``.
        view: the record in that shape. It reads other records through ``region`` only, so
            that the kept XML is dropped when any of them changes.
        filters: for each filter name in AWS's documentation of the Describe call, how to
            get the record's value; ``tag:<key>`` and ``tag-key`` come by themselves.
        hidden: rows that Describe does not list and ids that count as missing.
    """

    row: type[R]
    shape: str
    view: Callable[[Region, R], Mapping[str, Any]]
    filters: Mapping[str, Field[R]] = attrs.field(factory=dict)
    hidden: Callable[[R], bool] | None = None

    @property
    def noun(self) -> Noun:
        """The words of the error for a missing id."""
        return NOUNS[self.row.PREFIX]

    def find(self, region: Region, resource_id: str) -> R:
        """Return one record.

        Raises:
            AwsError: the family's malformed or not-found code.
        """
        row = region[self.row].get(resource_id)
        if row is None or (self.hidden is not None and self.hidden(row)):
            self.noun.check_form(resource_id)
            raise self.noun.missing([resource_id])
        return row

    def find_all(self, region: Region, ids: Iterable[str]) -> list[R]:
        """Return several records, each once, in the order asked.

        Raises:
            AwsError: malformed for the first that is, else not-found naming all missing.
        """
        table, missing, rows = region[self.row], [], {}
        for resource_id in ids:
            row = table.get(resource_id)
            if row is None or (self.hidden is not None and self.hidden(row)):
                self.noun.check_form(resource_id)
                missing.append(resource_id)
            else:
                rows[resource_id] = row
        if missing:
            raise self.noun.missing(missing)
        return list(rows.values())

    def show(self, region: Region, row: R) -> bytes:
        """Return the record's XML, kept until something it shows changes."""
        fragment = row.fragment
        if fragment is None:
            fragment = region.reads.during(
                row, lambda: writer_of(self.shape)(self.view(region, row))
            )
        elif region.reads.watching:
            region.reads.note(row)
        return fragment

    def rows(self, region: Region) -> list[R]:
        """Return every record that Describe lists without arguments."""
        hidden = self.hidden
        if hidden is None:
            return list(region[self.row])
        return [row for row in region[self.row] if not hidden(row)]

    def selected(
        self, region: Region, params: Mapping[str, Any], ids: Sequence[str] | None
    ) -> list[R]:
        """Return the records a Describe call asks for by ids and ``Filters``."""
        rows = self.find_all(region, ids) if ids else self.rows(region)
        filters = params.get("Filters")
        if not filters:
            return rows
        return select(region, rows, filters, self.filters, taggable=bool(self.row.RESOURCE_TYPE))

    def describe(
        self, call: Call, params: Mapping[str, Any], *, ids: str, result: str
    ) -> dict[str, Any]:
        """Answer the family's Describe call.

        Args:
            call: the request.
            params: its parameters.
            ids: the parameter that lists ids, such as ``VpcIds``.
            result: the result's member, such as ``Vpcs``.
        """
        wanted = params.get(ids)
        if wanted and params.get("MaxResults") is not None:
            raise AwsError(
                "InvalidParameterCombination",
                f"The parameter {ids} cannot be used with the parameter MaxResults",
            )
        region = call.region
        rows = self.selected(region, params, wanted)
        shown, token = page_of_rows(call.operation.name, rows, params, call.operation.page_limits)
        answer: dict[str, Any] = {result: [row.fragment or self.show(region, row) for row in shown]}
        if token is not None:
            answer["NextToken"] = token
        return answer
