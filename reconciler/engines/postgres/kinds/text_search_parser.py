"""Text search parsers: `text_search_parsers: {words: {start: prsd_start, gettoken: prsd_nexttoken, …}}`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from reconciler.engines.postgres.kind import PgKind, Reader, Row, not_member
from reconciler.engines.postgres.mentions import of_expression
from reconciler.engines.postgres.plain_objects import Plain, name_of
from reconciler.engines.postgres.text_search import NAME, function
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Change
from reconciler.model.kind import Disturbance, Place
from reconciler.model.resource import Resource, Role, attr

FUNCTIONS = ("start", "gettoken", "end", "lextypes", "headline")

FOUND = ", ".join(map(function, ("x.prsstart", "x.prstoken", "x.prsend", "x.prslextype", "x.prsheadline")))


@dataclass(frozen=True, slots=True)
class TextSearchParser(Resource):
    """Path: (schema, name). Functions by name; "" is none."""

    start: str = attr(Role.REPLACE)
    gettoken: str = attr(Role.REPLACE)
    end: str = attr(Role.REPLACE)
    lextypes: str = attr(Role.REPLACE)
    headline: str = attr(Role.REPLACE, default="")


SPEC = {
    "type": "object",
    "required": ["start", "gettoken", "end", "lextypes"],
    "properties": {
        "start": NAME,
        "gettoken": NAME,
        "end": NAME,
        "lextypes": NAME,
        "headline": NAME,
    },
}


def lower(name: str, node: Any, place: Place) -> TextSearchParser:
    """The words of CREATE TEXT SEARCH PARSER."""
    return TextSearchParser(
        place.address("text_search_parser", name),
        node["start"],
        node["gettoken"],
        node["end"],
        node["lextypes"],
        node.get("headline", ""),
    )


def lift(found: TextSearchParser, _catalog: Catalog) -> Any:
    """The functions that are there."""
    return {f: getattr(found, f) for f in FUNCTIONS if getattr(found, f)}


def query(_version: int) -> str:
    """Those of the schemas in scope."""
    return f"""
        SELECT x.oid, n.nspname, x.prsname, {FOUND}
        FROM pg_ts_parser x JOIN pg_namespace n ON n.oid = x.prsnamespace
        WHERE x.prsnamespace = ANY (%(namespaces)s) AND {not_member("pg_ts_parser", "x.oid")} ORDER BY 2, 3"""


def read(rows: Iterable[Row], reader: Reader) -> Iterable[TextSearchParser]:
    """(oid, schema, name, functions) → TextSearchParser."""
    for oid, schema, name, *functions in rows:
        address = reader.known("pg_ts_parser", oid, reader.address("text_search_parser", schema, name))
        yield TextSearchParser(address, *("" if f == "-" else f for f in functions))


def statements(found: TextSearchParser) -> list[str]:
    """CREATE TEXT SEARCH PARSER."""
    said = ", ".join(f"{f} = {getattr(found, f)}" for f in FUNCTIONS if getattr(found, f))
    return [f"CREATE TEXT SEARCH PARSER {name_of(found.address)} ({said})"]


def mentions(found: TextSearchParser, catalog: Catalog) -> Iterable[Address]:
    """Its functions."""
    return of_expression(" ".join(getattr(found, f) for f in FUNCTIONS), catalog)


def disturbs(_change: Change[TextSearchParser]) -> Disturbance:
    """Nothing of it can be altered: what stands on it goes and comes again."""
    return Disturbance.DROPS


PLAIN = Plain("TEXT SEARCH PARSER", statements)
KIND = PgKind(
    name="text_search_parser",
    resource=TextSearchParser,
    section="text_search_parsers",
    spec=SPEC,
    lower=lower,
    lift=lift,
    query=query,
    read=read,
    mentions=mentions,
    prepares=PLAIN.definition,
    create=PLAIN.create,
    drop=PLAIN.drop,
    replace=PLAIN.replace,
    disturbs=disturbs,
    parent="schema",
    order=35,
    top=True,
)
