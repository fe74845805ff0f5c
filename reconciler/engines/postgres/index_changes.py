"""How indexes change, and what stands on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.engines.postgres import storage_options
from reconciler.engines.postgres.constraint_parts import table_path
from reconciler.engines.postgres.locks import ACCESS_EXCLUSIVE, SHARE_UPDATE_EXCLUSIVE, lock
from reconciler.engines.postgres.operations import sql
from reconciler.engines.postgres.quoting import qualified
from reconciler.model.change import Action, Change
from reconciler.model.kind import Context, Disturbance
from reconciler.model.step import Check, Draft, Phase

if TYPE_CHECKING:
    from reconciler.engines.postgres.kinds.index import Index

SPARING_OPTIONS = {"fillfactor", "deduplicate_items"}
"""Storage parameters that are set under ShareUpdateExclusive (reloptions.c)."""


def carries(index: Index, context: Context) -> bool:
    """Whether a foreign key stands on it, for all that its columns tell."""
    from reconciler.engines.postgres.kinds.foreign_key import ForeignKey

    keys, here = {p.column for p in index.parts}, table_path(index.address)
    found = (k for k in context.live.of_kind(ForeignKey) if k.table == here and set(k.referenced) == keys)
    return index.unique and index.where is None and any(found)


def disturbs(change: Change[Index]) -> Disturbance:
    """A foreign key may stand on it, and has to let go of the old one."""
    carries = change.live.unique and change.live.where is None and change.action is Action.REPLACE
    return Disturbance.DROPS if carries else Disturbance.NONE


def set_options(change: Change[Index], _context: Context) -> list[Draft]:
    """Storage parameters: no rebuild. Those of btree spare readers (row 65), the others lock them out for a moment."""

    def action(before: Index, after: Index) -> list[str]:
        name = qualified(after.address.path[0], after.address.name)
        return [f"ALTER INDEX {name} {a}" for a in storage_options.actions(before.options, after.options)]

    index = change.desired
    differ = {k for k, _ in {*index.options} ^ {*change.live.options}}
    mode = SHARE_UPDATE_EXCLUSIVE if differ <= SPARING_OPTIONS else ACCESS_EXCLUSIVE
    return [
        Draft(
            "options",
            Phase.EXPAND,
            f"change the storage parameters of index {change.address.name}",
            sql(*action(change.live, index)),
            locks=(lock(mode, change.address.path[0], change.address.name),),
            done=(Check(change.address, attributes=(("options", index.options),)),),
            undo=(sql(*action(index, change.live)),),
        )
    ]
