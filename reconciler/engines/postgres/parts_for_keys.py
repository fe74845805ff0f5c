"""Keys of a partition's own that need no index built, as the partition has it already: as part of one of its parent's.

ADD CONSTRAINT … USING INDEX takes such a part over, and it stays the part (measured on 15 and 18). That is also what a
key becomes that is there before the parent's index (CREATE INDEX takes a matching one in).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconciler.engines.postgres.detached import kept, origin
from reconciler.engines.postgres.evidence import became
from reconciler.engines.postgres.inheritance import table_at
from reconciler.engines.postgres.kinds.index import Index
from reconciler.engines.postgres.locks import access_exclusive
from reconciler.engines.postgres.operations import sql
from reconciler.engines.postgres.quoting import ident, qualified
from reconciler.model.change import Change
from reconciler.model.kind import Context
from reconciler.model.step import Draft, Phase, Ref

if TYPE_CHECKING:
    from reconciler.engines.postgres.kinds.table import Table
    from reconciler.engines.postgres.table_parts import Twin


def part_for(change: Change[Any], context: Context) -> str:
    """The name of the part that is just what the key needs, "" where there is none; not for a key that can be checked
    late, as its index is no longer what the parent's promises.
    """
    key = change.desired
    before, after = (table_at(c, change.address) for c in (context.live, context.desired))
    if before is None or after is None or before.partition_of != after.partition_of or key.deferrable:
        return ""
    for twin in before.twins:
        part = kept(twin, before, context.live) if twin.kind == "index" else None
        if isinstance(part, Index) and _fits(part, key) and _stays(twin, before, context):
            return twin.name
    return ""


def taking(change: Change[Any], part: str, action: str, label: str, requires: tuple[Ref, ...]) -> Draft:
    """It becomes the index of the key under the key's name. `action` of ALTER TABLE ends before USING INDEX. Nothing
    takes the key away again but what takes the parent's index away (measured: 2BP01).
    """
    return Draft(
        "add",
        Phase.CONTRACT,
        f"make its part of an index of the whole {label}",
        sql(f"ALTER TABLE {qualified(*change.address.path[:2])} {action} USING INDEX {ident(part)}"),
        locks=access_exclusive((change.address.path[0], change.address.path[1])),
        done=became(change),
        undo=None,
        requires=requires,
        provides=True,
    )


def _fits(part: Index, key: Any) -> bool:
    plain = all(p == type(p)(p.column) and p.column for p in part.parts) and part.where is None
    nulls = getattr(key, "nulls_not_distinct", False)
    said = (tuple(p.column for p in part.parts), part.include, part.nulls_not_distinct, part.options, part.tablespace)
    return (
        part.unique and part.valid and plain and said == (key.columns, key.include, nulls, key.options, key.tablespace)
    )


def _stays(twin: Twin, table: Table, context: Context) -> bool:
    whole = origin(twin, table, context.live)
    return whole is not None and whole not in context.changes
