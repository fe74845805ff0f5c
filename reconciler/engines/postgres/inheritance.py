"""What partitions and children have from their parents, and whose change it is.

In a catalog every table has all of its columns and checks, its parents' included, so that attaching, detaching and
changing compare like with like. A declaration says them once, with the parent: `complete` adds them to the children,
`implied` tells `lift` which need not be said. Indexes, keys and foreign keys of a partitioned table are the parent's
alone; the server keeps their twins on the partitions (DDL documentation, 5.11 "Inheritance", 5.12 "Partitioning").
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Action, Change
from reconciler.model.kind import Context, Emit
from reconciler.model.resource import Resource

if TYPE_CHECKING:
    from reconciler.engines.postgres.kinds.column import Column
    from reconciler.engines.postgres.kinds.table import Table

Path = tuple[str, ...]
INHERITED = ("column", "check")
RECURSES = frozenset({"type", "collation", "not_null", "not_null_valid", "generated", "validated"})
"""Attributes that ALTER TABLE always changes in the children as well."""


def parents_of(table: Table | None) -> tuple[Path, ...]:
    """What it is a partition of, or inherits from."""
    if table is None:
        return ()
    return (table.partition_of,) if table.partition_of else table.inherits


def table_at(catalog: Catalog, path: Path, like: Address) -> Table | None:
    """The table of a path."""
    from reconciler.engines.postgres.kinds.table import Table

    return catalog.get(like.sibling("table", path[:2]), Table)


@lru_cache(maxsize=8)
def _children(catalog: Catalog) -> Mapping[Path, tuple[Path, ...]]:
    from reconciler.engines.postgres.kinds.table import Table

    found: dict[Path, list[Path]] = {}
    for table in catalog.of_kind(Table):
        for parent in parents_of(table):
            found.setdefault(parent, []).append(table.address.path)
    return {parent: tuple(paths) for parent, paths in found.items()}


def children_of(path: Path, catalog: Catalog) -> tuple[Path, ...]:
    """Its partitions, or the tables that inherit from it, by (schema, table)."""
    return _children(catalog).get(path[:2], ())


def descendants(path: Path, catalog: Catalog) -> Iterator[Path]:
    """All that is below it, parents first."""
    for child in children_of(path, catalog):
        yield child
        yield from descendants(child, catalog)


def rows_of(path: Path, catalog: Catalog, name: str) -> str:
    """What to read to see its rows: those of its children are its own to check."""
    return name if children_of(path, catalog) else f"ONLY {name}"


# Declaring: what the children have without saying so


def complete(resources: dict[Address, Resource]) -> None:
    """Add to every declared child the columns and checks of its parents, in place. Columns take the parent's order."""
    from reconciler.engines.postgres.kinds.table import Table

    tables = {a.path: r for a, r in resources.items() if isinstance(r, Table)}
    if not any(parents_of(t) for t in tables.values()):
        return
    inside: dict[tuple[str, Path], list[Address]] = {}
    for address in resources:
        if address.kind in INHERITED:
            inside.setdefault((address.kind, address.path[:2]), []).append(address)
    for table in _parents_first(tables):
        for kind in INHERITED:
            above = [a for p in parents_of(table) for a in inside.get((kind, p), ())]
            if above:
                key = (kind, table.address.path)
                inside[key] = _filled(table, above, inside.get(key, []), resources)


def _parents_first(tables: Mapping[Path, Table]) -> Iterator[Table]:
    done: set[Path] = set()

    def visit(path: Path) -> Iterator[Table]:
        if path in done or path not in tables:
            return
        done.add(path)
        for parent in parents_of(tables[path]):
            yield from visit(parent)
        yield tables[path]

    for path in tables:
        yield from visit(path)


def _filled(
    table: Table, above: Iterable[Address], own: list[Address], resources: dict[Address, Resource]
) -> list[Address]:
    """The child's addresses in order: what it has from its parents, then its own."""
    declared = {a.name: resources.pop(a) for a in own}
    found: dict[str, Resource] = {}
    for address in above:
        here = address.sibling(address.kind, (*table.address.path, address.name))
        passed = _passed_on(resources[address], here)
        if passed is not None:
            found[address.name] = _merged(declared.get(address.name), found.get(address.name), passed, table)
    found.update({name: resource for name, resource in declared.items() if name not in found})
    resources.update({r.address: r for r in found.values()})
    return [r.address for r in found.values()]


def _passed_on(resource: Resource, here: Address) -> Resource | None:
    """What a child gets of it; None where it stays with the parent."""
    from reconciler.engines.postgres.kinds.check import Check
    from reconciler.engines.postgres.kinds.column import Column

    if isinstance(resource, Column):
        kept = resource.not_null and resource.not_null_inherits
        return replace(resource, address=here, identity=None, not_null=kept, not_null_name=None, inherited=True)
    if isinstance(resource, Check):
        return None if resource.no_inherit else replace(resource, address=here, inherited=True)
    return None


def _merged(declared: Resource | None, earlier: Resource | None, passed: Resource, table: Table) -> Resource:
    """What is declared goes before what comes from a parent, the first parent before the next."""
    from reconciler.engines.postgres.kinds.column import Column

    chosen = declared or earlier or passed
    if isinstance(chosen, Column) and isinstance(passed, Column):
        if not chosen.type:
            return replace(
                passed, not_null=passed.not_null or chosen.not_null, default=chosen.default or passed.default
            )
        return replace(
            chosen,
            not_null=chosen.not_null or passed.not_null,
            inherited=chosen.inherited or table.partition_of is not None,
        )
    return replace(chosen, inherited=True) if table.partition_of else chosen  # type: ignore[call-arg]


def implied(resource: Any, catalog: Catalog) -> bool:
    """Whether a column or check says no more than its parents do, so that a declaration leaves it out."""
    table = table_at(catalog, resource.address.path, resource.address)
    parents = parents_of(table)
    if not parents or not (resource.inherited or (table and table.partition_of)):
        return False
    above = [resource.address.sibling(resource.address.kind, (*p, resource.address.name)) for p in parents]
    said = [catalog.resources[a] for a in above if a in catalog.resources]
    passed = [p for s in said if (p := _passed_on(s, resource.address)) is not None]
    if not passed or table is None:
        return False
    merged = passed[0]
    for other in passed[1:]:
        merged = _merged(None, merged, other, table)
    return bool(merged == resource)


# Planning: a parent's change reaches the children


def shared_parents(change: Change[Any], context: Context) -> Iterator[Address]:
    """The same thing in the parents that the table has before and after the plan."""
    address = change.address
    before = parents_of(table_at(context.live, address.path, address))
    after = parents_of(table_at(context.desired, address.path, address))
    for path in before:
        parent = address.sibling("table", path)
        if path in after and not context.creates(parent) and not context.deletes(parent):
            yield address.sibling(address.kind, (*path, *address.path[2:]))


def handed_down(change: Change[Any], context: Context) -> bool:
    """The parent's own step does it: its column or check is added, dropped or replaced in the children as well."""
    for address in shared_parents(change, context):
        above = context.changes.get(address)
        if above is not None and above.action is change.action and change.action is not Action.UPDATE:
            return change.action is not Action.DELETE or not _kept_local(change, context)
    return False


def _kept_local(change: Change[Any], context: Context) -> bool:
    """A child that declares it by itself keeps it when the parent drops it."""
    table = table_at(context.live, change.address.path, change.address)
    return not change.live.inherited and not (table is not None and table.partition_of)


def recursive(*attributes: str, emit: Emit[Any]) -> Emit[Any]:
    """The emitter of a rule over these attributes, silent where the parent's step changes them in the child as well."""

    def emitted(change: Change[Any], context: Context) -> Any:
        mine = {a for a in change.attributes if a.name in attributes}
        for address in shared_parents(change, context):
            above = context.changes.get(address)
            if above is not None and mine <= {a for a in above.attributes if goes_down(above, a.name, context)}:
                return []
        return emit(change, context)

    return emitted


def goes_down(change: Change[Any], name: str, context: Context) -> bool:
    """Whether changing this attribute changes it in all children: it has to, or all of them want the same."""
    if name in RECURSES:
        return True
    if name != "default":
        return False
    wanted = [a for a in change.attributes if a.name == name]
    for path in descendants(change.address.path, context.live):
        below = context.changes.get(change.address.sibling(change.address.kind, (*path, *change.address.path[2:])))
        if below is None or [a for a in below.attributes if a.name == name] != wanted:
            return False
    return True


def column_table(column: Column, name: str, context: Context, change: Change[Column]) -> str:
    """The table of ALTER COLUMN … DEFAULT: ONLY it where the children keep theirs."""
    has = children_of(column.address.path, context.live)
    return f"ONLY {name}" if has and not goes_down(change, "default", context) else name
