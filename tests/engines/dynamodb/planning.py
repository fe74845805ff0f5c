"""Plans without a store: what is live is declared too."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.engines.dynamodb import ENGINE
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.engine import Server
from reconciler.model.kind import Policy
from reconciler.model.naming import top_of
from reconciler.model.plan import Plan, TargetStamp
from reconciler.model.step import Phase, Size, Step
from reconciler.planner.build import TargetState, build, compared
from tests.engines.dynamodb.workshop import lowered

SERVER = Server("DynamoDB", (2012, 8, 10))
DEV = Policy("dev", retain=False)


def planned(live: str, desired: str, *, sizes: Mapping[Address, Size] | None = None, policy: Policy = DEV) -> Plan:
    """The plan from one declaration to another; what is live is managed."""
    return planned_catalogs(lowered(live) if live else lowered("{}"), lowered(desired, policy), sizes, policy)


def planned_catalogs(
    live: Catalog, desired: Catalog, sizes: Mapping[Address, Size] | None = None, policy: Policy = DEV
) -> Plan:
    managed = frozenset(top_of(a, ENGINE.kinds) for a in live.resources)
    state = compared(TargetState(ENGINE, desired, live, SERVER, policy, managed, sizes=sizes or {}))
    return build("dev", [state], [TargetStamp("shop/dynamodb", str(SERVER), "", "", "")], None)


def steps(plan: Plan) -> list[tuple[Phase, str]]:
    """(phase, title) of each step, in order."""
    return [(s.phase, s.title) for s in plan.steps]


def one(plan: Plan) -> Step:
    (step,) = plan.steps
    return step
