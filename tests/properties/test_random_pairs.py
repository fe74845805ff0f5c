"""Any declaration can become any other: random pairs on the real server."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from reconciler.model.engine import Server
from tests.postgres.bench import bench, declaration, declared, pure_plan, summary
from tests.postgres.golden import compact
from tests.postgres.server import Postgres
from tests.strategies.declarations import pairs, shuffled
from tests.strategies.values import Node

EXAMPLES = int(os.environ.get("RECONCILE_EXAMPLES", "25"))
"""A few, always the same, unless the variable asks for more: then others at every run."""
PHASES = tuple(p for p in Phase if p is not Phase.shrink)
"""A failure is told as it was found: to make a smaller one of it takes minutes."""
bounded = settings(
    max_examples=EXAMPLES,
    deadline=None,
    phases=PHASES,
    derandomize="RECONCILE_EXAMPLES" not in os.environ,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)


@bounded
@given(pair=pairs())
def test_one_plan_leads_from_any_schema_to_any_other(postgres: Postgres, pair: tuple[Node, Node]) -> None:
    before, after = map(declaration, pair)
    note(before)
    note(after)
    uri = postgres.create()
    try:
        with bench(uri) as database:
            database.become(declared(before))
            plan = database.plan(declared(after))
            note("\n".join(summary(plan)))
            database.become(declared(after))
            database.become(declared("service: shop\n"))
    finally:
        postgres.drop(uri)


@settings(bounded, max_examples=4 * EXAMPLES)
@given(pair=pairs(), data=st.data())
def test_the_plan_does_not_depend_on_the_order_of_declaration(pair: tuple[Node, Node], data: st.DataObject) -> None:
    server = Server("PostgreSQL", (18, 0))
    again = [data.draw(shuffled(node)) for node in pair]
    plans = [
        pure_plan(declared(declaration(after)), declared(declaration(before)), server, rows=0)
        for before, after in (pair, again)
    ]
    assert compact(plans[0]) == compact(plans[1])
