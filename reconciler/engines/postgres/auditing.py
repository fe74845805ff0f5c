"""What the data that is there would make a plan fail with, asked before anything runs: the probes of its steps.

The steps ask again when their time comes, whatever it takes. Here only what the server expects to be quick is asked,
in a transaction that reads only and waits for nobody; what cannot be asked yet, as of a column that a step before adds,
is left to the step.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import psycopg

from reconciler.engines.postgres.backfill import Backfill
from reconciler.engines.postgres.former_names import FormerNames
from reconciler.engines.postgres.operations import Sql
from reconciler.engines.postgres.quoting import ident, qualified
from reconciler.engines.postgres.type_probes import MADE
from reconciler.model.address import Address
from reconciler.model.engine import Audited, Checked
from reconciler.model.step import Probe, Violations

COST = 100_000.0
"""What a probe may cost by EXPLAIN to be asked beforehand: a table of some 800 MB that is read once."""
PATIENCE = "SET LOCAL lock_timeout = '500ms'; SET LOCAL statement_timeout = '10s'"
SAMPLE = 5
HIDDEN = "row level security hides rows from the connecting role"
_OF_CATALOGS = re.compile(r"\bFROM pg_")
_NEW_VALUES = re.compile(r'ALTER TABLE (?:ONLY )?(.+?) (?:ALTER|ADD) COLUMN ("(?:[^"]|"")+"|\S+) (?!SET|DROP)')
_ROWS = re.compile(r"DROP TABLE |UPDATE |DELETE |INSERT |TRUNCATE ")
"""What else changes a table leaves it its own rows."""


def audit(
    connection: psycopg.Connection[Any], steps: Iterable[Checked], moved: Mapping[Address, Address]
) -> list[Audited]:
    """See `model.engine.Auditing`: certain is what no step before can mend, of those that change values or rows."""
    found: list[Audited] = []
    former = FormerNames(connection, moved)
    changed: set[tuple[str, str]] = set()
    for step in steps:
        for probe in step.probes:
            now = former.asked_now(probe)
            told = Violations(0, ()) if _OF_CATALOGS.search(probe.query) else _asked(connection, now)
            if told.count or told.unknown:
                mended = any(_names(probe, table) and _names(probe, column) for table, column in changed)
                found.append(Audited(now, told, bool(told.count) and not mended))
        changed.update(_changed(step))
    return found


def _names(probe: Probe, name: str) -> bool:
    """Whether it stands in the query by itself: `public.orders` is no part of `public.orders_2024`."""
    return not name or re.search(rf'(?<![\w"$.]){re.escape(name)}(?![\w"$])', probe.query) is not None


def _changed(step: Checked) -> Iterator[tuple[str, str]]:
    """(table, column) of what holds other values after it; no column for a table that may hold other rows."""
    operation = step.operation
    if isinstance(operation, Backfill):
        yield qualified(operation.schema, operation.table), ident(operation.column)
    elif isinstance(operation, Sql):
        yield from ((m[1], m[2]) for m in map(_NEW_VALUES.match, operation.statements) if m)
        if step.address.kind == "table" or operation.batches:
            own = any(map(_ROWS.match, operation.statements)) or operation.batches
            kept = "" if own else qualified(step.address.path[0], step.address.name)
            yield from ((held.on, "") for held in step.locks if held.on != kept)


def _asked(connection: psycopg.Connection[Any], probe: Probe) -> Violations:
    """What it finds, nothing where that cannot be told quickly."""
    try:
        with connection.transaction(force_rollback=True):
            query, refused = _ready(connection, probe)
            if refused:
                return Violations(0, (), refused)
            connection.execute(f"SET TRANSACTION READ ONLY; {PATIENCE}")
            row = connection.execute(f"EXPLAIN (FORMAT JSON) {query}").fetchone()
            if row is not None and row[0][0]["Plan"]["Total Cost"] <= COST:
                return _seeing_all(connection, query)
    except psycopg.Error:
        pass
    return Violations(0, ())


def counted(connection: psycopg.Connection[Any], probe: Probe) -> Violations:
    """How many rows it finds, with the places of the first few: its first column is that. What stands beside it are
    values, which are not for plans and logs (law 9). Raises psycopg.Error.
    """
    with connection.transaction(force_rollback=True):
        query, refused = _ready(connection, probe)
        return Violations(0, (), refused) if refused else _seeing_all(connection, query)


def _ready(connection: psycopg.Connection[Any], probe: Probe) -> tuple[str, str]:
    """The query, with the temporary function made that it may begin with; why the server refused that."""
    function, made, query = probe.query.partition(MADE)
    if not made:
        return probe.query, ""
    try:
        with connection.transaction():
            connection.execute(function + made)
    except psycopg.Error as error:
        return query, f"no temporary function can be made ({error.diag.message_primary})"
    return query, ""


def _seeing_all(connection: psycopg.Connection[Any], query: str) -> Violations:
    """Row level security hides rows that the step would meet. With `row_security` off the server refuses what it would
    have to filter (documentation, 20.11.1); where a right is missing it refuses EXPLAIN too.
    """
    sample = f"(array_agg(place::text))[1:{SAMPLE}]"
    try:
        with connection.transaction():
            connection.execute("SET LOCAL row_security = off")
            row = connection.execute(f"SELECT count(*), {sample} FROM ({query}) found (place)").fetchone()
    except psycopg.errors.InsufficientPrivilege:
        connection.execute(f"EXPLAIN {query}")
        return Violations(0, (), HIDDEN)
    count, places = row or (0, None)
    return Violations(int(count), tuple(places or ()))
