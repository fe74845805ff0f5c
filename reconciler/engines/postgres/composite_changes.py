"""How composite types change: attributes by ALTER TYPE where that can be, else a new type (row 84)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from reconciler.engines.postgres import type_conversion
from reconciler.engines.postgres.evidence import became
from reconciler.engines.postgres.kinds.column import Column
from reconciler.engines.postgres.locks import access_exclusive
from reconciler.engines.postgres.names import freed
from reconciler.engines.postgres.operations import sql
from reconciler.engines.postgres.plain_objects import created, dropped
from reconciler.engines.postgres.quoting import ident, qualified
from reconciler.engines.postgres.type_names import type_name
from reconciler.errors import UnsupportedChange
from reconciler.model.address import Address
from reconciler.model.change import Change
from reconciler.model.hazard import Code, Hazard, hazard
from reconciler.model.kind import Context, Disturbance
from reconciler.model.step import Draft, Phase

if TYPE_CHECKING:
    from reconciler.engines.postgres.kinds.composite import Composite


class Attribute(NamedTuple):
    """One attribute. `collation` None is the type's own."""

    name: str
    type: str
    collation: tuple[str, str] | None = None

    def __str__(self) -> str:
        return f"{self.name} {_typed(self)}"


def _typed(attribute: Attribute) -> str:
    return attribute.type + (f" COLLATE {qualified(*attribute.collation)}" if attribute.collation else "")


def statements(composite: Composite, name: str = "") -> list[str]:
    """CREATE TYPE … AS."""
    inside = ", ".join(f"{ident(a.name)} {_typed(a)}" for a in composite.attributes)
    return [f"CREATE TYPE {name or type_name(composite.address)} AS ({inside})"]


def definition(composite: Composite) -> str:
    """The same as one text."""
    return statements(composite)[0]


def create(change: Change[Composite], context: Context) -> list[Draft]:
    """No lock on anything that exists."""
    return [
        created(
            change,
            f"composite {'.'.join(change.address.path)}",
            *statements(change.desired),
            drop=f"DROP TYPE {type_name(change.address)}",
            requires=freed(change, context),
        )
    ]


def drop(change: Change[Composite], _context: Context) -> list[Draft]:
    """RESTRICT: a column that still uses it makes the step fail."""
    return [
        dropped(
            change,
            f"composite {'.'.join(change.address.path)}",
            f"DROP TYPE {type_name(change.address)}",
            *statements(change.live),
            locks=access_exclusive((change.address.path[0], change.address.path[1])),
            hazards=(hazard(Code.OLD_READERS, "code that names the type breaks"),),
        )
    ]


def _kept(change: Change[Composite]) -> list[str]:
    """Names of the attributes on both sides, in the old order."""
    after = {a.name for a in change.desired.attributes}
    return [a.name for a in change.live.attributes if a.name in after]


def _ordered(change: Change[Composite]) -> bool:
    """Whether dropping and appending attributes gives the desired order."""
    kept = _kept(change)
    return [a.name for a in change.desired.attributes[: len(kept)]] == kept


def _retyped(change: Change[Composite]) -> list[tuple[Attribute, Attribute]]:
    before = {a.name: a for a in change.live.attributes}
    return [(before[a.name], a) for a in change.desired.attributes if a.name in before and before[a.name] != a]


def in_place(change: Change[Composite], context: Context) -> bool:
    """ALTER TYPE appends and drops; it gives no attribute another type while a table has a column of it."""
    if not _ordered(change):
        return False
    stored = type_conversion.family(change.address, context)
    return not _retyped(change) or not (type_conversion.columns(stored, context) or stored[1:])


def alter(change: Change[Composite], context: Context) -> list[Draft]:
    """Added in expand; dropped and retyped in contract. Tables of the type get all of it by CASCADE."""
    tables = typed_tables(change, context)
    kept = set(_kept(change))
    added = [a for a in change.desired.attributes if a.name not in kept]
    gone = [a for a in change.live.attributes if a.name not in kept]
    actions = [f"DROP ATTRIBUTE {ident(a.name)}" for a in gone]
    actions += [f"ALTER ATTRIBUTE {ident(a.name)} SET DATA TYPE {_typed(a)}" for _, a in _retyped(change)]
    more = [f"ADD ATTRIBUTE {ident(a.name)} {_typed(a)}" for a in added]
    names = ", ".join(a.name for a in [*gone, *(new for _, new in _retyped(change))])
    breaks = [hazard(Code.OLD_READERS, f"code that reads {names} breaks or meets another type")]
    if gone:
        breaks.insert(0, hazard(Code.DELETES_DATA, f"what {', '.join(a.name for a in gone)} holds is gone"))
    back = [f"DROP ATTRIBUTE {ident(a.name)}" for a in added]
    if actions:
        return [_altered(change, Phase.CONTRACT, [*actions, *more], tuple(breaks), None, tables)]
    return [_altered(change, Phase.EXPAND, more, (), back, tables)]


def typed_tables(change: Change[Any], context: Context) -> list[Address]:
    """The tables of the type before and after whose columns ALTER TYPE … CASCADE changes; where attributes get other
    types, or another order, its tables step aside instead and change by themselves.
    """
    from reconciler.engines.postgres.kinds.table import Table

    if disturbs(change) is Disturbance.DROPS:
        return []
    path = change.address.path
    found = [t.address for t in context.live.of_kind(Table) if t.of_type == path]
    return [
        a for a in found if (new := context.desired.get(a, Table)) and new.of_type == path and not context.creates(a)
    ]


def handed_down(change: Change[Column], context: Context) -> bool:
    """Whether a column of a typed table comes or goes with an attribute of the table's type.

    Raises UnsupportedChange for a new one that is more than the attribute.
    """
    from reconciler.engines.postgres.kinds.table import Table

    table = context.desired.get(change.address.sibling("table", change.address.path[:2]), Table)
    if table is None or table.of_type is None:
        return False
    kind = context.changes.get(change.address.sibling("composite", table.of_type))
    if kind is None or not kind.changed("attributes") or table.address not in typed_tables(kind, context):
        return False
    if change.before is not None and change.after is not None:
        return False
    if change.after is not None and change.after != Column(
        change.address, change.after.type, collation=change.after.collation
    ):
        raise UnsupportedChange(
            f"{change.address} comes with the type of its table and cannot get more in the same plan",
            hint="apply with the attribute alone first, then with what its column has",
            where=context.desired.origin(change.address),
        )
    return True


def _altered(
    change: Change[Composite],
    phase: Phase,
    actions: list[str],
    hazards: tuple[Hazard, ...],
    back: list[str] | None,
    tables: list[Address],
) -> Draft:
    alter, cascade = f"ALTER TYPE {type_name(change.address)}", " CASCADE" if tables else ""
    return Draft(
        "alter",
        phase,
        f"change the attributes of composite {'.'.join(change.address.path)}",
        sql(f"{alter} {', '.join(a + cascade for a in actions)}"),
        locks=access_exclusive(
            (change.address.path[0], change.address.path[1]), *((t.path[0], t.path[1]) for t in tables)
        ),
        hazards=hazards,
        done=became(change),
        undo=None if back is None else (sql(f"{alter} {', '.join(a + cascade for a in back)}"),),
        provides=True,
    )


def convert(change: Change[Composite], context: Context) -> list[Draft]:
    """A new type; every column moved to it, attribute by attribute, or by its text where that is read the same.

    Raises UnsupportedChange for arrays of it otherwise.
    """
    before = {a.name: a for a in change.live.attributes}
    same = list(before) == [a.name for a in change.desired.attributes]

    def by_attribute(column: Column) -> str:
        inside = column.type.endswith("[]") or len(type_conversion.family(change.address, context)) > 1
        if inside and same:
            return type_conversion.by_text(column)
        if inside:
            raise UnsupportedChange(
                f"{change.address}: {column.address} holds it inside another type, so their order cannot change",
                hint="add attributes at the end instead, or declare a new type and move the column to it",
                where=context.desired.origin(change.address),
            )
        name = ident(column.address.name)
        values = [f"({name}).{ident(a.name)}" if a.name in before else "NULL" for a in change.desired.attributes]
        made = f"ROW({', '.join(values)})::{type_name(change.address)}"
        return f"CASE WHEN {name} IS NOT DISTINCT FROM NULL THEN NULL ELSE {made} END"

    breaks = hazard(Code.OLD_READERS, "code that reads its rows meets other attributes")
    return type_conversion.converted(change, context, statements, by_attribute, hazards=(breaks,))


def disturbs(change: Change[Composite]) -> Disturbance:
    """Another order, or another type of an attribute that a table may hold, takes a new type."""
    if not _ordered(change) or _retyped(change):
        return Disturbance.DROPS
    return Disturbance.ALTERS if len(_kept(change)) < len(change.live.attributes) else Disturbance.NONE
