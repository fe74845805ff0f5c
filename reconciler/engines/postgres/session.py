"""One connection to one database: the only place of this engine that talks to a server, with its neighbours."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import psycopg

from reconciler.engines.postgres import auditing, catalog_stamp, execution, lease
from reconciler.engines.postgres.canonical import canonicalise
from reconciler.engines.postgres.engine_facts import OLDEST
from reconciler.engines.postgres.grouped import Newcomers
from reconciler.engines.postgres.inspect import inspect, namespaces
from reconciler.engines.postgres.kind import PgKind
from reconciler.engines.postgres.quoting import ident
from reconciler.engines.postgres.rehearsal import rehearsed as rehearse
from reconciler.engines.postgres.trial import tried
from reconciler.errors import ConnectionFailed, StoreError
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.engine import (
    Audited,
    Checked,
    Journalled,
    Limits,
    Progress,
    Rehearsal,
    Rehearsed,
    Scope,
    Server,
    Target,
)
from reconciler.model.step import Operation, Probe, Size, Step, Violations
from reconciler.model.trial import Refused, Trial

CONNECT_SECONDS = 5
# public alone: live text then names everything outside it in full, and what people write inside it stays short
SETTINGS = (
    "SET search_path = public; SET standard_conforming_strings = on; SET timezone = 'UTC'; SET datestyle = 'ISO';"
    " SET intervalstyle = 'postgres'; SET client_min_messages = error; SET statement_timeout = 0;"
    " SET lock_timeout = 0; SET idle_in_transaction_session_timeout = 0; SET extra_float_digits = 1;"
    " SET check_function_bodies = off; SET jit = off; SET max_parallel_workers_per_gather = 0;"
    " SET enable_memoize = off; SET work_mem = '32MB'"
)
"""The last four are for the queries of the catalogs, 15% less CPU at 5000 tables: nothing comes twice there that a
memory would keep, and a sort of all columns fits."""
# what to say where the user lacks a right
READ_RIGHTS = "GRANT SELECT on the table to {user}"
STEP_RIGHTS = "connect as the owner of what changes, or make {user} a member of that role"
JOURNAL_RIGHTS = (
    "the schema reconcile of this database holds it: GRANT CREATE ON DATABASE {database} TO {user} lets it be made;"
    " one that is there has to belong to {user}, or to a role that {user} is a member of"
)
_SAID = re.compile(
    r"(?:connection failed: )?connection to server at .*? failed: (?:FATAL: +)?(.*?)(?: Is the server .*)?"
)
_PARAMETER = re.compile(r'(?:invalid URI query parameter: |invalid connection option )("\w+")')
# a table that was never analysed has -1 reltuples; of a foreign one the server knows nothing
_SIZES = """
    WITH RECURSIVE asked (oid) AS (
        SELECT c.oid FROM unnest(%s::text[], %s::text[]) w (schema, name)
        JOIN pg_namespace n ON n.nspname = w.schema JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = w.name
        UNION SELECT i.inhrelid FROM asked a JOIN pg_inherits i ON i.inhparent = a.oid
    ), tree (top, oid) AS (
        SELECT oid, oid FROM asked
        UNION SELECT t.top, i.inhrelid FROM tree t JOIN pg_inherits i ON i.inhparent = t.oid
    ), part AS (
        SELECT t.top, t.oid, CASE WHEN c.relkind = 'f' THEN -1
            WHEN c.relkind = 'p' OR pg_relation_size(t.oid) = 0 THEN 0 ELSE c.reltuples END AS rows
        FROM tree t JOIN pg_class c ON c.oid = t.oid
    )
    SELECT n.nspname, c.relname, (CASE WHEN min(rows) < 0 THEN -1 ELSE sum(rows) END)::bigint,
        sum(pg_total_relation_size(p.oid))
    FROM part p JOIN pg_class c ON c.oid = p.top JOIN pg_namespace n ON n.oid = c.relnamespace GROUP BY 1, 2"""


@contextlib.contextmanager
def connect(target: Target, kinds: Mapping[str, PgKind[Any]]) -> Iterator[PostgresSession]:
    """A session with the target's database. Raises ConnectionFailed without the password in the message."""
    connection = connected(target)
    try:
        server = _server(connection)
        connection.execute(SETTINGS)
        yield PostgresSession(connection, target, kinds, server)
    finally:
        connection.close()


def connected(target: Target) -> psycopg.Connection[Any]:
    """A bare connection. Raises ConnectionFailed without the password in the message."""
    parameters = dict(target.connection)
    create = parameters.pop("create_database", "") == "true"
    try:
        return _open(parameters)
    except psycopg.ProgrammingError as error:
        raise _not_understood(target, error) from None
    except psycopg.OperationalError as error:
        if create and "does not exist" in str(error):
            _create_database(parameters)
            return _open(parameters)
        raise _refused(target, error) from None


def _open(parameters: Mapping[str, str]) -> psycopg.Connection[Any]:
    said = dict(parameters)
    return psycopg.connect(
        said.pop("dsn", ""),
        autocommit=True,
        connect_timeout=CONNECT_SECONDS,
        application_name="reconcile",
        **said,  # type: ignore[arg-type]  # connection words of libpq
    )


def _create_database(parameters: Mapping[str, str]) -> None:
    with _open({**parameters, "dbname": "postgres"}) as admin, contextlib.suppress(psycopg.errors.DuplicateDatabase):
        admin.execute(f"CREATE DATABASE {ident(parameters['dbname'])}")


def _refused(target: Target, error: psycopg.OperationalError) -> ConnectionFailed:
    text = " ".join(str(error).split())
    password = target.connection.get("password")
    if password:
        text = text.replace(password, "***")
    where = target.label or target.name
    if "password authentication" in text or "no password supplied" in text:
        return ConnectionFailed(
            f"{where}: the server refuses the user or the password", hint="check both; the server does not say which"
        )
    if "does not exist" in text:
        return ConnectionFailed(
            f"{where}: {text.rpartition('FATAL:')[2].strip()}", hint="create it, or name another one"
        )
    said = _SAID.fullmatch(text)
    return ConnectionFailed(
        f"{where}: cannot connect: {said[1] if said else text}", hint="is the server running and reachable?"
    )


def _not_understood(target: Target, error: psycopg.ProgrammingError) -> ConnectionFailed:
    """libpq may quote any part of what it cannot read, a password too; the name of a parameter is told."""
    named = _PARAMETER.search(str(error))
    what = f"there is no parameter {named[1]}" if named else "libpq cannot read it"
    return ConnectionFailed(
        f"{target.label or target.name}: the connection is not written as it should be: {what}",
        hint="write postgresql://USER@HOST:5432/DATABASE, and % signs and others in a password as %25",
    )


def _server(connection: psycopg.Connection[Any]) -> Server:
    number = connection.info.server_version
    version = (number // 10000, number % 10000)
    if version[0] < OLDEST:
        raise ConnectionFailed(f"PostgreSQL {version[0]} is not supported", hint=f"{OLDEST} is the oldest that is")
    return Server("PostgreSQL", version)


class PostgresSession:
    """Implements `model.engine.Session`."""

    def __init__(
        self, connection: psycopg.Connection[Any], target: Target, kinds: Mapping[str, PgKind[Any]], server: Server
    ) -> None:
        self.connection = connection
        self.target = target
        self.kinds = kinds
        self.server = server
        self._newcomers = Newcomers()
        self._taken: set[Address] = set()

    @property
    def _journal_key(self) -> str:
        return f"{self.target.service}@{self.target.environment}"

    def inspect(self, scope: Scope) -> Catalog:
        """Everything in scope: one query for the schemas, then one pipeline."""
        with store_errors(self.connection, "the catalogs cannot be read"):
            wanted = namespaces(self.connection, scope)
            return inspect(self.connection, self.kinds, self.target.service, self.server.version[0], wanted)

    def stamp(self) -> str:
        """See `catalog_stamp.taken`."""
        with store_errors(self.connection, "the catalogs cannot be read"):
            return catalog_stamp.taken(self.connection)

    def moment(self) -> str:
        """See `catalog_stamp.moment`."""
        with store_errors(self.connection, "the catalogs cannot be read"):
            return catalog_stamp.moment(self.connection)

    def canonicalise(self, desired: Catalog, live: Catalog) -> Catalog:
        """See `canonical.canonicalise`."""
        self._taken.clear()
        return canonicalise(self.connection, self.kinds, desired, live, self.server, self._taken)

    @contextlib.contextmanager
    def rehearsed(self, rehearsal: Rehearsal) -> Iterator[Rehearsed]:
        """See `rehearsal.rehearsed`. Raises StoreError where the role does not own the schemas, or may create none."""
        with contextlib.ExitStack() as stack:
            with store_errors(self.connection, "the renames cannot be tried out beside the real things"):
                told = stack.enter_context(
                    rehearse(self.connection, self.kinds, self.target.service, self.server.version[0], rehearsal)
                )
            yield told

    def tried(self, trial: Trial) -> list[Refused]:
        """See `trial.tried`."""
        return tried(self.connection, self.kinds, trial, self._taken)

    def measure(self, addresses: Iterable[Address]) -> Mapping[Address, Size]:
        """Row estimates and total sizes of tables, with what inherits from them or is a partition, and of each of
        these by itself; 0 rows only where none of them has a page, which is no estimate.
        """
        tables = [a for a in addresses if a.kind == "table"]
        found = self.connection.execute(_SIZES, ([a.path[0] for a in tables], [a.path[1] for a in tables])).fetchall()
        like = tables[0] if tables else None
        return {like.sibling("table", (s, n)): Size(int(rows), int(total)) for s, n, rows, total in found if like}

    def probe(self, probe: Probe) -> Violations:
        """Count what the query finds, with the first few for the report."""
        with store_errors(self.connection, "a check before the step failed", READ_RIGHTS):
            return auditing.counted(self.connection, probe)

    def audit(self, steps: Iterable[Checked], moved: Mapping[Address, Address]) -> list[Audited]:
        """See `auditing.audit`."""
        return auditing.audit(self.connection, steps, moved)

    def execute(self, operation: Operation, limits: Limits, progress: Progress, journal: Mapping[str, Any]) -> None:
        """See `execution.execute`; the journal entries commit with the step where it has a transaction."""
        with store_errors(
            self.connection,
            "the step failed",
            "connect as the owner of what changes, or make {user} a member of that role",
        ):
            execution.execute(
                self.connection,
                operation,
                limits,
                progress,
                lambda: lease.write(self.connection, self._journal_key, journal),
            )

    def execute_first(
        self, steps: Sequence[Step], limits: Limits, begin: Callable[[Step], None], journal: Journalled
    ) -> int:
        """`model.engine.Grouping`: creations that lock nothing but what is new, with their entry in the journal."""
        group = self._newcomers.first(steps)

        def note(step: Step) -> None:
            lease.write(self.connection, self._journal_key, journal(step))

        return self._newcomers.run(self.connection, group, limits, begin, note) if group else 0

    def exclusive(self, holder: str) -> AbstractContextManager[None]:
        """The applier's advisory lock on this service in this database."""
        return lease.exclusive(self.connection, self._journal_key, holder)

    def journal(self) -> Mapping[str, Any]:
        """All entries of this service and environment."""
        with store_errors(self.connection, "the journal cannot be read", JOURNAL_RIGHTS):
            return lease.read(self.connection, self._journal_key)

    def record(self, entries: Mapping[str, Any]) -> None:
        """Write entries; None deletes."""
        with store_errors(self.connection, "the journal cannot be written", JOURNAL_RIGHTS):
            lease.write(self.connection, self._journal_key, entries)


@contextlib.contextmanager
def store_errors(connection: psycopg.Connection[Any], what: str, rights: str = "") -> Iterator[None]:
    """Server errors as StoreError; `rights` is the hint where the user lacks one.

    Details of integrity errors hold values of rows and stay out (law 9).
    """
    try:
        yield
    except psycopg.Error as error:
        primary = error.diag.message_primary or " ".join(str(error).split())
        state = f" [{error.sqlstate}]" if error.sqlstate else ""
        detail = error.diag.message_detail if not (error.sqlstate or "").startswith("23") else None
        text = f"{what}: {primary}{state}" + (f"; {' '.join(detail.split())}" if detail else "")
        hint = error.diag.message_hint
        if hint is None and rights and isinstance(error, psycopg.errors.InsufficientPrivilege):
            info = connection.info
            hint = rights.format(user=ident(info.user), database=ident(info.dbname))
        raise StoreError(text, hint=hint) from None
