"""Small maps that several kinds need while they read: asked for once, and joined here instead of in every query.

The server's side of a look at thousands of tables is mostly joins and the opening of tables. A default is spelled
without its table where it names no column of it (System Information Functions: `pg_get_expr` takes zero then), which
opens none: 0.13 s less at 5000 tables.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from reconciler.model.expr import Expr

DEFAULT_COLLATION = 100
Spot = tuple[int, int]
"""A column: oid of its relation, number."""
Named = tuple[int, int, int, int, int, bool, str]
"""The options of a sequence, and its name."""

OPCLASSES = """
    SELECT c.oid, CASE WHEN n.nspname IN ('pg_catalog', 'public') THEN quote_ident(c.opcname)
                  ELSE quote_ident(n.nspname) || '.' || quote_ident(c.opcname) END,
           c.opcdefault, c.opcintype, m.amname
    FROM pg_opclass c JOIN pg_namespace n ON n.oid = c.opcnamespace JOIN pg_am m ON m.oid = c.opcmethod"""

TYPES = """
    SELECT t.oid, t.typbasetype, t.typcollation FROM pg_type t
    WHERE t.typtype = 'd' OR t.typcollation NOT IN (0, 100)"""

COLLATIONS = "SELECT c.oid, n.nspname, c.collname FROM pg_collation c JOIN pg_namespace n ON n.oid = c.collnamespace"

DEFAULTS = """
    SELECT d.adrelid, d.adnum,
           pg_get_expr(d.adbin, CASE WHEN strpos(d.adbin::text, '{VAR ') > 0 THEN d.adrelid ELSE 0 END)
    FROM pg_attrdef d JOIN pg_class c ON c.oid = d.adrelid WHERE c.relnamespace = ANY (%(namespaces)s)"""

IDENTITIES = """
    SELECT d.refobjid, d.refobjsubid,
           s.seqstart, s.seqincrement, s.seqmin, s.seqmax, s.seqcache, s.seqcycle, c.relname
    FROM pg_depend d JOIN pg_sequence s ON s.seqrelid = d.objid JOIN pg_class c ON c.oid = d.objid
    WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.deptype = 'i'
      AND d.refobjsubid > 0"""

INDEX_OPTIONS = """
    SELECT c.oid, c.reloptions, s.spcname FROM pg_class c LEFT JOIN pg_tablespace s ON s.oid = c.reltablespace
    WHERE (c.reloptions IS NOT NULL OR c.reltablespace <> 0) AND c.relkind IN ('i', 'I')
      AND c.relnamespace = ANY (%(namespaces)s)"""

# Of columns, what differs from their types; of the keys of indexes, options of operator classes and statistics targets.
# Storage and compression are of types of variable length (attlen -1) alone: said first, since it needs no join.
SETTINGS = """
    SELECT a.attrelid, a.attnum, c.relkind IN ('i', 'I'), CASE WHEN a.attstorage <> t.typstorage
           THEN a.attstorage::text END, nullif(a.attcompression::text, ''), coalesce(a.attstattarget, -1)::text,
           a.attoptions
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
         AND (a.attlen = -1 OR a.attoptions IS NOT NULL OR a.attstattarget <> -1)
    JOIN pg_type t ON t.oid = a.atttypid
    WHERE c.relkind IN ('r', 'p', 'm', 'i', 'I') AND c.relnamespace = ANY (%(namespaces)s)
      AND (a.attoptions IS NOT NULL OR coalesce(a.attstattarget, -1) <> -1
           OR c.relkind IN ('r', 'p', 'm') AND (a.attstorage <> t.typstorage OR a.attcompression <> ''))"""

# 18 and later have such constraints; 2: not valid, 1: no inherit, 4: inherited and declared as well. A name is that of
# the table and the column unless somebody chose it, or it is too long or was taken.
NOT_NULLS = """
    SELECT k.conrelid, k.conkey[1],
           2 * (NOT k.convalidated)::int + k.connoinherit::int + 4 * (k.conislocal AND k.coninhcount > 0)::int,
           CASE WHEN k.conislocal THEN k.conname END
    FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
    JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1] AND a.attnotnull AND a.attnum > 0
    WHERE k.contype = 'n' AND c.relkind IN ('r', 'p') AND c.relnamespace = ANY (%(namespaces)s)
      AND (NOT k.convalidated OR k.connoinherit OR k.conislocal AND k.coninhcount > 0
           OR k.conislocal AND k.conname <> concat(c.relname, '_', a.attname, '_not_null'))"""

QUERIES = (OPCLASSES, TYPES, COLLATIONS, DEFAULTS, IDENTITIES, INDEX_OPTIONS, SETTINGS, NOT_NULLS)


@dataclass(slots=True)
class Lookups:
    """`opclasses`: oid → (name as one writes it, is a default, input type oid, method); `default_opclasses`: (method,
    input type oid) that have a default; `bases`: domain → the type under it; `type_collations`: types whose collation
    is not the default one; `collations`: oid → (schema, name); `defaults`: of columns, generation expressions too;
    `identities`: (start, increment, min, max, cache, cycle, name); `class_options`: (index oid, key number) → options;
    `index_targets`: index oid → its statistics targets; `index_options`: index oid → storage parameters;
    `index_tablespaces`: index oid → where it is, if not where the database is;
    `column_settings`: storage, compression, statistics target and options of columns that have some; `not_nulls`:
    unusual states and names of NOT NULL.
    """

    opclasses: dict[int, tuple[str, bool, int, str]] = field(default_factory=dict)
    default_opclasses: set[tuple[str, int]] = field(default_factory=set)
    bases: dict[int, int] = field(default_factory=dict)
    type_collations: dict[int, int] = field(default_factory=dict)
    collations: dict[int, tuple[str, str]] = field(default_factory=dict)
    defaults: dict[Spot, Expr] = field(default_factory=dict)
    identities: dict[Spot, Named] = field(default_factory=dict)
    class_options: dict[Spot, str] = field(default_factory=dict)
    index_targets: dict[int, tuple[Spot, ...]] = field(default_factory=dict)
    index_options: dict[int, list[str]] = field(default_factory=dict)
    index_tablespaces: dict[int, str] = field(default_factory=dict)
    column_settings: dict[Spot, Sequence[str | None]] = field(default_factory=dict)
    not_nulls: dict[Spot, tuple[int, str | None]] = field(default_factory=dict)

    def base(self, kind: int) -> int:
        """The type under a domain, or under domains of domains; any other type is its own."""
        while self.bases.get(kind):
            kind = self.bases[kind]
        return kind

    def collation(self, kind: int, collation: int) -> tuple[str, str] | None:
        """(schema, name) of the collation of a column of a type; None where it is the type's own."""
        if not collation or collation == self.type_collations.get(kind, DEFAULT_COLLATION):
            return None
        return self.collations[collation]


def read(results: Sequence[Iterable[Sequence[Any]]]) -> Lookups:
    """The rows of `QUERIES`, in their order → Lookups."""
    opclasses, types, collations, defaults, identities, stored, settings, not_nulls = results
    found = Lookups()
    for oid, name, default, kind, method in opclasses:
        found.opclasses[oid] = (name, default, kind, method)
        if default:
            found.default_opclasses.add((method, kind))
    for oid, base, collation in types:
        found.bases[oid] = base
        found.type_collations[oid] = collation
    found.collations = {oid: (schema, name) for oid, schema, name in collations}
    found.defaults = {(oid, number): Expr(text, text) for oid, number, text in defaults}
    found.identities = {(oid, n): (a, b, c, d, e, f, g) for oid, n, a, b, c, d, e, f, g in identities}
    for oid, said, tablespace in stored:
        if said is not None:
            found.index_options[oid] = list(said)
        if tablespace is not None:
            found.index_tablespaces[oid] = tablespace
    for oid, number, of_index, *plain, options in settings:
        if not of_index:
            found.column_settings[oid, number] = (*plain, *(options or ()))
            continue
        if options:
            found.class_options[oid, number] = ", ".join(options)
        if (target := int(plain[-1])) >= 0:
            found.index_targets[oid] = tuple(sorted((*found.index_targets.get(oid, ()), (number, target))))
    found.not_nulls = {(oid, number): (state, name) for oid, number, state, name in not_nulls}
    return found
