"""Text search configurations: `text_search_configurations: {german: {parser: default, mappings: {word: [simple]}}}`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from reconciler.engines.postgres.evidence import shows
from reconciler.engines.postgres.kind import PgKind, Reader, Row, not_member
from reconciler.engines.postgres.operations import sql
from reconciler.engines.postgres.plain_objects import Plain, name_of
from reconciler.engines.postgres.quoting import ident
from reconciler.engines.postgres.text_search import NAME, named, split
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Change
from reconciler.model.hazard import Code, hazard
from reconciler.model.kind import Context, Disturbance, Place, rule
from reconciler.model.resource import Resource, Role, attr
from reconciler.model.step import Draft, Phase

Mappings = tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True)
class TextSearchConfiguration(Resource):
    """Path: (schema, name). `mappings`: (token type, dictionaries in their order), sorted."""

    parser: str = attr(Role.REPLACE)
    mappings: Mappings = ()


SPEC = {
    "type": "object",
    "required": ["parser"],
    "properties": {
        "parser": NAME,
        "mappings": {"type": "object", "additionalProperties": {"type": "array", "items": NAME, "minItems": 1}},
    },
}


def lower(name: str, node: Any, place: Place) -> TextSearchConfiguration:
    """A parser, and the dictionaries of each type of its tokens."""
    mappings = tuple(sorted((k, tuple(v)) for k, v in node.get("mappings", {}).items()))
    return TextSearchConfiguration(place.address("text_search_configuration", name), node["parser"], mappings)


def lift(found: TextSearchConfiguration, _catalog: Catalog) -> Any:
    """The parser, and mappings where there are some."""
    node: dict[str, Any] = {"parser": found.parser}
    return node | ({"mappings": {k: list(v) for k, v in found.mappings}} if found.mappings else {})


def query(_version: int) -> str:
    """Configurations of the schemas in scope, their mappings as rows of token, dictionary's schema and name."""
    return f"""
        SELECT c.oid, n.nspname, c.cfgname, s.nspname, p.prsname,
               ARRAY(SELECT ARRAY[k.alias, dn.nspname, d.dictname]::text[]
                     FROM pg_ts_config_map m JOIN ts_token_type(c.cfgparser) k ON k.tokid = m.maptokentype
                     JOIN pg_ts_dict d ON d.oid = m.mapdict JOIN pg_namespace dn ON dn.oid = d.dictnamespace
                     WHERE m.mapcfg = c.oid ORDER BY k.alias, m.mapseqno)
        FROM pg_ts_config c JOIN pg_namespace n ON n.oid = c.cfgnamespace JOIN pg_ts_parser p ON p.oid = c.cfgparser
        JOIN pg_namespace s ON s.oid = p.prsnamespace
        WHERE c.cfgnamespace = ANY (%(namespaces)s) AND {not_member("pg_ts_config", "c.oid")} ORDER BY 2, 3"""


def read(rows: Iterable[Row], reader: Reader) -> Iterable[TextSearchConfiguration]:
    """Rows of `query` → TextSearchConfiguration."""
    for oid, schema, name, place, parser, mappings in rows:
        found: dict[str, tuple[str, ...]] = {}
        for token, where, dictionary in mappings:
            found[token] = (*found.get(token, ()), named(where, dictionary))
        yield TextSearchConfiguration(
            reader.known("pg_ts_config", oid, reader.address("text_search_configuration", schema, name)),
            named(place, parser),
            tuple(sorted(found.items())),
        )


def _parser(name: str) -> str:
    """`default` is a reserved word and the name of the parser that every server has."""
    return 'pg_catalog."default"' if name.strip('"') == "default" else name


def _alter(address: Address) -> str:
    return f"ALTER TEXT SEARCH CONFIGURATION {name_of(address)}"


def _mapped(address: Address, word: str, mapping: tuple[str, tuple[str, ...]]) -> str:
    token, dictionaries = mapping
    return f"{_alter(address)} {word} MAPPING FOR {ident(token)} WITH {', '.join(dictionaries)}"


def statements(found: TextSearchConfiguration) -> list[str]:
    """CREATE TEXT SEARCH CONFIGURATION and its mappings."""
    created = f"CREATE TEXT SEARCH CONFIGURATION {name_of(found.address)} (parser = {_parser(found.parser)})"
    return [created, *(_mapped(found.address, "ADD", m) for m in found.mappings)]


def references(found: TextSearchConfiguration, catalog: Catalog) -> Iterable[Address]:
    """Its parser and its dictionaries, as far as they are declared."""
    wanted = [found.address.sibling("text_search_parser", split(found.parser))]
    names = {d for _, dictionaries in found.mappings for d in dictionaries}
    wanted += [found.address.sibling("text_search_dictionary", split(d)) for d in sorted(names)]
    return (a for a in wanted if a in catalog.resources)


def _moves(new: TextSearchConfiguration, old: TextSearchConfiguration) -> list[str]:
    before, after = dict(old.mappings), dict(new.mappings)
    gone = [f"{_alter(new.address)} DROP MAPPING FOR {ident(t)}" for t in sorted(before.keys() - after.keys())]
    changed = [m for m in new.mappings if before.get(m[0]) != m[1]]
    return [*gone, *(_mapped(new.address, "ALTER" if m[0] in before else "ADD", m) for m in changed)]


def set_mappings(change: Change[TextSearchConfiguration], _context: Context) -> list[Draft]:
    """Stored tsvector values stay as they were made."""
    found, live = change.desired, change.live
    stale = hazard(Code.OLD_READERS, "tsvector values and indexes that were made before do not follow")
    return [
        Draft(
            "mappings",
            Phase.CONTRACT,
            f"change the mappings of text search configuration {'.'.join(change.address.path)}",
            sql(*_moves(found, live)),
            hazards=(stale,),
            done=shows(change.address, ("mappings", found.mappings)),
            undo=(sql(*_moves(live, found)),),
        )
    ]


def disturbs(change: Change[TextSearchConfiguration]) -> Disturbance:
    """Another parser makes it anew."""
    return Disturbance.DROPS if change.changed("parser") else Disturbance.NONE


PLAIN = Plain("TEXT SEARCH CONFIGURATION", statements)
KIND = PgKind(
    name="text_search_configuration",
    resource=TextSearchConfiguration,
    section="text_search_configurations",
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
    rules=(rule("mappings", emit=set_mappings),),
    parent="schema",
    order=38,
    top=True,
)
