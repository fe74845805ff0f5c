"""What partitions, children and typed tables have without saying so.

In a catalog every table has all of its columns and checks, those of its parents included, so that attaching, detaching
and changing compare like with like. A declaration says them once, with the parent: `complete` adds them to the
children, `implied` tells `lift` which need not be said. Indexes, keys and foreign keys of a partitioned table are the
parent's alone; the server keeps their twins on the partitions (documentation, 5.11 "Inheritance", 5.12 "Table
Partitioning", CREATE TABLE "OF type_name").
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from reconciler.engines.postgres import not_nulls
from reconciler.engines.postgres.column_parts import following
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog, Deferred, unequal
from reconciler.model.resource import Resource

if TYPE_CHECKING:
    from reconciler.engines.postgres.kinds.foreign_table import ForeignTable
    from reconciler.engines.postgres.kinds.table import Table

Path = tuple[str, ...]
Resources = Mapping[Address, Resource]
INHERITED = ("column", "check")


def parents_of(table: Table | ForeignTable | None) -> tuple[Path, ...]:
    """What it is a partition of, or inherits from, by (schema, table)."""
    if table is None:
        return ()
    return (table.partition_of,) if table.partition_of else table.inherits


def table_at(catalog: Catalog, address: Address) -> Table | None:
    """The table that something is in."""
    from reconciler.engines.postgres.kinds.table import Table

    return catalog.get(address.sibling("table", address.path[:2]), Table)


@lru_cache(maxsize=8)
def _children(catalog: Catalog) -> Mapping[Path, tuple[Path, ...]]:
    from reconciler.engines.postgres.kinds.table import Table

    found: dict[Path, list[Path]] = {}
    for table in catalog.of_kind(Table):
        for parent in parents_of(table):
            found.setdefault(parent, []).append(table.address.path)
    return {parent: tuple(sorted(paths)) for parent, paths in found.items()}


def children_of(path: Path, catalog: Catalog) -> tuple[Path, ...]:
    """Its partitions, or the tables that inherit from it, by (schema, table)."""
    return _children(catalog).get(path[:2], ())


def descendants(path: Path, catalog: Catalog) -> list[Path]:
    """All that is below it, parents first, each once."""
    found: dict[Path, None] = {}
    for child in children_of(path, catalog):
        found[child] = None
        found.update(dict.fromkeys(descendants(child, catalog)))
    return list(found)


def partitions(table: Address, catalog: Catalog) -> list[Path]:
    """What is below a partitioned table; nothing of what inherits from a plain one."""
    found = table_at(catalog, table)
    return descendants(table.path, catalog) if found is not None and found.partition_by is not None else []


@lru_cache(maxsize=8)
def _foreign(catalog: Catalog) -> Mapping[Path, tuple[Path, ...]]:
    from reconciler.engines.postgres.kinds.foreign_table import ForeignTable

    found: dict[Path, tuple[Path, ...]] = {}
    for table in catalog.of_kind(ForeignTable):
        for parent in parents_of(table):
            found[parent] = (*found.get(parent, ()), table.address.path)
    return found


def foreign_children(path: Path, catalog: Catalog) -> tuple[Path, ...]:
    """The foreign tables that are its partitions, or inherit from it."""
    return _foreign(catalog).get(path[:2], ())


def foreign_descendants(path: Path, catalog: Catalog) -> list[Path]:
    """The foreign tables that are partitions of it or inherit from it, or do so from what is below it; each once."""
    known, found = _foreign(catalog), dict[Path, None]()
    waiting = [path[:2], *descendants(path, catalog)] if known else []
    while waiting:
        below = [f for f in known.get(waiting.pop(), ()) if f not in found]
        found.update(dict.fromkeys(below))
        waiting += below
    return sorted(found)


def inherited_from(resource: Any, catalog: Catalog) -> Iterator[Address]:
    """The column or check of each parent that makes this one, or changes it along with its own."""
    for path in parents_of(table_at(catalog, resource.address)):
        above = resource.address.sibling(resource.address.kind, (*path, resource.address.name))
        if above in catalog.resources:
            yield above


def complete(resources: dict[Address, Resource]) -> None:
    """Add to declared tables, in place, the columns and checks that they have without saying so, in the order of the
    parents; and make the columns of primary keys not null.
    """
    from reconciler.engines.postgres.kinds.table import Table

    tables = {a.path: r for a, r in resources.items() if isinstance(r, Table)}
    children = [t for t in _parents_first(tables) if parents_of(t) or t.of_type]
    inside: dict[tuple[str, Path], list[Address]] = {}
    if children:
        for address in resources:
            if address.kind in INHERITED:
                inside.setdefault((address.kind, address.path[:2]), []).append(address)
    for table in tables.values():
        _require_key(table.address, resources)
    for table in children:
        for kind in INHERITED:
            key = (kind, table.address.path)
            inside[key] = _filled(table, kind, inside, resources)
        _require_key(table.address, resources)


def _require_key(table: Address, resources: dict[Address, Resource]) -> None:
    from reconciler.engines.postgres.kinds.column import Column
    from reconciler.engines.postgres.kinds.primary_key import PrimaryKey

    key = resources.get(table.sibling("primary_key", table.path))
    for name in key.columns if isinstance(key, PrimaryKey) else ():
        column = resources.get(table.sibling("column", (*table.path, name)))
        if isinstance(column, Column) and not column.not_null:
            resources[column.address] = replace(column, not_null=True, said=(*column.said, "not_null"))


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
    table: Table, kind: str, inside: Mapping[tuple[str, Path], list[Address]], resources: dict[Address, Resource]
) -> list[Address]:
    """The child's addresses in order: what it has from its parents, then its own."""
    own = {a.name: resources.pop(a) for a in inside.get((kind, table.address.path), [])}
    parents = (p for p in parents_of(table) if p != table.address.path)  # it is told by `circles`
    above = (a for p in parents for a in inside.get((kind, p), ()))
    passed = [p for a in above if (p := passed_on(resources[a], table.address)) is not None]
    passed += _of_type(table, resources) if kind == "column" else []
    found: dict[str, Resource] = {}
    for resource in passed:
        earlier = found.get(resource.address.name)
        found[resource.address.name] = joined(earlier, resource) if earlier is not None else resource
    found = {name: _said(own.pop(name, None), resource, table) for name, resource in found.items()} | own
    resources.update({r.address: r for r in found.values()})
    return [r.address for r in found.values()]


def passed_on(resource: Any, table: Address) -> Any:
    """What a child gets of a parent's column or check; None where it stays with the parent."""
    here = table.sibling(resource.address.kind, (*table.path[:2], resource.address.name))
    if resource.address.kind == "check":
        return None if resource.no_inherit else replace(resource, address=here, local=False)
    return replace(
        resource,
        address=here,
        identity=None,
        **not_nulls.passed_on(resource),
        statistics=-1,
        options=(),
        local=False,
        said=(),
    )


def _of_type(table: Table, resources: Resources) -> list[Any]:
    """The columns of a typed table; its own as far as a declaration is concerned."""
    from reconciler.engines.postgres.kinds.column import Column
    from reconciler.engines.postgres.kinds.composite import Composite

    kind = resources.get(table.address.sibling("composite", table.of_type)) if table.of_type else None
    if not isinstance(kind, Composite):
        return []
    place = table.address.path
    return [
        Column(table.address.sibling("column", (*place, a.name)), a.type, collation=a.collation)
        for a in kind.attributes
    ]


def joined(first: Any, second: Any) -> Any:
    """What two parents pass on: the first one's; not null, enforced and valid where either says so."""
    if first.address.kind == "check":
        either = {n: getattr(first, n) or getattr(second, n) for n in ("enforced", "validated")}
        return replace(first, **either)
    return replace(first, **not_nulls.joined(first, second), default=first.default or second.default)


def _said(own: Any, passed: Any, table: Table) -> Any:
    """What is declared goes before what comes from the parents."""
    if own is None:
        return passed
    if own.address.kind == "check":
        if not own.expression.source:
            return replace(passed, **{n: getattr(own, n) for n in own.said})
        return replace(own, local=table.partition_of is None)
    names = [n for n in own.said if n != "type" or table.partition_of is None]
    local = passed.local or ("type" in own.said and table.partition_of is None)
    taken = {n: getattr(own, n) for n in own.said}
    taken |= {"local": local, "said": own.said, "not_null_local": own.not_null_local}
    if "not_null" in own.said:
        taken |= not_nulls.of_its_own(own)
    if "generated" in names or "identity" in names:
        taken["default"] = None
    if own.identity is not None and not own.type:
        taken["identity"] = following(own.identity, "bigint", passed.type)
    return replace(passed, **taken)


def base(resource: Any, catalog: Catalog) -> Any:
    """What the table would have under this name if its declaration did not mention it; None: nothing."""
    table = table_at(catalog, resource.address)
    if table is None or not (table.partition_of or table.inherits or table.of_type):
        return None
    found = None
    for path in parents_of(table):
        above = catalog.resources.get(resource.address.sibling(resource.address.kind, (*path, resource.address.name)))
        passed = passed_on(above, table.address) if above is not None else None
        if passed is not None:
            found = joined(found, passed) if found is not None else passed
    if found is None and resource.address.kind == "column":
        typed = [c for c in _of_type(table, catalog.resources) if c.address == resource.address]
        found = typed[0] if typed else None
    return found


def implied(resource: Any, catalog: Catalog) -> bool:
    """Whether a column or check says no more than its parents do, so that a declaration leaves it out."""
    return bool(base(resource, catalog) == resource)


def orphaned(resources: Resources) -> Iterable[Address]:
    """Declared columns without a type, and checks without a condition, that nothing completes."""
    for address, resource in resources.items():
        said = {"column": "type", "check": "expression"}.get(address.kind)
        if said is not None and not str(getattr(resource, said)):
            yield address


def circles(catalog: Catalog) -> Iterator[tuple[Address, str, str]]:
    """Tables that inherit from themselves, by way of others too: (table, message, hint)."""
    from reconciler.engines.postgres.kinds.table import Table

    above = {t.address.path: parents_of(t) for t in catalog.of_kind(Table)}
    for table in catalog.of_kind(Table):
        seen, work = set[Path](), list(above[table.address.path])
        while work and table.address.path not in seen:
            path = work.pop()
            work += above.get(path, ()) if path not in seen else ()
            seen.add(path)
        if table.address.path in seen:
            yield table.address, f"{table.address} inherits from itself", "name another parent, or none"


def checked_before(declared: Catalog, live: Catalog) -> Iterator[Resource]:
    """What a child has of its parents may be checked in its rows already, though in theirs it is not: so it stays."""
    for address in unequal(declared, live):
        here: Any = declared.resources[address]
        there = live.resources.get(address)
        flag = {"column": "not_null_valid", "check": "validated"}.get(address.kind)
        if there is None or flag is None or getattr(here, flag) or not getattr(there, flag) or _says(here):
            continue
        if not getattr(here, "enforced", True):
            continue
        above = (passed_on(live.resources[a], address) for a in inherited_from(there, live))
        passed = [p for p in above if p is not None and getattr(p, "not_null", True)]
        if passed and not any(getattr(p, flag) for p in passed):
            yield replace(here, **{flag: True})


def _says(resource: Any) -> bool:
    """Whether it is declared how far it is checked."""
    return bool({"not_null", "validated"} & set(resource.said)) or (resource.address.kind == "check" and resource.local)


def one_key(declared: Catalog, live: Catalog) -> Catalog:
    """Without the primary keys of partitions that a partitioned table above has too: the server knows one for all. What
    is there by itself, of a table to be attached, stays until it is a part of that.
    """
    keys = [a for a in unequal(declared, live) if a.kind == "primary_key" and a not in live.resources]
    said = {a for a in keys if _key_above(a, declared) == getattr(declared.resources[a], "columns", ())}
    return declared.with_resources({a: r for a, r in declared.resources.items() if a not in said}) if said else declared


def _key_above(key: Address, catalog: Catalog) -> tuple[str, ...] | None:
    table = table_at(catalog, key)
    while table is not None and table.partition_of is not None:
        above = key.sibling("primary_key", table.partition_of)
        if above in catalog.resources:
            return tuple(getattr(catalog.resources[above], "columns", ()))
        table = table_at(catalog, above)
    return None


def own_for_good(declared: Catalog, live: Catalog) -> list[Deferred]:
    """Columns and checks that are declared the parents' alone, and live are the child's too. NO INHERIT and INHERIT
    leave a column so (measured on 15 and 18): only dropping it with its values, or the table, takes that back. A check
    could go from both and come again, for which all rows would be read; it means the same as long as the parent stays.
    What is in a partition is its parent's alone once it is attached (tablecmds.c, MergeAttributesIntoExisting).
    """
    reason = "it is the child's own beside its parents', and is left so: it outlives theirs"
    inherited = (a for a in unequal(declared, live) if a.kind in INHERITED and a in live.resources)
    return [
        Deferred(a, reason)
        for a in inherited
        if _more_its_own(live.resources[a], declared.resources[a])
        if not getattr(table_at(declared, a), "partition_of", None)
    ]


def _more_its_own(live: Any, declared: Any) -> bool:
    """Whether it, or its NOT NULL under a name of its own, is the child's too, and declared the parents' alone."""
    if live.local and not declared.local:
        return True
    named = getattr(live, "not_null_local", False) and live.not_null_name != declared.not_null_name
    return named and declared.not_null and not declared.not_null_local
