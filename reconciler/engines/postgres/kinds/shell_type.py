"""Types that are named and not yet made: `shell_types: {box3: {}}`. Every base type begins as one, unsaid."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from reconciler.engines.postgres.kind import PgKind, Reader, Row, not_member
from reconciler.engines.postgres.operations import sql
from reconciler.engines.postgres.plain_objects import dropped, name_of
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Action, Change
from reconciler.model.hazard import Code, hazard
from reconciler.model.kind import Context, Place
from reconciler.model.resource import Resource
from reconciler.model.step import Check, Draft, Phase


@dataclass(frozen=True, slots=True)
class ShellType(Resource):
    """Path: (schema, name)."""


SPEC = {"type": ["object", "null"], "properties": {}}


def lower(name: str, _node: Any, place: Place) -> ShellType:
    """The name is all."""
    return ShellType(place.address("shell_type", name))


def lift(_shell: ShellType, _catalog: Catalog) -> Any:
    """Nothing to say."""
    return {}


def _base(address: Address) -> Address:
    return address.sibling("base_type", address.path)


def implied(shell: ShellType, catalog: Catalog) -> bool:
    """The beginning of a base type."""
    return _base(shell.address) in catalog.resources


def query(_version: int) -> str:
    """Shells in scope, and base types, which were such."""
    return f"""
        SELECT t.oid, n.nspname, t.typname FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
        WHERE t.typnamespace = ANY (%(namespaces)s) AND {not_member("pg_type", "t.oid")}
          AND (t.typtype = 'p' AND NOT t.typisdefined
               OR t.typtype = 'b' AND NOT EXISTS (SELECT FROM pg_type e WHERE e.typarray = t.oid)) ORDER BY 2, 3"""


def read(rows: Iterable[Row], reader: Reader) -> Iterable[ShellType]:
    """Rows of `query` → ShellType."""
    for oid, schema, name in rows:
        yield ShellType(reader.known("pg_type", oid, reader.address("shell_type", schema, name)))


def definition(shell: ShellType) -> str:
    """CREATE TYPE with a name alone."""
    return f"CREATE TYPE {name_of(shell.address)}"


def create(change: Change[ShellType], _context: Context) -> list[Draft]:
    """No lock on anything that exists."""
    return [
        Draft(
            "create",
            Phase.EXPAND,
            f"name type {'.'.join(change.address.path)}",
            sql(definition(change.desired)),
            done=(Check(change.address),),
            undo=(sql(f"DROP TYPE {name_of(change.address)}"),),
            provides=True,
        )
    ]


def drop(change: Change[ShellType], _context: Context) -> list[Draft]:
    """RESTRICT: a function that takes or returns it makes the step fail."""
    return [
        dropped(
            change,
            f"shell type {'.'.join(change.address.path)}",
            f"DROP TYPE {name_of(change.address)}",
            definition(change.live),
            hazards=(hazard(Code.OLD_READERS, "code that names the type breaks"),),
        )
    ]


def absorbed(change: Change[ShellType], context: Context) -> bool:
    """Gone with the base type that it became."""
    return change.action is Action.DELETE and context.deletes(_base(change.address))


KIND = PgKind(
    name="shell_type",
    resource=ShellType,
    section="shell_types",
    spec=SPEC,
    lower=lower,
    lift=lift,
    implied=implied,
    query=query,
    read=read,
    absorbed=absorbed,
    create=create,
    drop=drop,
    prepares=definition,
    parent="schema",
    order=20,
    top=True,
)
