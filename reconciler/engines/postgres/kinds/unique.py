"""Unique constraints: `uniques: {users_email_key: [email]}`."""

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
    dropped_with_column,
    duplicates,
    in_new_table,
    key_added,
    key_rebuilt,
    lift_deferrable,
    lower_deferrable,
    only_new_columns,
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
from reconciler.engines.postgres.kinds.primary_key import PrimaryKey, key_query
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
from reconciler.model.step import Check, Draft, Phase


@dataclass(frozen=True, slots=True)
class Unique(Resource):
    """Path: (schema, table, name). `without_overlaps` is as in a primary key."""

    columns: tuple[str, ...] = attr(Role.REPLACE)
    include: tuple[str, ...] = attr(Role.REPLACE, default=())
    nulls_not_distinct: bool = attr(Role.REPLACE, default=False)
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
        "include": COLUMNS,
        "nulls_not_distinct": {"type": "boolean"},
        "deferrable": DEFERRABLE,
        "without_overlaps": WITHOUT_OVERLAPS,
        "with": storage_options.SPEC,
        "tablespace": {"type": "string", "minLength": 1},
    },
}


def lower(name: str, node: Any, place: Place) -> Unique:
    """A list of columns; a mapping says more."""
    if isinstance(node, list):
        node = {"columns": node}
    deferrable, deferred = lower_deferrable(node)
    return Unique(
        place.address("unique", name),
        tuple(node["columns"]),
        tuple(node.get("include", ())),
        bool(node.get("nulls_not_distinct", False)),
        deferrable,
        deferred,
        lower_without_overlaps(node, place),
        storage_options.lower(node.get("with")),
        node.get("tablespace", ""),
    )


def lift(unique: Unique, _catalog: Catalog) -> Any:
    """The list of columns where that says all."""
    node: dict[str, Any] = {"columns": list(unique.columns)}
    if unique.include:
        node["include"] = list(unique.include)
    if unique.nulls_not_distinct:
        node["nulls_not_distinct"] = True
    node |= lift_deferrable(unique.deferrable, unique.deferred)
    if unique.without_overlaps:
        node["without_overlaps"] = True
    if unique.options:
        node["with"] = storage_options.lift(unique.options)
    if unique.tablespace:
        node["tablespace"] = unique.tablespace
    return node["columns"] if len(node) == 1 else node


def query(version: int) -> str:
    """Unique constraints in scope."""
    return key_query("u", version)


def read(rows: Iterable[Row], reader: Reader) -> Iterable[Unique]:
    """Rows of `key_query` → Unique."""
    for table, name, numbers, keys, deferrable, deferred, period, distinct, index in rows:
        path = reader.tables.get(table)
        if path is not None:
            names = reader.names(table, numbers)
            address = reader.known("pg_class", index, reader.address("unique", *path, name))
            options = storage_options.read(reader.lookups.index_options.get(index))
            place = reader.lookups.index_tablespaces.get(index, "")
            yield Unique(address, names[:keys], names[keys:], distinct, deferrable, deferred, period, options, place)


def _shape(unique: Unique) -> str:
    include = f" INCLUDE {columns(unique.include)}" if unique.include else ""
    return f"{key_columns(unique.columns, unique.without_overlaps)}{include}"


def clause(unique: Unique) -> str:
    """The table constraint, with its name."""
    nulls = " NULLS NOT DISTINCT" if unique.nulls_not_distinct else ""
    ends = key_tail(unique) + timing(unique.deferrable, unique.deferred)
    return f"CONSTRAINT {ident(unique.address.name)} UNIQUE{nulls} {_shape(unique)}{ends}"


def references(unique: Unique, catalog: Catalog) -> Iterable[Address]:
    """Its columns, and the operator classes of their types."""
    yield from reads_columns(unique.address, (*unique.columns, *unique.include), catalog)
    yield from operator_class.used(unique.address, "btree", (("", c) for c in unique.columns), catalog)


def absorbed(change: Change[Unique], context: Context) -> bool:
    """Part of the table, or gone with a column of it. CREATE TABLE leaves out a second key over the same columns."""
    if change.after is not None and repeats(change.desired, context.desired):
        return False
    return (
        (survives(change, context) or becomes_twin(change, context))
        or absorbed_by_table(change, context)
        or dropped_with_column(
            change, (*change.before.columns, *change.before.include) if change.before else (), context
        )
    )


def create(change: Change[Unique], context: Context) -> list[Draft]:
    """A unique index built concurrently, then the constraint on top of it (row 48)."""
    return _build(change, context, "")


def replace(change: Change[Unique], context: Context) -> list[Draft]:
    """The new index first, then one ALTER that swaps the constraints: never a moment without."""
    return _build(change, context, f"DROP CONSTRAINT {ident(change.address.name)}, ")


def _build(change: Change[Unique], context: Context, first: str) -> list[Draft]:
    unique, address = change.desired, change.address
    schema, table, name = address.path
    if in_new_table(change, context):
        return [_added(change, context)]
    if unique.without_overlaps:
        label, out = f"unique constraint {name} to {table}", name if first else ""
        return [temporal.added(change, context, label, (out, clause(unique)))]
    if parted.partitioned(address, context):
        return _build_partitioned(change, context, first)
    if part := part_for(change, context):
        action = f"{first}ADD CONSTRAINT {ident(name)} UNIQUE"
        return [taking(change, part, action, f"the unique constraint {name}", freed(change, context))]
    probe = duplicates(address, map(ident, unique.columns), "", unique.nulls_not_distinct)
    if steps_aside(change, context):
        added = key_added(change, name, f"{first}ADD {clause(unique)}", probes=(probe,))
        return [dataclasses.replace(added, requires=freed(change, context))]
    index = fitting(name, suffix="_new") if first else name
    nulls = " NULLS NOT DISTINCT" if unique.nulls_not_distinct else ""
    build = f"CREATE UNIQUE INDEX CONCURRENTLY {ident(index)} ON {table_name(address)} {_shape(unique)}{nulls}"
    build += tail(unique)
    ends = timing(unique.deferrable, unique.deferred)
    add = f"ADD CONSTRAINT {ident(name)} UNIQUE USING INDEX {ident(index)}{ends}"
    easy = only_new_columns(change, unique.columns, context) and not first and not unique.nulls_not_distinct
    phase = Phase.EXPAND if easy else Phase.CONTRACT
    refused = hazard(Code.OLD_WRITERS, f"a second row with the same {columns(unique.columns)} is refused")
    return [
        Draft(
            "build",
            phase,
            f"build the index of {name} on {table}",
            alone(build, repairs=(schema, index)),
            locks=share_update_exclusive((schema, table)),
            hazards=() if easy else (refused,),
            probes=() if easy else (probe,),
            done=(Check(address.sibling("index", (schema, table, index)), attributes=(("valid", True),)),),
            undo=(alone(f"DROP INDEX CONCURRENTLY IF EXISTS {qualified(schema, index)}"),),
            reads=table_address(address),
            requires=freed(change, context),
        ),
        Draft(
            "add",
            phase,
            f"make it the unique constraint {name}",
            sql(f"ALTER TABLE {table_name(address)} {first}{add}"),
            locks=access_exclusive((schema, table)),
            done=became(change),
            undo=None if first else (sql(f"ALTER TABLE {table_name(address)} DROP CONSTRAINT {ident(name)}"),),
            provides=True,
        ),
    ]


def _build_partitioned(change: Change[Unique], context: Context, first: str) -> list[Draft]:
    unique, here = change.desired, change.address
    table, name = table_name(here), here.name
    nulls = " NULLS NOT DISTINCT" if unique.nulls_not_distinct else ""
    recipe = parted.Recipe(
        f"unique constraint {name}",
        lambda index, path, only, alone: (
            f"CREATE UNIQUE INDEX {'CONCURRENTLY ' if alone else ''}{ident(index)} ON {only}{qualified(*path[:2])} "
            f"{_shape(unique)}{nulls}{tail(unique)}"
        ),
        unique.columns,
        f"ALTER TABLE {table} {first}ADD {clause(unique)}",
        f"ALTER TABLE ONLY {table} {first}ADD {clause(unique)}",
        "UNIQUE",
        "_key",
        lambda named: clause(dataclasses.replace(unique, address=here.sibling("unique", (*here.path[:2], named)))),
        timing(unique.deferrable, unique.deferred),
    )
    refused = hazard(Code.OLD_WRITERS, f"a second row with the same {columns(unique.columns)} is refused")
    probes = (duplicates(change.address, map(ident, unique.columns), "", unique.nulls_not_distinct),)
    made = parted.create(change, context, recipe, Phase.CONTRACT, (refused,), probes)
    undo = None if first else made[0].undo
    requires = (*made[0].requires, *freed(change, context))
    return [dataclasses.replace(made[0], requires=requires, undo=undo), *made[1:]]


def _added(change: Change[Unique], context: Context) -> Draft:
    """In a table that is empty yet: nothing to do while it is in use."""
    table, name = table_name(change.address), change.address.name
    return Draft(
        "add",
        Phase.EXPAND,
        f"add unique constraint {name} to {change.address.path[1]}",
        sql(f"ALTER TABLE {table} ADD {clause(change.desired)}"),
        locks=access_exclusive(table_path(change.address)),
        done=(Check(change.address),),
        undo=(sql(f"ALTER TABLE {table} DROP CONSTRAINT {ident(name)}"),),
        requires=freed(change, context),
        provides=True,
    )


def repeats(unique: Unique, catalog: Catalog) -> bool:
    """Whether a key before it says the same: of one CREATE TABLE the server keeps the first of them only."""

    def said(key: Unique | PrimaryKey) -> tuple[Any, ...]:
        nulls = getattr(key, "nulls_not_distinct", False)
        return key.columns, key.include, key.deferrable, key.deferred, key.without_overlaps, nulls

    table = table_address(unique.address)
    primary = catalog.get(unique.address.sibling("primary_key", table.path), PrimaryKey)
    uniques = catalog.children(table, "unique", Unique)
    before: list[Unique | PrimaryKey] = [] if primary is None else [primary]
    before += sorted((u for u in uniques if u.address < unique.address), key=lambda u: u.address)
    return said(unique) in [said(key) for key in before]


def drop(change: Change[Unique], context: Context) -> list[Draft]:
    """Instant; duplicates are let in from then on (row 51)."""
    unique, table = change.live, table_name(change.address)
    return [
        Draft(
            "drop",
            Phase.CONTRACT,
            f"drop unique constraint {change.address.name} of {change.address.path[1]}",
            sql(f"ALTER TABLE {table} DROP CONSTRAINT {ident(change.address.name)}"),
            locks=parted.locked(change.address, context, ACCESS_EXCLUSIVE),
            hazards=(hazard(Code.LOOSENS, f"{table} may hold the same {columns(unique.columns)} twice"),),
            done=(Check(change.address, present=False),),
            undo=(sql(f"ALTER TABLE {table} ADD {clause(unique)}"),),
        )
    ]


def rebuild(change: Change[Unique], context: Context) -> list[Draft]:
    """Out while a column of it is made anew, then in again; with its table, when that is made anew."""
    if in_new_table(change, context):
        return replace(change, context)
    return key_rebuilt(change, change.address.name, change.address.name, (clause(change.live), clause(change.desired)))


KIND = PgKind(
    name="unique",
    resource=Unique,
    section="uniques",
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
    rules=(
        rule("options", emit=set_options),
        rule("tablespace", emit=set_tablespace),
    ),
    parent="table",
    order=55,
)
