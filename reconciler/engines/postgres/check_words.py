"""What checks of tables and of foreign tables say in a declaration, and in SQL."""

from __future__ import annotations

from typing import Any, Protocol

from reconciler.engines.postgres.quoting import ident
from reconciler.model.expr import Expr


class Condition(Protocol):
    """A check of either."""

    @property
    def expression(self) -> Expr:
        """The condition."""

    @property
    def no_inherit(self) -> bool:
        """Whether it is of the table alone, and not of its children."""

    @property
    def validated(self) -> bool:
        """Whether the rows that are there pass it."""

    @property
    def enforced(self) -> bool:
        """Whether anything looks at it."""


def lower(node: Any) -> tuple[Expr, bool, bool, bool]:
    """(expression, no inherit, validated, enforced) of a condition, or of a mapping that says more. What is not
    enforced is not validated either.
    """
    said = {"check": node} if isinstance(node, str) else node
    enforced = bool(said.get("enforced", True))
    validated = enforced and bool(said.get("validated", True))
    return Expr(said.get("check", "")), bool(said.get("no_inherit", False)), validated, enforced


def lift(check: Condition) -> Any:
    """The condition where that says all."""
    node: dict[str, Any] = {"check": check.expression.source}
    if check.no_inherit:
        node["no_inherit"] = True
    if not check.enforced:
        node["enforced"] = False
    elif not check.validated:
        node["validated"] = False
    return node["check"] if len(node) == 1 else node


def clause(name: str, check: Condition, valid: bool) -> str:
    """The constraint, with its name; `valid` False leaves the rows that are there unchecked."""
    ends = " NO INHERIT" if check.no_inherit else ""
    ends += " NOT ENFORCED" if not check.enforced else "" if valid else " NOT VALID"
    return f"CONSTRAINT {ident(name)} CHECK ({check.expression.source}){ends}"
