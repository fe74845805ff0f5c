"""Many tables at once, and what is left when one of them fails or the applier is killed; on the mock of `strict`."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.engines.dynamodb import limits
from reconciler.errors import PartlyApplied
from reconciler.model.step import Phase
from tests.engines.dynamodb.beside import Answer, Refused
from tests.engines.dynamodb.strict import Strict
from tests.engines.dynamodb.workshop import Workshop


def tables(count: int, more: str = "") -> str:
    return "\n".join(
        f"t{n:02}: {{attributes: {{id: S{', who: S' if more else ''}}}, key: {{partition: id}}, {more}}}"
        for n in range(count)
    )


INDEXED = "indexes: {one: {partition: who}, two: {partition: who, sort: id}}"


def started(shop: Workshop) -> list[int]:
    """How many steps were running each time one began."""
    running, seen = 0, []
    for event in shop.events:
        running += {"started": 1, "done": -1, "failed": -1}.get(event.state, 0)
        if event.state == "started":
            seen.append(running)
    return seen


def test_tables_are_worked_on_side_by_side_and_indexes_of_one_are_not(strict_shop: Workshop, service: Strict) -> None:
    strict_shop.converge(tables(20))
    strict_shop.events.clear()
    strict_shop.converge(tables(20, INDEXED))
    assert 1 < max(started(strict_shop)) <= limits.LANES
    assert not service.refusals, "no table was asked for two indexes at once"


def test_what_the_account_does_not_allow_at_once_is_waited_for(strict_shop: Workshop, service: Strict) -> None:
    service.creating_at_once = 2
    strict_shop.converge(tables(8, INDEXED))
    assert service.most_at_once <= 2
    assert any("Subscriber limit exceeded" in e.message for e in strict_shop.events)


def test_one_table_that_fails_stops_no_running_step_and_is_all_that_is_left(
    strict_shop: Workshop, service: Strict, monkeypatch: pytest.MonkeyPatch
) -> None:
    strict_shop.converge(tables(6))
    strict_shop.declare(tables(6, "stream: keys_only, table_class: standard_infrequent_access").replace(", who: S", ""))
    plan = strict_shop.plan()
    usual = service.answer

    def refuse(call: str, members: dict[str, Any]) -> Answer | None:
        if call == "UpdateTable" and members["TableName"] == "shop-t03-dev":
            raise Refused("ValidationException", "not this one")
        return usual(call, members)

    with monkeypatch.context() as patched:
        patched.setattr(service, "answer", refuse)
        with pytest.raises(PartlyApplied, match="not this one"):
            strict_shop.apply(plan, through=Phase.CONTRACT)
    strict_shop.apply(plan, through=Phase.CONTRACT)
    assert strict_shop.plan().empty
    sent = [(m["TableName"], sorted(m)) for m in service.made("UpdateTable")]
    assert len(sent) == 12 and len({str(s) for s in sent}) == 12, "nothing was asked for twice"


class Killed(BaseException):
    """As sudden as a signal that cannot be caught: nothing of ours handles it."""


BEFORE = """
t:
  attributes: {id: S, who: S}
  key: {partition: id}
  indexes: {one: {partition: who}}
  stream: keys_only
"""
AFTER = """
t:
  attributes: {id: S, who: N}
  key: {partition: id}
  indexes: {one: {partition: who}}
  billing: {read: 2, write: 2}
  autoscaling: {write: {min: 1, max: 9}}
  stream: new_and_old_images
  kinesis: changes
  encryption: aws_managed
  resource_policy: {Statement: {Effect: Allow, Principal: "*", Action: "dynamodb:GetItem"}}
u:
  attributes: {id: S}
  key: {partition: id}
  deletion_protection: true
"""
CALLS = 11
"""That change the control plane on the way from one to the other."""


@pytest.mark.parametrize("answered", [False, True], ids=["before it is made", "before its answer"])
@pytest.mark.parametrize(
    "number", [0, 4, 8, *(pytest.param(n, marks=pytest.mark.matrix) for n in (1, 2, 3, 5, 6, 7, 9, 10))]
)
def test_a_kill_at_any_call_resumes(
    strict_shop: Workshop, service: Strict, monkeypatch: pytest.MonkeyPatch, number: int, answered: bool
) -> None:
    strict_shop.converge(BEFORE)
    strict_shop.declare(AFTER)
    plan = strict_shop.plan()
    service.sent.clear()
    usual, changing = service.answer, iter(range(1000))

    def kill(call: str, members: dict[str, Any]) -> Answer | None:
        changes = call.startswith(("Create", "Update", "Delete", "Put", "Register", "Enable", "Disable"))
        ours = members.get("TableName", "shop") != "reconcile-state" and not call.endswith("Item")
        if changes and ours and next(changing) == number:
            if answered:
                usual(call, members)
            raise Killed
        return usual(call, members)

    with monkeypatch.context() as patched:
        patched.setattr(service, "answer", kill)
        with pytest.raises(Killed):
            strict_shop.apply(plan, through=Phase.CONTRACT)
    strict_shop.apply(plan, through=Phase.CONTRACT)
    assert strict_shop.plan().empty
    assert next(changing) > number


def test_as_many_calls_as_kills(strict_shop: Workshop, service: Strict) -> None:
    """So that no call is without its kill above."""
    strict_shop.converge(BEFORE)
    service.sent.clear()
    strict_shop.converge(AFTER)
    own = [c for c, m in service.sent if m.get("TableName", "shop") != "reconcile-state" and not c.endswith("Item")]
    changes = [c for c in own if c.startswith(("Create", "Update", "Delete", "Put", "Register", "Enable", "Disable"))]
    assert len(changes) == CALLS, changes
