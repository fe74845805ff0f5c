"""Partitions of one table whose bounds meet: what comes waits until what is there gives its values up.

Which values a bound lets in only the server can tell. Here two bounds meet unless it is plain that they do not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from decimal import Decimal, InvalidOperation
from itertools import zip_longest
from math import gcd
from typing import TYPE_CHECKING

from reconciler.engines.postgres.inheritance import children_of, foreign_children, table_at
from reconciler.engines.postgres.partitioning import Bound
from reconciler.model.address import Address
from reconciler.model.change import Action
from reconciler.model.expr import Expr
from reconciler.model.kind import Context
from reconciler.model.step import Ref

if TYPE_CHECKING:
    from reconciler.engines.postgres.kinds.foreign_table import ForeignTable
    from reconciler.engines.postgres.kinds.table import Table

_DIGITS = re.compile(r"\d")
_PLAIN = re.compile(r"'[0-9:. +-]+'")
"""A literal whose order is that of its text, among those of the same form: a date, a point in time."""


def meet(one: Bound, other: Bound) -> bool:
    """Whether some value may be within both."""
    if one.strategy != other.strategy:
        return "default" not in (one.strategy, other.strategy)
    if one.strategy == "list":
        return not {v.text for v in one.values}.isdisjoint(v.text for v in other.values)
    if one.strategy == "hash":
        return (one.remainder - other.remainder) % gcd(one.modulus, other.modulus) == 0
    if one.strategy == "range":
        return not (_ends_before(one.upper, other.values) or _ends_before(other.upper, one.values))
    return True


def _ends_before(upper: Sequence[Expr], lower: Sequence[Expr]) -> bool:
    """Whether it is plain that an upper end, which is not within, is not above a lower one."""
    for high, low in zip_longest(upper, lower):
        order = _order(high.text, low.text) if high is not None and low is not None else None
        if order != 0:
            return order == -1
    return True


def _order(one: str, other: str) -> int | None:
    """-1, 0 or 1; None where the texts do not tell."""
    if one == other:
        return 0
    if "MINVALUE" in (one, other):
        return -1 if one == "MINVALUE" else 1
    if "MAXVALUE" in (one, other):
        return 1 if one == "MAXVALUE" else -1
    try:
        first, second = Decimal(one.strip("'")), Decimal(other.strip("'"))
    except InvalidOperation:
        same = _PLAIN.fullmatch(one) and _DIGITS.sub("0", one) == _DIGITS.sub("0", other)
        return (1 if one > other else -1) if same else None
    return (first > second) - (first < second)


def vacated(table: Table | ForeignTable, context: Context) -> tuple[Ref, ...]:
    """The drafts by which other partitions give up what a partition is to hold."""
    return tuple(Ref(a, _leaving(a, context)) for a in _in_the_way(table, context))


def swaps(table: Table, context: Context) -> bool:
    """Whether it waits for others, and one of these for it, while all of them only change their bounds."""
    seen: set[Address] = set()
    waiting = list(_rebound_before(table, context))
    while waiting:
        address = waiting.pop()
        other = table_at(context.desired, address)
        if address == table.address:
            return True
        if address not in seen and other is not None:
            seen.add(address)
            waiting += _rebound_before(other, context)
    return False


def _rebound_before(table: Table, context: Context) -> Iterator[Address]:
    found = (a for a in _in_the_way(table, context) if a.kind == "table")
    return (a for a in found if _stays(a, context))


def _in_the_way(table: Table | ForeignTable, context: Context) -> Iterator[Address]:
    """Live partitions of its parent that change, and may hold now what it is to hold."""
    parent, bound = table.partition_of, table.bound
    if parent is None or bound is None:
        return
    for address in _siblings(table, parent, context):
        change = context.changes.get(address)
        live = context.live.resources[address]
        held: Bound | None = getattr(live, "bound", None)
        if change is None or held is None or address == table.address or change.action is Action.MOVE:
            continue
        leaves = change.after is None or change.changed("bound", "partition_of")
        if leaves and (meet(bound, held) or _default_before(held, table, context)):
            yield address


def _default_before(held: Bound, table: Table | ForeignTable, context: Context) -> bool:
    """Whether it joins after a DEFAULT partition left, or was that itself: the others leave beside it before."""
    live = table_at(context.live, table.address)
    was_default = live is not None and live.bound is not None and live.bound.strategy == "default"
    return was_default or (live is not None and held.strategy == "default")


def _siblings(table: Table | ForeignTable, parent: tuple[str, ...], context: Context) -> Iterator[Address]:
    yield from (table.address.sibling("table", p) for p in children_of(parent, context.live))
    yield from (table.address.sibling("foreign_table", p) for p in foreign_children(parent, context.live))


def _stays(address: Address, context: Context) -> bool:
    """Whether it is a partition of the same table before and after, and is no other table then."""
    before, after = table_at(context.live, address), table_at(context.desired, address)
    change = context.changes.get(address)
    if before is None or after is None or change is None or change.action is not Action.UPDATE:
        return False
    return before.partition_of == after.partition_of and not before.detach_pending


def _leaving(address: Address, context: Context) -> str | None:
    """The slot of the draft after which its values are free; None: all its drafts."""
    change = context.changes[address]
    if address.kind == "foreign_table":
        return "drop"
    if change.action is Action.REPLACE:
        return None
    after = table_at(context.desired, address)
    if after is None or not _stays(address, context):
        return "detach"
    return "leave" if swaps(after, context) else "rebound"
