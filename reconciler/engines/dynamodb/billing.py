"""How a table is paid for: the steps from one billing to another (see `throughput` for what is declared).

A table and its indexes change their mode together, in one call that names every index there is.
"""

from __future__ import annotations

from typing import Any

from reconciler.engines.dynamodb import limits, throughput
from reconciler.engines.dynamodb.operations import TABLE_ACTIVE, Call, Calls
from reconciler.engines.dynamodb.throughput import ON_DEMAND, Throughput
from reconciler.model.catalog import Catalog
from reconciler.model.change import Change
from reconciler.model.hazard import Code, hazard
from reconciler.model.kind import Context
from reconciler.model.resource import Resource
from reconciler.model.step import Check, Draft, Phase


def mode(billing: Throughput) -> str:
    """`BillingMode` of a request."""
    return "PROVISIONED" if billing.provisioned else "PAY_PER_REQUEST"


def change_billing(change: Change[Any], context: Context) -> list[Draft]:
    """The mode, with the units of the table and all its live indexes; units or a maximum alone otherwise.

    Contract where less is served than before: what old code asks beyond it is throttled.
    """
    before, after = change.live, change.desired
    if before.billing.provisioned == after.billing.provisioned:
        return [_change_units(change)]
    return [
        Draft(
            "billing",
            _phase(before, after),
            f"pay for table {after.name} {'by provisioned units' if after.billing.provisioned else 'on demand'}",
            _switch(after, context, context.desired),
            hazards=(hazard(Code.COST, _switching(before, after)),),
            done=(_served(change, after),),
            undo=(_switch(before, context, context.live),),
        )
    ]


def _phase(before: Any, after: Any) -> Phase:
    return Phase.CONTRACT if throughput.tighter(before.billing, after.billing) else Phase.EXPAND


def _switching(before: Any, after: Any) -> str:
    what = f"{before.billing} → {after.billing}"
    if after.billing.provisioned:
        return f"{what}; requests beyond that are throttled, unless something scales it"
    return f"{what}; {limits.ON_DEMAND_RULE}"


def _switch(table: Any, context: Context, wanted: Catalog) -> Call | Calls:
    """Towards provisioned, one call that names every index there is when it runs: the live ones. Towards on-demand,
    the mode has a call of its own."""
    if table.billing.provisioned:
        return _update(table, BillingMode="PROVISIONED", **_provisioned(table, context, wanted))
    mode = _update(table, BillingMode="PAY_PER_REQUEST")
    return mode if table.billing == ON_DEMAND else Calls((mode, _limit(table)))


def _provisioned(table: Any, context: Context, wanted: Catalog) -> dict[str, Any]:
    updates = []
    for live in sorted(context.live.children(table.address, "gsi", Resource), key=lambda r: r.address):
        index: Any = wanted.resources.get(live.address)
        units = index.throughput if index is not None and index.throughput.provisioned else table.billing
        updates.append({"Update": {"IndexName": live.address.name, "ProvisionedThroughput": throughput.units(units)}})
    members: dict[str, Any] = {"ProvisionedThroughput": throughput.units(table.billing)}
    return {**members, "GlobalSecondaryIndexUpdates": updates} if updates else members


def _limit(table: Any) -> Call:
    return _update(table, OnDemandThroughput=throughput.maximum(table.billing))


def _change_units(change: Change[Any]) -> Draft:
    before, after = change.live, change.desired
    provisioned = after.billing.provisioned
    message = f"{before.billing} → {after.billing}; requests beyond that are throttled"
    if provisioned and (after.billing.read < before.billing.read or after.billing.write < before.billing.write):
        message += f"; {limits.DECREASE_RULE}"
    return Draft(
        "billing",
        _phase(before, after),
        f"{'provision' if provisioned else 'serve'} table {after.name}: {after.billing}",
        _units(after) if provisioned else _limit(after),
        hazards=(hazard(Code.COST, message),),
        done=(_served(change, after),),
        undo=(_units(before) if provisioned else _limit(before),),
    )


def _units(table: Any) -> Call:
    return _update(table, ProvisionedThroughput=throughput.units(table.billing))


def _update(table: Any, **members: Any) -> Call:
    return Call("UpdateTable", {"TableName": table.name, **members}, TABLE_ACTIVE)


def _served(change: Change[Any], after: Any) -> Check:
    return Check(change.address, attributes=(("capacity", str(after.billing)), ("built", True)))
