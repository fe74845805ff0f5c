"""Random tables, columns and checks: their attributes as a server could have them beside each other."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from hypothesis import strategies as st

from reconciler.engines.postgres import storage_options
from reconciler.engines.postgres.column_parts import LIMITS, Generated, Identity, defaults
from reconciler.engines.postgres.column_settings import COMPRESSION, STORAGE
from reconciler.engines.postgres.index_parts import Part
from reconciler.engines.postgres.kinds.check import Check
from reconciler.engines.postgres.kinds.column import Column
from reconciler.engines.postgres.kinds.table import Table
from reconciler.engines.postgres.partitioning import DEFAULT, STRATEGIES, Bound, PartitionKey
from reconciler.engines.postgres.partitioning import LIMITS as ENDS
from reconciler.engines.postgres.quoting import literal
from reconciler.model.expr import Expr
from reconciler.model.resource import Resource
from tests.strategies.values import TYPES, address, collations, expressions, names, texts

FIXED = (*sorted(LIMITS), "timestamp with time zone", "timestamp(3) with time zone", "uuid", "boolean", "date")
PLAIN = frozenset((*FIXED, "interval", "time without time zone"))
"""Types whose values have a fixed length: they are never compressed, nor kept elsewhere."""
PARAMETERS = {
    "fillfactor": ("10", "70"),
    "autovacuum_enabled": ("true", "false"),
    "autovacuum_vacuum_scale_factor": ("0.01", "1e-05"),
    "parallel_workers": ("0", "4"),
    "user_catalog_table": ("true",),
    "toast.autovacuum_enabled": ("false",),
    "toast.autovacuum_freeze_max_age": ("100000", "2000000000"),
}
SAMPLES = {"n_distinct": ("-0.5", "100", "-1"), "n_distinct_inherited": ("0", "1e+06")}
SHAPE = ("partition_of", "bound", "inherits", "of_type")
"""What makes a table a partition, a child or one of a type; it is only one of these."""
SHAPES = ("plain", "partition", "child", "typed")
paths = st.tuples(names, names)


@st.composite
def options(draw: st.DrawFn, known: dict[str, tuple[str, ...]]) -> storage_options.Options:
    """Some parameters, each with one of its values."""
    chosen = draw(st.lists(st.sampled_from(sorted(known)), max_size=2, unique=True))
    return tuple(sorted((name, draw(st.sampled_from(known[name]))) for name in chosen))


@st.composite
def partition_keys(draw: st.DrawFn) -> PartitionKey:
    """PARTITION BY of columns and expressions, only one where it is by list."""
    strategy = draw(st.sampled_from(sorted(STRATEGIES.values())))
    columns = st.builds(Part, names, st.none(), st.sampled_from(["", "text_pattern_ops"]), collations)
    parts = st.lists(columns | expressions.map(partial(Part, "")), min_size=1, max_size=1 if strategy == "list" else 3)
    return PartitionKey(strategy, tuple(draw(parts)))


literals = texts.map(literal) | st.integers(-5, 2**63).map(str) | st.sampled_from(["'a'", "1.5", "true", "'maxvalue'"])
bound_values = literals.map(Expr)


@st.composite
def bounds(draw: st.DrawFn, strategy: str, width: int = 1) -> Bound:
    """Of a partition of a table that is partitioned so; DEFAULT too, which hash has not."""
    if strategy == "hash":
        modulus = draw(st.integers(1, 100))
        return Bound("hash", modulus=modulus, remainder=draw(st.integers(0, modulus - 1)))
    if draw(st.integers(0, 3)) == 0:
        return DEFAULT
    if strategy == "list":
        values = bound_values | st.just(Expr("NULL"))
        return Bound("list", tuple(draw(st.lists(values, min_size=1, max_size=3, unique_by=lambda v: v.source))))
    ends = st.tuples(*[bound_values | st.sampled_from([Expr(e.upper()) for e in ENDS])] * width)
    return Bound("range", draw(ends), draw(ends))


@st.composite
def shapes(draw: st.DrawFn, shape: str) -> dict[str, Any]:
    """The fields of `SHAPE`."""
    found: dict[str, Any] = {"partition_of": None, "bound": None, "inherits": (), "of_type": None}
    if shape == "partition":
        found["partition_of"] = draw(paths)
        strategy = draw(st.sampled_from(sorted(STRATEGIES.values())))
        found["bound"] = draw(bounds(strategy, draw(st.integers(1, 2))))
    elif shape == "child":
        found["inherits"] = tuple(draw(st.lists(paths, min_size=1, max_size=2, unique=True)))
    elif shape == "typed":
        found["of_type"] = draw(paths)
    return found


identities_of_rows = st.sampled_from([(), ("full",), ("nothing",)]) | names.map(lambda name: ("index", name)).map(
    tuple[str, ...]
)


@st.composite
def tables(draw: st.DrawFn, shape: str = "") -> Table:
    """A table; of that shape, if one is given."""
    where = address("table", draw(names), draw(names))
    table = Table(
        where,
        draw(st.booleans()),
        draw(st.none() | partition_keys()),
        access_method=draw(st.just("") | names),
        tablespace=draw(st.just("") | names),
        options=draw(options(PARAMETERS)),
        replica_identity=draw(identities_of_rows),
        clustered_on=draw(st.just("") | names),
        **draw(shapes(shape or draw(st.sampled_from(SHAPES)))),
    )
    return as_possible(table)


def as_possible(table: Table) -> Table:
    """Without what a partitioned table cannot have, which holds no rows (CREATE TABLE)."""
    if table.partition_by is None or table.inherits:
        return replace(table, partition_by=None)
    return replace(table, unlogged=False, options=(), clustered_on="")


@st.composite
def identities(draw: st.DrawFn, kind: str, generated: tuple[str, ...]) -> Identity:
    """Options that a sequence of the type can have."""
    increment = draw(st.integers(-5, 5).filter(bool))
    base = defaults(draw(st.sampled_from(generated)), kind, increment)
    if draw(st.booleans()):
        return base
    low = draw(st.integers(1, 100) if increment > 0 else st.integers(-100, -50))
    high = draw(st.integers(200, LIMITS[kind]) if increment > 0 else st.integers(-20, -1))
    start = draw(st.integers(low, high))
    cache, cycle = draw(st.integers(1, 50)), draw(st.booleans())
    return Identity(base.generated, start, increment, low, high, cache, cycle)


@st.composite
def columns(draw: st.DrawFn) -> Column:
    """A column that is filled in one way at most, and stored in ways that its type allows."""
    where = address("column", draw(names), draw(names), draw(names))
    filled = draw(st.sampled_from(["nothing", "default", "identity", "generated"]))
    kind = draw(st.sampled_from(sorted(LIMITS) if filled == "identity" else TYPES))
    required = filled == "identity" or draw(st.booleans())
    long = kind not in PLAIN
    return Column(
        where,
        kind,
        required,
        draw(expressions) if filled == "default" else None,
        draw(identities(kind, ("always", "by_default"))) if filled == "identity" else None,
        Generated(draw(expressions), draw(st.booleans())) if filled == "generated" else None,
        draw(collations) if filled != "identity" else None,
        not_null_valid=not required or filled == "identity" or draw(st.booleans()),
        not_null_no_inherit=required and draw(st.booleans()),
        not_null_name=draw(st.just("") | names) if required else "",
        storage=draw(st.sampled_from(["", *STORAGE.values()])) if long else "",
        compression=draw(st.sampled_from(["", *COMPRESSION.values()])) if long else "",
        statistics=draw(st.just(-1) | st.integers(0, 10000)),
        options=draw(options(SAMPLES)),
    )


@st.composite
def checks(draw: st.DrawFn) -> Check:
    """A check; one that is not enforced is not validated either."""
    where = address("check", draw(names), draw(names), draw(names))
    enforced = draw(st.booleans())
    return Check(where, draw(expressions), draw(st.booleans()), enforced and draw(st.booleans()), enforced)


def possible(resource: Resource) -> bool:
    """Whether the attributes of a table, column or check go together."""
    match resource:
        case Table():
            whole = as_possible(resource) == resource and (resource.bound is None) == (resource.partition_of is None)
            whole = whole and (resource.partition_of is not None or not resource.detach_pending)
            return whole and sum(map(bool, (resource.partition_of, resource.inherits, resource.of_type))) < 2
        case Column():
            filled = sum(v is not None for v in (resource.default, resource.identity, resource.generated))
            counted = resource.identity is None or (resource.type in LIMITS and resource.not_null)
            kept = resource.type not in PLAIN or not (resource.storage or resource.compression)
            required = resource.not_null or (
                resource.not_null_valid and not (resource.not_null_no_inherit or resource.not_null_name)
            )
            return filled < 2 and counted and kept and required
        case Check():
            return resource.enforced or not resource.validated
    return True
