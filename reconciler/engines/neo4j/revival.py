"""A whole graph in a file, taken before it is destroyed, and made again from it in an empty database."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from reconciler.engines.neo4j import batches, schema_statement, snapshot_file
from reconciler.engines.neo4j.connection import Connection
from reconciler.engines.neo4j.keeping import INDEX, MARK, NODE_AGAIN, TIE_AGAIN, nodes_of, ties_of, unmarking
from reconciler.engines.neo4j.kind import OWN, RESTORED
from reconciler.engines.neo4j.renewed import Renewed
from reconciler.engines.neo4j.restoring import Kept, folder_of, give_back
from reconciler.engines.neo4j.snapshot import Restore
from reconciler.errors import Blocked, StoreError
from reconciler.model.engine import Limits, Progress, Target

WHAT = "a destroyed graph"
DESTROYING = "destroying"
"""The journal entry that says where the snapshot is of a graph that is being destroyed."""
_OWN = f"x:_ReconcileLock OR x:{RESTORED} OR (x:_ReconcileJournal AND x.key = '{DESTROYING}')"
_NODES = nodes_of(f"MATCH (x) WHERE NOT ({_OWN})")
_TIES = ties_of("MATCH ()-[r]->()")
_RULES = "SHOW CONSTRAINTS YIELD name, createStatement WHERE name <> $own RETURN name, createStatement AS statement"
_INDEXES = """SHOW INDEXES YIELD name, type, owningConstraint, createStatement, labelsOrTypes
WHERE type <> 'LOOKUP' AND owningConstraint IS NULL AND NOT $label IN labelsOrTypes
RETURN name, createStatement AS statement"""
_AGAIN = Restore(WHAT, (NODE_AGAIN, TIE_AGAIN, ""))
_WAIT_SECONDS = 3600


def keep(connection: Connection, target: Target, progress: Progress, begun: dict[str, Any] | None) -> dict[str, Any]:
    """Write all of the graph to a file, unless that was done before a kill; gives what the journal says of it."""
    folder = folder_of(target)
    if begun is not None and (folder / begun["file"]).is_file():
        snapshot_file.checked(folder / begun["file"], begun["sha256"])
        return begun
    file = f"destroyed-{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}{snapshot_file.SUFFIX}"
    about = {"what": WHAT, "target": target.name, "environment": target.environment}
    header = snapshot_file.write(folder / file, about, _told(_rows(connection), progress))
    progress(f"kept {header.rows:,} rows in {folder / file}")
    return {"file": file, "sha256": header.sha256, "rows": header.rows}


def _rows(connection: Connection) -> Iterator[snapshot_file.Row]:
    for number, query in enumerate((_NODES, _TIES)):
        for row in connection.stream(query, "taking a snapshot"):
            yield number, row
    schema = connection.rows(_RULES, "reading the constraints", own=OWN)
    schema += connection.rows(_INDEXES, "reading the indexes", label=RESTORED)
    for row in schema:
        yield 2, row


def _told(rows: Iterator[snapshot_file.Row], progress: Progress) -> Iterator[snapshot_file.Row]:
    for number, row in enumerate(rows, 1):
        yield row
        if number % 20_000 == 0:
            progress(f"kept {number:,}")


def revive(
    connection: Connection,
    target: Target,
    path: Path,
    begun: dict[str, Any] | None,
    record: Callable[[dict[str, Any]], None],
    progress: Progress,
    still_locked: Callable[[], None],
) -> None:
    """Make the graph of a file again: nodes, relationships, then constraints and indexes; killed or not.

    `begun` is what `record` noted before a kill. Raises ConfigError for a file that is damaged, Blocked for one of
    another target and for a graph that is not empty, StoreError.
    """
    header = snapshot_file.checked(path)
    check(header, target)
    resumed = begun is not None and begun.get("sha256") == header.sha256
    if not resumed:
        _empty(connection)

    def after(count: int) -> None:
        record({"sha256": header.sha256, "rows": count})
        progress(f"made {count:,} of {header.rows:,}")

    done = int(begun["rows"]) if resumed and begun is not None else 0
    after(done)
    _built(connection, [f"CREATE RANGE INDEX {INDEX} FOR (n:{RESTORED}) ON (n.{MARK})"], progress, still_locked)
    nowhere = Kept(path, Renewed(path.parent / "nowhere"))
    give_back(connection, nowhere, _AGAIN, done, after, still_locked, remember=False)
    if done < header.rows or not resumed:
        _compared(connection, path)
    schema = (str(row["statement"]) for query, row in snapshot_file.rows(path) if query == 2)
    _built(connection, schema, progress, still_locked)
    for operation in unmarking():
        batches.run(connection, operation, progress, still_locked)
    _built(connection, [f"DROP INDEX {INDEX} IF EXISTS"], progress, still_locked)


def _built(
    connection: Connection, statements: Iterable[str], progress: Progress, still_locked: Callable[[], None]
) -> None:
    """Run schema statements, and wait for what they begin."""
    for statement in statements:
        still_locked()
        schema_statement.run(connection, f"{connection.prefix}{statement}", {}, Limits(), progress)
    connection.rows(f"CALL db.awaitIndexes({_WAIT_SECONDS})", "waiting for indexes")


def check(header: snapshot_file.Header, target: Target) -> None:
    """Raises Blocked for a file that is of something else."""
    about = header.about
    wanted = {"what": WHAT, "target": target.name, "environment": target.environment}
    if {key: about.get(key) for key in wanted} != wanted:
        raise Blocked(
            f"the snapshot is of {about.get('what')} of {about.get('target')} in {about.get('environment')}, not of"
            f" {target.name} in {target.environment}",
            hint="snapshots of single steps are brought back by `reconcile undo PLAN`",
        )


def _empty(connection: Connection) -> None:
    own = "n:_ReconcileLock OR n:_ReconcileJournal"
    if connection.rows(f"MATCH (n) WHERE NOT ({own}) RETURN 1 AS one LIMIT 1", "looking whether the graph is empty"):
        raise Blocked("the graph is not empty", hint="destroy it first, or give the snapshot a database of its own")


def _compared(connection: Connection, path: Path) -> None:
    """Raises StoreError unless there are as many nodes and relationships again as were kept."""
    kept = [0, 0, 0]
    for query, _ in snapshot_file.rows(path):
        kept[query] += 1
    nodes = connection.rows(f"MATCH (n:{RESTORED}) RETURN count(n) AS n", "counting")[0]["n"]
    ties = connection.rows(f"MATCH (:{RESTORED})-[r]->() WHERE r.{MARK} IS NOT NULL RETURN count(r) AS n", "counting")
    if [nodes, ties[0]["n"]] != kept[:2]:
        raise StoreError(
            f"{kept[0]:,} nodes and {kept[1]:,} relationships were kept; {nodes:,} and {ties[0]['n']:,} are back",
            hint="somebody else writes to the graph; empty it, and run this again",
        )
