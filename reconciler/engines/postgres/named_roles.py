"""Roles that declarations name. They belong to the whole server and are nobody's here: they have to be there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import psycopg

from reconciler.engines.postgres.privileges import Privileges
from reconciler.errors import DeclarationError
from reconciler.model.catalog import Catalog, unequal
from reconciler.model.resource import Resource

NOBODY = frozenset({"", "all", "public", "current_role", "current_user", "session_user"})
"""Words that stand where a role may, and are none."""


def _of_privileges(privileges: Privileges) -> Iterator[str]:
    for entry in privileges.entries:
        yield from (entry.role, entry.grantor)


def _of_defaults(found: Any) -> Iterator[str]:
    yield found.address.path[0]
    for scope in found.scopes:
        yield from _of_privileges(scope.privileges)


_NAMES: dict[str, Callable[[Any], Iterable[str]]] = {
    "owner": lambda owner: (owner.role,),
    "grants": lambda grants: _of_privileges(grants.privileges),
    "policy": lambda policy: policy.to,
    "default_privileges": _of_defaults,
    "user_mapping": lambda mapping: (mapping.address.path[-1],),
    "settings": lambda settings: (settings.address.path[-1],),
}


def named(resources: Iterable[Resource]) -> dict[str, Resource]:
    """Roles → the first resource that names each."""
    found: dict[str, Resource] = {}
    for resource in resources:
        for role in _NAMES[resource.address.kind](resource) if resource.address.kind in _NAMES else ():
            if role not in NOBODY:
                found.setdefault(role, resource)
    return found


def there(connection: psycopg.Connection[Any]) -> frozenset[str]:
    """All roles of a server."""
    return frozenset(str(name) for (name,) in connection.execute("SELECT rolname::text FROM pg_roles"))


def lacking(desired: Catalog, live: Catalog, connection: psycopg.Connection[Any]) -> list[DeclarationError]:
    """An error for each role that something names which differs from live, and the server does not have. Asks only
    where something like that differs.
    """
    wanted = named(desired.resources[a] for a in unequal(desired, live))
    missing = sorted(wanted.keys() - there(connection)) if wanted else []
    return [
        DeclarationError(
            f"{wanted[role].address}: there is no role {role}",
            hint="roles belong to the whole server: create it first (CREATE ROLE), or name one that is there",
            where=desired.origin(wanted[role].address),
        )
        for role in missing
    ]
