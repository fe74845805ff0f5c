"""Collations: `collations: {natural: {provider: icu, locale: en-u-kn-true, deterministic: false}}`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from reconciler.engines.postgres import type_conversion
from reconciler.engines.postgres.kind import PgKind, Reader, Row, not_member
from reconciler.engines.postgres.plain_objects import Plain, name_of
from reconciler.engines.postgres.quoting import literal
from reconciler.model.catalog import Catalog
from reconciler.model.change import Change
from reconciler.model.hazard import Code, hazard
from reconciler.model.kind import Context, Disturbance, Place
from reconciler.model.resource import Resource, Role, attr
from reconciler.model.step import Draft

PROVIDERS = {"c": "libc", "i": "icu", "b": "builtin"}


@dataclass(frozen=True, slots=True)
class Collation(Resource):
    """Path: (schema, name). libc has `lc_collate` and `lc_ctype`, the other providers a `locale`."""

    provider: str = attr(Role.REPLACE, default="libc")
    locale: str = attr(Role.REPLACE, default="")
    lc_collate: str = attr(Role.REPLACE, default="")
    lc_ctype: str = attr(Role.REPLACE, default="")
    deterministic: bool = attr(Role.REPLACE, default=True)
    rules: str = attr(Role.REPLACE, default="")


TEXT = {"type": "string", "minLength": 1}
SPEC = {
    "type": "object",
    "properties": {
        "provider": {"enum": list(PROVIDERS.values())},
        "locale": TEXT,
        "lc_collate": TEXT,
        "lc_ctype": TEXT,
        "deterministic": {"type": "boolean"},
        "rules": TEXT,
    },
}


def lower(name: str, node: Any, place: Place) -> Collation:
    """`locale` stands for both categories of libc."""
    provider = node.get("provider", "libc")
    locale = node.get("locale", "")
    libc = provider == "libc"
    collate, ctype = node.get("lc_collate", locale), node.get("lc_ctype", locale)
    if libc and not (collate and ctype):
        raise place.fail("a collation of libc has a locale, or lc_collate and lc_ctype", "say them")
    return Collation(
        place.address("collation", name),
        provider,
        "" if libc else locale,
        collate if libc else "",
        ctype if libc else "",
        bool(node.get("deterministic", True)),
        node.get("rules", ""),
    )


def lift(found: Collation, _catalog: Catalog) -> Any:
    """What differs from the defaults."""
    node: dict[str, Any] = {} if found.provider == "libc" else {"provider": found.provider}
    if found.provider == "libc" and found.lc_collate != found.lc_ctype:
        node |= {"lc_collate": found.lc_collate, "lc_ctype": found.lc_ctype}
    else:
        node["locale"] = found.locale or found.lc_collate
    if not found.deterministic:
        node["deterministic"] = False
    if found.rules:
        node["rules"] = found.rules
    return node


def query(_version: int) -> str:
    """Collations of the schemas in scope; where the locale is kept changed in 15 and 17, rules came in 16."""
    return f"""
        SELECT c.oid, n.nspname, c.collname, c.collprovider::text, c.collcollate, c.collctype,
               coalesce(to_jsonb(c) ->> 'colllocale', to_jsonb(c) ->> 'colliculocale'), c.collisdeterministic,
               to_jsonb(c) ->> 'collicurules'
        FROM pg_collation c JOIN pg_namespace n ON n.oid = c.collnamespace
        WHERE c.collnamespace = ANY (%(namespaces)s) AND {not_member("pg_collation", "c.oid")} ORDER BY 2, 3"""


def read(rows: Iterable[Row], reader: Reader) -> Iterable[Collation]:
    """Rows of `query` → Collation."""
    for oid, schema, name, provider, collate, ctype, locale, deterministic, rules in rows:
        libc = provider == "c"
        yield Collation(
            reader.known("pg_collation", oid, reader.address("collation", schema, name)),
            PROVIDERS.get(provider, "libc"),
            "" if libc else locale or collate or "",
            (collate or "") if libc else "",
            (ctype or "") if libc else "",
            deterministic,
            rules or "",
        )


def statements(found: Collation) -> list[str]:
    """CREATE COLLATION."""
    said = [f"provider = {found.provider}"] if found.provider != "libc" else []
    if found.provider != "libc" or found.lc_collate == found.lc_ctype:
        said.append(f"locale = {literal(found.locale or found.lc_collate)}")
    else:
        said += [f"lc_collate = {literal(found.lc_collate)}", f"lc_ctype = {literal(found.lc_ctype)}"]
    if not found.deterministic:
        said.append("deterministic = false")
    if found.rules:
        said.append(f"rules = {literal(found.rules)}")
    return [f"CREATE COLLATION {name_of(found.address)} ({', '.join(said)})"]


def definition(found: Collation) -> str:
    """The same as one text."""
    return statements(found)[0]


def replace(change: Change[Collation], context: Context) -> list[Draft]:
    """A new one, and every column and type moved to it; their indexes are built again, and no row is rewritten."""
    breaks = hazard(Code.OLD_READERS, "values sort and compare by another order")
    return type_conversion.converted(change, context, statements, hazards=(breaks,))


def disturbs(_change: Change[Collation]) -> Disturbance:
    """Nothing of a collation can be altered."""
    return Disturbance.DROPS


PLAIN = Plain("COLLATION", statements)
KIND = PgKind(
    name="collation",
    resource=Collation,
    section="collations",
    spec=SPEC,
    lower=lower,
    lift=lift,
    query=query,
    read=read,
    create=PLAIN.create,
    drop=PLAIN.drop,
    replace=replace,
    disturbs=disturbs,
    prepares=definition,
    parent="schema",
    order=19,
    top=True,
)
