"""Domains: `domains: {positive: {type: integer, checks: {positive_check: VALUE > 0}}}`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from reconciler.engines.postgres import domain_changes as changes
from reconciler.engines.postgres import type_conversion
from reconciler.engines.postgres.domain_changes import Rule, definition, statements
from reconciler.engines.postgres.kind import PgKind, Reader, Row, not_member
from reconciler.engines.postgres.mentions import of_expression
from reconciler.engines.postgres.quoting import ident
from reconciler.engines.postgres.type_names import MAKERS, lift_collation, lower_collation, type_references
from reconciler.engines.postgres.types import lower_type
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.expr import Expr
from reconciler.model.kind import Place, rule
from reconciler.model.resource import Resource, Role, attr


@dataclass(frozen=True, slots=True)
class Domain(Resource):
    """Path: (schema, name). `checks` by name; `not_null_name` is what the server calls that constraint (18)."""

    type: str = attr(Role.REPLACE)
    collation: tuple[str, str] | None = attr(Role.REPLACE, default=None)
    default: Expr | None = None
    not_null: bool = False
    checks: tuple[Rule, ...] = ()
    not_null_name: str = attr(Role.INFORMATIONAL, reason="chosen by the server", default="")


CHECK = {
    "type": ["string", "object"],
    "description": "an SQL condition on VALUE, or a mapping with 'check' and 'validated'",
    "required": ["check"],
    "properties": {"check": {"type": "string", "minLength": 1}, "validated": {"type": "boolean"}},
    "additionalProperties": False,
}
SPEC = {
    "type": ["string", "object"],
    "description": "a type, or a mapping with 'type' and more",
    "required": ["type"],
    "properties": {
        "type": {"type": "string", "minLength": 1},
        "collation": {"type": "string"},
        "default": {"type": ["string", "integer", "number", "boolean"]},
        "not_null": {"type": "boolean"},
        "checks": {"type": "object", "additionalProperties": CHECK},
    },
}


def lower(name: str, node: Any, place: Place) -> Domain:
    """A type; a mapping says more."""
    said = node if isinstance(node, dict) else {"type": node}
    default = said.get("default")
    checks = {k: v if isinstance(v, dict) else {"check": v} for k, v in said.get("checks", {}).items()}
    return Domain(
        place.address("domain", name),
        lower_type(said["type"], place),
        lower_collation(said.get("collation")),
        None if default is None else Expr(str(default).lower() if isinstance(default, bool) else str(default)),
        bool(said.get("not_null", False)),
        tuple(sorted(Rule(k, Expr(v["check"]), bool(v.get("validated", True))) for k, v in checks.items())),
    )


def lift(domain: Domain, _catalog: Catalog) -> Any:
    """The type alone where that says all."""
    node: dict[str, Any] = {"type": domain.type}
    if domain.collation is not None:
        node["collation"] = lift_collation(domain.collation)
    if domain.default is not None:
        node["default"] = domain.default.source
    if domain.not_null:
        node["not_null"] = True
    if domain.checks:
        node["checks"] = {
            r.name: r.check.source if r.validated else {"check": r.check.source, "validated": False}
            for r in domain.checks
        }
    return node if len(node) > 1 else node["type"]


def long(node: Any) -> dict[str, Any]:
    """A type as a mapping."""
    return {"type": node}


def query(_version: int) -> str:
    """Domains in scope with their constraints."""
    return f"""
        SELECT t.oid, n.nspname, t.typname, format_type(t.typbasetype, t.typtypmod),
               CASE WHEN o.oid IS NOT NULL THEN ARRAY[s.nspname, o.collname]::text[] END,
               pg_get_expr(t.typdefaultbin, 0), t.typnotnull,
               ARRAY(SELECT ARRAY[k.conname, pg_get_expr(k.conbin, 0), k.convalidated::text]::text[]
                     FROM pg_constraint k WHERE k.contypid = t.oid AND k.contype = 'c'),
               coalesce((SELECT k.conname FROM pg_constraint k WHERE k.contypid = t.oid AND k.contype = 'n'), '')
        FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace JOIN pg_type b ON b.oid = t.typbasetype
        LEFT JOIN pg_collation o ON o.oid = t.typcollation AND t.typcollation <> b.typcollation
        LEFT JOIN pg_namespace s ON s.oid = o.collnamespace
        WHERE t.typtype = 'd' AND t.typnamespace = ANY (%(namespaces)s) AND {not_member("pg_type", "t.oid")}
        ORDER BY 2, 3"""


def read(rows: Iterable[Row], reader: Reader) -> Iterable[Domain]:
    """Rows of `query` → Domain."""
    for oid, schema, name, base, collation, default, not_null, checks, not_null_name in rows:
        yield Domain(
            reader.known("pg_type", oid, reader.address("domain", schema, name)),
            base,
            (collation[0], collation[1]) if collation else None,
            None if default is None else Expr.live(default),
            not_null,
            tuple(sorted(Rule(k, Expr.live(text), valid == "true") for k, text, valid in checks)),
            not_null_name,
        )


def temporary(domain: Domain) -> str:
    """The domain in pg_temp."""
    return definition(domain, f"pg_temp.{ident(domain.address.name)}")


def references(domain: Domain, catalog: Catalog) -> Iterable[Address]:
    """The declared type it is made of."""
    return type_references(domain.address, domain.type, catalog)


def mentions(domain: Domain, catalog: Catalog) -> Iterable[Address]:
    """What its default and its checks call."""
    texts = [*(r.check.source for r in domain.checks), *([domain.default.source] if domain.default else [])]
    return of_expression("\n".join(texts), catalog) if texts else ()


__all__ = ["KIND", "Domain", "definition", "statements"]

KIND = PgKind(
    name="domain",
    resource=Domain,
    section="domains",
    spec=SPEC,
    lower=lower,
    lift=lift,
    long=long,
    query=query,
    read=read,
    references=references,
    mentions=mentions,
    create=changes.create,
    drop=changes.drop,
    replace=changes.convert,
    absorbed=type_conversion.absorbed,
    follows=MAKERS,
    disturbs=changes.disturbs,
    rebuild=changes.rebuild,
    spreads=changes.spreads,
    rules=(
        rule("default", emit=changes.set_default),
        rule("checks", emit=changes.set_checks),
        rule("not_null", emit=changes.set_not_null),
    ),
    temporary=temporary,
    anonymous=True,
    prepares=definition,
    parent="schema",
    order=22,
    top=True,
)
