"""CloudWatch contributor insights, of tables and of global indexes alike: the keys that are asked for most."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from reconciler.engines.dynamodb.enclosing import physical
from reconciler.engines.dynamodb.operations import Call
from reconciler.model.change import Change
from reconciler.model.hazard import Code, hazard
from reconciler.model.kind import Context
from reconciler.model.resource import Resource, attr
from reconciler.model.step import Check, Draft, Phase

ALL = "accessed_and_throttled_keys"
MODES = (ALL, "throttled_keys")
SPEC: dict[str, Any] = {
    "description": f"true, false, {' or '.join(MODES)}",
    "anyOf": [{"type": "boolean"}, {"enum": list(MODES)}],
}


@dataclass(frozen=True, slots=True)
class Insights(Resource):
    """Those of a table. `mode` says which keys are counted; empty is a declared "off", which `complete` takes out."""

    mode: str = attr()


@dataclass(frozen=True, slots=True)
class IndexInsights(Insights):
    """Those of a global index."""


def lowered(node: Any) -> str:
    """The mode in `contributor_insights:`."""
    return node if isinstance(node, str) else ALL if node else ""


def lifted(insights: Insights) -> Any:
    """The inverse of `lowered`."""
    return insights.mode if insights.mode != ALL and insights.mode else bool(insights.mode)


def switched(table: str, mode: str, index: str) -> Call:
    """The call that turns it on in a mode; an empty one turns it off. `index` is empty for the table's own."""
    members = {"TableName": table, **({"IndexName": index} if index else {})}
    if not mode:
        return Call("UpdateContributorInsights", {**members, "ContributorInsightsAction": "DISABLE"})
    on = {"ContributorInsightsAction": "ENABLE", "ContributorInsightsMode": mode.upper()}
    return Call("UpdateContributorInsights", {**members, **on})


def _draft(change: Change[Any], context: Context, before: str, after: str) -> Draft:
    table, index = physical(change.address, context), "".join(change.address.path[1:])
    what = f"index {index} of {table}" if index else f"table {table}"
    said = {"": "count no more keys", MODES[1]: "count the throttled keys"}.get(after, "count the keys asked for most")
    present = Check(change.address, attributes=(("mode", after),))
    return Draft(
        "insights",
        Phase.EXPAND if after else Phase.CONTRACT,
        f"{said} of {what}",
        switched(table, after, index),
        hazards=(hazard(Code.COST, "contributor insights are paid for by the event"),) if after else (),
        done=(present if after else Check(change.address, present=False),),
        undo=(switched(table, before, index),),
    )


def create(change: Change[Any], context: Context) -> list[Draft]:
    """Turn it on."""
    return [_draft(change, context, "", change.desired.mode)]


def drop(change: Change[Any], context: Context) -> list[Draft]:
    """Turn it off; graphs of the past stay."""
    return [_draft(change, context, change.live.mode, "")]


def change_mode(change: Change[Any], context: Context) -> list[Draft]:
    """Count other keys from here on."""
    return [_draft(change, context, change.live.mode, change.desired.mode)]
