"""What the constraint kinds share: when they can be checked, which columns they are about, how they are read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from reconciler.engines.postgres.evidence import became
from reconciler.engines.postgres.kinds.column import Column
from reconciler.engines.postgres.locks import access_exclusive
from reconciler.engines.postgres.operations import sql
from reconciler.engines.postgres.quoting import ident, qualified
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Action, Change
from reconciler.model.hazard import Code, hazard
from reconciler.model.kind import Context
from reconciler.model.step import Draft, Phase, Probe

COLUMNS = {"type": "array", "items": {"type": "string"}, "minItems": 1, "description": "a list of column names"}
DEFERRABLE = {
    "enum": [True, False, "initially_deferred"],
    "description": "true, or initially_deferred",
}
WITHOUT_OVERLAPS = {
    "type": "boolean",
    "description": "true where the last column is a range that must not overlap",
}

HOLDERS = {
    "materialized_view_index": "materialized_view",
    "view_rule": "view",
    "view_trigger": "view",
    "foreign_table_trigger": "foreign_table",
}
"""Kinds whose holder is no table."""


def lower_deferrable(node: Mapping[str, Any]) -> tuple[bool, bool]:
    """(deferrable, initially deferred)."""
    said = node.get("deferrable", False)
    return bool(said), said == "initially_deferred"


def lift_deferrable(deferrable: bool, deferred: bool) -> dict[str, Any]:
    """The inverse, empty for a constraint that is checked at once."""
    if not deferrable:
        return {}
    return {"deferrable": "initially_deferred" if deferred else True}


def timing(deferrable: bool, deferred: bool) -> str:
    """How DDL says it, with a space before it."""
    return (" DEFERRABLE INITIALLY DEFERRED" if deferred else " DEFERRABLE") if deferrable else ""


def table_path(address: Address) -> tuple[str, str]:
    """(schema, table) of anything in a table."""
    return address.path[0], address.path[1]


def table_address(address: Address) -> Address:
    """The table of anything in it; the view of a rule on one."""
    return address.sibling(HOLDERS.get(address.kind, "table"), address.path[:2])


def table_name(address: Address) -> str:
    """`schema.table` of anything in it."""
    return qualified(address.path[0], address.path[1])


def column_addresses(address: Address, names: Iterable[str]) -> list[Address]:
    """Addresses of columns of the same table."""
    return [address.sibling("column", (*address.path[:2], n)) for n in names]


def in_new_table(change: Change[Any], context: Context) -> bool:
    """The table itself is created in this plan: no locks that matter, no rows, no hazards."""
    return context.creates(table_address(change.address))


def absorbed_by_table(change: Change[Any], context: Context) -> bool:
    """Part of CREATE TABLE and DROP TABLE, of a table that goes and comes again too."""
    table = table_address(change.address)
    gone = change.action is Action.DELETE and context.deletes(table)
    return context.creates(table) or (gone and not holds_what_needs(change.address, table, context))


def gone_with_table(change: Change[Any], context: Context) -> bool:
    """No longer declared, and its table goes; for good, or to come anew without it."""
    table = table_address(change.address)
    gone = change.action is Action.DELETE and (context.deletes(table) or context.creates(table))
    return gone and not holds_what_needs(change.address, table, context)


def holds_what_needs(address: Address, table: Address, context: Context) -> bool:
    """Whether it uses something that goes, a routine, a view, another table, and itself needs the table, or its row
    type: then none of them could go first, and it has to go before its table. A relation needs what its policies,
    rules and checks use, as they would go with it.
    """
    waiting = [a.path[:2] for a in context.live.uses.get(address, ()) if _goes(a, table, context)]
    if not waiting:
        return False
    needed, seen = _needed(context.live), set(waiting)
    while waiting:
        for used in needed.get(waiting.pop(), ()):
            if used.path[:2] == table.path:
                return True
            if used.path[:2] not in seen and _goes(used, table, context):
                seen.add(used.path[:2])
                waiting.append(used.path[:2])
    return False


@lru_cache(maxsize=2)
def _needed(catalog: Catalog) -> Mapping[tuple[str, ...], tuple[Address, ...]]:
    """What each thing in a schema uses, with all that is in it."""
    found: dict[tuple[str, ...], list[Address]] = {}
    for address, used in catalog.uses.items():
        found.setdefault(address.path[:2], []).extend(used)
    return {path: tuple(used) for path, used in found.items()}


def _goes(address: Address, table: Address, context: Context) -> bool:
    change = context.changes.get(address)
    return change is not None and change.action in (Action.DELETE, Action.REPLACE) and address.path[:2] != table.path


def dropped_with_column(change: Change[Any], names: Iterable[str], context: Context) -> bool:
    """A dropped column takes it along (ALTER TABLE DROP COLUMN documentation)."""
    return change.action is Action.DELETE and any(context.deletes(a) for a in column_addresses(change.address, names))


def only_new_columns(change: Change[Any], names: Iterable[str], context: Context) -> bool:
    """Every column is added by this plan without a value: code that does not know them cannot be refused."""
    addresses = column_addresses(change.address, names)
    found = [context.desired.get(a, Column) for a in addresses]
    return bool(found) and all(c is not None and _empty(c) and context.creates(c.address) for c in found)


def _empty(column: Column) -> bool:
    return column.default is None and column.identity is None and column.generated is None


def duplicates(address: Address, keys: Iterable[str], where: str = "", nulls_too: bool = False) -> Probe:
    """Finds values of the keys, columns or expressions, that occur twice where a unique index is to be; the first place
    of each (14 and later).
    """
    listed = list(keys)
    conditions = [*([] if nulls_too else [f"{k} IS NOT NULL" for k in listed]), *([f"({where})"] if where else [])]
    filters = f"\nWHERE {' AND '.join(conditions)}" if conditions else ""
    values, table = ", ".join(listed), table_name(address)
    return Probe(
        f"values of ({values}) in {table} that occur more than once",
        f"SELECT min(ctid)::text, {values} FROM {table}{filters} GROUP BY {values} HAVING count(*) > 1",
    )


def reads_columns(address: Address, names: Iterable[str], catalog: Catalog) -> list[Address]:
    """References to the columns of its own table."""
    return [a for a in column_addresses(address, names) if table_address(address) in catalog.resources]


def key_rebuilt(change: Change[Any], out: str, back: str, clauses: tuple[str, str]) -> list[Draft]:
    """A unique or primary key whose column is made anew: DROP CONSTRAINT and ADD, in the transaction of that.

    `out` and `back` are the names of the constraint before and after, `clauses` what defined it and what will.
    """
    table, here = table_name(change.address), table_path(change.address)
    was, wanted = clauses
    return [
        Draft(
            "out",
            Phase.CONTRACT,
            f"take {out} of {here[1]} away",
            sql(f"ALTER TABLE {table} DROP CONSTRAINT {ident(out)}"),
            locks=access_exclusive(here),
            undo=(sql(f"ALTER TABLE {table} ADD {was}"),),
            removes=True,
        ),
        key_added(change, back, f"ADD {wanted}", "again"),
    ]


def key_added(change: Change[Any], name: str, action: str, again: str = "", probes: tuple[Probe, ...] = ()) -> Draft:
    """A unique or primary key in one ALTER TABLE, while its table is out of use anyway: no time for a concurrent build.
    With what it drops in the same action there is no way back.
    """
    table, here = table_name(change.address), table_path(change.address)
    return Draft(
        "add",
        Phase.CONTRACT,
        f"add {name} to {here[1]} {again}".rstrip(),
        sql(f"ALTER TABLE {table} {action}"),
        locks=access_exclusive(here),
        hazards=(hazard(Code.SCAN_UNDER_LOCK, f"{table} is read from end to end, for the index of {name}"),),
        probes=probes,
        done=became(change),
        undo=None if action.startswith("DROP") else (sql(f"ALTER TABLE {table} DROP CONSTRAINT {ident(name)}"),),
        reads=table_address(change.address),
        provides=True,
    )


def steps_aside(change: Change[Any], context: Context) -> bool:
    """Whether the table is a partition that leaves for a moment and stays itself: until then nobody sees its rows."""
    table = table_address(change.address)
    found = context.changes.get(table)
    return found is not None and found.action is Action.REPLACE and not context.creates(table)


def rivals(address: Address) -> tuple[Address, ...]:
    """A stand-in for all keys of a table: which of them a foreign key takes up is not said where it is added, so the
    one that goes has to be gone by then.
    """
    return (address.sibling("key", address.path[:2]),)
