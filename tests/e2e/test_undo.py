"""Undo as a user runs it, on all three stores."""

from __future__ import annotations

import json

import pytest

from .stores import Stores
from .user import User

FIRST = """
    service: market
    postgres:
      tables:
        orders:
          columns: {id: {type: bigint, not_null: true}, note: text}
          primary_key: [id]
          indexes: {orders_note: {columns: [note]}}
    dynamodb:
      tables:
        carts: {attributes: {id: S}, key: {partition: id}}
    neo4j:
      constraints: {customer_id: {node: Customer, unique: [id]}}
"""
SECOND = """
    service: market
    postgres:
      tables:
        orders:
          columns: {id: {type: bigint, not_null: true}, note: text, state: {type: text, default: "'new'"}}
          primary_key: [id]
          indexes: {orders_state: {columns: [state]}}
        lines: {columns: {id: bigint}}
    dynamodb:
      tables:
        carts:
          attributes: {id: S, owner: S}
          key: {partition: id}
          indexes: {by_owner: {partition: owner}}
          ttl: gone_at
        wishes: {attributes: {id: S}, key: {partition: id}}
    neo4j:
      constraints: {customer_id: {node: Client, unique: [id]}}
      labels: {Client: {renamed_from: Customer}}
"""
ALL = ("--auto-approve", "--allow", "*")


def state(user: User) -> dict[str, object]:
    found = json.loads(user("plan", "--json").out)
    return {"changed": found["changed"], "changes": len(found["changes"])}


def test_all_three_stores_there_and_back(user: User, graph: Stores) -> None:
    user.write("schemas/market.yaml", FIRST)
    user("apply", *ALL)
    graph.cypher("UNWIND range(1, 5) AS id CREATE (:Customer {id: id})")
    graph.sql("INSERT INTO orders SELECT g, 'n' || g FROM generate_series(1, 5) g", graph.url("market"))
    user.write("schemas/market.yaml", SECOND)
    user("plan", "-o", "p.yaml")
    user("apply", "p.yaml", "--allow", "*")
    shown = user("undo", "p.yaml", "--dry-run").out
    assert (
        "DROP TABLE public.lines" in shown
        and "DeleteTable" in shown
        and "CREATE INDEX CONCURRENTLY orders_note" in shown
    )
    blocked = user("undo", "p.yaml", "--auto-approve", code=3)
    assert "RC1101" in blocked.err and "undo of step" in blocked.out
    assert "nobody is there to approve the undo" in user("undo", "p.yaml", "--allow", "*", code=3).err
    done = user("undo", "p.yaml", *ALL)
    assert "live is what it was before the plan on 3 targets" in done.out
    user.write("schemas/market.yaml", FIRST)
    assert "no changes" in user("plan", "--detailed-exitcode").out
    user("drift")
    assert graph.sql("SELECT count(*) FROM orders", graph.url("market")) == [(5,)]
    assert "market-wishes-local" not in graph.aws("market").list_tables()["TableNames"]


@pytest.mark.parametrize("after", [0, 1])
def test_without_a_configuration(user: User, stores: Stores, after: int) -> None:
    """Ad hoc mode keeps no journal of what came to its end: live tells, and what was declared."""
    url = stores.database()
    where = ("--target", url, "--schemas", "schemas")
    user.write("schemas/market.yaml", "service: market\npostgres: {tables: {a: {columns: {x: bigint}}}}\n")
    user("apply", *where, *ALL)
    declared = "service: market\npostgres: {tables: {a: {columns: {x: bigint, y: text}}, b: {columns: {x: bigint}}}}\n"
    user.write("schemas/market.yaml", declared)
    user("plan", *where, "-o", "p.yaml")
    user("apply", "p.yaml", *where)
    if after:
        assert "Undone in part: 1 step ran" in user("undo", "p.yaml", *where, *ALL, "--after", "1").out
    assert "Undone: " in user("undo", "p.yaml", *where, *ALL).out
    assert "Nothing to undo" in user("undo", "p.yaml", *where, *ALL).out
    tables = (
        "SELECT string_agg(c.relname || '.' || a.attname, ' ') FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid "
    )
    tables += "WHERE relnamespace = 'public'::regnamespace AND attnum > 0 AND NOT attisdropped"
    assert stores.sql(tables, url) == [("a.x",)]
    user("apply", "p.yaml", *where)


def test_what_is_no_plan_of_this_place(user: User, stores: Stores) -> None:
    user.write("schemas/s.yaml", "service: other\npostgres: {tables: {a: {columns: {x: bigint}}}}\n")
    user("plan", "-o", "p.yaml")
    assert "Nothing to undo" in user("undo", "p.yaml", *ALL).out
    user("apply", "p.yaml")
    user.write("schemas/s.yaml", "service: other\npostgres: {tables: {a: {columns: {x: bigint, y: text}}}}\n")
    user("apply", *ALL)
    assert "another plan was applied to it since" in user("undo", "p.yaml", *ALL, code=5).err
    assert user("undo", "--after", "x", "p.yaml", code=64).err
    assert user("undo", "nowhere.yaml", code=1).err
    user.write("broken.jsonl.gz", b"no gzip")
    assert "is no snapshot that can be read" in user("undo", "broken.jsonl.gz", code=1).err
