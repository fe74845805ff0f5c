"""How a table is stored: rows 65 to 69 of the online catalogue."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from reconciler.engines.postgres import storage_options
from reconciler.engines.postgres.evidence import became
from reconciler.engines.postgres.index_marks import clustered_on, replica_identity
from reconciler.engines.postgres.inheritance import table_at
from reconciler.engines.postgres.locks import access_exclusive, share_update_exclusive
from reconciler.engines.postgres.operations import sql
from reconciler.engines.postgres.parents_changed import inside
from reconciler.engines.postgres.quoting import ident, qualified
from reconciler.engines.postgres.table_parts import UNTYPED
from reconciler.errors import UnsupportedChange
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Change
from reconciler.model.hazard import Code, hazard
from reconciler.model.kind import Context
from reconciler.model.resource import Resource
from reconciler.model.step import Check, Draft, Phase, Ref

if TYPE_CHECKING:
    from reconciler.engines.postgres.kinds.table import Table

HEAVY = {"user_catalog_table"}
"""Storage parameters of tables that keep readers out while they are set (reloptions.c)."""
HOLDERS = ("index", "unique", "exclusion")


def _label(table: Table) -> str:
    return ".".join(table.address.path)


def _path(table: Table) -> tuple[str, str]:
    return table.address.path[0], table.address.path[1]


def _altered(change: Change[Table], action: str, back: str, slot: str, title: str) -> Draft:
    """An action that rewrites the table."""
    name = qualified(*_path(change.desired))
    partitioned = change.live.partition_by is not None
    rewritten = (hazard(Code.REWRITE, f"{name} is rewritten"),) if not partitioned else ()
    return Draft(
        slot,
        Phase.CONTRACT,
        title,
        sql(f"ALTER TABLE {name} {action}"),
        locks=access_exclusive(_path(change.desired)),
        hazards=rewritten,
        undo=(sql(f"ALTER TABLE {name} {back}"),),
        reads=change.address if rewritten else None,
    )


def _done(draft: Draft, change: Change[Table], *names: str) -> Draft:
    return dataclasses.replace(draft, done=became(change, *(a.name for a in change.attributes if a.name not in names)))


def set_logged(change: Change[Table], context: Context) -> list[Draft]:
    """SET LOGGED / UNLOGGED rewrites the table (measured, row 66)."""
    from reconciler.engines.postgres.persistence import before_change, in_circle
    from reconciler.engines.postgres.row_holders import around

    word, back = ("UNLOGGED", "LOGGED") if change.desired.unlogged else ("LOGGED", "UNLOGGED")
    title = f"make {_label(change.desired)} {word.lower()}"
    draft = _done(_altered(change, f"SET {word}", f"SET {back}", "logged", title), change, "unlogged")
    forgets = hazard(Code.DELETES_DATA, "after a crash of the server the table is empty, on replicas always")
    hazards = (*draft.hazards, forgets) if change.desired.unlogged else draft.hazards
    requires, together = before_change(change, context), in_circle(change, context)
    draft = dataclasses.replace(draft, hazards=hazards, requires=requires, provides=together)
    return [around(draft, [change.address], context, of=change.address)]


def set_access_method(change: Change[Table], context: Context) -> list[Draft]:
    """SET ACCESS METHOD rewrites the table (row 67; 15 and later). Raises UnsupportedChange on 14."""
    if context.server.version < (15,):
        raise UnsupportedChange(
            f"{change.address}: its access method cannot change on {context.server}",
            hint="declare a new table beside it and move the rows",
            where=context.desired.origin(change.address),
        )

    def word(table: Table) -> str:
        return f"SET ACCESS METHOD {ident(table.access_method) if table.access_method else 'heap'}"

    from reconciler.engines.postgres.row_holders import around

    title = f"store {_label(change.desired)} by {change.desired.access_method or 'heap'}"
    draft = _done(_altered(change, word(change.desired), word(change.live), "method", title), change, "access_method")
    return [around(draft, [change.address], context, of=change.address)]


def set_tablespace(change: Change[Table], _context: Context) -> list[Draft]:
    """SET TABLESPACE copies the table (row 67)."""

    def word(table: Table) -> str:
        return f"SET TABLESPACE {ident(table.tablespace or 'pg_default')}"

    title = f"move {_label(change.desired)} to tablespace {change.desired.tablespace or 'pg_default'}"
    return [_done(_altered(change, word(change.desired), word(change.live), "tablespace", title), change, "tablespace")]


def _toasting(change: Change[Table], differ: set[str], context: Context) -> tuple[Ref, ...]:
    """The columns for which the table gets a TOAST table in this plan: until then the server forgets its parameters
    without a word (measured, 14 to 18).
    """
    if not any(name.startswith("toast.") for name in differ) or change.live.toasted is not False:
        return ()
    return tuple(
        Ref(a)
        for a, c in sorted(context.changes.items())
        if a.kind == "column" and a.path[:2] == change.address.path and c.after is not None
    )


def set_options(change: Change[Table], context: Context) -> list[Draft]:
    """Storage parameters: readers and writers go on (row 65)."""
    new, old = change.desired, change.live
    name = f"ALTER TABLE {qualified(*_path(new))}"
    differ = {k for k, _ in {*new.options} ^ {*old.options}}
    return [
        Draft(
            "options",
            Phase.EXPAND,
            f"change the storage parameters of {_label(new)}: {', '.join(sorted(differ))}",
            sql(*(f"{name} {a}" for a in storage_options.actions(old.options, new.options))),
            locks=(access_exclusive if differ & HEAVY else share_update_exclusive)(_path(new)),
            done=became(change, *(a.name for a in change.attributes if a.name != "options")),
            undo=(sql(*(f"{name} {a}" for a in storage_options.actions(new.options, old.options))),),
            requires=_toasting(change, differ, context),
        )
    ]


def index_address(table: Table, name: str, catalog: Catalog) -> Address | None:
    """What brings the index of that name: an index, or a key of the table."""
    for kind in HOLDERS:
        address = table.address.sibling(kind, (*table.address.path, name))
        if address in catalog.resources:
            return address
    key = table.address.sibling("primary_key", table.address.path)
    return key if getattr(catalog.resources.get(key), "name", None) == name else None


def needs(table: Table, context: Context) -> tuple[Ref, ...]:
    """The indexes that the settings of a table name; a partition may name its part of one of a table above it."""
    names = [n for n in (*table.replica_identity[1:], table.clustered_on) if n]
    found = [index_address(table, n, context.desired) for n in names]
    above = table_at(context.desired, table.address.sibling("table", table.partition_of or ("", "")))
    while None in found and above is not None:
        found += [
            r.address
            for kind in ("index", "unique", "primary_key")
            for r in context.desired.children(above.address, kind, Resource)
        ]
        above = table_at(context.desired, table.address.sibling("table", above.partition_of or ("", "")))
    return tuple(Ref(a) for a in dict.fromkeys(found) if a is not None and a in context.changes)


def set_replica_identity(change: Change[Table], context: Context) -> list[Draft]:
    """Instant (row 69)."""
    return [
        Draft(
            "replica identity",
            Phase.EXPAND,
            f"change what of old rows of {_label(change.desired)} goes to replicas",
            sql(replica_identity(change.desired)),
            locks=access_exclusive(_path(change.desired)),
            done=(Check(change.address, attributes=(("replica_identity", change.desired.replica_identity),)),),
            undo=(sql(replica_identity(change.live)),),
            requires=needs(change.desired, context),
        )
    ]


def set_cluster(change: Change[Table], context: Context) -> list[Draft]:
    """The mark for the next CLUSTER; moves no row."""
    return [
        Draft(
            "cluster",
            Phase.EXPAND,
            f"mark what {_label(change.desired)} is to be clustered on",
            sql(clustered_on(change.desired)),
            locks=share_update_exclusive(_path(change.desired)),
            done=(Check(change.address, attributes=(("clustered_on", change.desired.clustered_on),)),),
            undo=(sql(clustered_on(change.live)),),
            requires=needs(change.desired, context),
        )
    ]


def set_type(change: Change[Table], context: Context) -> list[Draft]:
    """NOT OF lets the columns go their own way; OF wants just those of the type, in its order (ALTER TABLE).

    Raises UnsupportedChange where the columns stand in another order.
    """
    from reconciler.engines.postgres import column_order

    live, new = change.live, change.desired
    drafts: list[Draft] = []
    if live.of_type:
        free = dataclasses.replace(live, of_type=None)
        drafts.append(_typed(live, free, UNTYPED, f"make {_label(live)} a table of no type"))
        live = free
    if new.of_type:
        stand = column_order.after(change.address, context.desired, context.live, context.changes)
        if stand != [c.address.name for c in context.desired.children(change.address, "column", Resource)]:
            raise UnsupportedChange(
                f"{change.address} cannot become a table of {new.of_type[1]}: its columns stand as {', '.join(stand)}",
                hint="the server wants the order of the type; make a new table and move the rows over",
                where=context.desired.origin(change.address),
            )
        made = _typed(live, new, "type", f"make {_label(new)} a table of {new.of_type[1]}")
        drafts.append(dataclasses.replace(made, phase=Phase.CONTRACT, requires=inside(change, context)))
    return drafts


def _typed(before: Table, after: Table, slot: str, title: str) -> Draft:
    def of(table: Table) -> str:
        words = f"OF {qualified(*table.of_type)}" if table.of_type else "NOT OF"
        return f"ALTER TABLE {qualified(*_path(table))} {words}"

    return Draft(
        slot,
        Phase.EXPAND,
        title,
        sql(of(after)),
        locks=access_exclusive(_path(after)),
        done=(Check(after.address, attributes=(("of_type", after.of_type),)),),
        undo=(sql(of(before)),),
    )
