"""Checks of a table and of what inherits from it; see `families`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from reconciler.engines.postgres import check_words
from reconciler.engines.postgres.column_types import hinders
from reconciler.engines.postgres.constraint_parts import table_address, table_name
from reconciler.engines.postgres.evidence import became, shows
from reconciler.engines.postgres.families import Constraint, Pair, stepping_out
from reconciler.engines.postgres.inheritance import descendants, inherited_from
from reconciler.engines.postgres.locks import access_exclusive
from reconciler.engines.postgres.quoting import ident
from reconciler.model.address import Address
from reconciler.model.change import Action, Change
from reconciler.model.kind import Context, Emit
from reconciler.model.step import Check as StepCheck
from reconciler.model.step import Draft, Probe, Ref

if TYPE_CHECKING:
    from reconciler.engines.postgres.kinds.check import Check


def _drop(check: Check) -> str:
    return f"ALTER TABLE {table_name(check.address)} DROP CONSTRAINT {ident(check.address.name)}"


def _add(check: Check) -> str:
    return f"ALTER TABLE {table_name(check.address)} ADD {check_words.clause(check.address.name, check, valid=False)}"


def _same(live: Check, desired: Check) -> bool:
    """What is checked by now may stay so where no parent wants it otherwise."""
    both = (live, desired)
    names = ("expression", "no_inherit", "enforced", "validated")
    return all(len({getattr(c, n) for c in both}) == 1 for n in names)


def _shows(check: Check) -> tuple[StepCheck, ...]:
    return shows(check.address, ("expression", check.expression), ("no_inherit", check.no_inherit))


def _violations(check: Check, context: Context) -> Probe:
    from reconciler.engines.postgres.kinds.check import violations

    return violations(check, context)


def _follows(change: Change[Check], pair: Pair, was_own: bool, own: bool) -> bool:
    """See `families.Constraint`: the plain cases, in which no child has one of its own."""
    live, desired = pair
    if change.before is None or not PASSED.passes(change.before):
        return live is None and not own and _alike(change, desired)
    if change.after is None or not PASSED.passes(change.after):
        return desired is None and not was_own
    return not was_own and not own and live is not None and _alike(change, desired)


def _alike(change: Change[Check], desired: Check | None) -> bool:
    top = change.desired
    return desired is not None and (desired.validated, desired.enforced) == (top.validated, top.enforced)


PASSED: Constraint = Constraint(
    there=lambda check: check is not None,
    passes=lambda check: check is not None and not check.no_inherit,
    declared=lambda check: check.local,
    flag="validated",
    same=_same,
    name=lambda check: check.address.name,
    label=lambda check: f"check {check.address.name}",
    drop=_drop,
    add=_add,
    shows=_shows,
    probe=_violations,
    merges=True,
    changes=lambda change: change.forced is None,
    follows=_follows,
)


def apart(change: Change[Check], context: Context) -> bool:
    """Whether it is changed with those of its family; a new type of a column takes them along by itself."""
    return PASSED.apart(change, context) and not hinders(change, context)


def unchecked_above(change: Change[Check], context: Context) -> list[Address]:
    """The parents' checks that a new table gets unchecked, as they come after it, though its own rows are checked."""
    new = change.before is None and context.creates(table_address(change.address))
    if not new or change.desired.local or not change.desired.validated:
        return []
    changes: list[Any] = [context.changes.get(a) for a in inherited_from(change.desired, context.desired)]
    return [c.address for c in changes if c is not None and c.before is None and not c.after.validated]


def after_children(drafts: list[Draft], change: Change[Check], context: Context) -> list[Draft]:
    """Of a new table, one that starts out unchecked, once its new children are there: they would check theirs."""
    table = table_address(change.address)
    below = [p for p in descendants(table.path, context.desired) if context.creates(table.sibling("table", p))]
    if change.desired.no_inherit or not context.creates(table) or not below:
        return drafts
    first, *rest = drafts
    locks = (*first.locks, *access_exclusive(*((p[0], p[1]) for p in below)))
    waits = (*first.requires, *(Ref(table.sibling("table", p)) for p in below))
    return [replace(first, locks=locks, requires=waits), *rest]


def together(emit: Emit[Check]) -> Emit[Check]:
    """The emitter, but for what is changed with its family, or beside that of a parent that stays."""

    def emitted(change: Change[Check], context: Context) -> list[Draft]:
        if apart(change, context):
            return PASSED.together(change, context)
        if change.before is not None and change.after is not None and beside(change, context):
            inside = [_drop(change.live), _add(change.desired)]
            first = stepping_out(
                change, context, inside, became(change, *(("validated",) if change.desired.validated else ()))
            )
            wanted = change.desired
            return [first, *([PASSED.validation(wanted, wanted.address.name, context)] if wanted.validated else [])]
        return emit(change, context)

    return emitted


def beside(change: Change[Check], context: Context) -> bool:
    """Whether it is to be another one, or to be checked less than it is, beside that of a parent, which stays."""
    other = change.action is Action.REPLACE or not change.desired.validated
    return other and change.desired.local and PASSED.held(change, context)
