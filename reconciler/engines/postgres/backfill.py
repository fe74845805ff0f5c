"""Filling a column of the rows that are there, a few pages at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.engines.postgres.quoting import ident, qualified
from reconciler.errors import StalePlan

PAGES = 200
"""Heap pages of one batch: 1.6 MB, some 10,000 rows; each batch is a transaction of its own (row 96)."""


@dataclass(frozen=True, slots=True)
class Backfill:
    """UPDATE … SET column = expression WHERE column IS NULL over ranges of pages, passes repeated until none is left.

    Page ranges keep a pass linear; a row that a writer moves behind the pass is found by the next one.
    """

    schema: str
    table: str
    column: str
    expression: str
    pages: int = PAGES

    def encode(self) -> dict[str, Any]:
        """Plan-file fields."""
        return {
            "backfill": {
                "table": [self.schema, self.table],
                "column": self.column,
                "expression": self.expression,
                "pages": self.pages,
            }
        }

    def statement(self) -> str:
        """One batch; %(first)s and %(end)s are page numbers as tid literals."""
        column = ident(self.column)
        fixed = f"UPDATE {qualified(self.schema, self.table)} SET {column} = {self.expression}\nWHERE {column} IS NULL"
        return fixed.replace("%", "%%") + " AND ctid >= %(first)s::tid AND ctid < %(end)s::tid"

    def lines(self) -> list[str]:
        """For people: the statement of a batch, and how it is repeated."""
        text = self.statement().replace("%(first)s::tid", "'(P,0)'")
        text = text.replace("%(end)s::tid", f"'(P+{self.pages},0)'").replace("%%", "%")
        return [*f"{text};".split("\n"), "-- repeated for every range of pages"]


def decode(fields: Mapping[str, Any]) -> Backfill:
    """The inverse of `Backfill.encode`. Raises StalePlan where the fields are not readable."""
    try:
        said = fields["backfill"]
        schema, table = said["table"]
        return Backfill(schema, table, said["column"], said["expression"], int(said["pages"]))
    except (KeyError, ValueError, TypeError) as error:
        raise StalePlan(f"a backfill step of the plan is not readable: {error}", hint="make the plan again") from error
