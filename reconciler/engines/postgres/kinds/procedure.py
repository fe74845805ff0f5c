"""Procedures: `procedures: {"settle(uuid)": {arguments: {invoice: uuid}, language: plpgsql, body: settle.sql}}`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from reconciler.engines.postgres import routine_arguments as arguments
from reconciler.engines.postgres import routine_changes as changes
from reconciler.engines.postgres.kind import PgKind, Reader, Row
from reconciler.engines.postgres.names import freed
from reconciler.engines.postgres.routine_parts import (
    SPEC,
    Routine,
    lift_body,
    lift_routine,
    lower_routine,
    read_routine,
)
from reconciler.engines.postgres.routine_parts import query as routine_query
from reconciler.model.catalog import Catalog
from reconciler.model.change import Change
from reconciler.model.kind import Context, Disturbance, Place, rule
from reconciler.model.step import Draft


@dataclass(frozen=True, slots=True)
class Procedure(Routine):
    """Path: (schema, name(types)), the types of what goes in."""


def lower(name: str, node: Any, place: Place) -> Procedure:
    """The words of CREATE PROCEDURE."""
    component, fields = lower_routine(name, node, place)
    return Procedure(place.address("procedure", component), **fields)


def lift(procedure: Procedure, _catalog: Catalog) -> Any:
    """What differs from the defaults of CREATE PROCEDURE; the body last."""
    return lift_routine(procedure) | lift_body(procedure)


def query(_version: int) -> str:
    """Procedures in scope."""
    return routine_query("NULL::text", "'p'")


def read(rows: Iterable[Row], reader: Reader) -> Iterable[Procedure]:
    """Rows of `query` → Procedure."""
    for row in rows:
        address, fields = read_routine(row[:14], "procedure", reader)
        yield Procedure(address, **fields)


def definition(procedure: Procedure, how: str = "CREATE", schema: str | None = None) -> str:
    """CREATE [OR REPLACE] PROCEDURE."""
    head = f"{how} PROCEDURE {changes.declared(procedure.address, procedure.arguments, schema)}"
    return "\n".join([head, *changes.shared_clauses(procedure), changes.body(procedure)])


def temporary(procedure: Procedure) -> str:
    """The procedure in pg_temp."""
    return definition(procedure, schema="pg_temp")


def create(change: Change[Procedure], context: Context) -> list[Draft]:
    """No lock on anything that exists."""
    return [changes.made(change.desired, definition(change.desired), context, freed(change, context))]


def drop(change: Change[Procedure], _context: Context) -> list[Draft]:
    """RESTRICT: what still uses it makes the step fail."""
    return [changes.gone(change.live, definition(change.live))]


def alter(change: Change[Procedure], context: Context) -> list[Draft]:
    """CREATE OR REPLACE PROCEDURE."""
    new, old = (definition(r, "CREATE OR REPLACE") for r in (change.desired, change.live))
    return [changes.altered(change, new, old, context)]


def rebuild(change: Change[Procedure], context: Context) -> list[Draft]:
    """Drop and create, where CREATE OR REPLACE refuses or what it stands on is built anew."""
    return [*drop(change, context), changes.made_again(change, definition(change.desired), context)]


def replaces(change: Change[Procedure]) -> bool:
    """Outgoing arguments make a record, even a single one (measured)."""
    before, after = (arguments.outputs(r.arguments) for r in (change.live, change.desired))
    return [(a.name, a.type) for a in before] != [(a.name, a.type) for a in after] or changes.replaces(change)


def disturbs(change: Change[Procedure]) -> Disturbance:
    """What uses it has to go first when it is dropped."""
    return Disturbance.DROPS if change.forced or replaces(change) else Disturbance.NONE


KIND = PgKind(
    name="procedure",
    resource=Procedure,
    section="procedures",
    spec={"type": "object", "properties": SPEC},
    lower=lower,
    lift=lift,
    query=query,
    read=read,
    references=changes.references,
    mentions=changes.mentions,
    create=create,
    drop=drop,
    replace=rebuild,
    rebuild=rebuild,
    replaces=replaces,
    disturbs=disturbs,
    namesakes=changes.namesakes,
    collides=changes.collides,
    bound=True,
    rules=(
        rule(
            *("language", "arguments", "body", "sql_body", "library", "security_definer", "settings", "transforms"),
            emit=alter,
        ),
    ),
    temporary=temporary,
    prepares=definition,
    parent="schema",
    order=36,
    top=True,
)
