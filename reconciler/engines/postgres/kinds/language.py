"""Procedural languages that no extension brings: `languages: {plsample: {handler: plsample_call_handler}}`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from reconciler.engines.postgres.kind import PgKind, Reader, Row, function_name, not_member
from reconciler.engines.postgres.plain_objects import dropped, replaced
from reconciler.engines.postgres.quoting import ident
from reconciler.engines.postgres.type_names import named
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Change
from reconciler.model.hazard import Code, hazard
from reconciler.model.kind import Context, Place, rule
from reconciler.model.resource import Resource
from reconciler.model.step import Draft, Phase

FUNCTIONS = {"handler": "()", "inline": "(internal)", "validator": "(oid)"}
"""The functions of a language, with what they take (documentation, CREATE LANGUAGE)."""


@dataclass(frozen=True, slots=True)
class Language(Resource):
    """Path: (language,). Functions are bare in `public` and `pg_catalog`; `trusted`: everybody may use it."""

    handler: str
    inline: str = ""
    validator: str = ""
    trusted: bool = False


_NAME = {"type": "string", "minLength": 1}
SPEC = {
    "type": "object",
    "properties": {**dict.fromkeys(FUNCTIONS, _NAME), "trusted": {"type": "boolean"}},
    "required": ["handler"],
}


def lower(name: str, node: Any, place: Place) -> Language:
    """The words of CREATE LANGUAGE."""
    said = {word: node[word].removeprefix("public.") for word in FUNCTIONS if word in node}
    return Language(place.address("language", name), trusted=bool(node.get("trusted", False)), **said)


def lift(language: Language, _catalog: Catalog) -> Any:
    """What differs from the defaults."""
    node: dict[str, Any] = {word: getattr(language, word) for word in FUNCTIONS if getattr(language, word)}
    return {**node, "trusted": True} if language.trusted else node


def query(_version: int) -> str:
    """Languages that people made."""
    return f"""
        SELECT l.oid, l.lanname, {function_name("l.lanplcallfoid")}, {function_name("l.laninline")},
               {function_name("l.lanvalidator")}, l.lanpltrusted
        FROM pg_language l WHERE l.lanispl AND l.oid >= 16384 AND {not_member("pg_language", "l.oid")} ORDER BY 2"""


def read(rows: Iterable[Row], reader: Reader) -> Iterable[Language]:
    """Rows of `query` → Language."""
    for oid, name, *fields in rows:
        address = Address(reader.service, "postgres", "language", (name,))
        yield Language(reader.known("pg_language", oid, address), *fields)


def references(language: Language, catalog: Catalog) -> Iterable[Address]:
    """Its functions, those that are declared."""
    for word, takes in FUNCTIONS.items():
        if said := getattr(language, word):
            schema, name = named(said)
            function = language.address.sibling("function", (schema, f"{name}{takes}"))
            if function in catalog.resources:
                yield function


def definition(language: Language) -> str:
    """CREATE OR REPLACE LANGUAGE."""
    words = [f"CREATE OR REPLACE {'TRUSTED ' if language.trusted else ''}LANGUAGE {ident(language.address.name)}"]
    words += [f"{word.upper()} {getattr(language, word)}" for word in FUNCTIONS if getattr(language, word)]
    return " ".join(words)


def _made(change: Change[Language], phase: Phase) -> Draft:
    name = change.address.name
    return replaced(change, f"language {name}", definition, f"DROP LANGUAGE {ident(name)}", phase)


def create(change: Change[Language], _context: Context) -> list[Draft]:
    """Only a superuser may."""
    return [_made(change, Phase.EXPAND)]


def alter(change: Change[Language], _context: Context) -> list[Draft]:
    """OR REPLACE: functions of the language stay."""
    return [_made(change, Phase.CONTRACT)]


def drop(change: Change[Language], _context: Context) -> list[Draft]:
    """RESTRICT: a function of it makes the step fail."""
    return [
        dropped(
            change,
            f"language {change.address.name}",
            f"DROP LANGUAGE {ident(change.address.name)}",
            definition(change.live),
            hazards=(hazard(Code.OLD_READERS, "code that writes functions in it breaks"),),
        )
    ]


KIND = PgKind(
    name="language",
    resource=Language,
    section="languages",
    spec=SPEC,
    lower=lower,
    lift=lift,
    query=query,
    read=read,
    references=references,
    create=create,
    drop=drop,
    rules=(rule("handler", "inline", "validator", "trusted", emit=alter),),
    order=18,
)
