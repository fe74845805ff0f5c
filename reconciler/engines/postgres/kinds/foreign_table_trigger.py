"""Triggers of foreign tables: `triggers: {log: {after: [insert], for_each: row, execute: log_row}}`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from reconciler.engines.postgres import trigger_changes as changes
from reconciler.engines.postgres import trigger_parts as parts
from reconciler.engines.postgres.constraint_parts import gone_with_table
from reconciler.engines.postgres.kind import PgKind, Reader, Row
from reconciler.model.catalog import Catalog
from reconciler.model.change import Change
from reconciler.model.kind import Context, Place, rule


@dataclass(frozen=True, slots=True)
class ForeignTableTrigger(parts.AnyTrigger):
    """Path: (schema, foreign table, name)."""


def lower(name: str, node: Any, place: Place) -> ForeignTableTrigger:
    """The words of CREATE TRIGGER."""
    return ForeignTableTrigger(place.address("foreign_table_trigger", name), **parts.lower_fields(node, place))


def lift(trigger: ForeignTableTrigger, _catalog: Catalog) -> Any:
    """What differs from the defaults of CREATE TRIGGER."""
    return parts.lift_fields(trigger)


def query(_version: int) -> str:
    """Triggers of foreign tables."""
    return parts.query("'f'")


def read(rows: Iterable[Row], reader: Reader) -> Iterable[ForeignTableTrigger]:
    """Rows of `query` → ForeignTableTrigger."""
    for address, fields in parts.read_known(rows, reader, "foreign_table"):
        yield ForeignTableTrigger(address.sibling("foreign_table_trigger", address.path), **fields)


def absorbed(change: Change[ForeignTableTrigger], context: Context) -> bool:
    """Gone with its foreign table."""
    return gone_with_table(change, context)


KIND = PgKind(
    name="foreign_table_trigger",
    resource=ForeignTableTrigger,
    section="triggers",
    spec=parts.SPEC,
    lower=lower,
    lift=lift,
    query=query,
    read=read,
    references=changes.references,
    absorbed=absorbed,
    create=changes.create,
    drop=changes.drop,
    rebuild=changes.rebuild,
    rules=(
        rule(*changes.DEFINITION, "state", emit=changes.alter, when=changes.defined_otherwise),
        rule("state", emit=changes.set_state),
    ),
    bound=True,
    parent="foreign_table",
    order=77,
)
