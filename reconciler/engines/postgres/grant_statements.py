"""GRANT and REVOKE: from what is granted to what is declared, in the order in which grantors may grant."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import product
from typing import NamedTuple

from reconciler.engines.postgres.privileges import ALL, Entry, Privileges, Start, words
from reconciler.engines.postgres.quoting import ident
from reconciler.engines.postgres.roles import PUBLIC, role


class Target(NamedTuple):
    """What GRANT and REVOKE are about: `TABLE public.t`; the kind; who owns it; the server's major version; what stands
    without being granted.

    `defaults` is what ALTER DEFAULT PRIVILEGES begins with, where it is about these.
    """

    words: str
    kind: str
    owner: str
    version: int
    given: Start
    defaults: str = ""

    def grant(self, privileges: str, name: str, grantable: bool = False) -> str:
        """GRANT."""
        option = " WITH GRANT OPTION" if grantable else ""
        return f"{self.defaults}GRANT {privileges} ON {self.words} TO {role(name)}{option}"

    def revoke(self, privileges: str, name: str, option: bool = False) -> str:
        """REVOKE."""
        what = "GRANT OPTION FOR " if option else ""
        return f"{self.defaults}REVOKE {what}{privileges} ON {self.words} FROM {role(name)}"


Key = tuple[str, str, str, str]
"""(role, grantor, privilege, column)."""


def _by_column(kind: str, entries: Iterable[Entry], version: int) -> dict[Key, bool]:
    """Key → grantable, `all` spelled out."""
    result: dict[Key, bool] = {}
    for e in entries:
        for privilege in words(kind, version) if e.privilege == ALL else (e.privilege,):
            key = (e.role, e.grantor, privilege, e.column)
            result[key] = result.get(key, False) or e.grantable
    return result


def revocations(target: Target, before: Privileges, after: Privileges) -> list[str]:
    """REVOKE of what is no longer granted.

    Taking a privilege of the whole object takes those of its columns too: they are granted again.
    """
    had = _by_column(target.kind, before.entries, target.version)
    wanted = _by_column(target.kind, after.entries, target.version)
    passed_on = [k for k in had if k[1] and (k not in wanted or (had[k] and not wanted[k]))]
    lost = [k for k in had if k not in wanted and not k[1]]
    options = [k for k in had if k in wanted and had[k] and not wanted[k] and not k[1]]
    again = [k for k in wanted if k[3] and k in had and (k[0], k[1], k[2], "") in lost]
    result = _taken_back(target, passed_on, wanted)
    result += [target.revoke(p, n, option=True) for n, _, p in _grouped(target, options)]
    result += [target.revoke(p, n) for n, _, p in _grouped(target, lost)]
    for option in (False, True):
        kept = [k for k in again if wanted[k] is option]
        result += [s for n, g, p in _grouped(target, kept) for s in _as(g, target.grant(p, n, option))]
    return result


def _taken_back(target: Target, keys: Iterable[Key], wanted: Mapping[Key, bool]) -> list[str]:
    """What somebody else than the owner granted goes with the option to grant it; what stays is granted again.

    The owner can do that without being the grantor.
    """
    result: list[str] = []
    sources = sorted({(k[1], k[2], k[3]) for k in keys})
    for grantor, privilege, column in sources:
        said = f"{privilege.upper()} ({ident(column)})" if column else privilege.upper()
        result.append(target.revoke(said, grantor, option=True) + " CASCADE")
        if wanted.get((grantor, "", privilege, column)):
            result.append(target.grant(said, grantor, grantable=True))
        for name, by, what, where in wanted:
            if (by, what, where) == (grantor, privilege, column):
                result += _as(grantor, target.grant(said, name, wanted[name, by, what, where]))
    return result


def standing(target: Target, before: Privileges, after: Privileges) -> list[str]:
    """What PUBLIC and the owner have without being granted it."""
    return [
        *_standing(target, PUBLIC, target.given.public, before.public, after.public),
        *_standing(target, target.owner, words(target.kind, target.version), before.owner, after.owner),
    ]


def concessions(target: Target, before: Privileges, after: Privileges) -> list[str]:
    """GRANT of what is new."""
    had = _by_column(target.kind, before.entries, target.version)
    wanted = _by_column(target.kind, after.entries, target.version)
    depths = {k: _depth(k, wanted) for k, option in wanted.items() if k not in had or (option and not had[k])}
    result: list[str] = []
    for depth, option in product(sorted(set(depths.values())), (False, True)):
        level = [k for k, there in depths.items() if there == depth and wanted[k] is option]
        result += [s for n, g, p in _grouped(target, level) for s in _as(g, target.grant(p, n, option))]
    return result


def _depth(key: Key, wanted: Mapping[Key, bool], seen: tuple[Key, ...] = ()) -> int:
    """How many hands a privilege passed through before: who grants it has to hold the option by then."""
    _, grantor, privilege, column = key
    if not grantor:
        return 0
    above = (
        k for k, option in wanted.items() if option and k[0] == grantor and k[2] == privilege and k[3] in ("", column)
    )
    return 1 + min((_depth(k, wanted, (*seen, key)) for k in above if k not in seen), default=0)


def _standing(
    target: Target, name: str, start: tuple[str, ...], before: tuple[str, ...] | None, after: tuple[str, ...] | None
) -> Iterator[str]:
    old, new = set(start if before is None else before), set(start if after is None else after)
    if old - new:
        yield target.revoke(_words(target, sorted(old - new)), name)
    if new - old:
        yield target.grant(_words(target, sorted(new - old)), name)


def _words(target: Target, privileges: Iterable[str]) -> str:
    full = words(target.kind, target.version)
    said = sorted(privileges, key=full.index)
    return "ALL" if len(full) > 2 and tuple(said) == full else ", ".join(p.upper() for p in said)


def _grouped(target: Target, keys: Iterable[Key]) -> list[tuple[str, str, str]]:
    """(role, grantor, privileges as one writes them), one for each role and grantor, what the owner grants first."""
    groups: dict[tuple[str, str], dict[str, list[str]]] = {}
    for name, grantor, privilege, column in keys:
        groups.setdefault((name, grantor), {}).setdefault(column, []).append(privilege)
    result: list[tuple[str, str, str]] = []
    for (name, grantor), columns in sorted(groups.items(), key=lambda g: (g[0][1], g[0][0])):
        parts = [_words(target, columns[""])] if "" in columns else []
        by_privilege: dict[str, list[str]] = {}
        for column, privileges in columns.items():
            for privilege in privileges if column else ():
                by_privilege.setdefault(privilege, []).append(ident(column))
        parts += [f"{p.upper()} ({', '.join(sorted(c))})" for p, c in sorted(by_privilege.items())]
        if "ALL" in parts and len(parts) > 1:  # ALL stands alone
            result.append((name, grantor, "ALL"))
            parts.remove("ALL")
        result.append((name, grantor, ", ".join(parts)))
    return result


def _as(grantor: str, statement: str) -> tuple[str, ...]:
    """GRANTED BY takes the current role only, so the statement runs in the name of the grantor."""
    return (f"SET LOCAL ROLE {ident(grantor)}", statement, "RESET ROLE") if grantor else (statement,)
