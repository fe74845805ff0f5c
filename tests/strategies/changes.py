"""One resource before and after one attribute of it changes, and what has to be there beside it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

from hypothesis import assume
from hypothesis import strategies as st

from reconciler.engines.postgres.composite_changes import Attribute
from reconciler.engines.postgres.index_parts import Part
from reconciler.engines.postgres.kinds.check import Check
from reconciler.engines.postgres.kinds.column import Column
from reconciler.engines.postgres.kinds.composite import Composite
from reconciler.engines.postgres.kinds.extension import Extension
from reconciler.engines.postgres.kinds.foreign_key import ForeignKey
from reconciler.engines.postgres.kinds.index import Index
from reconciler.engines.postgres.kinds.table import Table
from reconciler.engines.postgres.partitioning import Bound, PartitionKey
from reconciler.model.resource import Resource
from tests.strategies.resources import RESOURCES
from tests.strategies.tables import SHAPE, SHAPES, bounds, possible, tables


class Pair(NamedTuple):
    """The resource before and after, and what stays the same beside it."""

    before: Resource
    after: Resource
    beside: tuple[Resource, ...]


NOT_NULL = ("not_null", "not_null_valid", "not_null_no_inherit", "not_null_name")
TOGETHER = {
    # a partition has a bound, and is neither a child nor of a type
    **{("table", name): SHAPE for name in SHAPE},
    # a check that is not enforced is not validated (pg_constraint)
    ("check", "enforced"): ("enforced", "validated"),
    ("check", "validated"): ("enforced", "validated"),
    # NO INHERIT and NOT VALID are said of a NOT NULL constraint that is there
    **{("column", name): NOT_NULL for name in NOT_NULL},
    # an expression alone has a statistics target of its own
    ("index", "statistics"): ("parts", "uses", "statistics"),
    # one that is on some partitions only is not valid
    ("index", "partitions"): ("partitions", "valid"),
    # nor is a foreign key
    ("foreign_key", "enforced"): ("enforced", "validated"),
    ("foreign_key", "validated"): ("enforced", "validated"),
    # a key over periods has a column beside that
    ("primary_key", "columns"): ("columns", "without_overlaps"),
    ("primary_key", "without_overlaps"): ("columns", "without_overlaps"),
    ("unique", "columns"): ("columns", "without_overlaps"),
    ("unique", "without_overlaps"): ("columns", "without_overlaps"),
}
"""Attributes of which one cannot change without the others."""
LACKING = ("valid",)
"""What every declared one has: only a live one may lack it."""


@st.composite
def changes(draw: st.DrawFn, kind: str, attribute: str) -> Pair:
    """Another value of one attribute, and of those that cannot be the same then."""
    if (kind, attribute) == ("table", "bound") and draw(st.booleans()):
        return draw(rebound())
    before, other = draw(_of(kind, attribute)), draw(_of(kind, attribute))
    if attribute == "detach_pending":  # which no declared one is
        before, other = replace(before, detach_pending=True), before
    if (kind, attribute) == ("index", "partitions"):
        before, other = replace(before, valid=False, partitions=(("app", "t_1"),)), before
    if attribute in LACKING or attribute == "local":
        lacking: dict[str, Any] = {attribute: False}
        before, other = replace(before, **lacking), before
        if attribute == "local" and draw(st.booleans()):
            before, other = other, before
    if isinstance(before, ForeignKey) and isinstance(other, ForeignKey):
        assume(len(before.columns) == len(other.columns))
    if isinstance(before, Extension):  # what a declaration leaves open is what is there
        assume(None not in (getattr(before, attribute), getattr(other, attribute)))
    after = replace(before, **{n: getattr(other, n) for n in TOGETHER.get((kind, attribute), (attribute,))})
    assume(getattr(after, attribute) != getattr(before, attribute) and possible(before) and possible(after))
    return Pair(before, after, _all_beside(before, after, attribute))


def _of(kind: str, attribute: str) -> st.SearchStrategy[Any]:
    """Of the shapes that have the attribute, or else do not."""
    having = {"partition_of": "partition", "bound": "partition", "inherits": "child", "of_type": "typed"}
    having["detach_pending"] = "partition"
    if kind == "table" and attribute in having:
        return st.sampled_from([having[attribute], *SHAPES]).flatmap(tables)
    return RESOURCES[kind]


@st.composite
def rebound(draw: st.DrawFn) -> Pair:
    """A partition that stays with its parent, with other rows."""
    before = draw(tables("partition"))
    strategy = before.bound.strategy if before.bound is not None else ""
    width = len(before.bound.values) if before.bound is not None else 0
    after = replace(before, bound=draw(bounds("range" if strategy == "default" else strategy, max(width, 1))))
    assume(after.bound != before.bound)
    return Pair(before, after, _all_beside(before, after, "bound"))


def _all_beside(before: Resource, after: Resource, attribute: str) -> tuple[Resource, ...]:
    itself = before.address
    found = {r.address: r for one in (before, after) for r in beside(one, attribute == "local") if r.address != itself}
    if isinstance(before, Table) and isinstance(after, Table):
        for table in sorted((before, after), key=lambda t: t.bound is not None and t.bound.strategy != "default"):
            found |= {p.address: p for p in _parents(table)}
        assume(itself not in found)
    return tuple(found.values())


def beside(resource: Resource, inherited: bool) -> Iterator[Resource]:
    """What it refers to: the parents and the type of a table, and the indexes that it names; for what is `inherited`,
    the table that has it and the parent that it is from.
    """
    if isinstance(resource, Table):
        yield from _parents(resource)
        if resource.of_type:
            type_of = resource.address.sibling("composite", resource.of_type)
            yield Composite(type_of, (Attribute("k", "bigint"),))
        for name in {*resource.replica_identity[1:], resource.clustered_on} - {""}:
            column = resource.address.sibling("column", (*resource.address.path, "k"))
            yield Column(column, "bigint", not_null=True)
            index = resource.address.sibling("index", (*resource.address.path, name))
            yield Index(index, "btree", (Part("k"),), unique=True, uses=("k",))
    elif inherited and isinstance(resource, Column | Check):
        schema, table, name = resource.address.path
        parent = (schema, "parent" if table != "parent" else "other parent")
        above = replace(resource, address=resource.address.sibling(resource.address.kind, (*parent, name)), local=True)
        yield Table(resource.address.sibling("table", parent))
        yield above
        yield Table(resource.address.sibling("table", (schema, table)), inherits=(parent,))


def _parents(table: Table) -> Iterator[Table]:
    if table.partition_of is not None:
        yield Table(table.address.sibling("table", table.partition_of), partition_by=_key(table.bound))
    for path in table.inherits:
        yield Table(table.address.sibling("table", path))


def _key(bound: Bound | None) -> PartitionKey:
    """How a table is partitioned that has a partition with this bound."""
    strategy = "list" if bound is None or bound.strategy == "default" else bound.strategy
    width = len(bound.values) if bound is not None and strategy == "range" else 1
    return PartitionKey(strategy, tuple(Part(f"k{n}") for n in range(width)))
