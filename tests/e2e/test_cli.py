"""The tool as a user runs it, from `init` to a drifted store brought back, against real stores."""

from __future__ import annotations

import json
import re

import pytest

from .stores import Stores
from .user import User

GSI = {"IndexName": "by_owner", "KeySchema": [{"AttributeName": "owner", "KeyType": "HASH"}]}


def test_from_init_to_import(user: User, graph: Stores) -> None:
    assert "wrote" in user("init").out
    example = user.read("schemas/example.yaml")
    head, rest = example.split("# DynamoDB and Neo4j are declared beside it:\n")
    user.write("schemas/example.yaml", head + re.sub(r"(?m)^# ", "", rest))
    assert "1 service in 1 file" in user("validate").out

    planned = user("plan", "-o", "plans/first.yaml", "--detailed-exitcode", code=2)
    for target in ("example/postgres", "example/dynamodb", "example/neo4j"):
        assert target in planned.out
    assert "plans/first.yaml" in planned.err
    assert "CREATE TABLE public.orders" in user("show", "plans/first.yaml").out
    assert json.loads(user("show", "plans/first.yaml", "--json").out)["environment"] == "local"
    assert user("show", "plans/first.yaml", "--format", "markdown").out.startswith("<!-- reconcile plan -->")
    assert graph.aws("example").list_tables()["TableNames"] == [], "a plan changes nothing"

    assert "live equals declared on 3 targets" in user("apply", "plans/first.yaml").out
    assert "no changes" in user("plan", "--detailed-exitcode").out
    assert "Already applied" in user("apply", "plans/first.yaml").out
    user("drift")

    graph.sql("ALTER TABLE orders ADD COLUMN sneaked text", graph.url("example"))
    graph.aws("example").update_table(
        TableName="example-sessions-local",
        AttributeDefinitions=[{"AttributeName": "owner", "AttributeType": "S"}],
        GlobalSecondaryIndexUpdates=[{"Create": {**GSI, "Projection": {"ProjectionType": "ALL"}}}],
    )
    graph.cypher("DROP CONSTRAINT customer_id_unique")
    drifted = user("drift", code=2).out
    for name in ("column public.orders.sneaked", "gsi sessions.by_owner", "constraint customer_id_unique"):
        assert name in drifted
    assert json.loads(user("drift", "--json", code=2).out)["kind"] == "drift"

    blocked = user("apply", "--auto-approve", code=3)
    assert "RC1101" in blocked.err and "nothing was changed" in blocked.err
    user("apply", "--auto-approve", "--allow", "RC1101")
    user("drift")

    user("import", "--service", "example", "-o", "imported")
    assert "no changes" in user("plan", "--schemas", "imported", "--detailed-exitcode").out


def test_a_plan_that_was_edited_or_overtaken_is_refused(user: User, stores: Stores) -> None:
    user.write("schemas/edited.yaml", "service: edited\npostgres:\n  tables:\n    a:\n      columns: {id: uuid}\n")
    user("plan", "-o", "p.yaml")
    plan = user.read("p.yaml")
    user.write("p.yaml", plan.replace("id uuid", "id text"))
    assert "nothing was changed" in user("apply", "p.yaml", code=5).err
    user.write("p.yaml", plan)
    stores.sql("CREATE TABLE a (id text)", stores.url("edited"))
    assert "nothing was changed" in user("apply", "p.yaml", code=5).err
    assert stores.sql(
        "SELECT count(*) FROM pg_attribute WHERE attrelid = 'a'::regclass AND attnum > 0", stores.url("edited")
    ) == [(1,)]


def test_phases_are_applied_one_by_one(user: User, stores: Stores) -> None:
    declaration = "service: phased\npostgres:\n  tables:\n    t:\n      columns: {id: bigint, old: text}\n"
    user.write("schemas/phased.yaml", declaration)
    user("apply", "--auto-approve")
    url = stores.url("phased")
    stores.sql("INSERT INTO t SELECT n, n FROM generate_series(1, 100) n", url)
    added = "token: {type: uuid, not_null: true, default: gen_random_uuid()}"
    user.write("schemas/phased.yaml", declaration.replace("old: text", added))
    user("plan", "-o", "p.yaml")

    assert "Stopped before migrate" in user("apply", "p.yaml", "--phase", "expand").out
    assert stores.sql("SELECT count(old), count(token) FROM t", url) == [(100, 0)]
    stores.sql("INSERT INTO t (id, old) VALUES (101, 'written by old code')", url)
    assert "Stopped before contract" in user("apply", "p.yaml", "--phase", "migrate").out
    assert stores.sql("SELECT count(old), count(token) FROM t", url) == [(101, 101)]
    assert "RC1101" in user("apply", "p.yaml", code=3).err
    assert "live equals declared" in user("apply", "p.yaml", "--allow", "RC1101").out
    assert "no changes" in user("plan", "--detailed-exitcode").out


def test_production_stops_before_contract(user: User, stores: Stores) -> None:
    url = stores.database()
    connection = f"connections:\n  gated:\n    postgres: {{dsn: '{url}'}}\n"
    user.write("reconcile.yaml", f"environments:\n  production: {{stop_before: contract}}\n{connection}")
    declaration = "service: gated\npostgres:\n  tables:\n    t:\n      columns: {id: uuid, note: text}\n"
    user.write("schemas/gated.yaml", declaration)
    production = ("-e", "production")
    user("apply", "--auto-approve", *production)
    user.write("schemas/gated.yaml", declaration.replace("note: text", "note: {type: text, not_null: true}"))
    user("plan", "-o", "p.yaml", *production)
    stopped = user("apply", "p.yaml")
    assert "reconcile apply p.yaml --phase contract" in stopped.out
    user("apply", "p.yaml", "--phase", "contract")
    assert "no changes" in user("plan", "--detailed-exitcode", *production).out


@pytest.mark.parametrize("engine", ["postgres", "dynamodb", "neo4j"])
def test_ad_hoc(user: User, graph: Stores, engine: str) -> None:
    target = _furnished(graph, engine)
    user("import", "--target", target, "-o", "mine", "--service", "shop")
    at = ("--target", target, "--schemas", "mine")
    assert "no changes" in user("plan", *at, "--detailed-exitcode").out

    declared = user.read("mine/shop.yaml")
    user.write("mine/shop.yaml", declared + _MORE[engine])
    user("plan", *at, "-o", "p.yaml", "--detailed-exitcode", code=2)
    user("apply", "p.yaml", code=1)  # which target it is for is not in the file
    user("apply", "p.yaml", *at)
    assert "no changes" in user("plan", *at, "--detailed-exitcode").out

    user.write("mine/shop.yaml", declared)
    if engine != "neo4j":  # an index of the graph holds no data of its own
        user("apply", *at, "--auto-approve", code=3)
    user("apply", *at, "--auto-approve", "--allow", "*")
    assert "no changes" in user("plan", *at, "--detailed-exitcode").out


_MORE = {
    "postgres": "    more:\n      columns: {id: uuid}\n      primary_key: [id]\n",
    "dynamodb": "    more:\n      attributes: {id: S}\n      key: {partition: id}\n",
    "neo4j": "  indexes:\n    more: {node: Thing, range: name}\n",
}
"""A section at the end of what `import` writes."""


def _furnished(stores: Stores, engine: str) -> str:
    """A target with something in it: its URL."""
    if engine == "postgres":
        url = stores.database()
        stores.sql("CREATE TYPE mood AS ENUM ('glad', 'sad')", url)
        stores.sql("CREATE TABLE things (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, owner text, m mood)", url)
        stores.sql("CREATE INDEX ON things (lower(owner)) WHERE m = 'glad'", url)
        return url
    if engine == "neo4j":
        stores.cypher("CREATE CONSTRAINT thing_id FOR (t:Thing) REQUIRE t.id IS UNIQUE")
        return stores.neo4j
    stores.aws("adhoc").create_table(
        TableName="orders-things",
        AttributeDefinitions=[{"AttributeName": n, "AttributeType": "S"} for n in ("id", "owner")],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        GlobalSecondaryIndexes=[{**GSI, "Projection": {"ProjectionType": "KEYS_ONLY"}}],
        BillingMode="PAY_PER_REQUEST",
    )
    return f"dynamodb://local?endpoint={stores.dynamodb}&prefix=orders-&access_key=adhoc&secret_key=local"
