"""An index has no rename: the new one is built, then the old one goes; and an attribute of expiry has its hours."""

from __future__ import annotations

import pytest

from reconciler.errors import DeclarationErrors
from reconciler.model.step import Phase
from tests.engines.dynamodb.planning import planned, steps
from tests.engines.dynamodb.workshop import Workshop, codes, lowered, titles

EXPAND, CONTRACT = Phase.EXPAND, Phase.CONTRACT


def table(indexes: str, attributes: str = "id: S, who: S") -> str:
    return f"t: {{attributes: {{{attributes}}}, key: {{partition: id}}, indexes: {{{indexes}}}}}"


def test_a_renamed_index_is_built_before_the_old_one_goes() -> None:
    plan = planned(table("old: {partition: who}"), table("new: {partition: who, renamed_from: old}"))
    assert steps(plan) == [
        (EXPAND, "build index new on shop-t-dev, which takes the place of old"),
        (CONTRACT, "remove index old from shop-t-dev"),
    ]
    assert "new answers them" in plan.steps[1].hazards[0].message
    assert not plan.notes
    assert not planned(table("new: {partition: who}"), table("new: {partition: who, renamed_from: old}")).steps


def test_an_undeclared_rename_is_told() -> None:
    plan = planned(table("old: {partition: who}"), table("new: {partition: who}"))
    (note,) = plan.notes
    assert "renamed_from: old" in note.message and "built before the old one goes" in note.message
    other = planned(table("old: {partition: who}"), table("new: {partition: who, projection: keys_only}"))
    assert not other.notes


def test_a_rename_without_room_for_both_says_so() -> None:
    full = ", ".join(f"i{n:03}: {{partition: id}}" for n in range(19))
    plan = planned(
        table(f"{full}, old: {{partition: who}}"), table(f"{full}, new: {{partition: who, renamed_from: old}}")
    )
    assert [phase for phase, _ in steps(plan)] == [CONTRACT, CONTRACT]
    assert "RC1203" in codes(plan.steps[1]) and plan.steps[0].title == "remove index old from shop-t-dev"
    retyped = planned(
        table("old: {partition: who}"), table("new: {partition: who, renamed_from: old}", "id: S, who: N")
    )
    assert "RC1203" in codes(retyped.steps[1])


def test_both_names_at_once_are_an_error() -> None:
    with pytest.raises(DeclarationErrors, match="which is declared too"):
        lowered(table("old: {partition: who}, new: {partition: who, renamed_from: old}"))


def test_an_index_changes_its_name_on_a_store(shop: Workshop) -> None:
    shop.converge(table("old: {partition: who, sort: id}"))
    plan = shop.converge(table("new: {partition: who, sort: id, renamed_from: old}"))
    assert titles(plan, CONTRACT) == ["remove index old from shop-t-dev"]
    assert shop.converge(table("new: {partition: who, sort: id}")).empty


def test_another_attribute_of_expiry_says_what_its_hours_mean() -> None:
    def expiring(attribute: str) -> str:
        return f"t: {{attributes: {{id: S}}, key: {{partition: id}}, ttl: {attribute}}}"

    (step,) = planned(expiring("before"), expiring("after")).steps
    assert step.phase is CONTRACT and any("nothing expires for an hour or two" in h.message for h in step.hazards)
    assert any("let code write after beside it" in h.message for h in step.hazards)
    assert [call["parameters"]["TimeToLiveSpecification"]["Enabled"] for call in step.operation.encode()["calls"]] == [
        False,
        True,
    ]
