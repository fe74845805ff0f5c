"""How tables come and go: rows 1 to 4 of the online catalogue."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from reconciler.engines.postgres import attach_guards as guarding
from reconciler.engines.postgres import attaching as joining
from reconciler.engines.postgres import partition_changes as partitions
from reconciler.engines.postgres.bounds import vacated
from reconciler.engines.postgres.inheritance import children_of, implied, parents_of
from reconciler.engines.postgres.kinds.sequence import Sequence, owning
from reconciler.engines.postgres.locks import access_exclusive, share_update_exclusive
from reconciler.engines.postgres.mentions import of_expression
from reconciler.engines.postgres.names import freed
from reconciler.engines.postgres.not_nulls import ATTRIBUTES, unchecked
from reconciler.engines.postgres.operations import Sql, sql
from reconciler.engines.postgres.owners import CURRENT, owner_of
from reconciler.engines.postgres.parents_changed import settling
from reconciler.engines.postgres.quoting import qualified
from reconciler.engines.postgres.roles import role
from reconciler.engines.postgres.table_settings import needs
from reconciler.engines.postgres.table_statements import settled, statements, unchecked_below, unchecked_tables, waiting
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Action, Change
from reconciler.model.hazard import Code, hazard
from reconciler.model.kind import Context
from reconciler.model.resource import Resource
from reconciler.model.step import Check, Draft, Lock, Phase, Ref

if TYPE_CHECKING:
    from reconciler.engines.postgres.kinds.table import Table


def mentions(table: Table, catalog: Catalog) -> Iterable[Address]:
    """Functions and types in the expressions of its partition key."""
    for part in table.partition_by.parts if table.partition_by is not None else ():
        if part.expression is not None:
            yield from of_expression(part.expression.source, catalog)


def create(change: Change[Table], context: Context) -> list[Draft]:
    """No lock on anything that exists; a partition of a table that does is attached to it, which lets readers and
    writers go on (row 3), those of a DEFAULT partition too (row 86).
    """
    guards = _guards(change.desired, context)
    return [*_guarded(change.desired, context, guards), *_created(change, context, guards)]


def _guarded(table: Table, context: Context, guards: list[guarding.Guard]) -> list[Draft]:
    """They refuse rows that are let in now, so the new partition waits for contract with them."""
    waits = _waits(table, context) if guards else ()
    return [d for g in guards for d in g.drafts(context, waits)]


def _waits(table: Table, context: Context) -> tuple[Ref, ...]:
    """What comes before a table becomes a partition of one that is there."""
    near = joining.made_near(table, context)
    return (*settling(table, context), *vacated(table, context), *near, *_siblings(table, context))


def _joins(table: Table, context: Context) -> bool:
    """Whether it becomes a partition of a table that is there."""
    parent = table.partition_of
    return parent is not None and not context.creates(table.address.sibling("table", parent))


def _guards(table: Table, context: Context) -> list[guarding.Guard]:
    return guarding.guards(table, context) if _joins(table, context) else []


def _created(change: Change[Table], context: Context, guards: list[guarding.Guard]) -> list[Draft]:
    table = change.desired
    joins = _joins(table, context)
    added, validated = guarding.restored(guards)
    read = guarding.scanned(table, context) if joins else []
    later = joins or unchecked_below(table, context)
    made = statements(table, context.desired, child=not later)
    locks: tuple[Lock, ...] = ()
    waits: tuple[Ref, ...] = tuple(_checked(table, context))
    if joins:
        made += [joining.attaching(table), *guarding.tidied(guards)]
        locks = joining.attach_locks(table, context)
        waits = _waits(table, context)
    elif table.partition_of is not None:
        locks = access_exclusive(table.partition_of)
    elif table.inherits:
        made += [f"ALTER TABLE {_name(table)} INHERIT {qualified(*p)}" for p in table.inherits] if later else []
        locks = share_update_exclusive(*table.inherits)
    drafts = [
        Draft(
            "create",
            Phase.CONTRACT if guards else Phase.EXPAND,
            f"create table {'.'.join(change.address.path)}",
            sql(*made),
            locks=locks,
            hazards=guarding.scans(read),
            done=(Check(change.address),),
            undo=(sql(*joining.removing(table, context.desired), *added), *validated),
            reads=read[0].address if read else None,
            requires=(*_freed(change, context), *waits),
            provides=True,
        ),
        *_unchecked(table, context),
    ]
    if settled(table):
        drafts.append(
            Draft(
                "settings",
                Phase.EXPAND,
                f"mark the indexes of {'.'.join(change.address.path)}",
                sql(*settled(table)),
                locks=access_exclusive(joining.path_of(table)),
                done=(
                    Check(
                        change.address,
                        attributes=(
                            ("replica_identity", table.replica_identity),
                            ("clustered_on", table.clustered_on),
                        ),
                    ),
                ),
                undo=(),
                requires=needs(table, context),
            )
        )
    return drafts


def _siblings(table: Table, context: Context) -> Iterator[Ref]:
    """The new partitions beside a new DEFAULT partition: it comes after them, so that they lock none."""
    if table.bound is None or table.bound.strategy != "default" or table.address in context.live.resources:
        return
    for path in children_of(table.partition_of or ("", ""), context.desired):
        sibling = table.address.sibling("table", path)
        if sibling != table.address and sibling not in context.live.resources:
            yield Ref(sibling, "create")


def _unchecked(table: Table, context: Context) -> list[Draft]:
    """NOT NULL NOT VALID that new children get from their new parent, which a constraint that is there first is not."""
    columns = waiting(table, context.desired)
    if not columns:
        return []
    below = unchecked_tables(columns, context.desired)
    return [
        Draft(
            "unchecked",
            Phase.EXPAND,
            f"require values in new rows of {'.'.join(table.address.path)} and what is below it",
            sql(*(s for c in columns for s in unchecked(c, _name(table)))),
            locks=access_exclusive(joining.path_of(table), *((t.path[0], t.path[1]) for t in below)),
            done=tuple(Check(c.address, attributes=(("not_null", True),)) for c in columns),
            undo=(),
            requires=tuple(map(Ref, below)),
        )
    ]


def _checked(table: Table, context: Context) -> Iterator[Ref]:
    """What a child waits for whose NOT NULL is checked, though that of its new parent is not; and what changes of that
    of a parent which has one, as the child is to have it as it is then.
    """
    for path in parents_of(table):
        parent = context.desired.get(table.address.sibling("table", path), type(table))
        if parent is None:
            continue
        if not context.creates(parent.address):
            yield from _passed_otherwise(parent, context)
            yield from _checked_otherwise(table, parent, context)
            continue
        columns = waiting(parent, context.desired)
        if columns and table.address not in unchecked_tables(columns, context.desired):
            yield Ref(parent.address, "unchecked")


def _passed_otherwise(parent: Table, context: Context) -> Iterator[Ref]:
    for column in context.desired.children(parent.address, "column", Resource):
        change: Change[Any] | None = context.changes.get(column.address)
        if change is None or change.action is not Action.UPDATE or context.server.version < (18,):
            continue
        if change.live.not_null and change.changed(*ATTRIBUTES):
            yield Ref(column.address)


def _checked_otherwise(table: Table, parent: Table, context: Context) -> Iterator[Ref]:
    """Checks that the parent has, and will have otherwise, where the child's are to be other than those then."""
    for check in context.desired.children(table.address, "check", Resource):
        above = parent.address.sibling("check", (*parent.address.path, check.address.name))
        if above in context.live.resources and above in context.changes and not implied(check, context.desired):
            yield Ref(above)


def _name(table: Table) -> str:
    return qualified(*table.address.path)


def _freed(change: Change[Table], context: Context) -> tuple[Ref, ...]:
    inside = (context.changes.get(change.address.sibling("primary_key", change.address.path)),)
    keys = context.desired.children(change.address, "unique", Resource)
    made = (change, *inside, *(context.changes.get(k.address) for k in keys))
    return tuple(dict.fromkeys(ref for c in made if c is not None and c.after is not None for ref in freed(c, context)))


def drop(change: Change[Table], context: Context) -> list[Draft]:
    """AccessExclusive on it alone: foreign keys to other tables went before, one by one (row 4). A partition is
    detached first, which lets the parent's readers and writers go on; it takes its foreign keys along.
    """
    table = change.live
    rows = context.size(change.address).rows
    known = f"about {rows} rows" if rows > 0 else "all its rows"
    parents = [(p[0], p[1]) for p in parents_of(table) if not context.deletes(table.address.sibling("table", p))]
    detached = partitions.detach(change, context) if table.partition_of and parents else []
    beside = joining.referenced(parents[0], context) if detached else _let_go(table, context)
    return [
        *detached,
        Draft(
            "drop",
            Phase.CONTRACT,
            f"drop table {'.'.join(change.address.path)}",
            sql(f"DROP TABLE {_name(table)}"),
            locks=access_exclusive(joining.path_of(table), *((p[0], p[1]) for p in beside)),
            hazards=(
                hazard(Code.DELETES_DATA, f"{known} are gone"),
                hazard(Code.OLD_READERS, "code that uses it breaks"),
            ),
            done=(Check(change.address, present=False),),
            requires=joining.gone_first(table, context) if table.partition_of and not detached else (),
        ),
    ]


def _let_go(partition: Table, context: Context) -> list[tuple[str, str]]:
    """What DROP TABLE of a partition locks besides: its parent, and a DEFAULT partition beside it."""
    other = joining.left_beside(partition, context)
    parent = [partition.partition_of] if partition.partition_of else []
    return [*parent, *([] if other is None else [joining.path_of(other)])]


def replace(change: Change[Table], context: Context) -> list[Draft]:
    """A table cannot become partitioned, or partitioned otherwise, in place (ALTER TABLE): it goes with its rows, and
    comes anew. Where it may hold rows of its own that is a hazard to approve: those of partitions stay with them.
    """
    live = change.live
    rows = context.size(change.address).rows
    known = f"about {rows} rows" if rows > 0 else "all its rows"
    why = f"{_name(live)} cannot become {_shape(change.desired)} in place: {known} are gone"
    hazards = () if rows == 0 or live.partition_by is not None else (hazard(Code.DELETES_DATA, why),)
    kept = [s for s in context.live.of_kind(Sequence) if _owned(s, live) and s.address in context.desired.resources]
    gone = Draft(
        "remove",
        Phase.CONTRACT,
        f"take table {'.'.join(change.address.path)} away",
        sql(*(owning(dataclasses.replace(s, owned_by=None)) for s in kept), f"DROP TABLE {_name(live)}"),
        locks=access_exclusive(joining.path_of(live), *_let_go(live, context)),
        hazards=hazards,
        removes=True,
    )
    guards = _guards(change.desired, context)
    first, *rest = _created(change, context, guards)
    owned = [owning(s) for s in context.desired.of_kind(Sequence) if s.address in {k.address for k in kept}]
    if owned and (owner := owner_of(change.address, context)) != CURRENT:  # a sequence has the owner of its table
        owned.insert(0, f"ALTER TABLE {_name(live)} OWNER TO {role(owner)}")
    statements = first.operation.statements if isinstance(first.operation, Sql) else ()
    made = dataclasses.replace(
        first,
        operation=sql(*statements, *owned),
        phase=Phase.CONTRACT,
        title=f"create table {'.'.join(change.address.path)} anew, {_shape(change.desired)}",
        done=(Check(change.address, attributes=(("partition_by", change.desired.partition_by),)),),
        undo=None,
    )
    guarded = _guarded(change.desired, context, guards)
    return [*guarded, gone, made, *(dataclasses.replace(d, phase=Phase.CONTRACT) for d in rest)]


def _owned(sequence: Sequence, table: Table) -> bool:
    """Whether it would go with the table."""
    schema, name = table.address.path
    return sequence.address.path[0] == schema and sequence.owned_by is not None and sequence.owned_by[0] == name


def _shape(table: Table) -> str:
    return f"partitioned by {table.partition_by}" if table.partition_by is not None else "a table without partitions"
