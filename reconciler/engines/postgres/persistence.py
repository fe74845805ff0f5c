"""Logged and unlogged tables, and the foreign keys between them: a logged table may refer to logged ones only.

PostgreSQL documentation, CREATE TABLE, "UNLOGGED", and ALTER TABLE, "SET LOGGED"; the server refuses the rest (42P16).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from reconciler.engines.postgres.kinds.foreign_key import ForeignKey
from reconciler.engines.postgres.kinds.table import Table
from reconciler.engines.postgres.quoting import dotted
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Change
from reconciler.model.kind import Context
from reconciler.model.resource import Resource
from reconciler.model.step import Ref

SLOT = "logged"
"""The draft that changes it."""


def set_aside(
    changes: Mapping[Address, Change[Any]], desired: Catalog, live: Catalog
) -> Iterator[tuple[Address, Address]]:
    """(foreign key, table): keys in whose circle no table can change first. They go and come again, in one transaction
    with all these tables: of each circle those that point against the order of the names.
    """
    tables = {a: c for a, c in changes.items() if a.kind == "table" and c.changed("unlogged") and c.before is not None}
    first: dict[Address, dict[Address, list[Address]]] = {}
    for key in live.of_kind(ForeignKey) if len(tables) > 1 else ():
        for address, change in tables.items():
            other = _other(key, change)
            if other in tables and key.address in desired.resources:
                first.setdefault(address, {}).setdefault(other, []).append(key.address)
    for address, before in first.items():
        for other in sorted(before):
            if other > address and address in _reached(other, first):
                yield from ((key, cause) for key in before[other] for cause in (address, other))


def in_circle(change: Change[Table], context: Context) -> bool:
    """Whether keys are set aside for its sake: then it is one with what takes them away and brings them back. Else
    nothing has to wait for it.
    """
    return any(change.address in c.causes for c in context.changes.values() if c.address.kind == "foreign_key")


def _reached(start: Address, first: Mapping[Address, Mapping[Address, Any]]) -> set[Address]:
    found = {start}
    queue = [start]
    for table in queue:
        new = first.get(table, {}).keys() - found
        found |= new
        queue += new
    return found


def before_change(change: Change[Table], context: Context) -> tuple[Ref, ...]:
    """What goes before a table is made logged or unlogged: keys that would forbid it go, and of two tables that change
    together that one first which leaves no logged one referring to an unlogged one.
    """
    found: set[Ref] = set()
    for key in [*context.live.of_kind(ForeignKey), *context.desired.of_kind(ForeignKey)]:
        other, own = _other(key, change), context.changes.get(key.address)
        if other is None or (own is not None and change.address in own.causes):
            continue  # what is set aside goes and comes again with the table
        if own is not None and own.before is not None and not _speaks(own.after, change):
            found.update(Ref(a) for a in (key.address, _table(key.address)) if a in context.changes and a != other)
            found.update(Ref(a) for a in (other,) if context.deletes(a) and a in context.changes)
        else:
            found.update(_changed(other, context, change.desired.unlogged))
    return tuple(sorted(found, key=lambda ref: ref.address))


def _speaks(key: Resource | None, change: Change[Table]) -> bool:
    return isinstance(key, ForeignKey) and _other(key, change) is not None


def _other(key: ForeignKey, change: Change[Table]) -> Address | None:
    """The table at the other end of a key that speaks against the change: a key to what becomes unlogged, or of what
    becomes logged."""
    own, here = _table(key.address), change.address
    referred = key.address.sibling("table", key.table)
    near, far = (referred, own) if change.desired.unlogged else (own, referred)
    return far if near == here and far != here else None


def before_key(change: Change[ForeignKey], context: Context) -> tuple[Ref, ...]:
    """What goes before a key is added that the tables, as they are now, may not have."""
    key = change.desired
    own, other = _table(key.address), key.address.sibling("table", key.table)
    table, referred = context.live.get(own, Table), context.live.get(other, Table)
    if referred is None or not referred.unlogged:
        return ()
    logged = not (table or context.desired.get(own, Table) or referred).unlogged
    return tuple(ref for a in (own, other) for ref in _changed(a, context, a == own)) if logged else ()


def check(catalog: Catalog) -> Iterator[tuple[Address, str, str]]:
    """Keys of logged tables to unlogged ones: (address, message, hint)."""
    for key in catalog.of_kind(ForeignKey):
        table, referred = (
            catalog.get(key.address.sibling("table", p), Table) for p in (key.address.path[:2], key.table)
        )
        if table is not None and referred is not None and referred.unlogged and not table.unlogged:
            message = f"{key.address} refers to {dotted(*key.table)}, which is unlogged, and its table is not"
            yield key.address, message, "declare both unlogged, or neither: rows of an unlogged table end with a crash"


def _table(address: Address) -> Address:
    return address.sibling("table", address.path[:2])


def _changed(table: Address, context: Context, unlogged: bool) -> Iterator[Ref]:
    """The draft by which a table that stays is made unlogged, or logged."""
    change = context.changes.get(table)
    stays = change is not None and change.before is not None and change.changed("unlogged")
    if change is not None and stays and isinstance(change.after, Table) and change.after.unlogged is unlogged:
        yield Ref(table, SLOT)
