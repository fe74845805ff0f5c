"""Canonical comparison: the server itself says how it spells what is declared (DESIGN section 5).

What is declared is built as temporary tables (`twins`) and other objects (`apart`) in transactions that are rolled
back, then read with the very queries that read what is live. It holds nobody up and leaves no trace. Only what differs
is sent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import psycopg
from psycopg import errors

from reconciler.engines.postgres import conditions, inheritance, named_roles, plain_columns, toast
from reconciler.engines.postgres.adoption import adopted, placed
from reconciler.engines.postgres.apart import Apart
from reconciler.engines.postgres.asking import Asking
from reconciler.engines.postgres.kind import PgKind
from reconciler.engines.postgres.kinds.extension import Extension
from reconciler.engines.postgres.twins import Twins
from reconciler.errors import DeclarationErrors
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog, Deferred, unequal
from reconciler.model.engine import Server
from reconciler.model.resource import Resource

BODIES = frozenset({"function", "procedure"})
"""Kinds whose text is compared as it stands, so that nothing parses it while they are compared."""


def canonicalise(
    connection: psycopg.Connection[Any],
    kinds: Mapping[str, PgKind[Any]],
    desired: Catalog,
    live: Catalog,
    server: Server,
    taken: set[Address] | None = None,
) -> Catalog:
    """The desired catalog with the server's spelling and its facts about changes. `taken` gets what it took on the way.

    Raises DeclarationErrors for what the server refuses to parse. What cannot be asked (a role without the right to
    make temporary tables, a standby) comes back deferred, unless its text equals the live text already.
    """
    own = inheritance.own_for_good(desired, live)
    kept: list[Any] = [desired.resources[d.address] for d in own if getattr(live.resources[d.address], "local", False)]
    desired = desired.updated({r.address: replace(r, local=True) for r in kept})
    found = _canonical(connection, kinds, desired, live, server, set() if taken is None else taken)
    deferred = [d for d in own if found.resources[d.address] == live.resources[d.address]]
    return replace(found, deferred=(*found.deferred, *deferred)) if deferred else found


def _canonical(
    connection: psycopg.Connection[Any],
    kinds: Mapping[str, PgKind[Any]],
    desired: Catalog,
    live: Catalog,
    server: Server,
    taken: set[Address],
) -> Catalog:
    desired = inheritance.one_key(desired, live)
    desired = adopted(_adopted(desired, live, kinds), live, server.version[0], lambda: _who(connection))
    desired = placed(desired, live, lambda: _where(connection))
    if missing := named_roles.lacking(desired, live, connection):
        raise DeclarationErrors(missing)
    conditioned = conditions.wanted(desired, live, kinds)
    known = plain_columns.known(desired, live)
    tables, others = _differing(known, live, kinds)
    new = _new(desired, live, kinds)
    if not tables and not others and not conditioned and not new:
        return known
    tables, others = _differing(desired, live, kinds)  # those that are known as well: others may name them
    tables += [t for t in conditioned if t not in tables]
    asking = Asking(connection, kinds, desired, live, server, taken=taken)
    twins = Twins(asking, conditioned)
    try:
        twins.ask(tables)
        Apart(asking, others).ask()
        asking.read_through([*new, *(a for a in others if a.kind in BODIES)])
    except (errors.InsufficientPrivilege, errors.ReadOnlySqlTransaction) as error:
        reason = f"the server does not let us ask how it spells this: {error.diag.message_primary}"
        return desired.with_resources(desired.resources, _unknown(desired, live, tables, reason))
    if asking.slips:
        raise DeclarationErrors(asking.slips)
    asking.answers.update(conditions.told(desired, twins.said, kinds))
    return desired.updated(asking.answers, asking.uses)


def _where(connection: psycopg.Connection[Any]) -> str:
    """The tablespace of the database."""
    own = "SELECT spcname FROM pg_tablespace s JOIN pg_database d ON d.dattablespace = s.oid"
    row = connection.execute(f"{own} WHERE d.datname = current_database()").fetchone()
    return str(row[0]) if row else ""


def _who(connection: psycopg.Connection[Any]) -> str:
    row = connection.execute("SELECT current_user").fetchone()
    return str(row[0]) if row else ""


def _adopted(desired: Catalog, live: Catalog, kinds: Mapping[str, PgKind[Any]]) -> Catalog:
    """What a declaration leaves to the server is as it is: an extension's version, where it put itself."""
    taken: dict[Address, Resource] = {}
    for extension in desired.of_kind(Extension):
        found = live.get(extension.address, Extension)
        if found is not None and (extension.version is None or extension.schema is None):
            taken[extension.address] = replace(
                extension, version=extension.version or found.version, schema=extension.schema or found.schema
            )
    for address in unequal(desired, live):
        there, adopts = live.resources.get(address), kinds[address.kind].adopts
        if there is not None and adopts is not None:
            taken[address] = adopts(desired.resources[address], there)
    adopted = desired.updated(taken)
    return adopted.updated({r.address: r for r in inheritance.checked_before(adopted, live)})


def _differing(
    desired: Catalog, live: Catalog, kinds: Mapping[str, PgKind[Any]]
) -> tuple[list[Address], list[Address]]:
    """(tables of which anything differs from live, other objects that differ and can be asked about), in order."""
    pieces = {"table", "column"} | {k.name for k in kinds.values() if k.piece}
    alone = {k.name for k in kinds.values() if k.temporary and not k.piece}
    tables: dict[Address, None] = {}
    others: list[Address] = []
    for address in unequal(desired, live):
        if plain_columns.is_known(desired.resources[address]):
            continue
        if address.kind in pieces:
            tables[address.sibling("table", address.path[:2])] = None
        elif address.kind in alone and address in live.resources:
            others.append(address)
    tables |= dict.fromkeys(toast.in_question(desired, live))
    return [a for a in tables if a in desired.resources], others


def _new(desired: Catalog, live: Catalog, kinds: Mapping[str, PgKind[Any]]) -> list[Address]:
    """What has a text of its own and is not there yet: nothing to compare with, but it may be no SQL."""
    alone = {k.name for k in kinds.values() if k.temporary and not k.piece}
    return [a for a in unequal(desired, live) if a.kind in alone and a in desired.resources and a not in live.resources]


def _unknown(desired: Catalog, live: Catalog, tables: list[Address], reason: str) -> Iterator[Deferred]:
    """What differs from live in the text of an expression only: that may be no difference at all."""
    inside = {a.path for a in tables}
    for address, resource in desired.resources.items():
        found = live.resources.get(address)
        if address.path[:2] in inside and found is not None and found != resource:
            yield Deferred(address, reason)
