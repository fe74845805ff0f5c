"""Random names, texts, expressions and types: any that a declaration can say."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from reconciler.engines.postgres.quoting import MAX_BYTES
from reconciler.engines.postgres.types import canonical
from reconciler.model.address import Address
from reconciler.model.expr import Expr

Node = dict[str, Any]
SERVICE = "shop"
HOSTILE = (
    "select", "user", "Mixed Case", 'with "quotes"', "with.dot", "it's", "größe", "100%", "%(x)s", "{0}", " ",
    '"; drop table t; --', "a\\b", "tab\there", "日本", "$1", "/* c */", "-- c", "null", "true", "1", "~", "a: b", "#x",
)  # fmt: skip
CHARACTERS = st.characters(codec="utf-8", exclude_characters="\0")
names = st.sampled_from(HOSTILE) | st.text(CHARACTERS, min_size=1, max_size=15).filter(
    lambda t: len(t.encode()) <= MAX_BYTES
)
plain_names = st.from_regex(r"[a-z_][a-z0-9_]{0,10}", fullmatch=True)
texts = st.text(CHARACTERS, min_size=1, max_size=30)
expressions = (st.sampled_from(["a > 0", "now()", "'x'", 'lower("A b")', "a IN ('p', 'q')"]) | texts).map(Expr)
TYPES = tuple(
    map(
        canonical,
        "text int bigint smallint numeric(12,2) varchar(20) timestamptz timestamptz(3) uuid jsonb text[] bool char(3) "
        "interval bytea date inet int4range bit(3) time".split(),
    )
)
column_lists = st.lists(names, min_size=1, max_size=3, unique=True).map(tuple)
some_columns = st.lists(names, max_size=2, unique=True).map(tuple)
timings = st.sampled_from([(False, False), (True, False), (True, True)])
collations = st.none() | st.tuples(st.sampled_from(["pg_catalog", "public", "Odd schema"]), names.filter(str.strip))


def address(kind: str, *path: str) -> Address:
    """An address in the service of the tests."""
    return Address(SERVICE, "postgres", kind, path)
