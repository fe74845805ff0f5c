"""What a change of parents waits for, and what becomes a child's own on the way."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from reconciler.engines.postgres import not_nulls
from reconciler.engines.postgres.attaching import ancestors, path_of
from reconciler.engines.postgres.inheritance import INHERITED, parents_of, table_at
from reconciler.engines.postgres.inheritance_changes import RECURSES
from reconciler.engines.postgres.locks import access_exclusive, share_update_exclusive
from reconciler.engines.postgres.operations import sql
from reconciler.engines.postgres.partitioned_indexes import contested
from reconciler.engines.postgres.quoting import qualified
from reconciler.model.address import Address
from reconciler.model.change import Action, Change
from reconciler.model.kind import Context
from reconciler.model.step import Check, Draft, Phase, Ref

if TYPE_CHECKING:
    from reconciler.engines.postgres.kinds.table import Table

Path = tuple[str, str]
INDEXED = ("index", "unique", "primary_key", "exclusion")


def staying(live: Table, desired: Table) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """The parents that a child keeps, and those of them that it need not leave for the sake of their order."""
    kept = tuple(p for p in live.inherits if p in desired.inherits)
    return kept, kept if kept == desired.inherits[: len(kept)] else ()


def inside(change: Change[Any], context: Context) -> tuple[Ref, ...]:
    """The columns and checks that this plan makes of the table, which a parent wants to find, and of the parents; and
    those that it drops, where the table is to have no others.
    """
    paths = (change.address.path, *parents_of(change.after))
    found = (a for a in context.changes if a.kind in INHERITED and a.path[:2] in paths)
    exact = change.desired.partition_of or change.desired.of_type
    own = change.address.path
    idle = not staying(change.live, change.desired)[1]  # then nothing is to be done where only `local` differs
    made = (
        a
        for a in found
        if (context.changes[a].after is not None or (exact and a.path[:2] == own))
        and not (idle and [b.name for b in context.changes[a].attributes] == ["local"])
    )
    return tuple(map(Ref, sorted(made)))


def keys_to_come(table: Address, context: Context) -> Iterator[Ref]:
    """The keys that a partition which steps aside gets of its own: ATTACH PARTITION takes them for the parts that it
    would otherwise build.
    """
    for address, change in context.changes.items():
        if address.kind in ("primary_key", "unique") and address.path[:2] == table.path and change.after is not None:
            yield Ref(address)


def settling(table: Table, context: Context) -> Iterator[Ref]:
    """What changes of the parent in this plan so that a new partition has to be as it is then: columns and checks; and
    the indexes and keys that it or what it is a partition of itself gets, which ATTACH PARTITION makes on the new one
    by itself. One that is not on all partitions comes after it.

    What goes goes before where the new one has indexes or keys of its own: it would take them for its parts, or the
    parts their names.
    """
    parent = table.partition_of or ("", "")
    above = {parent, *ancestors(parent, context.desired, table.address)}
    owning = any(a.kind in INDEXED and a.path[:2] == table.address.path for a in context.desired.resources)
    for address, change in context.changes.items():
        if address.kind in INHERITED and address.path[:2] == parent:
            waits = change.action is not Action.UPDATE or change.changed(*RECURSES)
        elif address.kind in INDEXED and address.path[:2] in above:
            waits = owning if change.after is None else _first(change, table, context)
        else:
            waits = False
        if waits:
            yield Ref(address)


def _first(change: Change[Any], table: Table, context: Context) -> bool:
    """Whether an index or key is there before a partition that gets a part of it."""
    whole = getattr(change.after, "partitions", None) is None
    return whole and not contested(table.address, change.after, context)


def own(change: Change[Any], context: Context) -> list[Draft]:
    """Columns and checks that a child has by itself too: NO INHERIT leaves them to it, and INHERIT finds them there."""
    before, after = (table_at(c, change.address) for c in (context.live, context.desired))
    parents = staying(before, after)[1] if before is not None and after is not None else ()
    if after is None or not any(_has(p, change, context) for p in parents):
        return []
    if change.address.kind == "column" and all(_gives_up(p, change, context) for p in parents):
        return []
    name = qualified(*path_of(after))
    words = [f"ALTER TABLE {name} {w} {qualified(*p)}" for w in ("NO INHERIT", "INHERIT") for p in parents]
    return [
        Draft(
            "own",
            Phase.CONTRACT,
            f"let {'.'.join(change.address.path[1:])} belong to the child itself too",
            sql(*words),
            locks=(*access_exclusive(path_of(after)), *share_update_exclusive(*parents)),
            done=(Check(change.address, attributes=(("local", True),)),),
            requires=tuple(_passing(parents, context)),
        )
    ]


def _passing(parents: tuple[Path, ...], context: Context) -> Iterator[Ref]:
    """What the parents drop or make anew goes from the child with it only as long as the child has it from them."""
    for address, change in context.changes.items():
        goes = change.action in (Action.DELETE, Action.REPLACE) or change.changed(*not_nulls.ATTRIBUTES)
        if goes and address.kind in INHERITED and address.path[:2] in parents:
            yield Ref(address)


def _gives_up(parent: Path, change: Change[Any], context: Context) -> bool:
    """Whether the parent drops its column in this plan, from itself ONLY, or has none."""
    above = change.address.sibling(change.address.kind, (*parent, change.address.name))
    return context.deletes(above) or above not in context.live.resources


def _has(parent: Path, change: Change[Any], context: Context) -> bool:
    """Whether the column or check comes from that parent."""
    return change.address.sibling(change.address.kind, (*parent, change.address.name)) in context.live.resources
