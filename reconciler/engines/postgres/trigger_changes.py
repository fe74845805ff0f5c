"""How triggers come, change and go: rows 74 and 75 of the online catalogue."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

from reconciler.engines.postgres.evidence import became
from reconciler.engines.postgres.inheritance import partitions
from reconciler.engines.postgres.locks import access_exclusive, share_row_exclusive
from reconciler.engines.postgres.mentions import words
from reconciler.engines.postgres.operations import sql
from reconciler.engines.postgres.trigger_parts import (
    AnyTrigger,
    dropping,
    enabling,
    relation_path,
    statements,
)
from reconciler.engines.postgres.type_names import named
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Change
from reconciler.model.hazard import Code, hazard
from reconciler.model.kind import Context, Disturbance
from reconciler.model.resource import Resource
from reconciler.model.step import Check, Draft, Phase

DEFINITION = (
    *("function", "timing", "events", "of", "row", "when", "arguments", "old_table", "new_table"),
    *("constraint", "source", "deferrable", "deferred"),
)


def references(trigger: AnyTrigger, catalog: Catalog) -> Iterable[Address]:
    """Its function, its columns, and the other table of a constraint trigger."""
    address = trigger.address
    schema, name = named(trigger.function)
    function = address.sibling("function", (schema, f"{name}()"))
    if function in catalog.resources:
        yield function
    table = address.sibling("table", address.path[:2])
    if table in catalog.resources:
        yield from (address.sibling("column", (*address.path[:2], c)) for c in trigger.of)
    if trigger.source is not None and address.sibling("table", trigger.source) in catalog.resources:
        yield address.sibling("table", trigger.source)


def mentions(trigger: AnyTrigger, catalog: Catalog) -> Iterable[Address]:
    """The columns that its condition names, and the functions."""
    if trigger.when is None:
        return
    said = words(trigger.when.source)
    for column in catalog.children(trigger.address.sibling("table", trigger.address.path[:2]), "column", Resource):
        if column.address.name in said:
            yield column.address


def _held(trigger: AnyTrigger, context: Context) -> list[tuple[str, str]]:
    """The relation, and the partitions that have a copy of a trigger for each row: they are locked alike (measured)."""
    table = trigger.address.sibling("table", trigger.address.path[:2])
    below = (p for c in (context.live, context.desired) for p in partitions(table, c) if trigger.row)
    return [relation_path(trigger), *dict.fromkeys((p[0], p[1]) for p in below)]


def made(trigger: AnyTrigger, context: Context, phase: Phase = Phase.EXPAND) -> Draft:
    """Writers wait for a moment (row 74)."""
    relation = relation_path(trigger)[1]
    return Draft(
        "create",
        phase,
        f"create trigger {trigger.address.name} on {relation}",
        sql(*statements(trigger)),
        locks=share_row_exclusive(*_held(trigger, context)),
        done=(Check(trigger.address),),
        undo=(sql(dropping(trigger)),),
        provides=True,
    )


def gone(trigger: AnyTrigger, context: Context) -> Draft:
    """Readers and writers wait for a moment (row 75)."""
    relation = relation_path(trigger)[1]
    return Draft(
        "drop",
        Phase.CONTRACT,
        f"drop trigger {trigger.address.name} of {relation}",
        sql(dropping(trigger)),
        locks=access_exclusive(*_held(trigger, context)),
        hazards=(hazard(Code.LOOSENS, f"{trigger.function} no longer runs when {relation} changes"),),
        done=(Check(trigger.address, present=False),),
        undo=(sql(*_made_again(trigger, context)),),
        removes=True,
    )


def _made_again(trigger: AnyTrigger, context: Context) -> list[str]:
    """The live trigger, and the states that its copies on partitions had otherwise, parents first."""
    from reconciler.engines.postgres.kinds.trigger_state import TriggerState, said

    table = trigger.address.sibling("table", trigger.address.path[:2])
    below = (p for p in partitions(table, context.live) if trigger.row)
    states = (context.live.get(table.sibling("trigger_state", (*p, trigger.address.name)), TriggerState) for p in below)
    return [*statements(trigger), *(said(s, s.state) for s in states if s is not None)]


def create(change: Change[Any], context: Context) -> list[Draft]:
    """On a table that is in use too."""
    return [made(change.desired, context)]


def drop(change: Change[Any], context: Context) -> list[Draft]:
    """Contract: what it kept in step falls apart from here on."""
    return [gone(change.live, context)]


def rebuild(change: Change[Any], context: Context) -> list[Draft]:
    """Out and in again around a change of what it stands on."""
    draft = made(change.desired, context, Phase.CONTRACT)
    return [gone(change.live, context), dataclasses.replace(draft, done=(*draft.done, *became(change)), undo=None)]


def alter(change: Change[Any], context: Context) -> list[Draft]:
    """OR REPLACE, or dropped and created in one transaction: rows are never without it."""
    new, old = change.desired, change.live
    path, held = relation_path(new), _held(old if old.row else new, context)
    again = _anew(change)
    exchange = (dropping(old), *statements(new)) if again else statements(new, how="CREATE OR REPLACE")
    back: tuple[str, ...] = (dropping(new), *_made_again(old, context))
    if not again:
        back = tuple(statements(old, how="CREATE OR REPLACE"))
    return [
        Draft(
            "replace",
            Phase.EXPAND,
            f"change trigger {new.address.name} on {path[1]}: {', '.join(a.name for a in change.attributes)}",
            sql(*exchange),
            locks=access_exclusive(*held) if again else share_row_exclusive(*held),
            done=became(change),
            undo=(sql(*back),),
            provides=True,
        )
    ]


def set_state(change: Change[Any], context: Context) -> list[Draft]:
    """ENABLE or DISABLE TRIGGER: writers wait for a moment (row 74)."""
    new, old = change.desired, change.live
    path = relation_path(new)
    off = new.state == "disabled"
    return [
        Draft(
            "state",
            Phase.CONTRACT if off else Phase.EXPAND,
            f"make trigger {new.address.name} on {path[1]} {new.state}",
            sql(enabling(new)),
            locks=share_row_exclusive(*_held(new, context)),
            hazards=(hazard(Code.LOOSENS, f"{new.function} no longer runs when {path[1]} changes"),) if off else (),
            done=became(change),
            undo=(sql(enabling(old)),),
            provides=True,
        )
    ]


def disturbs(change: Change[Any]) -> Disturbance:
    """Partitions take up the state of the trigger; what is attached to one that is dropped meanwhile comes again."""
    return Disturbance.DROPS if change.changed(*DEFINITION) and _anew(change) else Disturbance.ALTERS


def _anew(change: Change[Any]) -> bool:
    """OR REPLACE is refused for a constraint trigger, and of one for each row that becomes one for each statement it
    leaves the copies on the partitions, which go on to fire (measured on 14 to 18).
    """
    return bool(change.live.constraint or change.desired.constraint or change.live.row != change.desired.row)


def defined_otherwise(change: Change[Any], _context: Context) -> bool:
    """More than its state differs."""
    return change.changed(*DEFINITION)
