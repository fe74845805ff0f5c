"""The constraint that NOT NULL is from PostgreSQL 18 on: it has a name, and may stay with the parent."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from reconciler.engines.postgres.column_names import alter, label, table_address, table_name
from reconciler.engines.postgres.evidence import shows
from reconciler.engines.postgres.locks import access_exclusive, share_update_exclusive
from reconciler.engines.postgres.operations import Sql, sql
from reconciler.engines.postgres.quoting import fitting, ident
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Change
from reconciler.model.hazard import Code, Hazard, hazard
from reconciler.model.kind import Context
from reconciler.model.step import Check, Draft, Phase, Probe, Ref

if TYPE_CHECKING:
    from reconciler.engines.postgres.kinds.column import Column

GIVEN = re.compile(r"_not_null\d*$")
"""How the names end that the server gives (heap.c, AddRelationNotNullConstraints)."""

ATTRIBUTES = ("not_null", "not_null_valid", "not_null_no_inherit", "not_null_name")
"""Those of a column that are about it."""

UNLIKE_PARENTS = {"validated": True}
"""What a child says that has the parents' constraint, though checked in its own rows alone."""


def usual(path: tuple[str, ...]) -> str:
    """What the server calls it where that is free; `path` is (schema, table, column)."""
    return fitting(path[1], path[2], suffix="_not_null")


def chosen(name: str, path: tuple[str, ...]) -> str:
    """The name, "" where it is the usual one."""
    return "" if name == usual(path) else name


def lower(node: Any, path: tuple[str, ...]) -> dict[str, Any]:
    """The node of `not_null` → the fields of the column but the first; `path` is (schema, table, column)."""
    said: Mapping[str, Any] = node if isinstance(node, Mapping) else {}
    return {
        "not_null_valid": bool(said.get("validated", True)),
        "not_null_no_inherit": bool(said.get("no_inherit", False)),
        "not_null_name": chosen(said["name"], path) if "name" in said else "",
        "not_null_local": bool(node) and node != UNLIKE_PARENTS,
    }


def passes(column: Column | None) -> bool:
    """Whether children have it too."""
    return column is not None and column.not_null and not column.not_null_no_inherit


def passed_on(column: Column) -> dict[str, Any]:
    """What a child gets of a parent's constraint. Its name there is the server's, and cannot be changed."""
    return {
        "not_null": passes(column),
        "not_null_valid": column.not_null_valid or not passes(column),
        "not_null_no_inherit": False,
        "not_null_name": "",
        "not_null_local": False,
    }


def joined(first: Column, second: Column) -> dict[str, Any]:
    """What two parents pass on together: checked where either is."""
    if not (first.not_null and second.not_null):
        one = first if first.not_null else second
        return {"not_null": one.not_null, "not_null_valid": one.not_null_valid}
    return {"not_null_valid": first.not_null_valid or second.not_null_valid}


def of_its_own(column: Column) -> dict[str, Any]:
    """What a child says of the constraint itself."""
    return {n: getattr(column, n) for n in ("not_null_valid", "not_null_no_inherit", "not_null_name")}


def name_of(column: Column) -> str:
    """The name in full."""
    return column.not_null_name or usual(column.address.path)


def called(name: str, table: Address, catalog: Catalog) -> Column | None:
    """The column of a table whose constraint has a name, its own or that of a parent."""
    from reconciler.engines.postgres.inherited_not_nulls import names_above
    from reconciler.engines.postgres.kinds.column import Column

    columns = [c for c in catalog.children(table, "column", Column) if c.not_null]
    return next((c for c in columns if name_of(c) == name), None) or next(
        (c for c in columns if name in names_above(c, catalog)), None
    )


def clause(column: Column) -> str:
    """As CREATE TABLE and ADD COLUMN write it, which know no NOT VALID: see `unchecked`."""
    text = f"CONSTRAINT {ident(column.not_null_name)} NOT NULL" if column.not_null_name else "NOT NULL"
    return text + (" NO INHERIT" if column.not_null_no_inherit else "")


def apart(column: Column) -> str | None:
    """A line of CREATE TABLE for a column that a parent makes (18 and later); None where SET NOT NULL says it all."""
    special = column.not_null_name or column.not_null_no_inherit
    return _line(column) if special and column.not_null_valid else None


def unchecked(column: Column, table: str) -> list[str]:
    """ADD CONSTRAINT … NOT VALID, where rows that were there may have no value; `table` is quoted."""
    return (
        [f"ALTER TABLE {table} ADD {_line(column)} NOT VALID"] if column.not_null and not column.not_null_valid else []
    )


def adding(column: Column, valid: bool = False) -> str:
    """ADD CONSTRAINT, `valid` only of a column that every row has a value in."""
    return f"ALTER TABLE {table_name(column)} ADD {_line(column)}{'' if valid else ' NOT VALID'}"


def _line(column: Column) -> str:
    inherit = " NO INHERIT" if column.not_null_no_inherit else ""
    return f"CONSTRAINT {ident(name_of(column))} NOT NULL {ident(column.address.name)}{inherit}"


def said(column: Column) -> dict[str, Any]:
    """What a declaration says of the constraint beside that it is there."""
    node: dict[str, Any] = {"name": column.not_null_name} if column.not_null_name else {}
    node |= {"no_inherit": True} if column.not_null_no_inherit else {}
    return node | ({} if column.not_null_valid else {"validated": False})


def lift(column: Column) -> Any:
    """The node of `not_null`."""
    return said(column) or column.not_null


def lift_unlike(column: Column, passed: Column | None) -> dict[str, Any]:
    """The node of a child whose constraint is its parents' alone and not what they say of it; {} where it is."""
    inherited = passed is not None and column.not_null and passed.not_null and not column.not_null_local
    if not inherited or passed is None or column.not_null_valid == passed.not_null_valid:
        return {}
    return {"not_null": UNLIKE_PARENTS if column.not_null_valid else {"validated": False}}


def adopts(declared: Column, live: Column) -> Column:
    """A name that the server gave under an earlier name of the table or the column is as good as the usual one. What a
    child has by itself beside its parents keeps its name as long as they have theirs.
    """
    if declared.not_null and live.not_null_local and not declared.not_null_local:
        return replace(declared, not_null_name=live.not_null_name)
    own = declared.local or "not_null" in declared.said  # what is the parents' alone will have theirs
    if declared.not_null and own and not declared.not_null_name and GIVEN.search(live.not_null_name):
        return replace(declared, not_null_name=live.not_null_name)
    return declared


def renamed(change: Change[Column], _context: Context) -> bool:
    """It is there before and after, and does not come anew as one that is not checked (`require_of_new_rows`)."""
    anew = change.live.not_null_valid and not change.desired.not_null_valid
    return change.live.not_null and change.desired.not_null and not anew


def rename(change: Change[Column], context: Context) -> list[Draft]:
    """RENAME CONSTRAINT once the name is free; one that only the parents had is renamed where they give it up."""
    from reconciler.engines.postgres.inherited_not_nulls import called_otherwise, from_above
    from reconciler.engines.postgres.names import freed_for_not_null

    if from_above(change, context):
        return []
    waits = (*freed_for_not_null(change.desired, context), *called_otherwise(change.live, context))
    return [renaming(change.desired, name_of(change.live), waits)]


def renaming(column: Column, old: str, requires: tuple[Ref, ...]) -> Draft:
    """RENAME CONSTRAINT: instant, and no query names it (row 8)."""
    new, start = name_of(column), f"ALTER TABLE {table_name(column)} RENAME CONSTRAINT"
    return Draft(
        "not null name",
        Phase.EXPAND,
        f"rename the NOT NULL constraint of {label(column)} to {new}",
        sql(f"{start} {ident(old)} TO {ident(new)}"),
        locks=access_exclusive(column.table),
        done=shows(column.address, ("not_null_name", column.not_null_name)),
        undo=(sql(f"{start} {ident(new)} TO {ident(old)}"),),
        requires=requires,
    )


def require_of_new_rows(change: Change[Column], context: Context) -> Draft:
    """NOT VALID for good: nothing is read. A constraint that was checked comes anew as one that is not."""
    from reconciler.engines.postgres.inherited_not_nulls import named_below
    from reconciler.engines.postgres.names import freed_for_not_null

    column, live = change.desired, change.live
    out = [alter(column, "DROP NOT NULL")] if live.not_null else []
    old = hazard(Code.OLD_WRITERS, f"code that writes no {column.address.name} is refused from here on")
    back = [alter(column, "DROP NOT NULL"), *([adding(live, valid=True)] if live.not_null else [])]
    return Draft(
        "require",
        Phase.CONTRACT,
        f"require a value in new rows of {label(column)} alone",
        sql(*out, *unchecked(column, table_name(column))),
        locks=access_exclusive(column.table),
        hazards=() if live.not_null else (old,),
        done=shows(column.address, ("not_null", True), ("not_null_valid", False)),
        undo=(sql(*back),),
        requires=freed_for_not_null(column, context) if live.not_null else tuple(named_below(column, context)),
    )


def without_value(column: Column, context: Context) -> Probe:
    """Finds rows that have none."""
    from reconciler.engines.postgres.inheritance_changes import rows_of

    return Probe(
        f"rows of {table_name(column)} have no {column.address.name}",
        f"SELECT ctid::text FROM {rows_of(column.address, context)} WHERE {ident(column.address.name)} IS NULL",
    )


def named_for_now(column: Column, context: Context) -> tuple[Column, list[Draft]]:
    """With a name for its NOT NULL that is free by now, and the step that gives it its own once somebody gives that up.

    Nothing waits for that step: a key, say, may have to let go first of the column that has the name.
    """
    from reconciler.engines.postgres.names import freed_for_not_null, spare_for_not_null

    if not column.not_null or context.server.version < (18,):
        return column, []
    held = freed_for_not_null(column, context)
    if column.not_null_name and not held:
        return column, []
    spare = spare_for_not_null(column, context)
    named = replace(column, not_null_name=chosen(spare, column.address.path))
    return named, [replace(renaming(column, spare, held), phase=Phase.CONTRACT, awaited=False)] if held else []


def require(column: Column, nulls: Probe, old: Hazard, context: Context, added: bool) -> list[Draft]:
    """NOT VALID first, and the check of the rows apart, where that is not `added` yet (row 35, 18 and later)."""
    from reconciler.engines.postgres.inherited_not_nulls import named_below

    column, later = (column, []) if added else named_for_now(column, context)
    first = Draft(
        "require",
        Phase.CONTRACT,
        f"require a value in new rows of {label(column)}",
        sql(adding(column)),
        locks=access_exclusive(column.table),
        hazards=(old,),
        probes=(nulls,),
        done=(Check(column.address, attributes=(("not_null", True),)),),
        undo=(sql(alter(column, "DROP NOT NULL")),),
        requires=tuple(named_below(column, context)),
    )
    second = Draft(
        "validate",
        Phase.CONTRACT,
        f"check that every row has {label(column)}",
        validate(column),
        locks=share_update_exclusive(column.table),
        probes=(nulls,) if added else (),
        done=(Check(column.address, attributes=(("not_null", True), ("not_null_valid", True))),),
        undo=_unchecked_again(column, context) if added else (),
        reads=table_address(column),
    )
    return [second] if added else [first, second, *later]


def bequeath(change: Change[Column]) -> Draft:
    """ALTER CONSTRAINT … [NO] INHERIT (18 and later)."""
    column = change.desired
    start = f"ALTER TABLE {table_name(column)} ALTER CONSTRAINT {_name_by_then(column)}"
    words = ("NO INHERIT", "INHERIT") if column.not_null_no_inherit else ("INHERIT", "NO INHERIT")
    return Draft(
        "inherit",
        Phase.CONTRACT,
        f"{'keep' if column.not_null_no_inherit else 'pass'} the NOT NULL of {label(column)} "
        f"{'from' if column.not_null_no_inherit else 'on to'} children",
        sql(f"{start} {words[0]}"),
        locks=access_exclusive(column.table),
        done=shows(column.address, ("not_null_no_inherit", column.not_null_no_inherit)),
        undo=(sql(f"{start} {words[1]}"),),
    )


def _name_by_then(column: Column) -> str:
    """As it is called by the time the step runs: one that nobody declared is renamed before."""
    live = column.facts.not_null_name if column.facts else None
    given = live if live and (GIVEN.search(live) or not column.local) else None
    return ident(column.not_null_name or given or usual(column.address.path))


def validate(column: Column) -> Sql:
    """VALIDATE CONSTRAINT."""
    return sql(f"ALTER TABLE {table_name(column)} VALIDATE CONSTRAINT {_name_by_then(column)}")


def validating(column: Column, parent: Column) -> str:
    """VALIDATE CONSTRAINT of a child's that is its parent's and has its name."""
    return f"ALTER TABLE {table_name(column)} VALIDATE CONSTRAINT {ident(name_of(parent))}"


def _unchecked_again(column: Column, context: Context) -> tuple[Sql, ...] | None:
    """Back to a constraint that only new rows were checked by; one that a parent wants cannot be dropped for that."""
    from reconciler.engines.postgres.inheritance import base

    passed = base(column, context.live)
    if passed is not None and passed.not_null:
        return None
    again = f"ADD CONSTRAINT {_name_by_then(column)} NOT NULL {ident(column.address.name)} NOT VALID"
    return (sql(alter(column, "DROP NOT NULL"), f"ALTER TABLE {table_name(column)} {again}"),)
