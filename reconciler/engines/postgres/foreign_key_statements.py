"""How foreign keys are made, and what would break them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from reconciler.engines.postgres.constraint_parts import (
    table_address,
    table_name,
    table_path,
    timing,
)
from reconciler.engines.postgres.evidence import became
from reconciler.engines.postgres.foreign_key_targets import before
from reconciler.engines.postgres.inheritance import descendants, table_at
from reconciler.engines.postgres.inheritance_changes import rows_of
from reconciler.engines.postgres.kinds.column import Column
from reconciler.engines.postgres.locks import access_exclusive, share_row_exclusive
from reconciler.engines.postgres.operations import sql
from reconciler.engines.postgres.quoting import columns, ident, qualified
from reconciler.engines.postgres.temporal import period_columns, uncovered
from reconciler.model.address import Address
from reconciler.model.change import Change
from reconciler.model.hazard import Code, hazard
from reconciler.model.kind import Context
from reconciler.model.step import Check, Draft, Phase, Probe

if TYPE_CHECKING:
    from reconciler.engines.postgres.kinds.foreign_key import ForeignKey


def clause(key: ForeignKey) -> str:
    """The table constraint, with its name."""
    text = f"CONSTRAINT {ident(key.address.name)} FOREIGN KEY {period_columns(key.columns, key.period)}"
    text += f" REFERENCES {qualified(*key.table)} {period_columns(key.referenced, key.period)}"
    text += " MATCH FULL" if key.full else ""
    if key.on_update != "no_action":
        text += f" ON UPDATE {key.on_update.replace('_', ' ').upper()}"
    if key.on_delete != "no_action":
        text += f" ON DELETE {key.on_delete.replace('_', ' ').upper()}"
        text += f" {columns(key.delete_columns)}" if key.delete_columns else ""
    return text + timing(key.deferrable, key.deferred) + ("" if key.enforced else " NOT ENFORCED")


def validity(key: ForeignKey) -> str:
    """The end of a key whose rows were never looked at."""
    return "" if key.validated or not key.enforced else " NOT VALID"


def orphans(key: ForeignKey, context: Context) -> tuple[Probe, ...]:
    """Finds rows that refer to nothing. A column whose type changes in the same plan may be of either type by then;
    where `using:` says how, values cannot be compared before.
    """
    table, far = table_name(key.address), qualified(*key.table)
    near = _end("t", key, table_path(key.address), key.columns, context)
    there = _end("f", key, key.table, key.referenced, context)
    if near is None or there is None:
        return ()
    equal = [f"{b} = {a}" for a, b in zip(near, there, strict=True)]
    given = " AND ".join(f"t.{ident(a)} IS NOT NULL" for a in key.columns)
    none = " AND ".join(f"t.{ident(a)} IS NULL" for a in key.columns)
    partly = f" OR NOT ({given}) AND NOT ({none})" if key.full else ""  # MATCH FULL takes all of them or none
    values = ", ".join(f"t.{ident(a)}" for a in key.columns)
    if key.period:
        lost = uncovered(key.columns[-1], far, key.referenced[-1], " AND ".join(equal[:-1]))
    else:
        lost = f"NOT EXISTS (SELECT FROM {far} f WHERE {' AND '.join(equal)})"
    return (
        Probe(
            f"rows of {table} refer to nothing in {far}",
            f"SELECT t.ctid::text, {values} FROM {rows_of(key.address, context)} t\nWHERE {given} AND {lost}{partly}",
        ),
    )


def _end(
    alias: str, key: ForeignKey, table: tuple[str, str], names: Iterable[str], context: Context
) -> list[str] | None:
    """The columns of one table as values of the types that they will have; None where one gets its own by USING."""
    found = []
    for name in names:
        address = key.address.sibling("column", (*table, name))
        change, column = context.changes.get(address), context.desired.get(address, Column)
        retyped = column is not None and change is not None and change.changed("type")
        if column is None or not retyped:
            found.append(f"{alias}.{ident(name)}")
        elif column.using is None:
            found.append(f"{alias}.{ident(name)}::{column.type}")
        else:
            return None
    return found


def in_partitioned(address: Address, context: Context) -> bool:
    """Whether it is in a table that is partitioned, or will be."""
    tables = (table_at(c, address) for c in (context.live, context.desired))
    return any(t is not None and t.partition_by is not None for t in tables)


def of_new_table(change: Change[ForeignKey], context: Context) -> Draft:
    """ADD FOREIGN KEY as it is: no row is there yet that it could refuse."""
    key, table = change.desired, table_name(change.address)
    here = table_path(change.address)
    return Draft(
        "add",
        Phase.EXPAND,
        f"add foreign key {change.address.name} to {here[1]}",
        sql(f"ALTER TABLE {table} ADD {clause(key)}{validity(key)}"),
        locks=share_row_exclusive(here, *sorted({key.table} - {here})),
        done=(Check(change.address),),
        undo=(sql(f"ALTER TABLE {table} DROP CONSTRAINT {ident(change.address.name)}"),),
        requires=before(change, context),
        provides=True,
    )


def at_once(change: Change[ForeignKey], context: Context, first: str) -> Draft:
    """NOT VALID is refused on partitioned tables before 18 (row 43): rows are looked at as the key comes."""
    key, table, name = change.desired, table_name(change.address), change.address.name
    here = table_path(change.address)
    below = [(p[0], p[1]) for p in descendants(here, context.live)]
    known = context.size(table_address(change.address)).rows == 0
    scan = hazard(Code.SCAN_UNDER_LOCK, f"{table} is read from end to end while nobody writes to it")
    refused = hazard(Code.OLD_WRITERS, f"a row of {table} that refers to nothing in {qualified(*key.table)} is refused")
    held = share_row_exclusive(*sorted({here, key.table, *below}))
    if first and change.before:
        held = (*held, *access_exclusive(here, change.before.table, *below))
    return Draft(
        "add",
        Phase.CONTRACT,
        f"add foreign key {name} to {here[1]} and its partitions",
        sql(f"ALTER TABLE {table} {first}ADD {clause(key)}"),
        locks=held,
        hazards=(refused,) if known else (refused, scan),
        probes=orphans(key, context),
        done=became(change),
        undo=None if first else (sql(f"ALTER TABLE {table} DROP CONSTRAINT {ident(name)}"),),
        reads=None if known else table_address(change.address),
        requires=before(change, context),
        provides=True,
    )
