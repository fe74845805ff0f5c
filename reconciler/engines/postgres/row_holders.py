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

from reconciler.engines.postgres.column_names import alter, label, table_address
from reconciler.engines.postgres.inheritance import descendants, inherited_from
from reconciler.engines.postgres.kinds.check import Check
from reconciler.engines.postgres.kinds.column import Column
from reconciler.engines.postgres.kinds.composite import Composite
from reconciler.engines.postgres.kinds.domain import Domain
from reconciler.engines.postgres.kinds.foreign_key import ForeignKey
from reconciler.engines.postgres.kinds.range import Range
from reconciler.engines.postgres.kinds.statistics import Statistics
from reconciler.engines.postgres.kinds.table import Table
from reconciler.engines.postgres.locks import access_exclusive
from reconciler.engines.postgres.mentions import words
from reconciler.engines.postgres.operations import Sql, sql
from reconciler.engines.postgres.quoting import ident, qualified
from reconciler.engines.postgres.type_names import type_references
from reconciler.engines.postgres.types import is_builtin
from reconciler.errors import UnsupportedChange
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Action, Change
from reconciler.model.hazard import Code, hazard
from reconciler.model.kind import Context
from reconciler.model.resource import Resource
from reconciler.model.step import Draft, Operation, Ref


def held(table: Address, context: Context) -> bool:
    """Whether columns hold rows of the table, before the plan or after it."""
    return any(_holding(table, catalog, context.live) for catalog in (context.live, context.desired))


def around(draft: Draft, starts: Iterable[Address], context: Context, stand_in: str = "") -> Draft:
    """The draft with what hinders it out of its way: it changes these tables, or these domains, all at once.

    `stand_in` is a new column's name: its place is in the rows before they become text. What stands on a column that
    becomes text goes and comes again (`bound`), in the transaction of this draft.
    """
    here = list(starts)
    before = _unique(c for s in here for c in _holding(s, context.live, context.live))
    wanted = _unique(c for s in here for c in _holding(s, context.desired, context.live))
    if not before and not wanted:
        return draft
    draft = replace(draft, requires=(*draft.requires, *_elsewhere(before, wanted, context)))
    if not wanted:
        return draft
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
    out = [s for c in tops for s in _out(c)]
    gone = [f"{table} DROP COLUMN {ident(stand_in)}"] if stand_in else []
    back = [s for c in reversed(tops) for s in _back(c)]
    return sql(*place, *out, *gone, *operation.statements, *back)


def _out(column: Column) -> Iterator[str]:
    if column.default is not None:
        yield alter(column, "DROP DEFAULT")
    yield alter(column, f"TYPE text USING {ident(column.address.name)}::text")


def _back(column: Column) -> Iterator[str]:
    yield alter(column, f"TYPE {column.type} USING {ident(column.address.name)}::{column.type}")
    if column.default is not None:
        yield alter(column, f"SET DEFAULT {column.default.source}")


def _elsewhere(before: list[Column], wanted: list[Column], context: Context) -> Iterator[Ref]:
    """Columns that cease to hold such rows, or begin to, do so before."""
    old, new = {c.address: c.type for c in before}, {c.address: c.type for c in wanted}
    for address in dict.fromkeys((*old, *new)):
        if old.get(address) != new.get(address) and address in context.changes:
            yield Ref(address)


def bound(changes: Mapping[Address, Change[Any]], desired: Catalog, live: Catalog) -> Iterator[tuple[Address, Address]]:
    """(what stands on a column that becomes text, the change for whose sake): plain indexes and keys follow a column to
    another type and back, nothing else does. What names the row type in a default is bound to it as it was.
    """
    for address, change in sorted(changes.items()):
        for start in _rewritten(change, desired, live):
            holders = _holding(start, desired, live)
            for column in holders:
                yield from ((user, address) for user in sorted(_standing_on(column, live)))
            for user in sorted(_users_of(live).get(start, ())) if change.changed("type") else ():
                user_column = live.get(user, Column)
                if user_column is not None and user_column.default is not None and user_column not in holders:
                    yield user, address


def _rewritten(change: Change[Any], desired: Catalog, live: Catalog) -> Iterator[Address]:
    """The tables and domains that a change is refused for while others hold rows or values of them."""
    if change.after is None or (change.before is None and change.address.kind != "column"):
        return
    table = change.address.sibling("table", change.address.path[:2])
    match change.after:
        case Column() as column:
            retyped = change.action is Action.REPLACE or change.changed("type", "collation")
            new = change.before is None and needs_place(column, desired)
            if table in live.resources and (new or (change.before is not None and retyped)):
                yield table
        case Table() if change.changed("unlogged", "access_method"):
            yield table
        case Domain() as domain:
            there = {r for r in change.live.checks if r.validated}
            if (domain.not_null and not change.live.not_null) or {r for r in domain.checks if r.validated} - there:
                yield change.address


def needs_place(column: Column, desired: Catalog) -> bool:
    """Whether the server refuses it as a new column of a table of which others hold rows: it has values at once, or
    rules for them.
    """
    domains = (a for a in type_references(column.address, column.type, desired) if a.kind == "domain")
    return column.identity is not None or column.generated is not None or any(True for _ in domains)


def _standing_on(column: Column, live: Catalog) -> set[Address]:
    here, name = table_address(column), column.address.name
    users = set(_users_of(live).get(column.address, ()))
    users |= {c.address for c in live.children(here, "check", Check) if name in c.columns}
    users |= {k.address for k in live.children(here, "foreign_key", ForeignKey) if name in k.columns}
    users |= {s.address for s in live.of_kind(Statistics) if s.table == column.table and name in _said(s)}
    return {u for u in users if u != column.address and u in live.resources}


def _said(statistics: Statistics) -> set[str]:
    return {word for e in statistics.expressions for word in words(e.source)}


@lru_cache(maxsize=2)
def _users_of(live: Catalog) -> Mapping[Address, list[Address]]:
    found: dict[Address, list[Address]] = {}
    for user, used in live.uses.items():
        for address in used:
            found.setdefault(address, []).append(user)
    return found


def _holding(start: Address, catalog: Catalog, live: Catalog) -> list[Column]:
    """Columns in which values of the type are inside another one: those that hold rows of others' tables come first. Of
    a domain, not the columns that are of it directly; of a table, those of its children's rows too.
    """
    found: dict[Address, None] = {}
    below = descendants(start.path, live) if start.kind == "table" else ()
    for table in (start, *(start.sibling("table", p) for p in below)):
        _walk(table, start.kind != "domain", catalog, found, set())
    columns = (catalog.get(a, Column) for a in found)
    return [c for c in columns if c is not None]


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
