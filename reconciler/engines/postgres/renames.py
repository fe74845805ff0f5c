"""ALTER … RENAME TO and SET SCHEMA: for every kind that has a name of its own.

Everything the server has parsed follows a rename by itself, since it keeps numbers and no names. The bodies of
functions are strings and do not (CREATE FUNCTION documentation); the step says so. Locks: rows 6 to 9, 81 and 107 of
the catalogue of online operations, and as measured by the scenarios.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from reconciler.engines.postgres.inheritance import descendants
from reconciler.engines.postgres.kind import PgKind
from reconciler.engines.postgres.locks import ACCESS_EXCLUSIVE, SHARE_UPDATE_EXCLUSIVE, lock
from reconciler.engines.postgres.mentions import words
from reconciler.engines.postgres.object_names import CONSTRAINTS, own_name, phrase, relation
from reconciler.engines.postgres.operations import sql
from reconciler.engines.postgres.quoting import ident, literal, qualified, undotted
from reconciler.engines.postgres.routine_arguments import SIGNED, split
from reconciler.engines.postgres.routine_parts import Routine
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Change
from reconciler.model.hazard import Code, Hazard, hazard
from reconciler.model.kind import Context
from reconciler.model.step import Check, Draft, Lock, Phase

QUIET = frozenset(
    """unique check foreign_key exclusion index materialized_view_index trigger view_trigger foreign_table_trigger
    policy rule view_rule statistics event_trigger subscription""".split()
)
"""Kinds that no query names: renaming one breaks nobody."""
NAMED = QUIET | frozenset(
    """schema table column view materialized_view foreign_table sequence enum domain composite range function procedure
    aggregate operator_class operator_family collation text_search_configuration text_search_dictionary
    text_search_parser text_search_template foreign_data_wrapper server publication""".split()
)
"""Kinds that have ALTER … RENAME TO. A primary key has one address whatever its name."""
IN_SCHEMA = frozenset(
    """table view materialized_view foreign_table sequence enum domain composite range function procedure aggregate
    operator_class operator_family collation statistics text_search_configuration text_search_dictionary
    text_search_parser text_search_template""".split()
)
"""Kinds that have ALTER … SET SCHEMA."""
WRITTEN = frozenset({"schema", "table", "column", "view", "foreign_table", "sequence", "enum", "domain", "composite"})
WITHIN = {"enum": "values", "composite": "attributes", "range": "multirange"}
"""Where the names stand that `Change.within` is about."""
NOBODY = Catalog("", "postgres", {})
INDEXES = frozenset({"index", "materialized_view_index"})


def renamable(kind: PgKind[Any]) -> PgKind[Any]:
    """The kind with how it is renamed, where it can be."""
    return replace(kind, former=former, rename=kind.rename or rename) if kind.name in NAMED else kind


def former(address: Address, text: str) -> Address | None:
    """The address that `renamed_from: text` means: a name beside it, or `schema.name` of another schema.

    A routine keeps the types it takes, an operator class its method, so the old name goes without them.
    """
    parts = undotted(split(text)[0] if address.kind in SIGNED else text)
    parts = (*parts[:-1], parts[-1] + own_name(address)[1]) if parts[-1] else parts
    if len(parts) == 1 and parts[0]:
        return address.sibling(address.kind, (*address.path[:-1], parts[0]))
    if len(parts) == 2 and all(parts) and address.kind in IN_SCHEMA:
        return address.sibling(address.kind, parts)
    return None


def rename(change: Change[Any], context: Context) -> list[Draft]:
    """One transaction; instant once it has its lock. In contract where queries name it: they break at once."""
    return [*_itself(change, context), *_inside(change)]


def _itself(change: Change[Any], context: Context) -> list[Draft]:
    old, new = change.moved, change.address
    if old is None:
        return []
    quiet = new.kind in QUIET
    return [
        Draft(
            "rename",
            Phase.EXPAND if quiet else Phase.CONTRACT,
            f"rename {old.kind.replace('_', ' ')} {'.'.join(old.path)} to {_short(new, old)}",
            sql(*statements(old, new), *_constructors(change, old, new)),
            locks=_locks(old, context.live),
            hazards=() if quiet else (*_hazards(change), *_left_behind(old, new, context)),
            done=(Check(new), Check(old, present=False)),
            undo=(sql(*statements(new, old), *_constructors(change, new, old)),),
            renames=True,
        )
    ]


def statements(old: Address, new: Address) -> list[str]:
    """From one address to the other, whose difference is the name and, of a whole object, the schema."""
    found: list[str] = []
    if old.kind in IN_SCHEMA and old.path[0] != new.path[0]:
        found.append(f"ALTER {_phrase(old)} SET SCHEMA {ident(new.path[0])}")
        old = old.sibling(old.kind, (new.path[0], *old.path[1:]))
    if old.name != new.name:
        found.append(f"ALTER {_phrase(old)} RENAME {_what(old)}TO {ident(own_name(new)[0])}")
    return found


def _inside(change: Change[Any]) -> list[Draft]:
    """Values, attributes, the multirange: each has the type's own ALTER. `change.before` has the new names."""
    address, attribute = change.address, WITHIN.get(change.address.kind, "")
    if not change.within:
        return []
    names = ", ".join(f"{old} to {new}" for old, new in change.within)
    composite = address.kind == "composite"
    olds = ", ".join(old for old, _ in change.within)
    return [
        Draft(
            "rename inside",
            Phase.CONTRACT,
            f"rename in {address.kind} {'.'.join(address.path)}: {names}",
            sql(*(s for old, new in change.within for s in _one_inside(address, old, new))),
            locks=(lock(ACCESS_EXCLUSIVE, *address.path[:2]),) if composite else (),
            hazards=(
                hazard(Code.OLD_READERS, f"code that says {olds} breaks"),
                hazard(Code.OLD_WRITERS, f"code that writes {olds} is refused"),
            ),
            done=(Check(address, attributes=((attribute, getattr(change.before, attribute)),)),),
            undo=(sql(*(s for old, new in reversed(change.within) for s in _one_inside(address, new, old))),),
            renames=True,
        )
    ]


def _one_inside(address: Address, old: str, new: str) -> list[str]:
    if address.kind == "enum":
        return [f"ALTER TYPE {qualified(*address.path)} RENAME VALUE {literal(old)} TO {literal(new)}"]
    if address.kind == "composite":
        return [f"ALTER TYPE {qualified(*address.path)} RENAME ATTRIBUTE {ident(old)} TO {ident(new)}"]
    one, many = qualified(*address.path), qualified(address.path[0], old)
    return [
        f"ALTER TYPE {many} RENAME TO {ident(new)}",
        *(f"ALTER FUNCTION {many}({a}) RENAME TO {ident(new)}" for a in ("", one, f"VARIADIC {one}[]")),
    ]


def _constructors(change: Change[Any], old: Address, new: Address) -> list[str]:
    """The functions that make a range have its name, and keep their own when it gets another one."""
    if old.kind != "range":
        return []
    schema, subtype = old.path[0], change.live.subtype
    said: list[str] = []
    for arguments in (f"{subtype}, {subtype}", f"{subtype}, {subtype}, text"):
        place = schema
        if schema != new.path[0]:
            said.append(f"ALTER FUNCTION {qualified(schema, old.name)}({arguments}) SET SCHEMA {ident(new.path[0])}")
            place = new.path[0]
        if old.name != new.name:
            said.append(f"ALTER FUNCTION {qualified(place, old.name)}({arguments}) RENAME TO {ident(new.name)}")
    return said


def _phrase(address: Address) -> str:
    if address.kind == "column" or address.kind in CONSTRAINTS:
        return f"TABLE {qualified(*address.path[:2])}"
    return phrase(address, NOBODY)


def _what(address: Address) -> str:
    if address.kind == "column":
        return f"COLUMN {ident(address.name)} "
    return f"CONSTRAINT {ident(address.name)} " if address.kind in CONSTRAINTS else ""


def _short(new: Address, old: Address) -> str:
    return new.name if new.path[:-1] == old.path[:-1] else ".".join(new.path)


def _locks(old: Address, live: Catalog) -> tuple[Lock, ...]:
    """An index is locked alone, and so that queries go on, since 12. Columns and constraints have their like in what
    inherits from the table, which are renamed too."""
    if old.kind in INDEXES:
        return (lock(SHARE_UPDATE_EXCLUSIVE, old.path[0], old.path[-1]),)
    on = (old.path[0], old.path[1]) if old.kind == "composite" else relation(old)
    if on is None:
        return ()
    heirs = descendants(on, live) if old.kind in ("column", "check") else ()
    return tuple(lock(ACCESS_EXCLUSIVE, table[0], table[1]) for table in (on, *heirs))


def _hazards(change: Change[Any]) -> Iterator[Hazard]:
    old = change.moved or change.address
    kind = old.kind.replace("_", " ")
    yield hazard(Code.OLD_READERS, f"code that names the {kind} {old.name} breaks")
    if old.kind in WRITTEN:
        yield hazard(Code.OLD_WRITERS, f"code that writes by the name {old.name} is refused")


def _left_behind(old: Address, new: Address, context: Context) -> Iterator[Hazard]:
    """Functions whose text says the old name, as they will be."""
    name = own_name(old)[0]
    kept = [r for r in context.live.of_kind(Routine) if not context.deletes(r.address)]
    routines = {r.address: r for r in [*kept, *context.desired.of_kind(Routine)]}
    for address in sorted(routines):
        routine = routines[address]
        if address != new and routine.body and name != new.name and name in words(routine.body):
            message = f"the text of {address} says {name}: it is a string and does not follow"
            yield hazard(Code.OLD_READERS, message)
