"""Logical and physical names, and which live tables are ours.

A service's tables follow a pattern such as `chat-{table}-dev`. A pattern alone cannot tell the services `chat` and
`chat-bot` apart: `chat-bot-rooms-dev` reads as `chat`'s table `bot-rooms` and as `chat-bot`'s `rooms`. So, in this
order:

0. What the state table says: a table that took another one's place has its name (`migration.records`).
1. A name the declaration gives (`Scope.roots`) is ours, whatever it looks like.
2. A name that another service has declared outright, or that fits its pattern and that pattern says more of the name
   than ours does, is not ours. Which services there are is on record in the state table: each applier leaves its
   pattern and its outright names there.
3. What else fits our pattern is ours to look at. Whether it may be deleted is another question, answered by the
   journal: a table that `reconcile` never managed is listed and left alone.

Left open: a service that has never been applied is not on record, so its tables are listed as unmanaged of the other.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from reconciler.model.address import Address
from reconciler.model.engine import ANY, Scope

STATE_TABLE = "reconcile-state"
"""Our own table: the lock, the journal, the services on record. Never in scope."""


class Claim(NamedTuple):
    """What a service has on record: its pattern and the tables it names outright (logical → physical)."""

    service: str
    environment: str
    naming: str
    names: Mapping[str, str]


class Ours(NamedTuple):
    """A live table in scope. `explicit`: its physical name does not follow from the logical one. `base`: the name by
    which the declaration knows it, where that is another one."""

    logical: str
    physical: str
    explicit: bool
    base: str = ""


class Remembered(NamedTuple):
    """What the state table knows better than names tell: `names` (logical → physical and base) of tables that took
    another one's place, and tables that are not to be looked at: copies not in use yet, old ones on their way out."""

    names: Mapping[str, tuple[str, str]]
    apart: frozenset[str]


NOTHING = Remembered({}, frozenset())


def physical_name(naming: str, logical: str) -> str:
    """The name a table gets by the pattern."""
    return naming.replace(ANY, logical)


def logical_name(naming: str, physical: str) -> str | None:
    """The table a name stands for by the pattern; None where it does not fit."""
    prefix, _, suffix = naming.partition(ANY)
    match = re.fullmatch(f"{re.escape(prefix)}(.+){re.escape(suffix)}", physical)
    return match[1] if match else None


def root(logical: str, physical: str, explicit: bool) -> str:
    """How a declared table stands in `Scope.roots`; `=` is no letter of a table's name."""
    return f"{logical}={physical}" if explicit else physical


def outright_roots(scope: Scope) -> list[tuple[str, str]]:
    """(logical, physical) of the roots that were made with `explicit`, sorted."""
    return sorted((logical, physical) for logical, mark, physical in (r.rpartition("=") for r in scope.roots) if mark)


def in_scope(
    names: Iterable[str], scope: Scope, claims: Iterable[Claim], remembered: Remembered = NOTHING
) -> tuple[list[Ours], list[Ours]]:
    """(tables in scope, tables whose pattern name is taken by another one), both sorted by logical name."""
    there = {n for n in names if n not in remembered.apart}
    known = {name: (logical, base) for logical, (name, base) in remembered.names.items() if name in there}
    others = [c for c in claims if (c.service, c.environment) != (scope.service, scope.environment)]
    outright = {physical: logical for logical, physical in outright_roots(scope)}
    declared = set(outright) | {r for r in scope.roots if "=" not in r}
    found: dict[str, Ours] = {}
    shadowed: list[Ours] = []
    for name in sorted(there, key=lambda n: (n not in known, n not in outright, n)):
        if name in known:
            logical, base = known[name]
            ours: Ours | None = Ours(logical, name, base != physical_name(scope.naming, logical), base)
        else:
            ours = _ours(name, scope, outright, declared, others)
        if ours is None:
            continue
        if ours.logical in found:
            shadowed.append(ours)
        else:
            found[ours.logical] = ours
    return [found[k] for k in sorted(found)], shadowed


def _ours(
    name: str, scope: Scope, outright: Mapping[str, str], declared: set[str], others: Iterable[Claim]
) -> Ours | None:
    logical = logical_name(scope.naming, name)
    if name == STATE_TABLE or any(fnmatch.fnmatchcase(name, pattern) for pattern in scope.ignore):
        return None
    if name in outright:
        return Ours(outright[name], name, True)
    if name in declared:
        return Ours(logical or name, name, logical is None)
    if logical is None or any(_claimed(name, claim, scope.naming) for claim in others):
        return None
    return Ours(logical, name, False)


def _claimed(name: str, claim: Claim, naming: str) -> bool:
    if name in claim.names.values():
        return True
    return logical_name(claim.naming, name) is not None and len(claim.naming) > len(naming)


def table_address(address: Address) -> Address:
    """The address of the table that a resource belongs to, or of the table itself."""
    return address.sibling("table", address.path[:1])
