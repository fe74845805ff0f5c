"""How the columns of a materialized view are kept: what `column_settings` says of those of a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from reconciler.engines.postgres import column_settings, storage_options
from reconciler.engines.postgres.evidence import shows
from reconciler.engines.postgres.kind import Reader
from reconciler.engines.postgres.locks import access_exclusive, share_update_exclusive
from reconciler.engines.postgres.operations import sql
from reconciler.engines.postgres.quoting import ident
from reconciler.engines.postgres.view_parts import label, name_of
from reconciler.model.change import Change
from reconciler.model.kind import Context
from reconciler.model.step import Draft, Phase

if TYPE_CHECKING:
    from reconciler.engines.postgres.kinds.column import Column
    from reconciler.engines.postgres.kinds.materialized_view import MaterializedView


class Kept(NamedTuple):
    """A column that is not kept as its type has it; the fields are those of a table's column."""

    name: str
    storage: str = ""
    compression: str = ""
    statistics: int = -1
    options: storage_options.Options = ()


SPEC = {
    "type": "object",
    "description": "columns with their storage, compression, statistics and options",
    "additionalProperties": {
        "type": "object",
        "properties": column_settings.SPEC,
        "additionalProperties": False,
        "minProperties": 1,
    },
}


def lower(node: Mapping[str, Any]) -> tuple[Kept, ...]:
    """Names to settings → those that differ from the type's own, by name."""
    found = (Kept(name, **column_settings.lower(said)) for name, said in sorted(node.items()))
    return tuple(k for k in found if k != Kept(k.name))


def lift(kept: tuple[Kept, ...]) -> dict[str, Any]:
    """The inverse."""
    plain = Kept("")._asdict()
    return {
        k.name: {
            n: storage_options.lift(v) if n == "options" else v
            for n, v in k._asdict().items()
            if n != "name" and v != plain[n]
        }
        for k in kept
    }


def read(oid: int, numbers: Mapping[int, str], reader: Reader) -> tuple[Kept, ...]:
    """Of a relation, with the numbers and names of its columns."""
    rows = ((name, reader.lookups.column_settings.get((oid, number))) for number, name in numbers.items())
    return tuple(sorted(Kept(name, **column_settings.read(row)) for name, row in rows if row is not None))


def statements(view: MaterializedView, before: MaterializedView | None = None) -> list[str]:
    """ALTER COLUMN … SET, from the settings of another, or of a new one."""
    start = f"ALTER MATERIALIZED VIEW {name_of(view.address)} ALTER COLUMN"
    old, new = _columns(before), _columns(view, before)
    names = sorted(old.keys() | new.keys())
    pairs = ((n, old.get(n), new.get(n) or _column(view, Kept(n), before)) for n in names)
    return [f"{start} {ident(n)} {a}" for n, was, wanted in pairs for a in column_settings.actions(was, wanted)]


def _columns(view: MaterializedView | None, typed: MaterializedView | None = None) -> dict[str, Column]:
    return {k.name: _column(view, k, typed) for k in view.kept} if view is not None else {}


def _column(view: MaterializedView, kept: Kept, typed: MaterializedView | None) -> Column:
    """As a column of a table would have it; of a live one the type is known."""
    from reconciler.engines.postgres.kinds.column import Column

    types = {o.name: o.type for v in (view, typed) if v is not None for o in v.columns}
    address = view.address.sibling("column", (*view.address.path, kept.name))
    said = {n: v for n, v in kept._asdict().items() if n != "name"}
    return Column(address, types.get(kept.name, ""), **said)


def change(change: Change[MaterializedView], _context: Context) -> list[Draft]:
    """For the rows to come: of the next REFRESH."""
    view, live = change.desired, change.live
    said = statements(view, live)
    light = all(_light(s) for s in said)
    here = change.address.path[0], change.address.path[1]
    names = ", ".join(_differing(change))
    return [
        Draft(
            "columns",
            Phase.EXPAND,
            f"change how columns of materialized view {label(change.address)} are kept: {names}",
            sql(*said),
            locks=(share_update_exclusive if light else access_exclusive)(here),
            done=shows(change.address, ("kept", view.kept)),
            undo=(sql(*statements(live, view)),),
        )
    ]


def _light(statement: str) -> bool:
    return any(word in statement for word in (" SET STATISTICS ", " SET (", " RESET ("))


def _differing(change: Change[MaterializedView]) -> Iterator[str]:
    yield from sorted({k.name for k in {*change.live.kept} ^ {*change.desired.kept}})
