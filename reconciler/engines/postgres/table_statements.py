"""How a table is made: CREATE TABLE in its forms, and what only ALTER TABLE can say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.engines.postgres import column_settings, inheritance, not_nulls, storage_options
from reconciler.engines.postgres.column_parts import generation, render_identity
from reconciler.engines.postgres.index_marks import clustered_on, replica_identity
from reconciler.engines.postgres.kinds.check import Check, apart
from reconciler.engines.postgres.kinds.check import clause as check_clause
from reconciler.engines.postgres.kinds.column import Column, operand
from reconciler.engines.postgres.kinds.column import clause as column_clause
from reconciler.engines.postgres.kinds.comment import Comment
from reconciler.engines.postgres.kinds.primary_key import PrimaryKey
from reconciler.engines.postgres.kinds.primary_key import clause as primary_key_clause
from reconciler.engines.postgres.kinds.unique import Unique, repeats
from reconciler.engines.postgres.kinds.unique import clause as unique_clause
from reconciler.engines.postgres.quoting import ident, qualified
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.expr import Expr
from reconciler.model.kind import Context

if TYPE_CHECKING:
    from reconciler.engines.postgres.kinds.table import Table


def statements(table: Table, catalog: Catalog, child: bool) -> list[str]:
    """CREATE TABLE with its columns, keys and checks, and what has to be said afterwards; foreign keys and indexes are
    statements of their own. `child`: its parents or its type say what they can.
    """
    name = qualified(*table.address.path)
    columns = catalog.children(table.address, "column", Column)
    lines = [text for c in columns if (text := _column(c, table, catalog, child)) is not None]
    keys = catalog.children(table.address, "primary_key", PrimaryKey)
    late = [k for k in keys if child and _owns_no_not_null(k, catalog)]
    lines += [primary_key_clause(k) for k in keys if k not in late]
    uniques = sorted(catalog.children(table.address, "unique", Unique), key=lambda u: u.address)
    lines += [unique_clause(u) for u in uniques if not repeats(u, catalog)]
    checks = sorted(catalog.children(table.address, "check", Check), key=lambda c: c.address)
    given = [c for c in checks if child and not c.local]
    inside = [
        c for c in checks if (c.validated or not c.enforced or not c.local) and c not in given and not apart(c, catalog)
    ]
    lines += map(check_clause, inside)
    text = f"CREATE {'UNLOGGED ' if table.unlogged else ''}TABLE {name}{_origin(table, child)}"
    body = ",\n".join(f"    {line}" for line in lines)
    if body:
        text += f" (\n{body}\n)"
    elif not child or not (table.partition_of or table.of_type):
        text += " ()"
    made = text + _bound(table, child) + _tail(table, child and _elsewhere(table, catalog))
    after = [s for c in columns for s in _afterwards(c, table, catalog, child)]
    return [made, *after, *(f"ALTER TABLE {name} ADD {primary_key_clause(k)}" for k in late)]


def _owns_no_not_null(key: PrimaryKey, catalog: Catalog) -> bool:
    """Whether a column has its NOT NULL from a parent alone: a key within CREATE TABLE would make it the child's too
    (18, measured).
    """
    columns = (catalog.get(key.address.sibling("column", (*key.address.path[:2], n)), Column) for n in key.columns)
    pairs = ((c, _passed(c, catalog)) for c in columns if c is not None)
    return any(passed is not None and passed.not_null and not c.not_null_local for c, passed in pairs)


def _origin(table: Table, child: bool) -> str:
    if not child:
        return ""
    if table.partition_of is not None:
        return f" PARTITION OF {qualified(*table.partition_of)}"
    return f" OF {qualified(*table.of_type)}" if table.of_type else ""


def _bound(table: Table, child: bool) -> str:
    if child and table.partition_of is not None:
        return f" {table.bound}"
    if child and table.inherits:
        return f" INHERITS ({', '.join(qualified(*p) for p in table.inherits)})"
    return ""


def _elsewhere(table: Table, catalog: Catalog) -> bool:
    """Whether it would be put where its parent is, and is not to be there (CREATE TABLE, parameter TABLESPACE)."""
    parent = inheritance.table_at(catalog, table.address.sibling("table", table.partition_of or ("", "")))
    return parent is not None and parent.tablespace not in ("", table.tablespace)


def _tail(table: Table, elsewhere: bool) -> str:
    text = f" PARTITION BY {table.partition_by}" if table.partition_by is not None else ""
    text += f" USING {ident(table.access_method)}" if table.access_method else ""
    text += storage_options.clause(table.options)
    tablespace = table.tablespace or ("pg_default" if elsewhere else "")
    return text + (f" TABLESPACE {ident(tablespace)}" if tablespace else "")


def _passed(column: Column, catalog: Catalog) -> Column | None:
    found = inheritance.base(column, catalog)
    return found if isinstance(found, Column) else None


def _column(column: Column, table: Table, catalog: Catalog, child: bool) -> str | None:
    """The line of a column; None where the parents say it."""
    column = _with_known_name(column, catalog)
    passed = _passed(column, catalog) if child else None
    if passed is None or (table.inherits and column.local):
        return column_clause(column if passed is None else _beside(column, passed))
    if table.inherits:
        return not_nulls.apart(column) if _own_not_null(column, passed) else None
    words = []
    if column.default is not None and column.default != passed.default:
        words.append(f"DEFAULT {operand(column.default.source)}")
    if column.generated is not None and column.generated != passed.generated:
        words.append(generation(column.generated))
    if _own_not_null(column, passed) and column.not_null_valid and not _in_key(column, catalog):
        words.append(not_nulls.clause(column))
    options = "WITH OPTIONS " if table.of_type else ""
    return f"{ident(column.address.name)} {options}{' '.join(words)}" if words else None


def _waits(column: Column, catalog: Catalog) -> bool:
    """Its children are to get a constraint that is not checked: of one that is there before them they get a checked one
    (measured on 18).
    """
    if column.not_null_valid or not column.not_null:
        return False
    return any(not c.not_null_valid for c in _below(column, catalog))


def _below(column: Column, catalog: Catalog) -> Iterator[Column]:
    """The column in each child."""
    for path in inheritance.children_of(column.table, catalog):
        found = catalog.get(column.address.sibling("column", (*path, column.address.name)), Column)
        if found is not None:
            yield found


def waiting(table: Table, catalog: Catalog) -> list[Column]:
    """Columns whose NOT NULL NOT VALID comes when children are there, so that they have it unchecked."""
    columns = catalog.children(table.address, "column", Column)
    return [c for c in columns if _waits(c, catalog) and ((p := _passed(c, catalog)) is None or _own_not_null(c, p))]


def unchecked_below(table: Table, context: Context) -> bool:
    """Whether a parent that is there passes a NOT NULL on that is not checked here: CREATE TABLE would make a checked
    one of it, so INHERIT comes when the table has its own (measured on 18).
    """
    there = any(not context.creates(table.address.sibling("table", p)) for p in table.inherits)
    columns = context.desired.children(table.address, "column", Column) if there else ()
    unchecked = (c for c in columns if c.not_null and not c.not_null_valid)
    return any((passed := _passed(c, context.desired)) is not None and passed.not_null for c in unchecked)


def unchecked_tables(columns: Iterable[Column], catalog: Catalog) -> list[Address]:
    """The children that such a constraint waits for; the others wait for it."""
    found = (c.address.sibling("table", c.table) for w in columns for c in _below(w, catalog) if not c.not_null_valid)
    return list(dict.fromkeys(found))


def _with_known_name(column: Column, catalog: Catalog) -> Column:
    """With the name of its NOT NULL where that is described: the server chooses another one if a table has that."""
    described = catalog.get(column.address.sibling("comment", ("table", *column.table)), Comment)
    name = not_nulls.name_of(column)
    known = column.not_null and described is not None and ("constraints", name) in {p[:2] for p in described.parts}
    return replace(column, not_null_name=name) if known else column


def _beside(column: Column, passed: Column) -> Column:
    """What is left to say of a column that the child declares too. Before 16 it may not say how it is generated."""
    said = column if _own_not_null(column, passed) else _nullable(column)
    if said.default is None and said.identity is None and passed.default is not None and said.generated is None:
        said = replace(said, default=Expr("NULL"))  # or it would be the parents'
    return replace(said, generated=None) if said.generated == passed.generated else said


def _nullable(column: Column) -> Column:
    return replace(column, not_null=False, not_null_valid=True, not_null_no_inherit=False)


def _own_not_null(column: Column, passed: Column) -> bool:
    return column.not_null and (column.not_null_local or not passed.not_null)


def _in_key(column: Column, catalog: Catalog) -> bool:
    key = catalog.get(column.address.sibling("primary_key", column.table), PrimaryKey)
    return key is not None and column.address.name in key.columns


def _afterwards(column: Column, table: Table, catalog: Catalog, child: bool) -> list[str]:
    name = qualified(*table.address.path)
    passed = _passed(column, catalog) if child else None
    if passed is None or (table.inherits and column.local):
        own = (passed is None or _own_not_null(column, passed)) and not _waits(column, catalog)
        unchecked = not_nulls.unchecked(column, name) if own else []
        return [*unchecked, *column_settings.after_creation(column, name, column_settings.merged(column, passed))]
    start = f"ALTER TABLE {name} ALTER COLUMN {ident(column.address.name)}"
    found = []
    if table.inherits and column.default != passed.default and column.default is not None:
        found.append(f"{start} SET DEFAULT {column.default.source}")
    elif column.default is None and passed.default is not None:
        found.append(f"{start} DROP DEFAULT")
    if column.identity is not None:
        found.append(f"{start} ADD {render_identity(column.identity, column.type)}")
    if _own_not_null(column, passed):
        unchecked = not_nulls.unchecked(column, name)
        usual = table.inherits and not_nulls.apart(_with_known_name(column, catalog)) is None
        found += unchecked or ([f"{start} SET NOT NULL"] if usual else [])
    elif table.inherits and passed.not_null and not column.not_null:
        found.append(f"{start} DROP NOT NULL")
    return found + column_settings.after_creation(column, name, passed)


def settled(table: Table) -> list[str]:
    """What names an index of the table, and so comes once that is there."""
    found = [replica_identity(table)] if table.replica_identity else []
    return found + ([clustered_on(table)] if table.clustered_on else [])
