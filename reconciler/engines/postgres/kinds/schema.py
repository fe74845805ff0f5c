"""Schemas: `schemas: {app: {tables: …}}`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from reconciler.engines.postgres.kind import PgKind, Reader, Row
from reconciler.engines.postgres.operations import sql
from reconciler.engines.postgres.owners import STANDARD
from reconciler.engines.postgres.quoting import ident
from reconciler.model.catalog import Catalog
from reconciler.model.change import Change
from reconciler.model.kind import Context, Place
from reconciler.model.resource import Resource
from reconciler.model.step import Check, Draft, Phase


@dataclass(frozen=True, slots=True)
class Schema(Resource):
    """Path: (schema,)."""


SPEC = {"type": ["object", "null"], "properties": {}}


def lower(name: str, _node: Any, place: Place) -> Schema:
    """An empty mapping, or nothing, declares the schema; what is in it stands in its sections."""
    return Schema(place.address("schema", name))


def lift(_schema: Schema, _catalog: Catalog) -> Any:
    """Always a mapping, for the sections."""
    return {}


def query(_version: int) -> str:
    """Schemas in scope."""
    return "SELECT n.oid, n.nspname FROM pg_namespace n WHERE n.oid = ANY (%(namespaces)s) ORDER BY 2"


def read(rows: Iterable[Row], reader: Reader) -> Iterable[Schema]:
    """(oid, name) → Schema."""
    return (Schema(reader.known("pg_namespace", oid, reader.address("schema", name))) for oid, name in rows)


def _public(version: int) -> list[str]:
    """Its owner, privileges and comment in template0 (initdb.c; from 15 on nobody may create things there)."""
    owner, right = (f" AUTHORIZATION {STANDARD}", "USAGE") if version >= 15 else ("", "ALL")
    return [
        f"CREATE SCHEMA public{owner}",
        f"GRANT {right} ON SCHEMA public TO PUBLIC",
        "COMMENT ON SCHEMA public IS 'standard public schema'",
    ]


def create(change: Change[Schema], context: Context) -> list[Draft]:
    """No lock on anything that exists. `public` is made as a new database has it."""
    name = change.address.name
    public = _public(context.server.version[0]) if name == "public" else []
    return [
        Draft(
            "create",
            Phase.EXPAND,
            f"create schema {name}",
            sql(*(public or [f"CREATE SCHEMA {ident(name)}"])),
            done=(Check(change.address),),
            undo=(sql(f"DROP SCHEMA {ident(name)}"),),
        )
    ]


def drop(change: Change[Schema], _context: Context) -> list[Draft]:
    """RESTRICT: what is left in it makes the step fail rather than vanish."""
    name = change.address.name
    return [
        Draft(
            "drop",
            Phase.CONTRACT,
            f"drop schema {name}",
            sql(f"DROP SCHEMA {ident(name)}"),
            done=(Check(change.address, present=False),),
            undo=(sql(f"CREATE SCHEMA {ident(name)}"),),
        )
    ]


def implicit(schema: Schema) -> bool:
    """Every new database has `public`."""
    return schema.address.name == "public"


KIND = PgKind(
    name="schema",
    resource=Schema,
    section="schemas",
    spec=SPEC,
    lower=lower,
    lift=lift,
    query=query,
    read=read,
    create=create,
    drop=drop,
    order=10,
    shared=True,
    implicit=implicit,
)
