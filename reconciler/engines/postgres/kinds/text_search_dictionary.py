"""Text search dictionaries: `text_search_dictionaries: {stems: {template: snowball, options: {language: german}}}`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from reconciler.engines.postgres.evidence import shows
from reconciler.engines.postgres.kind import PgKind, Reader, Row, not_member
from reconciler.engines.postgres.operations import sql
from reconciler.engines.postgres.plain_objects import Plain, name_of
from reconciler.engines.postgres.quoting import ident, literal
from reconciler.engines.postgres.text_search import NAME, named, split
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Change
from reconciler.model.kind import Context, Disturbance, Place, rule
from reconciler.model.resource import Resource, Role, attr
from reconciler.model.step import Draft, Phase


@dataclass(frozen=True, slots=True)
class TextSearchDictionary(Resource):
    """Path: (schema, name). `options` keep their order, as the server does."""

    template: str = attr(Role.REPLACE)
    options: tuple[tuple[str, str], ...] = ()


SPEC = {
    "type": "object",
    "required": ["template"],
    "properties": {
        "template": NAME,
        "options": {"type": "object", "additionalProperties": {"type": ["string", "integer", "number", "boolean"]}},
    },
}

_NUMBER = re.compile(r"(0|[1-9]\d{0,8})(\.\d+)?")


def lower(name: str, node: Any, place: Place) -> TextSearchDictionary:
    """A template and its options."""
    options = {k: str(v).lower() if isinstance(v, bool) else str(v) for k, v in node.get("options", {}).items()}
    address = place.address("text_search_dictionary", name)
    return TextSearchDictionary(address, node["template"], tuple(options.items()))


def lift(found: TextSearchDictionary, _catalog: Catalog) -> Any:
    """The template, and options where there are some."""
    return {"template": found.template} | ({"options": dict(found.options)} if found.options else {})


def query(_version: int) -> str:
    """Dictionaries of the schemas in scope."""
    return f"""
        SELECT d.oid, n.nspname, d.dictname, s.nspname, t.tmplname, d.dictinitoption
        FROM pg_ts_dict d JOIN pg_namespace n ON n.oid = d.dictnamespace JOIN pg_ts_template t ON t.oid = d.dicttemplate
        JOIN pg_namespace s ON s.oid = t.tmplnamespace
        WHERE d.dictnamespace = ANY (%(namespaces)s) AND {not_member("pg_ts_dict", "d.oid")} ORDER BY 2, 3"""


def read(rows: Iterable[Row], reader: Reader) -> Iterable[TextSearchDictionary]:
    """Rows of `query` → TextSearchDictionary."""
    for oid, schema, name, place, template, options in rows:
        address = reader.known("pg_ts_dict", oid, reader.address("text_search_dictionary", schema, name))
        yield TextSearchDictionary(address, named(place, template), tuple(_options(options or "")))


def _options(text: str) -> Iterable[tuple[str, str]]:
    """`a = 'x', b = 'y''z'` in pairs (serialize_deflist in tsearchcmds.c)."""
    pair = r"""("(?:[^"]|"")+"|[^\s=]+) = (E?'(?:[^']|'')*'|[^\s,]+)(?:, )?"""
    for key, value in re.findall(pair, text):
        plain = value.removeprefix("E")
        if plain.startswith("'"):
            plain = plain[1:-1].replace("''", "'")
            plain = plain.replace("\\\\", "\\") if value.startswith("E") else plain
        yield key.strip('"'), plain


def _said(options: Iterable[tuple[str, str]]) -> list[str]:
    """A number stands bare: 1 is a Boolean to a template, and '1' is not (defGetBoolean in define.c)."""
    return [f"{ident(k)} = {v if _NUMBER.fullmatch(v) else literal(v)}" for k, v in options]


def statements(found: TextSearchDictionary) -> list[str]:
    """CREATE TEXT SEARCH DICTIONARY."""
    said = ", ".join([f"template = {found.template}", *_said(found.options)])
    return [f"CREATE TEXT SEARCH DICTIONARY {name_of(found.address)} ({said})"]


def references(found: TextSearchDictionary, catalog: Catalog) -> Iterable[Address]:
    """Its template, when that is declared."""
    wanted = found.address.sibling("text_search_template", split(found.template))
    return (wanted,) if wanted in catalog.resources else ()


def set_options(change: Change[TextSearchDictionary], _context: Context) -> list[Draft]:
    """New sessions, and old ones from their next use on, see the new options."""

    def action(new: TextSearchDictionary, old: TextSearchDictionary) -> str:
        gone = sorted({k for k, _ in old.options} - {k for k, _ in new.options})
        return f"ALTER TEXT SEARCH DICTIONARY {name_of(new.address)} ({', '.join([*_said(new.options), *gone])})"

    found = change.desired
    return [
        Draft(
            "options",
            Phase.EXPAND,
            f"change the options of text search dictionary {'.'.join(change.address.path)}",
            sql(action(found, change.live)),
            done=shows(change.address, ("options", found.options)),
            undo=(sql(action(change.live, found)),),
        )
    ]


def disturbs(change: Change[TextSearchDictionary]) -> Disturbance:
    """Another template makes it anew."""
    return Disturbance.DROPS if change.changed("template") else Disturbance.NONE


PLAIN = Plain("TEXT SEARCH DICTIONARY", statements)
KIND = PgKind(
    name="text_search_dictionary",
    resource=TextSearchDictionary,
    section="text_search_dictionaries",
    spec=SPEC,
    lower=lower,
    lift=lift,
    query=query,
    read=read,
    references=references,
    prepares=PLAIN.definition,
    create=PLAIN.create,
    drop=PLAIN.drop,
    replace=PLAIN.replace,
    rebuild=PLAIN.replace,
    disturbs=disturbs,
    rules=(rule("options", emit=set_options),),
    parent="schema",
    order=37,
    top=True,
)
