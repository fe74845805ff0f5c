"""Keys over periods (18 and later): `WITHOUT OVERLAPS` in keys, `PERIOD` in foreign keys.

Both are about the last column, a range or multirange (CREATE TABLE documentation). Such a key is kept by a GiST index,
which no constraint can take over from CREATE INDEX CONCURRENTLY (ALTER TABLE documentation, USING INDEX).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from reconciler.engines.postgres import partitioned_indexes as parted
from reconciler.engines.postgres.constraint_parts import table_address, table_name
from reconciler.engines.postgres.evidence import became
from reconciler.engines.postgres.inheritance_changes import rows_of
from reconciler.engines.postgres.kinds.extension import Extension
from reconciler.engines.postgres.locks import ACCESS_EXCLUSIVE
from reconciler.engines.postgres.names import freed
from reconciler.engines.postgres.operations import sql
from reconciler.engines.postgres.quoting import columns, ident
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Change
from reconciler.model.hazard import Code, hazard
from reconciler.model.kind import Context, Place
from reconciler.model.step import Check, Draft, Phase, Probe, Ref


def key_columns(names: Sequence[str], without_overlaps: bool) -> str:
    """The columns of a key in parentheses."""
    return columns(names).removesuffix(")") + (" WITHOUT OVERLAPS)" if without_overlaps else ")")


def period_columns(names: Sequence[str], period: bool) -> str:
    """The columns on either side of a foreign key in parentheses."""
    if not period:
        return columns(names)
    return f"({', '.join([*map(ident, names[:-1]), f'PERIOD {ident(names[-1])}'])})"


def lower_without_overlaps(node: Mapping[str, Any], place: Place) -> bool:
    """Raises where there is no column to be equal beside the one that must not overlap."""
    said = bool(node.get("without_overlaps", False))
    if said and len(node["columns"]) < 2:
        message = "a key without overlaps has a column, or more, before the one that must not overlap"
        raise place.fail(message, "list both", "columns")
    return said


def mentions(key: Any, catalog: Catalog) -> Iterable[Address]:
    """Extensions, if it is over periods: one of them may make the plain columns fit for GiST."""
    return (e.address for e in catalog.of_kind(Extension)) if key.without_overlaps else ()


def added(
    change: Change[Any], context: Context, label: str, clauses: tuple[str, str], requires: tuple[Ref, ...] = ()
) -> Draft:
    """The key in one ALTER TABLE, which builds its index while everybody waits; `clauses` are the name of the old key
    to drop in it, or "", and what to add. The way back is the other half of a swap.
    """
    out, wanted = clauses
    key, table = change.desired, table_name(change.address)
    first = f"DROP CONSTRAINT {ident(out)}, " if out else ""
    empty = context.size(table_address(change.address)).rows == 0
    *plain, period = key.columns
    refused = f"a row with the same {columns(plain)} and a {period} that overlaps is refused"
    slow = hazard(Code.SCAN_UNDER_LOCK, f"the index of {label} is built while nobody reads or writes {table}")
    back = f"ALTER TABLE {table} DROP CONSTRAINT {ident(getattr(key, 'name', change.address.name))}"
    return Draft(
        "add",
        Phase.CONTRACT,
        f"add {label}",
        sql(f"ALTER TABLE {table} {first}ADD {wanted}"),
        locks=parted.locked(change.address, context, ACCESS_EXCLUSIVE),
        hazards=(hazard(Code.OLD_WRITERS, refused), *(() if empty else (slow,))),
        probes=(overlaps(key, context),),
        done=became(change) if out else (Check(change.address),),
        undo=None if out else (sql(back),),
        reads=None if empty else table_address(change.address),
        requires=(*freed(change, context), *requires),
        provides=True,
    )


def overlaps(key: Any, context: Context) -> Probe:
    """Finds rows whose period overlaps that of another row with the same values, and empty periods."""
    *plain, period = map(ident, key.columns)
    rows = rows_of(key.address, context)
    same = " AND ".join([*(f"b.{c} = a.{c}" for c in plain), f"b.{period} && a.{period}"])
    values = ", ".join(f"a.{ident(c)}" for c in key.columns)
    return Probe(
        f"rows of {table_name(key.address)} have a {key.columns[-1]} that is empty or overlaps that of another one",
        f"SELECT a.ctid::text, {values} FROM {rows} a WHERE isempty(a.{period})\n"
        f"OR EXISTS (SELECT FROM {rows} b WHERE (b.tableoid, b.ctid) <> (a.tableoid, a.ctid) AND {same})",
    )


def uncovered(period: str, far: str, far_period: str, on: str) -> str:
    """The condition on rows t that all rows of `far` together do not cover their period; NULL where they have none."""
    mine, theirs = f"t.{ident(period)}", f"f.{ident(far_period)}"
    found = f"SELECT range_agg({theirs}) FROM {far} f WHERE {on}{' AND ' if on else ''}{theirs} && {mine}"
    return f"NOT coalesce({mine} <@ ({found}), isempty({mine}))"
