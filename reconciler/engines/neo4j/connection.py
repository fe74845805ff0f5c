"""One driver on one database: queries as rows, transient failures tried again, the driver's errors in our words.

Here and in `schema_statement` the driver is used, imported inside functions: this folder's own name is `neo4j` too.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from reconciler.engines.neo4j.render import dialect, one_line
from reconciler.errors import ConnectionFailed, ReconcileError, StoreError
from reconciler.model.engine import Server, Target

if TYPE_CHECKING:
    from neo4j import Driver

CONNECT_SECONDS = 5.0
ATTEMPTS = 8
OUT_OF_MEMORY = "OutOfMemory"
"""Part of the codes of errors that are called transient and are not."""


class Connection:
    """A driver, the database it is for, and what answers. Safe to use from several threads."""

    def __init__(self, driver: Driver, database: str | None) -> None:
        self.driver = driver
        self.database = database
        self.server = _server(self._once("CALL dbms.components()", {}))
        self.prefix = dialect(self.server.version)

    def rows(self, query: str, doing: str = "reading", **parameters: Any) -> list[dict[str, Any]]:
        """All rows of a query in a transaction of its own, tried again after deadlocks and the like.

        Raises StoreError when the server refuses, ConnectionFailed when it is gone; `doing` says in both what failed.
        """
        with translated(doing):
            return self._retried(f"{self.prefix}{query}", parameters)

    def stream(self, query: str, doing: str) -> Iterator[dict[str, Any]]:
        """The rows of a query one by one, however many there are. Raises what `rows` does, but tries nothing again."""
        with translated(doing), self.driver.session(database=self.database, default_access_mode="READ") as session:
            for record in session.run(f"{self.prefix}{query}"):
                yield dict(record)

    def _retried(self, query: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
        import neo4j.exceptions

        for attempt in range(ATTEMPTS):
            try:
                return self._once(query, parameters)
            except neo4j.exceptions.TransientError as error:
                if not transient(error) or attempt == ATTEMPTS - 1:
                    raise
                pause(attempt)
        raise AssertionError("unreachable")

    def _once(self, query: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
        with self.driver.session(database=self.database) as session:
            # Names are quoted and values are parameters, so the text is safe whatever it is made of.
            return [dict(record) for record in session.run(query, dict(parameters))]


def pause(attempt: int) -> None:
    """Wait before another attempt: longer each time, and never in step with others."""
    time.sleep(min(0.05 * 2**attempt, 2.0) * (0.5 + secrets.randbelow(1000) / 1000))


def transient(error: Exception) -> bool:
    """Whether trying again may help."""
    import neo4j.exceptions

    return isinstance(error, neo4j.exceptions.TransientError) and OUT_OF_MEMORY not in (error.code or "")


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """The driver's errors as ConnectionFailed and StoreError. Neither holds more than the server said."""
    import neo4j.exceptions

    try:
        yield
    except ReconcileError:
        raise
    except neo4j.exceptions.AuthError as error:
        raise ConnectionFailed(
            f"Neo4j refuses the user name or the password ({error.code})",
            hint="set NEO4J_USER and NEO4J_PASSWORD, or name other variables in reconcile.yaml",
        ) from None
    except neo4j.exceptions.Neo4jError as error:
        raise _refused(doing, error) from error
    except (neo4j.exceptions.DriverError, OSError) as error:
        raise ConnectionFailed(
            f"Neo4j does not answer while {doing}: {_cause(error)}",
            hint="is it running, and is the address right?",
        ) from None


def _cause(error: Exception) -> str:
    """The last thing that a chain of the driver's explanations says: `Connection refused`."""
    said = one_line(error)
    found = re.search(r"\(reason (?:\[Errno -?\d+\] )?(.*?)\)$", said)
    return found[1] if found else said


def _refused(doing: str, error: Any) -> ReconcileError:
    code, said = str(error.code or ""), one_line(error.message)
    if code == "Neo.ClientError.Database.DatabaseNotFound":
        return ConnectionFailed(
            f"there is no such database: {said}",
            hint="SHOW DATABASES lists them; leave 'database' out for the user's home database",
        )
    if code == "Neo.ClientError.Security.CredentialsExpired":
        return ConnectionFailed(
            f"Neo4j wants another password first: {said}",
            hint="ALTER CURRENT USER SET PASSWORD, against the database 'system'",
        )
    hint = "grant the user the right to do this" if code.startswith("Neo.ClientError.Security.") else None
    return StoreError(f"Neo4j failed while {doing}: {said} ({code})", hint=hint)


def _server(rows: list[dict[str, Any]]) -> Server:
    kernel = next((row for row in rows if row["name"] == "Neo4j Kernel"), rows[0])
    numbers = kernel["versions"][0].partition("-")[0].split(".")
    return Server("Neo4j", tuple(int(n) for n in numbers if n.isdigit()), kernel["edition"])


@contextmanager
def connected(target: Target) -> Iterator[Connection]:
    """A connection, closed at the end. Raises ConnectionFailed within a few seconds; never with a password in it."""
    from neo4j import GraphDatabase

    uri, auth = _credentials(target)
    doing = f"connecting to {target.label or target.name}"
    with translated(doing):
        driver = GraphDatabase.driver(
            uri,
            auth=auth,
            user_agent="reconcile",
            connection_timeout=CONNECT_SECONDS,
            connection_acquisition_timeout=CONNECT_SECONDS * 2,
            notifications_min_severity="OFF",
        )
    with driver:
        with translated(doing):
            connection = Connection(driver, target.connection.get("database") or None)
        yield connection


def _credentials(target: Target) -> tuple[str, tuple[str, str] | None]:
    """The URI without what a URI should not hold, and user and password from it where the target names none."""
    given = target.connection
    uri = given.get("uri", "")
    try:
        parts = urlsplit(uri)
        user = given.get("user") or unquote(parts.username or "")
        password = given.get("password") or unquote(parts.password or "")
    except ValueError:
        raise ConnectionFailed(
            f"the address of {target.label or target.name} is no URI", hint="write bolt://HOST:7687 or neo4j://HOST"
        ) from None
    if parts.scheme.partition("+")[0] not in ("bolt", "neo4j"):
        raise ConnectionFailed(
            f"Neo4j is not reached through {parts.scheme or 'an address without scheme'!r}",
            hint="write bolt://HOST:7687 or neo4j://HOST:7687, with +s for TLS",
        )
    clean = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    return clean, (user, password) if user or password else None
