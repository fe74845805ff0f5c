"""What an index has beside its definition: storage parameters, its tablespace, statistics targets of expressions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from reconciler.engines.postgres import storage_options
from reconciler.engines.postgres.locks import SHARE_UPDATE_EXCLUSIVE, access_exclusive, share_update_exclusive
from reconciler.engines.postgres.operations import Sql, alone, sql
from reconciler.engines.postgres.partitioned_indexes import locked, partitioned
from reconciler.engines.postgres.quoting import ident, qualified
from reconciler.model.address import Address
from reconciler.model.change import Change
from reconciler.model.hazard import Code, hazard
from reconciler.model.kind import Context
from reconciler.model.step import Check, Draft, Phase

if TYPE_CHECKING:
    from reconciler.engines.postgres.kinds.index import Index

Targets = tuple[tuple[int, int], ...]
"""(number of a key, its statistics target), by number; only keys that are expressions can have one."""


def set_options(change: Change[Any], _context: Context) -> list[Draft]:
    """Storage parameters of the index under a constraint: no rebuild (row 65)."""
    name = getattr(change.desired, "name", change.address.name)
    index = qualified(change.address.path[0], name)

    def altered(before: Any, after: Any) -> list[str]:
        return [f"ALTER INDEX {index} {a}" for a in storage_options.actions(before.options, after.options)]

    return [
        Draft(
            "options",
            Phase.EXPAND,
            f"change the storage parameters of {change.address.kind.replace('_', ' ')} {name}",
            sql(*altered(change.live, change.desired)),
            locks=share_update_exclusive((change.address.path[0], name)),
            done=(Check(change.address, attributes=(("options", change.desired.options),)),),
            undo=(sql(*altered(change.desired, change.live)),),
        )
    ]


def tail(index: Any, words: str = "TABLESPACE") -> str:
    """WITH and TABLESPACE of CREATE INDEX; `words` are those of a constraint."""
    where = f" {words} {ident(index.tablespace)}" if index.tablespace else ""
    return storage_options.clause(index.options) + where


def key_tail(key: Any) -> str:
    """The same of the index under a constraint."""
    return tail(key, "USING INDEX TABLESPACE")


def set_tablespace(change: Change[Any], context: Context) -> list[Draft]:
    """REINDEX CONCURRENTLY writes it in its new place while the table is in use (REINDEX, parameter TABLESPACE). The
    index under an exclusion constraint cannot be built so, and is moved under its lock. A partitioned index has nothing
    in it: what says where it is goes for partitions to come, after REINDEX did it for those that are there.
    """
    schema, table = change.address.path[:2]
    name = getattr(change.desired, "name", change.address.name)
    parted, where = partitioned(change.address, context), change.desired.tablespace or "pg_default"
    found: list[Draft] = []
    if change.address.kind != "exclusion":
        left = None if parted else (schema, f"{name}_ccnew")

        def rebuilt(index: Any) -> Sql:
            there = ident(index.tablespace or "pg_default")
            return alone(f"REINDEX (TABLESPACE {there}) INDEX CONCURRENTLY {qualified(schema, name)}", repairs=left)

        title = f"build index {name} of {table} again in tablespace {where} while it is in use"
        held = locked(change.address, context, SHARE_UPDATE_EXCLUSIVE)
        step = Draft("reindex", Phase.EXPAND, title, rebuilt(change.desired), locks=held)
        found.append(replace(step, undo=(rebuilt(change.live),)))
    if parted or not found:

        def moved(index: Any) -> Sql:
            there = ident(index.tablespace or "pg_default")
            return sql(f"ALTER INDEX {qualified(schema, name)} SET TABLESPACE {there}")

        title = f"move index {name} of {table} to tablespace {where}"
        step = Draft("tablespace", Phase.EXPAND, title, moved(change.desired))
        slow = hazard(Code.SCAN_UNDER_LOCK, f"{name} is copied while nobody uses {table}")
        held, hazards = access_exclusive((schema, name)), () if found else (slow,)
        found.append(replace(step, locks=held, hazards=hazards, undo=(moved(change.live),)))
    done = (Check(change.address, attributes=(("tablespace", change.desired.tablespace),)),)
    return [*found[:-1], replace(found[-1], done=done)]


def lower_targets(parts: list[Any]) -> Targets:
    """The keys as declared → their targets."""
    said = ((n, p["statistics"]) for n, p in enumerate(parts, 1) if isinstance(p, Mapping) and "statistics" in p)
    return tuple(said)


def targets(index: Index, before: Targets = (), schema: str = "") -> list[str]:
    """ALTER INDEX … ALTER COLUMN … SET STATISTICS, from some targets to those of the index; `schema` where it is not in
    its own.
    """
    name = qualified(schema or index.address.path[0], index.address.name)
    was, wanted = dict(before), dict(index.statistics)
    numbers = sorted(n for n in was.keys() | wanted.keys() if was.get(n) != wanted.get(n))
    return [f"ALTER INDEX {name} ALTER COLUMN {n} SET STATISTICS {wanted.get(n, -1)}" for n in numbers]


def set_targets(change: Change[Index], _context: Context) -> list[Draft]:
    """How closely ANALYZE looks at the values of an expression: readers and writers go on."""
    return [_draft(change.desired, change.live.statistics, undo=targets(change.live, change.desired.statistics))]


def with_targets(drafts: list[Draft], index: Index) -> list[Draft]:
    """The drafts that make an index, and its targets at last."""
    if not index.statistics:
        return drafts
    return [*drafts, _draft(index, (), undo=[], phase=max(d.phase for d in drafts))]


def _draft(index: Index, before: Targets, undo: list[str], phase: Phase = Phase.EXPAND) -> Draft:
    address: Address = index.address
    return Draft(
        "statistics",
        phase,
        f"set the statistics targets of index {address.name}",
        sql(*targets(index, before)),
        locks=share_update_exclusive((address.path[0], address.name)),
        done=(Check(address, attributes=(("statistics", index.statistics),)),),
        undo=(sql(*undo),) if undo else (),
    )
