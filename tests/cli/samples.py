"""A small plan made by hand."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from reconciler.model.address import Address
from reconciler.model.change import Action
from reconciler.model.hazard import Code, hazard
from reconciler.model.plan import Plan, PlannedChange, TargetStamp
from reconciler.model.step import Phase, Step

TABLE = Address("payment", "postgres", "table", ("public", "a"))
COLUMN = Address("payment", "postgres", "column", ("public", "b", "c"))


@dataclass(frozen=True)
class Statement:
    """An SQL-like operation."""

    text: str

    def encode(self) -> dict[str, Any]:
        return {"sql": self.text}

    def lines(self) -> list[str]:
        return [f"{self.text};"]


def usual() -> Plan:
    """A step that adds, and one that deletes data."""
    deletes = (hazard(Code.DELETES_DATA, "the values of c are deleted"),)
    return Plan(
        "0.1.0",
        "production",
        (TargetStamp("payment/postgres", "PostgreSQL 18.1", "public", "1f", "2e"),),
        (PlannedChange(TABLE, Action.CREATE), PlannedChange(COLUMN, Action.DELETE)),
        (
            Step(1, Phase.EXPAND, TABLE, "create table a", "declared, not there", Statement("CREATE TABLE a ()")),
            Step(2, Phase.CONTRACT, COLUMN, "drop column c", "there", Statement("ALTER TABLE b DROP c"), (), deletes),
        ),
        stop_before=Phase.CONTRACT,
    )


def empty() -> Plan:
    """No changes."""
    return replace(usual(), changes=(), steps=())
