"""A type that cannot be altered in place: a new one beside it, every column moved over, the old one dropped, at once.

Types made of it (domains, composites, ranges) are made anew with it. What else uses one of them (views, functions,
checks and index conditions that name a value) goes before and comes again after: `Kind.disturbs` tells the planner.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from reconciler.engines.postgres import column_settings
from reconciler.engines.postgres.column_anew import whole
from reconciler.engines.postgres.column_names import alter
from reconciler.engines.postgres.evidence import became
from reconciler.engines.postgres.inheritance import descendants, inherited_from
from reconciler.engines.postgres.kinds.column import Column
from reconciler.engines.postgres.locks import access_exclusive
from reconciler.engines.postgres.operations import sql
from reconciler.engines.postgres.partition_changes import steps_aside
from reconciler.engines.postgres.quoting import fitting, ident, qualified
from reconciler.engines.postgres.type_names import MADE_OF, MAKERS, named, type_name
from reconciler.errors import UnsupportedChange
from reconciler.model.address import Address
from reconciler.model.change import Action, Change
from reconciler.model.hazard import Code, Hazard, hazard
from reconciler.model.kind import Context, Disturbance
from reconciler.model.step import Draft, Phase, Probe, Ref

WORDS = {"domain": "DOMAIN", "collation": "COLLATION"}
Using = Callable[[Column], str]


def by_text(column: Column) -> str:
    """The value by way of its text, which arrays and composites have too."""
    return f"{ident(column.address.name)}::text::{column.type}"


def users(address: Address, context: Context, *kinds: str) -> Iterator[Address]:
    """What of these kinds uses a type directly, by what the server knows."""
    for user, used in context.live.uses.items():
        if user.kind in kinds and address in used and user in context.live.resources:
            yield user


def family(address: Address, context: Context) -> list[Address]:
    """The type and the types made of it, each after what it is made of and else by name; those that go do so before."""
    found: dict[Address, None] = {}

    def visit(known: Address) -> None:
        for user in sorted(users(known, context, *MADE_OF), reverse=True):
            if user not in found and not context.deletes(user):
                visit(user)
        found[known] = None

    visit(address)
    return [*reversed(found)]


def columns(types: Iterable[Address], context: Context) -> list[Column]:
    """The live columns of these types that stay as they are, in order; those of a partitioned table that comes anew
    come with it.
    """
    found = {u for t in types for u in users(t, context, "column")}
    live = (context.live.get(a, Column) for a in sorted(found) if not context.deletes(a))
    return [c for c in live if c is not None and not _remade(c, context)]


def _remade(column: Column, context: Context) -> bool:
    change: Change[Any] | None = context.changes.get(column.address)
    table: Change[Any] | None = context.changes.get(column.address.sibling("table", column.table))
    if table is not None and table.action is Action.REPLACE and not steps_aside(table):
        return True
    return change is not None and change.action is Action.REPLACE and whole(change)


def absorbed(change: Change[Any], context: Context) -> bool:
    """A type that is made anew with what it is made of needs no change of its own."""
    if change.before is None or change.after is None:
        return False
    used = [change.address]
    for address in used:
        used += [a for a in context.live.uses.get(address, ()) if a.kind in MAKERS and a not in used]
    return any(_converts(context.changes.get(a)) for a in used[1:])


def _converts(change: Change[Any] | None) -> bool:
    return change is not None and change.before is not None and change.after is not None and _anew(change)


def _anew(change: Change[Any]) -> bool:
    from reconciler.engines.postgres.kinds import collation, composite, domain, enum, range

    disturbs = {k.KIND.name: k.KIND.disturbs for k in (collation, composite, domain, enum, range)}
    return disturbs[change.address.kind](change) is Disturbance.DROPS


def converted(
    change: Change[Any],
    context: Context,
    statements_of: Callable[[Any], list[str]],
    using: Using = by_text,
    hazards: tuple[Hazard, ...] = (),
    probes: tuple[Probe, ...] = (),
) -> list[Draft]:
    """One draft that does it all. Raises UnsupportedChange where a type made of it is not declared any more."""
    from reconciler.engines.postgres.row_holders import around

    types = family(change.address, context)
    held = columns(types, context)
    moved = [c for c in held if not _leaves(c, types, context)]
    left = tuple(Ref(c.address) for c in held if c not in moved)
    old = {t: fitting(t.name, suffix="_old") for t in types}
    if len(types) == 1 and not moved:
        return [_alone(change, statements_of, hazards, left)]
    statements: list[str] = []
    for known in reversed(types):  # a range names what it is made of
        statements += [f"{_alter(known)} RENAME TO {ident(old[known])}", *_range_parts(known, old[known], context)]
    statements += statements_of(change.desired)
    for made in types[1:]:
        statements += _made(made, context)
    statements += _moved(moved, types, context, using)
    statements += [f"{_drop(t)} {qualified(t.path[0], old[t])}" for t in reversed(types)]
    tables = list(dict.fromkeys(c.table for c in moved))
    draft = Draft(
        "convert",
        Phase.CONTRACT,
        f"make {change.address.kind} {'.'.join(change.address.path)} anew"
        + (f" and move {', '.join(f'{c.table[1]}.{c.address.name}' for c in moved)} to it" if moved else ""),
        sql(*statements),
        locks=access_exclusive(*_composites(types), *tables),
        hazards=(*_rewritten(moved, types), *hazards),
        probes=probes,
        done=became(change),
        reads=moved[0].address.sibling("table", moved[0].table) if moved else None,
        requires=left,
        provides=True,
    )
    return [around(draft, [change.address.sibling("table", t) for t in tables], context)]


def _leaves(column: Column, types: list[Address], context: Context) -> bool:
    """Whether its own change takes it to another type, which does not wait for these: it is gone from them before."""
    wanted = context.desired.get(column.address, Column)
    path = named(wanted.type) if wanted is not None else named(column.type)
    made = (context.changes.get(column.address.sibling(kind, path)) for kind in MADE_OF)
    return path != named(column.type) and path not in {t.path for t in types} and all(c is None for c in made)


def _rewritten(moved: Iterable[Column], types: list[Address]) -> Iterator[Hazard]:
    """Columns of the types are rewritten; of those that only sort otherwise the indexes are built again."""
    columns = list(moved)
    of_type = [c for c in columns if _is_of(c, types)]
    if of_type:
        named = ", ".join(dict.fromkeys(qualified(*c.table) for c in of_type))
        yield hazard(Code.REWRITE, f"{named}: every row is rewritten with the new type")
        yield hazard(Code.LOSSY, f"a value that the new {types[0].name} cannot hold makes the step fail")
    sorted_ = [c for c in columns if c not in of_type and _sorts_by(c, types)]
    if sorted_:
        named = ", ".join(dict.fromkeys(qualified(*c.table) for c in sorted_))
        yield hazard(Code.SCAN_UNDER_LOCK, f"{named}: indexes are built again in the new order")


def _is_of(column: Column, types: list[Address]) -> bool:
    path = named(column.type)
    return any(t.path == path and t.kind != "collation" for t in types)


def _sorts_by(column: Column, types: list[Address]) -> bool:
    return any(t.path == column.collation and t.kind == "collation" for t in types)


def _composites(types: Iterable[Address]) -> list[tuple[str, str]]:
    """Composite types are relations too."""
    return [(t.path[0], t.path[1]) for t in types if t.kind == "composite"]


def _word(change: Change[Any]) -> str:
    return "collation" if change.address.kind == "collation" else "type"


def _alone(
    change: Change[Any], statements_of: Callable[[Any], list[str]], hazards: tuple[Hazard, ...], left: tuple[Ref, ...]
) -> Draft:
    """Nothing holds a value of it: out and in again."""
    name = type_name(change.address)
    return Draft(
        "replace",
        Phase.CONTRACT,
        f"make {change.address.kind} {'.'.join(change.address.path)} anew",
        sql(f"{_drop(change.address)} {name}", *statements_of(change.desired)),
        locks=access_exclusive(*_composites([change.address])),
        hazards=(hazard(Code.OLD_READERS, f"code that names the {_word(change)} meets another one"), *hazards),
        done=became(change),
        undo=(sql(f"{_drop(change.address)} {name}", *statements_of(change.live)),),
        requires=left,
        provides=True,
    )


def _range_parts(address: Address, old: str, context: Context) -> list[str]:
    """What has its name beside a range type: the multirange type and the constructors; they go with the old range."""
    found = context.live.resources[address]
    multirange, subtype = getattr(found, "multirange", ""), getattr(found, "subtype", "")
    if not multirange:
        return []
    schema, name = address.path
    many = fitting(multirange, suffix="_old")
    one, wanted = qualified(schema, name), qualified(schema, old)
    constructors = [
        (one, f"{subtype}, {subtype}", old),
        (one, f"{subtype}, {subtype}, text", old),
        (qualified(schema, multirange), "", many),
        (qualified(schema, multirange), wanted, many),
        (qualified(schema, multirange), f"VARIADIC {wanted}[]", many),
    ]
    renamed = [f"ALTER FUNCTION {f}({arguments}) RENAME TO {ident(to)}" for f, arguments, to in constructors]
    return [f"ALTER TYPE {qualified(schema, multirange)} RENAME TO {ident(many)}", *renamed]


def _alter(address: Address) -> str:
    return f"ALTER {WORDS.get(address.kind, 'TYPE')} {type_name(address)}"


def _drop(address: Address) -> str:
    return f"DROP {WORDS.get(address.kind, 'TYPE')}"


def _made(address: Address, context: Context) -> list[str]:
    from reconciler.engines.postgres.kinds import composite, domain, range

    wanted = context.desired.resources.get(address)
    if wanted is None:
        raise UnsupportedChange(
            f"{address} is made of a type that has to be made anew, and is not declared",
            hint=f"drop the {address.kind} in an earlier plan, or declare it",
        )
    builds: dict[str, Callable[[Any], list[str]]] = {
        "domain": domain.statements,
        "composite": composite.statements,
        "range": range.statements,
    }
    return builds[address.kind](wanted)


def _moved(columns: list[Column], types: list[Address], context: Context, using: Using) -> list[str]:
    """Every default goes, each column takes its inheriting ones along, and the defaults come again."""
    out: list[str] = []
    moves: list[str] = []
    back: list[str] = []
    addresses = {c.address for c in columns}
    for live in columns:
        column = context.desired.get(live.address, Column) or live
        if column.type != live.type:
            column = live  # its own change comes after
        own = context.changes.get(live.address)
        alone = bool(descendants(live.address.path, context.live))
        if own is None or own.forced is None:  # otherwise it has let go of its default already
            out += [alter(live, "DROP DEFAULT", alone)] if live.default is not None else []
            said = column.default.source if column.default is not None else ""
            back += [alter(live, f"SET DEFAULT {said}", alone)] if said else []
        if _is_of(live, types):
            back += column_settings.again(column, column, alone)
        if addresses.isdisjoint(inherited_from(live, context.live)):
            collate = f" COLLATE {qualified(*live.collation)}" if live.collation else ""
            if _is_of(live, types):
                moves.append(alter(live, f"TYPE {live.type}{collate} USING {using(live)}"))
            elif _sorts_by(live, types):
                moves.append(alter(live, f"TYPE {live.type}{collate}"))
    return [*out, *moves, *back]
