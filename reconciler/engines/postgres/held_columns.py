"""Columns that hold rows of a table which is rewritten (`row_holders`), and what stands on them: what goes for the sake
of such a change, and comes again after it, in one transaction.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from reconciler.engines.postgres.column_names import label, table_address
from reconciler.engines.postgres.inheritance import inherited_from
from reconciler.engines.postgres.kinds.check import Check
from reconciler.engines.postgres.kinds.column import Column
from reconciler.engines.postgres.kinds.domain import Domain
from reconciler.engines.postgres.kinds.foreign_key import ForeignKey
from reconciler.engines.postgres.kinds.statistics import Statistics
from reconciler.engines.postgres.kinds.table import Table
from reconciler.engines.postgres.locks import access_exclusive
from reconciler.engines.postgres.mentions import words
from reconciler.engines.postgres.operations import sql
from reconciler.engines.postgres.quoting import qualified
from reconciler.engines.postgres.row_holders import back_to, holding, needs_place, only_default, out_of
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Action, Change
from reconciler.model.hazard import Code, hazard
from reconciler.model.kind import Context
from reconciler.model.step import Draft, Phase, Ref

Pairs = Iterator[tuple[Address, Address]]
Changes = Mapping[Address, Change[Any]]
ASIDE, BACK = "aside", "back"


def forced(changes: Changes, desired: Catalog, live: Catalog) -> Pairs:
    """(what goes and comes again, the change for whose sake): what stands on a column that becomes text, but for plain
    indexes and keys, which follow it to another type and back; what names the row type in a default, which is bound to
    it as it was; and the column itself where several changes rewrite what it holds, so that it becomes text once.
    """
    by_start = _by_start(changes, desired, live)
    held = {start: holding(start, desired, live) for start in by_start}
    times = Counter(c.address for holders in held.values() for c in holders)
    for start, found in by_start.items():
        holders = held[start]
        standing = sorted(u for c in holders for u in _standing_on(c, live))
        plain = [c for c in found if c.action is Action.UPDATE]
        steady = all(times[c.address] == 1 and _steady(c, changes, desired, live) for c in holders)
        once = len(plain) > 1 and steady and (len(plain) == len(found) or not standing)
        for change in found:
            named = _named_in_defaults(start, holders, live) if change.changed("type") else []
            aside = [c.address for c in holders] if once and change in plain else []
            yield from ((user, change.address) for user in dict.fromkeys((*standing, *named, *aside)))


def _by_start(changes: Changes, desired: Catalog, live: Catalog) -> dict[Address, list[Change[Any]]]:
    found: dict[Address, list[Change[Any]]] = {}
    for _, change in sorted(changes.items()):
        for start in _rewritten(change, desired, live):
            found.setdefault(start, []).append(change)
    return found


def _named_in_defaults(start: Address, holders: tuple[Column, ...], live: Catalog) -> list[Address]:
    users = (live.get(u, Column) for u in sorted(_users_of(live).get(start, ())))
    held = {c.address for c in holders}
    return [u.address for u in users if u is not None and u.default is not None and u.address not in held]


def _steady(holder: Column, changes: Changes, desired: Catalog, live: Catalog) -> bool:
    """Whether it can be text during several changes: it has none of its own but of its default. New columns of the
    table have a place in its rows only while nothing else happens, so they come by themselves.
    """
    alone = not any(True for _ in inherited_from(holder, desired))
    change = changes.get(holder.address)
    return holder.address in live.resources and alone and (change is None or only_default(change))


def holders_aside(change: Change[Column], context: Context) -> tuple[Column, ...]:
    """All columns that become text with this one, the outermost first; none where it is forced by something else."""
    for cause in change.causes:
        for start in _rewritten(context.changes[cause], context.desired, context.live):
            found = holding(start, context.desired, context.live)
            if change.desired in found:
                return found
    return ()


def aside(change: Change[Column], holders: tuple[Column, ...]) -> list[Draft]:
    """Text, and back: what holds it before it, and after it."""
    column, place = change.desired, holders.index(change.desired)
    why = f"{qualified(*column.table)}: every row is rewritten twice, for {label(column)} to follow what it holds"
    return [
        Draft(
            ASIDE,
            Phase.EXPAND,
            f"make {label(column)} text",
            sql(*out_of(change.live)),
            locks=access_exclusive(column.table),
            hazards=(hazard(Code.REWRITE, why),),
            reads=table_address(column),
            requires=tuple(Ref(h.address, ASIDE) for h in holders[:place]),
            removes=True,
        ),
        Draft(
            BACK,
            Phase.EXPAND,
            f"make {label(column)} of its text",
            sql(*back_to(column)),
            locks=access_exclusive(column.table),
            requires=tuple(Ref(h.address, BACK) for h in holders[place + 1 :]),
            provides=True,
        ),
    ]


def _rewritten(change: Change[Any], desired: Catalog, live: Catalog) -> Iterator[Address]:
    """The tables and domains that a change is refused for while others hold rows or values of them."""
    if change.after is None or (change.before is None and change.address.kind != "column"):
        return
    table = change.address.sibling("table", change.address.path[:2])
    match change.after:
        case Column() as column:
            retyped = change.action is Action.REPLACE or change.changed("type", "collation")
            if table in live.resources and (needs_place(column, desired) if change.before is None else retyped):
                yield table
        case Table() if change.changed("unlogged", "access_method"):
            yield table
        case Domain() as domain:
            there = {r for r in change.live.checks if r.validated}
            if (domain.not_null and not change.live.not_null) or {r for r in domain.checks if r.validated} - there:
                yield change.address


def _standing_on(column: Column, live: Catalog) -> set[Address]:
    here, name = table_address(column), column.address.name
    users = set(_users_of(live).get(column.address, ()))
    users |= {c.address for c in live.children(here, "check", Check) if name in c.columns}
    users |= {k.address for k in live.children(here, "foreign_key", ForeignKey) if name in k.columns}
    users |= {s.address for s in live.of_kind(Statistics) if s.table == column.table and name in _said(s)}
    return {u for u in users if u != column.address and u in live.resources}


def _said(statistics: Statistics) -> set[str]:
    return {word for e in statistics.expressions for word in words(e.source)}


@lru_cache(maxsize=2)
def _users_of(live: Catalog) -> Mapping[Address, list[Address]]:
    found: dict[Address, list[Address]] = {}
    for user, used in live.uses.items():
        for address in used:
            found.setdefault(address, []).append(user)
    return found
