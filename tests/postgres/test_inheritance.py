"""What no statement takes back is told, and hinders nothing else."""

from __future__ import annotations

from tests.postgres.bench import bench, declared
from tests.postgres.server import Postgres

OWN = """
service: shop
postgres:
  tables:
    p: {columns: {a: integer, b: integer}, checks: {k: a > 0}}
    c: {inherits: p, columns: {a: integer}, checks: {k: a > 0}}
"""
PARENTS = """
service: shop
postgres:
  tables:
    p: {columns: {a: integer, b: integer}, checks: {k: a > 0}}
    c: {inherits: p, columns: {more: text}}
"""


def test_what_stays_the_childs_own_is_deferred(pg_database: Postgres.Factory) -> None:
    with bench(pg_database()) as database:
        database.become(declared(OWN))
        plan = database.plan(declared(PARENTS))
        assert [step.title for step in plan.steps] == ["add column c.more"]
        assert {str(d.address): d.reason.split(",")[0] for d in plan.deferred} == {
            "column public.c.a": "it is the child's own beside its parents'",
            "check public.c.k": "it is the child's own beside its parents'",
        }


APART = """
service: shop
postgres:
  tables:
    p: {columns: {a: integer}, checks: {k: a > 0}, partition_by: {list: [a]}}
    c: {columns: {a: integer}, checks: {k: a > 0}}
"""
ATTACHED = APART.replace("c: {columns: {a: integer}, checks: {k: a > 0}}", "c: {partition_of: p, in: [1]}")


def test_what_is_attached_is_known_to_be_its_parents_alone(pg_database: Postgres.Factory) -> None:
    with bench(pg_database()) as database:
        database.become(declared(APART))
        known = database.session.canonicalise(declared(ATTACHED), database.live())
        database.become(declared(ATTACHED))
        there = database.live()
        assert not any(getattr(r, "local", False) for a, r in there.resources.items() if a.path[1:2] == ("c",))
        assert {a: r for a, r in known.resources.items() if there.resources[a] != r} == {}


KEYED = """
service: shop
postgres:
  tables:
    p: {columns: {a: integer}, primary_key: [a], partition_by: {list: [a]}}
    c: {partition_of: p, primary_key: [a], in: [1]}
"""


def test_a_key_said_for_a_partition_too_is_the_one_of_its_parent(pg_database: Postgres.Factory) -> None:
    with bench(pg_database()) as database:
        database.become(declared(KEYED.replace("partition_of: p, primary_key: [a], in: [1]", "columns: {a: integer}")))
        database.become(declared(KEYED))
        database.become(declared(KEYED + "    d: {partition_of: p, primary_key: [a], in: [2]}\n"))
        keys = "SELECT count(*), count(*) FILTER (WHERE conparentid = 0) FROM pg_constraint WHERE contype = 'p'"
        assert database.connection.execute(f"{keys} AND connamespace = 'public'::regnamespace").fetchall() == [(3, 1)]


MARKED = """
service: shop
postgres:
  tables:
    p: {columns: {a: integer}, indexes: {p_a_idx: [a]}, partition_by: {list: [a]}}
    c: {partition_of: p, in: [1], cluster_on: c_a_idx}
"""


def test_a_partition_names_its_part_of_an_index_once_that_is_there(pg_database: Postgres.Factory) -> None:
    with bench(pg_database()) as database:
        plan = database.become(declared(MARKED))
        assert [step.title for step in plan.steps][-1] == "mark the indexes of public.c"
        assert not database.plan(declared(MARKED)).steps
