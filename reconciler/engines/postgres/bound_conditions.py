"""What a bound says about rows, as a condition that the server draws its own constraint from (row 86 of the catalogue).

A validated check that says it spares ATTACH PARTITION the reading of the partition; one that says the opposite spares
it that of a DEFAULT partition (tablecmds.c, ConstraintImpliedByRelConstraint; measured on 15 and 18).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.engines.postgres.inheritance import table_at
from reconciler.engines.postgres.partitioning import Bound, PartitionKey
from reconciler.engines.postgres.quoting import ident, literal, qualified
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.kind import Context

if TYPE_CHECKING:
    from reconciler.engines.postgres.kinds.table import Table


def condition(table: Table, context: Context) -> str | None:
    """What its bound says, and what the bounds of its parents say that are partitions themselves: ATTACH looks for all
    of that. None where that cannot be told, as for a DEFAULT partition.
    """
    own = of_bound(table, context.desired)
    parent = _parent(table, context.desired)
    if own is None or parent is None or parent.partition_of is None:
        return own
    above = condition(parent, context)
    return None if above is None else f"{own} AND {above}"


def of_bound(table: Table, catalog: Catalog) -> str | None:
    """What its own bound says: by the rules of partbounds.c for one column and for hashes, by what the server said of
    it for the rest.
    """
    parent, bound = _parent(table, catalog), table.bound
    key = parent.partition_by if parent is not None else None
    if parent is None or key is None or bound is None or bound.strategy == "default":
        return None
    if bound.strategy == "hash":
        return _hashed(parent.address, key, bound)
    if any(p.collation for p in key.parts):  # the text says nothing of it, so a check of that text is another one
        return None
    if len(key.parts) > 1 or not key.parts[0].column or key.parts[0].opclass:
        return table.within
    name = ident(key.parts[0].column)
    return _between(name, bound) if bound.strategy == "range" else _listed(name, bound)


def _parent(table: Table, catalog: Catalog) -> Table | None:
    return table_at(catalog, table.address.sibling("table", table.partition_of or ("", "")))


def _hashed(parent: Address, key: PartitionKey, bound: Bound) -> str:
    parts = (ident(p.column) if p.expression is None else f"({p.expression.source})" for p in key.parts)
    table = f"{literal(qualified(*parent.path))}::regclass"
    return f"satisfies_hash_partition({table}, {bound.modulus}, {bound.remainder}, {', '.join(parts)})"


def _between(key: str, bound: Bound) -> str:
    low, high = bound.values[0].source, bound.upper[0].source
    ends = [f"{key} >= {low}"] if low != "MINVALUE" else []
    ends += [f"{key} < {high}"] if high != "MAXVALUE" else []
    return " AND ".join([f"{key} IS NOT NULL", *ends])


def _listed(key: str, bound: Bound) -> str:
    values = [v.source for v in bound.values if v.source != "NULL"]
    one_of = f"{key} IN ({', '.join(values)})"
    if len(values) == len(bound.values):
        return f"{key} IS NOT NULL AND {one_of}"
    return f"({key} IS NULL OR {one_of})" if values else f"{key} IS NULL"
