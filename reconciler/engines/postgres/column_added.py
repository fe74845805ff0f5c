"""How columns come to tables that are in use: rows 10 to 25 of the online catalogue."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.engines.postgres import not_nulls
from reconciler.engines.postgres.backfill import Backfill
from reconciler.engines.postgres.column_changes import required
from reconciler.engines.postgres.column_names import alter, label, table_address, table_name
from reconciler.engines.postgres.column_parts import Facts
from reconciler.engines.postgres.column_settings import after_creation
from reconciler.engines.postgres.evidence import shows, still_empty
from reconciler.engines.postgres.inheritance import descendants, table_at
from reconciler.engines.postgres.locks import ROW_EXCLUSIVE, access_exclusive, lock
from reconciler.engines.postgres.mentions import of_expression, words
from reconciler.engines.postgres.operations import sql
from reconciler.engines.postgres.quoting import ident
from reconciler.model.address import Address
from reconciler.model.change import Change
from reconciler.model.hazard import Code, Hazard, hazard
from reconciler.model.kind import Context
from reconciler.model.step import Check, Draft, Phase, Probe, Ref

if TYPE_CHECKING:
    from reconciler.engines.postgres.kinds.column import Column


def add(change: Change[Column], context: Context) -> list[Draft]:
    """ADD COLUMN. A default that the server cannot store once for all rows is set after it, rows filled in batches.

    In a table that was empty when the plan was made there is nothing to rewrite; the step makes sure that it still is.
    While other columns hold rows of the table, the server lets it have no default from the start, empty or not.
    """
    from reconciler.engines.postgres import row_holders

    column = change.desired
    facts = column.facts or Facts()
    holding = row_holders.held(table_address(column), context)
    first, *rest = _adding(change, facts, holding, context)
    if holding and row_holders.needs_place(column, context.desired):
        first = row_holders.around(first, [table_address(column)], context, stand_in=column.address.name)
    return [first, *rest]


def _adding(change: Change[Column], facts: Facts, held: bool, context: Context) -> list[Draft]:
    column = change.desired
    empty = context.size(table_address(column)).rows == 0
    slow = facts.fast_null and not (facts.fast_default or empty)
    if column.default is not None and facts.lets_null and (held or slow):
        return _add_in_batches(change, context)
    checked = column.not_null and column.not_null_valid
    if facts.lets_null and checked and not _filled(column):
        return _add_then_require(change, context)
    if column.generated is not None:
        rewrites = not column.generated.virtual
    else:
        rewrites = not facts.fast_default or column.identity is not None
    effect = f"every row of {table_name(column)} is rewritten to hold {column.address.name}"
    if not facts.fast_null:
        effect += f": the server looks at each {column.type}; its base type and a check of the table would spare that"
    hazards = (hazard(Code.REWRITE, effect),) if rewrites and not empty else ()
    added, *later = _added_whole(change, context, hazards)
    probes = (still_empty(column.table),) if rewrites and empty else () if facts.lets_null else unfilled(column)
    return [replace(added, probes=probes, requires=_retyped_first(column, context)), *later]


def _filled(column: Column) -> bool:
    return column.default is not None or column.identity is not None or column.generated is not None


def unfilled(column: Column) -> tuple[Probe, ...]:
    """A table with rows takes no new column that has to hold a value and has none to offer."""
    may_be_null = not column.not_null and (column.facts or Facts()).lets_null
    if may_be_null or _filled(column):
        return ()
    table = table_name(column)
    message = f"rows of {table} would have no {column.address.name}; give it a default"
    return (Probe(message, f"SELECT ctid::text FROM {table}"),)


def _retyped_first(column: Column, context: Context) -> tuple[Ref, ...]:
    """What a generated column is made from gets its new type before: it cannot any more afterwards."""
    if column.generated is None:
        return ()
    names = words(column.generated.expression.source)
    siblings = (context.changes.get(column.address.sibling("column", (*column.table, n))) for n in sorted(names))
    return tuple(Ref(c.address) for c in siblings if c is not None and c.changed("type", "collation"))


def _added_whole(change: Change[Column], context: Context, hazards: tuple[Hazard, ...] = ()) -> list[Draft]:
    from reconciler.engines.postgres.kinds.column import clause

    first, later = not_nulls.named_for_now(change.desired, context)
    return [_added(change, clause(first), hazards, reads=bool(hazards)), *later]


def _added(change: Change[Column], clause: str, hazards: tuple[Hazard, ...] = (), reads: bool = False) -> Draft:
    column = change.desired
    name = ident(column.address.name)
    return Draft(
        "add",
        Phase.EXPAND,
        f"add column {label(column)}",
        sql(f"ALTER TABLE {table_name(column)} ADD COLUMN {clause}", *after_creation(column, table_name(column))),
        locks=access_exclusive(column.table),
        hazards=hazards,
        done=(Check(column.address),),
        undo=(sql(f"ALTER TABLE {table_name(column)} DROP COLUMN {name}"),),
        reads=table_address(column) if reads else None,
        provides=True,
    )


def _add_in_batches(change: Change[Column], context: Context) -> list[Draft]:
    from reconciler.engines.postgres.kinds.column import clause

    column = change.desired
    checked = column.not_null and column.not_null_valid
    bare = replace(column, default=None, not_null=column.not_null and not checked)
    default = column.default.source if column.default else "NULL"
    drafts = [
        _added(change, clause(bare)),
        Draft(
            "default",
            Phase.EXPAND,
            f"give new rows of {label(column)} a default",
            sql(alter(column, f"SET DEFAULT {default}")),
            locks=access_exclusive(column.table),
            done=shows(column.address, ("default", column.default)),
            undo=(sql(alter(column, "DROP DEFAULT")),),
        ),
        *(_filling(column, path, default, context) for path in _holding_rows(column, context)),
    ]
    return drafts + (required(column, context) if checked else [])


def _holding_rows(column: Column, context: Context) -> list[tuple[str, ...]]:
    """The table and what is below it; a partitioned table has no rows of its own."""
    below = descendants(column.address.path, context.live)
    return [p for p in (column.table, *below) if not _partitioned(column.address, p, context)]


def _partitioned(address: Address, path: tuple[str, ...], context: Context) -> bool:
    table = table_at(context.live, address.sibling("table", path))
    return table is not None and table.partition_by is not None


def _filling(column: Column, path: tuple[str, ...], default: str, context: Context) -> Draft:
    called = sorted(a.path for a in of_expression(default, context.desired) if a.kind == "sequence")
    here = path == column.table
    return Draft(
        "backfill" if here else f"backfill {'.'.join(path)}",
        Phase.MIGRATE,
        f"fill {path[1]}.{column.address.name} of the rows that are there",
        Backfill(path[0], path[1], column.address.name, default),
        locks=tuple(lock(ROW_EXCLUSIVE, p[0], p[1]) for p in (path, *called)),
        undo=(),
        reads=column.address.sibling("table", path),
    )


def _add_then_require(change: Change[Column], context: Context) -> list[Draft]:
    from reconciler.engines.postgres.kinds.column import clause

    column = change.desired
    if context.size(table_address(column)).rows == 0:
        return _added_whole(change, context)
    return [_added(change, clause(replace(column, not_null=False))), *required(column, context)]
