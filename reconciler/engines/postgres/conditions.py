"""Conditions about the rows of a table that stand elsewhere, as a publication's filters: how the server spells them.

Asked as check constraints of the table's temporary twin.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import psycopg

from reconciler.engines.postgres.kind import PgKind
from reconciler.engines.postgres.quoting import ident
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog, unequal
from reconciler.model.expr import Expr
from reconciler.model.resource import Resource

NAME = "reconcile_asks"
Said = Mapping[tuple[Address, str], str]


def wanted(desired: Catalog, live: Catalog, kinds: Mapping[str, PgKind[Any]]) -> dict[Address, list[str]]:
    """Table → conditions of what differs from live."""
    result: dict[Address, list[str]] = {}
    for address in unequal(desired, live):
        conditions = kinds[address.kind].conditions
        for table, condition in conditions(desired.resources[address]) if conditions else ():
            if table in desired.resources:
                result.setdefault(table, []).append(condition.source)
    return result


def ask(connection: psycopg.Connection[Any], table: Address, source: str) -> str | None:
    """The server's spelling, from the temporary twin; None where it cannot say."""
    name = f"pg_temp.{ident(table.name)}"
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(f"ALTER TABLE {name} ADD CONSTRAINT {NAME} CHECK ({source})")
            row = connection.execute(
                "SELECT pg_get_expr(k.conbin, k.conrelid) FROM pg_constraint k"
                " WHERE k.conname = %s AND k.connamespace = pg_my_temp_schema()",
                (NAME,),
            ).fetchone()
    except psycopg.Error:
        return None
    return str(row[0]) if row else None


def told(desired: Catalog, said: Said, kinds: Mapping[str, PgKind[Any]]) -> dict[Address, Resource]:
    """The resources with their conditions as the server spells them."""
    result: dict[Address, Resource] = {}
    for kind in kinds.values() if said else ():
        if kind.conditions is None or kind.with_conditions is None:
            continue
        for resource in desired.of_kind(kind.resource):
            pairs = kind.conditions(resource)
            if any((table, e.source) in said for table, e in pairs):
                spelled = [Expr(e.source, said.get((table, e.source), e.canonical)) for table, e in pairs]
                result[resource.address] = kind.with_conditions(resource, spelled)
    return result
