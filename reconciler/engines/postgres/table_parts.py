"""What a table is beside its columns: partitioned or a partition, a child, of a type; and how it is stored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from reconciler.engines.postgres import partitioning, storage_options
from reconciler.engines.postgres.kind import Reader, not_member
from reconciler.engines.postgres.quoting import dotted, undotted
from reconciler.model.kind import Place

Path = tuple[str, str]


class Twin(NamedTuple):
    """An index, key or foreign key that a partition has because its parent has one: its kind, its own name, and that of
    the parent's.
    """

    kind: str
    name: str
    of: str


UNTYPED = "untyped"
"""The draft by which a table leaves its type: until then its columns are those of the type."""

IDENTITY = {"d": (), "f": ("full",), "n": ("nothing",)}
_RELATION: dict[str, Any] = {"type": "string", "minLength": 1, "description": "a table, or schema.table"}
PARTITION_SPEC: dict[str, Any] = {"partition_of": _RELATION, **partitioning.BOUND_SPEC}
SPEC: dict[str, Any] = {
    "unlogged": {"type": "boolean"},
    "partition_by": partitioning.KEY_SPEC,
    **PARTITION_SPEC,
    "inherits": {"type": ["string", "array"], "items": _RELATION, "minItems": 1, "description": "a table, or a list"},
    "of": {"type": "string", "minLength": 1, "description": "a composite type"},
    "using": {"type": "string", "minLength": 1, "description": "a table access method"},
    "tablespace": {"type": "string", "minLength": 1},
    "with": storage_options.SPEC,
    "replica_identity": {
        "type": ["string", "object"],
        "description": "full, nothing, or a mapping with 'index'",
        "properties": {"index": {"type": "string", "minLength": 1}},
        "required": ["index"],
        "additionalProperties": False,
    },
    "cluster_on": {"type": "string", "minLength": 1, "description": "an index"},
}


def lower(node: Mapping[str, Any], place: Place) -> dict[str, Any]:
    """The fields of a table. Raises where the bounds of a partition do not go together."""
    parents = node.get("inherits", [])
    said = node.get("replica_identity", ())
    if isinstance(said, str) and said not in ("full", "nothing"):
        raise place.fail(f"replica_identity is {said!r}", "write full, nothing, or index: NAME", "replica_identity")
    parent, bound = lower_partition(node, place)
    schema = place.parent[0]
    return {
        "unlogged": bool(node.get("unlogged", False)),
        "partition_by": partitioning.lower_key(node.get("partition_by")),
        "partition_of": parent,
        "bound": bound,
        "inherits": tuple(path_of(p, schema) for p in ([parents] if isinstance(parents, str) else parents)),
        "of_type": path_of(node["of"], schema) if "of" in node else None,
        "access_method": node.get("using", ""),
        "tablespace": node.get("tablespace", ""),
        "options": storage_options.lower(node.get("with")),
        "replica_identity": (said,) if isinstance(said, str) else ("index", said["index"]) if said else (),
        "clustered_on": node.get("cluster_on", ""),
    }


def lower_partition(node: Mapping[str, Any], place: Place) -> tuple[Path | None, partitioning.Bound | None]:
    """(parent, bound) of a partition, of a foreign one too. Raises where they do not go together."""
    bound = partitioning.lower_bound(node)
    if (bound is not None) != ("partition_of" in node) or (bound is None and partitioning.said(node)):
        hint = "write partition_of with from and to, in, modulus and remainder, or default: true"
        raise place.fail("a partition has a parent and one kind of bound", hint)
    return (path_of(node["partition_of"], place.parent[0]) if "partition_of" in node else None), bound


def lift_partition(table: Any) -> dict[str, Any]:
    """The inverse; nothing for what is no partition."""
    if table.partition_of is None:
        return {}
    return {"partition_of": short_of(table.partition_of, table.address.path[0]), **partitioning.lift_bound(table.bound)}


def path_of(text: str, schema: str) -> Path:
    """(schema, name) of a relation that a declaration in the schema names."""
    *first, name = undotted(text)
    return (first[0] if first else schema, name)


def lift(table: Any) -> dict[str, Any]:
    """The inverse, defaults left out."""
    schema = table.address.path[0]
    node: dict[str, Any] = {"unlogged": True} if table.unlogged else {}
    node |= lift_partition(table)
    if table.inherits:
        parents = [short_of(p, schema) for p in table.inherits]
        node["inherits"] = parents[0] if len(parents) == 1 else parents
    words = {
        "of": table.of_type and short_of(table.of_type, schema),
        "using": table.access_method,
        "tablespace": table.tablespace,
    }
    node |= {word: value for word, value in words.items() if value}
    if table.partition_by is not None:
        node["partition_by"] = partitioning.lift_key(table.partition_by)
    if table.options:
        node["with"] = storage_options.lift(table.options)
    if table.replica_identity:
        said = table.replica_identity
        node["replica_identity"] = said[0] if len(said) == 1 else {"index": said[1]}
    if table.clustered_on:
        node["cluster_on"] = table.clustered_on
    return node


def short_of(path: Path, schema: str) -> str:
    """The inverse of `path_of`."""
    return dotted(path[1]) if path[0] == schema else dotted(*path)


BELOW_FOREIGN = """
    WITH RECURSIVE below (oid) AS (
        SELECT i.inhrelid FROM pg_inherits i JOIN pg_class f ON f.oid = i.inhparent AND f.relkind = 'f'
        UNION SELECT i.inhrelid FROM below b JOIN pg_inherits i ON i.inhparent = b.oid)
    SELECT oid FROM below"""
"""SQL for what inherits from foreign tables, and is none of ours unless it is foreign itself."""

QUERY = f"""
    SELECT c.oid, n.nspname, c.relname, c.relpersistence = 'u', c.relispartition,
           pg_get_expr(c.relpartbound, c.oid), h.parents, h.pending, y.name,
           CASE WHEN m.amname <> current_setting('default_table_access_method') THEN m.amname END, s.spcname,
           c.reloptions || ARRAY(SELECT 'toast.' || o FROM unnest(t.reloptions) o), t.reloptions,
           c.relreplident::text, x.replica, x.clustered,
           k.strategy, k.expressions, k.names, k.types, k.classes, k.schemas, k.collations,
           CASE WHEN c.relispartition THEN ARRAY(
               SELECT ARRAY[CASE q.contype WHEN 'p' THEN 'primary_key' WHEN 'u' THEN 'unique'
                                 WHEN 'x' THEN 'exclusion' ELSE 'index' END, ic.relname, pc.relname]::text[]
               FROM pg_index i JOIN pg_class ic ON ic.oid = i.indexrelid
               JOIN pg_inherits hi ON hi.inhrelid = i.indexrelid JOIN pg_class pc ON pc.oid = hi.inhparent
               LEFT JOIN pg_constraint q ON q.conindid = i.indexrelid AND q.contype IN ('p', 'u', 'x')
               WHERE i.indrelid = c.oid
               UNION ALL
               SELECT ARRAY['foreign_key', q.conname, p.conname]::text[]
               FROM pg_constraint q JOIN pg_constraint p ON p.oid = q.conparentid
               WHERE q.contype = 'f' AND q.conrelid = c.oid AND p.conrelid <> c.oid ORDER BY 1) END,
           c.reltoastrelid <> 0
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_am m ON m.oid = c.relam LEFT JOIN pg_tablespace s ON s.oid = c.reltablespace
    LEFT JOIN (SELECT b.oid, ARRAY[d.nspname, b.typname]::text[] FROM pg_type b
               JOIN pg_namespace d ON d.oid = b.typnamespace WHERE b.typtype = 'c'
              ) y (oid, name) ON y.oid = c.reloftype AND c.reloftype <> 0
    LEFT JOIN pg_class t ON t.oid = c.reltoastrelid AND t.reloptions IS NOT NULL
    LEFT JOIN (SELECT i.inhrelid, array_agg(ARRAY[pn.nspname, p.relname]::text[] ORDER BY i.inhseqno),
                      bool_or(i.inhdetachpending)
               FROM pg_inherits i JOIN pg_class p ON p.oid = i.inhparent AND p.relkind IN ('r', 'p', 'f')
               JOIN pg_namespace pn ON pn.oid = p.relnamespace GROUP BY i.inhrelid
              ) h (oid, parents, pending) ON h.oid = c.oid
    LEFT JOIN (SELECT i.indrelid, max(ic.relname::text) FILTER (WHERE i.indisreplident),
                      max(ic.relname::text) FILTER (WHERE i.indisclustered)
               FROM pg_index i JOIN pg_class ic ON ic.oid = i.indexrelid
               WHERE i.indisreplident OR i.indisclustered GROUP BY i.indrelid
              ) x (oid, replica, clustered) ON x.oid = c.oid
    LEFT JOIN ({partitioning.KEYS}) k ON k.oid = c.oid
    WHERE c.relkind IN ('r', 'p') AND c.relnamespace = ANY (%(namespaces)s) AND {not_member("pg_class", "c.oid")}
      AND c.oid NOT IN ({BELOW_FOREIGN})
    ORDER BY 2, 3"""


def read(row: Iterable[Any], reader: Reader) -> dict[str, Any]:
    """A row of `QUERY` from relpersistence on → the fields of a table."""
    unlogged, partition, bound, parents, pending, kind, method, space, both, toast, *rest = row
    identity, replica, clustered, *rest = rest
    *key, twins, toasted = rest
    options = both if both is not None else [f"toast.{o}" for o in toast or ()]
    paths = tuple((str(p[0]), str(p[1])) for p in parents or ())
    return {
        "unlogged": unlogged,
        "partition_by": partitioning.read_key(key, reader) if key[0] is not None else None,
        "partition_of": paths[0] if partition else None,
        "bound": partitioning.read_bound(bound),
        "inherits": () if partition else paths,
        "of_type": (kind[0], kind[1]) if kind else None,
        "access_method": method or "",
        "tablespace": space or "",
        "options": storage_options.read(options),
        "replica_identity": IDENTITY.get(identity, ("index", replica) if replica else ("nothing",)),
        "clustered_on": clustered or "",
        "detach_pending": bool(pending),
        "twins": tuple(Twin(*t) for t in twins or ()),
        "toasted": toasted,
    }
