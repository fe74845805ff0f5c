"""Primary keys: `primary_key: [id]`, or a mapping with a name and options."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from reconciler.engines.postgres import partitioned_indexes as parted
from reconciler.engines.postgres import storage_options, temporal
from reconciler.engines.postgres.constraint_parts import (
    COLUMNS,
    DEFERRABLE,
    WITHOUT_OVERLAPS,
    absorbed_by_table,
    column_addresses,
    dropped_with_column,
    duplicates,
    key_added,
    key_rebuilt,
    lift_deferrable,
    lower_deferrable,
    reads_columns,
    rivals,
    steps_aside,
    table_address,
    table_name,
    table_path,
    timing,
)
from reconciler.engines.postgres.detached import becomes_twin, survives
from reconciler.engines.postgres.evidence import became
from reconciler.engines.postgres.index_marks import keeping
from reconciler.engines.postgres.index_settings import key_tail, set_options, set_tablespace, tail
from reconciler.engines.postgres.kind import PgKind, Reader, Row
from reconciler.engines.postgres.kinds import operator_class
from reconciler.engines.postgres.locks import ACCESS_EXCLUSIVE, access_exclusive, share_update_exclusive
from reconciler.engines.postgres.names import freed
from reconciler.engines.postgres.operations import alone, sql
from reconciler.engines.postgres.parts_for_keys import part_for, taking
from reconciler.engines.postgres.quoting import columns, fitting, ident, qualified
from reconciler.engines.postgres.temporal import key_columns, lower_without_overlaps
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Action, Change
from reconciler.model.hazard import Code, hazard
from reconciler.model.kind import Context, Disturbance, Place, rule
from reconciler.model.resource import Resource, Role, attr
from reconciler.model.step import Check, Draft, Phase, Ref


@dataclass(frozen=True, slots=True)
class PrimaryKey(Resource):
    """Path: (schema, table), since a table has one. `without_overlaps`: rows may differ in the last column alone, by
    ranges that have nothing in common.
    """

    name: str
    columns: tuple[str, ...] = attr(Role.REPLACE)
    include: tuple[str, ...] = attr(Role.REPLACE, default=())
    deferrable: bool = attr(Role.REPLACE, default=False)
    deferred: bool = attr(Role.REPLACE, default=False)
    without_overlaps: bool = attr(Role.REPLACE, default=False)
    options: storage_options.Options = ()
    tablespace: str = ""


SPEC = {
    "type": ["array", "object"],
    "description": "a list of column names, or a mapping with 'columns' and more",
    "items": {"type": "string"},
    "minItems": 1,
    "required": ["columns"],
    "properties": {
        "columns": COLUMNS,
        "name": {"type": "string"},
        "include": COLUMNS,
        "deferrable": DEFERRABLE,
        "without_overlaps": WITHOUT_OVERLAPS,
        "with": storage_options.SPEC,
        "tablespace": {"type": "string", "minLength": 1},
    },
}


def default_name(table: str) -> str:
    """What the server calls it when nobody says."""
    return fitting(table, suffix="_pkey")


def lower(_name: str, node: Any, place: Place) -> PrimaryKey:
    """A list of columns; a mapping says more."""
    if isinstance(node, list):
        node = {"columns": node}
    deferrable, deferred = lower_deferrable(node)
    return PrimaryKey(
        place.address("primary_key"),
        node.get("name") or default_name(place.parent[1]),
        tuple(node["columns"]),
        tuple(node.get("include", ())),
        deferrable,
        deferred,
        lower_without_overlaps(node, place),
        storage_options.lower(node.get("with")),
        node.get("tablespace", ""),
    )


def lift(key: PrimaryKey, _catalog: Catalog) -> Any:
    """The list of columns where that says all."""
    node: dict[str, Any] = {"columns": list(key.columns)}
    if key.name != default_name(key.address.path[1]):
        node["name"] = key.name
    if key.include:
        node["include"] = list(key.include)
    node |= lift_deferrable(key.deferrable, key.deferred)
    if key.without_overlaps:
        node["without_overlaps"] = True
    if key.options:
        node["with"] = storage_options.lift(key.options)
    if key.tablespace:
        node["tablespace"] = key.tablespace
    return node["columns"] if len(node) == 1 else node


def key_query(contype: str, version: int) -> str:
    """Index-backed constraints of one type with the columns of their index."""
    distinct = "i.indnullsnotdistinct" if version >= 15 else "false"
    period = "k.conperiod" if version >= 18 else "false"
    return f"""
        SELECT k.conrelid, k.conname, i.indkey::int2[], i.indnkeyatts, k.condeferrable, k.condeferred, {period},
               {distinct}, k.conindid
        FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_index i ON i.indexrelid = k.conindid
        WHERE k.contype = '{contype}' AND k.conparentid = 0 AND c.relkind IN ('r', 'p')
          AND c.relnamespace = ANY (%(namespaces)s)
        ORDER BY k.conrelid, k.conname"""


def query(version: int) -> str:
    """Primary keys in scope."""
    return key_query("p", version)


def read(rows: Iterable[Row], reader: Reader) -> Iterable[PrimaryKey]:
    """Rows of `key_query` → PrimaryKey."""
    for table, name, numbers, keys, deferrable, deferred, period, _distinct, index in rows:
        path = reader.tables.get(table)
        if path is not None:
            names = reader.names(table, numbers)
            options = storage_options.read(reader.lookups.index_options.get(index))
            address = reader.known("pg_class", index, reader.address("primary_key", *path))
            place = reader.lookups.index_tablespaces.get(index, "")
            yield PrimaryKey(address, name, names[:keys], names[keys:], deferrable, deferred, period, options, place)


def clause(key: PrimaryKey) -> str:
    """The table constraint, with its name."""
    include = f" INCLUDE {columns(key.include)}" if key.include else ""
    ends = include + key_tail(key) + timing(key.deferrable, key.deferred)
    return f"CONSTRAINT {ident(key.name)} PRIMARY KEY {key_columns(key.columns, key.without_overlaps)}{ends}"


def references(key: PrimaryKey, catalog: Catalog) -> Iterable[Address]:
    """Its columns, and the operator classes of their types."""
    yield from reads_columns(key.address, (*key.columns, *key.include), catalog)
    yield from operator_class.used(key.address, "btree", (("", c) for c in key.columns), catalog)


def absorbed(change: Change[PrimaryKey], context: Context) -> bool:
    """Part of the table, or gone with a column of it."""
    return (
        (survives(change, context) or becomes_twin(change, context))
        or absorbed_by_table(change, context)
        or dropped_with_column(change, change.before.columns if change.before else (), context)
    )


def create(change: Change[PrimaryKey], context: Context) -> list[Draft]:
    """A unique index built concurrently, then the key on top of it: no scan under a lock (rows 49 and 50)."""
    return _build(change, context, "")


def _build(change: Change[PrimaryKey], context: Context, first: str) -> list[Draft]:
    """`first` is an action before ADD in the same ALTER TABLE: the old key goes as the new one comes."""
    key, address, table = change.desired, change.address, table_name(change.address)
    if context.creates(table_address(address)):
        return []
    needs = tuple(Ref(a) for a in column_addresses(address, key.columns) if a in context.changes)
    if key.without_overlaps:
        out = change.live.name if first else ""
        return [temporal.added(change, context, f"the primary key of {address.name}", (out, clause(key)), needs)]
    if parted.partitioned(address, context):
        return _build_partitioned(change, context, first)
    if part := part_for(change, context):
        action = f"{first}ADD CONSTRAINT {ident(key.name)} PRIMARY KEY"
        return [taking(change, part, action, f"the primary key of {address.name}", (*needs, *freed(change, context)))]
    probe = duplicates(address, map(ident, key.columns))
    if steps_aside(change, context):
        added = key_added(change, key.name, f"{first}ADD {clause(key)}", probes=(probe,))
        return [dataclasses.replace(added, requires=(*needs, *freed(change, context)))]
    index = fitting(key.name, suffix="_new") if first else key.name
    schema, name = address.path
    include = f" INCLUDE {columns(key.include)}" if key.include else ""
    build = f"CREATE UNIQUE INDEX CONCURRENTLY {ident(index)} ON {table} {columns(key.columns)}{include}"
    build += tail(key)
    add = (
        f"ADD CONSTRAINT {ident(key.name)} PRIMARY KEY USING INDEX {ident(index)}{timing(key.deferrable, key.deferred)}"
    )
    return [
        Draft(
            "build",
            Phase.CONTRACT,
            f"build the index of the primary key of {name}",
            alone(build, repairs=(schema, index)),
            locks=share_update_exclusive(table_path(address)),
            hazards=(hazard(Code.OLD_WRITERS, f"a second row with the same {columns(key.columns)} is refused"),),
            probes=(probe,),
            done=(Check(address.sibling("index", (schema, name, index)), attributes=(("valid", True),)),),
            undo=(alone(f"DROP INDEX CONCURRENTLY IF EXISTS {qualified(schema, index)}"),),
            reads=table_address(address),
            requires=freed(change, context),
        ),
        Draft(
            "add",
            Phase.CONTRACT,
            f"make it the primary key of {name}",
            sql(f"ALTER TABLE {table} {first}{add}"),
            locks=access_exclusive(table_path(address)),
            done=became(change),
            undo=None if first else (sql(f"ALTER TABLE {table} DROP CONSTRAINT {ident(key.name)}"),),
            requires=needs,
            provides=True,
        ),
    ]


def _build_partitioned(change: Change[PrimaryKey], context: Context, first: str) -> list[Draft]:
    key, table = change.desired, table_name(change.address)
    recipe = parted.Recipe(
        f"the primary key of {change.address.path[1]}",
        lambda name, path, only, alone: (
            f"CREATE UNIQUE INDEX {'CONCURRENTLY ' if alone else ''}{ident(name)} ON {only}{qualified(*path[:2])} "
            f"{columns(key.columns)}" + (f" INCLUDE {columns(key.include)}" if key.include else "") + tail(key)
        ),
        (),
        f"ALTER TABLE {table} {first}ADD {clause(key)}",
        f"ALTER TABLE ONLY {table} {first}ADD {clause(key)}",
        "PRIMARY KEY",
        "_pkey",
        lambda named: clause(dataclasses.replace(key, name=named)),
        timing(key.deferrable, key.deferred),
    )
    refused = hazard(Code.OLD_WRITERS, f"a second row with the same {columns(key.columns)} is refused")
    needs = tuple(Ref(a) for a in column_addresses(change.address, key.columns) if a in context.changes)
    probes = (duplicates(change.address, map(ident, key.columns)),)
    made = parted.create(change, context, recipe, Phase.CONTRACT, (refused,), probes)
    requires = (*made[0].requires, *freed(change, context), *needs)
    made[0] = dataclasses.replace(made[0], requires=requires, undo=None if first else made[0].undo)
    if context.server.version >= (18,) and needs:  # its key makes the NOT NULL a partition's own, which stays
        made[1:] = [dataclasses.replace(d, undo=None) for d in made[1:]]
    return made


def drop(change: Change[PrimaryKey], context: Context) -> list[Draft]:
    """Instant; nothing keeps rows apart from then on (row 51)."""
    key, table = change.live, table_name(change.address)
    return [
        Draft(
            "drop",
            Phase.CONTRACT,
            f"drop the primary key of {change.address.path[1]}",
            sql(f"ALTER TABLE {table} DROP CONSTRAINT {ident(key.name)}"),
            locks=parted.locked(change.address, context, ACCESS_EXCLUSIVE),
            hazards=(hazard(Code.LOOSENS, f"{table} may hold the same {columns(key.columns)} twice"),),
            done=(Check(change.address, present=False),),
            undo=(sql(f"ALTER TABLE {table} ADD {clause(key)}"),),
        )
    ]


def replace(change: Change[PrimaryKey], context: Context) -> list[Draft]:
    """The new index first, then one ALTER that swaps the keys."""
    return _build(change, context, f"DROP CONSTRAINT {ident(change.live.name)}, ")


def rename(change: Change[PrimaryKey], context: Context) -> list[Draft]:
    """RENAME CONSTRAINT: instant (row 8)."""
    table, old, new = table_name(change.address), change.live.name, change.desired.name
    return [
        Draft(
            "rename",
            Phase.EXPAND,
            f"rename the primary key of {change.address.path[1]} to {new}",
            sql(f"ALTER TABLE {table} RENAME CONSTRAINT {ident(old)} TO {ident(new)}"),
            locks=access_exclusive(table_path(change.address)),
            done=(Check(change.address, attributes=(("name", new),)),),
            undo=(sql(f"ALTER TABLE {table} RENAME CONSTRAINT {ident(new)} TO {ident(old)}"),),
            requires=freed(change, context),
        )
    ]


def rebuild(change: Change[PrimaryKey], context: Context) -> list[Draft]:
    """Out while a column of it is made anew, then in again; with its table, when that is made anew."""
    if context.creates(table_address(change.address)):
        return replace(change, context)
    return key_rebuilt(change, change.live.name, change.desired.name, (clause(change.live), clause(change.desired)))


KIND = PgKind(
    name="primary_key",
    resource=PrimaryKey,
    section="primary_key",
    spec=SPEC,
    lower=lower,
    lift=lift,
    long=lambda node: {"columns": node},
    query=query,
    read=read,
    references=references,
    mentions=temporal.mentions,
    absorbed=absorbed,
    create=create,
    drop=drop,
    replace=keeping(replace),
    rebuild=keeping(rebuild),
    namesakes=rivals,
    disturbs=lambda change: Disturbance.DROPS if change.action is Action.REPLACE else Disturbance.NONE,
    rules=(rule("name", emit=rename), rule("options", emit=set_options), rule("tablespace", emit=set_tablespace)),
    parent="table",
    singleton=True,
    order=50,
)
