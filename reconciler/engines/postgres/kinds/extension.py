"""Extensions: `extensions: {pg_trgm: {schema: public, version: "1.6"}}`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from reconciler.engines.postgres.kind import PgKind, Reader, Row
from reconciler.engines.postgres.operations import sql
from reconciler.engines.postgres.quoting import ident, literal
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Change
from reconciler.model.hazard import Code, hazard
from reconciler.model.kind import Context, Place, rule
from reconciler.model.resource import Resource
from reconciler.model.step import Check, Draft, Phase


@dataclass(frozen=True, slots=True)
class Extension(Resource):
    """Path: (name,). `schema` None: wherever the extension puts itself. `version` None: whatever is installed."""

    schema: str | None = None
    version: str | None = None


SPEC = {
    "type": ["object", "null"],
    "properties": {"schema": {"type": "string"}, "version": {"type": "string"}},
}


def lower(name: str, node: Any, place: Place) -> Extension:
    """Nothing, or where and which version."""
    node = node or {}
    address = Address(place.service, place.engine, "extension", (name,))
    return Extension(address, node.get("schema"), node.get("version"))


def lift(extension: Extension, _catalog: Catalog) -> Any:
    """Where it is: nothing said leaves it wherever it is. Never the version, which the server's packages decide."""
    return {} if extension.schema is None else {"schema": extension.schema}


def query(_version: int) -> str:
    """All extensions of the database but plpgsql, which every database has."""
    return """
        SELECT x.oid, x.extname, n.nspname, x.extversion
        FROM pg_extension x JOIN pg_namespace n ON n.oid = x.extnamespace
        WHERE x.extname <> 'plpgsql' ORDER BY 2"""


def read(rows: Iterable[Row], reader: Reader) -> Iterable[Extension]:
    """(oid, name, schema, version) → Extension."""
    for oid, name, schema, version in rows:
        yield Extension(reader.known("pg_extension", oid, reader.address("extension", name)), schema, version)


def references(extension: Extension, _catalog: Catalog) -> Iterable[Address]:
    """The schema it is put in; public is there, declared or not."""
    if extension.schema in (None, "public"):
        return ()
    return (extension.address.sibling("schema", (extension.schema,)),)


def create(change: Change[Extension], _context: Context) -> list[Draft]:
    """May need privileges; takes no lock on tables."""
    extension, name = change.desired, change.address.name
    where = f" SCHEMA {ident(extension.schema)}" if extension.schema else ""
    version = f" VERSION {literal(extension.version)}" if extension.version else ""
    return [
        Draft(
            "create",
            Phase.EXPAND,
            f"install extension {name}",
            sql(f"CREATE EXTENSION {ident(name)}{where}{version}"),
            done=(Check(change.address),),
            undo=(sql(f"DROP EXTENSION {ident(name)}"),),
        )
    ]


def drop(change: Change[Extension], _context: Context) -> list[Draft]:
    """RESTRICT: whatever still uses its types or functions makes the step fail."""
    name = change.address.name
    return [
        Draft(
            "drop",
            Phase.CONTRACT,
            f"remove extension {name}",
            sql(f"DROP EXTENSION {ident(name)}"),
            hazards=(hazard(Code.OLD_READERS, f"what {name} brought is gone"),),
            done=(Check(change.address, present=False),),
        )
    ]


def move(change: Change[Extension], _context: Context) -> list[Draft]:
    """ALTER EXTENSION … SET SCHEMA; old code that names the schema breaks."""
    name, schema = change.address.name, change.desired.schema
    back = change.live.schema
    if schema is None or back is None:
        return []
    return [
        Draft(
            "move",
            Phase.CONTRACT,
            f"move extension {name} to schema {schema}",
            sql(f"ALTER EXTENSION {ident(name)} SET SCHEMA {ident(schema)}"),
            hazards=(hazard(Code.OLD_READERS, f"code that names {back} to reach {name} breaks"),),
            done=(Check(change.address, attributes=(("schema", schema),)),),
            undo=(sql(f"ALTER EXTENSION {ident(name)} SET SCHEMA {ident(back)}"),),
            provides=True,
        )
    ]


def update(change: Change[Extension], _context: Context) -> list[Draft]:
    """ALTER EXTENSION … UPDATE TO; there is no way back."""
    name, version = change.address.name, change.desired.version or ""
    return [
        Draft(
            "update",
            Phase.EXPAND,
            f"update extension {name} to {version}",
            sql(f"ALTER EXTENSION {ident(name)} UPDATE TO {literal(version)}"),
            done=(Check(change.address, attributes=(("version", version),)),),
            provides=True,
        )
    ]


KIND = PgKind(
    name="extension",
    resource=Extension,
    section="extensions",
    spec=SPEC,
    lower=lower,
    lift=lift,
    query=query,
    read=read,
    references=references,
    create=create,
    drop=drop,
    rules=(rule("schema", emit=move), rule("version", emit=update)),
    order=15,
    shared=True,
)
