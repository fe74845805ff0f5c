"""Materialized views: `materialized_views: {daily: SELECT day, sum(amount) AS total FROM sales GROUP BY day}`."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from reconciler.engines.postgres import output_settings
from reconciler.engines.postgres.all_columns import taken_up
from reconciler.engines.postgres.evidence import became, shows
from reconciler.engines.postgres.index_settings import targets
from reconciler.engines.postgres.index_statements import definition as index_definition
from reconciler.engines.postgres.kind import PgKind, Reader, Row, not_member
from reconciler.engines.postgres.kinds.index import Index
from reconciler.engines.postgres.locks import ACCESS_EXCLUSIVE, SHARE_UPDATE_EXCLUSIVE, access_exclusive, lock
from reconciler.engines.postgres.names import freed
from reconciler.engines.postgres.operations import sql
from reconciler.engines.postgres.plain_objects import created, dropped
from reconciler.engines.postgres.quoting import ident
from reconciler.engines.postgres.view_parts import (
    DEFINITION,
    OPTION,
    OUTPUTS,
    QUERY,
    Output,
    keeps,
    label,
    name_of,
    option_text,
    outputs,
    read_options,
    rendered,
    text,
    used_by,
)
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Change
from reconciler.model.expr import Expr
from reconciler.model.hazard import Code, hazard
from reconciler.model.kind import Context, Disturbance, Place, rule
from reconciler.model.resource import Resource, Role, attr
from reconciler.model.step import Check, Draft, Phase, Ref


@dataclass(frozen=True, slots=True)
class MaterializedView(Resource):
    """Path: (schema, name). `method`, `tablespace` "" are the database's own. `with_data` False: never filled yet.
    `kept`: columns that are not stored or analysed as their types have it.
    """

    query: Expr = attr(Role.REPLACE)
    method: str = attr(Role.REPLACE, default="")
    tablespace: str = attr(default="")
    options: tuple[tuple[str, str], ...] = ()
    with_data: bool = True
    kept: tuple[output_settings.Kept, ...] = ()
    columns: tuple[Output, ...] = attr(Role.INFORMATIONAL, reason="follows from the query", default=())


SPEC = {
    "type": ["string", "object"],
    "description": "a query, or a mapping with 'query' and more",
    "required": ["query"],
    "properties": {
        "query": QUERY,
        "using": {"type": "string", "minLength": 1},
        "tablespace": {"type": "string", "minLength": 1},
        "with": {"type": "object", "additionalProperties": OPTION},
        "columns": output_settings.SPEC,
        "with_data": {"type": "boolean", "description": "false leaves it empty until somebody refreshes it"},
    },
}


def lower(name: str, node: Any, place: Place) -> MaterializedView:
    """A query; a mapping says more."""
    said = node if isinstance(node, dict) else {"query": node}
    return MaterializedView(
        place.address("materialized_view", name),
        text(said["query"]),
        said.get("using", ""),
        said.get("tablespace", ""),
        tuple(sorted((k, option_text(v)) for k, v in said.get("with", {}).items())),
        bool(said.get("with_data", True)),
        output_settings.lower(said.get("columns", {})),
    )


def lift(view: MaterializedView, _catalog: Catalog) -> Any:
    """The query alone where that says all."""
    node: dict[str, Any] = {"query": view.query.source}
    if view.method:
        node["using"] = view.method
    if view.tablespace:
        node["tablespace"] = view.tablespace
    if view.options:
        node["with"] = dict(view.options)
    if view.kept:
        node["columns"] = output_settings.lift(view.kept)
    if not view.with_data:
        node["with_data"] = False
    return node if len(node) > 1 else node["query"]


def long(node: Any) -> dict[str, Any]:
    """A query as a mapping."""
    return {"query": node}


def query(_version: int) -> str:
    """Materialized views in scope, with the numbers and names of their columns."""
    return f"""
        SELECT c.oid, n.nspname, c.relname, {DEFINITION}, CASE WHEN m.amname <> 'heap' THEN m.amname ELSE '' END,
               coalesce(s.spcname, ''), c.reloptions, c.relispopulated, {OUTPUTS},
               ARRAY(SELECT ARRAY[a.attnum, a.atttypid::int8, a.attcollation::int8] FROM pg_attribute a
                     WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum)
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_am m ON m.oid = c.relam
        LEFT JOIN pg_tablespace s ON s.oid = c.reltablespace
        WHERE c.relkind = 'm' AND c.relnamespace = ANY (%(namespaces)s) AND {not_member("pg_class", "c.oid")}
        ORDER BY 2, 3"""


def read(rows: Iterable[Row], reader: Reader) -> Iterable[MaterializedView]:
    """Rows of `query` → MaterializedView; its columns are remembered for its indexes."""
    for oid, schema, name, definition, method, space, options, populated, columns, numbers in rows:
        found = outputs(columns)
        for (number, kind, collation), column in zip(numbers, found, strict=True):
            reader.columns[oid, number] = column.name
            reader.column_types[oid, number] = kind, collation
        yield MaterializedView(
            reader.known("pg_class", oid, reader.address("materialized_view", schema, name)),
            Expr.live(definition),
            method,
            space,
            read_options(options),
            populated,
            output_settings.read(oid, {n: c.name for (n, *_), c in zip(numbers, found, strict=True)}, reader),
            found,
        )


def adopts(desired: MaterializedView, live: MaterializedView) -> MaterializedView:
    """One that somebody refreshed is not emptied again."""
    return dataclasses.replace(desired, with_data=desired.with_data or live.with_data)


def definition(view: MaterializedView) -> str:
    """CREATE MATERIALIZED VIEW."""
    words = f"CREATE MATERIALIZED VIEW {name_of(view.address)}"
    words += f" USING {ident(view.method)}" if view.method else ""
    words += f" WITH ({rendered(view.options)})" if view.options else ""
    words += f" TABLESPACE {ident(view.tablespace)}" if view.tablespace else ""
    return f"{words} AS\n{view.query.source}" + ("" if view.with_data else "\nWITH NO DATA")


def _made(view: MaterializedView) -> list[str]:
    return [definition(view), *output_settings.statements(view)]


def temporary(view: MaterializedView) -> str:
    """A temporary view with the same query: materialized ones cannot be temporary."""
    return f"CREATE TEMP VIEW {ident(view.address.name)} AS\n{view.query.source}"


def mentions(view: MaterializedView, catalog: Catalog) -> Iterable[Address]:
    """What the query may use."""
    return used_by(view.query, view.address, catalog)


def _indexes(address: Address, catalog: Catalog) -> list[str]:
    """What stands on it."""
    found = catalog.children(address, "materialized_view_index", Index)
    return [s for i in found for s in (index_definition(i, i.address.name, concurrently=False), *targets(i))]


def create(change: Change[MaterializedView], context: Context) -> list[Draft]:
    """Runs the query, builds its indexes; readers and writers of its tables go on (row 78)."""
    return [
        created(
            change,
            f"materialized view {label(change.address)}",
            *_made(change.desired),
            *_indexes(change.address, context.desired),
            drop=f"DROP MATERIALIZED VIEW {name_of(change.address)}",
            requires=_freed(change, context),
        )
    ]


def _freed(change: Change[MaterializedView], context: Context) -> tuple[Ref, ...]:
    """What has to go before it and its indexes can have their names."""
    indexes = context.desired.children(change.address, "materialized_view_index", Index)
    made = (change, *(context.changes[i.address] for i in indexes if i.address in context.changes))
    return tuple(dict.fromkeys(ref for c in made for ref in freed(c, context)))


def drop(change: Change[MaterializedView], context: Context) -> list[Draft]:
    """RESTRICT. What it holds can be computed again."""
    return [
        dropped(
            change,
            f"materialized view {label(change.address)}",
            f"DROP MATERIALIZED VIEW {name_of(change.address)}",
            *_made(change.live),
            *_indexes(change.address, context.live),
            locks=access_exclusive((change.address.path[0], change.address.path[1])),
            hazards=(hazard(Code.OLD_READERS, "code that reads it breaks"),),
        )
    ]


def rebuild(change: Change[MaterializedView], context: Context) -> list[Draft]:
    """Out and in again in one transaction; readers wait while the query runs."""
    view, live, name = change.desired, change.live, name_of(change.address)
    kept = view.query == live.query or keeps(live.columns, view.columns)
    lost = ", ".join(c.name for c in live.columns if c not in view.columns)
    hazards = [hazard(Code.SCAN_UNDER_LOCK, f"the query of {name} runs while its readers wait")]
    if not kept:
        hazards.append(
            hazard(Code.OLD_READERS, f"code that reads {lost or 'its columns'} breaks or meets another type")
        )
    gone = Draft(
        "remove",
        Phase.EXPAND if kept else Phase.CONTRACT,
        f"take materialized view {label(change.address)} away",
        sql(f"DROP MATERIALIZED VIEW {name}"),
        locks=access_exclusive((change.address.path[0], change.address.path[1])),
        undo=(sql(*_made(live)),),
        removes=True,
    )
    back = Draft(
        "create",
        gone.phase,
        f"build materialized view {label(change.address)} again",
        sql(*_made(view)),
        hazards=tuple(hazards),
        done=(Check(change.address), *became(change)),
        undo=(sql(f"DROP MATERIALIZED VIEW {name}"),),
        requires=taken_up(view.query, mentions(view, context.live), context),
        provides=True,
    )
    return [gone, back]


def _mode(view: MaterializedView, live: MaterializedView) -> str:
    """Of the parameters that a table has too, one alone keeps readers out (reloptions.c)."""
    differ = {k for k, _ in {*view.options} ^ {*live.options}}
    return ACCESS_EXCLUSIVE if "user_catalog_table" in differ else SHARE_UPDATE_EXCLUSIVE


def set_options(change: Change[MaterializedView], _context: Context) -> list[Draft]:
    """Storage parameters."""

    def actions(new: MaterializedView, old: MaterializedView) -> list[str]:
        name = f"ALTER MATERIALIZED VIEW {name_of(new.address)}"
        gone = sorted({k for k, _ in old.options} - {k for k, _ in new.options})
        said = [f"{name} SET ({rendered(new.options)})"] if new.options else []
        return [*said, *([f"{name} RESET ({', '.join(gone)})"] if gone else [])]

    view, live = change.desired, change.live
    return [
        Draft(
            "options",
            Phase.EXPAND,
            f"change the storage parameters of materialized view {label(change.address)}",
            sql(*actions(view, live)),
            locks=(lock(_mode(view, live), change.address.path[0], change.address.path[1]),),
            done=shows(change.address, ("options", view.options)),
            undo=(sql(*actions(live, view)),),
        )
    ]


def set_tablespace(change: Change[MaterializedView], _context: Context) -> list[Draft]:
    """SET TABLESPACE copies the files (row 67)."""
    view = change.desired
    name = name_of(change.address)
    return [
        Draft(
            "tablespace",
            Phase.CONTRACT,
            f"move materialized view {label(change.address)} to another tablespace",
            sql(f"ALTER MATERIALIZED VIEW {name} SET TABLESPACE {ident(view.tablespace or 'pg_default')}"),
            locks=access_exclusive((change.address.path[0], change.address.path[1])),
            hazards=(hazard(Code.REWRITE, f"{name} is copied while nobody can read it"),),
            done=shows(change.address, ("tablespace", view.tablespace)),
        )
    ]


def refresh(change: Change[MaterializedView], _context: Context) -> list[Draft]:
    """The first REFRESH, which cannot be CONCURRENTLY (row 79). Until then nobody can read it."""
    return [
        Draft(
            "refresh",
            Phase.MIGRATE,
            f"fill materialized view {label(change.address)}",
            sql(f"REFRESH MATERIALIZED VIEW {name_of(change.address)}"),
            locks=access_exclusive((change.address.path[0], change.address.path[1])),
            hazards=(hazard(Code.REWRITE, f"{name_of(change.address)} is filled for the first time"),),
            done=shows(change.address, ("with_data", True)),
            undo=(sql(f"REFRESH MATERIALIZED VIEW {name_of(change.address)} WITH NO DATA"),),
        )
    ]


def disturbs(change: Change[MaterializedView]) -> Disturbance:
    """A materialized view cannot be replaced in place: its indexes and what stands on it go and come with it."""
    return Disturbance.DROPS if change.changed("query", "method") else Disturbance.NONE


KIND = PgKind(
    name="materialized_view",
    resource=MaterializedView,
    section="materialized_views",
    spec=SPEC,
    lower=lower,
    lift=lift,
    long=long,
    query=query,
    read=read,
    mentions=mentions,
    create=create,
    drop=drop,
    replace=rebuild,
    rebuild=rebuild,
    disturbs=disturbs,
    rules=(
        rule("options", emit=set_options),
        rule("tablespace", emit=set_tablespace),
        rule("with_data", emit=refresh),
        rule("kept", emit=output_settings.change),
    ),
    temporary=temporary,
    adopts=adopts,
    anonymous=True,
    spells=frozenset({"query", "columns"}),
    bound=True,
    parent="schema",
    order=76,
    top=True,
)
