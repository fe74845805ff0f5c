"""Tables: what is in them are kinds of their own, absorbed when the table is created or dropped."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from reconciler.engines.postgres.kind import PgKind, Reader, Row, not_member
from reconciler.engines.postgres.kinds.check import Check as CheckConstraint
from reconciler.engines.postgres.kinds.check import clause as check_clause
from reconciler.engines.postgres.kinds.column import Column
from reconciler.engines.postgres.kinds.column import clause as column_clause
from reconciler.engines.postgres.kinds.primary_key import PrimaryKey
from reconciler.engines.postgres.kinds.primary_key import clause as primary_key_clause
from reconciler.engines.postgres.kinds.unique import Unique, repeats
from reconciler.engines.postgres.kinds.unique import clause as unique_clause
from reconciler.engines.postgres.locks import access_exclusive
from reconciler.engines.postgres.names import freed
from reconciler.engines.postgres.operations import sql
from reconciler.engines.postgres.quoting import qualified
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Change
from reconciler.model.hazard import Code, hazard
from reconciler.model.kind import Context, Place, rule
from reconciler.model.resource import Resource
from reconciler.model.step import Check, Draft, Phase, Ref


@dataclass(frozen=True, slots=True)
class Table(Resource):
    """Path: (schema, table)."""

    unlogged: bool = False


SPEC = {"type": ["object", "null"], "properties": {"unlogged": {"type": "boolean"}}}


def lower(name: str, node: Any, place: Place) -> Table:
    """A mapping with the sections of the table."""
    return Table(place.address("table", name), bool((node or {}).get("unlogged", False)))


def lift(table: Table, _catalog: Catalog) -> Any:
    """What differs from a plain table; the sections follow."""
    return {"unlogged": True} if table.unlogged else {}


def query(_version: int) -> str:
    """Ordinary tables in scope that are no partitions and inherit nothing; the others are listed as unmanaged."""
    return f"""
        SELECT c.oid, n.nspname, c.relname, c.relpersistence = 'u'
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind = 'r' AND c.relnamespace = ANY (%(namespaces)s) AND NOT c.relispartition
          AND c.reloftype = 0 AND NOT EXISTS (SELECT FROM pg_inherits i WHERE c.oid IN (i.inhrelid, i.inhparent))
          AND {not_member("pg_class", "c.oid")}
        ORDER BY 2, 3"""


def read(rows: Iterable[Row], reader: Reader) -> Iterable[Table]:
    """(oid, schema, name, unlogged) → Table."""
    for oid, schema, name, unlogged in rows:
        yield Table(reader.table(oid, schema, name), unlogged)


def name_of(address: Address) -> str:
    """`schema.table` of a table or of anything in it."""
    return qualified(address.path[0], address.path[1])


def definition(table: Table, catalog: Catalog) -> str:
    """CREATE TABLE with its columns, keys and checks; foreign keys and indexes are statements of their own."""
    address = table.address
    lines = [column_clause(c) for c in catalog.children(address, "column", Column)]
    lines += [primary_key_clause(k) for k in catalog.children(address, "primary_key", PrimaryKey)]
    uniques = sorted(catalog.children(address, "unique", Unique), key=lambda u: u.address)
    lines += [unique_clause(u) for u in uniques if not repeats(u, catalog)]
    checks = sorted(catalog.children(address, "check", CheckConstraint), key=lambda c: c.address)
    lines += [check_clause(c) for c in checks if c.validated]
    body = ",\n".join(f"    {line}" for line in lines)
    kind = "UNLOGGED TABLE" if table.unlogged else "TABLE"
    return f"CREATE {kind} {name_of(address)} (\n{body}\n)" if body else f"CREATE {kind} {name_of(address)} ()"


def create(change: Change[Table], context: Context) -> list[Draft]:
    """One statement, no lock on anything that exists."""
    return [
        Draft(
            "create",
            Phase.EXPAND,
            f"create table {'.'.join(change.address.path)}",
            sql(definition(change.desired, context.desired)),
            done=(Check(change.address),),
            undo=(sql(f"DROP TABLE {name_of(change.address)}"),),
            requires=_freed(change, context),
        )
    ]


def _freed(change: Change[Table], context: Context) -> tuple[Ref, ...]:
    inside = (context.changes.get(change.address.sibling("primary_key", change.address.path)),)
    keys = context.desired.children(change.address, "unique", Unique)
    made = (change, *inside, *(context.changes.get(k.address) for k in keys))
    return tuple(dict.fromkeys(ref for c in made if c is not None for ref in freed(c, context)))


def drop(change: Change[Table], context: Context) -> list[Draft]:
    """AccessExclusive on it alone: foreign keys to other tables went before, one by one (row 4)."""
    rows = context.size(change.address).rows
    known = f"about {rows} rows" if rows > 0 else "all its rows"
    return [
        Draft(
            "drop",
            Phase.CONTRACT,
            f"drop table {'.'.join(change.address.path)}",
            sql(f"DROP TABLE {name_of(change.address)}"),
            locks=access_exclusive((change.address.path[0], change.address.path[1])),
            hazards=(
                hazard(Code.DELETES_DATA, f"{known} are gone"),
                hazard(Code.OLD_READERS, "code that uses it breaks"),
            ),
            done=(Check(change.address, present=False),),
        )
    ]


def set_logged(change: Change[Table], _context: Context) -> list[Draft]:
    """SET LOGGED / UNLOGGED rewrites the table (measured, row 66)."""
    word, back = ("UNLOGGED", "LOGGED") if change.desired.unlogged else ("LOGGED", "UNLOGGED")
    table = name_of(change.address)
    return [
        Draft(
            "logged",
            Phase.CONTRACT,
            f"make {'.'.join(change.address.path)} {word.lower()}",
            sql(f"ALTER TABLE {table} SET {word}"),
            locks=access_exclusive((change.address.path[0], change.address.path[1])),
            hazards=(hazard(Code.REWRITE, f"{table} is rewritten"),),
            done=(Check(change.address, attributes=(("unlogged", change.desired.unlogged),)),),
            undo=(sql(f"ALTER TABLE {table} SET {back}"),),
            reads=change.address,
        )
    ]


KIND = PgKind(
    name="table",
    resource=Table,
    section="tables",
    spec=SPEC,
    lower=lower,
    lift=lift,
    query=query,
    read=read,
    create=create,
    drop=drop,
    rules=(rule("unlogged", emit=set_logged),),
    parent="schema",
    order=40,
    top=True,
)
