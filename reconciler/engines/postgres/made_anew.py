"""What a change can only be made to by dropping and creating it: in one step, in contract, without a way back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from reconciler.engines.postgres.evidence import became
from reconciler.model.change import Change
from reconciler.model.kind import Context, Emit
from reconciler.model.step import Draft, Phase


def made_anew(create: Emit[Any], drop: Emit[Any]) -> Emit[Any]:
    """The emitter for what nothing alters, of those of its kind: the first draft of `create` after those of `drop`."""

    def rebuild(change: Change[Any], context: Context) -> list[Draft]:
        made = create(change, context)[0]
        made = replace(made, phase=Phase.CONTRACT, done=(*made.done, *became(change)), undo=None)
        return [*drop(change, context), made]

    return rebuild
