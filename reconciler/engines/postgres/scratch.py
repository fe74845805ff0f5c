"""A database with a random name on a scratch server, in which the schema of a live one can be built: `plan --prove`."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import psycopg

from reconciler.engines.postgres.kinds.extension import Extension
from reconciler.engines.postgres.named_roles import named, there
from reconciler.engines.postgres.quoting import ident
from reconciler.engines.postgres.session import connected, store_errors
from reconciler.engines.postgres.subscription_parts import Subscription, detaching
from reconciler.errors import StoreError
from reconciler.model.catalog import Catalog
from reconciler.model.engine import ScratchServer, Target

PREFIX = "reconcile_scratch_"
"""How the databases are called: what a killed process leaves behind is found by it."""
MAKER_RIGHTS = "connect as a role that may make databases, or: ALTER ROLE {user} CREATEDB"
_LIVE = """
    SELECT current_user, pg_get_userbyid(d.datdba), to_regnamespace('public') IS NOT NULL,
           ARRAY (SELECT rolname::text FROM pg_roles WHERE rolname !~ '^pg_' ORDER BY 1)
    FROM pg_database d WHERE d.datname = current_database()"""


class _Live(NamedTuple):
    """What a database like the live one needs: who connects, who owns it, whether it has `public`, and all roles."""

    me: str
    owner: str
    public: bool
    roles: frozenset[str]


@contextlib.contextmanager
def scratch(server: ScratchServer, live: Target, catalogs: Iterable[Catalog]) -> Iterator[Target]:
    """Make the database, give its target, and drop it again.

    On a server of our own the roles of the live one are made too, without login; the role that plans connects there
    by its own name, because owners and privileges are told relative to it. Raises StoreError for roles and extensions
    that another server lacks.
    """
    held = tuple(catalogs)
    _silent(held)
    found = _look(live)
    target = replace(live, connection=server.connection, label=server.label)
    name = PREFIX + secrets.token_hex(8)
    with contextlib.closing(connected(target)) as admin:
        with store_errors(admin, "the scratch server cannot be used"):
            _extensions(admin, held)
            if server.own:
                _make_roles(admin, found)
            else:
                _need_roles(admin, found, held)
        try:
            with store_errors(admin, "no scratch database can be made", MAKER_RIGHTS):
                owner = f" OWNER {ident(found.owner)}" if server.own else ""
                admin.execute(f"CREATE DATABASE {ident(name)} TEMPLATE template0{owner}")
            yield _prepared(target, name, found, server.own)
        finally:
            with store_errors(admin, f"the scratch database {name} stays behind"):
                drop_database(admin, replace(target, connection={**server.connection, "dbname": name}))


def drop_database(admin: psycopg.Connection[Any], target: Target) -> None:
    """Drop the target's database if it is there, with the subscriptions that would keep it; no publisher is told."""
    name = target.connection["dbname"]
    query = """SELECT s.subname::text, s.subenabled, s.subslotname IS NOT NULL FROM pg_subscription s
               WHERE s.subdbid = (SELECT d.oid FROM pg_database d WHERE d.datname = %s)"""
    if held := admin.execute(query, (name,)).fetchall():
        with contextlib.closing(connected(target)) as database:
            for statement in [s for subscription in held for s in detaching(*subscription)]:
                database.execute(statement)
    admin.execute(f"DROP DATABASE IF EXISTS {ident(name)} WITH (FORCE)")


def _silent(catalogs: Iterable[Catalog]) -> None:
    """Raises StoreError for a subscription that would connect to its real publisher from the scratch server."""
    enabled = sorted({s.address.name for c in catalogs for s in c.of_kind(Subscription) if s.enabled})
    if enabled:
        raise StoreError(
            f"the subscription {_listed(enabled)} is enabled: built for a proof it would connect to its publisher",
            hint="plan with --no-prove",
        )


def _look(live: Target) -> _Live:
    with (
        contextlib.closing(connected(live)) as connection,
        store_errors(connection, "the live database cannot be read"),
    ):
        row = connection.execute(_LIVE).fetchone()
    me, owner, public, roles = row or ("", "", True, [])
    return _Live(me, owner, public, frozenset(roles))


def _extensions(admin: psycopg.Connection[Any], catalogs: Iterable[Catalog]) -> None:
    """Raises StoreError for extensions, or versions of them, that the server has no files of."""
    versions = admin.execute("SELECT name::text, version FROM pg_available_extension_versions").fetchall()
    there = {*versions, *((name, None) for name, _ in versions)}
    wanted = {(x.address.name, x.version) for catalog in catalogs for x in catalog.of_kind(Extension)}
    lacking = sorted(" ".join(filter(None, pair)) for pair in wanted - there)
    if lacking:
        raise StoreError(
            f"the scratch server lacks the extension {_listed(lacking)}",
            hint="name a server that has it: --scratch URL",
        )


def _make_roles(admin: psycopg.Connection[Any], live: _Live) -> None:
    """All roles of the live server without login, but the one that plans; several targets may do so at once."""
    with admin.transaction():
        admin.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", (PREFIX,))
        for name in sorted(live.roles - there(admin)):
            admin.execute(f"CREATE ROLE {ident(name)} NOLOGIN")
        admin.execute(f"ALTER ROLE {ident(live.me)} LOGIN SUPERUSER")


def _need_roles(admin: psycopg.Connection[Any], live: _Live, catalogs: Iterable[Catalog]) -> None:
    wanted = named(r for catalog in catalogs for r in catalog.resources.values())
    lacking = sorted(wanted.keys() & live.roles - there(admin))
    if lacking:
        raise StoreError(
            f"the scratch server lacks the role {_listed(lacking)}",
            hint="create it there without login; on a throw-away server, which needs no --scratch, it is made",
        )


def _prepared(target: Target, name: str, live: _Live, own: bool) -> Target:
    """The target of the new database, which has no `public` where the live one has none."""
    connection = {k: v for k, v in target.connection.items() if k != "create_database"}
    made = replace(target, connection={**connection, "dbname": name, **({"user": live.me} if own else {})})
    if not live.public:
        with contextlib.closing(connected(made)) as database, store_errors(database, "schema public cannot be dropped"):
            database.execute("DROP SCHEMA public")
    return made


def _listed(names: list[str]) -> str:
    return ", ".join(names[:5]) + (" …" if len(names) > 5 else "")
