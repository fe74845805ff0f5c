"""Columns that hold rows of a table, or values of a domain, inside their own: they stand in the way of changing those.

Every change that would rewrite the table of the row type is refused: `cannot alter table "a" because column "b.y" uses
its row type` (new types of columns; new columns with a default, an identity, an expression or a domain with
constraints; SET UNLOGGED, SET ACCESS METHOD; of an empty table too). ALTER DOMAIN refuses new constraints in the same
words where the domain is inside an array, a composite or a range (14 to 18, measured; find_composite_type_dependencies
in tablecmds.c). So what such columns hold becomes text, and comes back in the same transaction: the text of a row or an
array says all of it, and is read again by the new types and constraints.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from reconciler.engines.postgres import column_settings
from reconciler.engines.postgres.column_names import alter, label, table_address
from reconciler.engines.postgres.inheritance import descendants, inherited_from
from reconciler.engines.postgres.kinds.column import Column
from reconciler.engines.postgres.kinds.composite import Composite
from reconciler.engines.postgres.kinds.domain import Domain
from reconciler.engines.postgres.kinds.range import Range
from reconciler.engines.postgres.locks import access_exclusive
from reconciler.engines.postgres.operations import Sql, sql
from reconciler.engines.postgres.quoting import ident, qualified
from reconciler.engines.postgres.type_names import type_references
from reconciler.engines.postgres.types import is_builtin
from reconciler.errors import UnsupportedChange
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Change
from reconciler.model.hazard import Code, hazard
from reconciler.model.kind import Context
from reconciler.model.resource import Resource
from reconciler.model.step import Draft, Operation, Ref


def held(table: Address, context: Context) -> bool:
    """Whether columns hold rows of the table, before the plan or after it."""
    return any(holding(table, catalog, context.live) for catalog in (context.live, context.desired))


def around(
    draft: Draft, starts: Iterable[Address], context: Context, stand_in: str = "", of: Address | None = None
) -> Draft:
    """The draft with what hinders it out of its way: it changes these tables, or these domains, all at once.

    `stand_in` is a new column's name: its place is in the rows before they become text. What stands on a column that
    becomes text goes and comes again (`held_columns`), in the transaction of this draft. So does the column itself
    where it stands aside for several changes, of which that of `of`, whose draft this is, may be one.
    """
    here = list(starts)
    before = _unique(c for s in here for c in holding(s, context.live, context.live))
    wanted = _unique(c for s in here for c in holding(s, context.desired, context.live))
    if not before and not wanted:
        return draft
    draft = replace(draft, requires=(*draft.requires, *_elsewhere(before, wanted, context)))
    if not wanted:
        return draft
    changes = [context.changes.get(c.address) for c in wanted]
    if all(c is not None and of in c.causes and only_default(c) for c in changes):
        return replace(draft, provides=True)
    names = ", ".join(dict.fromkeys(qualified(*c.table) for c in wanted))
    why = f"{names}: every row is rewritten twice, for {', '.join(map(label, wanted))} to follow {here[0]}"
    undo = draft.undo
    if undo is not None and not stand_in and here[0].kind != "domain":  # nothing hinders to drop a column, to loosen
        undo = tuple(_inside(u, wanted, context, here[0]) for u in undo)
    return replace(
        draft,
        operation=_inside(draft.operation, wanted, context, here[0], stand_in),
        undo=undo,
        locks=(*draft.locks, *access_exclusive(*dict.fromkeys(c.table for c in wanted))),
        hazards=(*draft.hazards, hazard(Code.REWRITE, why)),
        reads=draft.reads or table_address(wanted[0]),
        provides=True,
    )


def only_default(change: Change[Any]) -> bool:
    """Whether nothing of a column differs, unless it is its default."""
    return {a.name for a in change.attributes} <= {"default"}


def _unique(columns: Iterable[Column]) -> list[Column]:
    return list({c.address: c for c in columns}.values())


def _inside(
    operation: Operation, columns: list[Column], context: Context, start: Address, stand_in: str = ""
) -> Operation:
    if not isinstance(operation, Sql):
        raise UnsupportedChange(f"{start}: its rows are held in {label(columns[0])}, and this takes more than one step")
    tops = [c for c in columns if not any(True for _ in inherited_from(c, context.desired))]
    table = f"ALTER TABLE {qualified(*start.path[:2])}"
    place = [f"{table} ADD COLUMN {ident(stand_in)} text"] if stand_in else []
    out = [s for c in tops for s in out_of(c)]
    gone = [f"{table} DROP COLUMN {ident(stand_in)}"] if stand_in else []
    back = [s for c in reversed(tops) for s in back_to(c)]
    return sql(*place, *out, *gone, *operation.statements, *back)


def out_of(column: Column) -> Iterator[str]:
    """The statements that make it text."""
    if column.default is not None:
        yield alter(column, "DROP DEFAULT")
    yield alter(column, f"TYPE text USING {ident(column.address.name)}::text")


def back_to(column: Column) -> Iterator[str]:
    """The statements that make it of its text what it was."""
    yield alter(column, f"TYPE {column.type} USING {ident(column.address.name)}::{column.type}")
    if column.default is not None:
        yield alter(column, f"SET DEFAULT {column.default.source}")
    yield from column_settings.again(column, column)


def _elsewhere(before: list[Column], wanted: list[Column], context: Context) -> Iterator[Ref]:
    """Columns that cease to hold such rows, or begin to, do so before."""
    old, new = {c.address: c.type for c in before}, {c.address: c.type for c in wanted}
    for address in dict.fromkeys((*old, *new)):
        if old.get(address) != new.get(address) and address in context.changes:
            yield Ref(address)


def needs_place(column: Column, desired: Catalog) -> bool:
    """Whether the server refuses it as a new column of a table of which others hold rows: it has values at once, or
    rules for them.
    """
    domains = (a for a in type_references(column.address, column.type, desired) if a.kind == "domain")
    return column.identity is not None or column.generated is not None or any(True for _ in domains)


@lru_cache(maxsize=64)
def holding(start: Address, catalog: Catalog, live: Catalog) -> tuple[Column, ...]:
    """Columns in which values of the type are inside another one: those that hold rows of others' tables come first. Of
    a domain, not the columns that are of it directly; of a table, those of its children's rows too.
    """
    found: dict[Address, None] = {}
    below = descendants(start.path, live) if start.kind == "table" else ()
    for table in (start, *(start.sibling("table", p) for p in below)):
        _walk(table, start.kind != "domain", catalog, found, set())
    columns = (catalog.get(a, Column) for a in found)
    return tuple([c for c in columns if c is not None])


def _walk(
    used: Address, inside: bool, catalog: Catalog, found: dict[Address, None], seen: set[tuple[Address, bool]]
) -> None:
    for user, part in _users(catalog).get(used, ()):
        deeper = inside or part
        if (user, deeper) in seen:
            continue
        seen.add((user, deeper))
        if user.kind == "column":
            _walk(user.sibling("table", user.path[:2]), True, catalog, found, seen)
            if deeper:
                found[user] = None
        else:
            _walk(user, deeper, catalog, found, seen)


@lru_cache(maxsize=8)
def _users(catalog: Catalog) -> Mapping[Address, list[tuple[Address, bool]]]:
    """Type → what is made of it, and whether its values are parts there, or in arrays."""
    users: dict[Address, list[tuple[Address, bool]]] = {}
    for resource in catalog.resources.values():
        for text, part in _made_of(resource):
            if not is_builtin(text):
                for used in type_references(resource.address, text, catalog):
                    users.setdefault(used, []).append((resource.address, part))
    return {used: sorted(found) for used, found in users.items()}


def _made_of(resource: Resource) -> Iterator[tuple[str, bool]]:
    """The types that a column or a type is made of, each with whether its values are parts only."""
    match resource:
        case Column() | Domain():
            yield resource.type, resource.type.endswith("]")
        case Composite():
            yield from ((a.type, True) for a in resource.attributes)
        case Range():
            yield resource.subtype, True
