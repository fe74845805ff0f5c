"""Identity columns: ADD, SET and DROP IDENTITY (row 92 of the online catalogue)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.engines.postgres.column_names import alter, label, table_address, table_name
from reconciler.engines.postgres.column_parts import (
    Identity,
    brought_within,
    following,
    render_identity,
    restarting,
    sequence_name,
    sequence_options,
)
from reconciler.engines.postgres.locks import access_exclusive
from reconciler.engines.postgres.lookups import Named
from reconciler.engines.postgres.operations import sql
from reconciler.engines.postgres.quoting import ident, literal, qualified
from reconciler.model.change import Change
from reconciler.model.hazard import Code, hazard
from reconciler.model.kind import Context
from reconciler.model.step import Check, Draft, Phase

if TYPE_CHECKING:
    from reconciler.engines.postgres.kinds.column import Column


GIVEN = re.compile(r"_seq\d*$")
"""How the names end that the server gives."""


KINDS = {"a": "always", "d": "by_default"}
"""pg_attribute.attidentity → the word."""


def found(kind: str, sequence: Named, table: str, column: str) -> Identity:
    """What was read; the sequence goes by no name where that is the server's own."""
    identity = Identity(KINDS[kind], *sequence)
    return identity._replace(sequence="") if identity.sequence == sequence_name(table, column) else identity


def differs(change: Change[Column], _context: Context) -> bool:
    """Identity is added, taken away or changed."""
    return change.changed("identity")


def takes_identity(change: Change[Column]) -> bool:
    """Whether it becomes an identity column now."""
    return change.before is not None and change.live.identity is None and change.desired.identity is not None


def set_identity(change: Change[Column], context: Context) -> list[Draft]:
    """A new sequence goes on after the highest value; an index on the column finds that at once."""
    column, live = change.desired, change.live
    renaming: list[str] = []
    if live.identity is not None and column.identity is not None and live.identity.sequence != column.identity.sequence:
        renaming = [_renaming(live, column)]
        live = replace(live, identity=live.identity._replace(sequence=column.identity.sequence))
    if live.identity is not None and column.identity == following(live.identity, live.type, column.type):
        return [_renamed(change.live, column)] if renaming else []
    new = live.identity is None
    steady = column.identity is not None and live.not_null and live.type == column.type and live.generated is None
    scans = new and not _led(column, context)
    replaced = new and any(
        context.deletes(column.address.sibling("sequence", s)) for s in _owned_sequences(column, context)
    )
    gone = hazard(Code.OLD_READERS, f"code that calls the sequence of {label(column)} by its name meets another one")
    slow = hazard(Code.SCAN_UNDER_LOCK, f"{table_name(column)} is read from end to end for the highest {label(column)}")
    return [
        Draft(
            "identity",
            Phase.CONTRACT if replaced or renaming or not steady else Phase.EXPAND,
            f"change the identity of {label(column)}",
            sql(*renaming, *_statements(live, column, context)),
            locks=access_exclusive(column.table),
            hazards=(*((slow,) if scans else ()), *((gone,) if replaced or renaming else ())),
            done=(Check(column.address, attributes=(("identity", column.identity),)),),
            reads=table_address(column) if scans else None,
        ),
    ]


def _renaming(live: Column, column: Column) -> str:
    """ALTER SEQUENCE … RENAME: the column keeps to it by number."""
    return f"ALTER SEQUENCE {qualified(column.table[0], _sequence(live))} RENAME TO {ident(_sequence(column))}"


def _renamed(live: Column, column: Column) -> Draft:
    old, new = _sequence(live), _sequence(column)
    return Draft(
        "sequence name",
        Phase.CONTRACT,
        f"rename the sequence of {label(column)} to {new}",
        sql(_renaming(live, column)),
        locks=access_exclusive((column.table[0], old)),
        hazards=(hazard(Code.OLD_READERS, f"code that names the sequence {old} breaks"),),
        done=(Check(column.address, attributes=(("identity", column.identity),)),),
        undo=(sql(_renaming(column, live)),),
    )


def _sequence(column: Column) -> str:
    said = column.identity.sequence if column.identity else ""
    return said or sequence_name(column.table[1], column.address.name)


def adopts(declared: Column, live: Column) -> Column:
    """A name that the server gave under an earlier name of the table or the column is as good as the usual one."""
    if declared.identity is None or live.identity is None or declared.identity.sequence:
        return declared
    if not GIVEN.search(live.identity.sequence):
        return declared
    return replace(declared, identity=declared.identity._replace(sequence=live.identity.sequence))


def _statements(live: Column, column: Column, context: Context) -> list[str]:
    name = ident(column.address.name)
    default = [alter(column, "DROP DEFAULT")] if live.default is not None and column.default is None else []
    if column.identity is None:
        again = [alter(column, f"SET DEFAULT {column.default.source}")] if column.default is not None else []
        return [*default, alter(column, "DROP IDENTITY"), *again]
    if live.identity is None:
        sequence = f"pg_get_serial_sequence({literal(table_name(column))}, {literal(column.address.name)})"
        value = f"coalesce(max({name}), {column.identity.start})"
        return [
            *default,
            *_made_way(column, context),
            alter(column, f"ADD {render_identity(column.identity, column.type)}"),
            f"SELECT setval({sequence}, {value}, max({name}) IS NOT NULL) FROM {table_name(column)}",
        ]
    word = "ALWAYS" if column.identity.generated == "always" else "BY DEFAULT"
    options = " ".join(f"SET {o}" for o in _set_options(sequence_options(column.identity)))
    within = brought_within(qualified(column.table[0], _sequence(column)), live.identity, column.identity)
    return [
        *default,
        *within,
        alter(column, f"SET GENERATED {word} {options}{restarting(live.identity, column.identity)}"),
    ]


def _made_way(column: Column, context: Context) -> Iterator[str]:
    """What a serial column owns goes, so that the new sequence has its usual name; what is declared alone stays."""
    for sequence in _owned_sequences(column, context):
        if context.deletes(column.address.sibling("sequence", sequence)):
            yield f"DROP SEQUENCE {qualified(*sequence)}"
        else:
            yield f"ALTER SEQUENCE {qualified(*sequence)} OWNED BY NONE"


def _owned_sequences(column: Column, context: Context) -> list[tuple[str, str]]:
    """Sequences of a serial column: while it owns them, pg_get_serial_sequence names them, not the identity's own."""
    from reconciler.engines.postgres.kinds.sequence import Sequence

    schema, owner = column.table[0], (column.table[1], column.address.name)
    found = [s.address for s in context.live.of_kind(Sequence) if s.owned_by == owner and s.address.path[0] == schema]
    return sorted((a.path[0], a.path[1]) for a in found)


def _led(column: Column, context: Context) -> bool:
    """Whether a live index begins with the column."""
    from reconciler.engines.postgres.kinds.index import Index
    from reconciler.engines.postgres.kinds.primary_key import PrimaryKey
    from reconciler.engines.postgres.kinds.unique import Unique

    live, here = context.live, table_address(column)
    key = live.get(column.address.sibling("primary_key", column.table), PrimaryKey)
    whole = [i for i in live.children(here, "index", Index) if i.method == "btree" and i.where is None and i.valid]
    first = [i.parts[0].column for i in whole] + [u.columns[0] for u in live.children(here, "unique", Unique)]
    return column.address.name in first or (key is not None and key.columns[0] == column.address.name)


def _set_options(options: str) -> list[str]:
    words = ("START WITH", "INCREMENT BY", "MINVALUE", "MAXVALUE", "CACHE", "NO CYCLE", "CYCLE")
    starts = sorted({options.find(w) for w in words if w in options and not (w == "CYCLE" and "NO CYCLE" in options)})
    return [options[a:b].strip() for a, b in zip(starts, [*starts[1:], len(options)], strict=True)]
