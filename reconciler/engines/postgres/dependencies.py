"""Who uses what, as pg_depend has it: exact, down to the column, for everything the kinds read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from reconciler.engines.postgres.kind import Reader
from reconciler.model.address import Address

# Normal dependencies, and two automatic ones on columns of the same table: those of generated columns, and those of
# indexes, which their expressions and conditions have as well. All others that are automatic or internal a resource
# says itself, as it does what its foreign keys refer to. An array type stands for its element, a multirange for its
# range, a row type for its relation, an extension for its members. Objects below 16384 belong to the system.
QUERY = """
    SELECT d.classid::regclass::text, d.objid, d.objsubid,
           coalesce(w.ev_class, f.adrelid, k.conrelid, g.tgrelid, p.polrelid),
           coalesce(w.rulename, k.conname, g.tgname, p.polname)::text, coalesce(f.adnum, 0), k.contype::text,
           k.contypid, CASE WHEN o.refobjid IS NOT NULL THEN 'pg_extension' WHEN r.oid IS NOT NULL THEN 'pg_class'
                            ELSE d.refclassid::regclass::text END,
           coalesce(o.refobjid, r.oid, m.rngtypid, e.oid, d.refobjid), d.refobjsubid
    FROM pg_depend d
    LEFT JOIN pg_type t ON d.refclassid = 'pg_type'::regclass AND t.oid = d.refobjid
    LEFT JOIN pg_type e ON e.oid = CASE WHEN t.typcategory = 'A' AND t.typelem <> 0 THEN t.typelem ELSE t.oid END
    LEFT JOIN pg_range m ON m.rngmultitypid = e.oid
    LEFT JOIN pg_class r ON r.oid = e.typrelid
    LEFT JOIN pg_depend o ON o.deptype = 'e' AND o.classid = d.refclassid AND o.objid = coalesce(e.oid, d.refobjid)
    LEFT JOIN pg_rewrite w ON d.classid = 'pg_rewrite'::regclass AND w.oid = d.objid
    LEFT JOIN pg_attrdef f ON d.classid = 'pg_attrdef'::regclass AND f.oid = d.objid
    LEFT JOIN pg_constraint k ON d.classid = 'pg_constraint'::regclass AND k.oid = d.objid
    LEFT JOIN pg_trigger g ON d.classid = 'pg_trigger'::regclass AND g.oid = d.objid
    LEFT JOIN pg_policy p ON d.classid = 'pg_policy'::regclass AND p.oid = d.objid
    LEFT JOIN pg_index x ON d.classid = 'pg_class'::regclass AND x.indexrelid = d.objid
    WHERE (d.deptype = 'n' OR d.deptype = 'a' AND d.refobjsubid > 0 AND (f.oid IS NOT NULL OR x.indexrelid IS NOT NULL))
      AND d.refobjid >= 16384 AND d.refclassid <> 'pg_namespace'::regclass
      AND NOT (d.classid = 'pg_constraint'::regclass AND d.refclassid = 'pg_class'::regclass)"""

CONSTRAINTS = {"c": "check", "x": "exclusion", "u": "unique", "f": "foreign_key", "p": "primary_key"}


def uses(rows: Iterable[Any], reader: Reader) -> dict[Address, tuple[Address, ...]]:
    """Address → what it uses, both among the resources that were read; sorted."""
    found: dict[Address, set[Address]] = {}
    for catalog, oid, part, relation, name, number, contype, domain, wanted, wanted_oid, wanted_part in rows:
        target = reader.object(wanted, wanted_oid, wanted_part)
        if target is None:
            continue
        if catalog == "pg_constraint" and not relation:
            source = reader.object("pg_type", domain, 0)
        elif relation:
            source = inside(catalog, relation, name, number, contype, reader)
        else:
            source = reader.object(catalog, oid, part)
        if source is not None and source != target:
            found.setdefault(source, set()).add(target)
    return {source: tuple(sorted(targets)) for source, targets in found.items()}


def inside(catalog: str, relation: int, name: str, number: int, contype: str, reader: Reader) -> Address | None:
    """The address of something that lives in a relation."""
    if catalog == "pg_attrdef":
        return reader.object("pg_class", relation, number)
    holder = reader.object("pg_class", relation, 0)
    if holder is None or (catalog == "pg_rewrite" and name == "_RETURN"):
        return holder
    of = {"view": "view_", "foreign_table": "foreign_table_"}.get(holder.kind, "")
    kind = {"pg_trigger": f"{of}trigger", "pg_rewrite": f"{of}rule", "pg_policy": "policy"}.get(catalog)
    if catalog == "pg_constraint":
        kind = CONSTRAINTS.get(contype)
    if kind == "primary_key":
        return holder.sibling(kind, holder.path)
    return holder.sibling(kind, (*holder.path, name)) if kind else None
