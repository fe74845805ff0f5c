"""Emitters of objects that hold no data and lock nothing: created, dropped, or out and in again in one transaction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from reconciler.engines.postgres.evidence import became
from reconciler.engines.postgres.operations import sql
from reconciler.engines.postgres.quoting import qualified
from reconciler.model.address import Address
from reconciler.model.change import Change
from reconciler.model.hazard import Code, hazard
from reconciler.model.kind import Context
from reconciler.model.step import Check, Draft, Phase


def name_of(address: Address) -> str:
    """`schema.name`."""
    return qualified(address.path[0], address.path[1])


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
        return [
            Draft(
                "create",
                Phase.EXPAND,
                f"create {self._label(change.address)}",
                sql(*self.statements(change.desired)),
                done=(Check(change.address),),
                undo=(sql(self._drop(change.address)),),
                provides=True,
            )
        ]

    def drop(self, change: Change[Any], _context: Context) -> list[Draft]:
        """RESTRICT: what still uses it makes the step fail."""
        return [
            Draft(
                "drop",
                Phase.CONTRACT,
                f"drop {self._label(change.address)}",
                sql(self._drop(change.address)),
                hazards=(hazard(Code.OLD_READERS, "code that names it breaks"),),
                done=(Check(change.address, present=False),),
                undo=(sql(*self.statements(change.live)),),
                removes=True,
            )
        ]

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
