"""Triggers of tables: `triggers: {touch: {before: [update], for_each: row, execute: touch_row}}`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from reconciler.engines.postgres import trigger_changes as changes
from reconciler.engines.postgres import trigger_parts as parts
from reconciler.engines.postgres.constraint_parts import gone_with_table
from reconciler.engines.postgres.kind import PgKind, Reader, Row
from reconciler.engines.postgres.quoting import ident
from reconciler.model.catalog import Catalog
from reconciler.model.change import Change
from reconciler.model.kind import Context, Place, rule


@dataclass(frozen=True, slots=True)
class Trigger(parts.AnyTrigger):
    """Path: (schema, table, name)."""


def lower(name: str, node: Any, place: Place) -> Trigger:
    """The words of CREATE TRIGGER."""
    return Trigger(place.address("trigger", name), **parts.lower_fields(node, place))


def lift(trigger: Trigger, _catalog: Catalog) -> Any:
    """What differs from the defaults of CREATE TRIGGER."""
    return parts.lift_fields(trigger)


def query(_version: int) -> str:
    """Triggers of tables, partitioned ones included."""
    return parts.query("'r', 'p'")


def read(rows: Iterable[Row], reader: Reader) -> Iterable[Trigger]:
    """Rows of `query` → Trigger."""
    for address, fields in parts.read_known(rows, reader, "table"):
        yield Trigger(address.sibling("trigger", address.path), **fields)


def temporary(trigger: Trigger) -> str:
    """The trigger on the temporary twin of its table."""
    return "; ".join(parts.statements(trigger, f"pg_temp.{ident(trigger.address.path[1])}"))


def absorbed(change: Change[Trigger], context: Context) -> bool:
    """Gone with its table."""
    return gone_with_table(change, context)


KIND = PgKind(
    name="trigger",
    resource=Trigger,
    section="triggers",
    spec=parts.SPEC,
    lower=lower,
    lift=lift,
    query=query,
    read=read,
    references=changes.references,
    mentions=changes.mentions,
    absorbed=absorbed,
    create=changes.create,
    drop=changes.drop,
    rebuild=changes.rebuild,
    rules=(
        rule(*changes.DEFINITION, "state", emit=changes.alter, when=changes.defined_otherwise),
        rule("state", emit=changes.set_state),
    ),
    disturbs=changes.disturbs,
    bound=True,
    temporary=temporary,
    piece=True,
    parent="table",
    order=75,
)
