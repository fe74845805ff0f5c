"""Views: `views: {open_orders: SELECT id FROM orders WHERE open}`."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from reconciler.engines.postgres.all_columns import taken_up
from reconciler.engines.postgres.evidence import became, shows
from reconciler.engines.postgres.kind import PgKind, Reader, Row, not_member
from reconciler.engines.postgres.locks import access_exclusive
from reconciler.engines.postgres.mentions import aliases_columns
from reconciler.engines.postgres.names import freed
from reconciler.engines.postgres.operations import sql
from reconciler.engines.postgres.plain_objects import created, dropped
from reconciler.engines.postgres.quoting import ident
from reconciler.engines.postgres.view_parts import (
    DEFINITION,
    OUTPUTS,
    QUERY,
    Output,
    keeps,
    label,
    name_of,
    only_appends,
    option_node,
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
from reconciler.model.step import Check, Draft, Phase

OPTIONS = ("check_option", "security_barrier", "security_invoker")


@dataclass(frozen=True, slots=True)
class View(Resource):
    """Path: (schema, name). `options` are said ones only; `defaults` (column, expression) are those of INSERT."""

    query: Expr
    options: tuple[tuple[str, str], ...] = ()
    defaults: tuple[tuple[str, Expr], ...] = ()
    columns: tuple[Output, ...] = attr(Role.INFORMATIONAL, reason="follows from the query", default=())


SPEC = {
    "type": ["string", "object"],
    "description": "a query, or a mapping with 'query' and more",
    "required": ["query"],
    "properties": {
        "query": QUERY,
        "check_option": {"enum": ["local", "cascaded"]},
        "security_barrier": {"type": ["boolean", "string"]},
        "security_invoker": {"type": ["boolean", "string"]},
        "defaults": {"type": "object", "additionalProperties": {"type": ["string", "integer", "number", "boolean"]}},
    },
}


def lower(name: str, node: Any, place: Place) -> View:
    """A query; a mapping says more."""
    said = node if isinstance(node, dict) else {"query": node}
    options = tuple((k, option_text(said[k])) for k in OPTIONS if k in said)
    defaults = tuple(sorted((k, Expr(option_text(v))) for k, v in said.get("defaults", {}).items()))
    return View(place.address("view", name), text(said["query"]), options, defaults)


def lift(view: View, _catalog: Catalog) -> Any:
    """The query alone where that says all."""
    node: dict[str, Any] = {"query": view.query.source}
    node |= {k: option_node(v) for k, v in view.options}
    if view.defaults:
        node["defaults"] = {k: v.source for k, v in view.defaults}
    return node if len(node) > 1 else node["query"]


def long(node: Any) -> dict[str, Any]:
    """A query as a mapping."""
    return {"query": node}


def query(_version: int) -> str:
    """Views in scope."""
    return f"""
        SELECT c.oid, n.nspname, c.relname, {DEFINITION}, c.reloptions, {OUTPUTS},
               ARRAY(SELECT ARRAY[a.attname, pg_get_expr(d.adbin, d.adrelid)]::text[]
                     FROM pg_attrdef d JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
                     WHERE d.adrelid = c.oid ORDER BY a.attname)
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind = 'v' AND c.relnamespace = ANY (%(namespaces)s) AND {not_member("pg_class", "c.oid")}
        ORDER BY 2, 3"""


def read(rows: Iterable[Row], reader: Reader) -> Iterable[View]:
    """Rows of `query` → View."""
    for oid, schema, name, definition, options, columns, defaults in rows:
        yield View(
            reader.known("pg_class", oid, reader.address("view", schema, name)),
            Expr.live(definition),
            read_options(options),
            tuple(sorted((column, Expr.live(default)) for column, default in defaults)),
            outputs(columns),
        )


def _defaults(view: View, gone: Iterable[str] = ()) -> list[str]:
    said = [(column, f"SET DEFAULT {default.source}") for column, default in view.defaults]
    actions = [*said, *((column, "DROP DEFAULT") for column in gone)]
    return [f"ALTER VIEW {name_of(view.address)} ALTER COLUMN {ident(c)} {a}" for c, a in actions]


def definition(view: View, create: str = "CREATE VIEW") -> str:
    """CREATE VIEW."""
    options = f" WITH ({rendered(view.options)})" if view.options else ""
    return f"{create} {name_of(view.address)}{options} AS\n{view.query.source}"


def _whole(view: View) -> list[str]:
    return [definition(view), *_defaults(view)]


def temporary(view: View) -> str:
    """A temporary view with the same query and defaults."""
    name = f"pg_temp.{ident(view.address.name)}"
    created = f"CREATE TEMP VIEW {ident(view.address.name)} AS\n{view.query.source}"
    defaults = (f"ALTER VIEW {name} ALTER COLUMN {ident(c)} SET DEFAULT {d.source}" for c, d in view.defaults)
    return "; ".join([created, *defaults])


def mentions(view: View, catalog: Catalog) -> Iterable[Address]:
    """What the query and the defaults may use."""
    for expression in (view.query, *(d for _, d in view.defaults)):
        yield from used_by(expression, view.address, catalog)


def create(change: Change[View], context: Context) -> list[Draft]:
    """No lock that holds anybody up (row 77)."""
    return [
        created(
            change,
            f"view {label(change.address)}",
            *_whole(change.desired),
            drop=f"DROP VIEW {name_of(change.address)}",
            requires=freed(change, context),
        )
    ]


def drop(change: Change[View], _context: Context) -> list[Draft]:
    """RESTRICT: a view that still uses it makes the step fail."""
    return [
        dropped(
            change,
            f"view {label(change.address)}",
            f"DROP VIEW {name_of(change.address)}",
            *_whole(change.live),
            locks=access_exclusive((change.address.path[0], change.address.path[1])),
            hazards=(hazard(Code.OLD_READERS, "code that reads it breaks"),),
        )
    ]


def rebuild(change: Change[View], context: Context) -> list[Draft]:
    """Out of the way of a change below it, and back in the same transaction."""
    name = name_of(change.address)
    gone = Draft(
        "remove",
        Phase.EXPAND,
        f"take view {label(change.address)} away",
        sql(f"DROP VIEW {name}"),
        locks=access_exclusive((change.address.path[0], change.address.path[1])),
        undo=(sql(*_whole(change.live)),),
        removes=True,
    )
    back = Draft(
        "create",
        Phase.EXPAND,
        f"build view {label(change.address)} again",
        sql(*_whole(change.desired)),
        done=(Check(change.address), *became(change)),
        undo=(sql(f"DROP VIEW {name}"),),
        requires=taken_up(change.desired.query, mentions(change.desired, context.live), context),
        provides=True,
    )
    return [gone, back]


def replace_query(change: Change[View], context: Context) -> list[Draft]:
    """CREATE OR REPLACE VIEW keeps what depends on it, grants and comments (row 77). It sets all options anew."""
    view, live = change.desired, change.live
    word = "CREATE OR REPLACE VIEW"
    gone = sorted({c for c, _ in live.defaults} - {c for c, _ in view.defaults})
    appended = len(view.columns) > len(live.columns)
    waits = taken_up(view.query, mentions(view, context.live), context)
    strays = bool(waits) and aliases_columns(live.query.source, context.live)  # the places are others by then
    return [
        Draft(
            "replace",
            Phase.EXPAND,
            f"change the query of view {label(change.address)}",
            sql(definition(view, word), *_defaults(view, gone)),
            locks=access_exclusive((change.address.path[0], change.address.path[1])),
            done=became(change),
            undo=None if appended or strays else (sql(definition(live, word), *_defaults(live)),),
            requires=waits,
            provides=True,
        )
    ]


def replaces(change: Change[View]) -> bool:
    """Whether the columns are others, so that CREATE OR REPLACE refuses."""
    return change.changed("query") and not only_appends(change.live.columns, change.desired.columns)


def replace(change: Change[View], context: Context) -> list[Draft]:
    """Out and in again in one transaction; what depends on the view goes before and comes after."""
    view, live = change.desired, change.live
    gone, back = rebuild(change, context)
    if keeps(live.columns, view.columns):
        return [gone, back]
    lost = ", ".join(c.name for c in live.columns if c not in view.columns)
    breaks = hazard(Code.OLD_READERS, f"code that reads {lost or 'its columns'} breaks or meets another type")
    return [
        dataclasses.replace(gone, phase=Phase.CONTRACT),
        dataclasses.replace(back, phase=Phase.CONTRACT, hazards=(breaks,)),
    ]


def set_options(change: Change[View], _context: Context) -> list[Draft]:
    """SET, RESET: security_invoker decides whose rights count."""

    def actions(new: View, old: View) -> list[str]:
        name = name_of(new.address)
        gone = sorted({k for k, _ in old.options} - {k for k, _ in new.options})
        said = [f"ALTER VIEW {name} SET ({rendered(new.options)})"] if new.options else []
        return [*said, *([f"ALTER VIEW {name} RESET ({', '.join(gone)})"] if gone else [])]

    view, live = change.desired, change.live
    differs = {k for k, _ in {*view.options} ^ {*live.options}}
    hazards = [hazard(Code.SECURITY, "whose rights count, or what a reader may learn, is different")]
    refused = hazard(Code.OLD_WRITERS, "rows that the view does not show are refused")
    writes = "check_option" in differs and "check_option" in dict(view.options)
    return [
        Draft(
            "options",
            Phase.CONTRACT if writes or "security_invoker" in differs else Phase.EXPAND,
            f"change the options of view {label(change.address)}",
            sql(*actions(view, live)),
            locks=access_exclusive((change.address.path[0], change.address.path[1])),
            hazards=(*(hazards if differs - {"check_option"} else ()), *((refused,) if writes else ())),
            done=shows(change.address, ("options", view.options)),
            undo=(sql(*actions(live, view)),),
        )
    ]


def set_defaults(change: Change[View], _context: Context) -> list[Draft]:
    """Defaults of the columns that INSERT leaves out."""
    view, live = change.desired, change.live
    new, old = {c for c, _ in view.defaults}, {c for c, _ in live.defaults}
    return [
        Draft(
            "defaults",
            Phase.CONTRACT if old - new else Phase.EXPAND,
            f"change the defaults of view {label(change.address)}",
            sql(*_defaults(view, sorted(old - new))),
            locks=access_exclusive((change.address.path[0], change.address.path[1])),
            done=shows(change.address, ("defaults", view.defaults)),
            undo=(sql(*_defaults(live, sorted(new - old))),),
        )
    ]


def disturbs(change: Change[View]) -> Disturbance:
    """A view that cannot be replaced in place takes along what stands on it."""
    return Disturbance.DROPS if replaces(change) else Disturbance.NONE


KIND = PgKind(
    name="view",
    resource=View,
    section="views",
    spec=SPEC,
    lower=lower,
    lift=lift,
    long=long,
    query=query,
    read=read,
    mentions=mentions,
    create=create,
    drop=drop,
    replace=replace,
    replaces=replaces,
    rebuild=rebuild,
    disturbs=disturbs,
    rules=(
        rule("query", "options", "defaults", emit=replace_query, when=lambda change, _: change.changed("query")),
        rule("options", emit=set_options),
        rule("defaults", emit=set_defaults),
    ),
    temporary=temporary,
    anonymous=True,
    spells=frozenset({"query", "defaults", "columns"}),
    bound=True,
    parent="schema",
    order=75,
    top=True,
)
