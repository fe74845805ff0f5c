"""REPLICA IDENTITY USING INDEX and CLUSTER ON: a table's marks on an index, which the one in its place has to get."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from reconciler.engines.postgres.inheritance import table_at
from reconciler.engines.postgres.locks import ACCESS_EXCLUSIVE, access_exclusive, share_update_exclusive
from reconciler.engines.postgres.operations import Sql, sql
from reconciler.engines.postgres.quoting import fitting, ident, qualified
from reconciler.model.change import Change
from reconciler.model.kind import Context, Emit
from reconciler.model.step import Draft, Lock

if TYPE_CHECKING:
    from reconciler.engines.postgres.kinds.table import Table

Marks = tuple[list[str], tuple[Lock, ...]]


def replica_identity(table: Table) -> str:
    """ALTER TABLE … REPLICA IDENTITY."""
    said = table.replica_identity or ("default",)
    words = f"USING INDEX {ident(said[1])}" if len(said) > 1 else said[0].upper()
    return f"ALTER TABLE {qualified(*table.address.path)} REPLICA IDENTITY {words}"


def clustered_on(table: Table) -> str:
    """ALTER TABLE … CLUSTER ON, or SET WITHOUT CLUSTER."""
    action = f"CLUSTER ON {ident(table.clustered_on)}" if table.clustered_on else "SET WITHOUT CLUSTER"
    return f"ALTER TABLE {qualified(*table.address.path)} {action}"


def keeping(emit: Emit[Any]) -> Emit[Any]:
    """The emitter of a replacement or a rebuild, which marks the new index in the transaction that brings it."""

    def emitted(change: Change[Any], context: Context) -> list[Draft]:
        drafts = emit(change, context)
        said, locks = _marks(change, context)
        if not said or not drafts:
            return drafts
        position = max((n for n, d in enumerate(drafts) if d.provides), default=len(drafts) - 1)
        out = next((n for n, d in enumerate(drafts) if d.removes and d.undo), position)
        found = [_undone(d, said) if n == out else d for n, d in enumerate(drafts)]
        return [*found[:position], *_marked(found[position], said, locks, _indexes(change)), *found[position + 1 :]]

    return emitted


def _marks(change: Change[Any], context: Context) -> Marks:
    """Statements about its table that hold before and after, with their locks."""
    before, after = (table_at(c, change.address) for c in (context.live, context.desired))
    names = {getattr(r, "name", change.address.name) for r in (change.before, change.after)}
    if before is None or after is None or len(names) > 1 or context.creates(after.address):
        return [], ()
    name, here = names.pop(), (after.address.path[0], after.address.path[1])
    said: list[str] = []
    locks: tuple[Lock, ...] = ()
    if before.replica_identity == after.replica_identity == ("index", name):
        said, locks = [replica_identity(after)], access_exclusive(here)
    if before.clustered_on == after.clustered_on == name:
        said, locks = [*said, clustered_on(after)], locks or share_update_exclusive(here)
    return said, locks


def _indexes(change: Change[Any]) -> set[str]:
    """The names that its index has on the way; who has locked the table has no need to lock them."""
    schema, name = change.address.path[0], getattr(change.desired, "name", change.address.name)
    return {qualified(schema, n) for n in (name, fitting(name, suffix="_new"), fitting(name, suffix="_old"))}


def _marked(draft: Draft, said: list[str], locks: tuple[Lock, ...], indexes: set[str]) -> list[Draft]:
    """The draft with the statements at its end, or followed by them where it runs outside transactions."""
    operation = draft.operation
    if isinstance(operation, Sql) and operation.transaction:
        held = tuple(x for x in draft.locks if x.on not in indexes)
        stronger = any(x.mode == ACCESS_EXCLUSIVE and x.on == locks[0].on for x in held)
        both = held if stronger else (*(x for x in held if x.on != locks[0].on), *locks)
        return [replace(draft, operation=sql(*operation.statements, *said), locks=both)]
    title = f"mark the new {draft.title.removeprefix('build ')}"
    return [
        replace(draft, provides=False),
        Draft("mark", draft.phase, title, sql(*said), locks=locks, undo=(), provides=draft.provides),
    ]


def _undone(draft: Draft, said: list[str]) -> Draft:
    """The way back marks the old one again."""
    if not draft.undo:
        return draft
    *first, last = draft.undo
    if isinstance(last, Sql) and last.transaction:
        return replace(draft, undo=(*first, sql(*last.statements, *said)))
    return replace(draft, undo=(*draft.undo, sql(*said)))
