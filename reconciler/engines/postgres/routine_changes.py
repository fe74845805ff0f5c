"""How functions and procedures come, change and go."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from reconciler.engines.postgres.all_columns import taken_up
from reconciler.engines.postgres.evidence import shows
from reconciler.engines.postgres.kinds import base_type
from reconciler.engines.postgres.mentions import mentioned
from reconciler.engines.postgres.operations import sql
from reconciler.engines.postgres.quoting import ident, literal, qualified
from reconciler.engines.postgres.routine_arguments import Argument, inputs, render, signature, split
from reconciler.engines.postgres.routine_parts import Routine, output_row
from reconciler.engines.postgres.type_names import type_references
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Action, Change
from reconciler.model.hazard import Code, Hazard, hazard
from reconciler.model.kind import Context
from reconciler.model.step import Check, Draft, Phase, Ref

R = TypeVar("R", bound=Routine)

QUOTED_LISTS = frozenset(
    """search_path temp_tablespaces local_preload_libraries session_preload_libraries shared_preload_libraries
    unix_socket_directories""".split()
)
"""Settings kept as lists of quoted names (GUC_LIST_QUOTE): each name is a literal of its own."""


def dollar_quoted(text: str) -> str:
    """The text between dollar quotes that do not occur in it."""
    if "$$" not in text and not text.endswith("$"):
        return f"$${text}$$"
    tag = next(t for t in ("$body", *(f"$body{n}_" for n in range(len(text)))) if t not in text)
    return f"{tag}${text}{tag}$"


def body(routine: Routine) -> str:
    """The clause that says what the routine does."""
    if routine.sql_body is not None:
        return routine.sql_body.source
    if routine.library:
        return f"AS {literal(routine.library)}, {literal(routine.body)}"
    return f"AS {dollar_quoted(routine.body)}"


def declared(address: Address, arguments: Sequence[Argument], schema: str | None = None) -> str:
    """`schema.name(arguments)` as CREATE writes it."""
    name, _ = split(address.path[-1])
    own = ", ".join(render(a) for a in arguments if a.mode != "table")
    return f"{qualified(schema or address.path[0], name)}({own})"


def shared_clauses(routine: Routine) -> list[str]:
    """LANGUAGE, TRANSFORM, SECURITY and SET."""
    clauses = [f"LANGUAGE {ident(routine.language)}"]
    if routine.transforms:
        clauses.append("TRANSFORM " + ", ".join(f"FOR TYPE {t}" for t in routine.transforms))
    if routine.security_definer:
        clauses.append("SECURITY DEFINER")
    return clauses + [f"SET {ident(name)} TO {setting(name, value)}" for name, value in routine.settings]


def setting(name: str, value: str) -> str:
    """The value of a setting as SET takes it."""
    return ", ".join(map(literal, _listed(value))) if name.lower() in QUOTED_LISTS else literal(value)


def spelled(name: str, value: str) -> str:
    """The value as the server keeps it: a list of names with blanks after its commas, quoted where they have to be."""
    return ", ".join(map(ident, _listed(value))) if name.lower() in QUOTED_LISTS and value else value


def _listed(value: str) -> list[str]:
    """The names of a list such as `app, "$user"`; a list of nothing is one empty name."""
    found, current, quoted = [], "", False
    for char in value:
        if char == '"':
            quoted = not quoted
        if char == "," and not quoted:
            found.append(current)
            current = ""
        else:
            current += char
    names = [part.strip() for part in (*found, current)]
    return [n[1:-1].replace('""', '"') if n.startswith('"') and n.endswith('"') else n for n in names]


def references(routine: Routine, catalog: Catalog) -> Iterable[Address]:
    """The types of its arguments and of what it returns; its language and transforms, where those are declared."""
    wanted = [routine.address.sibling("language", (routine.language,))]
    wanted += [routine.address.sibling("transform", (f"{t} for {routine.language}",)) for t in routine.transforms]
    yield from (a for a in wanted if a in catalog.resources)
    for text in {*(a.type for a in routine.arguments), getattr(routine, "returns", ""), *routine.transforms}:
        for found in type_references(routine.address, text, catalog):
            yield found if routine.address not in base_type.makers(found, catalog) else base_type.shell_of(found)


def absorbed(change: Change[Any], context: Context) -> bool:
    """Gone with the base type that it makes."""
    if change.action is not Action.DELETE:
        return False
    found = (a for a in references(change.live, context.live) if a.kind == "shell_type")
    return any(context.deletes(a.sibling("base_type", a.path)) for a in found)


def mentions(routine: Routine, catalog: Catalog) -> Iterable[Address]:
    """What its body and its defaults name."""
    texts = [routine.body, routine.sql_body.source if routine.sql_body else "", getattr(routine, "support", "")]
    texts += [a.default.source for a in routine.arguments if a.default is not None]
    return (a for a in mentioned("\n".join(texts), catalog) if a != routine.address)


def replaces(change: Change[Any]) -> bool:
    """What CREATE OR REPLACE refuses: other columns of the result, another name of an argument, a default less."""
    return not fits(change.live, change.desired)


def fits(old: Routine, new: Routine) -> bool:
    """Whether CREATE OR REPLACE makes `new` of `old` (ProcedureCreate in pg_proc.c)."""
    if output_row(old.arguments) != output_row(new.arguments):
        return False
    before, after = inputs(old.arguments), inputs(new.arguments)
    if any(b.name and b.name != a.name for b, a in zip(before, after, strict=False)):
        return False
    return sum(b.default is not None for b in before) <= sum(a.default is not None for a in after)


def namesakes(address: Address) -> Iterable[Address]:
    """What stands for all overloads of its name."""
    return (address.sibling(address.kind, (address.path[0], split(address.path[1])[0])),)


def collides(old: Routine, new: Routine) -> bool:
    """Whether a call with fewer arguments, defaults for the rest, fits both (FuncnameGetCandidates in namespace.c)."""
    before, after = inputs(old.arguments), inputs(new.arguments)
    fewest = max(sum(a.default is None for a in before), sum(a.default is None for a in after))
    most = min(len(before), len(after))
    return any([a.type for a in before[:n]] == [a.type for a in after[:n]] for n in range(fewest, most + 1))


def late(routine: Routine) -> bool:
    """A body in quotes is not looked at before it runs; the session has check_function_bodies off."""
    return routine.sql_body is None


def shown(address: Address) -> str:
    """For people."""
    return f"{address.kind} {'.'.join(address.path)}"


def made(routine: Routine, definition: str, context: Context, requires: tuple[Ref, ...] = ()) -> Draft:
    """The draft that creates it."""
    return Draft(
        "create",
        Phase.EXPAND,
        f"create {shown(routine.address)}",
        sql(definition),
        done=(Check(routine.address),),
        undo=(sql(dropping(routine.address)),),
        requires=(*requires, *taken_up(routine.sql_body, mentions(routine, context.live), context)),
        provides=True,
        late=late(routine),
    )


def dropping(address: Address) -> str:
    """RESTRICT: what still uses it makes the step fail."""
    return f"DROP {address.kind.upper()} {signature(address)}"


def gone(routine: Routine, definition: str) -> Draft:
    """The draft that drops it."""
    return Draft(
        "drop",
        Phase.CONTRACT,
        f"drop {shown(routine.address)}",
        sql(dropping(routine.address)),
        hazards=(hazard(Code.OLD_READERS, "code that calls it breaks"),),
        done=(Check(routine.address, present=False),),
        undo=(sql(definition),),
        removes=True,
    )


def altered(change: Change[R], definition: str, back: str, context: Context) -> Draft:
    """CREATE OR REPLACE: grants, owner, comment and all that uses it stay."""
    routine, old = change.desired, change.live
    names = [a.name for a in change.attributes]
    return Draft(
        "replace",
        Phase.EXPAND,
        f"change {shown(change.address)}: {', '.join(names)}",
        sql(definition),
        hazards=tuple(_risks(change)),
        done=_evidence(change),
        undo=(sql(back),) if fits(routine, old) else None,
        requires=taken_up(routine.sql_body, mentions(routine, context.live), context),
        provides=True,
        late=late(routine),
    )


def made_again(change: Change[R], definition: str, context: Context) -> Draft:
    """The draft that creates it after it was dropped."""
    draft = made(change.desired, definition, context)
    return dataclasses.replace(draft, phase=Phase.CONTRACT, done=(*draft.done, *_evidence(change)), undo=None)


def _evidence(change: Change[R]) -> tuple[Check, ...]:
    """The attributes that differ are as declared; of a body, its digest says so."""
    routine, names = change.desired, [a.name for a in change.attributes]
    said = [("body_digest", routine.body_digest) if n == "body" else (n, getattr(routine, n)) for n in names]
    return shows(change.address, *said) if said else ()


def _risks(change: Change[Any]) -> Iterable[Hazard]:
    if change.changed("security_definer"):
        runs = "its owner" if change.desired.security_definer else "the caller"
        yield hazard(Code.SECURITY, f"it runs with the rights of {runs} from here on")
