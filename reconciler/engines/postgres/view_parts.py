"""What views and materialized views share: the query, its columns, how the query is read and compared."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from reconciler.engines.postgres.kinds.function import Function
from reconciler.engines.postgres.mentions import mentioned
from reconciler.engines.postgres.quoting import qualified
from reconciler.engines.postgres.type_names import named
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.expr import Expr
from reconciler.model.resource import Resource

QUERY = {"type": "string", "minLength": 1, "description": "a SELECT, VALUES or WITH statement"}
OPTION = {"type": ["string", "integer", "number", "boolean"]}
DEFINITION = "rtrim(btrim(pg_get_viewdef(c.oid), E' \\n\\t'), ';')"
"""SQL for the text of a view's query, c being its pg_class row."""


class Output(NamedTuple):
    """A column that a query puts out: its type and collation as the server names them."""

    name: str
    type: str
    collation: str = ""


OUTPUTS = """
    ARRAY(SELECT ARRAY[a.attname, format_type(a.atttypid, a.atttypmod), a.attcollation::regcollation::text]::text[]
          FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum)"""


def outputs(rows: Iterable[Sequence[str]]) -> tuple[Output, ...]:
    """`OUTPUTS` as read."""
    return tuple(Output(*row) for row in rows)


def text(query: str) -> Expr:
    """A declared query; what ends or surrounds it does not count."""
    return Expr(query.strip().rstrip(";").rstrip())


def only_appends(before: Sequence[Output], after: Sequence[Output]) -> bool:
    """Whether CREATE OR REPLACE VIEW can do it: every old column stays where it is, with its name and type."""
    return bool(after) and tuple(after[: len(before)]) == tuple(before)


def keeps(before: Sequence[Output], after: Sequence[Output]) -> bool:
    """Whether code that names the columns finds every one of them with its type."""
    return set(before) <= set(after)


def option_text(value: Any) -> str:
    """An option as pg_class keeps it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def option_node(value: str) -> Any:
    """The inverse, for words that YAML has."""
    return {"true": True, "false": False}.get(value, value)


def read_options(options: Iterable[str] | None) -> tuple[tuple[str, str], ...]:
    """`{a=1,b=2}` sorted."""
    return tuple(sorted((o.partition("=")[0], o.partition("=")[2]) for o in options or ()))


def rendered(options: Iterable[tuple[str, str]]) -> str:
    """`a = 1, b = 2`."""
    return ", ".join(f"{k} = {v}" for k, v in options)


def name_of(address: Address) -> str:
    """`schema.name`."""
    return qualified(address.path[0], address.path[1])


def label(address: Address) -> str:
    """The name for people."""
    return ".".join(address.path)


def used_by(query: Expr, holder: Address, catalog: Catalog) -> Iterable[Address]:
    """What the query may use; of a function that returns rows of a table, all columns of that too."""
    found = [a for a in mentioned(query.source, catalog) if a != holder and a.path[:2] != holder.path[:2]]
    for table in dict.fromkeys(t for a in found if (t := rows_of(a, catalog)) is not None and t != holder):
        found += [table, *(c.address for c in catalog.children(table, "column", Resource))]
    return found


def rows_of(function: Address, catalog: Catalog) -> Address | None:
    """The table whose rows a function returns: a query finds the columns in it that it has when the query is made."""
    found = catalog.get(function, Function) if function.kind == "function" else None
    table = function.sibling("table", named(found.returns)) if found is not None else None
    return table if table in catalog.resources else None
