"""Foreign keys of partitioned tables before 18, which takes NOT VALID there: each partition gets the key by itself, its
rows are looked at while it is in use, and the key of the whole takes those for its parts (row 43 of the online
catalogue; tablecmds.c, tryAttachPartitionForeignKey; measured on 14 to 17).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from reconciler.engines.postgres.attaching import leaves
from reconciler.engines.postgres.constraint_parts import table_address, table_name, table_path
from reconciler.engines.postgres.evidence import became
from reconciler.engines.postgres.foreign_key_statements import clause, orphans
from reconciler.engines.postgres.foreign_key_targets import before
from reconciler.engines.postgres.inheritance import descendants, foreign_descendants, partitions, table_at
from reconciler.engines.postgres.locks import (
    ROW_SHARE,
    access_exclusive,
    lock,
    share_row_exclusive,
    share_update_exclusive,
)
from reconciler.engines.postgres.operations import sql
from reconciler.engines.postgres.quoting import fitting, ident, qualified
from reconciler.model.change import Change
from reconciler.model.hazard import Code, hazard
from reconciler.model.kind import Context
from reconciler.model.step import Check, Draft, Operation, Phase

if TYPE_CHECKING:
    from reconciler.engines.postgres.kinds.foreign_key import ForeignKey


def parts(change: Change[ForeignKey], context: Context) -> list[ForeignKey]:
    """The keys that the partitions with rows of their own get first; none where the key is better made at once: on
    servers that know NOT VALID there, where there are no rows, for keys from or to partitions of other sorts.
    """
    key, table = change.desired, table_address(change.address)
    live, after = table_at(context.live, table), table_at(context.desired, table)
    if context.server.version >= (18,) or live is None or after is None or context.creates(table):
        return []
    below = descendants(table.path, context.live)
    whole = live.partition_by is not None and after.partition_by is not None
    far = key.address.sibling("table", key.table)
    plain = not partitions(far, context.live) and key.table != table_path(key.address) and not context.creates(far)
    if not whole or not plain or context.size(table).rows == 0 or foreign_descendants(table.path, context.live):
        return []
    name = fitting(change.address.name, suffix="_new") if change.before is not None else change.address.name
    tables = [t for p in below if (t := table_at(context.live, table.sibling("table", p))) is not None]
    taken = {a.path[:2] for c in (context.live, context.desired) for a in c.resources if a.path[2:] == (name,)}
    if any(t.address.path in taken or (t.partition_by is not None and leaves(t, context)) for t in tables):
        return []
    ends = [t.address for t in tables if t.partition_by is None and not leaves(t, context)]
    return [dataclasses.replace(key, address=key.address.sibling("foreign_key", (*a.path, name))) for a in ends]


def one_by_one(change: Change[ForeignKey], made: list[ForeignKey], context: Context) -> list[Draft]:
    """Added to each partition and validated there, then to the whole, which reads nothing any more."""
    key, here = change.desired, table_path(change.address)
    drafts = [d for part in made for d in _part(part)]
    first = dataclasses.replace(drafts[0], probes=orphans(key, context), requires=before(change, context))
    below = [(p[0], p[1]) for p in descendants(here, context.live)]
    start, name = f"ALTER TABLE {table_name(change.address)}", ident(change.address.name)
    add = f"{start} ADD {clause(key)}"
    held = (*access_exclusive(key.table), *share_row_exclusive(*sorted({here, *below})))
    undo: tuple[Operation, ...] | None = (
        sql(f"{start} DROP CONSTRAINT {name}", *map(_adding, made)),
        *(sql(_validating(part)) for part in made),
    )
    if change.before is not None:
        add = f"{start} DROP CONSTRAINT {name}, ADD {clause(key)}"
        held, undo = access_exclusive(*sorted({here, *below, key.table, change.before.table})), None
    whole = Draft(
        "add",
        Phase.CONTRACT,
        f"add foreign key {change.address.name} to {here[1]}, of which its partitions have their parts",
        sql(add, *(_renaming(part, change.address.name) for part in made if part.address.name != change.address.name)),
        locks=held,
        done=(*became(change), *(Check(part.address, present=False) for part in made)),
        undo=undo,
        provides=True,
    )
    return [first, *drafts[1:], whole]


def _part(key: ForeignKey) -> list[Draft]:
    here = table_path(key.address)
    table, far = table_name(key.address), qualified(*key.table)
    refused = hazard(Code.OLD_WRITERS, f"a row of {table} that refers to nothing in {far} is refused")
    return [
        Draft(
            f"add {here}",
            Phase.CONTRACT,
            f"check new rows of {here[1]} by foreign key {key.address.name}",
            sql(_adding(key)),
            locks=share_row_exclusive(*sorted({here, key.table})),
            hazards=(refused,),
            done=(Check(key.address),),
            undo=(sql(f"ALTER TABLE {table} DROP CONSTRAINT {ident(key.address.name)}"),),
        ),
        Draft(
            f"validate {here}",
            Phase.CONTRACT,
            f"check the rows that are in {here[1]} by foreign key {key.address.name}",
            sql(_validating(key)),
            locks=(*share_update_exclusive(here), lock(ROW_SHARE, *key.table)),
            done=(Check(key.address, attributes=(("validated", True),)),),
            undo=(),
            reads=table_address(key.address),
        ),
    ]


def _adding(key: ForeignKey) -> str:
    return f"ALTER TABLE {table_name(key.address)} ADD {clause(key)} NOT VALID"


def _validating(key: ForeignKey) -> str:
    return f"ALTER TABLE {table_name(key.address)} VALIDATE CONSTRAINT {ident(key.address.name)}"


def _renaming(key: ForeignKey, name: str) -> str:
    return f"ALTER TABLE {table_name(key.address)} RENAME CONSTRAINT {ident(key.address.name)} TO {ident(name)}"
