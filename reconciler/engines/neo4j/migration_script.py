"""A versioned migration: statements that run once, in their order, each noted in the graph together with what it did.

Statements of data run in one transaction with the note, so each takes effect exactly once. A schema statement cannot
share a transaction with data, nor can `CALL { } IN TRANSACTIONS` (the server says so when it is asked): these are noted
right after, and are repeated when something dies in between. A schema statement that is repeated finds its work done.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.engines.neo4j import schema_statement
from reconciler.engines.neo4j.batches import record_key
from reconciler.engines.neo4j.connection import Connection, pause, transient, translated
from reconciler.engines.neo4j.journal import Journal
from reconciler.engines.neo4j.render import shortened
from reconciler.errors import StalePlan, StoreError
from reconciler.model.engine import Limits, Progress

_NOT_WITH_DATA = "Neo.ClientError.Transaction.ForbiddenDueToTransactionType"
_NOT_IN_TRANSACTIONS = ("IN TRANSACTIONS", "transactional subquery")
_AGAIN = 5
"""Attempts after deadlocks and the like."""


@dataclass(frozen=True, slots=True)
class Migration:
    """`name`: V001__roles. `checksum`: of its statements, comments and white space left out."""

    name: str
    checksum: str
    statements: tuple[str, ...]

    @property
    def partial(self) -> bool:
        """`model.step.Partial`: some of its statements may have run, and nothing takes them back."""
        return True

    def encode(self) -> dict[str, Any]:
        """Plan-file fields."""
        return {"migration": {"name": self.name, "checksum": self.checksum, "statements": list(self.statements)}}

    def lines(self) -> list[str]:
        """The statements, as cypher-shell takes them."""
        return [line for statement in self.statements for line in f"{statement};".split("\n")]


def decode(fields: Mapping[str, Any]) -> Migration:
    """The inverse of `Migration.encode`. Raises StalePlan where the fields are not readable."""
    try:
        said = fields["migration"]
        return Migration(said["name"], said["checksum"], tuple(map(str, said["statements"])))
    except (KeyError, TypeError) as error:
        raise StalePlan(f"a migration of the plan is not readable: {error}", hint="make the plan again") from error


def parse(connection: Connection, migration: Migration) -> None:
    """Let the server read every statement, and run none. Raises StoreError for one that is no Cypher."""
    import neo4j.exceptions

    for number, text in enumerate(migration.statements, 1):
        doing = f"reading statement {number} of the migration {migration.name}"
        try:
            with translated(doing), connection.driver.session(database=connection.database) as session:
                session.run(f"EXPLAIN {text}").consume()
        except StoreError as error:
            cause = error.__cause__
            if isinstance(cause, neo4j.exceptions.Neo4jError) and cause.code == _SYNTAX:
                raise StoreError(error.message, hint="correct the file, and make the plan again") from cause


_SYNTAX = "Neo.ClientError.Statement.SyntaxError"


def run(
    connection: Connection,
    migration: Migration,
    journal: Journal,
    limits: Limits,
    progress: Progress,
    still_locked: Callable[[], None],
) -> dict[str, Any]:
    """Run what is not noted as done; gives the entries that say all of it is. Raises StoreError."""
    key = record_key("migration", migration.name)
    begun = journal.read().get(key) or {}
    if begun and begun["checksum"] != migration.checksum:
        raise StoreError(
            f"the migration {migration.name} was begun with another text, and {begun['done']} statements of it ran",
            hint="give it that text again, apply, and put what is new into a migration of its own",
        )
    for number in range(int(begun.get("done", 0)), len(migration.statements)):
        still_locked()
        note = {key: {"checksum": migration.checksum, "done": number + 1, "finished": False}}
        _statement(connection, migration.statements[number], journal, note, limits, progress)
        progress(f"{migration.name}: statement {number + 1} of {len(migration.statements)}")
    return {key: {"checksum": migration.checksum, "done": len(migration.statements), "finished": True}}


def _statement(
    connection: Connection,
    text: str,
    journal: Journal,
    note: Mapping[str, Any],
    limits: Limits,
    progress: Progress,
) -> None:
    import neo4j.exceptions

    doing = f"running {shortened(' '.join(text.split()), 200)}"
    with translated(doing):
        try:
            _with_note(connection, text, journal, note)
            return
        except neo4j.exceptions.Neo4jError as error:
            code, said = error.code or "", error.message or ""
            if code != _NOT_WITH_DATA and not any(words in said for words in _NOT_IN_TRANSACTIONS):
                raise
            schema = code == _NOT_WITH_DATA
    if schema:
        schema_statement.run(connection, text, {}, limits, progress)
    else:
        connection.rows(text, doing)
    journal.write(note)


def _with_note(connection: Connection, text: str, journal: Journal, note: Mapping[str, Any]) -> None:
    for attempt in range(_AGAIN):
        try:
            with (
                connection.driver.session(database=connection.database) as session,
                session.begin_transaction() as transaction,
            ):
                query, parameters = journal.writing(note)
                transaction.run(text).consume()
                transaction.run(query, parameters).consume()
                transaction.commit()
            return
        except Exception as error:
            if not transient(error) or attempt == _AGAIN - 1:
                raise
            pause(attempt)
