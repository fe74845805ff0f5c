"""What a table says of one of its indexes, CLUSTER ON and REPLICA IDENTITY, stays with the index and not with its name:
one that takes another's place is marked again (pg_index.indisclustered and indisreplident).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from reconciler.engines.postgres.inheritance import table_at
from reconciler.engines.postgres.locks import ACCESS_EXCLUSIVE, SHARE_UPDATE_EXCLUSIVE, lock
from reconciler.engines.postgres.operations import Sql, sql
from reconciler.engines.postgres.quoting import ident, qualified
from reconciler.model.change import Change
from reconciler.model.kind import Context, Emit
from reconciler.model.step import Draft, Lock


def marked(emit: Emit[Any]) -> Emit[Any]:
    """The emitter of an index or key that comes anew, with the marks that its table has before and after."""

    def emitted(change: Change[Any], context: Context) -> list[Draft]:
        drafts = emit(change, context)
        new = context.creates(change.address.sibling("table", change.address.path[:2]))
        marks = [] if new else list(_marks(change, context))
        if not marks or not drafts:
            return drafts
        last = max((i for i, d in enumerate(drafts) if d.provides), default=len(drafts) - 1)
        return [*drafts[:last], *_with(drafts[last], marks, change), *drafts[last + 1 :]]

    return emitted


def _marks(change: Change[Any], context: Context) -> Iterator[tuple[str, Lock]]:
    before, after = (table_at(c, change.address) for c in (context.live, context.desired))
    if before is None or after is None or change.after is None:
        return
    name = getattr(change.after, "name", change.address.name)
    path = (change.address.path[0], change.address.path[1])
    start = f"ALTER TABLE {qualified(*path)}"
    if before.clustered_on == after.clustered_on == name:
        yield f"{start} CLUSTER ON {ident(name)}", lock(SHARE_UPDATE_EXCLUSIVE, *path)
    if before.replica_identity == after.replica_identity == ("index", name):
        yield f"{start} REPLICA IDENTITY USING INDEX {ident(name)}", lock(ACCESS_EXCLUSIVE, *path)


def _with(draft: Draft, marks: list[tuple[str, Lock]], change: Change[Any]) -> list[Draft]:
    """What locks the table need not say that it locks its indexes."""
    statements, held = [text for text, _ in marks], marks[-1][1]
    if not isinstance(draft.operation, Sql) or not draft.operation.transaction:
        title = f"mark {change.address.name} for its table as before"
        mark = Draft("mark", draft.phase, title, sql(*statements), (held,), done=draft.done, undo=(), provides=True)
        return [replace(draft, provides=False), mark]
    others = [k for k in draft.locks if k.on != held.on and k.mode != SHARE_UPDATE_EXCLUSIVE]
    table = next((k for k in draft.locks if k.on == held.on and k.mode == ACCESS_EXCLUSIVE), held)
    undo = draft.undo
    if undo is not None:
        undo = tuple(sql(*u.statements, *statements) if isinstance(u, Sql) and u.transaction else u for u in undo)
    operation = sql(*draft.operation.statements, *statements)
    return [replace(draft, operation=operation, locks=(table, *others), undo=undo)]
