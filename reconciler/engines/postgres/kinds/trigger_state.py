"""Whether a partition runs a trigger of its parent otherwise than that does: `trigger_states: {audit: disabled}`.

The trigger itself is the parent's (CREATE TRIGGER, "Notes"). ALTER TABLE … ENABLE TRIGGER of the parent, and CREATE OR
REPLACE TRIGGER, give all partitions the parent's state again (measured on 15 and 18), so this comes after them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from reconciler.engines.postgres.constraint_parts import table_name, table_path
from reconciler.engines.postgres.evidence import became
from reconciler.engines.postgres.inheritance import descendants, table_at
from reconciler.engines.postgres.kind import PgKind, Reader, Row
from reconciler.engines.postgres.kinds.trigger import Trigger
from reconciler.engines.postgres.locks import share_row_exclusive
from reconciler.engines.postgres.operations import sql
from reconciler.engines.postgres.quoting import ident
from reconciler.engines.postgres.trigger_parts import ENABLING, STATES
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Action, Change
from reconciler.model.hazard import Code, hazard
from reconciler.model.kind import Context, Disturbance, Place, rule
from reconciler.model.resource import Resource
from reconciler.model.step import Check, Draft, Phase


@dataclass(frozen=True, slots=True)
class TriggerState(Resource):
    """Path: (schema, partition, trigger)."""

    state: str


SPEC = {"enum": list(ENABLING), "description": "how the partition runs that trigger of its parent"}


def lower(name: str, node: Any, place: Place) -> TriggerState:
    """One of the words of `state` of a trigger."""
    return TriggerState(place.address("trigger_state", name), node)


def lift(state: TriggerState, _catalog: Catalog) -> Any:
    """The inverse."""
    return state.state


def query(_version: int) -> str:
    """Copies of triggers on partitions that are in another state than what they are copies of; those of foreign keys
    are the server's. Up to 14 all of them count as internal.
    """
    return """
        SELECT g.tgrelid, g.tgname, g.tgenabled::text
        FROM pg_trigger g JOIN pg_trigger p ON p.oid = g.tgparentid JOIN pg_class c ON c.oid = g.tgrelid
        LEFT JOIN pg_constraint k ON k.oid = g.tgconstraint
        WHERE g.tgparentid <> 0 AND g.tgenabled <> p.tgenabled AND k.contype IS DISTINCT FROM 'f'
          AND c.relnamespace = ANY (%(namespaces)s)
        ORDER BY 1, 2"""


def read(rows: Iterable[Row], reader: Reader) -> Iterable[TriggerState]:
    """(table, trigger, state) → TriggerState."""
    for oid, name, state in rows:
        if oid in reader.tables:
            yield TriggerState(reader.address("trigger_state", *reader.tables[oid], name), STATES[state])


def references(state: TriggerState, catalog: Catalog) -> Iterable[Address]:
    """What says the state otherwise: that of the parent, if it has one of its own, and the trigger."""
    *between, trigger = _above(state.address, catalog)
    return (*(a for a in between if a in catalog.resources), trigger)


def _above(address: Address, catalog: Catalog) -> list[Address]:
    """The states that the tables above may have, the nearest first, and at last the trigger that they are about."""
    found: list[Address] = []
    table = table_at(catalog, address)
    while table is not None and table.partition_of is not None:
        path = (*table.partition_of, address.name)
        trigger = address.sibling("trigger", path)
        if trigger in catalog.resources:
            return [*found, trigger]
        found.append(address.sibling("trigger_state", path))
        table = table_at(catalog, found[-1])
    return [*found, address.sibling("trigger", (*found[-1].path[:2], address.name) if found else address.path)]


def _inherited(address: Address, catalog: Catalog) -> str:
    """The state that the partition's trigger has when nothing is said of it."""
    resources = (catalog.resources.get(a) for a in _above(address, catalog))
    return next((r.state for r in resources if isinstance(r, TriggerState | Trigger)), "enabled")


def check(catalog: Catalog) -> Iterator[tuple[Address, str, str]]:
    """States that say nothing: (address, message, hint)."""
    for state in catalog.of_kind(TriggerState):
        if _inherited(state.address, catalog) == state.state:
            yield state.address, f"{state.address} is what its parent says", "leave it out"


def said(state: TriggerState, word: str) -> str:
    """ALTER TABLE … ENABLE TRIGGER, or as the word says."""
    return f"ALTER TABLE {table_name(state.address)} {ENABLING[word]} TRIGGER {ident(state.address.name)}"


def _set(state: TriggerState, slot: str, old: str, catalog: Catalog) -> Draft:
    """Writers wait for a moment (row 74). On a partition that has partitions all of them follow."""
    below = [(p[0], p[1]) for p in descendants(state.address.path, catalog)]
    off = state.state == "disabled"
    gone = hazard(Code.LOOSENS, f"trigger {state.address.name} no longer runs when {state.address.path[1]} changes")
    return Draft(
        slot,
        Phase.CONTRACT if off else Phase.EXPAND,
        f"make trigger {state.address.name} on {state.address.path[1]} {state.state}",
        sql(said(state, state.state)),
        locks=share_row_exclusive(table_path(state.address), *below),
        hazards=(gone,) if off else (),
        undo=(sql(said(state, old)),),
    )


def create(change: Change[TriggerState], context: Context) -> list[Draft]:
    """After the partition and the trigger are there."""
    state = change.desired
    draft = _set(state, "create", _inherited(change.address, context.desired), context.desired)
    return [replace(draft, done=(Check(change.address, attributes=(("state", state.state),)),), provides=True)]


def drop(change: Change[TriggerState], context: Context) -> list[Draft]:
    """As its parent says."""
    state = replace(change.live, state=_inherited(change.address, context.desired))
    draft = _set(state, "drop", change.live.state, context.live)
    return [replace(draft, done=(Check(change.address, present=False),), removes=True)]


def alter(change: Change[TriggerState], context: Context) -> list[Draft]:
    """Another state."""
    return [replace(_set(change.desired, "state", change.live.state, context.live), done=became(change), provides=True)]


def absorbed(change: Change[TriggerState], context: Context) -> bool:
    """Gone with what the parent says, which changes, or with the partition, which may become a table of its own."""
    if change.action is not Action.DELETE:
        return False
    before, after = (table_at(c, change.address) for c in (context.live, context.desired))
    stays = before is not None and after is not None and before.partition_of == after.partition_of
    return not stays or any(a in context.changes for a in _above(change.address, context.live))


def disturbs(_change: Change[TriggerState]) -> Disturbance:
    """Partitions below take up the state."""
    return Disturbance.ALTERS


KIND = PgKind(
    name="trigger_state",
    resource=TriggerState,
    section="trigger_states",
    spec=SPEC,
    lower=lower,
    lift=lift,
    query=query,
    read=read,
    references=references,
    absorbed=absorbed,
    create=create,
    drop=drop,
    rebuild=create,
    disturbs=disturbs,
    bound=True,
    rules=(rule("state", emit=alter),),
    parent="table",
    order=76,
)
