"""Who owns what: the catalogs to ask, and the name to use where a declaration leaves it open."""

from __future__ import annotations

from typing import NamedTuple

from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.kind import Context


class Source(NamedTuple):
    """A system catalog: its columns for the owner and the privileges, the letter acldefault() knows it by, a filter."""

    catalog: str
    owner: str
    acl: str | None = None
    letter: str = "''"
    where: str = "o.oid >= 16384"
    key: str = ""
    """SQL of (catalog, oid) where the object is known under another; a composite type under its relation."""

    @property
    def known_as(self) -> str:
        """SQL of (catalog, oid)."""
        return self.key or f"'{self.catalog}', o.oid"


OWN_SEQUENCE = """EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = o.oid
    AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i'))"""
IN_SCOPE = "{} = ANY (%(namespaces)s)"
SOURCES = (
    Source("pg_namespace", "nspowner", "nspacl", "'n'", IN_SCOPE.format("o.oid")),
    Source(
        "pg_class",
        "relowner",
        "relacl",
        "CASE o.relkind WHEN 'S' THEN 's' ELSE 'r' END::\"char\"",
        f"o.relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'c') AND {IN_SCOPE.format('o.relnamespace')}",
    ),
    Source("pg_proc", "proowner", "proacl", "'f'", IN_SCOPE.format("o.pronamespace")),
    Source(
        "pg_type",
        "typowner",
        "typacl",
        "'T'",
        f"""{IN_SCOPE.format("o.typnamespace")} AND (o.typtype IN ('e', 'd', 'r')
            OR o.typtype = 'b' AND NOT EXISTS (SELECT FROM pg_type e WHERE e.typarray = o.oid)
            OR o.typtype = 'c' AND EXISTS (SELECT FROM pg_class c WHERE c.oid = o.typrelid AND c.relkind = 'c'))""",
        """CASE o.typtype WHEN 'c' THEN 'pg_class' ELSE 'pg_type' END,
           CASE o.typtype WHEN 'c' THEN o.typrelid ELSE o.oid END""",
    ),
    Source("pg_foreign_data_wrapper", "fdwowner", "fdwacl", "'F'"),
    Source("pg_foreign_server", "srvowner", "srvacl", "'S'"),
    Source("pg_language", "lanowner", "lanacl", "'l'"),
    Source("pg_publication", "pubowner"),
    Source("pg_event_trigger", "evtowner"),
    Source(
        "pg_subscription",
        "subowner",
        where="o.subdbid = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())",
    ),
    Source("pg_collation", "collowner", where=IN_SCOPE.format("o.collnamespace")),
    Source("pg_statistic_ext", "stxowner", where=IN_SCOPE.format("o.stxnamespace")),
    Source("pg_operator", "oprowner", where=IN_SCOPE.format("o.oprnamespace")),
    Source("pg_opclass", "opcowner", where=IN_SCOPE.format("o.opcnamespace")),
    Source("pg_opfamily", "opfowner", where=IN_SCOPE.format("o.opfnamespace")),
    Source("pg_conversion", "conowner", where=IN_SCOPE.format("o.connamespace")),
    Source("pg_ts_dict", "dictowner", where=IN_SCOPE.format("o.dictnamespace")),
    Source("pg_ts_config", "cfgowner", where=IN_SCOPE.format("o.cfgnamespace")),
)
ME = "(SELECT r.oid FROM pg_roles r WHERE r.rolname = current_user)"
CURRENT = "current_user"
STANDARD = "pg_database_owner"
"""Who owns `public` from 15 on."""


def owner_of(holder: Address, context: Context) -> str:
    """The role that owns the object once the plan has run, as GRANT names it."""
    holder = _whole(holder)
    address = holder.sibling("owner", (holder.kind, *holder.path))
    change = context.changes.get(address)
    declared = change.after if change is not None else context.desired.resources.get(address)
    if declared is None and change is None and not context.creates(holder):
        declared = context.live.resources.get(address)
    return _name(holder, declared)


def owner_in(holder: Address, catalog: Catalog) -> str:
    """The role that owns the object in a catalog."""
    holder = _whole(holder)
    return _name(holder, catalog.resources.get(holder.sibling("owner", (holder.kind, *holder.path))))


def _whole(holder: Address) -> Address:
    """What has the owner: the table of an identity column's sequence."""
    return holder.sibling("table", holder.path[:2]) if holder.kind == "identity_sequence" else holder


def _name(holder: Address, owner: object) -> str:
    role = getattr(owner, "role", None)
    if role is not None:
        return str(role)
    return STANDARD if holder.kind == "schema" and holder.name == "public" else CURRENT
