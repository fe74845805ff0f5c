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
#
# What stands beside a row is looked up for that row (LATERAL): joined as a whole, pg_constraint and pg_class alone take
# longer than all the rest at 5000 tables. An expression names columns where its tree has a Var.
_QUERY = """
    SELECT d.classid::regclass::text, d.objid, d.objsubid, s.relation, s.name::text, s.number, s.contype::text,
           s.domain,
           CASE WHEN o.refobjid IS NOT NULL THEN 'pg_extension' WHEN t.relation <> 0 THEN 'pg_class'
                ELSE d.refclassid::regclass::text END,
           coalesce(o.refobjid, nullif(t.relation, 0), t.oid, d.refobjid), d.refobjsubid
    FROM (
        SELECT d.classid, d.objid, d.objsubid, d.refclassid, d.refobjid, d.refobjsubid, d.deptype FROM pg_depend d
        WHERE d.deptype = 'n' AND d.refobjid >= 16384 AND d.refclassid <> 'pg_namespace'::regclass
          AND NOT (d.classid = 'pg_constraint'::regclass AND d.refclassid = 'pg_class'::regclass)
        UNION ALL
        SELECT d.classid, d.objid, d.objsubid, d.refclassid, d.refobjid, d.refobjsubid, d.deptype
        FROM pg_attrdef f JOIN pg_depend d ON d.classid = 'pg_attrdef'::regclass AND d.objid = f.oid
        WHERE strpos(f.adbin::text, '{{VAR ') > 0 AND d.deptype = 'a' AND d.refobjsubid > 0
        UNION ALL
        SELECT d.classid, d.objid, d.objsubid, d.refclassid, d.refobjid, d.refobjsubid, d.deptype
        FROM pg_index x JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = x.indexrelid
        WHERE (x.indexprs IS NOT NULL OR x.indpred IS NOT NULL) AND x.indexrelid >= 16384
          AND d.deptype = 'a' AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0{of_columns}
    ) d
    LEFT JOIN LATERAL (
        SELECT coalesce(m.rngtypid, e.oid) AS oid, e.typrelid AS relation
        FROM pg_type t
        JOIN pg_type e ON e.oid = CASE WHEN t.typcategory = 'A' AND t.typelem <> 0 THEN t.typelem ELSE t.oid END
        LEFT JOIN pg_range m ON m.rngmultitypid = e.oid
        WHERE d.refclassid = 'pg_type'::regclass AND t.oid = d.refobjid
    ) t ON true
    LEFT JOIN LATERAL (
        SELECT o.refobjid FROM pg_depend o
        WHERE d.deptype = 'n' AND o.deptype = 'e' AND o.classid = d.refclassid AND o.objid = coalesce(t.oid, d.refobjid)
    ) o ON true
    LEFT JOIN LATERAL (
        SELECT w.ev_class, w.rulename, 0, NULL::"char", 0::oid FROM pg_rewrite w
        WHERE d.classid = 'pg_rewrite'::regclass AND w.oid = d.objid
        UNION ALL
        SELECT f.adrelid, NULL, f.adnum, NULL, 0 FROM pg_attrdef f
        WHERE d.classid = 'pg_attrdef'::regclass AND f.oid = d.objid
        UNION ALL
        SELECT k.conrelid, k.conname, 0, k.contype, k.contypid FROM pg_constraint k
        WHERE d.classid = 'pg_constraint'::regclass AND k.oid = d.objid
        UNION ALL
        SELECT g.tgrelid, g.tgname, 0, NULL, 0 FROM pg_trigger g
        WHERE d.classid = 'pg_trigger'::regclass AND g.oid = d.objid
        UNION ALL
        SELECT p.polrelid, p.polname, 0, NULL, 0 FROM pg_policy p
        WHERE d.classid = 'pg_policy'::regclass AND p.oid = d.objid
    ) s (relation, name, number, contype, domain) ON true"""

_OF_COLUMNS = """
        UNION ALL
        SELECT d.classid, d.objid, d.objsubid, d.refclassid, d.refobjid, d.refobjsubid, d.deptype
        FROM pg_attribute a JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = a.attrelid
             AND d.objsubid = a.attnum
        WHERE a.attgenerated <> '' AND d.deptype = 'a' AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0"""


def query(version: int) -> str:
    """Rows for `uses`. Before 15 it is the generated column itself that uses other columns, not its expression."""
    return _QUERY.format(of_columns="" if version >= 15 else _OF_COLUMNS)


CONSTRAINTS = {"c": "check", "x": "exclusion", "u": "unique", "f": "foreign_key", "p": "primary_key"}


def uses(rows: Iterable[Any], reader: Reader) -> dict[Address, tuple[Address, ...]]:
    """Address → what it uses, both among the resources that were read; sorted."""
    found: dict[Address, set[Address]] = {}
    for catalog, oid, part, relation, name, number, contype, domain, wanted, wanted_oid, wanted_part in rows:
        target = reader.object(wanted, wanted_oid, wanted_part)
        if target is None and wanted == "pg_class":
            target = reader.stand_ins.get(wanted_oid)
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
    for kind in [a for a in found if a.kind == "base_type"]:
        for function in found[kind]:  # which makes values of it: the type needs it, and it only the name of the type
            found.get(function, set()).discard(kind)
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
