"""Checks of foreign tables: nothing enforces them there, and planning believes them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from reconciler.engines.postgres import check_words
from reconciler.engines.postgres.quoting import ident
from reconciler.model.expr import Expr


class ForeignCheck(NamedTuple):
    """One check; what is not enforced is not validated either."""

    name: str
    expression: Expr
    no_inherit: bool = False
    validated: bool = True
    enforced: bool = True


Checks = tuple[ForeignCheck, ...]


def lower(name: str, node: Any) -> ForeignCheck:
    """In the words of a table's check."""
    return ForeignCheck(name, *check_words.lower(node))


def query(version: int) -> str:
    """SQL for the checks that the foreign table c has by itself, each with what `read` wants."""
    enforced = "k.conenforced" if version >= 18 else "true"
    return f"""ARRAY(SELECT ARRAY[k.conname, pg_get_expr(k.conbin, k.conrelid), k.connoinherit::text,
                                  k.convalidated::text, ({enforced})::text]::text[]
                     FROM pg_constraint k
                     WHERE k.conrelid = c.oid AND k.contype = 'c' AND k.conislocal ORDER BY k.conname)"""


def read(rows: Iterable[Sequence[str]]) -> Checks:
    """The array of `query`, by name."""
    found = (ForeignCheck(n, Expr.live(e), *(said == "true" for said in states)) for n, e, *states in rows)
    return tuple(sorted(found, key=lambda c: c.name))


def clause(check: ForeignCheck) -> str:
    """The check as CREATE FOREIGN TABLE and ADD write it."""
    return check_words.clause(check.name, check, check.validated)


def dropped(before: Checks, after: Checks) -> Iterator[str]:
    """The actions that take away what is to be another or none."""
    return (f"DROP CONSTRAINT {ident(c.name)}" for c in before if c not in after)


def added(before: Checks, after: Checks) -> Iterator[str]:
    """The actions that bring what is new or another."""
    return (f"ADD {clause(c)}" for c in after if c not in before)
