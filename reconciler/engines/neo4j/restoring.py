"""Taking snapshots, and giving back what they hold."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from itertools import groupby, islice
from pathlib import Path
from typing import Any, NamedTuple

from reconciler.engines.neo4j import snapshot_file
from reconciler.engines.neo4j.connection import Connection
from reconciler.engines.neo4j.renewed import FILE, Renewed
from reconciler.engines.neo4j.snapshot import KEY, Restore, Snapshot
from reconciler.errors import StoreError
from reconciler.model.engine import Progress, Target

RENEWED = "renewed"
"""The journal entry that says how many ids changed when something came back."""
PROGRESS = "restoring/"
"""Journal entries that say how far a restore came begin with it."""
_TELL = 20_000


def folder_of(target: Target) -> Path:
    """Where the snapshots of a target are."""
    parent = Path(target.snapshots) if target.snapshots else snapshot_file.DEFAULT
    return parent / target.environment / target.service


def file_name(name: str, plan: str) -> str:
    """A name that says what it is of, and is another one for another plan and another step."""
    said = re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")[:60]
    return f"{said}-{sha256(f'{plan} {name}'.encode('utf-8', 'surrogatepass')).hexdigest()[:12]}{snapshot_file.SUFFIX}"


def take(connection: Connection, operation: Snapshot, target: Target, plan: str, progress: Progress) -> dict[str, Any]:
    """Write the file; gives the journal entry that says where it is. Raises StoreError, ConfigError."""
    file = file_name(operation.name, plan)
    about = {"what": operation.name, "target": target.name, "environment": target.environment, "plan": plan}

    def found() -> Iterator[snapshot_file.Row]:
        count = 0
        for number, query in enumerate(operation.queries):
            for row in connection.stream(query, "taking a snapshot"):
                yield number, row
                count += 1
                if count % _TELL == 0:
                    progress(f"kept {count:,}")

    header = snapshot_file.write(folder_of(target) / file, about, found())
    progress(f"kept {header.rows:,} in {folder_of(target) / file}")
    said = {"file": file, "sha256": header.sha256, "rows": header.rows}
    return {KEY + operation.name: {**said, "renewed": Renewed(folder_of(target)).count}}


def lacking(operation: Restore, target: Target, entries: Mapping[str, Any]) -> str:
    """Why this cannot be restored, or nothing."""
    said = entries.get(KEY + operation.name)
    if said is None:
        return f"there is no snapshot of {operation.name}"
    path = folder_of(target) / said["file"]
    return "" if path.is_file() else snapshot_file.missing(path).message


def restore(
    connection: Connection,
    operation: Restore,
    target: Target,
    entries: Mapping[str, Any],
    record: Callable[[Mapping[str, Any]], None],
    progress: Progress,
    still_locked: Callable[[], None],
) -> dict[str, Any]:
    """Give the rows back; gives the entries that say it is done. Raises StoreError, ConfigError."""
    said = entries.get(KEY + operation.name)
    if said is None:
        raise StoreError(f"there is no snapshot of {operation.name}", hint="it was never taken here")
    file = _kept(folder_of(target) / said["file"], said, int(entries.get(RENEWED, 0)))
    key = PROGRESS + operation.name
    begun = entries.get(key) or {}
    done = int(begun.get("rows", 0)) if begun.get("sha256") == said["sha256"] else 0

    def after(count: int) -> None:
        record({key: {"sha256": said["sha256"], "rows": count}, RENEWED: file.ids.count})
        progress(f"gave back {count:,} of {said['rows']:,}")

    give_back(connection, file, operation, done, after, still_locked)
    gone: dict[str, Any] = {key: None}
    for each in operation.record:
        gone |= each.entries()
    return gone


class Kept(NamedTuple):
    """A file of rows, and the ids of today for those in it."""

    path: Path
    ids: Renewed
    renewed: int = 0


def _kept(path: Path, said: Mapping[str, Any], expected: int) -> Kept:
    """The file of a snapshot, whole, with at least the pairs of ids that are `expected`. Raises ConfigError."""
    if not path.is_file():
        raise snapshot_file.missing(path)
    snapshot_file.checked(path, said["sha256"])
    ids = Renewed(path.parent)
    if ids.count < expected:
        raise snapshot_file.missing(path.parent / FILE)
    return Kept(path, ids, int(said.get("renewed", 0)))


def give_back(
    connection: Connection,
    file: Kept,
    operation: Restore,
    done: int,
    after: Callable[[int], None],
    still_locked: Callable[[], None],
    *,
    remember: bool = True,
) -> None:
    """The rows of a file after the first `done`, in transactions of some; `after` hears how many are done now.

    `remember` notes the ids of what is made anew: no other snapshot knows anything of a graph that is made again."""
    statements = operation.statements()
    for query, group in groupby(snapshot_file.rows(file.path, done), key=lambda row: row[0]):
        while part := [dict(row) for _, row in islice(group, operation.rows)]:
            still_locked()
            if query < len(statements) and statements[query]:
                rows = file.ids.translated(part, file.renewed)
                found = connection.rows(statements[query], "giving back what was kept", rows=rows)
                if remember:
                    file.ids.add((pair["old"], pair["new"]) for pair in found)
            done += len(part)
            after(done)
