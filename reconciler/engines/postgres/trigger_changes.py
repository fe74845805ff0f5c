"""How triggers come, change and go: rows 74 and 75 of the online catalogue."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

from reconciler.engines.postgres.evidence import became
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
from reconciler.model.kind import Context
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


def made(trigger: AnyTrigger, phase: Phase = Phase.EXPAND) -> Draft:
    """Writers wait for a moment (row 74)."""
    schema, relation = relation_path(trigger)
    return Draft(
        "create",
        phase,
        f"create trigger {trigger.address.name} on {relation}",
        sql(*statements(trigger)),
        locks=share_row_exclusive((schema, relation)),
        done=(Check(trigger.address),),
        undo=(sql(dropping(trigger)),),
        provides=True,
    )


def gone(trigger: AnyTrigger) -> Draft:
    """Readers and writers wait for a moment (row 75)."""
    schema, relation = relation_path(trigger)
    return Draft(
        "drop",
        Phase.CONTRACT,
        f"drop trigger {trigger.address.name} of {relation}",
        sql(dropping(trigger)),
        locks=access_exclusive((schema, relation)),
        hazards=(hazard(Code.LOOSENS, f"{trigger.function} no longer runs when {relation} changes"),),
        done=(Check(trigger.address, present=False),),
        undo=(sql(*statements(trigger)),),
        removes=True,
    )


def create(change: Change[Any], _context: Context) -> list[Draft]:
    """On a table that is in use too."""
    return [made(change.desired)]


def drop(change: Change[Any], _context: Context) -> list[Draft]:
    """Contract: what it kept in step falls apart from here on."""
    return [gone(change.live)]


def rebuild(change: Change[Any], _context: Context) -> list[Draft]:
    """Out and in again around a change of what it stands on."""
    draft = made(change.desired, Phase.CONTRACT)
    return [gone(change.live), dataclasses.replace(draft, done=(*draft.done, *became(change)), undo=None)]


def alter(change: Change[Any], _context: Context) -> list[Draft]:
    """OR REPLACE; a constraint trigger is dropped and created, in one transaction: rows are never without it."""
    new, old = change.desired, change.live
    path = relation_path(new)
    again = new.constraint or old.constraint
    exchange = (dropping(old), *statements(new)) if again else statements(new, how="CREATE OR REPLACE")
    back = (dropping(new), *statements(old)) if again else statements(old, how="CREATE OR REPLACE")
    return [
        Draft(
            "replace",
            Phase.EXPAND,
            f"change trigger {new.address.name} on {path[1]}: {', '.join(a.name for a in change.attributes)}",
            sql(*exchange),
            locks=access_exclusive(path) if again else share_row_exclusive(path),
            done=became(change),
            undo=(sql(*back),),
            provides=True,
        )
    ]


def set_state(change: Change[Any], _context: Context) -> list[Draft]:
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
            locks=share_row_exclusive(path),
            hazards=(hazard(Code.LOOSENS, f"{new.function} no longer runs when {path[1]} changes"),) if off else (),
            done=became(change),
            undo=(sql(enabling(old)),),
        )
    ]


def defined_otherwise(change: Change[Any], _context: Context) -> bool:
    """More than its state differs."""
    return change.changed(*DEFINITION)
