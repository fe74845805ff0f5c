"""Emitters of objects that hold no data: created, dropped, or out and in again in one transaction.

`created`, `dropped` and `replaced` are their drafts, for kinds that have words of their own; `Plain` is for the others,
which lock nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from reconciler.engines.postgres.evidence import became
from reconciler.engines.postgres.operations import sql
from reconciler.engines.postgres.quoting import qualified
from reconciler.model.address import Address
from reconciler.model.change import Change
from reconciler.model.hazard import Code, Hazard, hazard
from reconciler.model.kind import Context
from reconciler.model.step import Check, Draft, Lock, Phase, Ref


def name_of(address: Address) -> str:
    """`schema.name`."""
    return qualified(address.path[0], address.path[1])


def created(
    change: Change[Any],
    label: str,
    *statements: str,
    drop: str,
    locks: tuple[Lock, ...] = (),
    hazards: tuple[Hazard, ...] = (),
    requires: tuple[Ref, ...] = (),
) -> Draft:
    """Make it, in expand; `drop` takes it back. `label` is what it is, with its name: cast text as app.money."""
    return Draft(
        "create",
        Phase.EXPAND,
        f"create {label}",
        sql(*statements),
        locks=locks,
        hazards=hazards,
        done=(Check(change.address),),
        undo=(sql(drop),),
        requires=requires,
        provides=True,
    )


def dropped(
    change: Change[Any],
    label: str,
    drop: str,
    *statements: str,
    locks: tuple[Lock, ...] = (),
    hazards: tuple[Hazard, ...] = (),
) -> Draft:
    """Take it away, in contract; the statements, which make it, bring it back."""
    return Draft(
        "drop",
        Phase.CONTRACT,
        f"drop {label}",
        sql(drop),
        locks=locks,
        hazards=hazards,
        done=(Check(change.address, present=False),),
        undo=(sql(*statements),),
        removes=True,
    )


def replaced(change: Change[Any], label: str, definition: Callable[[Any], str], drop: str, phase: Phase) -> Draft:
    """Make it by CREATE OR REPLACE, over the one that is there, if one is: what uses that stays."""
    live = change.before
    return Draft(
        "create",
        phase,
        f"{'create' if live is None else 'change'} {label}",
        sql(definition(change.desired)),
        done=(Check(change.address),) if live is None else became(change),
        undo=(sql(drop if live is None else definition(live)),),
        provides=True,
    )


@dataclass(frozen=True, slots=True)
class Plain:
    """`words` as in DROP …: COLLATION; `statements` that make one."""

    words: str
    statements: Callable[[Any], list[str]]

    def _label(self, address: Address) -> str:
        return f"{self.words.lower()} {'.'.join(address.path)}"

    def _drop(self, address: Address) -> str:
        return f"DROP {self.words} {name_of(address)}"

    def definition(self, resource: Any) -> str:
        """All that makes one, as one text."""
        return "; ".join(self.statements(resource))

    def create(self, change: Change[Any], _context: Context) -> list[Draft]:
        """No lock on anything that exists."""
        drop = self._drop(change.address)
        return [created(change, self._label(change.address), *self.statements(change.desired), drop=drop)]

    def drop(self, change: Change[Any], _context: Context) -> list[Draft]:
        """RESTRICT: what still uses it makes the step fail."""
        broken = hazard(Code.OLD_READERS, "code that names it breaks")
        label, statements = self._label(change.address), self.statements(change.live)
        return [dropped(change, label, self._drop(change.address), *statements, hazards=(broken,))]

    def replace(self, change: Change[Any], _context: Context) -> list[Draft]:
        """Out and in again; what depends on it goes before and comes after."""
        gone = Draft(
            "remove",
            Phase.CONTRACT,
            f"take {self._label(change.address)} away",
            sql(self._drop(change.address)),
            undo=(sql(*self.statements(change.live)),),
            removes=True,
        )
        back = Draft(
            "create",
            Phase.CONTRACT,
            f"create {self._label(change.address)} anew",
            sql(*self.statements(change.desired)),
            hazards=(hazard(Code.OLD_READERS, "code that uses it meets another one"),),
            done=became(change),
            undo=(sql(self._drop(change.address)),),
            provides=True,
        )
        return [gone, back]
