"""Texts that mean all columns of a relation: those that go have to be gone before the text is run."""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.engines.postgres.mentions import aliases_columns, words
from reconciler.model.address import Address
from reconciler.model.expr import Expr
from reconciler.model.kind import Context
from reconciler.model.step import Ref


def taken_up(text: Expr | None, named: Iterable[Address], context: Context) -> tuple[Ref, ...]:
    """The columns that go and that the text, run while they are there, would take up: by a `*`, by column aliases.

    `named`: what is live of what it may use.
    """
    if text is None or ("*" not in words(text.source) and not aliases_columns(text.source, context.live)):
        return ()
    going = (a for a in named if a.kind == "column" and context.deletes(a))
    return tuple(Ref(a) for a in going if not context.deletes(a.sibling("table", a.path[:2])))
