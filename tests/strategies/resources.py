"""Random PostgreSQL resources.

`RESOURCES` draws one resource of a kind with any values that its declaration can say and that go together, names of
every sort included; what it refers to need not be there.
"""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import strategies as st

from reconciler.engines.postgres.column_parts import LIMITS
from reconciler.engines.postgres.index_parts import Part
from reconciler.engines.postgres.kinds.enum import Enum
from reconciler.engines.postgres.kinds.extension import Extension
from reconciler.engines.postgres.kinds.foreign_key import ACTIONS, ForeignKey
from reconciler.engines.postgres.kinds.index import Index
from reconciler.engines.postgres.kinds.primary_key import PrimaryKey
from reconciler.engines.postgres.kinds.schema import Schema
from reconciler.engines.postgres.kinds.sequence import Sequence
from reconciler.engines.postgres.kinds.unique import Unique
from reconciler.engines.postgres.subscription_parts import Subscription
from reconciler.model.resource import Resource
from tests.strategies.tables import checks, columns, identities, options, tables
from tests.strategies.values import (
    address,
    collations,
    column_lists,
    expressions,
    names,
    plain_names,
    some_columns,
    texts,
    timings,
)


@st.composite
def sequences(draw: st.DrawFn) -> Sequence:
    kind = draw(st.sampled_from(sorted(LIMITS)))
    owner = draw(st.none() | st.tuples(names, names.filter(lambda n: "." not in n)))
    where, options = address("sequence", draw(names), draw(names)), draw(identities(kind, ("",)))
    return Sequence(where, kind, options, owner, draw(st.booleans()))


@st.composite
def parts(draw: st.DrawFn) -> Part:
    expression = draw(st.none() | expressions)
    return Part(
        "" if expression else draw(names),
        expression,
        draw(st.sampled_from(["", "text_pattern_ops", "gist_trgm_ops (siglen=32)"])),
        draw(collations),
        draw(st.booleans()),
        draw(st.booleans()),
    )


tablespaces = st.just("") | names


@st.composite
def indexes(draw: st.DrawFn) -> Index:
    keys = tuple(draw(st.lists(parts(), min_size=1, max_size=3)))
    include = draw(some_columns)
    return Index(
        address("index", draw(names), draw(names), draw(names)),
        draw(st.sampled_from(["btree", "gin", "hash", "brin"])),
        keys,
        include,
        draw(st.booleans()),
        draw(st.booleans()),
        draw(st.none() | expressions),
        tuple(sorted(draw(st.dictionaries(plain_names, plain_names, max_size=2)).items())),
        tuple((n, draw(st.integers(0, 10000))) for n, k in enumerate(keys, 1) if k.expression and draw(st.booleans())),
        tablespace=draw(tablespaces),
        uses=(*(p.column for p in keys if p.column), *include),
    )


@st.composite
def foreign_keys(draw: st.DrawFn) -> ForeignKey:
    here = draw(column_lists)
    there = draw(st.lists(names, min_size=len(here), max_size=len(here), unique=True))
    deferrable, deferred = draw(timings)
    action = st.sampled_from(sorted(ACTIONS.values()))
    enforced = draw(st.booleans())
    return ForeignKey(
        address("foreign_key", draw(names), draw(names), draw(names)),
        here,
        (draw(names), draw(names)),
        tuple(there),
        draw(action),
        draw(action),
        draw(some_columns),
        draw(st.booleans()),
        deferrable,
        deferred,
        draw(st.booleans()) and enforced,
        enforced,
        draw(st.booleans()),
    )


fill = options({"fillfactor": ("50", "90"), "deduplicate_items": ("false", "off")})
"""Storage parameters of a btree."""


@st.composite
def uniques(draw: st.DrawFn) -> Unique:
    where = address("unique", draw(names), draw(names), draw(names))
    listed = draw(column_lists)
    periods = draw(st.booleans()) and len(listed) > 1
    return Unique(
        where, listed, draw(some_columns), draw(st.booleans()), *draw(timings), periods, draw(fill), draw(tablespaces)
    )


@st.composite
def primary_keys(draw: st.DrawFn) -> PrimaryKey:
    where = address("primary_key", draw(names), draw(names))
    listed = draw(column_lists)
    periods = draw(st.booleans()) and len(listed) > 1
    return PrimaryKey(
        where, draw(names), listed, draw(some_columns), *draw(timings), periods, draw(fill), draw(tablespaces)
    )


@st.composite
def extensions(draw: st.DrawFn) -> Extension:
    return Extension(address("extension", draw(names)), draw(st.none() | names), draw(st.none() | texts))


@st.composite
def subscriptions(draw: st.DrawFn) -> Subscription:
    enabled = draw(st.booleans())
    slots = st.from_regex(r"[a-z0-9_]{1,15}", fullmatch=True).filter(lambda n: n != "none")
    return Subscription(
        address("subscription", draw(names)),
        draw(st.sampled_from(["", "host=a dbname='b c'", "service = 'it\\'s'", "postgresql://u@h/d?sslmode=require"])),
        draw(column_lists),
        draw(slots if enabled else st.none() | slots),
        enabled,
        draw(st.booleans()),
        draw(st.sampled_from(["", "off", "on", "parallel"])),
        draw(st.booleans()),
        draw(st.booleans()),
        draw(st.sampled_from(["off", "on", "local", "remote_apply"])),
        draw(st.sampled_from(["any", "none"])),
        draw(st.booleans()),
        draw(st.booleans()),
        draw(st.booleans()),
    )


RESOURCES: Mapping[str, st.SearchStrategy[Resource]] = {
    "schema": names.map(lambda n: Schema(address("schema", n))),
    "extension": extensions(),
    "enum": st.builds(
        lambda s, n, values: Enum(address("enum", s, n), tuple(values)),
        names,
        names,
        st.lists(names, max_size=4, unique=True),
    ),
    "sequence": sequences(),
    "table": tables(),
    "column": columns(),
    "primary_key": primary_keys(),
    "unique": uniques(),
    "check": checks(),
    "foreign_key": foreign_keys(),
    "index": indexes(),
    "subscription": subscriptions(),
}
"""A strategy for every kind."""
