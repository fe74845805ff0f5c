"""Lock modes as `pg_locks` names them, without the word Lock; measured in the catalogue of online operations."""

from __future__ import annotations

from reconciler.engines.postgres.quoting import qualified
from reconciler.model.step import Lock

ACCESS_SHARE = "AccessShare"
ROW_SHARE = "RowShare"
ROW_EXCLUSIVE = "RowExclusive"
SHARE_UPDATE_EXCLUSIVE = "ShareUpdateExclusive"
SHARE = "Share"
SHARE_ROW_EXCLUSIVE = "ShareRowExclusive"
EXCLUSIVE = "Exclusive"
ACCESS_EXCLUSIVE = "AccessExclusive"


def lock(mode: str, schema: str, name: str) -> Lock:
    """A lock on a relation."""
    return Lock(mode, qualified(schema, name))


def access_exclusive(*relations: tuple[str, str]) -> tuple[Lock, ...]:
    """AccessExclusive on each relation: nobody reads or writes it meanwhile."""
    return tuple(lock(ACCESS_EXCLUSIVE, *r) for r in relations)


def share_update_exclusive(*relations: tuple[str, str]) -> tuple[Lock, ...]:
    """ShareUpdateExclusive on each relation: readers and writers go on, other schema changes wait."""
    return tuple(lock(SHARE_UPDATE_EXCLUSIVE, *r) for r in relations)


def share_row_exclusive(*relations: tuple[str, str]) -> tuple[Lock, ...]:
    """ShareRowExclusive on each relation: readers go on, writers wait."""
    return tuple(lock(SHARE_ROW_EXCLUSIVE, *r) for r in relations)
