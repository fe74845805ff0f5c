"""Texts that mean all columns of a relation: those that go have to be gone before the text is run."""

from __future__ import annotations

from reconciler.engines.postgres.mentions import aliases_columns, mentioned, words
from reconciler.model.expr import Expr
from reconciler.model.kind import Context
from reconciler.model.step import Ref


def taken_up(text: Expr | None, context: Context) -> tuple[Ref, ...]:
    """The columns that go and that the text, run while they are there, would take up: by a `*`, by column aliases."""
    if text is None or ("*" not in words(text.source) and not aliases_columns(text.source, context.live)):
        return ()
    named = mentioned(text.source, context.live, kinds=("column",))
    return tuple(Ref(a) for a in named if context.deletes(a) and not context.deletes(a.sibling("table", a.path[:2])))
