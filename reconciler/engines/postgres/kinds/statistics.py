"""Extended statistics: `statistics: {city_zip: {table: addresses, on: [city, zip], kinds: [dependencies]}}`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from reconciler.engines.postgres.evidence import became, shows
from reconciler.engines.postgres.kind import PgKind, Reader, Row
from reconciler.engines.postgres.locks import share_update_exclusive
from reconciler.engines.postgres.mentions import of_expression, requalified, words
from reconciler.engines.postgres.operations import sql
from reconciler.engines.postgres.plain_objects import created, dropped
from reconciler.engines.postgres.quoting import ident, qualified
from reconciler.engines.postgres.table_parts import path_of, short_of
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Change
from reconciler.model.expr import Expr
from reconciler.model.kind import Context, Place, rule
from reconciler.model.resource import Resource, Role, attr
from reconciler.model.step import Draft, Phase

KINDS = {"d": "ndistinct", "f": "dependencies", "m": "mcv"}


@dataclass(frozen=True, slots=True)
class Statistics(Resource):
    """Path: (schema, name). `table` is (schema, name); `kinds` are sorted, empty for expressions alone.

    `target` -1 is the server's default.
    """

    table: tuple[str, str] = attr(Role.REPLACE)
    columns: tuple[str, ...] = attr(Role.REPLACE, default=())
    expressions: tuple[Expr, ...] = attr(Role.REPLACE, default=())
    kinds: tuple[str, ...] = attr(Role.REPLACE, default=())
    target: int = -1


PART = {
    "type": ["string", "object"],
    "description": "a column name, or a mapping with 'expression'",
    "required": ["expression"],
    "properties": {"expression": {"type": "string", "minLength": 1}},
    "additionalProperties": False,
}
SPEC = {
    "type": "object",
    "required": ["table", "on"],
    "properties": {
        "table": {"type": "string", "minLength": 1, "description": "a table of the same schema, or schema.table"},
        "on": {"type": "array", "items": PART, "minItems": 1},
        "kinds": {"type": "array", "items": {"enum": sorted(KINDS.values())}, "description": "all, if not said"},
        "target": {"type": "integer", "minimum": 0, "maximum": 10000},
    },
}


def lower(name: str, node: Any, place: Place) -> Statistics:
    """Columns and expressions; their order means nothing."""
    columns = sorted(p for p in node["on"] if isinstance(p, str))
    expressions = tuple(Expr(p["expression"]) for p in node["on"] if not isinstance(p, str))
    alone = len(expressions) == 1 and not columns
    if alone and node.get("kinds"):
        raise place.fail("statistics of one expression have no kinds", "leave them out", "kinds")
    kinds = () if alone else tuple(sorted(node.get("kinds", KINDS.values())))
    address = place.address("statistics", name)
    table = path_of(node["table"], address.path[0])
    return Statistics(address, table, tuple(columns), expressions, kinds, int(node.get("target", -1)))


def lift(found: Statistics, _catalog: Catalog) -> Any:
    """What differs from the defaults."""
    node: dict[str, Any] = {"table": short_of(found.table, found.address.path[0])}
    node["on"] = [*found.columns, *({"expression": e.source} for e in found.expressions)]
    if found.kinds and found.kinds != tuple(sorted(KINDS.values())):
        node["kinds"] = list(found.kinds)
    if found.target >= 0:
        node["target"] = found.target
    return node


def query(_version: int) -> str:
    """Extended statistics of the schemas in scope."""
    return """
        SELECT s.oid, n.nspname, s.stxname, tn.nspname, t.relname,
               ARRAY(SELECT a.attname FROM unnest(s.stxkeys::int2[]) k JOIN pg_attribute a
                     ON a.attrelid = s.stxrelid AND a.attnum = k ORDER BY a.attname),
               pg_get_statisticsobjdef_expressions(s.oid), s.stxkind::text[],
               coalesce((to_jsonb(s) ->> 'stxstattarget')::int, -1)
        FROM pg_statistic_ext s JOIN pg_namespace n ON n.oid = s.stxnamespace
        JOIN pg_class t ON t.oid = s.stxrelid JOIN pg_namespace tn ON tn.oid = t.relnamespace
        WHERE s.stxnamespace = ANY (%(namespaces)s) ORDER BY 2, 3"""


def read(rows: Iterable[Row], reader: Reader) -> Iterable[Statistics]:
    """Rows of `query` → Statistics."""
    for oid, schema, name, place, table, columns, expressions, kinds, target in rows:
        yield Statistics(
            reader.known("pg_statistic_ext", oid, reader.address("statistics", schema, name)),
            (reader.renamed.get(place, place), table),
            tuple(columns),
            tuple(map(Expr.live, expressions or ())),
            tuple(sorted(KINDS[k] for k in kinds if k in KINDS)),
            target,
        )


def _name(found: Statistics) -> str:
    return qualified(found.address.path[0], found.address.path[1])


def _part(expression: Expr) -> str:
    return f"({expression.source})"


def definition(found: Statistics) -> str:
    """CREATE STATISTICS."""
    said = found.kinds if found.kinds and found.kinds != tuple(sorted(KINDS.values())) else ()
    kinds = f" ({', '.join(said)})" if said else ""
    parts = ", ".join([*map(ident, found.columns), *map(_part, found.expressions)])
    return f"CREATE STATISTICS {_name(found)}{kinds} ON {parts} FROM {qualified(*found.table)}"


def _target(found: Statistics) -> str:
    return f"ALTER STATISTICS {_name(found)} SET STATISTICS {found.target}"


def _whole(found: Statistics) -> list[str]:
    return [definition(found), *([_target(found)] if found.target >= 0 else [])]


def temporary(found: Statistics) -> str:
    """The same on a temporary twin of its table."""
    name = found.table[1]
    twin = f"CREATE TEMP TABLE IF NOT EXISTS {ident(name)} AS SELECT * FROM {qualified(*found.table)} WITH NO DATA"
    own = definition(replace(found, address=_in(found, "pg_temp"), table=("pg_temp", name)))
    return f"{twin}; {requalified(own, {found.table: 'pg_temp'}, columns=True)}"


def _in(found: Statistics, schema: str) -> Address:
    return found.address.sibling("statistics", (schema, found.address.path[1]))


def references(found: Statistics, catalog: Catalog) -> Iterable[Address]:
    """Its relation and the columns it names, in expressions too: the server turns these over to a new type in words of
    its own.
    """
    for kind in ("table", "materialized_view", "foreign_table"):
        wanted = found.address.sibling(kind, found.table)
        if wanted in catalog.resources:
            yield wanted
    named = {*found.columns, *words(_text(found))}
    columns = (found.address.sibling("column", (*found.table, c)) for c in sorted(named))
    yield from (c for c in columns if c in catalog.resources)


def _text(found: Statistics) -> str:
    return " ".join(e.source for e in found.expressions)


def mentions(found: Statistics, catalog: Catalog) -> Iterable[Address]:
    """What its expressions call."""
    return of_expression(_text(found), catalog)


def create(change: Change[Statistics], _context: Context) -> list[Draft]:
    """Readers and writers go on (row 76)."""
    found = change.desired
    return [
        created(
            change,
            f"statistics {'.'.join(change.address.path)}",
            *_whole(found),
            drop=f"DROP STATISTICS {_name(found)}",
            locks=share_update_exclusive(found.table),
        )
    ]


def drop(change: Change[Statistics], _context: Context) -> list[Draft]:
    """Plans may get worse; nothing else."""
    found = change.live
    return [
        dropped(
            change,
            f"statistics {'.'.join(change.address.path)}",
            f"DROP STATISTICS IF EXISTS {_name(found)}",
            *_whole(found),
            locks=share_update_exclusive(found.table),
        )
    ]


def rebuild(change: Change[Statistics], _context: Context) -> list[Draft]:
    """Out and in again; the next ANALYZE fills them."""
    found, live = change.desired, change.live
    gone = Draft(
        "remove",
        Phase.EXPAND,
        f"take statistics {'.'.join(change.address.path)} away",
        sql(f"DROP STATISTICS {_name(live)}"),
        locks=share_update_exclusive(live.table),
        undo=(sql(*_whole(live)),),
        removes=True,
    )
    back = Draft(
        "create",
        Phase.EXPAND,
        f"create statistics {'.'.join(change.address.path)} anew",
        sql(*_whole(found)),
        locks=share_update_exclusive(found.table),
        done=became(change),
        undo=(sql(f"DROP STATISTICS {_name(found)}"),),
        provides=True,
    )
    return [gone, back]


def set_target(change: Change[Statistics], _context: Context) -> list[Draft]:
    """How much ANALYZE samples for it."""
    return [
        Draft(
            "target",
            Phase.EXPAND,
            f"change the target of statistics {'.'.join(change.address.path)}",
            sql(_target(change.desired)),
            done=shows(change.address, ("target", change.desired.target)),
            undo=(sql(_target(change.live)),),
        )
    ]


KIND = PgKind(
    name="statistics",
    resource=Statistics,
    section="statistics",
    spec=SPEC,
    lower=lower,
    lift=lift,
    query=query,
    read=read,
    references=references,
    mentions=mentions,
    create=create,
    drop=drop,
    replace=rebuild,
    rebuild=rebuild,
    rules=(rule("target", emit=set_target),),
    temporary=temporary,
    spells=frozenset({"expressions"}),
    anonymous=True,
    bound=True,
    parent="schema",
    order=80,
    top=True,
)
