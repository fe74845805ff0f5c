"""Transforms: `transforms: {app.pair for plsample: {from_sql: pair_out, to_sql: pair_in}}`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from reconciler.engines.postgres.kind import PgKind, Reader, Row, function_name, not_member
from reconciler.engines.postgres.object_names import phrase
from reconciler.engines.postgres.plain_objects import dropped, replaced
from reconciler.engines.postgres.quoting import ident
from reconciler.engines.postgres.routine_arguments import plain_type
from reconciler.engines.postgres.type_names import named, type_references
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Change
from reconciler.model.hazard import Code, hazard
from reconciler.model.kind import Context, Place, rule
from reconciler.model.resource import Resource
from reconciler.model.step import Draft, Phase

FOR = " for "
WORDS = {"from_sql": "FROM SQL", "to_sql": "TO SQL"}
"""Both take internal alone (CREATE TRANSFORM documentation)."""


@dataclass(frozen=True, slots=True)
class Transform(Resource):
    """Path: (type for language,). It belongs to the database. Functions are bare in `public` and `pg_catalog`."""

    from_sql: str = ""
    to_sql: str = ""

    @property
    def about(self) -> tuple[str, str]:
        """(type, language)."""
        kind, _, language = self.address.name.rpartition(FOR)
        return kind, language


_NAME = {"type": "string", "minLength": 1}
SPEC = {"type": "object", "properties": dict.fromkeys(WORDS, _NAME), "minProperties": 1}


def lower(name: str, node: Any, place: Place) -> Transform:
    """The words of CREATE TRANSFORM."""
    kind, found, language = name.rpartition(FOR)
    if not found:
        raise place.fail(f"a transform is named by a type and a language, not {name!r}", "write 'type for language'")
    said = {word: node[word].removeprefix("public.") for word in WORDS if word in node}
    return Transform(place.address("transform", f"{plain_type(kind)}{FOR}{language}"), **said)


def lift(transform: Transform, _catalog: Catalog) -> Any:
    """The functions that there are."""
    return {word: getattr(transform, word) for word in WORDS if getattr(transform, word)}


def query(_version: int) -> str:
    """Transforms that no extension brings."""
    return f"""
        SELECT t.oid, format_type(t.trftype, NULL) || '{FOR}' || l.lanname, {function_name("t.trffromsql")},
               {function_name("t.trftosql")}
        FROM pg_transform t JOIN pg_language l ON l.oid = t.trflang WHERE {not_member("pg_transform", "t.oid")}
        ORDER BY 2"""


def read(rows: Iterable[Row], reader: Reader) -> Iterable[Transform]:
    """Rows of `query` → Transform."""
    for oid, name, from_sql, to_sql in rows:
        address = reader.known("pg_transform", oid, Address(reader.service, "postgres", "transform", (name,)))
        yield Transform(address, from_sql, to_sql)


def references(transform: Transform, catalog: Catalog) -> Iterable[Address]:
    """Its type, its language and its functions, those that are declared."""
    kind, language = transform.about
    yield from type_references(transform.address, kind, catalog)
    wanted = [transform.address.sibling("language", (language,)), transform.address.sibling("extension", (language,))]
    for said in (transform.from_sql, transform.to_sql):
        if said:
            schema, name = named(said)
            wanted.append(transform.address.sibling("function", (schema, f"{name}(internal)")))
    yield from (a for a in wanted if a in catalog.resources)


def definition(transform: Transform) -> str:
    """CREATE OR REPLACE TRANSFORM."""
    kind, language = transform.about
    said = ((words, getattr(transform, word)) for word, words in WORDS.items())
    clauses = ", ".join(f"{words} WITH FUNCTION {name}(internal)" for words, name in said if name)
    return f"CREATE OR REPLACE TRANSFORM FOR {kind} LANGUAGE {ident(language)} ({clauses})"


def _made(change: Change[Transform], catalog: Catalog, phase: Phase) -> Draft:
    drop = f"DROP {phrase(change.address, catalog)}"
    return replaced(change, f"transform of {change.address.name}", definition, drop, phase)


def create(change: Change[Transform], context: Context) -> list[Draft]:
    """No lock on anything that exists."""
    return [_made(change, context.desired, Phase.EXPAND)]


def alter(change: Change[Transform], context: Context) -> list[Draft]:
    """OR REPLACE: functions that say TRANSFORM stay, and get values of another form."""
    return [_made(change, context.desired, Phase.CONTRACT)]


def drop(change: Change[Transform], context: Context) -> list[Draft]:
    """RESTRICT: a function that says TRANSFORM makes the step fail."""
    return [
        dropped(
            change,
            f"transform of {change.address.name}",
            f"DROP {phrase(change.address, context.live)}",
            definition(change.live),
            hazards=(hazard(Code.OLD_READERS, "code that writes functions with it breaks"),),
        )
    ]


def rebuild(change: Change[Transform], context: Context) -> list[Draft]:
    """What it is made of goes and comes again, and it with that."""
    return [*drop(change, context), _made(change, context.desired, Phase.CONTRACT)]


KIND = PgKind(
    name="transform",
    resource=Transform,
    section="transforms",
    spec=SPEC,
    lower=lower,
    lift=lift,
    query=query,
    read=read,
    references=references,
    create=create,
    drop=drop,
    rebuild=rebuild,
    rules=(rule("from_sql", "to_sql", emit=alter),),
    prepares=definition,
    order=34,
)
