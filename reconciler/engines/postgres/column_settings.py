"""How a column is stored and sampled: storage, compression, statistics target, n_distinct (rows 64 and 65)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from reconciler.engines.postgres import not_nulls, storage_options
from reconciler.engines.postgres.column_names import alter, label
from reconciler.engines.postgres.evidence import became
from reconciler.engines.postgres.locks import access_exclusive, share_update_exclusive
from reconciler.engines.postgres.operations import sql
from reconciler.engines.postgres.quoting import ident, qualified
from reconciler.model.change import Change
from reconciler.model.kind import Context
from reconciler.model.step import Draft, Phase

if TYPE_CHECKING:
    from reconciler.engines.postgres.kinds.column import Column

STORAGE = {"p": "plain", "e": "external", "x": "extended", "m": "main"}
COMPRESSION = {"p": "pglz", "l": "lz4"}
USUAL = "default"
"""The word for what the type or the server says, where a parent says otherwise."""
SPEC: dict[str, Any] = {
    "storage": {"enum": [*STORAGE.values(), USUAL]},
    "compression": {"enum": [*COMPRESSION.values(), USUAL]},
    "statistics": {"type": "integer", "minimum": 0, "maximum": 10000},
    "options": {
        "type": "object",
        "description": "n_distinct and n_distinct_inherited",
        "additionalProperties": {"type": ["integer", "number", "string"]},
    },
}
NAMES = ("storage", "compression", "statistics", "options")


def lower(node: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a column; what is not said is the server's default."""
    return {
        **{n: "" if node.get(n) == USUAL else node.get(n, "") for n in ("storage", "compression")},
        "statistics": node.get("statistics", -1),
        "options": storage_options.lower(node.get("options")),
    }


def lift(column: Column, old: Column) -> dict[str, Any]:
    """What differs from `old`: from what its parents pass on, or from nothing at all."""
    said = {n: getattr(column, n) for n in NAMES if getattr(column, n) != getattr(old, n)}
    node: dict[str, Any] = {n: USUAL if value == "" else value for n, value in said.items()}
    return node | ({"options": storage_options.lift(column.options)} if "options" in node else {})


def read(row: Sequence[str | None]) -> dict[str, Any]:
    """What `lookups.SETTINGS` has of a column → its fields."""
    storage, compression, statistics, *options = row
    return {
        "storage": STORAGE[storage] if storage else "",
        "compression": COMPRESSION[compression] if compression else "",
        "statistics": int(statistics or -1),
        "options": storage_options.read(o for o in options if o is not None),
    }


def _usual(kind: str) -> str:
    """The storage of a type that may have another one (pg_type.typstorage); SET STORAGE DEFAULT came with 16."""
    base = kind.partition("(")[0]
    return {"numeric": "main", "inet": "main", "cidr": "main", "tsquery": "plain"}.get(base, "extended")


def actions(old: Column | None, new: Column) -> list[str]:
    """What ALTER COLUMN takes from one to the other; from a column that was just made where there is no old one."""
    found = []
    if new.storage != (old.storage if old else ""):
        found.append(f"SET STORAGE {(new.storage or _usual(new.type)).upper()}")
    if new.compression != (old.compression if old else ""):
        found.append(f"SET COMPRESSION {new.compression or 'default'}")
    if new.statistics != (old.statistics if old else -1):
        found.append(f"SET STATISTICS {new.statistics}")
    return found + storage_options.actions(old.options if old else (), new.options)


def after_creation(column: Column, table: str, old: Column | None = None) -> list[str]:
    """Statements that CREATE TABLE and ADD COLUMN have no words for, or only on newer servers."""
    name = ident(column.address.name)
    said = [f"ALTER TABLE {table} ALTER COLUMN {name} {a}" for a in actions(old, column)]
    return said if old is not None else [*not_nulls.unchecked(column, table), *said]


def merged(column: Column, passed: Column | None) -> Column:
    """A column that was just made, which took over how that of a parent is stored (MergeAttributes in tablecmds.c)."""
    from dataclasses import replace

    taken = (passed.storage, passed.compression) if passed is not None else ("", "")
    return replace(column, storage=taken[0], compression=taken[1], statistics=-1, options=())


def change(change: Change[Column], context: Context) -> list[Draft]:
    """In place and at once, for the rows to come; partitions and children keep theirs (tablecmds.c)."""
    from reconciler.engines.postgres.inheritance import children_of

    column, live = change.desired, change.live
    table = qualified(*column.table)
    below = (children_of(column.address.path, c) for c in (context.live, context.desired))  # new ones may be there, too
    holder = f"ONLY {table}" if any(below) else table
    if change.changed("type", "collation"):
        live = _as_new(live, column)
        if not actions(live, column):
            return []
    phase = Phase.CONTRACT if change.changed("type", "collation") else Phase.EXPAND  # not before the type
    light = all(a.startswith(("SET STATISTICS", "SET (", "RESET (")) for a in actions(live, column))
    return [
        Draft(
            "settings",
            phase,
            f"change how {label(column)} is kept: {', '.join(n for n in NAMES if change.changed(n))}",
            sql(*after_creation(column, holder, live)),
            locks=(share_update_exclusive if light else access_exclusive)(column.table),
            done=became(change, *(a.name for a in change.attributes if a.name not in NAMES)),
            undo=(sql(*after_creation(live, holder, column)),),
        )
    ]


def _as_new(live: Column, column: Column) -> Column:
    """Another type comes with its own storage and without compression (ALTER TABLE, ALTER COLUMN TYPE)."""
    from dataclasses import replace

    return replace(live, type=column.type, storage="", compression="")


def again(live: Column, column: Column, alone: bool) -> list[str]:
    """What a new type took from the column, though it is declared as before; `alone` spares partitions and children."""
    kept = [n for n in ("storage", "compression") if getattr(live, n) == getattr(column, n) != ""]
    return [alter(column, f"SET {n.upper()} {getattr(column, n)}", alone) for n in kept]
