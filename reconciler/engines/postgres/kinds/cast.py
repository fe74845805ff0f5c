"""Casts: `casts: {"app.mood AS integer": {function: app.mood_rank(app.mood), context: assignment}}`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from reconciler.engines.postgres.kind import PgKind, Reader, Row
from reconciler.engines.postgres.made_anew import made_anew
from reconciler.engines.postgres.plain_objects import created, dropped
from reconciler.engines.postgres.routine_arguments import listed, plain_type, split
from reconciler.engines.postgres.type_names import named, type_references
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Change
from reconciler.model.hazard import Code, hazard
from reconciler.model.kind import Context, Disturbance, Place
from reconciler.model.resource import Resource, Role, attr
from reconciler.model.step import Draft

METHODS = {"f": "function", "i": "inout", "b": "binary"}
CONTEXTS = {"e": "explicit", "a": "assignment", "i": "implicit"}
AS = " AS "


@dataclass(frozen=True, slots=True)
class Cast(Resource):
    """Path: (source AS target,). It belongs to the database. `function` is a signature, bare in `public`."""

    method: str = attr(Role.REPLACE)
    function: str = attr(Role.REPLACE, default="")
    context: str = attr(Role.REPLACE, default="explicit")

    @property
    def types(self) -> tuple[str, str]:
        """(source, target)."""
        source, _, target = self.address.name.partition(AS)
        return source, target


SPEC = {
    "type": "object",
    "properties": {
        "function": {"type": "string", "description": "the function with the types that it takes"},
        "with": {"enum": ["inout", "binary"], "description": "where no function converts"},
        "context": {"enum": list(CONTEXTS.values())},
    },
    "oneOf": [{"required": ["function"]}, {"required": ["with"]}],
}


def lower(name: str, node: Any, place: Place) -> Cast:
    """The words of CREATE CAST."""
    source, found, target = name.partition(AS)
    if not found:
        raise place.fail(f"a cast is named by two types, not {name!r}", "write 'source AS target'")
    path = f"{plain_type(source)}{AS}{plain_type(target)}"
    own, types = split(node.get("function", ""))
    function = f"{own.removeprefix('public.')}({', '.join(map(plain_type, listed(types)))})" if own else ""
    method = node.get("with", "function")
    return Cast(place.address("cast", path), method, function, node.get("context", "explicit"))


def lift(cast: Cast, _catalog: Catalog) -> Any:
    """What differs from an explicit cast."""
    node: dict[str, Any] = {"function": cast.function} if cast.method == "function" else {"with": cast.method}
    return node if cast.context == "explicit" else {**node, "context": cast.context}


def query(_version: int) -> str:
    """Casts that people made: neither the system's, nor an extension's, nor those that come with a range type."""
    return """
        SELECT c.oid, format_type(c.castsource, NULL), format_type(c.casttarget, NULL), c.castmethod::text,
               CASE WHEN c.castfunc <> 0 THEN
                   CASE WHEN s.nspname IN ('pg_catalog', 'public') THEN '' ELSE quote_ident(s.nspname) || '.' END
                   || quote_ident(p.proname) || '(' || oidvectortypes(p.proargtypes) || ')' ELSE '' END,
               c.castcontext::text
        FROM pg_cast c LEFT JOIN pg_proc p ON p.oid = c.castfunc LEFT JOIN pg_namespace s ON s.oid = p.pronamespace
        WHERE c.oid >= 16384 AND NOT EXISTS (
            SELECT FROM pg_depend e
            WHERE e.classid = 'pg_cast'::regclass AND e.objid = c.oid AND e.deptype IN ('e', 'i'))
        ORDER BY 2, 3"""


def read(rows: Iterable[Row], reader: Reader) -> Iterable[Cast]:
    """Rows of `query` → Cast."""
    for oid, source, target, method, function, context in rows:
        address = Address(reader.service, "postgres", "cast", (f"{source}{AS}{target}",))
        yield Cast(reader.known("pg_cast", oid, address), METHODS[method], function, CONTEXTS[context])


def references(cast: Cast, catalog: Catalog) -> Iterable[Address]:
    """Its two types, and its function."""
    for text in cast.types:
        yield from type_references(cast.address, text, catalog)
    if cast.function:
        own, types = split(cast.function)
        schema, name = named(own)
        function = cast.address.sibling("function", (schema, f"{name}({types})"))
        if function in catalog.resources:
            yield function


def definition(cast: Cast) -> str:
    """CREATE CAST."""
    source, target = cast.types
    how = {"function": f"WITH FUNCTION {cast.function}", "inout": "WITH INOUT", "binary": "WITHOUT FUNCTION"}
    context = "" if cast.context == "explicit" else f" AS {cast.context.upper()}"
    return f"CREATE CAST ({source} AS {target}) {how[cast.method]}{context}"


def _dropping(cast: Cast) -> str:
    source, target = cast.types
    return f"DROP CAST ({source} AS {target})"


def create(change: Change[Cast], _context: Context) -> list[Draft]:
    """An implicit cast may make calls ambiguous that were not."""
    implicit = hazard(Code.OLD_READERS, "queries may find several functions or operators that fit, and fail")
    return [
        created(
            change,
            f"cast {change.address.name}",
            definition(change.desired),
            drop=_dropping(change.desired),
            hazards=(implicit,) if change.desired.context == "implicit" else (),
        )
    ]


def drop(change: Change[Cast], _context: Context) -> list[Draft]:
    """RESTRICT: a view that uses it makes the step fail."""
    return [
        dropped(
            change,
            f"cast {change.address.name}",
            _dropping(change.live),
            definition(change.live),
            hazards=(hazard(Code.OLD_READERS, "queries that use it break"),),
        )
    ]


rebuild = made_anew(create, drop)
"""There is no ALTER CAST."""


def disturbs(_change: Change[Cast]) -> Disturbance:
    """What uses it has to go first."""
    return Disturbance.DROPS


KIND = PgKind(
    name="cast",
    resource=Cast,
    section="casts",
    spec=SPEC,
    lower=lower,
    lift=lift,
    query=query,
    read=read,
    references=references,
    create=create,
    drop=drop,
    replace=rebuild,
    rebuild=rebuild,
    disturbs=disturbs,
    prepares=definition,
    order=38,
)
