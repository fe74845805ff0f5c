"""What a table says of one of its indexes, CLUSTER ON and REPLICA IDENTITY, stays with the index and not with its name:
one that takes another's place is marked again (pg_index.indisclustered and indisreplident).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from reconciler.engines.postgres.inheritance import table_at
from reconciler.engines.postgres.locks import access_exclusive, share_update_exclusive
from reconciler.engines.postgres.operations import Sql, sql
from reconciler.engines.postgres.quoting import ident, qualified
from reconciler.model.change import Change
from reconciler.model.kind import Context, Emit
from reconciler.model.step import Draft, Lock


def marked(emit: Emit[Any]) -> Emit[Any]:
    """The emitter of an index or key that comes anew, with the marks that its table has before and after."""

    def emitted(change: Change[Any], context: Context) -> list[Draft]:
        drafts = emit(change, context)
        found = (
            []
            if context.creates(change.address.sibling("table", change.address.path[:2]))
            else list(_marks(change, context))
        )
        if not found or not drafts:
            return drafts
        last = max((i for i, d in enumerate(drafts) if d.provides), default=len(drafts) - 1)
        return [*drafts[:last], *_with(drafts[last], found, change), *drafts[last + 1 :]]

    return emitted


def _marks(change: Change[Any], context: Context) -> Iterator[tuple[str, tuple[Lock, ...]]]:
    before, after = (table_at(c, change.address) for c in (context.live, context.desired))
    if before is None or after is None:
        return
    name = getattr(change.after, "name", change.address.name)
    path = (change.address.path[0], change.address.path[1])
    start = f"ALTER TABLE {qualified(*path)}"
    if before.clustered_on == after.clustered_on == name:
        yield f"{start} CLUSTER ON {ident(name)}", share_update_exclusive(path)
    if before.replica_identity == after.replica_identity == ("index", name):
        yield f"{start} REPLICA IDENTITY USING INDEX {ident(name)}", access_exclusive(path)


def _with(draft: Draft, marks: list[tuple[str, tuple[Lock, ...]]], change: Change[Any]) -> list[Draft]:
    statements = [text for text, _ in marks]
    locks = tuple(held for _, found in marks for held in found)
    if isinstance(draft.operation, Sql) and draft.operation.transaction:
        undo = tuple(sql(*u.statements, *statements) if isinstance(u, Sql) else u for u in draft.undo or ())
        return [
            replace(
                draft,
                operation=sql(*draft.operation.statements, *statements),
                locks=tuple(dict.fromkeys((*draft.locks, *locks))),
                undo=None if draft.undo is None else undo,
            )
        ]
    title = f"mark {change.address.name} for its table as before"
    mark = Draft("mark", draft.phase, title, sql(*statements), locks=locks, done=draft.done, undo=(), provides=True)
    return [replace(draft, provides=False), mark]
