"""Privileges: what was granted to whom, beside what an owner and PUBLIC have from the start.

Sources: PostgreSQL documentation, 5.8 "Privileges" (tables 5.1 and 5.2) and acldefault().
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from reconciler.engines.postgres.roles import OWNER, PUBLIC
from reconciler.model.kind import Place

ALL = "all"
TABLE = ("select", "insert", "update", "delete", "truncate", "references", "trigger", "maintain")
COLUMN = ("select", "insert", "update", "references")
RELATIONS = frozenset({"table", "view", "materialized_view", "foreign_table"})
# What an object of a kind grants at all; (words, what PUBLIC has from the start)
OTHERS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "sequence": (("select", "update", "usage"), ()),
    "identity_sequence": (("select", "update", "usage"), ()),
    "schema": (("usage", "create"), ()),
    "function": (("execute",), ("execute",)),
    "procedure": (("execute",), ("execute",)),
    "aggregate": (("execute",), ("execute",)),
    "enum": (("usage",), ("usage",)),
    "domain": (("usage",), ("usage",)),
    "composite": (("usage",), ("usage",)),
    "range": (("usage",), ("usage",)),
    "base_type": (("usage",), ("usage",)),
    "foreign_data_wrapper": (("usage",), ()),
    "server": (("usage",), ()),
    "language": (("usage",), ("usage",)),
    "large_object": (("select", "update"), ()),
}
GRANTABLE = RELATIONS | OTHERS.keys()


class Entry(NamedTuple):
    """One privilege of one role. `privilege` may be `all`; `column` "" is the whole object, `grantor` "" its owner."""

    role: str
    privilege: str
    column: str = ""
    grantable: bool = False
    grantor: str = ""


class Privileges(NamedTuple):
    """Who may do what. `public` and `owner` None: what they have from the start; otherwise what is left of it."""

    entries: tuple[Entry, ...] = ()
    public: tuple[str, ...] | None = None
    owner: tuple[str, ...] | None = None

    def __str__(self) -> str:
        held: dict[str, list[str]] = {}
        for e in self.entries:
            by = f" by {e.grantor}" if e.grantor else ""
            what = f"{e.privilege}({e.column})" if e.column else e.privilege
            held.setdefault(e.role, []).append(what + (" with grant option" if e.grantable else "") + by)
        for name, left in ((PUBLIC, self.public), (OWNER, self.owner)):
            if left is not None:
                held[name] = list(left) or ["nothing"]
        return "; ".join(f"{name}: {', '.join(said)}" for name, said in held.items()) or "nothing"


NONE = Privileges()
ITEM = {
    "type": ["string", "object"],
    "description": "a privilege, or {privilege: [columns]}",
    "additionalProperties": {"type": "array", "items": {"type": "string"}, "minItems": 1},
}
ITEMS = {"type": "array", "items": ITEM}
WITH_OPTION = {"privileges": ITEMS, "grantable": ITEMS}
HOLDER = {
    "type": ["array", "object"],
    "description": "a list of privileges, or a mapping with 'privileges', 'grantable' and 'granted_by'",
    "items": ITEM,
    "properties": {
        **WITH_OPTION,
        "granted_by": {
            "type": "object",
            "additionalProperties": {
                "type": ["array", "object"],
                "items": ITEM,
                "properties": WITH_OPTION,
                "additionalProperties": False,
            },
        },
    },
    "additionalProperties": False,
}
SPEC: dict[str, Any] = {"type": "object", "description": "role: [privileges]", "additionalProperties": HOLDER}


def words(kind: str, version: int = 99) -> tuple[str, ...]:
    """All privileges that an object of a kind grants; MAINTAIN came with 17."""
    if kind in RELATIONS:
        return TABLE if version >= 17 else TABLE[:-1]
    return OTHERS[kind][0]


class Start(NamedTuple):
    """What stands without being granted. `additive`: nothing does, and nobody is the owner: default privileges of one
    schema, which come on top of those of the whole database.
    """

    public: tuple[str, ...] = ()
    additive: bool = False


def start(kind: str, name: str = "", version: int = 99) -> Start:
    """What PUBLIC has from the start; in a new database it may use `public`, and up to 14 create things there."""
    if kind == "schema" and name == "public":
        return Start(("usage",) if version >= 15 else ("create", "usage"))
    return Start(() if kind in RELATIONS else OTHERS[kind][1])


def lower(kind: str, node: Mapping[str, Any], place: Place, given: Start) -> Privileges:
    """`{reader: [select], public: []}` of an object of a kind."""
    entries: set[Entry] = set()
    public: tuple[str, ...] | None = None
    owner: tuple[str, ...] | None = None
    for name, said in node.items():
        items = list(_items(kind, name, said, place))
        plain = tuple(sorted({e.privilege for e in items}))
        if name == OWNER and not given.additive:
            owner = None if _whole(kind, plain) else plain
        elif name == PUBLIC and given.public:
            public = tuple(sorted(words(kind))) if ALL in plain else plain
            public = None if public == given.public else public
        else:
            entries.update(items)
    return Privileges(collapsed(kind, entries), public, owner)


def _whole(kind: str, said: Sequence[str]) -> bool:
    return ALL in said or set(said) == set(words(kind))


def _items(kind: str, name: str, said: Any, place: Place) -> Iterator[Entry]:
    node = said if isinstance(said, Mapping) else {"privileges": said}
    yield from _granted(kind, name, "", node, place)
    for grantor, inner in node.get("granted_by", {}).items():
        yield from _granted(kind, name, grantor, inner if isinstance(inner, Mapping) else {"privileges": inner}, place)


def _granted(kind: str, name: str, grantor: str, node: Mapping[str, Any], place: Place) -> Iterator[Entry]:
    for word, grantable in (("privileges", False), ("grantable", True)):
        for item in node.get(word, ()):
            for privilege, columns in [(item, [""])] if isinstance(item, str) else item.items():
                known = (*words(kind), ALL) if columns == [""] else (*COLUMN, ALL)
                if privilege not in known or (columns != [""] and kind not in RELATIONS):
                    what = "" if columns == [""] else " of columns"
                    message = f"a {kind.replace('_', ' ')} grants no {privilege!r}{what}"
                    raise place.fail(message, f"known here: {', '.join(known)}", name)
                several = COLUMN if columns != [""] and privilege == ALL else (privilege,)
                yield from (Entry(name, p, c, grantable, grantor) for p in several for c in columns)


def collapsed(kind: str, entries: Iterable[Entry], version: int = 99) -> tuple[Entry, ...]:
    """Sorted; all there is of an object as `all`, what there is but once by its name."""
    full = words(kind, version)
    held: dict[tuple[str, bool, str], set[str]] = {}
    result: list[Entry] = []
    for entry in entries:
        if entry.column:
            result.append(entry)
        else:
            held.setdefault((entry.role, entry.grantable, entry.grantor), set()).add(entry.privilege)
    for (name, grantable, grantor), found in held.items():
        if len(full) > 2:
            found = {ALL} if ALL in found or found == set(full) else found
        elif ALL in found:
            found = set(full)
        result += [Entry(name, p, "", grantable, grantor) for p in found]
    return tuple(sorted(result))


def lift(kind: str, held: Privileges) -> dict[str, Any]:
    """The inverse of `lower`."""
    node: dict[str, Any] = {} if held.owner is None else {OWNER: list(held.owner)}
    if held.public is not None:
        node[PUBLIC] = list(held.public)
    for name in dict.fromkeys(e.role for e in held.entries):
        mine = [e for e in held.entries if e.role == name]
        said = _said(kind, [e for e in mine if not e.grantor])
        others = {g: _said(kind, [e for e in mine if e.grantor == g]) for g in sorted({e.grantor for e in mine} - {""})}
        if others:
            long = said if isinstance(said, dict) else ({"privileges": said} if said else {})
            said = {**long, "granted_by": others}
        node[name] = said
    return node


def _said(kind: str, entries: Sequence[Entry]) -> Any:
    plain, grantable = ([e for e in entries if e.grantable is option] for option in (False, True))
    if not grantable:
        return _listed(kind, plain)
    return ({"privileges": _listed(kind, plain)} if plain else {}) | {"grantable": _listed(kind, grantable)}


def _listed(kind: str, entries: Sequence[Entry]) -> list[Any]:
    columns: dict[str, list[str]] = {}
    for entry in entries:
        columns.setdefault(entry.privilege, []).append(entry.column)
    order = (ALL, *words(kind))
    result: list[Any] = []
    for privilege in sorted(columns, key=order.index):
        said = columns[privilege]
        result += [privilege] if "" in said else []
        result += [{privilege: [c for c in said if c]}] if any(said) else []
    return result


Item = tuple[str, str, bool, str, str]
"""(role, privilege, grantable, grantor, column) as a catalog has it: names as they are, the role of PUBLIC empty."""


def read(
    kind: str, owner: str, acl: Iterable[Item] | None, columns: Iterable[Item], version: int, given: Start
) -> Privileges:
    """Access control lists → Privileges. `acl` None: what everybody has from the start."""
    entries = [_entry(item, owner) for item in columns]
    if acl is None:
        return Privileges(tuple(sorted(entries)))
    mine: set[str] = set()
    everybody: set[str] = set()
    for item in acl:
        entry = _entry(item, owner)
        if entry.role == owner and not entry.grantor and not given.additive:
            mine.add(entry.privilege)
        elif entry.role == PUBLIC and not entry.grantor and given.public:
            everybody.add(entry.privilege)
        else:
            entries.append(entry)
    return Privileges(
        collapsed(kind, entries, version),
        None if everybody == set(given.public) else tuple(sorted(everybody)),
        None if given.additive or mine == set(words(kind, version)) else tuple(sorted(mine)),
    )


def _entry(item: Item, owner: str) -> Entry:
    name, privilege, grantable, grantor, column = item
    return Entry(name or PUBLIC, privilege.lower(), column, grantable, "" if grantor == owner else grantor)


def fitted(kind: str, held: Privileges, owner: str, version: int, given: Start) -> Privileges:
    """Declared privileges as a server of this version would have them, its owner named by name or not."""
    own = [e for e in held.entries if e.role == owner and not e.column and not e.grantor and not given.additive]
    entries = [e for e in held.entries if e not in own]
    mine = {e.privilege for e in own}
    kept = held.owner
    full = set(words(kind, version))
    if mine and kept is None and ALL not in mine and mine != full:
        kept = tuple(sorted(mine))
    if kept is not None and set(kept) == full:
        kept = None
    public = None if held.public == given.public else held.public
    return Privileges(collapsed(kind, entries, version), public, kept)
