"""NOT NULL of a parent and its children: what they are called, and what a child keeps when its parent gives it up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from reconciler.engines.postgres import not_nulls
from reconciler.engines.postgres.column_names import alter, table_name
from reconciler.engines.postgres.inheritance import children_of, descendants, inherited_from, table_at
from reconciler.engines.postgres.quoting import ident, qualified
from reconciler.errors import UnsupportedChange
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Action, Change
from reconciler.model.kind import Context
from reconciler.model.step import Ref

if TYPE_CHECKING:
    from reconciler.engines.postgres.kinds.column import Column


def names_above(column: Column, catalog: Catalog) -> Iterator[str]:
    """What a child's constraint may be called that it has from its parents alone."""
    for address in inherited_from(column, catalog) if not column.not_null_local else ():
        above = _column(catalog, address)
        if above is not None and above.not_null and not above.not_null_no_inherit:
            yield not_nulls.name_of(above)
            yield from names_above(above, catalog)


def from_above(change: Change[Column], context: Context) -> bool:
    """Whether the live constraint is the parents' alone. Raises UnsupportedChange where it stays so under another name:
    the server renames it with the parent's only.
    """
    if not any(names_above(change.live, context.live)):
        return False
    above = (_column(context.desired, a) for a in inherited_from(change.desired, context.desired))
    if any(c is not None and c.not_null and not c.not_null_no_inherit for c in above):
        raise UnsupportedChange(
            f"{change.address}: its NOT NULL is that of its parent, which alone gives it a name",
            hint="leave the name out",
        )
    return True


def called_otherwise(column: Column, context: Context) -> Iterator[Ref]:
    """Tables below that go and have it under another name: RENAME CONSTRAINT is refused until then. Raises
    UnsupportedChange for one that stays.
    """
    for path in descendants(column.table, context.live):
        below = _column(context.live, column.address.sibling("column", (*path, column.address.name)))
        name = not_nulls.name_of(below) if below is not None and below.not_null_local else None
        if below is None or name is None or name == not_nulls.name_of(column):
            continue
        table = below.address.sibling("table", path)
        if not context.deletes(table):
            raise UnsupportedChange(
                f"{column.address}: its NOT NULL cannot be renamed while {below.address} has it as {name}",
                hint="keep the name",
            )
        yield Ref(table)


def named_below(column: Column, context: Context) -> Iterator[Ref]:
    """Changes of children that get one of their own with a name: it keeps that only if it is there first."""
    for path in descendants(column.table, context.live) if not column.not_null_no_inherit else ():
        change = context.changes.get(column.address.sibling("column", (*path, column.address.name)))
        if change is None or change.action is not Action.UPDATE or not change.changed("not_null"):
            continue
        if getattr(change.after, "not_null_name", None) or getattr(change.after, "not_null_local", None):
            yield Ref(change.address, "require")
            if getattr(change.after, "not_null_valid", False):
                yield Ref(change.address, "validate")


def kept_below(column: Column, context: Context) -> list[Column]:
    """The live columns of children, the uppermost ones, that hold values on when the parent's no longer has to."""
    return [] if column.not_null_no_inherit else list(dict.fromkeys(_kept(column, context)))


def _kept(column: Column, context: Context) -> Iterator[Column]:
    for path in children_of(column.table, context.live):
        address = column.address.sibling("column", (*path, column.address.name))
        live, wanted = _column(context.live, address), _column(context.desired, address)
        if live is None or not live.not_null:
            continue
        if wanted is not None and wanted.not_null:
            yield live
        else:
            yield from _kept(live, context)


def dropping(column: Column, kept: list[Column], context: Context) -> list[str]:
    """DROP NOT NULL, which reaches the children, without those that keep theirs."""
    drop = alter(column, "DROP NOT NULL")
    if context.server.version >= (18,):  # a constraint that is the child's own too stays
        own = [alter(c, "SET NOT NULL") for c in kept if not c.not_null_local]
        return [*own, drop, *(text for c in kept if (text := _renaming(c, column, context)))]
    table = table_at(context.live, column.address)
    if not kept:
        return [drop]
    if table is not None and table.partition_by is not None:  # ONLY is refused
        return [drop, *(alter(c, "SET NOT NULL") for c in kept)]
    below = {(c.table, *descendants(c.table, context.live)) for c in kept}
    staying = {path for paths in below for path in paths}
    others = [p for p in (column.table, *descendants(column.table, context.live)) if p not in staying]
    name = ident(column.address.name)
    return [f"ALTER TABLE ONLY {qualified(*p)} ALTER COLUMN {name} DROP NOT NULL" for p in others]


def _renaming(column: Column, parent: Column, context: Context) -> str | None:
    """A name that somebody chose for the parent's, where the child's is to have another one."""
    wanted, old = _column(context.desired, column.address), not_nulls.name_of(parent)
    if column.not_null_local or wanted is None or old == not_nulls.name_of(wanted):
        return None
    if not_nulls.GIVEN.search(old) and not wanted.not_null_name:
        return None
    return f"ALTER TABLE {table_name(column)} RENAME CONSTRAINT {ident(old)} TO {ident(not_nulls.name_of(wanted))}"


def _column(catalog: Catalog, address: Address) -> Column | None:
    from reconciler.engines.postgres.kinds.column import Column

    return catalog.get(address, Column)
