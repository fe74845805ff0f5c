"""What a PostgreSQL step runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.errors import StalePlan


@dataclass(frozen=True, slots=True)
class Sql:
    """Statements, in one transaction or each on its own.

    `repairs` names an index (schema, name) that an interrupted run of this step leaves invalid: it is dropped
    concurrently before the step is tried again. `batches` repeats a single statement, committing each time, until it
    changes no row.
    """

    statements: tuple[str, ...]
    transaction: bool = True
    repairs: tuple[str, str] | None = None
    batches: bool = False

    @property
    def partial(self) -> bool:
        """`model.step.Partial`: an index that is built beside its writers."""
        return self.repairs is not None

    def encode(self) -> dict[str, Any]:
        """Plan-file fields: `sql`, and what differs from one plain transaction."""
        fields: dict[str, Any] = {"sql": self.statements[0] if len(self.statements) == 1 else list(self.statements)}
        if not self.transaction:
            fields["transaction"] = False
        if self.repairs:
            fields["drop if invalid"] = list(self.repairs)
        if self.batches:
            fields["repeat until no row changes"] = True
        return fields

    def lines(self) -> list[str]:
        """The statements, terminated."""
        return [line for statement in self.statements for line in f"{statement};".split("\n")]


def sql(*statements: str) -> Sql:
    """Statements in one transaction."""
    return Sql(statements)


def alone(statement: str, repairs: tuple[str, str] | None = None) -> Sql:
    """A statement that refuses to run in a transaction."""
    return Sql((statement,), transaction=False, repairs=repairs)


def decode(fields: Mapping[str, Any]) -> Sql:
    """The inverse of `Sql.encode`. Raises StalePlan for fields of another kind of operation."""
    try:
        text = fields["sql"]
        statements = (text,) if isinstance(text, str) else tuple(text)
        repairs = fields.get("drop if invalid")
        return Sql(
            statements,
            transaction=fields.get("transaction", True),
            repairs=(repairs[0], repairs[1]) if repairs else None,
            batches=fields.get("repeat until no row changes", False),
        )
    except (KeyError, IndexError, TypeError) as error:
        raise StalePlan(
            f"a PostgreSQL step of the plan is not readable: {error}", hint="make the plan again"
        ) from error
