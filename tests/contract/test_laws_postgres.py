"""The laws of DESIGN section 3 over the kinds of the PostgreSQL engine; those about servers on real ones."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from reconciler.desired.emit import dump
from reconciler.desired.strictyaml import parse
from reconciler.diff.structural import diff
from reconciler.engines.postgres import ENGINE
from reconciler.engines.postgres.kinds.extension import Extension
from reconciler.errors import StoreError, UnsupportedChange
from reconciler.model.catalog import Catalog
from reconciler.model.engine import Server
from reconciler.model.kind import Kind, Place
from reconciler.model.resource import Resource, compared_attributes
from tests.postgres.bench import (
    POLICY,
    SERVICE,
    Bench,
    bench,
    compares,
    declaration,
    declared,
    lifted,
    pure_plan,
    reread,
)
from tests.postgres.server import Postgres
from tests.strategies.changes import changes
from tests.strategies.declarations import declarations
from tests.strategies.resources import RESOURCES
from tests.strategies.values import Node

SERVER = Server("PostgreSQL", (18, 0))
quick = settings(deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
few = settings(quick, max_examples=6)
kinds = pytest.mark.parametrize("kind", RESOURCES)


def catalog(*resources: Resource) -> Catalog:
    return Catalog(SERVICE, "postgres", {r.address: r for r in resources})


def place(kind: Kind[Any], resource: Resource) -> Place:
    path = resource.address.path
    return Place(SERVICE, "postgres", POLICY, "{table}", path if kind.singleton else path[:-1], AssertionError)


# Law 1


@quick
@given(node=declarations())
def test_nothing_differs_from_itself(node: Node) -> None:
    one, other = declared(declaration(node)), declared(declaration(node))
    assert not diff(one, other, ENGINE.kinds)
    assert pure_plan(one, other, SERVER, rows=0).empty


# Law 2


@kinds
@settings(quick, max_examples=200)
@given(data=st.data())
def test_what_is_lifted_lowers_to_the_same(kind: str, data: st.DataObject) -> None:
    resource, its = data.draw(RESOURCES[kind]), ENGINE.kinds[kind]
    if isinstance(resource, Extension):  # its version is the server's business
        assume(resource.version is None)
    node = parse(dump({"node": its.lift(resource, catalog(resource))}), "law.yaml")
    assert isinstance(node, dict)
    again = its.lower(resource.address.name, node["node"], place(its, resource))
    assert again == resource
    assert again.address == resource.address


@quick
@given(node=declarations())
def test_what_import_writes_of_a_declaration_says_the_same(node: Node) -> None:
    said = declared(declaration(node))
    again = declared(lifted(said))
    assert again.resources == said.resources
    assert lifted(again) == lifted(said)


# Law 3


@pytest.mark.parametrize(
    ("kind", "attribute"),
    [(name, a) for name in RESOURCES for a in compared_attributes(ENGINE.kinds[name].resource)],
)
@settings(quick, max_examples=30)
@given(data=st.data())
def test_a_changed_attribute_is_planned_or_refused_by_name(kind: str, attribute: str, data: st.DataObject) -> None:
    pair, its = data.draw(changes(kind, attribute)), ENGINE.kinds[kind]
    before, after = pair.before, its.adopts(pair.after, pair.before) if its.adopts else pair.after
    if after == before:
        assert (kind, attribute) in ADOPTED
        return
    try:
        plan = pure_plan(catalog(*pair.beside, after), catalog(*pair.beside, before), SERVER, rows=0)
    except UnsupportedChange as error:
        assert str(before.address) in error.message
        return
    values = (getattr(r, attribute) for r in (before, after))
    assert plan.steps, f"{attribute} changes from {' to '.join(map(repr, values))} in silence"
    found = {s.address for s in plan.steps}
    if (kind, attribute) in REBUILDS:
        assert {a for a in found if a.path[:2] == before.address.path} == found
    else:
        assert found == {before.address}
    assert reread(plan).steps


ADOPTED = {
    ("column", "local"): "what a child once had by itself it keeps so: no statement makes it the parent's alone",
    ("check", "local"): "likewise",
    ("table", "bound"): "the values of a list have no order",
}
"""Attributes of which a declaration may be told otherwise than what is there, and why that is no change."""
REBUILDS = {("table", "partition_by"): "a table goes and comes anew, and what is in it with it"}


# Canonical comparison


EVERYTHING = """
service: shop
postgres:
  extensions: {pg_trgm: {}}
  enums: {mood: [sad, glad]}
  sequences: {tickets: {start: 5}}
  tables:
    users:
      columns:
        id: {type: bigint, identity: always}
        email: {type: text, not_null: true, collation: C}
        mood: {type: mood, default: "'sad'"}
        ticket: {type: bigint, default: nextval('tickets')}
        amount: {type: "numeric(10,2)", default: 1 + 1}
        double: {type: numeric, generated: amount * 2}
        made: {type: timestamptz, not_null: true, default: now()}
      primary_key: [id]
      uniques: {users_email_key: [email]}
      checks: {users_amount_check: "amount > 0 OR mood IN ('sad')"}
      indexes:
        users_lower_idx: {columns: [{expression: lower(email)}], where: mood <> 'glad'}
        users_trgm_idx: {columns: [{column: email, opclass: gin_trgm_ops}], method: gin}
    orders:
      columns: {id: bigint, user_id: bigint}
      primary_key: [id]
      foreign_keys: {orders_user_fkey: {columns: [user_id], references: {table: users, columns: [id]}}}
  schemas:
    App: {tables: {users: {columns: {id: bigint, "a.b": {type: text, default: "'x'"}}, primary_key: [id]}}}
"""


@pytest.fixture
def shop(pg_database: Postgres.Factory) -> Iterator[Bench]:
    """A database that has something of everything."""
    with bench(pg_database()) as database:
        database.become(declared(EVERYTHING))
        yield database


def canonical(database: Bench, desired: Catalog, live: Catalog) -> Catalog:
    return database.session.canonicalise(desired, live)


def test_canonicalising_again_changes_nothing(shop: Bench) -> None:
    live = shop.live()
    once = canonical(shop, declared(EVERYTHING), live)
    assert compares(once) == compares(live)
    assert canonical(shop, once, live).resources == once.resources


def test_what_was_read_from_the_server_is_canonical(shop: Bench) -> None:
    live = shop.live()
    assert canonical(shop, live, live).resources == live.resources
    asked = canonical(shop, declared(lifted(live)), Catalog(SERVICE, "postgres", {}))
    assert compares(asked).keys() == compares(live).keys()
    known = {a: r for a, r in live.resources.items() if not isinstance(r, Extension)}
    assert {a: r for a, r in asked.resources.items() if not isinstance(r, Extension)} == known


@few
@given(node=declarations())
def test_declarations_are_canonical_the_second_time(postgres: Postgres, node: Node) -> None:
    uri = postgres.create()
    try:
        with bench(uri) as database:
            live = database.live()
            once = canonical(database, declared(declaration(node)), live)
            twice = canonical(database, once, live)
            assert twice.resources == once.resources
            assert all(dataclasses.asdict(a) == dataclasses.asdict(b) for a, b in zip_values(once, twice))
    finally:
        postgres.drop(uri)


def zip_values(one: Catalog, other: Catalog) -> Iterator[tuple[Any, Any]]:
    return zip(one.resources.values(), other.resources.values(), strict=True)


CATALOGS = """pg_class pg_attribute pg_type pg_constraint pg_index pg_attrdef pg_depend pg_shdepend pg_namespace pg_enum
    pg_sequence pg_extension pg_proc pg_collation pg_opclass pg_statistic_ext pg_description pg_inherits""".split()


def fingerprint(connection: psycopg.Connection[Any]) -> list[Any]:
    """Every row of the catalogs, by the transaction that wrote it and the place where it stands."""
    query = " UNION ALL ".join(
        f"SELECT '{c}', count(*), sum(hashtextextended(xmin::text || ctid::text, 0)) FROM {c}" for c in CATALOGS
    )
    return connection.execute(query.encode()).fetchall()


def test_looking_leaves_no_trace(shop: Bench) -> None:
    """Neither inspecting nor asking for spellings, nor planning a change of everything."""
    with psycopg.connect(shop.uri, autocommit=True) as witness:
        before = fingerprint(witness)
        shop.moved()
        canonical(shop, declared(EVERYTHING), Catalog(SERVICE, "postgres", {}))
        canonical(shop, declared(changed()), shop.live())
        assert not shop.plan(declared(changed())).empty
        assert fingerprint(witness) == before


def changed() -> str:
    """Another type, default, check and index each, and something new."""
    text = EVERYTHING.replace('"numeric(10,2)", default: 1 + 1', '"numeric(12,2)", default: 3')
    text = text.replace("        double: {type: numeric, generated: amount * 2}\n", "")
    text = re.sub(r"amount > 0 OR", "amount > 1 OR", text).replace("lower(email)", "upper(email)")
    return text.replace("made: {", "more: {type: uuid, default: gen_random_uuid()}\n        made: {")


@contextmanager
def locked(uri: str, mode: str) -> Iterator[None]:
    """A transaction of somebody else's holds every table of the user."""
    with psycopg.connect(uri) as other:
        other.execute(f'LOCK TABLE users, orders, "App".users IN {mode} MODE'.encode())
        yield
        other.rollback()


def test_planning_waits_for_no_writer_and_no_index_build(shop: Bench) -> None:
    with locked(shop.uri, "EXCLUSIVE"):
        shop.connection.execute("SET lock_timeout = '50ms'")
        shop.moved()
        assert not shop.plan(declared(changed())).empty


# Probes: what they find is what the server would refuse

REFUSED = {
    "not null": ("{a: integer}", "a: {type: integer, not_null: true}", "", "(NULL), (1)"),
    "check": ("{a: integer}", "a: integer", "checks: {k: a > 0}", "(-1), (2), (NULL)"),
    "unique": ("{a: integer}", "a: integer", "uniques: {k: [a]}", "(1), (1), (NULL), (NULL)"),
    "unique nulls": (
        "{a: integer}",
        "a: integer",
        "uniques: {k: {columns: [a], nulls_not_distinct: true}}",
        "(NULL), (NULL)",
    ),
    "unique index": (
        "{a: text}",
        "a: text",
        "indexes: {k: {columns: [{expression: lower(a)}], unique: true}}",
        "('x'), ('X')",
    ),
    "partial unique index": (
        "{a: text}",
        "a: text",
        "indexes: {k: {columns: [a], unique: true, where: \"a <> 'y'\"}}",
        "('x'), ('x'), ('y'), ('y')",
    ),
    "unique index nulls": (
        "{a: text}",
        "a: text",
        "indexes: {k: {columns: [a], unique: true, nulls_not_distinct: true}}",
        "(NULL), (NULL)",
    ),
    "primary key": ("{a: integer}", "a: integer", "primary_key: [a]", "(1), (1)"),
    "foreign key": (
        "{a: integer}",
        "a: integer",
        "foreign_keys: {k: {columns: [a], references: {table: p, columns: [id]}}}",
        "(1), (2), (NULL)",
    ),
    "foreign key in full": (
        "{a: integer, b: integer}",
        "a: integer, b: integer",
        "foreign_keys: {k: {columns: [a, b], references: {table: q, columns: [x, y]}, match: full}}",
        "(2, 2), (NULL, NULL), (2, NULL)",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_probe_finds_what_the_server_would_refuse(
    case: str, postgres: Postgres, pg_database: Postgres.Factory
) -> None:
    before, column, more, rows = REFUSED[case]
    if "nulls_not_distinct" in more and postgres.major < 15:
        return
    p = "p: {columns: {id: integer}, primary_key: [id]}"
    q = "q: {columns: {x: integer, y: integer}, primary_key: [x, y]}"
    head = f"service: shop\npostgres:\n  tables:\n    {p}\n    {q}\n"
    with bench(pg_database()) as database:
        database.become(declared(f"{head}    t: {{columns: {before}}}\n"))
        database.script(
            f"INSERT INTO p VALUES (2);\nINSERT INTO q VALUES (2, 2);\nINSERT INTO t VALUES {rows};\nANALYZE;"
        )
        plan = database.plan(declared(f"{head}    t:\n      columns: {{{column}}}\n      {more}\n"))
        found = [database.session.probe(probe) for step in plan.steps for probe in step.probes]
        assert sum(f.count for f in found) == 1
        assert all(re.fullmatch(r"\(\d+,\d+\)", place) for f in found for place in f.sample), "places, and no values"
        with pytest.raises(StoreError):
            for step in plan.steps:
                database.execute(step.operation)
