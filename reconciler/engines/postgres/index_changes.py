"""How indexes come, change and go while their table is in use: rows 30 to 36 and 88 of the online catalogue."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import TYPE_CHECKING

from reconciler.engines.postgres import partitioned_indexes as parted
from reconciler.engines.postgres import storage_options
from reconciler.engines.postgres.column_types import OUT, hinders
from reconciler.engines.postgres.constraint_parts import (
    duplicates,
    in_new_table,
    only_new_columns,
    table_address,
    table_path,
)
from reconciler.engines.postgres.index_parts import key_text
from reconciler.engines.postgres.index_settings import targets, with_targets
from reconciler.engines.postgres.index_statements import definition
from reconciler.engines.postgres.inheritance import descendants, partitions
from reconciler.engines.postgres.locks import (
    ACCESS_EXCLUSIVE,
    SHARE,
    SHARE_UPDATE_EXCLUSIVE,
    access_exclusive,
    lock,
    share_update_exclusive,
)
from reconciler.engines.postgres.names import freed
from reconciler.engines.postgres.operations import alone, sql
from reconciler.engines.postgres.quoting import fitting, ident, qualified
from reconciler.model.address import Address
from reconciler.model.change import Action, Change
from reconciler.model.hazard import Code, Hazard, hazard
from reconciler.model.kind import Context, Disturbance
from reconciler.model.step import Check, Draft, Phase, Probe, Ref

if TYPE_CHECKING:
    from reconciler.engines.postgres.kinds.index import Index


SPARING_OPTIONS = {"fillfactor", "deduplicate_items"}


def _tightening(
    index: Index, change: Change[Index], context: Context
) -> tuple[Phase, tuple[Hazard, ...], tuple[Probe, ...]]:
    names = [p.column for p in index.parts]
    new = all(names) and only_new_columns(change, names, context) and not index.nulls_not_distinct
    if not index.unique or new:
        return Phase.EXPAND, (), ()
    keys = list(map(key_text, index.parts))
    refused = hazard(Code.OLD_WRITERS, f"a second row with the same ({', '.join(keys)}) is refused")
    probe = duplicates(index.address, keys, index.where.source if index.where else "", index.nulls_not_distinct)
    return Phase.CONTRACT, (refused,), (probe,)


def _named(address: Address, name: str) -> Address:
    """An index of the same table under another name."""
    return address.sibling(address.kind, (*address.path[:-1], name))


def create(change: Change[Index], context: Context) -> list[Draft]:
    """CONCURRENTLY on a table that is there (row 32); plainly on one that this plan makes."""
    index = change.desired
    schema, table, name = change.address.path
    if in_new_table(change, context) and index.partitions is not None:
        return [_on_some(change, context)]
    if in_new_table(change, context):
        return [
            Draft(
                "create",
                Phase.EXPAND,
                f"create index {name} on {table}",
                sql(*_plainly(index, context)),
                locks=tuple(lock(SHARE, *p) for p in ((schema, table), *_new_partitions(change.address, context))),
                done=(Check(change.address),),
                undo=(sql(f"DROP INDEX {qualified(schema, name)}"),),
                requires=(*freed(change, context), *_beside_its_parts(change, context)),
            )
        ]
    if parted.partitioned(change.address, context):
        phase, hazards, probes = _tightening(index, change, context)
        made = parted.create(change, context, _recipe(index, name), phase, hazards, probes, index.partitions)
        if index.partitions is not None:
            made[0] = dataclasses.replace(made[0], requires=tuple(map(Ref, _partitions(change.address, context))))
    else:
        made = [_built(change, name, *_tightening(index, change, context))]
    waits = (*made[0].requires, *freed(change, context), *_beside_its_parts(change, context))
    return with_targets([dataclasses.replace(made[0], requires=waits), *made[1:]], index)


def _beside_its_parts(change: Change[Index], context: Context) -> Iterable[Ref]:
    """The indexes that partitions get for themselves. Made first, they have their names, which the server might give to
    the parts of this one; but it would take one that says the same for its part. Most new partitions come after it.
    """
    index = change.desired
    whole = change.address.sibling("table", change.address.path[:2])
    for path in partitions(whole, context.desired):
        table = change.address.sibling("table", path)
        if _joins_later(table, index, context):
            continue
        for own in context.desired.children(table, "index", type(index)):
            made = context.changes.get(own.address)
            if made is not None and made.after is not None and not parted.attachable(own, index):
                yield Ref(own.address)


def _joins_later(partition: Address, index: Index, context: Context) -> bool:
    """Whether a new partition is made when the index is there, and so gets its part of it."""
    there = not context.creates(table_address(index.address))
    whole = index.partitions is None
    return there and whole and context.creates(partition) and not parted.contested(partition, index, context)


def _new_partitions(index: Address, context: Context) -> list[tuple[str, str]]:
    """The partitions that are made with its table; those that join later are none by then."""
    below = partitions(index.sibling("table", index.path[:2]), context.desired)
    return [(p[0], p[1]) for p in below if context.creates(index.sibling("table", p))]


def _plainly(index: Index, context: Context) -> list[str]:
    """What makes all of it at once, while nobody else may write."""
    table, name = table_path(index.address), index.address.name
    if index.partitions is None:
        return [definition(index, name, concurrently=False), *targets(index)]
    return [*parted.on_some(_recipe(index, name), table, name, index.partitions, context), *targets(index)]


def _on_some(change: Change[Index], context: Context) -> Draft:
    """ON ONLY a new table, and on these partitions, once all are there: one that comes later gets it by itself."""
    index = change.desired
    schema, table, name = change.address.path
    return Draft(
        "create",
        Phase.EXPAND,
        f"declare index {name} on {table}, without its partitions yet",
        sql(*_plainly(index, context)),
        locks=tuple(lock(SHARE, *p) for p in ((schema, table), *(index.partitions or ()))),
        done=(Check(change.address),),
        undo=(sql(f"DROP INDEX {qualified(schema, name)}"),),
        requires=(*freed(change, context), *(Ref(a) for a in _partitions(change.address, context))),
    )


def _partitions(index: Address, context: Context) -> list[Address]:
    below = descendants(index.path, context.desired)
    found = (index.sibling(kind, path) for path in below for kind in ("table", "foreign_table"))
    return [a for a in found if a in context.changes]


def _recipe(index: Index, name: str) -> parted.Recipe:
    def made(name: str, path: tuple[str, ...], only: str, concurrently: bool) -> str:
        there = dataclasses.replace(index, address=index.address.sibling("index", (*path, name)))
        text = definition(there, name, concurrently)
        return text.replace(" ON ", f" ON {only}", 1)

    here = index.address.path[:2]
    names = parted.names_of(index)
    return parted.Recipe(f"index {name}", made, names, made(name, here, "", False), made(name, here, "ONLY ", False))


def _built(
    change: Change[Index], name: str, phase: Phase, hazards: tuple[Hazard, ...], probes: tuple[Probe, ...]
) -> Draft:
    schema, table, _ = change.address.path
    return Draft(
        "build",
        phase,
        f"build index {name} on {table} while it is in use",
        alone(definition(change.desired, name, concurrently=True), repairs=(schema, name)),
        locks=share_update_exclusive((schema, table)),
        hazards=hazards,
        probes=probes,
        done=(
            Check(change.address.sibling(change.address.kind, (schema, table, name)), attributes=(("valid", True),)),
        ),
        undo=(alone(f"DROP INDEX CONCURRENTLY IF EXISTS {qualified(schema, name)}"),),
        reads=table_address(change.address),
        provides=True,
    )


def _dropped(index: Index, name: str, phase: Phase) -> Draft:
    schema, table, _ = index.address.path
    again = targets(dataclasses.replace(index, address=_named(index.address, name)))
    back = alone(definition(index, name, concurrently=True), repairs=(schema, name))
    return Draft(
        "drop",
        phase,
        f"drop index {name} of {table}",
        alone(f"DROP INDEX CONCURRENTLY IF EXISTS {qualified(schema, name)}"),
        locks=share_update_exclusive((schema, table)),
        done=(Check(_named(index.address, name), present=False),),
        undo=(back, *([sql(*again)] if again else [])),
    )


def drop(change: Change[Index], context: Context) -> list[Draft]:
    """CONCURRENTLY: a plain DROP INDEX locks readers of the table out (row 33); of a partitioned one there is no other
    way.
    """
    if parted.partitioned(change.address, context):
        return [parted.drop(change, context, f"DROP INDEX {_qualified(change.address)}")]
    return [_dropped(change.live, change.address.name, Phase.CONTRACT)]


def _qualified(address: Address) -> str:
    return qualified(address.path[0], address.name)


def _replace_partitioned(change: Change[Index], context: Context) -> list[Draft]:
    """The new one beside the old one, partition by partition; then the old one goes and the new one takes its name."""
    name = change.address.name
    new = _named(change.address, fitting(name, suffix="_new"))
    phase, hazards, probes = _tightening(change.desired, change, context)
    other = dataclasses.replace(change, address=new, after=dataclasses.replace(change.desired, address=new))
    made = parted.create(other, context, _recipe(other.desired, new.name), phase, hazards, probes)
    swap = parted.drop(change, context, f"DROP INDEX {_qualified(change.address)}")
    renamed = f"ALTER INDEX {_qualified(new)} RENAME TO {ident(name)}"
    swap = dataclasses.replace(
        swap,
        title=f"put the new index {name} in the place of the old one",
        operation=sql(f"DROP INDEX {_qualified(change.address)}", renamed),
        done=(Check(new, present=False),),
        provides=True,
    )
    return with_targets([*(dataclasses.replace(d, provides=False) for d in made), swap], change.desired)


def replace(change: Change[Index], context: Context) -> list[Draft]:
    """Build the new one beside the old one, swap the names, drop the old one: never a gap (row 36).

    A gap there is where a column of it changes to a type that the old one cannot follow to.
    """
    schema, _, name = change.address.path
    if parted.partitioned(change.address, context):
        return _replace_partitioned(change, context)
    if hinders(change, context):
        gap = hazard(Code.INDEX_GAP, f"there is no {name} until the column has its new type and the index is built")
        out = dataclasses.replace(_dropped(change.live, name, Phase.CONTRACT), slot=OUT, removes=True, hazards=(gap,))
        _, hazards, probes = _tightening(change.desired, change, context)
        return with_targets([out, _built(change, name, Phase.CONTRACT, hazards, probes)], change.desired)
    new, old = fitting(name, suffix="_new"), fitting(name, suffix="_old")
    phase, hazards, probes = _tightening(change.desired, change, context)
    swap = Draft(
        "swap",
        Phase.CONTRACT,
        f"put the new index {name} in the place of the old one",
        sql(
            f"ALTER INDEX {qualified(schema, name)} RENAME TO {ident(old)}",
            f"ALTER INDEX {qualified(schema, new)} RENAME TO {ident(name)}",
        ),
        locks=share_update_exclusive((schema, name), (schema, new)),
        done=(
            Check(_named(change.address, old)),
            Check(_named(change.address, new), present=False),
        ),
        undo=(
            sql(
                f"ALTER INDEX {qualified(schema, name)} RENAME TO {ident(new)}",
                f"ALTER INDEX {qualified(schema, old)} RENAME TO {ident(name)}",
            ),
        ),
        provides=True,
    )
    built = dataclasses.replace(_built(change, new, phase, hazards, probes), provides=False)
    last = _dropped(change.live, old, Phase.CONTRACT)
    if not carries(change.live, context):
        return with_targets([built, swap, last], change.desired)
    held = dataclasses.replace(  # in one transaction with the foreign keys that let go of it
        last,
        operation=sql(f"DROP INDEX {qualified(schema, old)}"),
        locks=access_exclusive(table_path(change.address)),
        undo=None,
        removes=True,
        provides=True,
    )
    return with_targets([built, dataclasses.replace(swap, provides=False), held], change.desired)


def repair(change: Change[Index], context: Context) -> list[Draft]:
    """An invalid index serves no query: drop it and build it again (row 32)."""
    index = change.desired
    schema, _, name = change.address.path
    if parted.partitioned(change.address, context):
        there = change.live.partitions
        made = [] if there is None else parted.completed(change, context, _recipe(index, name), there, index.partitions)
        if made:
            return made
        gone = parted.drop(change, context, f"DROP INDEX {qualified(schema, name)}")
        gone = dataclasses.replace(gone, slot="drop invalid", hazards=(*gone.hazards, parted.gap(change)))
        return [gone, *(dataclasses.replace(d, phase=gone.phase) for d in create(change, context))]
    drop_it = Draft(
        "drop invalid",
        Phase.EXPAND,
        f"drop the invalid index {name}",
        alone(f"DROP INDEX CONCURRENTLY IF EXISTS {qualified(schema, name)}"),
        locks=share_update_exclusive(table_path(change.address)),
        done=(Check(change.address, present=False),),
        undo=(),
    )
    _phase, _hazards, probes = _tightening(index, change, context)
    return with_targets([drop_it, _built(change, name, Phase.EXPAND, (), probes)], index)


def rebuild(change: Change[Index], context: Context) -> list[Draft]:
    """Plainly, in the transaction of what forces it."""
    index, live = change.desired, change.live
    schema, table, name = change.address.path
    gone = Draft(
        "remove",
        Phase.EXPAND,
        f"take index {name} of {table} away",
        sql(f"DROP INDEX {qualified(schema, name)}"),
        locks=parted.locked(change.address, context, ACCESS_EXCLUSIVE),
        undo=(sql(*_plainly(live, context)),),
        removes=True,
    )
    whole = [(p[0], p[1]) for p in partitions(change.address.sibling("table", (schema, table)), context.live)]
    read = [(schema, table), *(whole if index.partitions is None else index.partitions)]
    tables = ", ".join(qualified(*p) for p in (read if index.partitions is None else read[1:]))
    scans = (hazard(Code.SCAN_UNDER_LOCK, f"{tables} is read from end to end, for {name}"),) if tables else ()
    back = Draft(
        "create",
        Phase.EXPAND,
        f"build index {name} of {table} again",
        sql(*_plainly(index, context)),
        locks=tuple(lock(SHARE, *p) for p in read),
        hazards=scans,
        done=(Check(change.address),),
        undo=(sql(f"DROP INDEX {qualified(schema, name)}"),),
        provides=True,
    )
    return [gone, back]


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


def set_options(change: Change[Index], context: Context) -> list[Draft]:
    """Storage parameters: no rebuild. Those of btree spare readers (row 65), the others lock them out for a moment.

    A partitioned index takes none in place (ALTER INDEX SET), and its partitions' have those that it had.
    """
    if parted.partitioned(change.address, context):
        return _replace_partitioned(change, context)

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
