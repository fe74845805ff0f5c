"""Changes to drafts: the dispatch to each kind's emitters and rules, total by construction (law 3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reconciler.errors import UnsupportedChange
from reconciler.model.change import Action, AttributeChange, Change
from reconciler.model.expr import Expr
from reconciler.model.kind import Kind
from reconciler.model.step import Draft
from reconciler.planner.context import PlanContext


def expand(change: Change[Any], kind: Kind[Any], context: PlanContext) -> list[Draft]:
    """The drafts of one change, in phase order. Raises UnsupportedChange naming the attributes no rule handles."""
    renames = renamed(change, kind, context)
    match change.action:
        case Action.FORGET | Action.MOVE:
            return renames
        case Action.CREATE:
            drafts = kind.create(change, context)
        case Action.DELETE:
            drafts = kind.drop(change, context)
        case Action.REPLACE:
            drafts = _replace(change, kind, context)
        case _:
            drafts = _update(change, kind, context)
    return [*renames, *sorted(drafts, key=lambda d: d.phase)]  # stable: a rule's own order holds within a phase


def renamed(change: Change[Any], kind: Kind[Any], context: PlanContext) -> list[Draft]:
    """The drafts that give it its new name: what follows uses that."""
    return kind.rename(change, context) if change.renames and kind.rename is not None else []


def _replace(change: Change[Any], kind: Kind[Any], context: PlanContext) -> list[Draft]:
    if change.forced is not None and kind.rebuild is not None:
        return kind.rebuild(change, context)
    if kind.replace is None:
        raise unsupported(change, change.attributes, context)
    return kind.replace(change, context)


def _update(change: Change[Any], kind: Kind[Any], context: PlanContext) -> list[Draft]:
    left = {a.name: a for a in change.attributes}
    drafts: list[Draft] = []
    for rule in kind.rules:
        if rule.attributes & left.keys() and (rule.when is None or rule.when(change, context)):
            drafts += rule.emit(change, context)
            for name in rule.attributes:
                left.pop(name, None)
    if left:
        raise unsupported(change, tuple(left.values()), context)
    return drafts


def unsupported(change: Change[Any], attributes: Sequence[AttributeChange], context: PlanContext) -> UnsupportedChange:
    """The error for attributes that cannot be changed."""
    what = "; ".join(f"{a.name} from {shown(a.before)} to {shown(a.after)}" for a in attributes)
    return UnsupportedChange(
        f"{change.address}: no way is known to change {what}",
        hint="keep the live value in the declaration, or declare a new resource beside the old one",
        where=context.desired.origin(change.address),
    )


def shown(value: Any) -> str:
    """An attribute value for people."""
    if value is None or value == ():
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Expr):
        return value.text  # what was compared: the source may be the same on both sides
    if isinstance(value, tuple) and type(value).__str__ is object.__str__:
        return "(" + ", ".join(shown(v) for v in value) + ")"
    return str(value)
