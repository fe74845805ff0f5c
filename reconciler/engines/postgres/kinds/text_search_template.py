"""Text search templates: `text_search_templates: {plain: {init: dsimple_init, lexize: dsimple_lexize}}`."""

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

FUNCTIONS = ("lexize", "init")

FOUND = ", ".join(map(function, ("x.tmpllexize", "x.tmplinit")))


@dataclass(frozen=True, slots=True)
class TextSearchTemplate(Resource):
    """Path: (schema, name). Functions by name; "" is none."""

    lexize: str = attr(Role.REPLACE)
    init: str = attr(Role.REPLACE, default="")


SPEC = {
    "type": "object",
    "required": ["lexize"],
    "properties": {
        "lexize": NAME,
        "init": NAME,
    },
}


def lower(name: str, node: Any, place: Place) -> TextSearchTemplate:
    """The words of CREATE TEXT SEARCH TEMPLATE."""
    return TextSearchTemplate(
        place.address("text_search_template", name),
        node["lexize"],
        node.get("init", ""),
    )


def lift(found: TextSearchTemplate, _catalog: Catalog) -> Any:
    """The functions that are there."""
    return {f: getattr(found, f) for f in FUNCTIONS if getattr(found, f)}


def query(_version: int) -> str:
    """Those of the schemas in scope."""
    return f"""
        SELECT x.oid, n.nspname, x.tmplname, {FOUND}
        FROM pg_ts_template x JOIN pg_namespace n ON n.oid = x.tmplnamespace
        WHERE x.tmplnamespace = ANY (%(namespaces)s) AND {not_member("pg_ts_template", "x.oid")} ORDER BY 2, 3"""


def read(rows: Iterable[Row], reader: Reader) -> Iterable[TextSearchTemplate]:
    """(oid, schema, name, functions) → TextSearchTemplate."""
    for oid, schema, name, *functions in rows:
        address = reader.known("pg_ts_template", oid, reader.address("text_search_template", schema, name))
        yield TextSearchTemplate(address, *("" if f == "-" else f for f in functions))


def statements(found: TextSearchTemplate) -> list[str]:
    """CREATE TEXT SEARCH TEMPLATE."""
    said = ", ".join(f"{f} = {getattr(found, f)}" for f in FUNCTIONS if getattr(found, f))
    return [f"CREATE TEXT SEARCH TEMPLATE {name_of(found.address)} ({said})"]


def mentions(found: TextSearchTemplate, catalog: Catalog) -> Iterable[Address]:
    """Its functions."""
    return of_expression(" ".join(getattr(found, f) for f in FUNCTIONS), catalog)


def disturbs(_change: Change[TextSearchTemplate]) -> Disturbance:
    """Nothing of it can be altered: what stands on it goes and comes again."""
    return Disturbance.DROPS


PLAIN = Plain("TEXT SEARCH TEMPLATE", statements)
KIND = PgKind(
    name="text_search_template",
    resource=TextSearchTemplate,
    section="text_search_templates",
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
    order=36,
    top=True,
)
